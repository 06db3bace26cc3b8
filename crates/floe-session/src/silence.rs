//! Silence on the routes: the state tells it, and data goes on.

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, PairId, StreamId};

use crate::{Reason, Session};

impl Session {
    /// Data was accepted. Where it ends a silence, that is followed up at once.
    pub(crate) fn note_heard(&mut self, now: Instant, base: BaseId, from: SocketAddr) {
        if self.check.note_heard(now, base, from) {
            self.drive(now);
        }
    }

    /// Nothing is heard over a pair: where it leads over a relay, that may be gone, as after a restart of its server.
    pub(crate) fn ask_relay_of(&mut self, now: Instant, pair: PairId) {
        if let Some(route) = self.check.route(pair) {
            self.relays.refresh(now, route.base);
        }
    }

    /// Whether data of some component of the stream goes where nothing is heard.
    pub(crate) fn is_silent(&self, stream: StreamId) -> bool {
        self.components_of(stream).any(|(stream, component)| self.check.silence(stream, component).is_some())
    }

    /// The first component that is silent, in words.
    pub(crate) fn why_silent(&self) -> Option<Reason> {
        self.components().find_map(|(stream, component)| {
            let silence = self.check.silence(stream, component)?;
            Some(Reason::Silent { stream, component, silence })
        })
    }
}
