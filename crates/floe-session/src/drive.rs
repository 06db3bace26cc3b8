//! The wiring: what one part says is carried to the others until all are dry.

use std::{collections::BTreeSet, time::Instant};

use floe_check::{Command, Event as CheckEvent};
use floe_core::{ComponentId, LocalCandidate, PairId, StreamId, Transmit, address::Redacted};
use floe_gather::{Action, Event as GatherEvent};
use floe_nominate::{Decision, Why};

use crate::{Event, Output, Reason, Session};

/// Components that nomination has to look at again.
type Changed = BTreeSet<(StreamId, ComponentId)>;

impl Session {
    /// Carries everything where it belongs, and starts the next check if its slot has come.
    pub(crate) fn drive(&mut self, now: Instant) {
        while self.carry_gathered(now)
            | self.carry_checked(now)
            | self.carry_decided(now)
            | self.start_next(now)
        {}
        self.update_state(now);
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn send(&mut self, transmit: Transmit) {
        if let Some(socket) = self.sockets.socket(transmit.base) {
            self.outputs.push_back(Output::Send { socket, to: transmit.to, data: transmit.payload });
        }
    }

    /// From the gatherer: sockets to bind and to close, candidates.
    fn carry_gathered(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while let Some(action) = self.gatherer.poll_action() {
            busy = true;
            match action {
                Action::Bind { job, address, transport, .. } => {
                    let socket = self.sockets.ask(job);
                    self.outputs.push_back(Output::Bind { socket, address, transport });
                }
                Action::Release(base) => self.close_socket(base),
                _ => {}
            }
        }
        while let Some(event) = self.gatherer.poll_event() {
            busy = true;
            self.handle_gathered(now, event);
        }
        busy
    }

    fn handle_gathered(&mut self, now: Instant, event: GatherEvent) {
        match event {
            GatherEvent::Candidate { stream, candidate } => self.add_local(now, stream, candidate),
            GatherEvent::EndOfCandidates(_) => {
                let streams: Vec<_> = self.streams.keys().copied().collect();
                for stream in streams {
                    self.tell(Event::EndOfCandidates { stream });
                    self.check.end_of_local(now, stream);
                }
            }
            GatherEvent::Refused { address, interface, why } => {
                self.tell(Event::GatherRefused { address: Redacted(address), interface, why });
            }
            GatherEvent::Vanished { base, .. } => {
                self.close_socket(base);
                self.check.close_base(now, base);
                self.lost.get_or_insert(Reason::SocketLost("its address is gone".into()));
            }
            GatherEvent::Appeared { address, interface } => {
                self.tell(Event::AddressAppeared { address: Redacted(address), interface });
            }
            _ => {}
        }
    }

    /// RFC 8838 10: signalled first, paired then.
    fn add_local(&mut self, now: Instant, stream: StreamId, local: LocalCandidate) {
        self.tell(Event::Candidate { stream, candidate: local.candidate.clone() });
        let base = local.base;
        if let Err(why) = self.check.add_local(now, stream, local) {
            // The gatherer gathers for streams and components that are there, and each base before its reflexive
            // candidates: what is refused was given up by the peer's smaller number of components (RFC 8445 6.1.2.2).
            tracing::debug!(%stream, %base, %why, "candidate not needed");
        }
    }

    pub(crate) fn close_socket(&mut self, base: floe_core::BaseId) {
        self.gatherer.forget(base);
        if let Some(socket) = self.sockets.close(base) {
            self.outputs.push_back(Output::Close { socket });
        }
    }

    /// From the checks: answers and retransmissions to send, and what nomination has to look at.
    fn carry_checked(&mut self, now: Instant) -> bool {
        let mut busy = false;
        let mut changed = Changed::new();
        while let Some(transmit) = self.check.poll_transmit() {
            busy = true;
            self.send(transmit);
        }
        while let Some(event) = self.check.poll_event() {
            busy = true;
            self.handle_checked(event, &mut changed);
        }
        while let Some(component) = self.nominator.due() {
            changed.insert(component);
        }
        for (stream, component) in changed {
            let valid = self.check.valid(stream, component);
            let outlook = self.check.outlook(now, stream, component);
            self.nominator.review(now, stream, component, &valid, &outlook);
        }
        busy
    }

    fn handle_checked(&mut self, event: CheckEvent, changed: &mut Changed) {
        match event {
            CheckEvent::Checking { stream, component, pair, kind } => {
                changed.insert((stream, component));
                let Some(view) = self.check.describe(pair) else { return };
                let (local, remote) = (view.local, view.remote);
                self.tell(Event::Checking { stream, component, pair, kind, local, remote });
            }
            CheckEvent::Validated { stream, component, pair, rtt, .. } => {
                changed.insert((stream, component));
                let Some(view) = self.check.describe(pair) else { return };
                let (local, remote) = (view.local, view.remote);
                self.tell(Event::Valid { stream, component, pair, rtt, local, remote });
            }
            CheckEvent::NominationFailed { stream, component, pair, .. } => {
                self.nominator.nomination_failed(stream, component, pair);
                changed.insert((stream, component));
            }
            CheckEvent::Failed { stream, component, pair, why } => {
                changed.insert((stream, component));
                let retired = self.check.describe(pair).is_some_and(|view| view.retired);
                if !retired {
                    self.tell(Event::PairFailed { stream, component, pair, why });
                }
            }
            CheckEvent::Nominated { stream, component, .. } | CheckEvent::Changed { stream, component } => {
                changed.insert((stream, component));
            }
            CheckEvent::PeerReflexive { stream, candidate, local } => {
                self.tell(Event::PeerReflexive { stream, candidate, local });
            }
            CheckEvent::RoleChanged(role) => {
                self.nominator.set_role(role);
                self.tell(Event::Role(role));
            }
            CheckEvent::ListFailed { stream, why } => self.failure = Some(Reason::ListFailed { stream, why }),
            // The state of the session is derived from the lists themselves.
            _ => {}
        }
    }

    /// From nomination: checks that nominate, and what is selected.
    fn carry_decided(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while let Some(decision) = self.nominator.poll_decision() {
            busy = true;
            match decision {
                Decision::Nominate { stream, component, pair, check, why } => {
                    self.tell(Event::Nominating { stream, component, pair, why });
                    self.check.apply(now, Command::Nominate(check));
                }
                Decision::Select { stream, component, pair, why } => {
                    self.select(now, stream, component, pair, why);
                }
            }
        }
        busy
    }

    fn select(&mut self, now: Instant, stream: StreamId, component: ComponentId, pair: PairId, why: Why) {
        self.check.apply(now, Command::Retire { stream, component, keep: pair });
        let Some(view) = self.check.describe(pair) else { return };
        let since =
            self.streams.get(&stream).and_then(|stream| stream.remote.as_ref()).map(|remote| remote.since);
        self.tell(Event::Selected {
            stream,
            component,
            pair,
            local: view.local,
            remote: view.remote,
            rtt: view.counters.current_round_trip,
            elapsed: since.map_or(std::time::Duration::ZERO, |since| now.saturating_duration_since(since)),
            why,
        });
    }

    /// One new transaction, if its slot has come (RFC 8445 6.1.4.2, 14.2).
    fn start_next(&mut self, now: Instant) -> bool {
        if !self.pace.may_start(now) {
            return false;
        }
        let Some(transmit) = self.check.start_next(now) else { return false };
        self.pace.started(now);
        self.send(transmit);
        true
    }
}
