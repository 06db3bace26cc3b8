//! Local candidates on their way: gathered, signalled, then checked.

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, CandidateKind, LocalCandidate, Nat64Prefix, StreamId, address::Redacted};
use floe_gather::{Action, Event as GatherEvent, ServerId};

use crate::{Event, IceState, Output, Session, session::Item, sockets::Purpose};

impl Session {
    /// From the gatherer: sockets to bind and to close, candidates. Says whether there was anything.
    pub(crate) fn carry_gathered(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while let Some(action) = self.gatherer.poll_action() {
            busy = true;
            self.act(now, &action);
        }
        while let Some(event) = self.gatherer.poll_event() {
            busy = true;
            self.handle_gathered(now, event);
        }
        while let Some(transmit) = self.gatherer.poll_transmit() {
            busy = true;
            self.send(now, &transmit);
        }
        busy
    }

    fn act(&mut self, now: Instant, action: &Action) {
        match *action {
            Action::Bind { job, stream, component, address, transport } => {
                // A restart takes the sockets that are there: the paths they have opened in NATs stay open.
                let nat64 = self.nat64_of(address);
                if let Some(open) = self.sockets.serving((stream, component), address, nat64) {
                    self.gatherer.bound(now, job, Ok(open));
                    return;
                }
                let socket = self.sockets.ask(job, (stream, component));
                self.put(Output::Bind { socket, address, transport });
            }
            Action::Release(base) => self.close_base(now, base),
            _ => {}
        }
    }

    fn handle_gathered(&mut self, now: Instant, event: GatherEvent) {
        match event {
            GatherEvent::Candidate { stream, candidate, server } => {
                self.outbox.push_back(Item::Local { stream, candidate, server });
            }
            GatherEvent::Renewed { stream, candidate } => {
                self.outbox.push_back(Item::Late { stream, candidate });
            }
            GatherEvent::EndOfCandidates { stream, .. } => {
                self.outbox.push_back(Item::EndOfLocal(stream));
            }
            GatherEvent::Refused { address, interface, why } => {
                self.tell(Event::GatherRefused { address: Redacted(address), interface, why });
            }
            GatherEvent::Vanished { base, .. } => {
                if let Some(socket) = self.lose_base(now, base, "its address is gone") {
                    self.put(Output::Close { socket });
                }
            }
            GatherEvent::ServerFailed { stream, component, server, base, why } => {
                tracing::info!(%server, %stream, %component, %why, "a server gives no candidate");
                let from = self.sockets.address(base).map(Redacted);
                self.tell(Event::ServerFailed { stream, component, server, from, why });
                self.not_renewed(now, (stream, component), server);
            }
            GatherEvent::Appeared { address, interface } => {
                self.tell(Event::AddressAppeared { address: Redacted(address), interface });
            }
            _ => {}
        }
    }

    /// A candidate that takes the place of a lost one when no more may be signalled (RFC 8838 13): it is checked from, and the
    /// peer learns it as a peer-reflexive one (RFC 8445 7.3.1.3).
    pub(crate) fn take_late(&mut self, stream: StreamId, local: LocalCandidate) {
        let (base, purpose) = (local.base, (stream, local.candidate.component()));
        let Some(now) = self.clock.latest().filter(|_| self.has_base(base)) else { return };
        let candidate = local.candidate.clone();
        if !self.wants(purpose) {
            self.close_unused(base, &local);
        } else if let Err(why) = self.check.add_late(now, stream, local) {
            tracing::debug!(%stream, %why, "no place for a candidate");
        }
        self.renewed_by(purpose, &candidate);
        self.trim_later(now);
        self.clock.unsettle();
    }

    /// RFC 8838 10: the caller has the candidate now, so it counts as signalled, and may be paired. `None` where it is
    /// not to be signalled.
    pub(crate) fn hand_over(
        &mut self,
        stream: StreamId,
        local: LocalCandidate,
        server: Option<ServerId>,
    ) -> Option<Event> {
        let (base, now) = (local.base, self.clock.latest()?);
        // The socket may have gone while the candidate waited.
        if !self.has_base(base) {
            return None;
        }
        if !self.wants((stream, local.candidate.component())) {
            self.tally.withheld += 1;
            self.close_unused(base, &local);
            self.renewed_by((stream, local.candidate.component()), &local.candidate);
            return None;
        }
        let (candidate, base) = (local.candidate.clone(), Redacted(local.base_address));
        if let Err(why) = self.check.add_local(now, stream, local) {
            debug_assert!(false, "a candidate for a component that is there, before the end: {why}");
        }
        self.renewed_by((stream, candidate.component()), &candidate);
        self.trim_later(now);
        self.clock.unsettle();
        let ufrag = self.own_ufrag(stream)?;
        Some(Event::Candidate { stream, candidate, ufrag, base, server })
    }

    /// RFC 8838 13: no candidate is signalled for a component that has its pair for good; nor for one that the peer does
    /// without (RFC 8445 6.1.2.2).
    fn wants(&self, (stream, component): Purpose) -> bool {
        let both = self.check.components(stream).any(|known| known == component);
        let open = self.check.may_renominate(stream) || self.nominator.selected(stream, component).is_none();
        both && open
    }

    /// The same of the end of candidates.
    pub(crate) fn hand_over_end(&mut self, stream: StreamId) -> Option<Event> {
        if self.state() == IceState::Closed {
            return None;
        }
        let now = self.clock.latest()?;
        self.check.end_of_local(now, stream);
        self.clock.unsettle();
        Some(Event::EndOfCandidates { stream, ufrag: self.own_ufrag(stream)? })
    }

    fn own_ufrag(&self, stream: StreamId) -> Option<Box<str>> {
        Some(self.streams.get(&stream)?.local.ufrag().into())
    }

    /// The prefix for a new socket on this address.
    pub(crate) fn nat64_of(&self, address: SocketAddr) -> Option<Nat64Prefix> {
        self.nat64.filter(|_| address.is_ipv6())
    }

    /// A candidate that nobody wants. A base that it was the only use of is closed: not one that carries data, as those of
    /// the generation before do.
    fn close_unused(&mut self, base: BaseId, local: &LocalCandidate) {
        let is_base = matches!(local.candidate.kind(), CandidateKind::Host | CandidateKind::Relayed);
        let closes = is_base && !self.carries_data(base);
        if let Some(now) = self.clock.latest().filter(|_| closes) {
            self.close_base(now, base);
            self.clock.unsettle();
        }
    }

    fn carries_data(&self, base: BaseId) -> bool {
        let mut used = self.routes.pairs().filter_map(|pair| self.check.route(pair));
        used.any(|route| route.base == base || self.relays.parent_of(route.base) == Some(base))
    }

    pub(crate) fn has_base(&self, base: BaseId) -> bool {
        self.sockets.socket(base).is_some() || self.relays.parent_of(base).is_some()
    }

    /// This base is not needed any more: its socket is closed, or its allocation given back.
    pub(crate) fn close_base(&mut self, now: Instant, base: BaseId) {
        self.gatherer.forget(base);
        self.forget_renewals_of(base);
        self.close_relays_of(now, base);
        if let Some((socket, _)) = self.sockets.close(base) {
            self.put(Output::Close { socket });
        }
        self.check.close_base(now, base);
    }
}
