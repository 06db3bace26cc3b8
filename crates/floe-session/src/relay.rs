//! Relayed bases: what stands behind one is an allocation on a TURN server, and a socket that talks to it (RFC 8656).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use bytes::Bytes;
use floe_core::{BaseId, ComponentId, PairId, Received, StreamId, Transmit};
use floe_gather::{AllocateError, Allocated, JobId, ServerId, Start};
use floe_turn::{Client, ClientConfig, Event as TurnEvent, Handled, RequestError};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use crate::{
    Disposition, DropReason, Event, IceServer, Output, Reason, Session, Span, datagram::is_stun,
    sockets::Purpose,
};

/// The allocations of a session, each a base of its own.
#[derive(Debug)]
pub(crate) struct Relays {
    /// The servers, in the user's order.
    servers: Vec<IceServer>,
    rng: ChaCha20Rng,
    all: BTreeMap<BaseId, Relay>,
}

#[derive(Debug)]
struct Relay {
    client: Client,
    /// The socket that talks to the server.
    host: BaseId,
    server: ServerId,
    address: SocketAddr,
    purpose: Purpose,
    phase: Phase,
}

impl Relay {
    fn permit(&mut self, now: Instant, peer: IpAddr) {
        if let Err(why) = self.client.permit(now, peer) {
            tracing::debug!(server = %self.server, %why, "no permission");
        }
    }
}

/// How far an allocation is.
///
/// ```text
///   Asked ──allocated──> Open ──close──> Closing ──given back──> gone
///     └──failed──> Closing  └──lost──> gone
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Gathering waits for it.
    Asked(JobId),
    /// It is there.
    Open(Allocated),
    /// It is given back to the server.
    Closing,
}

/// Why data was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is nowhere to send it: no valid pair, or no consent on it (RFC 7675). Wait for the route.
    #[error("the component has no route")]
    NoRoute,
    /// The relay in use does not take it.
    #[error(transparent)]
    Relay(#[from] floe_turn::SendError),
}

impl Relays {
    pub(crate) const fn new(servers: Vec<IceServer>, rng: ChaCha20Rng) -> Self {
        Self { servers, rng, all: BTreeMap::new() }
    }

    /// The base of the socket that the server of this relayed base is reached by.
    pub(crate) fn host_of(&self, base: BaseId) -> Option<BaseId> {
        self.open(base).map(|relay| relay.host)
    }

    fn open(&self, base: BaseId) -> Option<&Relay> {
        self.all.get(&base).filter(|relay| matches!(relay.phase, Phase::Open(_)))
    }

    /// The relayed bases.
    pub(crate) fn bases(&self) -> impl Iterator<Item = BaseId> + '_ {
        self.all.keys().copied().filter(|&base| self.open(base).is_some())
    }

    /// All allocations over this socket, whatever their phase.
    pub(crate) fn on(&self, host: BaseId) -> Vec<BaseId> {
        self.all.iter().filter(|(_, relay)| relay.host == host).map(|(&base, _)| base).collect()
    }

    /// The allocation whose server sends from here to this socket.
    fn at(&self, host: BaseId, from: SocketAddr) -> Option<BaseId> {
        let same = |relay: &Relay| relay.host == host && relay.address == from;
        let all = self.all.iter().filter(|(_, relay)| same(relay));
        // One that is being given back may still get its answer, where nothing has taken its place.
        all.min_by_key(|(_, relay)| relay.phase == Phase::Closing).map(|(&base, _)| base)
    }

    fn client(&mut self, base: BaseId) -> Option<&mut Client> {
        self.all.get_mut(&base).map(|relay| &mut relay.client)
    }

    pub(crate) fn has_next(&self) -> bool {
        self.all.values().any(|relay| relay.client.has_next())
    }

    fn start_next(&mut self, now: Instant) -> Option<Transmit> {
        self.all.values_mut().find_map(|relay| relay.client.start_next(now))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.all.values().filter_map(|relay| relay.client.poll_timeout()).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for relay in self.all.values_mut() {
            relay.client.handle_timeout(now);
        }
    }

    /// A datagram of ICE's own over a relay. One that the relay does not take is lost, as on any network.
    pub(crate) fn send(&mut self, now: Instant, transmit: &Transmit) {
        if let Some(client) = self.client(transmit.base)
            && let Err(why) = client.send(now, transmit.to, &transmit.payload)
        {
            tracing::debug!(base = %transmit.base, %why, "a datagram was not relayed");
        }
    }
}

impl Session {
    /// Sends data over the route that the component has now: directly, or over a TURN server. What is sent is an
    /// [`Output::Send`] to be polled. Data that goes directly may as well be sent past the session, to the
    /// [`route`](Self::route), without this copy; then tell [`note_sent`](Self::note_sent).
    ///
    /// # Errors
    /// See [`SendError`]; nothing is sent then.
    pub fn send_data(
        &mut self,
        now: Instant,
        stream: StreamId,
        component: ComponentId,
        data: &[u8],
    ) -> Result<(), SendError> {
        let now = self.clock.tick(now);
        let route = self.route(stream, component).ok_or(SendError::NoRoute)?;
        if route.relayed {
            let base = self.check.route(route.pair).ok_or(SendError::NoRoute)?.base;
            let client = self.relays.client(base).ok_or(SendError::NoRoute)?;
            client.send(now, route.to, data)?;
            self.carry_relays(now);
        } else {
            let data = Bytes::copy_from_slice(data);
            self.put(Output::Send { socket: route.socket, to: route.to, data });
        }
        self.note_sent(now, stream, component);
        Ok(())
    }

    /// A new transaction with a server, if one waits: those of allocations under way first.
    pub(crate) fn start_server(&mut self, now: Instant) -> Option<Transmit> {
        if let Some(transmit) = self.relays.start_next(now) {
            return Some(transmit);
        }
        match self.gatherer.start_next(now)? {
            Start::Send(transmit) => Some(transmit),
            Start::Allocate { job, stream, component, server, base } => {
                self.allocate(now, job, (stream, component), server, base)
            }
            _ => None,
        }
    }

    /// Begins an allocation. A restart takes one that is there.
    fn allocate(
        &mut self,
        now: Instant,
        job: JobId,
        purpose: Purpose,
        server: ServerId,
        host: BaseId,
    ) -> Option<Transmit> {
        let same =
            |relay: &Relay| relay.host == host && relay.server == server && relay.phase != Phase::Closing;
        let known = self.relays.all.values_mut().find(|relay| same(relay));
        match known.map(|relay| &mut relay.phase) {
            Some(Phase::Open(allocated)) => {
                let allocated = *allocated;
                self.gatherer.allocated(now, job, Ok(allocated));
                return None;
            }
            // The one that is under way is for this generation now.
            Some(asked) => {
                *asked = Phase::Asked(job);
                return None;
            }
            None => {}
        }
        let made = self.relay(now, job, purpose, server, host);
        let base = match made {
            Ok(base) => base,
            Err(why) => {
                self.gatherer.allocated(now, job, Err(AllocateError::Other(why)));
                return None;
            }
        };
        self.relays.client(base)?.start_next(now)
    }

    fn relay(
        &mut self,
        now: Instant,
        job: JobId,
        purpose: Purpose,
        server: ServerId,
        host: BaseId,
    ) -> Result<BaseId, String> {
        let index = usize::try_from(server.0).unwrap_or(usize::MAX);
        let Some(IceServer::Turn { address, username, password }) = self.relays.servers.get(index) else {
            return Err("it is no TURN server".to_owned());
        };
        let address = &self.sockets.nat64(host).map_or(*address, |prefix| prefix.extract_socket(*address));
        let family =
            if address.is_ipv4() { floe_turn::AddressFamily::Ipv4 } else { floe_turn::AddressFamily::Ipv6 };
        let address = *address;
        // RFC 8656 7.1: an address of the family that the server is reached by; IPv4 is what it gives unasked.
        let family = Some(family).filter(|_| address.is_ipv6());
        let config = ClientConfig::new(host, address, username, password).family(family).software(None);
        let rng = ChaCha20Rng::from_rng(&mut self.relays.rng);
        let client = Client::start(now, config, rng).map_err(|error| error.to_string())?;
        let base = self.sockets.name_base();
        let relay = Relay { client, host, server, address, purpose, phase: Phase::Asked(job) };
        self.relays.all.insert(base, relay);
        Ok(base)
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
        self.relays.all.retain(|_, relay| !(relay.phase == Phase::Closing && relay.client.is_closed()));
        busy
    }

    fn flush_relay(&mut self, base: BaseId) -> bool {
        let mut busy = false;
        while let Some(transmit) = self.relays.client(base).and_then(Client::poll_transmit) {
            busy = true;
            if let Some(socket) = self.sockets.socket(transmit.base) {
                let to = self.on_wire(transmit.base, transmit.to);
                self.put(Output::Send { socket, to, data: transmit.payload });
            }
        }
        busy
    }

    fn handle_turn(&mut self, now: Instant, base: BaseId, event: &TurnEvent) {
        let Some(relay) = self.relays.all.get(&base) else { return };
        match (event, relay.phase) {
            (TurnEvent::Allocated(allocation), Phase::Asked(job)) => {
                // Without a word of the server the socket's own address adds nothing to what is known.
                let mapped = allocation.mapped.or_else(|| self.sockets.address(relay.host));
                let relayed = allocation.relayed;
                let allocated = Allocated { base, relayed, mapped: mapped.unwrap_or(relayed) };
                self.set_phase(base, Phase::Open(allocated));
                self.gatherer.allocated(now, job, Ok(allocated));
                self.permit_known(now, base);
            }
            (TurnEvent::AllocateFailed(why), Phase::Asked(job)) => {
                let why = refusal(why);
                self.set_phase(base, Phase::Closing);
                self.gatherer.allocated(now, job, Err(why));
            }
            (TurnEvent::Lost(why), Phase::Open(_)) => {
                let why = why.to_string();
                // RFC 8656 12.3: what is lost over a channel is given back.
                self.flush_relay(base);
                self.lose_relay(now, base, &why);
            }
            (&TurnEvent::Departed { transaction, .. }, _) => self.check.note_departed(now, transaction),
            (event, _) => tracing::debug!(%base, ?event, "of a relay"),
        }
    }

    fn set_phase(&mut self, base: BaseId, phase: Phase) {
        if let Some(relay) = self.relays.all.get_mut(&base) {
            relay.phase = phase;
        }
    }

    /// An allocation is gone, and its candidate with it.
    pub(crate) fn lose_relay(&mut self, now: Instant, base: BaseId, why: &str) {
        let Some(relay) = self.relays.all.remove(&base) else { return };
        let (stream, component) = relay.purpose;
        self.gatherer.forget(base);
        tracing::warn!(server = %relay.server, %stream, %component, %why, "a relay is lost");
        self.progress.loss = Some(Reason::RelayLost(why.into()));
        self.tell(Event::RelayLost { stream, component, server: relay.server, why: why.into() });
        self.check.close_base(now, base);
        self.note_cut_off((stream, component), Reason::RelayLost(why.into()));
    }

    /// Gives back what was allocated as this base, or over it.
    pub(crate) fn close_relays_of(&mut self, now: Instant, base: BaseId) {
        let over = self.relays.on(base);
        for relay in over.iter().copied().chain([base]) {
            if let Some(client) = self.relays.client(relay) {
                client.close(now);
                self.set_phase(relay, Phase::Closing);
                self.flush_relay(relay);
            }
        }
        // Without its socket nothing more can be heard of it.
        for relay in over {
            self.relays.all.remove(&relay);
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
    }

    /// RFC 8445 7.2.1, 12.1: channels are for when ICE has completed.
    pub(crate) fn bind_channels(&mut self, now: Instant) {
        let selected =
            self.components().filter_map(|(stream, component)| self.nominator.selected(stream, component));
        for pair in selected.collect::<Vec<_>>() {
            self.bind_channel(now, pair);
        }
    }

    /// RFC 8445 12.1: once a relayed pair is selected its data goes by channel.
    pub(crate) fn bind_channel(&mut self, now: Instant, pair: PairId) {
        let Some(route) = self.check.route(pair) else { return };
        if let Some(client) = self.relays.client(route.base)
            && let Err(why) = client.bind_channel(now, route.to)
        {
            tracing::debug!(%pair, %why, "no channel");
        }
    }

    /// A candidate of the peer is new: our relays let it in before it is checked from there (RFC 8445 7.2.1), so that the
    /// check does not wait for the permission. Wherever an authentic check of the peer's came from is let in as well: a peer
    /// without servers of its own may reach the relay from there, and no signalling will ever say so.
    pub(crate) fn permit(&mut self, now: Instant, purpose: Purpose, peer: IpAddr) {
        let relays = self.relays.all.values_mut().filter(|relay| relay.purpose == purpose);
        for relay in relays.filter(|relay| matches!(relay.phase, Phase::Open(_))) {
            relay.permit(now, peer);
        }
    }

    /// A relay is new: what is known of the peer is let in.
    fn permit_known(&mut self, now: Instant, base: BaseId) {
        let Some(relay) = self.relays.all.get_mut(&base) else { return };
        let (stream, component) = relay.purpose;
        for candidate in self.check.remote_candidates(stream, component) {
            if let Some(address) = candidate.socket_addr() {
                relay.permit(now, address.ip());
            }
        }
    }

    /// What a datagram is that comes from a TURN server; `None` where it is not the relay's. What it unwraps comes in once
    /// more, on the relayed base.
    pub(crate) fn dispose_relayed(
        &mut self,
        now: Instant,
        host: BaseId,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<Disposition> {
        let base = self.relays.at(host, from)?;
        match self.relays.client(base)?.handle(now, from, datagram) {
            Handled::NotMine => None,
            Handled::Consumed => {
                self.drive(now);
                Some(Disposition::Consumed)
            }
            Handled::Dropped(why) => Some(Disposition::Dropped(DropReason::Turn(why))),
            Handled::Data { peer, payload } if is_stun(payload) => {
                Some(self.dispose_stun(now, Received { base, from: peer, payload }))
            }
            Handled::Data { peer, payload } => {
                let data = Span::within(datagram, payload);
                Some(match self.dispose_data(now, base, peer) {
                    Disposition::Data { stream, component } => {
                        Disposition::Relayed { stream, component, from: peer, data }
                    }
                    other => other,
                })
            }
        }
    }
}

fn refusal(why: &RequestError) -> AllocateError {
    match why {
        RequestError::QuotaReached | RequestError::InsufficientCapacity => AllocateError::Capacity,
        other => AllocateError::Other(other.to_string()),
    }
}
