//! The network: who can be reached how, and what is on its way.

mod links;
mod transit;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use self::{
    links::{End, Links},
    transit::Flight,
};
use crate::{
    AddressInUse, BindError, Counters, Gateway, Host, HostId, Link, Mapped, Realm, Record,
    gateway::Gate,
    host::Attached,
    realm::{Hop, Realms},
};

/// The order of everything that happens: by time, and at one time in the order in which it was caused.
pub(crate) type Order = (Instant, u64);

/// Hosts, links, and the datagrams on their way.
///
/// A [`Simulation`](crate::Simulation) drives it. By itself: [`send`](Self::send) at the present time,
/// [`next_arrival`](Self::next_arrival) for when the next datagram comes, [`advance`](Self::advance) to that time, and
/// [`poll_arrival`](Self::poll_arrival) until `None`.
#[derive(Debug)]
pub struct Network {
    epoch: Instant,
    now: Instant,
    seed: u64,
    sequence: u64,
    rng: ChaCha20Rng,
    realms: Realms,
    hosts: Vec<Attached>,
    links: Links,
    flights: BTreeMap<Order, Flight>,
    log: Vec<Record>,
    keeps_log: bool,
    counters: Counters,
}

/// A datagram that came to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The host.
    pub host: HostId,
    /// The socket, as it was bound.
    pub local: SocketAddr,
    /// Where it came from; a link-local address has the scope of the socket.
    pub from: SocketAddr,
    /// The bytes.
    pub payload: Bytes,
}

impl Network {
    /// An empty network. Its time begins at `epoch`, which may be any time; `seed` decides all that is left to chance.
    #[must_use]
    pub fn new(epoch: Instant, seed: u64) -> Self {
        Self {
            epoch,
            now: epoch,
            seed,
            realms: Realms::new(),
            sequence: 0,
            rng: ChaCha20Rng::seed_from_u64(seed),
            hosts: Vec::new(),
            links: Links::default(),
            flights: BTreeMap::new(),
            log: Vec::new(),
            keeps_log: true,
            counters: Counters::default(),
        }
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How long the network has run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - self.epoch
    }

    /// One more realm, behind a gateway in `parent`: a [`Gateway`], or a [`Nat`](crate::Nat) or
    /// [`Firewall`](crate::Firewall) alone.
    ///
    /// # Errors
    /// An external address of the NAT is taken.
    pub fn add_realm(&mut self, parent: Realm, gateway: impl Into<Gateway>) -> Result<Realm, AddressInUse> {
        let mut rng = ChaCha20Rng::seed_from_u64(self.seed);
        // Each NAT draws from a stream of its own, which no other traffic moves.
        rng.set_stream(self.realms.len() as u64);
        self.realms.add(parent, Gate::new(gateway.into(), rng))
    }

    /// The gateway of a realm forgets all mappings and flows, as when it is switched off and on.
    pub fn forget_mappings(&mut self, realm: Realm) {
        if let Some(gate) = self.realms.gate_mut(realm) {
            gate.forget();
        }
    }

    /// The NAT of a realm gets other external addresses, of the families it had, and loses all mappings.
    ///
    /// # Errors
    /// One of the addresses is taken; nothing has changed then but the mappings.
    pub fn renumber(
        &mut self,
        realm: Realm,
        external: impl IntoIterator<Item = IpAddr>,
    ) -> Result<(), AddressInUse> {
        self.forget_mappings(realm);
        self.realms.renumber(realm, external.into_iter().collect())
    }

    /// The mappings of the NAT of a realm that are alive, by external address.
    pub fn mappings(&self, realm: Realm) -> impl Iterator<Item = Mapped> + '_ {
        let bindings = self.realms.gate(realm).and_then(Gate::bindings);
        bindings.into_iter().flat_map(|bindings| bindings.mapped(self.now))
    }

    /// Puts a host on the network.
    ///
    /// # Errors
    /// One of its addresses is taken.
    pub fn add_host(&mut self, host: Host) -> Result<HostId, AddressInUse> {
        self.check_addresses(&host)?;
        let id = HostId(self.hosts.len());
        self.announce(id, &host);
        self.hosts.push(Attached::new(host));
        Ok(id)
    }

    /// Gives a host other interfaces, as when a cable is pulled. Sockets of addresses that are gone are closed.
    ///
    /// # Errors
    /// One of the addresses is taken; nothing has changed then.
    pub fn replace_host(&mut self, id: HostId, host: Host) -> Result<(), AddressInUse> {
        let Some(former) = self.host(id).cloned() else { return Ok(()) };
        for ip in former.addresses() {
            self.realms.withdraw(former.realm(ip), ip);
        }
        if let Err(taken) = self.check_addresses(&host) {
            self.announce(id, &former);
            return Err(taken);
        }
        self.announce(id, &host);
        if let Some(attached) = self.hosts.get_mut(id.0) {
            attached.replace(host);
        }
        Ok(())
    }

    fn announce(&mut self, id: HostId, host: &Host) {
        for ip in host.addresses() {
            self.realms.announce(host.realm(ip), ip, Hop::Host(id));
        }
    }

    fn check_addresses(&self, host: &Host) -> Result<(), AddressInUse> {
        let mut seen = Vec::new();
        for ip in host.addresses() {
            if seen.contains(&ip) {
                return Err(AddressInUse(ip));
            }
            self.realms.check(host.realm(ip), &[ip])?;
            seen.push(ip);
        }
        Ok(())
    }

    /// A host as it was put on the network; `None` if it is another network's.
    #[must_use]
    pub fn host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(id.0).map(|attached| &attached.host)
    }

    /// The host with a socket at this address; of several the one on the internet, or the first.
    fn socket_owner(&self, at: SocketAddr) -> Option<HostId> {
        let has = |host: &HostId| self.hosts.get(host.0).is_some_and(|host| host.socket(at).is_some());
        self.realms.hosts(at.ip()).find(has)
    }

    /// Binds a socket of a host; port 0 stands for any free one.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(&mut self, host: HostId, wanted: SocketAddr) -> Result<SocketAddr, BindError> {
        self.hosts.get_mut(host.0).ok_or(BindError::NotMine(wanted.ip()))?.bind(wanted)
    }

    /// Closes a socket; says whether there was one.
    pub fn close(&mut self, socket: SocketAddr) -> bool {
        self.socket_owner(socket).is_some_and(|host| self.close_by(host, socket))
    }

    /// Closes a socket of this host; says whether there was one.
    pub fn close_by(&mut self, host: HostId, socket: SocketAddr) -> bool {
        self.hosts.get_mut(host.0).is_some_and(|host| host.close(socket))
    }

    /// The link across the internet where nothing else is said. A host reaches itself without delay or loss.
    ///
    /// Every datagram crosses one realm, the highest on its way, from a host or gateway there to another; besides it
    /// takes the links of the gateways that it passes.
    pub fn set_default_link(&mut self, link: Link) {
        self.set_realm_link(Realm::INTERNET, link);
    }

    /// The link across a realm where nothing else is said. At first it is a perfect one.
    pub fn set_realm_link(&mut self, realm: Realm, link: Link) {
        self.realms.set_link(realm, link);
    }

    /// The link between two hosts of one realm, both ways.
    pub fn connect(&mut self, a: HostId, b: HostId, link: Link) {
        self.links.of_hosts.insert((a, b), link);
        self.links.of_hosts.insert((b, a), link);
    }

    /// The link from one host of a realm to another, this way only.
    pub fn set_link(&mut self, from: HostId, to: HostId, link: Link) {
        self.links.of_hosts.insert((from, to), link);
    }

    /// The link across a realm from one address to another, this way only: it counts before that of their hosts. The
    /// addresses are those of hosts or of NATs, as they are seen in that realm.
    pub fn set_path(&mut self, from: IpAddr, to: IpAddr, link: Link) {
        self.links.of_addresses.insert((from, to), link);
    }

    /// The links of the gateway of a realm from now on, to the parent realm and back.
    pub fn set_access(&mut self, realm: Realm, up: Link, down: Link) {
        if let Some(gate) = self.realms.gate_mut(realm) {
            (gate.up.0, gate.down.0) = (up, down);
        }
    }

    pub(crate) const fn epoch(&self) -> Instant {
        self.epoch
    }

    pub(crate) const fn host_count(&self) -> usize {
        self.hosts.len()
    }

    pub(crate) const fn realms(&self) -> &Realms {
        &self.realms
    }

    /// The link across a realm, from one end to another.
    pub(crate) fn link_across(&self, realm: Realm, from: End, to: End) -> Link {
        self.links.between(from, to, self.realms.link(realm))
    }

    pub(crate) fn next_in_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(crate) fn next_order(&self) -> Option<Order> {
        self.flights.first_key_value().map(|(&order, _)| order)
    }

    /// When the next datagram comes to its host; `None` when none is on its way.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.next_order().map(|(at, _)| at)
    }

    /// Sets the clock. It never goes back: an earlier time leaves it as it is.
    pub fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// The next datagram that has come by now to a socket. Those that found none are counted and passed over.
    pub fn poll_arrival(&mut self) -> Option<Arrival> {
        while self.next_arrival()? <= self.now {
            let (_, flight) = self.flights.pop_first()?;
            if let Some(arrival) = self.land(flight) {
                return Some(arrival);
            }
        }
        None
    }

    /// All that was sent so far, in that order; empty if no log is kept.
    #[must_use]
    pub fn log(&self) -> &[Record] {
        &self.log
    }

    /// Whether a log is kept of what is sent from now on. Default: yes; long runs do without.
    pub const fn keep_log(&mut self, keep: bool) {
        self.keeps_log = keep;
    }

    /// How many datagrams had which fate.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }
}

#[cfg(test)]
mod tests;
