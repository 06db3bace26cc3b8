//! A gatherer in virtual time, on a host and with servers that a test plays.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use floe_core::{
    BaseId, ComponentId, Generation, Interface, InterfaceAddress, LocalCandidate, Received, StreamId,
    Transmit, Transport,
};
use floe_gather::{
    Action, Allocated, Event, GatherConfig, GatherError, Gatherer, JobId, Server, ServerError, ServerId,
    Start,
};
use floe_stun::{Message, rules};
use rand::{SeedableRng, rngs::ChaCha20Rng};

pub const S0: StreamId = StreamId(0);
pub const S1: StreamId = StreamId(1);
pub const RTP: ComponentId = ComponentId::RTP;
pub const RTCP: ComponentId = ComponentId::RTCP;
pub const G0: Generation = Generation(0);
pub const G1: Generation = Generation(1);
pub const STUN: &str = "198.51.100.1:3478";
pub const TURN: &str = "198.51.100.2:3478";
pub const MAPPED: &str = "203.0.113.1:61000";
pub const RELAYED: &str = "198.51.100.2:49152";

pub fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn stun(text: &str) -> Server {
    Server::stun(address(text))
}

pub fn turn(text: &str) -> Server {
    Server::turn(address(text))
}

pub fn with(servers: &[Server]) -> GatherConfig {
    GatherConfig::default().servers(servers.iter().cloned())
}

/// An interface that is up; an address may come with its prefix length.
pub fn interface(name: &str, index: u32, addresses: &[&str]) -> Interface {
    let address = |text: &&str| {
        let usual = if text.contains(':') { "64" } else { "24" };
        let (ip, length) = text.split_once('/').unwrap_or((text, usual));
        InterfaceAddress::new(ip.parse().unwrap(), length.parse().unwrap())
    };
    Interface { name: name.to_owned(), index, up: true, addresses: addresses.iter().map(address).collect() }
}

/// The only interface of a host.
pub fn eth0(addresses: &[&str]) -> Vec<Interface> {
    vec![interface("eth0", 2, addresses)]
}

pub fn end(stream: StreamId, generation: Generation) -> Event {
    Event::EndOfCandidates { stream, generation }
}

pub fn refused(address: &str, interface: &str, why: GatherError) -> Event {
    Event::Refused { address: ip(address), interface: interface.into(), why }
}

pub fn failed(server: u32, base: u32, why: ServerError) -> Event {
    Event::ServerFailed { stream: S0, component: RTP, server: ServerId(server), base: BaseId(base), why }
}

pub fn vanished(event: &Event) -> Option<BaseId> {
    match event {
        Event::Vanished { base, .. } => Some(*base),
        _ => None,
    }
}

pub fn success(request: &Transmit, mapped: SocketAddr) -> Vec<u8> {
    let request = Message::parse(&request.payload).unwrap();
    let mut buffer = [0; 548];
    let length = rules::write_success(&mut buffer, &request, mapped, None).unwrap();
    buffer[..length].to_vec()
}

pub fn show(local: &LocalCandidate) -> String {
    let candidate = &local.candidate;
    let address = candidate.socket_addr().unwrap();
    let related = candidate.related().map_or(String::new(), |related| format!(" raddr {related}"));
    format!("{} {address} on {}{related}", candidate.kind(), local.base)
}

/// A gatherer, a clock, and a host that gives every socket the next port.
pub struct Bench {
    pub gatherer: Gatherer,
    pub now: Instant,
    next: u16,
    pub bound: BTreeMap<BaseId, SocketAddr>,
}

/// A socket that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub job: JobId,
    pub stream: StreamId,
    pub component: ComponentId,
    pub address: SocketAddr,
}

impl Bench {
    pub fn new(config: GatherConfig) -> Self {
        Self { gatherer: Gatherer::new(config, rng()), now: Instant::now(), next: 0, bound: BTreeMap::new() }
    }

    /// The interfaces are known, and no socket is bound yet.
    pub fn start(
        config: GatherConfig,
        components: &[(StreamId, ComponentId)],
        interfaces: &[Interface],
    ) -> Self {
        let mut bench = Self::new(config);
        bench.gatherer.start(bench.now, G0, components);
        bench.update(interfaces);
        bench
    }

    /// All sockets are bound, on these addresses.
    pub fn ready(config: GatherConfig, components: &[(StreamId, ComponentId)], addresses: &[&str]) -> Self {
        let mut bench = Self::start(config, components, &eth0(addresses));
        bench.bind_all();
        bench
    }

    /// One stream, one component, one address: base 0.
    pub fn lone(servers: &[Server]) -> Self {
        Self::ready(with(servers), &[(S0, RTP)], &["192.0.2.1"])
    }

    // ---- what goes in

    pub fn update(&mut self, interfaces: &[Interface]) {
        self.gatherer.update_interfaces(self.now, interfaces);
    }

    pub fn bind_all(&mut self) {
        for wanted in self.wanted() {
            self.bind(wanted);
        }
    }

    /// Gives this socket a base and a port.
    pub fn bind(&mut self, wanted: Wanted) -> BaseId {
        let base = self.base();
        let mut address = wanted.address;
        address.set_port(50_000 + u16::try_from(base.0).unwrap());
        self.bound.insert(base, address);
        self.gatherer.bound(self.now, wanted.job, Ok((base, address)));
        base
    }

    fn base(&mut self) -> BaseId {
        self.next += 1;
        BaseId((self.next - 1).into())
    }

    pub fn fail(&mut self, wanted: Wanted) {
        self.gatherer.bound(self.now, wanted.job, Err("permission denied".to_owned()));
    }

    pub fn advance(&mut self, by: Duration) {
        self.now += by;
        self.gatherer.handle_timeout(self.now);
    }

    pub fn handle(&mut self, base: BaseId, from: SocketAddr, payload: &[u8]) -> bool {
        self.gatherer.handle(self.now, Received { base, from, payload })
    }

    pub fn answer(&mut self, request: &Transmit, mapped: &str) {
        let response = success(request, address(mapped));
        assert!(self.handle(request.base, request.to, &response), "it is an answer");
    }

    pub fn allocate(&mut self, job: JobId, relayed: &str, mapped: &str) -> BaseId {
        let base = self.base();
        let allocated = Allocated { base, relayed: address(relayed), mapped: Some(address(mapped)) };
        self.gatherer.allocated(self.now, job, Ok(allocated));
        base
    }

    // ---- what comes out

    pub fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.gatherer.poll_action()).collect()
    }

    /// Nothing is wanted but sockets, and these.
    pub fn wanted(&mut self) -> Vec<Wanted> {
        let wanted = |action| match action {
            Action::Bind { job, stream, component, address, transport: Transport::Udp } => {
                Wanted { job, stream, component, address }
            }
            other => panic!("unexpected: {other:?}"),
        };
        std::iter::from_fn(|| self.gatherer.poll_action()).map(wanted).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.gatherer.poll_event()).collect()
    }

    pub fn candidates(&mut self) -> Vec<LocalCandidate> {
        self.candidates_with_streams().into_iter().map(|(_, candidate)| candidate).collect()
    }

    pub fn candidates_with_streams(&mut self) -> Vec<(StreamId, LocalCandidate)> {
        let candidate = |event| match event {
            Event::Candidate { stream, candidate, .. } => Some((stream, candidate)),
            _ => None,
        };
        self.events().into_iter().filter_map(candidate).collect()
    }

    /// The candidates there are now, as kind, address, base and related address.
    pub fn told(&mut self) -> Vec<String> {
        self.candidates().iter().map(show).collect()
    }

    pub fn next(&mut self) -> Option<Start> {
        assert_eq!(self.gatherer.has_next(), self.gatherer.has_next());
        let expected = self.gatherer.has_next();
        let next = self.gatherer.start_next(self.now);
        assert_eq!(next.is_some(), expected);
        next
    }

    pub fn starts(&mut self) -> Vec<Start> {
        std::iter::from_fn(|| self.next()).collect()
    }

    pub fn request(&mut self) -> Transmit {
        match self.next() {
            Some(Start::Send(transmit)) => transmit,
            other => panic!("unexpected: {other:?}"),
        }
    }

    pub fn allocation(&mut self) -> JobId {
        match self.next() {
            Some(Start::Allocate { job, .. }) => job,
            other => panic!("unexpected: {other:?}"),
        }
    }

    pub fn resent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.gatherer.poll_transmit()).collect()
    }
}
