//! What the library wants done, and what it is told: without sockets.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use turn_server_proto::{
    api::{SocketAllocateError, TcpConnectError, TurnServerApi as _, TurnServerPollRet},
    server::TurnServer,
    stun::{Instant as ServerInstant, agent::Transmit, types::TransportType},
    types::AddressFamily,
};

use super::{options::Settings, peers::Peers};

/// One of the places that it listens at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListenerId(pub(super) usize);

/// Something to do for the one who has the sockets.
#[derive(Debug)]
pub(super) enum Action {
    /// Send this to a client.
    ToClient { listener: ListenerId, to: SocketAddr, payload: Vec<u8> },
    /// Send this datagram from a relay.
    FromRelay { from: SocketAddr, to: SocketAddr, payload: Vec<u8> },
    /// Bind a relay at this address, at a port of your choice, and tell [`Server::handle_bound`].
    Bind { relay: Pending, ip: IpAddr },
    /// Close this relay.
    Close(SocketAddr),
}

/// A relay that is being bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    listener: ListenerId,
    client: SocketAddr,
    family: AddressFamily,
}

/// The server. Call [`Server::poll_action`] until there is none after each of the `handle_*`, and
/// [`Server::handle_timeout`] at [`Server::poll_timeout`]; time never goes back.
#[derive(Debug)]
pub(super) struct Server {
    listeners: Vec<TurnServer>,
    peers: Peers,
    relay_ips: Vec<IpAddr>,
    max_allocations: usize,
    relays: BTreeMap<SocketAddr, ListenerId>,
    actions: VecDeque<Action>,
    epoch: Instant,
    deadline: Option<Instant>,
    dropped: u64,
}

impl Server {
    /// A server that listens at these addresses, each over its transport.
    pub(super) fn new(settings: &Settings, listening: &[(TransportType, SocketAddr)], now: Instant) -> Self {
        let listener = |(transport, at): &(TransportType, SocketAddr)| {
            let mut server = TurnServer::new(*transport, *at, settings.realm.clone());
            server.add_user(settings.user.clone(), settings.password.clone());
            server
        };
        Self {
            listeners: listening.iter().map(listener).collect(),
            peers: Peers::new(settings),
            relay_ips: settings.relay_ips.clone(),
            max_allocations: settings.max_allocations,
            relays: BTreeMap::new(),
            actions: VecDeque::new(),
            epoch: now,
            deadline: None,
            dropped: 0,
        }
    }

    /// A message or ChannelData came from a client, whole.
    pub(super) fn handle_client(
        &mut self,
        now: Instant,
        listener: ListenerId,
        from: SocketAddr,
        payload: &[u8],
    ) {
        if Peers::forbids_client(from) {
            self.dropped += 1;
            return;
        }
        let relays = &self.relays;
        if let Some(payload) = self.peers.refusal(payload, |peer| relays.contains_key(&peer)) {
            self.actions.push_back(Action::ToClient { listener, to: from, payload });
            return;
        }
        let Some(server) = self.listeners.get(listener.0) else { return };
        let (transport, to) = (server.transport(), server.listen_address());
        self.receive(now, listener, Transmit::new(payload, transport, from, to));
    }

    /// A datagram came to a relay.
    pub(super) fn handle_peer(&mut self, now: Instant, relay: SocketAddr, from: SocketAddr, payload: &[u8]) {
        let Some(listener) = self.relays.get(&relay).copied() else { return };
        if self.peers.forbids(from, self.relays.contains_key(&from)) {
            self.dropped += 1;
            return;
        }
        self.receive(now, listener, Transmit::new(payload, TransportType::Udp, from, relay));
    }

    fn receive(&mut self, now: Instant, listener: ListenerId, incoming: Transmit<&[u8]>) {
        let clock = self.clock(now);
        let source = incoming.from;
        let Some(server) = self.listeners.get_mut(listener.0) else { return };
        if let Some(out) = server.recv(incoming, clock) {
            let out = out.build();
            // turn-server-proto 0.7.3 addresses the answer to a Binding request to the server itself.
            let to = if out.to == server.listen_address() { source } else { out.to };
            self.send(listener, out.from, to, out.data);
        }
        self.drain(now);
    }

    /// A relay was bound, or could not be.
    pub(super) fn handle_bound(&mut self, now: Instant, relay: Pending, bound: Option<SocketAddr>) {
        if let Some(address) = bound {
            self.relays.insert(address, relay.listener);
        }
        self.allocated(now, relay, bound.ok_or(SocketAllocateError::InsufficientCapacity));
        self.drain(now);
    }

    /// What to do next.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When something expires next.
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Lets expire what has to.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.drain(now);
    }

    /// How many datagrams were dropped because of where they came from or went.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn clock(&self, now: Instant) -> ServerInstant {
        let elapsed = now.saturating_duration_since(self.epoch);
        ServerInstant::from_nanos(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Sends from where the library said: from a listener to a client, or from a relay to a peer that may be one.
    fn send(&mut self, listener: ListenerId, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        if !self.relays.contains_key(&from) {
            self.actions.push_back(Action::ToClient { listener, to, payload });
        } else if self.peers.forbids(to, self.relays.contains_key(&to)) {
            self.dropped += 1;
        } else {
            self.actions.push_back(Action::FromRelay { from, to, payload });
        }
    }

    /// Lets the library do all it wants.
    fn drain(&mut self, now: Instant) {
        self.deadline = None;
        for listener in (0..self.listeners.len()).map(ListenerId) {
            self.drain_one(now, listener);
        }
    }

    fn drain_one(&mut self, now: Instant, listener: ListenerId) {
        let clock = self.clock(now);
        loop {
            let Some(server) = self.listeners.get_mut(listener.0) else { return };
            let wanted = server.poll(clock);
            let out: Vec<_> = std::iter::from_fn(|| server.poll_transmit(clock)).collect();
            for out in out {
                self.send(listener, out.from, out.to, out.data);
            }
            if let TurnServerPollRet::WaitUntil(at) = wanted {
                // What expires at a time, expires for the library after it.
                let at = now + at.duration_since(clock).max(Duration::from_millis(1));
                self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
                return;
            }
            self.want(now, listener, &wanted);
        }
    }

    fn want(&mut self, now: Instant, listener: ListenerId, wanted: &TurnServerPollRet) {
        match *wanted {
            TurnServerPollRet::AllocateSocket {
                client_addr: client, family, allocation_transport, ..
            } => {
                self.allocate(now, Pending { listener, client, family }, allocation_transport);
            }
            TurnServerPollRet::SocketClose { listen_addr, .. } => {
                self.relays.remove(&listen_addr);
                self.actions.push_back(Action::Close(listen_addr));
            }
            TurnServerPollRet::TcpConnect { relayed_addr, peer_addr, listen_addr, client_addr } => {
                let clock = self.clock(now);
                let refused = Err(TcpConnectError::Forbidden);
                let Some(server) = self.listeners.get_mut(listener.0) else { return };
                server.tcp_connected(relayed_addr, peer_addr, listen_addr, client_addr, refused, clock);
            }
            // There are no connections to peers, and clients end theirs themselves.
            TurnServerPollRet::TcpClose { .. } | TurnServerPollRet::WaitUntil(_) => {}
        }
    }

    fn allocate(&mut self, now: Instant, relay: Pending, transport: TransportType) {
        let is_v4 = relay.family == AddressFamily::IPV4;
        let ip = self.relay_ips.iter().copied().find(|ip| ip.is_ipv4() == is_v4);
        let Some(ip) = ip else {
            return self.allocated(now, relay, Err(SocketAllocateError::AddressFamilyNotSupported));
        };
        let binding = self.actions.iter().filter(|action| matches!(action, Action::Bind { .. })).count();
        // Relays over TCP (RFC 6062) are not served.
        if transport != TransportType::Udp || self.relays.len() + binding >= self.max_allocations {
            return self.allocated(now, relay, Err(SocketAllocateError::InsufficientCapacity));
        }
        self.actions.push_back(Action::Bind { relay, ip });
    }

    fn allocated(&mut self, now: Instant, relay: Pending, socket: Result<SocketAddr, SocketAllocateError>) {
        let clock = self.clock(now);
        let Some(server) = self.listeners.get_mut(relay.listener.0) else { return };
        let (transport, at) = (server.transport(), server.listen_address());
        server.allocated_socket(transport, at, relay.client, TransportType::Udp, relay.family, socket, clock);
    }
}
