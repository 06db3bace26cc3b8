//! Gateways with names instead of numbers: what would be mapped and let in, whatever the ports.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use floe_core::address::Family;

use crate::{
    Dependence, HostId, Inbound, Nat, Network, Pooling, Realm,
    gateway::Gate,
    link::Link,
    realm::{Hop, Realms},
};

/// An address and port. Ports from 65,536 on are names: each stands for one that nobody can guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Endpoint {
    pub(super) ip: IpAddr,
    /// Which address of a pool it is, by name; `ip` is any of the pool then.
    pub(super) member: u32,
    pub(super) port: u32,
}

/// What counts of a remote.
type Key = (Option<(IpAddr, u32)>, Option<u32>);

const fn key(dependence: Dependence, remote: Endpoint) -> Key {
    let ip = (remote.ip, remote.member);
    match dependence {
        Dependence::EndpointIndependent => (None, None),
        Dependence::Address => (Some(ip), None),
        Dependence::AddressAndPort => (Some(ip), Some(remote.port)),
    }
}

/// What all gateways remember.
#[derive(Debug, Default)]
pub(super) struct Memory {
    gates: BTreeMap<Realm, State>,
    names: u32,
    /// Grows whenever anything is remembered.
    pub(super) version: u64,
}

#[derive(Debug, Default)]
struct State {
    external: BTreeMap<(Endpoint, Key), Endpoint>,
    internal: BTreeMap<Endpoint, Endpoint>,
    permitted: BTreeSet<(Endpoint, Key)>,
    flows: BTreeSet<(Endpoint, Key)>,
    /// The names of pooled addresses of a family, by inner address.
    paired: BTreeMap<(IpAddr, Family), u32>,
}

/// Where a datagram came to, with the addresses that it has there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Landing {
    pub(super) host: HostId,
    pub(super) from: Endpoint,
    pub(super) to: Endpoint,
}

impl Memory {
    /// A port that nobody can guess.
    pub(super) const fn name(&mut self) -> u32 {
        self.names += 1;
        65_536 + self.names
    }

    /// Sends a datagram from a host in a realm: where it comes to, if it does.
    pub(super) fn send(
        &mut self,
        network: &Network,
        (realm, host): (Realm, HostId),
        from: Endpoint,
        to: Endpoint,
    ) -> Option<Landing> {
        if from.ip.is_ipv4() != to.ip.is_ipv4() {
            return None;
        }
        let realms = network.realms();
        let (mut realm, mut source, mut from, mut to) = (realm, Some(host), from, to);
        loop {
            match realms.route(realm, to.ip)? {
                Hop::Up => {
                    let gate = realms.gate(realm)?;
                    let turned = self.turn_back(realm, gate, from, to);
                    if let Some(turned) = turned {
                        (from, to) = turned?;
                        source = None;
                        if realms.route(realm, to.ip)? == Hop::Up {
                            return None;
                        }
                        continue;
                    }
                    (from, to) = self.outbound(realm, gate, from, to)?;
                    realm = realms.parent(realm)?;
                    source = None;
                    gate.up.0.is_passable().then_some(())?;
                }
                hop => {
                    let target = if let Hop::Host(host) = hop { Some(host) } else { None };
                    let link = network.link_across(realm, (source, from.ip), (target, to.ip));
                    link.is_passable().then_some(())?;
                    return self.descend(realms, hop, from, to);
                }
            }
        }
    }

    fn descend(&mut self, realms: &Realms, hop: Hop, from: Endpoint, to: Endpoint) -> Option<Landing> {
        let (mut hop, mut from, mut to) = (hop, from, to);
        loop {
            match hop {
                Hop::Host(host) => return Some(Landing { host, from, to }),
                Hop::Up => return None,
                Hop::Down(below) => {
                    let gate = realms.gate(below)?;
                    gate.down.0.is_passable().then_some(())?;
                    (from, to) = self.inbound(below, gate, from, to)?;
                    hop = realms.route(below, to.ip)?;
                }
            }
        }
    }

    /// A datagram to an address of the NAT itself: `None` if it is not one, `Some(None)` if it is dropped.
    fn turn_back(
        &mut self,
        realm: Realm,
        gate: &Gate,
        from: Endpoint,
        to: Endpoint,
    ) -> Option<Option<(Endpoint, Endpoint)>> {
        let nat = gate.nat()?;
        let to = without_prefix(nat, to).unwrap_or(to);
        nat.external.contains(&to.ip).then_some(())?;
        if !nat.hairpins {
            return Some(None);
        }
        let source = self.map(realm, nat, from, to);
        Some(source.and_then(|source| {
            let inner = self.unmap(realm, nat, source, to)?;
            Some((with_prefix(nat, source, inner)?, inner))
        }))
    }

    fn outbound(
        &mut self,
        realm: Realm,
        gate: &Gate,
        from: Endpoint,
        to: Endpoint,
    ) -> Option<(Endpoint, Endpoint)> {
        if let Some(firewall) = gate.firewall() {
            // A port that is but a name is none that a rule could name.
            let port = u16::try_from(to.port).unwrap_or(0);
            firewall.lets_out(port).then_some(())?;
            if let Inbound::Answers(dependence) = firewall.inbound {
                let is_new = self.state(realm).flows.insert((from, key(dependence, to)));
                self.version += u64::from(is_new);
            }
        }
        let prefixed = gate.nat().and_then(|nat| without_prefix(nat, to));
        let translates = prefixed.is_some() || gate.translates(Family::of(from.ip));
        let to = prefixed.unwrap_or(to);
        match gate.nat().filter(|_| translates) {
            Some(nat) => Some((self.map(realm, nat, from, to)?, to)),
            None => Some((from, to)),
        }
    }

    fn inbound(
        &mut self,
        realm: Realm,
        gate: &Gate,
        from: Endpoint,
        to: Endpoint,
    ) -> Option<(Endpoint, Endpoint)> {
        let (from, inner) = match gate.nat().filter(|_| gate.translates(Family::of(to.ip))) {
            Some(nat) => {
                let inner = self.unmap(realm, nat, from, to)?;
                (with_prefix(nat, from, inner)?, inner)
            }
            None => (from, to),
        };
        let may = match gate.firewall().map(|firewall| firewall.inbound) {
            None | Some(Inbound::Open) => true,
            Some(Inbound::Closed) => false,
            Some(Inbound::Answers(dependence)) => {
                self.state(realm).flows.contains(&(inner, key(dependence, from)))
            }
        };
        may.then_some((from, inner))
    }

    fn state(&mut self, realm: Realm) -> &mut State {
        self.gates.entry(realm).or_default()
    }

    fn map(&mut self, realm: Realm, nat: &Nat, from: Endpoint, to: Endpoint) -> Option<Endpoint> {
        let place = (from, key(nat.mapping, to));
        let known = self.state(realm).external.get(&place).copied();
        let external = match known {
            Some(external) => external,
            None => self.new_mapping(realm, nat, place, Family::of(to.ip))?,
        };
        let is_new = self.state(realm).permitted.insert((external, key(nat.filtering, to)));
        self.version += u64::from(is_new);
        Some(external)
    }

    fn new_mapping(
        &mut self,
        realm: Realm,
        nat: &Nat,
        place: (Endpoint, Key),
        outside: Family,
    ) -> Option<Endpoint> {
        let inner = place.0.ip;
        let mut pool = nat.pool(outside);
        let ip = pool.next()?;
        let (port, name) = (self.name(), self.name());
        let state = self.state(realm);
        let member = match nat.pooling {
            _ if pool.next().is_none() => 0,
            Pooling::Arbitrary => name,
            Pooling::Paired => *state.paired.entry((inner, outside)).or_insert(name),
        };
        let external = Endpoint { ip, member, port };
        state.external.insert(place, external);
        state.internal.insert(external, place.0);
        self.version += 1;
        Some(external)
    }

    fn unmap(&mut self, realm: Realm, nat: &Nat, from: Endpoint, to: Endpoint) -> Option<Endpoint> {
        let state = self.state(realm);
        let permitted = state.permitted.contains(&(to, key(nat.filtering, from)));
        permitted.then(|| state.internal.get(&to).copied()).flatten()
    }
}

fn without_prefix(nat: &Nat, to: Endpoint) -> Option<Endpoint> {
    Some(Endpoint { ip: nat.without_prefix(to.ip)?, ..to })
}

fn with_prefix(nat: &Nat, from: Endpoint, inner: Endpoint) -> Option<Endpoint> {
    Some(Endpoint { ip: nat.with_prefix(from.ip, inner.ip)?, ..from })
}

/// Whether a datagram may get over a link at all.
trait Passable {
    fn is_passable(&self) -> bool;
}

impl Passable for Link {
    fn is_passable(&self) -> bool {
        self.loss < 1.0
    }
}
