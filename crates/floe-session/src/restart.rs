//! ICE restart (RFC 8445 9): new credentials, new candidates, new checks; data goes on over the old path meanwhile.

use std::{collections::BTreeMap, time::Instant};

use floe_core::{Credentials, Generation, StreamId};

use crate::{Event, IceState, Session, session::Item};

impl Session {
    /// Begins all streams anew, make before break: for when the network has changed, the path is lost, or everything
    /// failed. Signal each stream's new [`local`](Self::local), as [`Event::Restarted`] tells, and give the peer's answer
    /// to [`set_remote`](Self::set_remote).
    ///
    /// Data goes on over the pairs in use, with consent kept up, until the new generation has selected others. Sockets
    /// that are open are used again; addresses that have come since get theirs, and so do streams that had failed and whose
    /// sockets were closed. The roles stay. A closed session stays closed.
    ///
    /// A description does not say which one it answers. Two restarts may cross; but once one is signalled the next has to
    /// wait for the answer, as offers do (RFC 3264 4): else each side can take the other's late answer for a restart, and
    /// restart in turn without end.
    pub fn restart(&mut self, now: Instant) {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed {
            return;
        }
        let streams: Vec<_> = self.streams.keys().copied().collect();
        self.restart_streams(now, &streams);
        self.drive(now);
    }

    /// Begins these streams anew.
    pub(crate) fn restart_streams(&mut self, now: Instant, streams: &[StreamId]) {
        for &stream in streams {
            self.restart_stream(stream);
        }
        if self.progress.gathering {
            self.gather_anew(now, streams);
        }
    }

    /// All streams of one generation begin to gather together: what they have in common is then given out afresh.
    fn gather_anew(&mut self, now: Instant, streams: &[StreamId]) {
        let mut generations = BTreeMap::<Generation, Vec<_>>::new();
        for &id in streams {
            let Some(stream) = self.streams.get(&id) else { continue };
            let components = stream.components.iter().map(|&component| (id, component));
            generations.entry(stream.generation).or_default().extend(components);
        }
        for (generation, components) in generations {
            self.gatherer.start(now, generation, &components);
        }
        self.resolve_servers(now);
    }

    fn restart_stream(&mut self, id: StreamId) {
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
