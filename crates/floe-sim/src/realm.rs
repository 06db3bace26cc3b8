//! Realms: networks in which an address means one thing.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use floe_core::address::{Family, is_ipv6_link_local};

use crate::{AddressInUse, HostId, Link, gateway::Gate};

/// A network in which every address means one host (an address realm, RFC 2663 2.1): the internet, or what lies behind
/// a gateway.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Realm(pub(crate) usize);

impl Realm {
    /// The realm that all others lie behind.
    pub const INTERNET: Self = Self(0);
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a datagram goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hop {
    /// To this host.
    Host(HostId),
    /// Into this realm, through its gateway.
    Down(Realm),
    /// To the parent realm, through the gateway.
    Up,
}

/// All realms, and how one gets from one to another.
#[derive(Debug)]
pub(crate) struct Realms(Vec<Segment>);

#[derive(Debug)]
struct Segment {
    above: Option<(Realm, Gate)>,
    routes: BTreeMap<IpAddr, Hop>,
    /// Between hosts for which nothing else is said.
    link: Link,
}

impl Segment {
    const fn new(above: Option<(Realm, Gate)>) -> Self {
        Self { above, routes: BTreeMap::new(), link: Link::new(std::time::Duration::ZERO) }
    }
}

impl Realms {
    pub(crate) fn new() -> Self {
        Self(vec![Segment::new(None)])
    }

    /// One more realm, behind this gateway.
    pub(crate) fn add(&mut self, parent: Realm, gate: Gate) -> Result<Realm, AddressInUse> {
        let external = gate.nat().map_or_else(Vec::new, |nat| nat.external.clone());
        self.check(parent, &external)?;
        let realm = Realm(self.0.len());
        self.0.push(Segment::new(Some((parent, gate))));
        for ip in external {
            self.announce(parent, ip, Hop::Down(realm));
        }
        Ok(realm)
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn parent(&self, realm: Realm) -> Option<Realm> {
        self.above(realm).map(|(parent, _)| parent)
    }

    pub(crate) fn gate(&self, realm: Realm) -> Option<&Gate> {
        self.above(realm).map(|(_, gate)| gate)
    }

    fn above(&self, realm: Realm) -> Option<(Realm, &Gate)> {
        self.0.get(realm.0)?.above.as_ref().map(|(parent, gate)| (*parent, gate))
    }

    pub(crate) fn gate_mut(&mut self, realm: Realm) -> Option<&mut Gate> {
        self.0.get_mut(realm.0)?.above.as_mut().map(|(_, gate)| gate)
    }

    pub(crate) fn link(&self, realm: Realm) -> Link {
        self.0.get(realm.0).map(|segment| segment.link).unwrap_or_default()
    }

    pub(crate) fn set_link(&mut self, realm: Realm, link: Link) {
        if let Some(segment) = self.0.get_mut(realm.0) {
            segment.link = link;
        }
    }

    /// Where a datagram to this address goes from this realm.
    pub(crate) fn route(&self, realm: Realm, to: IpAddr) -> Option<Hop> {
        let segment = self.0.get(realm.0)?;
        let up = || (segment.above.is_some() && !is_ipv6_link_local(to)).then_some(Hop::Up);
        segment.routes.get(&to).copied().or_else(up)
    }

    /// The host with this address in this realm.
    pub(crate) fn host(&self, realm: Realm, ip: IpAddr) -> Option<HostId> {
        match self.0.get(realm.0)?.routes.get(&ip) {
            Some(Hop::Host(host)) => Some(*host),
            _ => None,
        }
    }

    /// Hosts with this address, the internet's first.
    pub(crate) fn hosts(&self, ip: IpAddr) -> impl Iterator<Item = HostId> + '_ {
        (0..self.0.len()).filter_map(move |realm| self.host(Realm(realm), ip))
    }

    /// The realms in which an address of this one is known: this one, and those above until one translates.
    fn known_in(&self, realm: Realm, ip: IpAddr) -> Vec<Realm> {
        let mut known = vec![realm];
        let mut at = realm;
        while let Some((parent, gate)) = self.above(at) {
            if gate.translates(Family::of(ip)) || is_ipv6_link_local(ip) {
                break;
            }
            known.push(parent);
            at = parent;
        }
        known
    }

    /// Whether these addresses are free to be announced in this realm.
    pub(crate) fn check(&self, realm: Realm, addresses: &[IpAddr]) -> Result<(), AddressInUse> {
        for (i, ip) in addresses.iter().enumerate() {
            let known = |at: &Realm| self.0.get(at.0).is_some_and(|segment| segment.routes.contains_key(ip));
            let twice = addresses.iter().take(i).any(|other| other == ip);
            if twice || self.known_in(realm, *ip).iter().any(known) {
                return Err(AddressInUse(*ip));
            }
        }
        Ok(())
    }

    /// Makes an address known.
    pub(crate) fn announce(&mut self, realm: Realm, ip: IpAddr, hop: Hop) {
        let mut hop = hop;
        for at in self.known_in(realm, ip) {
            if let Some(segment) = self.0.get_mut(at.0) {
                segment.routes.insert(ip, hop);
            }
            hop = Hop::Down(at);
        }
    }

    /// Makes it unknown again.
    pub(crate) fn withdraw(&mut self, realm: Realm, ip: IpAddr) {
        for at in self.known_in(realm, ip) {
            if let Some(segment) = self.0.get_mut(at.0) {
                segment.routes.remove(&ip);
            }
        }
    }

    /// Gives the NAT of a realm other external addresses; it loses all mappings.
    pub(crate) fn renumber(&mut self, realm: Realm, external: Vec<IpAddr>) -> Result<(), AddressInUse> {
        let Some((parent, gate)) = self.above(realm) else { return Ok(()) };
        let Some(former) = gate.nat().map(|nat| nat.external.clone()) else { return Ok(()) };
        for ip in &former {
            self.withdraw(parent, *ip);
        }
        let checked = self.check(parent, &external);
        if let (Ok(()), Some(gate)) = (checked, self.gate_mut(realm)) {
            gate.renumber(external);
        }
        let now = self.gate(realm).and_then(Gate::nat).map_or_else(Vec::new, |nat| nat.external.clone());
        for ip in now {
            self.announce(parent, ip, Hop::Down(realm));
        }
        checked
    }
}
