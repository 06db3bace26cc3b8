//! The way of a datagram: from its host up through gateways, across one realm, and down through gateways.

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;
use floe_core::address;

use super::Network;
use crate::{
    Arrival, Fate, HostId, Realm, Record, Seen,
    gateway::{Exit, Gate, Stopped},
    link::{Dropped, Link, Luck, Passage},
    nat::Refused,
    realm::Hop,
};

/// A datagram on its way, with the addresses that it has at present.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    payload: Bytes,
    /// Its place in the log.
    record: Option<usize>,
}

impl Packet {
    /// Its length with the headers of IP and UDP, in bytes.
    pub(crate) const fn size(&self) -> usize {
        self.payload.len() + if self.to.is_ipv4() { 28 } else { 48 }
    }
}

/// Where a datagram comes to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Host(HostId),
    /// The outer end of the access link of this realm.
    Access(Realm),
    /// The outside of the gateway of this realm.
    Gate(Realm),
    /// The parent of this realm, out of its gateway.
    Outside(Realm),
}

#[derive(Debug)]
pub(super) struct Flight {
    place: Place,
    packet: Packet,
}

impl Network {
    /// Sends a datagram now, from whichever host has a socket at `from`.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        let sender = self.socket_owner(from);
        self.dispatch(sender, from, to, payload);
    }

    /// Sends a datagram now, from a socket of this host, or of another if this one has no such socket. Behind NATs
    /// several hosts may have the same address.
    pub fn send_by(&mut self, host: HostId, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        let own = self.hosts.get(host.0).and_then(|attached| attached.socket(from)).map(|_| host);
        let sender = own.or_else(|| self.socket_owner(from));
        self.dispatch(sender, from, to, payload);
    }

    fn dispatch(&mut self, sender: Option<HostId>, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        let luck = Luck::draw(&mut self.rng);
        self.counters.sent += 1;
        self.counters.bytes_sent += payload.len() as u64;
        let record = self.record(|now| Record {
            sent: now,
            from,
            to,
            payload: payload.clone(),
            fate: Fate::InFlight { due: now },
            sender,
            arrival: None,
            copy: false,
        });
        let packet = Packet { from, to, payload, record };
        let Some(host) = sender else { return self.end(&packet, Fate::NoSource) };
        if from.is_ipv4() != to.is_ipv4() {
            return self.end(&packet, Fate::NoRoute);
        }
        let realm = self.hosts.get(host.0).map(|attached| attached.host.realm(from.ip())).unwrap_or_default();
        self.forward(realm, Some(host), packet, luck);
    }

    /// A datagram is in a realm, from a host there or from a gateway below.
    fn forward(&mut self, realm: Realm, source: Option<HostId>, packet: Packet, luck: Luck) {
        let to = packet.to.ip();
        match self.realms.route(realm, to) {
            Some(Hop::Host(host)) => self.cross(realm, source, Some(host), Place::Host(host), packet, luck),
            Some(Hop::Down(below)) => self.cross(realm, source, None, Place::Access(below), packet, luck),
            Some(Hop::Up) => self.leave(realm, packet, luck),
            None => self.end(&packet, Fate::NoRoute),
        }
    }

    /// Crosses the realm that is the highest on its way.
    fn cross(
        &mut self,
        realm: Realm,
        source: Option<HostId>,
        target: Option<HostId>,
        place: Place,
        packet: Packet,
        luck: Luck,
    ) {
        let (from, to) = (packet.from.ip(), packet.to.ip());
        let link = self.link_across(realm, (source, from), (target, to));
        let passage = self.links.pass((realm, from, to), &link, luck, (self.now, packet.size()));
        self.pass(passage, place, packet);
    }

    /// Wants to leave a realm upwards.
    fn leave(&mut self, realm: Realm, mut packet: Packet, luck: Luck) {
        let (from, to) = (address::unscoped(packet.from), address::unscoped(packet.to));
        let now = self.now;
        let exit = self.realms.gate_mut(realm).map(|gate| gate.outbound(now, from, to));
        match exit {
            Some(Ok(Exit::Out(from, to))) => {
                (packet.from, packet.to) = (from, to);
                self.access(realm, |gate| &mut gate.up, Place::Outside(realm), packet);
            }
            Some(Ok(Exit::Back(from, to))) => {
                (packet.from, packet.to) = (from, to);
                // The gateway is where it comes from now; nothing inside leads back to it.
                match self.realms.route(realm, to.ip()) {
                    Some(Hop::Up) | None => self.end(&packet, Fate::NoRoute),
                    Some(_) => self.forward(realm, None, packet, luck),
                }
            }
            Some(Err(stopped)) => self.stop(&packet, realm, stopped),
            None => self.end(&packet, Fate::NoRoute),
        }
    }

    /// Takes the access link of a realm. One that does nothing takes no chance either.
    fn access(
        &mut self,
        realm: Realm,
        side: impl Fn(&mut Gate) -> &mut (Link, crate::link::Traffic),
        place: Place,
        packet: Packet,
    ) {
        let Some(gate) = self.realms.gate_mut(realm) else { return };
        let (link, traffic) = side(gate);
        if *link == Link::default() {
            return self.reach(place, packet);
        }
        let luck = Luck::draw(&mut self.rng);
        let passage = traffic.pass(link, luck, self.now, packet.size());
        self.pass(passage, place, packet);
    }

    fn pass(&mut self, passage: Result<Passage, Dropped>, place: Place, packet: Packet) {
        let passage = match passage {
            Ok(passage) => passage,
            Err(Dropped::Lost) => return self.end(&packet, Fate::Lost),
            Err(Dropped::TooLarge) => return self.end(&packet, Fate::TooLarge),
            Err(Dropped::QueueFull) => return self.end(&packet, Fate::QueueFull),
        };
        self.counters.held_back += u64::from(passage.held_back);
        let copy = passage.copy.map(|due| (due, self.copy(&packet)));
        self.fly(passage.due, place, packet);
        if let Some((due, copy)) = copy {
            self.fly(due, place, copy);
        }
    }

    fn copy(&mut self, packet: &Packet) -> Packet {
        self.counters.copies += 1;
        let original = packet.record.and_then(|record| self.log.get(record)).cloned();
        let record = original.and_then(|original| self.record(|_| Record { copy: true, ..original }));
        Packet { record, ..packet.clone() }
    }

    fn fly(&mut self, due: Instant, place: Place, packet: Packet) {
        self.set_fate(&packet, Fate::InFlight { due });
        let order = (due, self.next_in_sequence());
        self.flights.insert(order, Flight { place, packet });
    }

    /// A datagram comes to the end of a link.
    fn reach(&mut self, place: Place, packet: Packet) {
        match place {
            Place::Access(realm) => self.access(realm, |gate| &mut gate.down, Place::Gate(realm), packet),
            Place::Gate(realm) => self.enter(realm, packet),
            Place::Outside(realm) => {
                let luck = Luck::draw(&mut self.rng);
                match self.realms.parent(realm) {
                    Some(parent) => self.forward(parent, None, packet, luck),
                    None => self.end(&packet, Fate::NoRoute),
                }
            }
            Place::Host(_) => {
                let order = (self.now, self.next_in_sequence());
                self.flights.insert(order, Flight { place, packet });
            }
        }
    }

    /// Wants to come into a realm from above, and goes on downwards only.
    fn enter(&mut self, realm: Realm, mut packet: Packet) {
        let (from, to) = (address::unscoped(packet.from), address::unscoped(packet.to));
        let now = self.now;
        match self.realms.gate_mut(realm).map(|gate| gate.inbound(now, from, to)) {
            Some(Ok((from, to))) => (packet.from, packet.to) = (from, to),
            Some(Err(stopped)) => return self.stop(&packet, realm, stopped),
            None => return self.end(&packet, Fate::NoRoute),
        }
        match self.realms.route(realm, packet.to.ip()) {
            Some(Hop::Host(host)) => self.reach(Place::Host(host), packet),
            Some(Hop::Down(below)) => self.reach(Place::Access(below), packet),
            Some(Hop::Up) | None => self.end(&packet, Fate::NoRoute),
        }
    }

    fn stop(&mut self, packet: &Packet, realm: Realm, stopped: Stopped) {
        let at = self.now;
        let fate = match stopped {
            Stopped::Firewall => Fate::Blocked { realm, at },
            Stopped::Nat(Refused::Filtered) => Fate::Filtered { realm, at },
            Stopped::Nat(Refused::NoHairpin) => Fate::NoHairpin { realm, at },
            Stopped::Nat(Refused::NoPort) => Fate::NoPort { realm, at },
        };
        self.end(packet, fate);
    }

    /// The way ends here.
    fn end(&mut self, packet: &Packet, fate: Fate) {
        if let Some(counter) = self.counters.of(fate) {
            *counter += 1;
        }
        self.set_fate(packet, fate);
    }

    fn set_fate(&mut self, packet: &Packet, fate: Fate) {
        if let Some(record) = packet.record.and_then(|record| self.log.get_mut(record)) {
            record.fate = fate;
        }
    }

    /// Writes down what is sent, if a log is kept.
    fn record(&mut self, record: impl FnOnce(Instant) -> Record) -> Option<usize> {
        self.keeps_log.then(|| {
            self.log.push(record(self.now));
            self.log.len() - 1
        })
    }

    /// Moves a datagram on, and gives it out where it came to a socket.
    pub(super) fn land(&mut self, Flight { place, packet }: Flight) -> Option<Arrival> {
        let Place::Host(id) = place else {
            self.reach(place, packet);
            return None;
        };
        let at = self.now;
        let local = self.hosts.get(id.0).and_then(|host| host.socket(packet.to));
        if let Some(record) = packet.record.and_then(|record| self.log.get_mut(record)) {
            record.arrival = Some(Seen { host: id, from: packet.from, to: packet.to });
        }
        let Some(local) = local else {
            self.end(&packet, Fate::NoSocket { at });
            return None;
        };
        self.end(&packet, Fate::Delivered { at });
        // What scope an address has is known only to the host that it is seen on (RFC 4007 6).
        let from = address::scoped(address::unscoped(packet.from), local);
        Some(Arrival { host: id, local, from, payload: packet.payload })
    }
}
