//! The oracle against a prober that really sends.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use super::*;
use crate::{
    Allocation, Built, Dependence, Firewall, Gateway, Host, Inbound, Link, Nat, Pooling, Realm, World,
};

const SERVER: &str = "192.0.2.1:3478";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A network with a server that is STUN and TURN in one.
#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn network() -> Network {
    let mut network = Network::new(Instant::now(), 3);
    let server = network.add_host(Host::new().address(ip("192.0.2.1"))).unwrap();
    network.bind(server, at(SERVER)).unwrap();
    network
}

fn host(network: &mut Network, realm: Realm, address: &str) -> HostId {
    network.add_host(Host::new().within(realm).address(ip(address))).unwrap()
}

/// A socket that an agent sends from: its own, or that of its relay.
struct Socket {
    side: usize,
    host: HostId,
    at: SocketAddr,
    permitted: Option<BTreeSet<IpAddr>>,
    reflexive: BTreeSet<SocketAddr>,
    nat64: Option<Nat64Prefix>,
}

impl Socket {
    /// An address as the socket of an agent has it, or a relay.
    fn on_wire(&self, to: SocketAddr) -> SocketAddr {
        self.nat64.filter(|_| self.at.is_ipv6()).map_or(to, |prefix| prefix.embed_socket(to))
    }

    fn off_wire(&self, from: SocketAddr) -> SocketAddr {
        self.nat64.map_or(from, |prefix| prefix.extract_socket(from))
    }
}

/// Two agents that send everything to every address they know, and answer everything: no oracle, only sockets.
struct Prober<'a> {
    network: &'a mut Network,
    sockets: Vec<Socket>,
    /// With how many learned ones led to each.
    known: [BTreeMap<SocketAddr, u8>; 2],
    /// Who sent what where, and where it came out of which address.
    arrived: BTreeMap<(usize, SocketAddr), (usize, SocketAddr)>,
}

impl<'a> Prober<'a> {
    fn new(network: &'a mut Network, parties: [&Party; 2]) -> Self {
        let mut prober =
            Self { network, sockets: Vec::new(), known: Default::default(), arrived: BTreeMap::new() };
        for (side, party) in parties.into_iter().enumerate() {
            prober.gather(side, party);
        }
        for socket in &prober.sockets {
            let told = [socket.at].into_iter().chain(socket.reflexive.iter().copied());
            prober.known[1 - socket.side].extend(told.map(|at| (at, 0)));
        }
        prober
    }

    fn gather(&mut self, side: usize, party: &Party) {
        let addresses: Vec<_> = self.network.host(party.host).unwrap().addresses().collect();
        for ip in addresses {
            let at = self.network.bind(party.host, SocketAddr::new(ip, 0)).unwrap();
            let nat64 = party.nat64;
            let reflexive = BTreeSet::new();
            let mut socket = Socket { side, host: party.host, at, permitted: None, reflexive, nat64 };
            for server in &party.stun {
                self.ask(&mut socket, *server);
            }
            for server in &party.turn {
                let is_same = |other: &Socket| {
                    other.side == side && other.permitted.is_some() && other.at.ip() == server.ip()
                };
                if let Some(host) = self.ask(&mut socket, *server)
                    && !self.sockets.iter().any(is_same)
                {
                    let at = self.network.bind(host, SocketAddr::new(server.ip(), 0)).unwrap();
                    let permitted = Some(BTreeSet::new());
                    let reflexive = BTreeSet::new();
                    self.sockets.push(Socket { side, host, at, permitted, reflexive, nat64: None });
                }
            }
            self.sockets.push(socket);
        }
    }

    /// Asks a server, and says where it is if its answer arrives.
    fn ask(&mut self, socket: &mut Socket, server: SocketAddr) -> Option<HostId> {
        let (host, to, seen) = self.transmit(socket.host, socket.at, socket.on_wire(server))?;
        let (answered, at, _) = self.transmit(host, to, seen)?;
        assert_eq!((answered, at), (socket.host, socket.at));
        socket.reflexive.insert(seen);
        Some(host)
    }

    /// Sends, and says who got it, where, and from where.
    fn transmit(
        &mut self,
        host: HostId,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Option<(HostId, SocketAddr, SocketAddr)> {
        self.network.send_by(host, from, to, "probe".into());
        self.network.poll_arrival().map(|arrival| (arrival.host, arrival.local, arrival.from))
    }

    fn send(&mut self, socket: usize, to: SocketAddr) -> Option<(usize, SocketAddr)> {
        let sender = &mut self.sockets[socket];
        if let Some(permitted) = &mut sender.permitted {
            permitted.insert(to.ip());
        }
        let (side, host, from, wire) = (sender.side, sender.host, sender.at, sender.on_wire(to));
        let (host, local, seen) = self.transmit(host, from, wire)?;
        let target = self.sockets.iter().position(|socket| (socket.host, socket.at) == (host, local))?;
        let seen = self.sockets[target].off_wire(seen);
        let permitted = self.sockets[target].permitted.as_ref();
        if self.sockets[target].side == side || permitted.is_some_and(|ips| !ips.contains(&seen.ip())) {
            return None;
        }
        self.arrived.insert((socket, to), (target, seen));
        Some((target, seen))
    }

    fn best(mut self) -> Option<PathClass> {
        for _ in 0..8 {
            for socket in 0..self.sockets.len() {
                for (to, learned) in self.known[self.sockets[socket].side].clone() {
                    if let Some((target, seen)) = self.send(socket, to) {
                        if learned < 6 {
                            self.known[self.sockets[target].side].entry(seen).or_insert(learned + 1);
                        }
                        self.send(target, seen);
                    }
                }
            }
        }
        let pair = |(&(socket, to), &(target, seen)): (&(usize, SocketAddr), &(usize, SocketAddr))| {
            let answered = self.arrived.get(&(target, seen)) == Some(&(socket, to));
            let ends = [&self.sockets[socket], &self.sockets[target]];
            let direct = ends[0].at == seen && ends[1].at == to;
            answered.then_some(match ends.iter().any(|end| end.permitted.is_some()) {
                true => PathClass::Relayed,
                false if direct => PathClass::Direct,
                false => PathClass::Reflexive,
            })
        };
        self.arrived.iter().filter_map(pair).max()
    }
}

/// Asks the oracle and the prober, for all combinations of relays; they must agree. The answers, without relays first.
#[track_caller]
fn agree(network: &mut Network, hosts: [HostId; 2], what: &dyn std::fmt::Debug) -> [Option<PathClass>; 4] {
    agree_with(network, hosts, [None; 2], what)
}

/// The same of hosts that know of a NAT64.
#[track_caller]
fn agree_with(
    network: &mut Network,
    hosts: [HostId; 2],
    nat64: [Option<Nat64Prefix>; 2],
    what: &dyn std::fmt::Debug,
) -> [Option<PathClass>; 4] {
    [[false, false], [true, false], [false, true], [true, true]].map(|relays| {
        let party = |side: usize| {
            let party = Party { nat64: nat64[side], ..Party::new(hosts[side]).stun(at(SERVER)) };
            if relays[side] { party.turn(at(SERVER)) } else { party }
        };
        for realm in 0..network.realms().len() {
            network.forget_mappings(Realm(realm));
        }
        let said = network.best_path(&party(0), &party(1));
        let said_the_other_way = network.best_path(&party(1), &party(0));
        let seen = Prober::new(network, [&party(0), &party(1)]).best();
        assert_eq!(said, seen, "{what:?}, relays {relays:?}");
        assert_eq!(said, said_the_other_way, "{what:?}, relays {relays:?}");
        said
    })
}

/// All combinations of mapping and filtering, and hairpinning or not.
fn behaviours() -> Vec<(Dependence, Dependence, bool)> {
    let all = Dependence::ALL.into_iter();
    let two = all.flat_map(|mapping| Dependence::ALL.map(|filtering| (mapping, filtering)));
    two.flat_map(|(mapping, filtering)| [false, true].map(|hairpins| (mapping, filtering, hairpins)))
        .collect()
}

fn nat(external: &str, (mapping, filtering, hairpins): (Dependence, Dependence, bool)) -> Nat {
    let nat = Nat::new([ip(external)]).behaving(mapping, filtering).hairpins(hairpins);
    nat.ports(false, Allocation::Random)
}

#[test]
fn two_homes_of_any_behaviour() {
    let mut table = BTreeMap::new();
    for one in behaviours() {
        for other in behaviours() {
            let mut network = network();
            let hosts = [("203.0.113.1", one), ("203.0.113.2", other)].map(|(external, behaviour)| {
                let realm = network.add_realm(Realm::INTERNET, nat(external, behaviour)).unwrap();
                host(&mut network, realm, "192.168.1.2")
            });
            let [alone, relays @ ..] = agree(&mut network, hosts, &(one, other));
            assert!(relays.iter().all(Option::is_some), "a relay always helps");
            *table.entry(alone).or_insert(0) += 1;
        }
    }
    // 81 combinations, each four times: hairpinning changes nothing here.
    assert_eq!(table.into_iter().collect::<Vec<_>>(), [(None, 39 * 4), (Some(PathClass::Reflexive), 42 * 4)]);
}

#[test]
fn which_behaviours_meet_without_a_relay() {
    use Dependence::{Address, AddressAndPort, EndpointIndependent};
    let met = |one: (Dependence, Dependence), other: (Dependence, Dependence)| {
        let mut network = network();
        let hosts = [("203.0.113.1", one), ("203.0.113.2", other)].map(|(external, (mapping, filtering))| {
            let realm =
                network.add_realm(Realm::INTERNET, nat(external, (mapping, filtering, true))).unwrap();
            host(&mut network, realm, "192.168.1.2")
        });
        agree(&mut network, hosts, &(one, other))[0].is_some()
    };
    // The classical table: full cone, restricted, port restricted, symmetric.
    let full = (EndpointIndependent, EndpointIndependent);
    let restricted = (EndpointIndependent, Address);
    let port_restricted = (EndpointIndependent, AddressAndPort);
    let symmetric = (AddressAndPort, AddressAndPort);
    for friendly in [full, restricted, port_restricted] {
        assert!([full, restricted, port_restricted].iter().all(|other| met(friendly, *other)));
    }
    assert!(met(full, symmetric) && met(restricted, symmetric));
    assert!(!met(port_restricted, symmetric) && !met(symmetric, symmetric));
}

#[test]
fn one_home_and_a_public_host() {
    for behaviour in behaviours() {
        let mut network = network();
        let realm = network.add_realm(Realm::INTERNET, nat("203.0.113.1", behaviour)).unwrap();
        let home = host(&mut network, realm, "192.168.1.2");
        let public = host(&mut network, Realm::INTERNET, "198.51.100.1");
        let [alone, ..] = agree(&mut network, [home, public], &behaviour);
        assert_eq!(alone, Some(PathClass::Reflexive));
    }
}

#[test]
fn a_host_behind_a_nat64_and_one_that_has_ipv4_only() {
    let mut classes = BTreeMap::new();
    let known = [Some(Nat64Prefix::WELL_KNOWN), None];
    for one in behaviours() {
        for other in behaviours() {
            let mut network = network();
            let nat64 = nat("203.0.113.1", one).nat64(Nat64Prefix::WELL_KNOWN);
            let inside = network.add_realm(Realm::INTERNET, nat64).unwrap();
            let home = network.add_realm(Realm::INTERNET, nat("203.0.113.2", other)).unwrap();
            let hosts = [host(&mut network, inside, "2001:db8::1"), host(&mut network, home, "192.168.1.2")];
            let [alone, relays @ ..] = agree_with(&mut network, hosts, known, &(one, other));
            assert!(relays.iter().all(Option::is_some), "a relay always helps");
            *classes.entry(alone).or_insert(0) += 1;
            // Who does not know of it finds no IPv4 server, and is found by nobody.
            let [alone, ours, ..] = agree(&mut network, hosts, &(one, other));
            assert_eq!((alone, ours), (None, None));
        }
    }
    // As any two homes.
    let expected = [(None, 39 * 4), (Some(PathClass::Reflexive), 42 * 4)];
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn two_hosts_of_one_nat64_that_turn_back_there() {
    for behaviour in behaviours() {
        let mut network = network();
        let nat64 = nat("203.0.113.1", behaviour).nat64(Nat64Prefix::WELL_KNOWN);
        let inside = network.add_realm(Realm::INTERNET, nat64).unwrap();
        let hosts = ["2001:db8::1", "2001:db8::2"].map(|address| host(&mut network, inside, address));
        let known = [Some(Nat64Prefix::WELL_KNOWN); 2];
        assert_eq!(agree_with(&mut network, hosts, known, &behaviour)[0], Some(PathClass::Direct));
        for (from, to) in [("2001:db8::1", "2001:db8::2"), ("2001:db8::2", "2001:db8::1")] {
            network.set_path(ip(from), ip(to), Link::cut());
        }
        let [isolated, ..] = agree_with(&mut network, hosts, known, &behaviour);
        assert!(behaviour.2 || isolated.is_none(), "{behaviour:?}");
    }
}

#[test]
fn two_hosts_of_one_home() {
    for behaviour in behaviours() {
        let mut network = network();
        let realm = network.add_realm(Realm::INTERNET, nat("203.0.113.1", behaviour)).unwrap();
        let hosts = ["192.168.1.2", "192.168.1.3"].map(|address| host(&mut network, realm, address));
        assert_eq!(agree(&mut network, hosts, &behaviour)[0], Some(PathClass::Direct));
        // Where they may not talk to each other inside, all depends on hairpinning.
        for (from, to) in [("192.168.1.2", "192.168.1.3"), ("192.168.1.3", "192.168.1.2")] {
            network.set_path(ip(from), ip(to), Link::cut());
        }
        let [isolated, ..] = agree(&mut network, hosts, &behaviour);
        assert!(behaviour.2 || isolated.is_none(), "{behaviour:?}");
    }
}

#[test]
fn two_homes_of_one_carrier() {
    for carrier in behaviours() {
        for (mapping, filtering, _) in behaviours().into_iter().filter(|behaviour| behaviour.2) {
            for separate in [false, true] {
                let mut network = network();
                let above = network.add_realm(Realm::INTERNET, nat("203.0.113.1", carrier)).unwrap();
                let hosts = ["100.64.0.1", "100.64.0.2"].map(|external| {
                    let home = network.add_realm(above, nat(external, (mapping, filtering, true))).unwrap();
                    host(&mut network, home, "192.168.1.2")
                });
                if separate {
                    network.set_path(ip("100.64.0.1"), ip("100.64.0.2"), Link::cut());
                    network.set_path(ip("100.64.0.2"), ip("100.64.0.1"), Link::cut());
                }
                agree(&mut network, hosts, &(carrier, mapping, filtering, separate));
            }
        }
    }
}

#[test]
fn a_home_behind_a_carrier_and_another_elsewhere() {
    for carrier in behaviours().into_iter().filter(|behaviour| behaviour.2) {
        for home in behaviours().into_iter().filter(|behaviour| behaviour.2) {
            let mut network = network();
            let above = network.add_realm(Realm::INTERNET, nat("203.0.113.1", carrier)).unwrap();
            let below = network.add_realm(above, nat("100.64.0.1", home)).unwrap();
            let elsewhere = network.add_realm(Realm::INTERNET, nat("203.0.113.2", home)).unwrap();
            let hosts = [below, elsewhere].map(|realm| host(&mut network, realm, "192.168.1.2"));
            agree(&mut network, hosts, &(carrier, home));
            let hosts = [hosts[0], host(&mut network, above, "100.64.0.9")];
            agree(&mut network, hosts, &(carrier, home));
        }
    }
}

#[test]
fn firewalls_of_all_kinds() {
    let answers = |dependence| Firewall { inbound: Inbound::Answers(dependence), ..Firewall::no_inbound() };
    let firewalls = [
        Firewall::no_inbound(),
        answers(Dependence::Address),
        answers(Dependence::EndpointIndependent),
        Firewall { inbound: Inbound::Open, ..Firewall::no_inbound() },
        Firewall { inbound: Inbound::Closed, ..Firewall::no_inbound() },
        Firewall::to_ports([3_478]),
        Firewall::tcp_443_only(),
    ];
    let mut seen = BTreeSet::new();
    for one in &firewalls {
        for other in &firewalls {
            for behaviour in behaviours() {
                let mut network = network();
                let guarded = network.add_realm(Realm::INTERNET, one.clone()).unwrap();
                let gateway = Gateway::nat(nat("203.0.113.1", behaviour)).firewall(other.clone());
                let home = network.add_realm(Realm::INTERNET, gateway).unwrap();
                let guarded = host(&mut network, guarded, "198.51.100.1");
                let hosts = [guarded, host(&mut network, home, "192.168.1.2")];
                seen.extend(agree(&mut network, hosts, &(one, other, behaviour)));
            }
        }
    }
    assert_eq!(seen.len(), 3, "none, relayed and reflexive: {seen:?}");
}

#[test]
fn both_families() {
    let mut network = network();
    let hosts = [1, 2].map(|n| {
        let gateway =
            Gateway::nat(nat(&format!("203.0.113.{n}"), (Dependence::Address, Dependence::Address, true)));
        let home = network.add_realm(Realm::INTERNET, gateway.firewall(Firewall::no_inbound())).unwrap();
        let host = Host::new().within(home).address(ip("192.168.1.2"));
        network.add_host(host.address(ip(&format!("2001:db8:{n}::2")))).unwrap()
    });
    assert_eq!(
        agree(&mut network, hosts, &"")[0],
        Some(PathClass::Direct),
        "over IPv6, where nothing translates"
    );
}

#[test]
fn pools_of_addresses() {
    for pooling in [Pooling::Paired, Pooling::Arbitrary] {
        for (mapping, filtering, hairpins) in behaviours() {
            let mut network = network();
            let hosts = [["203.0.113.1", "203.0.113.2"], ["203.0.113.3", "203.0.113.4"]].map(|pool| {
                let nat =
                    Nat::new(pool.map(ip)).behaving(mapping, filtering).hairpins(hairpins).pooling(pooling);
                let realm = network.add_realm(Realm::INTERNET, nat.ports(false, Allocation::Random)).unwrap();
                host(&mut network, realm, "192.168.1.2")
            });
            let party = |host| Party::new(host).stun(at(SERVER));
            let said = network.best_path(&party(hosts[0]), &party(hosts[1]));
            let seen = Prober::new(&mut network, [&party(hosts[0]), &party(hosts[1])]).best();
            if pooling == Pooling::Paired {
                assert_eq!(said, seen, "{mapping:?} {filtering:?}");
            }
            assert!(said <= seen, "what is said to work works: {mapping:?} {filtering:?}");
        }
    }
}

#[test]
fn only_relays() {
    let mut network = network();
    let hosts = ["198.51.100.1", "198.51.100.2"].map(|address| host(&mut network, Realm::INTERNET, address));
    let relay_only = |host| Party::new(host).kinds([CandidateKind::Relayed]);
    let [one, other] = hosts.map(|host| relay_only(host).turn(at(SERVER)));
    assert_eq!(network.best_path(&one, &other), Some(PathClass::Relayed));
    assert_eq!(network.best_path(&one, &relay_only(hosts[1])), None);
    assert_eq!(network.best_path(&one, &Party::new(hosts[1])), Some(PathClass::Relayed));
    assert_eq!(network.best_path(&Party::new(hosts[0]), &Party::new(hosts[1])), Some(PathClass::Direct));
}

#[test]
fn a_cut_line_and_a_lost_server() {
    let mut network = network();
    let home = network.add_realm(Realm::INTERNET, Nat::new([ip("203.0.113.1")])).unwrap();
    let hosts =
        [host(&mut network, home, "192.168.1.2"), host(&mut network, Realm::INTERNET, "198.51.100.1")];
    network.set_path(ip("203.0.113.1"), ip("198.51.100.1"), Link::cut());
    assert_eq!(agree(&mut network, hosts, &"cut")[0], None);
    network.set_access(home, Link::default(), Link::cut());
    assert_eq!(agree(&mut network, hosts, &"no way in"), [None; 4]);
}

/// A world without delays and losses, for the prober does not wait, with a server that listens.
#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn at_once(seed: u64) -> (World, Built) {
    let mut world = World::random(seed);
    world.core = Link::default();
    let chains = world.ends.iter_mut().flatten().map(|attachment| &mut attachment.chain);
    for gateway in chains.flatten().chain(&mut world.common) {
        (gateway.up, gateway.down) = (Link::default(), Link::default());
    }
    let mut built = world.build(Instant::now()).unwrap();
    for at in built.listen {
        built.network.bind(built.server, at).unwrap();
    }
    (world, built)
}

#[test]
fn random_worlds() {
    let mut seen = BTreeMap::new();
    for seed in 0..3_000 {
        let (world, mut built) = at_once(seed);
        let [a, b] = &built.parties;
        let said = built.network.best_path(a, b);
        assert_eq!(said, built.network.best_path(b, a), "{world}");
        assert_eq!(said, Prober::new(&mut built.network, [a, b]).best(), "{world}");
        *seen.entry(said).or_insert(0) += 1;
    }
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 100), "{seen:?}");
}
