//! STUN and TURN servers, by turn-server-proto: the protocol is its, the sockets are ours.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use floe_core::address::Family;
use turn_server_proto::{
    api::{SocketAllocateError, TurnServerApi, TurnServerPollRet},
    server::TurnServer,
    stun::{Instant as ServerInstant, agent::Transmit, types::TransportType},
    types::AddressFamily,
};

use crate::{Action, BindError, Node};

/// A STUN (RFC 8489) and TURN (RFC 8656) server over UDP as a node: it answers Binding requests of anybody, and relays
/// for its users.
///
/// What it answers depends on what came before only, but for its nonces, which the operating system draws: two runs of
/// one seed have the same datagrams at the same times, and some differ in the bytes of NONCE and MESSAGE-INTEGRITY.
///
/// ```
/// use floe_sim::{Host, Server, Simulation};
///
/// let mut simulation = Simulation::new(std::time::Instant::now(), 1);
/// let server = Server::new("192.0.2.1:3478".parse()?, "floe.example").user("ann", "secret");
/// simulation.add(Host::new().address("192.0.2.1".parse()?), server)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    realm: String,
    users: Vec<(String, String)>,
    actions: VecDeque<Action>,
    /// The listeners whose relayed sockets they are.
    relays: BTreeMap<SocketAddr, usize>,
    /// The allocations whose sockets are being bound.
    pending: BTreeMap<u64, Pending>,
    next_tag: u64,
    /// The first time that it was told of, from which the library's clock counts.
    epoch: Option<Instant>,
    deadline: Option<Instant>,
    failure: Option<BindError>,
}

#[derive(Debug)]
struct Listener {
    at: SocketAddr,
    server: TurnServer,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    listener: usize,
    client: SocketAddr,
    family: AddressFamily,
}

impl Server {
    /// A server that listens here and has this realm. Put it on a host with that address.
    #[must_use]
    pub fn new(at: SocketAddr, realm: impl Into<String>) -> Self {
        let server = Self {
            listeners: Vec::new(),
            realm: realm.into(),
            users: Vec::new(),
            actions: VecDeque::new(),
            relays: BTreeMap::new(),
            pending: BTreeMap::new(),
            next_tag: 0,
            epoch: None,
            deadline: None,
            failure: None,
        };
        server.listen(at)
    }

    /// This server, listening here, too, as for the other family. Relayed addresses are of the first listening address
    /// of their family.
    #[must_use]
    pub fn listen(mut self, at: SocketAddr) -> Self {
        let mut server = TurnServer::new(TransportType::Udp, at, self.realm.clone());
        for (name, password) in &self.users {
            server.add_user(name.clone(), password.clone());
        }
        self.listeners.push(Listener { at, server });
        let tag = self.tag();
        self.actions.push_back(Action::Bind { tag, address: at });
        self
    }

    /// This server with this user.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        let user = (name.into(), password.into());
        for listener in &mut self.listeners {
            listener.server.add_user(user.0.clone(), user.1.clone());
        }
        self.users.push(user);
        self
    }

    /// This server with nonces that live so long; after that a client is told that its nonce is stale.
    #[must_use]
    pub fn nonce_lifetime(mut self, lifetime: Duration) -> Self {
        for listener in &mut self.listeners {
            listener.server.set_nonce_expiry_duration(lifetime);
        }
        self
    }

    /// The relayed addresses that it has given out.
    pub fn relayed(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.relays.keys().copied()
    }

    /// Why it does not listen where it should, if so: its host lacks the address, or somebody else has the port.
    #[must_use]
    pub const fn failure(&self) -> Option<BindError> {
        self.failure
    }

    const fn tag(&mut self) -> u64 {
        self.next_tag += 1;
        self.next_tag
    }

    fn clock(&mut self, now: Instant) -> ServerInstant {
        let elapsed = now.duration_since(*self.epoch.get_or_insert(now));
        // RFC-sized runs: 290 years fit.
        ServerInstant::from_nanos(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Lets the library do all it wants.
    fn drain(&mut self, now: Instant) {
        let clock = self.clock(now);
        self.deadline = None;
        for listener in 0..self.listeners.len() {
            self.drain_one(listener, now, clock);
        }
        // It has always something to wait for; without allocations it is nothing.
        if self.relays.is_empty() {
            self.deadline = None;
        }
    }

    fn drain_one(&mut self, index: usize, now: Instant, clock: ServerInstant) {
        loop {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            let wanted = listener.server.poll(clock);
            while let Some(out) = listener.server.poll_transmit(clock) {
                let payload = out.data.into();
                self.actions.push_back(Action::Send { from: out.from, to: out.to, payload });
            }
            match wanted {
                TurnServerPollRet::AllocateSocket { client_addr, family, .. } => {
                    self.allocate(Pending { listener: index, client: client_addr, family }, clock);
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => {
                    self.relays.remove(&listen_addr);
                    self.actions.push_back(Action::Close(listen_addr));
                }
                TurnServerPollRet::WaitUntil(at) => {
                    // What expires at a time, expires for the library after it.
                    let wait = at.duration_since(clock).max(Duration::from_millis(1));
                    let at = now + wait;
                    self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
                    return;
                }
                // There is no TCP here, and so nothing to connect or to close.
                TurnServerPollRet::TcpConnect { .. } | TurnServerPollRet::TcpClose { .. } => {}
            }
        }
    }

    fn allocate(&mut self, pending: Pending, clock: ServerInstant) {
        let family = match pending.family {
            AddressFamily::IPV4 => Family::V4,
            AddressFamily::IPV6 => Family::V6,
        };
        let ip = self.listeners.iter().map(|listener| listener.at.ip()).find(|ip| Family::of(*ip) == family);
        match ip {
            Some(ip) => self.bind(pending, ip),
            None => self.allocated(pending, Err(SocketAllocateError::AddressFamilyNotSupported), clock),
        }
    }

    fn bind(&mut self, pending: Pending, ip: IpAddr) {
        let tag = self.tag();
        self.pending.insert(tag, pending);
        self.actions.push_back(Action::Bind { tag, address: SocketAddr::new(ip, 0) });
    }

    fn allocated(
        &mut self,
        pending: Pending,
        socket: Result<SocketAddr, SocketAllocateError>,
        clock: ServerInstant,
    ) {
        let Pending { listener: index, client, family } = pending;
        let Some(listener) = self.listeners.get_mut(index) else { return };
        if let Ok(relayed) = socket {
            self.relays.insert(relayed, index);
        }
        let udp = TransportType::Udp;
        listener.server.allocated_socket(udp, listener.at, client, udp, family, socket, clock);
    }
}

impl Node for Server {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        let clock = self.clock(now);
        let of_relay = self.relays.get(&local).copied();
        let index = of_relay.or_else(|| self.listeners.iter().position(|listener| listener.at == local));
        let Some(listener) = index.and_then(|index| self.listeners.get_mut(index)) else { return };
        let incoming = Transmit::new(payload, TransportType::Udp, from, local);
        if let Some(out) = listener.server.recv(incoming, clock) {
            let out = out.build();
            // turn-server-proto 0.7.3 sends the answer to a Binding request to itself.
            let to = if out.to == listener.at { from } else { out.to };
            self.actions.push_back(Action::Send { from: out.from, to, payload: out.data.into() });
        }
        self.drain(now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        let clock = self.clock(now);
        let Some(pending) = self.pending.remove(&tag) else {
            self.failure = result.err().or(self.failure);
            return;
        };
        self.allocated(pending, result.map_err(|_| SocketAllocateError::InsufficientCapacity), clock);
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.drain(now);
    }
}

#[cfg(test)]
mod tests;
