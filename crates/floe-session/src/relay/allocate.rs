//! Allocations: asked for, there, lost, given back (RFC 8656 6 to 8).

use std::{collections::BTreeSet, net::SocketAddr, time::Instant};

use floe_core::{BaseId, Transmit};
use floe_gather::{AllocateError, Allocated, Start};
use floe_turn::{AddressFamily, Client, ClientConfig, Event as TurnEvent};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use super::{Phase, Relay, link::Wanted, remedy::Tried};
use crate::{Event, IceServer, Output, Reason, Session, SocketId};

impl Session {
    /// A new transaction with a server that is reached over plain UDP, or for a relay that is there: those first.
    pub(crate) fn start_server(&mut self, now: Instant) -> Option<Transmit> {
        // What a relay behind a connection needs is for later, too, while one is there that does without.
        let spare = self.relays.all.values().any(|relay| relay.is_plain() && relay.is_open());
        let ready = |relay: &Relay| relay.is_plain() || (relay.is_open() && !spare);
        if let Some(transmit) = self.relays.start_next(now, ready) {
            return Some(transmit);
        }
        if self.gatherer.is_next_for_later() { None } else { self.start_gathering(now) }
    }

    /// A new transaction with any server.
    pub(crate) fn start_later(&mut self, now: Instant) -> Option<Transmit> {
        self.relays.start_next(now, |_| true).or_else(|| self.start_gathering(now))
    }

    fn start_gathering(&mut self, now: Instant) -> Option<Transmit> {
        if self.next_link().is_some_and(|at| at > now) {
            return None;
        }
        match self.gatherer.start_next(now)? {
            Start::Send(transmit) => Some(transmit),
            Start::Allocate { job, stream, component, server, target, base } => {
                let tried = Tried::new(now, &target);
                let purpose = (stream, component);
                self.allocate(now, &Wanted { job, purpose, server, parent: base, target, tried })
            }
            _ => None,
        }
    }

    /// Begins an allocation. A restart takes one that is there.
    fn allocate(&mut self, now: Instant, wanted: &Wanted) -> Option<Transmit> {
        if self.take_known(now, wanted) {
            return None;
        }
        self.give_up_other_places(now, wanted);
        self.ask(now, wanted);
        self.relays.start_next(now, |_| true)
    }

    /// Whether an allocation of this server's is there for this socket, or is under way at the same place: it is for this
    /// generation now.
    fn take_known(&mut self, now: Instant, wanted: &Wanted) -> bool {
        let &Wanted { job, server, parent, ref target, .. } = wanted;
        let ours = |relay: &&mut Relay| relay.parent == parent && relay.server == server;
        for relay in self.relays.all.values_mut().filter(ours) {
            match &mut relay.phase {
                Phase::Open(allocated) => {
                    let allocated = *allocated;
                    self.gatherer.allocated(now, job, Ok(allocated));
                    return true;
                }
                Phase::Asked(known) if relay.target == *target => {
                    *known = job;
                    return true;
                }
                Phase::Asked(_) | Phase::Closing => {}
            }
        }
        self.relays.links.take_over(wanted)
    }

    /// Nobody waits any more for what is under way at the other places of this server.
    fn give_up_other_places(&mut self, now: Instant, wanted: &Wanted) {
        let &Wanted { server, parent, .. } = wanted;
        let asked = |relay: &Relay| matches!(relay.phase, Phase::Asked(_));
        let late = |relay: &Relay| relay.parent == parent && relay.server == server && asked(relay);
        let late = self.relays.all.iter().filter(|(_, relay)| late(relay)).map(|(&base, _)| base);
        for base in late.collect::<Vec<_>>() {
            if let Some(client) = self.relays.client(base) {
                client.close(now);
            }
            self.relays.set_phase(base, Phase::Closing);
        }
        self.relays.links.give_up(|link| link.parent == parent && link.server == server);
    }

    /// The client of an allocation that is asked for from this socket or connection.
    pub(super) fn open_client(
        &mut self,
        now: Instant,
        host: BaseId,
        wanted: &Wanted,
    ) -> Result<BaseId, AllocateError> {
        let config = self.client_config(host, wanted)?;
        let rng = ChaCha20Rng::from_rng(&mut self.relays.rng);
        let client =
            Client::start(now, config, rng).map_err(|error| AllocateError::Other(error.to_string()))?;
        if host == wanted.parent {
            self.relays.note_asked(host);
        }
        let base = self.sockets.name_base();
        let Wanted { job, purpose, server, parent, target, tried } = wanted.clone();
        let phase = Phase::Asked(job);
        let channels = BTreeSet::new();
        let relay =
            Relay { client, parent, host, server, target, tried, purpose, phase, channels, since: None };
        self.relays.all.insert(base, relay);
        Ok(base)
    }

    pub(super) fn client_config(&self, host: BaseId, wanted: &Wanted) -> Result<ClientConfig, AllocateError> {
        let Wanted { server, target, tried, .. } = wanted;
        let index = usize::try_from(server.0).unwrap_or(usize::MAX);
        let user = self.relays.servers.get(index).and_then(IceServer::credentials);
        let user = user.ok_or(AllocateError::NoCredentials)?;
        let config = ClientConfig::new(host, target.address, &user.name, &user.password)
            .transport(target.transport)
            .software(self.relays.software.clone());
        // RFC 8656 7.1: an address of the family that the server is reached by; IPv4 is what it gives unasked.
        let ipv6 = target.address.is_ipv6() != tried.other_family;
        Ok(config.family(ipv6.then_some(AddressFamily::Ipv6)))
    }

    /// From the TURN clients: what to send, and what happened. Says whether there was anything.
    pub(crate) fn carry_relays(&mut self, now: Instant) -> bool {
        let mut busy = false;
        let all: Vec<_> = self.relays.all.keys().copied().collect();
        for base in all {
            busy |= self.flush_relay(base);
            while let Some(event) = self.relays.client(base).and_then(Client::poll_event) {
                busy = true;
                self.handle_turn(now, base, &event);
            }
        }
        self.drop_closed();
        busy
    }

    fn flush_relay(&mut self, base: BaseId) -> bool {
        let mut busy = false;
        while let Some(transmit) = self.relays.client(base).and_then(Client::poll_transmit) {
            busy = true;
            if let Some((socket, to)) = self.way_out(transmit.base, transmit.to) {
                self.put(Output::Send { socket, to, data: transmit.payload });
            }
        }
        busy
    }

    /// The socket or the connection that a base is, and an address as its network knows it; `None` for a relay.
    pub(crate) fn way_out(&self, host: BaseId, to: SocketAddr) -> Option<(SocketId, SocketAddr)> {
        match self.sockets.socket(host) {
            Some(socket) => Some((socket, self.on_wire(host, to))),
            None => self.relays.links.on_wire(host, to),
        }
    }

    /// Allocations that are given back need nothing any more.
    fn drop_closed(&mut self) {
        let is_closed = |relay: &Relay| relay.phase == Phase::Closing && relay.client.is_closed();
        let closed = self.relays.all.iter().filter(|(_, relay)| is_closed(relay)).map(|(&base, _)| base);
        for base in closed.collect::<Vec<_>>() {
            self.remove_relay(base);
        }
    }

    fn remove_relay(&mut self, base: BaseId) -> Option<Relay> {
        let (relay, link) = self.relays.remove(base)?;
        if let Some(socket) = link {
            self.put(Output::Close { socket });
        }
        Some(relay)
    }

    fn handle_turn(&mut self, now: Instant, base: BaseId, event: &TurnEvent) {
        let Some(relay) = self.relays.all.get(&base) else { return };
        match (event, relay.phase) {
            (TurnEvent::Allocated(allocation), Phase::Asked(job)) => {
                // What the server sees of a connection is no address of the host's socket, even over UDP.
                let mapped = allocation.mapped.filter(|_| relay.host == relay.parent);
                let allocated = Allocated { base, relayed: allocation.relayed, mapped };
                self.relays.opened(now, base, allocated);
                self.gatherer.allocated(now, job, Ok(allocated));
                self.permit_known(now, base);
            }
            (TurnEvent::AllocateFailed(why), Phase::Asked(job)) => {
                let wanted = relay.wanted(job);
                self.relays.set_phase(base, Phase::Closing);
                self.allocate_failed(now, wanted, why);
            }
            (TurnEvent::Lost(why), Phase::Open(_)) => {
                let why = why.to_string();
                // RFC 8656 12.3: what is lost over a channel is given back.
                self.flush_relay(base);
                self.lose_relay(now, base, &why);
            }
            (&TurnEvent::Departed { transaction, .. }, _) => self.check.note_departed(now, transaction),
            (event, _) => {
                tracing::debug!(%base, ?event, "of a relay");
                if let TurnEvent::PermissionFailed { ip, .. } = *event {
                    self.check.forbid(now, base, ip);
                }
                // Data may go another way to the server now: by channel, by indication, or not at all.
                self.relays.changed.insert(relay.purpose);
            }
        }
    }

    /// What the allocation was made over is gone.
    pub(crate) fn break_relay(&mut self, now: Instant, base: BaseId, why: &str) {
        match self.relays.all.get(&base).map(|relay| relay.phase) {
            Some(Phase::Asked(job)) => {
                self.remove_relay(base);
                self.gatherer.allocated(now, job, Err(AllocateError::Connection(why.to_owned())));
            }
            Some(Phase::Open(_)) => self.lose_relay(now, base, why),
            Some(Phase::Closing) => drop(self.remove_relay(base)),
            None => {}
        }
    }

    /// An allocation is gone, and its candidate with it.
    pub(crate) fn lose_relay(&mut self, now: Instant, base: BaseId, why: &str) {
        let Some(relay) = self.remove_relay(base) else { return };
        let (stream, component) = relay.purpose;
        self.gatherer.forget(base);
        tracing::warn!(server = %relay.server, %stream, %component, %why, "a relay is lost");
        self.progress.loss = Some(Reason::RelayLost(why.into()));
        self.tell(Event::RelayLost { stream, component, server: relay.server, why: why.into() });
        self.check.close_base(now, base);
        self.renew(now, &relay);
        self.note_cut_off((stream, component), Reason::RelayLost(why.into()));
    }

    /// Gives back what was allocated as this base, or over it.
    pub(crate) fn close_relays_of(&mut self, now: Instant, base: BaseId) {
        self.relays.forget_socket(base);
        let over = self.relays.on(base);
        for relay in over.iter().copied().chain([base]) {
            if let Some(client) = self.relays.client(relay) {
                client.close(now);
                self.relays.set_phase(relay, Phase::Closing);
                self.flush_relay(relay);
            }
        }
        // Without its socket nothing more can be heard of it.
        self.relays.links.give_up(|link| link.parent == base);
        for relay in over {
            self.remove_relay(relay);
            self.gatherer.forget(relay);
            self.check.close_base(now, relay);
        }
    }

    /// Gives back everything, at the end of the session.
    pub(crate) fn end_relays(&mut self, now: Instant) {
        let all: Vec<_> = self.relays.all.keys().copied().collect();
        for base in all {
            self.close_relays_of(now, base);
        }
        self.relays.all.clear();
        for socket in self.relays.links.drain() {
            self.put(Output::Close { socket });
        }
    }
}
