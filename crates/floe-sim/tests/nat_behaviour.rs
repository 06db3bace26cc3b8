//! The NATs of the simulator, told apart from outside as RFC 5780 does: every combination of behaviours.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use floe_sim::{Allocation, Dependence, Fate, Host, HostId, Nat, Network, Pooling, Realm};

const EXTERNAL: [&str; 2] = ["203.0.113.1", "203.0.113.2"];
const PARTNERS: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const PORTS: [u16; 2] = [3_478, 3_479];
const STEP: Duration = Duration::from_millis(1);

/// What a probe finds out about a NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Findings {
    mapping: Dependence,
    filtering: Dependence,
    /// `None`: neither mapping nor filtering is endpoint-independent, and nobody can tell from outside.
    hairpins: Option<bool>,
    preserves_ports: bool,
    preserves_parity: bool,
    allocation: Allocation,
    pooling: Pooling,
    inbound_refreshes: bool,
}

/// Three inner hosts behind a NAT, and a server with two addresses and two ports.
struct Lab {
    network: Network,
    inner: [HostId; 3],
    next_port: u16,
}

impl Lab {
    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    fn new(nat: &Nat) -> Self {
        let mut network = Network::new(Instant::now(), 7);
        let server = PARTNERS.iter().fold(Host::new(), |host, ip| host.address(ip.parse().unwrap()));
        let server = network.add_host(server).unwrap();
        for ip in PARTNERS {
            for port in PORTS {
                network.bind(server, SocketAddr::new(ip.parse().unwrap(), port)).unwrap();
            }
        }
        let home = network.add_realm(Realm::INTERNET, nat.clone()).unwrap();
        let inner = [1, 2, 3].map(|n| {
            network.add_host(Host::new().within(home).address(IpAddr::from([10, 0, 0, n]))).unwrap()
        });
        Self { network, inner, next_port: 5_000 }
    }

    /// Where the server listens.
    fn partner(ip: usize, port: usize) -> SocketAddr {
        SocketAddr::new(PARTNERS[ip].parse().unwrap(), PORTS[port])
    }

    fn bind(&mut self, host: usize, port: u16) -> SocketAddr {
        let ip = self.network.host(self.inner[host]).unwrap().interfaces()[0].addresses[0].ip;
        self.network.bind(self.inner[host], SocketAddr::new(ip, port)).unwrap()
    }

    /// A socket with a port that was never used.
    fn fresh(&mut self, host: usize) -> SocketAddr {
        self.next_port += 1;
        self.bind(host, self.next_port)
    }

    /// Sends, and says from where it arrived, if it did.
    fn send(&mut self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        self.network.send(from, to, "probe".into());
        self.network.poll_arrival().map(|arrival| arrival.from)
    }

    fn wait(&mut self, time: Duration) {
        self.network.advance(self.network.now() + time);
    }

    fn mapping(&mut self) -> Dependence {
        let socket = self.fresh(0);
        let seen = [(0, 0), (0, 1), (1, 0)].map(|(ip, port)| self.send(socket, Self::partner(ip, port)));
        match (seen[0] == seen[1], seen[0] == seen[2]) {
            (true, true) => Dependence::EndpointIndependent,
            (true, false) => Dependence::Address,
            _ => Dependence::AddressAndPort,
        }
    }

    fn filtering(&mut self) -> Dependence {
        let socket = self.fresh(0);
        let mapped = self.send(socket, Self::partner(0, 0)).unwrap();
        assert!(self.send(Self::partner(0, 0), mapped).is_some(), "an answer always arrives");
        let from_port = self.send(Self::partner(0, 1), mapped).is_some();
        match (self.send(Self::partner(1, 0), mapped).is_some(), from_port) {
            (true, true) => Dependence::EndpointIndependent,
            (false, true) => Dependence::Address,
            (false, false) => Dependence::AddressAndPort,
            (true, false) => panic!("a stranger may come in, and a neighbour of the server not"),
        }
    }

    fn hairpins(&mut self, mapping: Dependence, filtering: Dependence) -> Option<bool> {
        let (one, other) = (self.fresh(0), self.fresh(1));
        let mapped_one = self.send(one, Self::partner(0, 0)).unwrap();
        let mapped_other = self.send(other, Self::partner(0, 0)).unwrap();
        self.send(other, mapped_one);
        let seen = self.send(one, mapped_other);
        if let Some(seen) = seen {
            assert!(EXTERNAL.contains(&seen.ip().to_string().as_str()), "from the external address");
        }
        let independent = Dependence::EndpointIndependent;
        (mapping == independent || filtering == independent).then_some(seen.is_some())
    }

    /// The ports that mappings get, by host and inner port. Of the inner ones two are even, two odd, and so on: ports
    /// that follow each other do not look like that.
    fn ports(&mut self) -> Vec<[(u16, SocketAddr); 3]> {
        let inner = (0..4).flat_map(|n| [0, 2, 1, 3].map(|k| 20_000 + 4 * n + k));
        let all = |lab: &mut Self, port: u16| {
            [0, 1, 2].map(|host| {
                let socket = lab.bind(host, port);
                (port, lab.send(socket, Self::partner(0, 0)).unwrap())
            })
        };
        inner.map(|port| all(self, port)).collect()
    }

    /// Whether a mapping that something came in to at half its life outlives it.
    fn inbound_refreshes(&mut self, timeout: Duration) -> bool {
        let socket = self.fresh(0);
        let mapped = self.send(socket, Self::partner(0, 0)).unwrap();
        self.wait(timeout / 2);
        assert!(self.send(Self::partner(0, 0), mapped).is_some());
        self.wait(timeout / 2);
        self.send(Self::partner(0, 0), mapped).is_some()
    }

    fn probe(&mut self, timeout: Duration) -> Findings {
        let (mapping, filtering) = (self.mapping(), self.filtering());
        let hairpins = self.hairpins(mapping, filtering);
        let ports = self.ports();
        let preserves_ports = ports.iter().all(|[(inner, mapped), ..]| *inner == mapped.port());
        let chosen: Vec<_> =
            ports.iter().flatten().filter(|(inner, mapped)| *inner != mapped.port()).collect();
        assert!(chosen.len() >= 16, "there are two addresses for three hosts");
        let in_turn = |two: &[&(u16, SocketAddr)]| (1..=3).contains(&(two[1].1.port() - two[0].1.port()));
        let sequential = chosen.windows(2).all(|two| two[1].1.port() > two[0].1.port() && in_turn(two));
        let pools = ports.iter().map(|[(_, mapped), ..]| mapped.ip()).collect::<BTreeSet<_>>();
        Findings {
            mapping,
            filtering,
            hairpins,
            preserves_ports,
            preserves_parity: chosen.iter().all(|(inner, mapped)| inner % 2 == mapped.port() % 2),
            allocation: if sequential { Allocation::Sequential } else { Allocation::Random },
            pooling: if pools.len() == 1 { Pooling::Paired } else { Pooling::Arbitrary },
            inbound_refreshes: self.inbound_refreshes(timeout),
        }
    }
}

fn nats(mapping: Dependence, filtering: Dependence) -> Vec<Nat> {
    let mut nats = Vec::new();
    for bits in 0..64_u8 {
        let [hairpins, preserved, parity, random, arbitrary, refreshed] =
            [0, 1, 2, 3, 4, 5].map(|bit| bits >> bit & 1 == 1);
        let allocation = if random { Allocation::Random } else { Allocation::Sequential };
        let pooling = if arbitrary { Pooling::Arbitrary } else { Pooling::Paired };
        let nat = Nat::new(EXTERNAL.map(|ip| ip.parse().unwrap())).behaving(mapping, filtering);
        let nat = nat.hairpins(hairpins).ports(preserved, allocation).parity(parity).pooling(pooling);
        nats.push(nat.inbound_refreshes(refreshed));
    }
    nats
}

// proves: 4787-4-a
#[test]
fn a_probe_tells_every_combination_of_behaviours_apart() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            for nat in nats(mapping, filtering) {
                let found = Lab::new(&nat).probe(nat.timeout);
                let independent = Dependence::EndpointIndependent;
                let tellable = mapping == independent || filtering == independent;
                let expected = Findings {
                    mapping,
                    filtering,
                    hairpins: tellable.then_some(nat.hairpins),
                    preserves_ports: nat.preserves_ports,
                    preserves_parity: nat.preserves_parity,
                    allocation: nat.allocation,
                    pooling: nat.pooling,
                    inbound_refreshes: nat.inbound_refreshes,
                };
                assert_eq!(found, expected, "{nat:?}");
            }
        }
    }
}

#[test]
fn where_hairpinning_cannot_be_told_from_outside_the_log_tells_it() {
    for mapping in [Dependence::Address, Dependence::AddressAndPort] {
        for hairpins in [false, true] {
            let nat = Nat::new(EXTERNAL.map(|ip| ip.parse().unwrap()));
            let mut lab = Lab::new(&nat.behaving(mapping, Dependence::Address).hairpins(hairpins));
            lab.hairpins(mapping, Dependence::Address);
            let turned_away = matches!(lab.network.log().last().unwrap().fate, Fate::NoHairpin { .. });
            assert_eq!(turned_away, !hairpins);
        }
    }
}

#[test]
fn a_mapping_lives_exactly_until_its_timeout() {
    for seconds in [30, 120, 300] {
        let timeout = Duration::from_secs(seconds);
        let nat = Nat::new([EXTERNAL[0].parse().unwrap()]).timeout(timeout);
        let mut lab = Lab::new(&nat);
        for (idle, lives) in [(timeout - STEP, true), (timeout, false)] {
            let socket = lab.fresh(0);
            let mapped = lab.send(socket, Lab::partner(0, 0)).unwrap();
            lab.wait(idle);
            assert_eq!(lab.send(Lab::partner(0, 0), mapped).is_some(), lives, "after {idle:?}");
        }
    }
}

#[test]
fn what_goes_out_refreshes_a_mapping() {
    let nat = Nat::new([EXTERNAL[0].parse().unwrap()]).ports(false, Allocation::Random);
    let mut lab = Lab::new(&nat);
    let socket = lab.fresh(0);
    let mapped = lab.send(socket, Lab::partner(0, 0));
    for _ in 0..5 {
        lab.wait(nat.timeout - STEP);
        assert_eq!(lab.send(socket, Lab::partner(1, 1)), mapped);
    }
    lab.wait(nat.timeout);
    assert_ne!(lab.send(socket, Lab::partner(1, 1)), mapped, "a new mapping, with another port");
}

#[test]
fn a_permission_expires_though_the_mapping_lives() {
    let nat = Nat::new([EXTERNAL[0].parse().unwrap()])
        .behaving(Dependence::EndpointIndependent, Dependence::Address);
    let mut lab = Lab::new(&nat);
    let socket = lab.fresh(0);
    let mapped = lab.send(socket, Lab::partner(0, 0)).unwrap();
    lab.wait(nat.timeout / 2);
    lab.send(socket, Lab::partner(1, 0)).unwrap();
    lab.wait(nat.timeout / 2);
    assert_eq!(lab.send(Lab::partner(0, 0), mapped), None);
    assert!(lab.send(Lab::partner(1, 0), mapped).is_some());
}
