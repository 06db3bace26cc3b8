//! Where servers are whose names are not resolved yet (RFC 5928).

use std::time::Instant;

use floe_gather::{ServerId, Target};

use crate::{IceState, Output, Session};

impl Session {
    /// Has the servers looked for that are named by URIs. Until the answer those of before are good.
    pub(crate) fn resolve_servers(&mut self, now: Instant) {
        for (server, resolution) in self.relays.resolutions() {
            match resolution {
                Ok(resolution) => self.put(Output::Resolve { server, resolution: Box::new(resolution) }),
                Err(why) => {
                    self.relays.resolved(server);
                    self.gatherer.resolved(now, server, Err(why));
                }
            }
        }
    }

    /// What came of [`Output::Resolve`]: the places in the order in which they are to be tried, or what went wrong, in words.
    pub fn handle_resolved(&mut self, now: Instant, server: ServerId, result: Result<Vec<Target>, String>) {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed {
            return;
        }
        self.relays.resolved(server);
        self.gatherer.resolved(now, server, result);
        self.drive(now);
    }
}
