//! Small internets by chance: two agents, their NATs and firewalls, and a server.

mod describe;
mod random;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, time::Instant};

use floe_core::{Nat64Prefix, address::Family};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use crate::{AddressInUse, Families, Gateway, Host, HostId, Internet, Link, Network, Party, Realm};

/// The port of the server.
const SERVER_PORT: u16 = 3_478;

/// A small internet for two agents, to look at, to change, and to build.
///
/// [`World::random`] makes one of a seed, always the same; printed, it tells what it is and how it is made again.
///
/// A seed is replayed by making its world again and running the same programs on it:
///
/// ```
/// use std::{collections::VecDeque, net::SocketAddr, time::{Duration, Instant}};
///
/// use floe_sim::{Action, BindError, Node, Simulation, World};
///
/// /// Sends a datagram to the server from a socket of each address.
/// struct Caller(VecDeque<Action>, [SocketAddr; 2]);
///
/// impl Node for Caller {
///     fn handle_bound(&mut self, _now: Instant, _tag: u64, result: Result<SocketAddr, BindError>) {
///         let Ok(from) = result else { return };
///         let to = self.1.into_iter().find(|to| to.is_ipv4() == from.is_ipv4()).unwrap();
///         self.0.push_back(Action::Send { from, to, payload: "hello".into() });
///     }
///     fn handle_datagram(&mut self, _: Instant, _: SocketAddr, _: SocketAddr, _: &[u8]) {}
///     fn poll_action(&mut self) -> Option<Action> {
///         self.0.pop_front()
///     }
/// }
///
/// let start = Instant::now();
/// let replay = |seed| {
///     let world = World::random(seed);
///     let built = world.build(start).unwrap();
///     let mut simulation = Simulation::over(built.network);
///     for (host, tag) in built.hosts.into_iter().zip(1..) {
///         let interfaces = simulation.network().host(host).unwrap().interfaces();
///         let addresses = interfaces.iter().flat_map(|interface| &interface.addresses);
///         let bind = addresses.map(|at| Action::Bind { tag, address: SocketAddr::new(at.ip, 0) });
///         let caller = Caller(bind.collect(), built.listen);
///         simulation.place(host, caller);
///     }
///     simulation.run_for(Duration::from_secs(1)).unwrap();
///     if simulation.network().log().is_empty() {
///         // What a failing test does: say what it was, and keep the datagrams for Wireshark.
///         std::fs::write("failing.pcapng", simulation.network().capture()).unwrap();
///         panic!("nobody called: {world}");
///     }
///     simulation.network().log().to_vec()
/// };
/// assert_eq!(replay(42), replay(42)); // to the datagram and to the nanosecond
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct World {
    /// What it was made of; it seeds what is left to chance in the network, too.
    pub seed: u64,
    /// The gateways that both agents are behind, from the internet on inwards: a common carrier, or a common home.
    pub common: Vec<Gateway>,
    /// The interfaces of each agent.
    pub ends: [Vec<Attachment>; 2],
    /// The link across the internet, both ways.
    pub core: Link,
    /// Whether the agents ask the server for their reflexive addresses.
    pub stun: bool,
    /// Whether each agent allocates a relay on the server.
    pub turn: [bool; 2],
}

/// How an interface is attached to the internet.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// The gateways that it is behind, besides the common ones, from outside inwards.
    pub chain: Vec<Gateway>,
    /// Whether the common gateways are before those.
    pub common: bool,
    /// Its addresses.
    pub families: Families,
}

/// A world that was built.
#[derive(Debug)]
#[non_exhaustive]
pub struct Built {
    /// The network.
    pub network: Network,
    /// The hosts of the agents.
    pub hosts: [HostId; 2],
    /// The host for the server.
    pub server: HostId,
    /// Where the server is to listen: an IPv4 address, and an IPv6 one.
    pub listen: [SocketAddr; 2],
    /// The agents as the oracle is to be asked about them.
    pub parties: [Party; 2],
}

impl World {
    /// Two agents on the open internet with IPv4, and a server for reflexive addresses: to begin with.
    #[must_use]
    pub fn open(seed: u64) -> Self {
        let attachment = Attachment { chain: Vec::new(), common: false, families: Families::V4 };
        Self {
            seed,
            common: Vec::new(),
            ends: [vec![attachment.clone()], vec![attachment]],
            core: Link::default(),
            stun: true,
            turn: [false, false],
        }
    }

    /// The world of this seed: two agents with one or two interfaces each, behind up to three gateways of all kinds, on
    /// a link with some delay, jitter and loss. Many hosts that have IPv6 only are behind a NAT64.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut world = random::world(seed, &mut rng);
        rng.set_stream(1);
        random::put_nat64(&mut world, &mut rng);
        world
    }

    /// Builds it. All sockets are still to be bound: by the nodes that are placed on the hosts.
    ///
    /// # Errors
    /// A NAT was given external addresses by hand, and they are taken.
    pub fn build(&self, epoch: Instant) -> Result<Built, AddressInUse> {
        let mut internet = Internet::new(epoch, self.seed);
        let server = internet.host([(Realm::INTERNET, Families::Both)])?;
        let common = nest(&mut internet, Realm::INTERNET, &self.common)?;
        let [a, b] = &self.ends;
        let hosts = [Self::end(&mut internet, common, a)?, Self::end(&mut internet, common, b)?];
        let mut network = internet.build();
        network.set_default_link(self.core);
        let listen = [Family::V4, Family::V6].map(|family| listen(&network, server, family));
        let [turn_a, turn_b] = self.turn;
        let [host_a, host_b] = hosts;
        let mut parties = [self.party(host_a, turn_a, listen), self.party(host_b, turn_b, listen)];
        for (party, end) in parties.iter_mut().zip(&self.ends) {
            party.nat64 = nat64(end);
        }
        Ok(Built { network, hosts, server, listen, parties })
    }

    fn end(internet: &mut Internet, common: Realm, end: &[Attachment]) -> Result<HostId, AddressInUse> {
        let mut places = Vec::new();
        for attachment in end {
            let outermost = if attachment.common { common } else { Realm::INTERNET };
            places.push((nest(internet, outermost, &attachment.chain)?, attachment.families));
        }
        internet.host(places)
    }

    fn party(&self, host: HostId, turn: bool, listen: [SocketAddr; 2]) -> Party {
        listen.into_iter().fold(Party::new(host), |party, at| {
            let party = if self.stun { party.stun(at) } else { party };
            if turn { party.turn(at) } else { party }
        })
    }
}

/// What a host that has IPv6 only learns of a NAT64 that it is behind (RFC 7050).
fn nat64(end: &[Attachment]) -> Option<Nat64Prefix> {
    let ipv6_only = end.iter().all(|attachment| attachment.families == Families::V6);
    let mut nats =
        end.iter().flat_map(|attachment| &attachment.chain).filter_map(|gateway| gateway.nat.as_ref());
    nats.find_map(|nat| nat.nat64).filter(|_| ipv6_only)
}

/// Sites in each other; the innermost.
fn nest(internet: &mut Internet, outermost: Realm, chain: &[Gateway]) -> Result<Realm, AddressInUse> {
    chain.iter().try_fold(outermost, |above, gateway| internet.site(above, gateway.clone()))
}

fn listen(network: &Network, server: HostId, family: Family) -> SocketAddr {
    let mut addresses = network.host(server).into_iter().flat_map(Host::addresses);
    let ip = addresses.find(|ip| Family::of(*ip) == family);
    SocketAddr::new(ip.expect("invariant: the server has both families"), SERVER_PORT)
}
