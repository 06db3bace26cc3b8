//! The network: who can be reached how, and what is on its way.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::address;
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use crate::{
    AddressInUse, BindError, Counters, Fate, Host, HostId, Link, Record, host::Attached, link::Luck,
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
    sequence: u64,
    rng: ChaCha20Rng,
    hosts: Vec<Attached>,
    links: Links,
    flights: BTreeMap<Order, Flight>,
    log: Vec<Record>,
    keeps_log: bool,
    counters: Counters,
}

/// How the hosts are connected. An entry for two addresses counts before one for their hosts.
#[derive(Debug, Default)]
struct Links {
    of_all: Link,
    of_hosts: BTreeMap<(HostId, HostId), Link>,
    of_addresses: BTreeMap<(IpAddr, IpAddr), Link>,
    /// When the latest datagram arrives that keeps its place: none behind it comes before.
    latest: BTreeMap<(IpAddr, IpAddr), Instant>,
}

#[derive(Debug)]
struct Flight {
    to: SocketAddr,
    from: SocketAddr,
    payload: Bytes,
    /// Its place in the log.
    record: Option<usize>,
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

    /// Puts a host on the network.
    ///
    /// # Errors
    /// One of its addresses is taken.
    pub fn add_host(&mut self, host: Host) -> Result<HostId, AddressInUse> {
        let id = HostId(self.hosts.len());
        self.check_addresses(id, &host)?;
        self.hosts.push(Attached::new(host));
        Ok(id)
    }

    /// Gives a host other interfaces, as when a cable is pulled. Sockets of addresses that are gone are closed.
    ///
    /// # Errors
    /// One of the addresses is taken; nothing has changed then.
    pub fn replace_host(&mut self, id: HostId, host: Host) -> Result<(), AddressInUse> {
        self.check_addresses(id, &host)?;
        if let Some(attached) = self.hosts.get_mut(id.0) {
            attached.replace(host);
        }
        Ok(())
    }

    fn check_addresses(&self, id: HostId, host: &Host) -> Result<(), AddressInUse> {
        let mut seen = Vec::new();
        for ip in host.addresses() {
            if seen.contains(&ip) || self.owner(ip).is_some_and(|owner| owner != id) {
                return Err(AddressInUse(ip));
            }
            seen.push(ip);
        }
        Ok(())
    }

    /// A host as it was put on the network; `None` if it is another network's.
    #[must_use]
    pub fn host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(id.0).map(|attached| &attached.host)
    }

    fn owner(&self, ip: IpAddr) -> Option<HostId> {
        let owns = |attached: &Attached| attached.host.addresses().any(|own| own == ip);
        self.hosts.iter().position(owns).map(HostId)
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
        let owner = self.owner(socket.ip());
        owner.and_then(|host| self.hosts.get_mut(host.0)).is_some_and(|host| host.close(socket))
    }

    /// The link between hosts for which nothing else is said. A host reaches itself without delay or loss.
    pub const fn set_default_link(&mut self, link: Link) {
        self.links.of_all = link;
    }

    /// The link between two hosts, both ways.
    pub fn connect(&mut self, a: HostId, b: HostId, link: Link) {
        self.links.of_hosts.insert((a, b), link);
        self.links.of_hosts.insert((b, a), link);
    }

    /// The link from one host to another, this way only.
    pub fn set_link(&mut self, from: HostId, to: HostId, link: Link) {
        self.links.of_hosts.insert((from, to), link);
    }

    /// The link from one address to another, this way only: it counts before that of their hosts.
    pub fn set_path(&mut self, from: IpAddr, to: IpAddr, link: Link) {
        self.links.of_addresses.insert((from, to), link);
    }

    /// Sends a datagram now.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        let luck = Luck::draw(&mut self.rng);
        self.counters.sent += 1;
        self.counters.bytes_sent += payload.len() as u64;
        match self.link(from, to) {
            Ok(link) if luck.is_lost(&link) => self.lose(from, to, payload, Fate::Lost),
            Ok(link) => self.launch(from, to, payload, &link, luck),
            Err(fate) => self.lose(from, to, payload, fate),
        }
    }

    /// The link a datagram takes, or why it takes none.
    fn link(&self, from: SocketAddr, to: SocketAddr) -> Result<Link, Fate> {
        let source = self.owner(from.ip()).ok_or(Fate::NoSource)?;
        let bound = self.hosts.get(source.0).and_then(|host| host.socket(from));
        bound.ok_or(Fate::NoSource)?;
        if from.is_ipv4() != to.is_ipv4() {
            return Err(Fate::NoRoute);
        }
        let target = self.owner(to.ip()).ok_or(Fate::NoRoute)?;
        Ok(self.links.between((source, from.ip()), (target, to.ip())))
    }

    fn lose(&mut self, from: SocketAddr, to: SocketAddr, payload: Bytes, fate: Fate) {
        match fate {
            Fate::Lost => self.counters.lost += 1,
            Fate::NoSource => self.counters.no_source += 1,
            _ => self.counters.no_route += 1,
        }
        self.record(Record { sent: self.now, from, to, payload, fate, copy: false });
    }

    fn launch(&mut self, from: SocketAddr, to: SocketAddr, payload: Bytes, link: &Link, luck: Luck) {
        let [delay, delay_of_copy] = luck.delays(link);
        let path = (from.ip(), to.ip());
        if luck.is_held_back(link) {
            self.counters.held_back += 1;
            let due = self.now + delay + link.reorder_by;
            self.fly(from, to, payload.clone(), due, false);
        } else {
            let due = self.links.in_order(path, self.now + delay);
            self.fly(from, to, payload.clone(), due, false);
        }
        if luck.is_duplicated(link) {
            self.counters.copies += 1;
            let due = self.links.in_order(path, self.now + delay_of_copy);
            self.fly(from, to, payload, due, true);
        }
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, payload: Bytes, due: Instant, copy: bool) {
        let fate = Fate::InFlight { due };
        let record = self.record(Record { sent: self.now, from, to, payload: payload.clone(), fate, copy });
        let order = (due, self.next_in_sequence());
        self.flights.insert(order, Flight { to, from, payload, record });
    }

    fn record(&mut self, record: Record) -> Option<usize> {
        self.keeps_log.then(|| {
            self.log.push(record);
            self.log.len() - 1
        })
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

    fn land(&mut self, flight: Flight) -> Option<Arrival> {
        let host = self.owner(flight.to.ip());
        let local = host.and_then(|host| self.hosts.get(host.0)?.socket(flight.to));
        let (counter, fate) = match local {
            Some(_) => (&mut self.counters.delivered, Fate::Delivered { at: self.now }),
            None => (&mut self.counters.no_socket, Fate::NoSocket { at: self.now }),
        };
        *counter += 1;
        if let Some(record) = flight.record.and_then(|record| self.log.get_mut(record)) {
            record.fate = fate;
        }
        let local = local?;
        // What scope an address has is known only to the host that it is seen on (RFC 4007 6).
        let from = address::scoped(address::unscoped(flight.from), local);
        Some(Arrival { host: host?, local, from, payload: flight.payload })
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

impl Links {
    fn between(&self, from: (HostId, IpAddr), to: (HostId, IpAddr)) -> Link {
        let of_all = if from.0 == to.0 { Link::default() } else { self.of_all };
        let of_addresses = self.of_addresses.get(&(from.1, to.1));
        of_addresses.or_else(|| self.of_hosts.get(&(from.0, to.0))).copied().unwrap_or(of_all)
    }

    fn in_order(&mut self, path: (IpAddr, IpAddr), due: Instant) -> Instant {
        let latest = self.latest.entry(path).or_insert(due);
        *latest = due.max(*latest);
        *latest
    }
}

#[cfg(test)]
mod tests;
