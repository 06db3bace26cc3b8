//! ICE restart (RFC 8445 9): new credentials, new candidates, new checks; data goes on over the old path meanwhile.

use std::time::Instant;

use floe_core::{Credentials, StreamId};

use crate::{Event, IceState, Session, session::Item};

impl Session {
    /// Begins all streams anew, make before break: for when the network has changed, the path is lost, or everything
    /// failed. Signal each stream's new [`local`](Self::local), as [`Event::Restarted`] tells, and give the peer's answer
    /// to [`set_remote`](Self::set_remote).
    ///
    /// Data goes on over the pairs in use, with consent kept up, until the new generation has selected others. Sockets
    /// that are open are used again; addresses that have come since get theirs. The roles stay. A closed session stays
    /// closed.
    pub fn restart(&mut self, now: Instant) {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed {
            return;
        }
        let streams: Vec<_> = self.streams.keys().copied().collect();
        for stream in streams {
            self.restart_stream(now, stream);
        }
        self.drive(now);
    }

    /// Begins one stream anew.
    pub(crate) fn restart_stream(&mut self, now: Instant, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let local = Credentials::random(&mut self.secrets);
        stream.restart(local.clone());
        let (generation, components) = (stream.generation, stream.components.clone());
        self.check.restart(id, &components, local);
        self.nominator.forget(id);
        self.outbox.retain(|item| !item.is_local_of(id));
        self.progress.failure = None;
        self.progress.restarted = true;
        tracing::info!(stream = %id, %generation, "restart");
        if let Some(local) = self.local(id) {
            self.tell(Event::Restarted { stream: id, generation, local });
        }
        if self.progress.gathering {
            let components: Vec<_> = components.into_iter().map(|component| (id, component)).collect();
            self.gatherer.start(now, generation, &components);
        }
    }
}

impl Item {
    /// Whether it is a candidate of this stream, or their end, on its way to be signalled.
    fn is_local_of(&self, of: StreamId) -> bool {
        match self {
            Self::Local { stream, .. } | Self::EndOfLocal(stream) => *stream == of,
            Self::Output(_) => false,
        }
    }
}
