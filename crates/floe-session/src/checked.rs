//! What the checks tell.

use std::time::Instant;

use floe_check::Event as CheckEvent;
use floe_core::StreamId;

use crate::{Event, Reason, Session, drive::Work};

impl Session {
    /// From the checks: answers and retransmissions to send, and what happened. Says whether there was anything.
    pub(crate) fn carry_checked(&mut self, now: Instant, work: &mut Work) -> bool {
        let mut busy = false;
        while let Some(transmit) = self.check.poll_transmit() {
            busy = true;
            self.send(now, &transmit);
        }
        while let Some(event) = self.check.poll_event() {
            busy = true;
            self.handle_checked(now, event, work);
        }
        busy
    }

    fn handle_checked(&mut self, now: Instant, event: CheckEvent, work: &mut Work) {
        match event {
            CheckEvent::Checking { stream, component, pair, kind } => {
                work.touch(stream, component);
                let Some(view) = self.check.describe(pair) else { return };
                let (local, remote) = (view.local, view.remote);
                self.tell(Event::Checking { stream, component, pair, kind, local, remote });
            }
            CheckEvent::Validated { stream, component, pair, rtt, .. } => {
                work.touch(stream, component);
                self.trim_later(now);
                let Some(view) = self.check.describe(pair) else { return };
                let (local, remote) = (view.local, view.remote);
                self.tell(Event::Valid { stream, component, pair, rtt, local, remote });
            }
            CheckEvent::NominationFailed { stream, component, check, why } => {
                work.touch(stream, component);
                work.failures.insert((stream, component), why);
                self.nominator.nomination_failed(stream, component, check);
            }
            CheckEvent::Failed { stream, component, pair, why } => {
                work.touch(stream, component);
                work.failures.insert((stream, component), why);
                self.trim_later(now);
                self.tell(Event::PairFailed { stream, component, pair, why });
            }
            CheckEvent::ConsentLost { stream, component, why, .. } => {
                work.touch(stream, component);
                self.lose_consent((stream, component), why);
            }
            CheckEvent::Silent { stream, component, pair, silence } => {
                tracing::debug!(%stream, %component, ?silence, "nothing is heard where data goes");
                self.ask_relay_of(now, pair);
            }
            CheckEvent::Heard { stream, component, .. } => {
                tracing::debug!(%stream, %component, "something is heard again");
            }
            CheckEvent::Nominated { stream, component, .. } | CheckEvent::Changed { stream, component } => {
                work.touch(stream, component);
            }
            CheckEvent::Conflict { stream, component, from } => {
                self.permit(now, (stream, component), from.ip());
            }
            CheckEvent::PeerReflexive { stream, candidate, local } => {
                if let Some(address) = candidate.socket_addr().filter(|_| !local) {
                    self.permit(now, (stream, candidate.component()), address.ip());
                }
                self.tell(Event::PeerReflexive { stream, candidate, local });
            }
            CheckEvent::RoleChanged(role) => {
                tracing::debug!(%role, "the role has changed");
                if !self.lite {
                    self.nominator.set_role(role);
                }
                self.tell(Event::Role(role));
            }
            CheckEvent::Undecided(stream) => self.tell_undecided(stream),
            CheckEvent::ListCompleted(stream) => {
                // RFC 8445 5.1.1.4: the bindings at the servers were for candidates.
                self.gatherer.finish(stream);
                self.handle_list(stream, Event::StreamCompleted { stream }, work);
            }
            CheckEvent::ListResumed(stream) => {
                self.handle_list(stream, Event::StreamResumed { stream }, work);
            }
            CheckEvent::ListFailed { stream, why } => {
                let why = Reason::ListFailed { stream, why };
                self.progress.failure = Some(why.clone());
                self.handle_list(stream, Event::StreamFailed { stream, why }, work);
            }
            _ => {}
        }
    }

    /// The state of a list decides about the routes of all its components (RFC 8445 12.1), and of those that it had before.
    fn handle_list(&mut self, stream: StreamId, event: Event, work: &mut Work) {
        let former = self.routes.iter().map(|(of, _)| of).filter(|(of, _)| *of == stream);
        work.to_route.extend(self.components_of(stream).chain(former));
        self.tell(event);
    }
}
