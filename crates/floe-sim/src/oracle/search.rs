//! The search: both agents send everything everywhere until nothing new comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use floe_core::{CandidateKind, address::is_ipv6_link_local};

use super::{
    Party, PathClass,
    symbols::{Endpoint, Landing, Memory},
};
use crate::{HostId, Network, Realm};

/// How many learned candidates may lead to each other. Two agents whose NATs map each remote anew and let all in learn
/// new ones for ever, and none of them is ever answered from where it was sent to. Whoever meets has met after two.
const MAX_LEARNED: u8 = 4;

/// What an agent sends from.
#[derive(Debug, Clone)]
struct Base {
    /// Which agent's it is.
    side: usize,
    at: (Realm, HostId),
    endpoint: Endpoint,
    /// Of a relay: whom it lets in, by address (RFC 8656 9).
    permitted: Option<BTreeSet<(IpAddr, u32)>>,
    /// What servers saw of it.
    reflexive: BTreeSet<Endpoint>,
}

pub(super) struct Search<'a> {
    network: &'a Network,
    parties: [&'a Party; 2],
    memory: Memory,
    bases: Vec<Base>,
    /// The candidates of the other that each agent was told of.
    told: [BTreeSet<Endpoint>; 2],
    /// Those that a base has learned, and how many learned ones led to it. No other base checks them (RFC 8445 7.3.1.3).
    learned: BTreeMap<(usize, Endpoint), u8>,
    /// Who sends what where: which base it comes to, and from where it seems to come.
    arrivals: BTreeMap<(usize, Endpoint), (usize, Endpoint)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(network: &'a Network, parties: [&'a Party; 2]) -> Self {
        Self {
            network,
            parties,
            memory: Memory::default(),
            bases: Vec::new(),
            told: [BTreeSet::new(), BTreeSet::new()],
            learned: BTreeMap::new(),
            arrivals: BTreeMap::new(),
        }
    }

    pub(super) fn run(mut self) -> Option<PathClass> {
        for side in [0, 1] {
            self.gather(side);
        }
        for side in [0, 1] {
            self.tell(side);
        }
        loop {
            let before = self.progress();
            self.send_all();
            if self.progress() == before {
                return self.best();
            }
        }
    }

    fn party(&self, side: usize) -> &'a Party {
        let [a, b] = self.parties;
        if side == 0 { a } else { b }
    }

    fn told_mut(&mut self, side: usize) -> &mut BTreeSet<Endpoint> {
        let [a, b] = &mut self.told;
        if side == 0 { a } else { b }
    }

    fn told(&self, side: usize) -> &BTreeSet<Endpoint> {
        let [a, b] = &self.told;
        if side == 0 { a } else { b }
    }

    /// What a base checks, and how many learned candidates led to it.
    fn known(&self, base: usize, side: usize) -> Vec<(Endpoint, u8)> {
        let learned = self.learned.iter().filter(|((of, _), _)| *of == base);
        let told = self.told(side).iter().map(|&endpoint| (endpoint, 0));
        told.chain(learned.map(|(&(_, endpoint), &count)| (endpoint, count))).collect()
    }

    fn knows(&self, base: usize, side: usize, endpoint: Endpoint) -> bool {
        self.told(side).contains(&endpoint) || self.learned.contains_key(&(base, endpoint))
    }

    /// A base has heard the other agent from here. All relays of its agent let that address in.
    fn learn(&mut self, base: usize, seen: Endpoint, count: u8) {
        let Some(side) = self.bases.get(base).map(|base| base.side) else { return };
        for relay in self.bases.iter_mut().filter(|relay| relay.side == side) {
            if let Some(permitted) = &mut relay.permitted {
                permitted.insert((seen.ip, seen.member));
            }
        }
        if !self.told(side).contains(&seen) {
            self.learned.entry((base, seen)).or_insert(count);
        }
    }

    /// Grows with everything that is learned.
    fn progress(&self) -> (u64, usize, usize, usize) {
        let permitted = self.bases.iter().filter_map(|base| base.permitted.as_ref()).map(BTreeSet::len).sum();
        (self.memory.version, permitted, self.learned.len(), self.arrivals.len())
    }

    fn gather(&mut self, side: usize) {
        let party = self.party(side);
        let Some(host) = self.network.host(party.host) else { return };
        for ip in host.addresses().filter(|ip| !ip.is_loopback()) {
            let endpoint = Endpoint { ip, member: 0, port: self.memory.name() };
            let at = (host.realm(ip), party.host);
            let reflexive = BTreeSet::new();
            self.bases.push(Base { side, at, endpoint, permitted: None, reflexive });
            let base = self.bases.len() - 1;
            for server in &party.stun {
                self.ask(base, *server);
            }
            for server in &party.turn {
                if let Some(at) = self.ask(base, *server) {
                    self.allocate(side, *server, at);
                }
            }
        }
    }

    /// Asks a server what it sees. Says where the server is, if it answers.
    fn ask(&mut self, base: usize, server: SocketAddr) -> Option<HostId> {
        let (at, endpoint) = self.bases.get(base).map(|base| (base.at, base.endpoint))?;
        let side = self.bases.get(base)?.side;
        let to = Endpoint { ip: server.ip(), member: 0, port: server.port().into() };
        let to = self.on_wire(side, endpoint, to);
        let Landing { host, from: seen, to } = self.memory.send(self.network, at, endpoint, to)?;
        let realm = self.network.host(host)?.realm(to.ip);
        let answer = self.memory.send(self.network, (realm, host), to, seen)?;
        if answer.host != at.1 || answer.to != endpoint {
            return None;
        }
        if let Some(base) = self.bases.get_mut(base).filter(|_| seen != endpoint) {
            base.reflexive.insert(seen);
        }
        Some(host)
    }

    fn allocate(&mut self, side: usize, server: SocketAddr, host: HostId) {
        let ip = server.ip();
        let realm = self.network.host(host).map(|host| host.realm(ip)).unwrap_or_default();
        let is_same = |base: &Base| base.side == side && base.permitted.is_some() && base.endpoint.ip == ip;
        if !self.party(side).has(CandidateKind::Relayed) || self.bases.iter().any(is_same) {
            return;
        }
        let endpoint = Endpoint { ip, member: 0, port: self.memory.name() };
        let permitted = Some(BTreeSet::new());
        self.bases.push(Base { side, at: (realm, host), endpoint, permitted, reflexive: BTreeSet::new() });
    }

    /// Tells the other agent the candidates of this one.
    fn tell(&mut self, side: usize) {
        let party = self.party(side);
        let mut told = Vec::new();
        for base in self.bases.iter().filter(|base| base.side == side) {
            if base.permitted.is_some() || party.has(CandidateKind::Host) {
                told.push(base.endpoint);
            }
            if party.has(CandidateKind::ServerReflexive) {
                told.extend(&base.reflexive);
            }
        }
        self.told_mut(1 - side).extend(told);
    }

    /// Every base sends to every candidate of the other side that it checks.
    fn send_all(&mut self) {
        for base in 0..self.bases.len() {
            let Some(side) = self.bases.get(base).map(|base| base.side) else { continue };
            if !self.may_send(base) {
                continue;
            }
            for (to, learned) in self.known(base, side) {
                let Some((target, seen)) = self.deliver(base, to) else { continue };
                let other = 1 - side;
                let learns = self.party(other).has(CandidateKind::PeerReflexive);
                if learns && self.may_send(target) && learned < MAX_LEARNED {
                    self.learn(target, seen, learned + 1);
                }
                // The answer to the check opens the way for more.
                if self.may_send(target) {
                    self.deliver(target, seen);
                }
            }
        }
    }

    /// Whether checks are sent from this base at all: an agent with relayed candidates only sends from its relays.
    fn may_send(&self, base: usize) -> bool {
        use CandidateKind::{Host, PeerReflexive, ServerReflexive};
        let sends = |base: &Base| {
            let party = self.party(base.side);
            base.permitted.is_some()
                || [Host, ServerReflexive, PeerReflexive].iter().any(|kind| party.has(*kind))
        };
        self.bases.get(base).is_some_and(sends)
    }

    /// Sends from a base: which base of the other side it comes to, and from where it seems to come.
    fn deliver(&mut self, base: usize, to: Endpoint) -> Option<(usize, Endpoint)> {
        let sender = self.bases.get_mut(base)?;
        // RFC 8445 6.1.2.2: link-local addresses pair with each other only.
        if is_ipv6_link_local(sender.endpoint.ip) != is_ipv6_link_local(to.ip) {
            return None;
        }
        if let Some(permitted) = &mut sender.permitted {
            permitted.insert((to.ip, to.member));
        }
        let (side, at, from, relays) = (sender.side, sender.at, sender.endpoint, sender.permitted.is_some());
        let wire = if relays { to } else { self.on_wire(side, from, to) };
        let landing = self.memory.send(self.network, at, from, wire)?;
        let is_it = |base: &Base| {
            let lets_in =
                |permitted: &BTreeSet<_>| permitted.contains(&(landing.from.ip, landing.from.member));
            base.side != side
                && base.at.1 == landing.host
                && base.endpoint == landing.to
                && base.permitted.as_ref().is_none_or(lets_in)
        };
        let target = self.bases.iter().position(is_it)?;
        let arrival = (target, self.off_wire(target, landing.from));
        self.arrivals.insert((base, to), arrival);
        Some(arrival)
    }

    /// The address that an agent sends to from this socket to reach another.
    fn on_wire(&self, side: usize, from: Endpoint, to: Endpoint) -> Endpoint {
        match (self.party(side).nat64, from.ip, to.ip) {
            (Some(prefix), IpAddr::V6(_), IpAddr::V4(ip)) => {
                Endpoint { ip: prefix.embed(ip).map_or(to.ip, IpAddr::V6), ..to }
            }
            _ => to,
        }
    }

    /// The address that what comes in at a base from here is taken to come from.
    fn off_wire(&self, base: usize, from: Endpoint) -> Endpoint {
        let prefix = self.bases.get(base).and_then(|base| self.party(base.side).nat64);
        match (prefix, from.ip) {
            (Some(prefix), IpAddr::V6(ip)) => {
                Endpoint { ip: prefix.extract(ip).map_or(from.ip, IpAddr::V4), ..from }
            }
            _ => from,
        }
    }

    fn best(&self) -> Option<PathClass> {
        self.arrivals
            .iter()
            .filter_map(|(&(base, to), &(target, seen))| self.class(base, to, target, seen))
            .max()
    }

    /// The class of a pair, if its check is answered: the answer must come from where the check was sent to, and the
    /// addresses that both see must be candidates (RFC 8445 7.2.5.2.1, 7.2.5.3.1).
    fn class(&self, base: usize, to: Endpoint, target: usize, seen: Endpoint) -> Option<PathClass> {
        let (local, remote) = (self.bases.get(base)?, self.bases.get(target)?);
        let answered = self.arrivals.get(&(target, seen)) == Some(&(base, to));
        let are_local = self.is_candidate(local, seen) && self.is_candidate(remote, to);
        let are_remote = self.knows(base, local.side, to) && self.knows(target, remote.side, seen);
        (answered && are_local && are_remote).then_some(())?;
        Some(if local.permitted.is_some() || remote.permitted.is_some() {
            PathClass::Relayed
        } else if seen == local.endpoint && to == remote.endpoint {
            PathClass::Direct
        } else {
            PathClass::Reflexive
        })
    }

    fn is_candidate(&self, base: &Base, seen: Endpoint) -> bool {
        let party = self.party(base.side);
        (seen == base.endpoint && (base.permitted.is_some() || party.has(CandidateKind::Host)))
            || base.reflexive.contains(&seen) && party.has(CandidateKind::ServerReflexive)
            || party.has(CandidateKind::PeerReflexive)
    }
}
