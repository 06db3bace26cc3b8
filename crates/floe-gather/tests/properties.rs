//! What holds of a gatherer whatever happens to it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests need a first instant; their helpers may panic too"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, Generation, Interface, InterfaceAddress, LocalCandidate,
    Received, StreamId, Transmit,
};
use floe_gather::{
    Action, AllocateError, Allocated, Event, GatherConfig, Gatherer, JobId, Policy, Server, Start,
};
use floe_stun::{Message, attribute::ErrorCode, rules};
use proptest::{prelude::*, sample::Index};
use rand::{SeedableRng, rngs::ChaCha20Rng};

/// Few enough addresses that they meet again.
fn ip() -> impl Strategy<Value = IpAddr> {
    let v4 = (0..6_u8).prop_map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
    let prefix =
        prop::sample::select(vec![0x2001_0db8, 0xfe80_0000, 0xfd00_0000, 0xfec0_0000, 0x2002_0000_u32]);
    let v6 = (prefix, 0..6_u128)
        .prop_map(|(prefix, last)| IpAddr::V6(Ipv6Addr::from_bits((u128::from(prefix) << 96) + last)));
    let loopback = Just(IpAddr::V4(Ipv4Addr::LOCALHOST));
    prop_oneof![4 => v4, 6 => v6, 1 => loopback]
}

fn interfaces() -> impl Strategy<Value = Vec<Interface>> {
    let rarely = || prop::bool::weighted(0.1);
    let address = (ip(), prop::sample::select(vec![0_u8, 24, 64, 128]), rarely(), rarely()).prop_map(
        |(ip, prefix_length, temporary, unusable)| InterfaceAddress {
            ip,
            prefix_length,
            temporary,
            unusable,
        },
    );
    let interface = (prop::collection::vec(address, 0..6), prop::bool::weighted(0.9));
    prop::collection::vec(interface, 0..4).prop_map(|all| {
        let named = all.into_iter().zip(1..);
        named
            .map(|((addresses, up), index)| Interface { name: format!("eth{index}"), index, up, addresses })
            .collect()
    })
}

fn components() -> impl Strategy<Value = Vec<(StreamId, ComponentId)>> {
    let component = (0..3_u32, prop_oneof![4 => 1..4_u16, 1 => 250..=256_u16]);
    let known = component.prop_map(|(stream, id)| (StreamId(stream), ComponentId::new(id).unwrap()));
    prop::collection::vec(known, 0..6)
}

/// Something that happens to a gatherer.
#[derive(Debug, Clone)]
enum Step {
    Interfaces(Vec<Interface>),
    /// The job with this index among all there ever were is answered.
    Bound(Index),
    /// The same, with the base that the stream and component has had at this address, if there is one.
    BoundAgain(Index),
    Failed(Index),
    /// The socket is bound, but not to the address that was asked for.
    BoundTo(Index, IpAddr, u16),
    /// The next slot of the pace.
    Slot,
    /// The server answers the request with this index, and names this address.
    Answered(Index, IpAddr),
    Refused(Index, u16),
    /// Somebody who saw the request answers it, from elsewhere or to elsewhere.
    Spoofed(Index, IpAddr, Spoof),
    Allocated(Index, IpAddr, IpAddr),
    NotAllocated(Index, bool),
    Sleep(u64),
    Restart(Vec<(StreamId, ComponentId)>),
    Finish(u32),
}

#[derive(Debug, Clone, Copy)]
enum Spoof {
    Port,
    Address,
    Base,
    Request,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let spoof = prop::sample::select(vec![Spoof::Port, Spoof::Address, Spoof::Base, Spoof::Request]);
    let code = prop::sample::select(vec![300_u16, 400, 401, 500]);
    prop_oneof![
        3 => interfaces().prop_map(Step::Interfaces),
        8 => index().prop_map(Step::Bound),
        2 => index().prop_map(Step::BoundAgain),
        2 => index().prop_map(Step::Failed),
        1 => (index(), ip(), 0..3_u16).prop_map(|(index, ip, port)| Step::BoundTo(index, ip, port)),
        12 => Just(Step::Slot),
        8 => (index(), named()).prop_map(|(index, ip)| Step::Answered(index, ip)),
        1 => (index(), code).prop_map(|(index, code)| Step::Refused(index, code)),
        2 => (index(), named(), spoof).prop_map(|(index, ip, spoof)| Step::Spoofed(index, ip, spoof)),
        6 => (index(), named(), named()).prop_map(|(index, relayed, mapped)| {
            Step::Allocated(index, relayed, mapped)
        }),
        2 => (index(), any::<bool>()).prop_map(|(index, capacity)| Step::NotAllocated(index, capacity)),
        2 => (0..20_000_u64).prop_map(Step::Sleep),
        1 => components().prop_map(Step::Restart),
        1 => (0..3_u32).prop_map(Step::Finish),
    ]
}

/// What a server may name: mostly something that makes a candidate.
fn named() -> impl Strategy<Value = IpAddr> {
    let public = (0..3_u8).prop_map(|last| IpAddr::V4(Ipv4Addr::new(203, 0, 113, last)));
    let public6 =
        (0..3_u128).prop_map(|last| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_00ff << 80) + last)));
    let odd = prop::sample::select(vec!["0.0.0.0", "224.0.0.1", "127.0.0.1", "255.255.255.255", "ff02::1"]);
    prop_oneof![8 => public, 8 => public6, 1 => odd.prop_map(|text| text.parse().unwrap()), 1 => ip()]
}

fn config() -> impl Strategy<Value = GatherConfig> {
    let at = |address: &str| address.parse::<SocketAddr>().unwrap();
    let server = prop::sample::select(vec![
        Server::stun(at("198.51.100.1:3478")),
        Server::stun(at("198.51.100.1:3479")),
        Server::turn(at("198.51.100.1:3478")),
        Server::turn(at("198.51.100.2:3478")),
        Server::stun(at("[2001:db8:f::1]:3478")),
        Server::turn(at("[2001:db8:f::2]:3478")),
        Server::turn(at("[fe80::53]:3478")),
        Server::stun(at("224.0.0.1:3478")),
    ]);
    let policy = prop::sample::select(vec![Policy::All, Policy::All, Policy::NoHost, Policy::Relay]);
    let max = prop_oneof![2 => Just(64), 1 => 0..20_usize];
    let lite = prop::bool::weighted(0.1);
    (prop::collection::vec(server, 0..5), policy, max, any::<bool>(), lite).prop_map(
        |(servers, policy, max, loopback, lite)| {
            let config = GatherConfig::default().servers(servers).policy(policy).max_candidates(max);
            config.loopback_if_alone(loopback).lite(lite)
        },
    )
}

/// A gatherer, and all that is known of it from outside.
struct Witness {
    gatherer: Gatherer,
    max: usize,
    now: Instant,
    latest: Generation,
    /// The generation of each stream.
    generations: BTreeMap<StreamId, Generation>,
    asked: Vec<Wanted>,
    allocations: Vec<(JobId, BaseId, IpAddr)>,
    requests: Vec<Transmit>,
    /// The bases that were handed in, and what became of them.
    bases: BTreeMap<BaseId, Option<Fate>>,
    /// The base that a relay goes through.
    through: BTreeMap<BaseId, BaseId>,
    hosts: BTreeMap<(StreamId, ComponentId, SocketAddr), (BaseId, SocketAddr)>,
    /// Which server named an address. None does so twice.
    named_by: BTreeMap<SocketAddr, IpAddr>,
    told: Vec<(Generation, StreamId, LocalCandidate)>,
    vanished: BTreeSet<BaseId>,
    ended: BTreeSet<(StreamId, Generation)>,
}

/// A socket that is wanted.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    job: JobId,
    stream: StreamId,
    component: ComponentId,
    address: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Told,
    Released,
}

impl Witness {
    fn new(config: GatherConfig) -> Self {
        Self {
            max: config.max_candidates,
            gatherer: Gatherer::new(config, ChaCha20Rng::seed_from_u64(7)),
            now: Instant::now(),
            latest: Generation(0),
            generations: BTreeMap::new(),
            asked: Vec::new(),
            allocations: Vec::new(),
            requests: Vec::new(),
            bases: BTreeMap::new(),
            through: BTreeMap::new(),
            hosts: BTreeMap::new(),
            named_by: BTreeMap::new(),
            told: Vec::new(),
            vanished: BTreeSet::new(),
            ended: BTreeSet::new(),
        }
    }

    fn start(&mut self, components: &[(StreamId, ComponentId)]) {
        self.generations.extend(components.iter().map(|&(stream, _)| (stream, self.latest)));
        self.gatherer.start(self.now, self.latest, components);
        self.look();
    }

    fn new_base(&mut self) -> BaseId {
        let base = BaseId(u32::try_from(self.bases.len()).unwrap());
        self.bases.insert(base, None);
        base
    }

    fn bound(&mut self, wanted: Wanted, address: SocketAddr) {
        let base = self.new_base();
        self.hosts.insert((wanted.stream, wanted.component, wanted.address), (base, address));
        self.gatherer.bound(self.now, wanted.job, Ok((base, address)));
    }

    /// An address of its own for what a server names, so that it can be told which one did.
    fn name(&mut self, ip: IpAddr, server: IpAddr) -> SocketAddr {
        let address = SocketAddr::new(ip, u16::try_from(10_000 + self.named_by.len()).unwrap());
        self.named_by.insert(address, server);
        address
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Interfaces(interfaces) => self.gatherer.update_interfaces(self.now, &interfaces),
            Step::Bound(_) | Step::BoundAgain(_) | Step::Failed(_) | Step::BoundTo(..) => {
                self.apply_bind(&step);
            }
            Step::Slot => self.slot(),
            Step::Answered(..) | Step::Refused(..) | Step::Spoofed(..) => self.apply_answer(&step),
            Step::Allocated(..) | Step::NotAllocated(..) => self.apply_allocation(&step),
            Step::Sleep(milliseconds) => self.sleep(Duration::from_millis(milliseconds)),
            Step::Restart(components) => {
                self.latest = Generation(self.latest.0 + 1);
                self.start(&components);
            }
            Step::Finish(stream) => self.gatherer.finish(StreamId(stream)),
        }
        self.look();
    }

    fn apply_bind(&mut self, step: &Step) {
        let (Step::Bound(index) | Step::BoundAgain(index) | Step::Failed(index) | Step::BoundTo(index, ..)) =
            step
        else {
            return;
        };
        let Some(wanted) = pick(index, &self.asked) else { return };
        let mut address = wanted.address;
        address.set_port(u16::try_from(1_000 + self.bases.len()).unwrap());
        match step {
            Step::Failed(_) => self.gatherer.bound(self.now, wanted.job, Err("no".to_owned())),
            Step::BoundTo(_, ip, port) => self.bound(wanted, SocketAddr::new(*ip, *port)),
            Step::BoundAgain(_) => {
                let known = self.hosts.get(&(wanted.stream, wanted.component, wanted.address)).copied();
                if let Some((base, address)) = known.filter(|(base, _)| self.is_open(*base)) {
                    self.gatherer.bound(self.now, wanted.job, Ok((base, address)));
                }
            }
            _ => self.bound(wanted, address),
        }
    }

    /// What has vanished or was released is nobody's any more.
    fn is_open(&self, base: BaseId) -> bool {
        self.bases[&base] != Some(Fate::Released) && !self.vanished.contains(&base)
    }

    fn slot(&mut self) {
        let has_next = self.gatherer.has_next();
        let next = self.gatherer.start_next(self.now);
        assert!(next.is_some() || !has_next);
        match next {
            Some(Start::Send(request)) => self.requests.push(request),
            Some(Start::Allocate { job, base, server, .. }) => {
                // The server is known by the foundation only: which one it is does not matter here.
                self.allocations.push((job, base, IpAddr::V6(Ipv6Addr::from_bits(u128::from(server.0)))));
            }
            _ => {}
        }
    }

    fn apply_answer(&mut self, step: &Step) {
        let (Step::Answered(index, _) | Step::Refused(index, _) | Step::Spoofed(index, ..)) = step else {
            return;
        };
        let Some(request) = pick(index, &self.requests) else { return };
        let parsed = Message::parse(&request.payload).unwrap();
        let mut buffer = [0; 548];
        let (mut base, mut from) = (request.base, request.to);
        let length = match *step {
            Step::Answered(_, ip) => {
                let mapped = self.name(ip, request.to.ip());
                rules::write_success(&mut buffer, &parsed, mapped, None)
            }
            Step::Refused(_, code) => {
                rules::write_error(&mut buffer, &parsed, ErrorCode::standard(code), None)
            }
            Step::Spoofed(_, ip, _) => {
                rules::write_success(&mut buffer, &parsed, SocketAddr::new(ip, 6_666), None)
            }
            _ => return,
        };
        let mut payload = &buffer[..length.unwrap()];
        if let Step::Spoofed(_, _, spoof) = step {
            match spoof {
                Spoof::Port => from.set_port(from.port() ^ 1),
                Spoof::Address => from.set_ip("198.51.100.66".parse().unwrap()),
                Spoof::Base => base = BaseId(base.0 + 1),
                Spoof::Request => payload = &request.payload,
            }
            let before = format!("{:?}", self.gatherer);
            assert!(!self.gatherer.handle(self.now, Received { base, from, payload }), "{spoof:?}");
            assert_eq!(format!("{:?}", self.gatherer), before, "{spoof:?}");
        } else {
            self.gatherer.handle(self.now, Received { base, from, payload });
        }
    }

    fn apply_allocation(&mut self, step: &Step) {
        let (Step::Allocated(index, ..) | Step::NotAllocated(index, _)) = step else { return };
        let Some((job, through, server)) = pick(index, &self.allocations) else { return };
        match *step {
            Step::Allocated(_, relayed, mapped) => {
                let base = self.new_base();
                self.through.insert(base, through);
                let (relayed, mapped) = (self.name(relayed, server), self.name(mapped, server));
                self.gatherer.allocated(self.now, job, Ok(Allocated { base, relayed, mapped }));
            }
            Step::NotAllocated(_, true) => {
                self.gatherer.allocated(self.now, job, Err(AllocateError::Capacity));
            }
            _ => self.gatherer.allocated(self.now, job, Err(AllocateError::Other("no".to_owned()))),
        }
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
        self.gatherer.handle_timeout(self.now);
        assert!(self.gatherer.poll_timeout().is_none_or(|deadline| deadline > self.now));
    }

    /// Nobody answers any more, and time passes until nothing is to be done.
    fn run_down(&mut self) {
        self.generations.keys().copied().collect::<Vec<_>>().into_iter().for_each(|stream| {
            self.gatherer.finish(stream);
        });
        for _ in 0..10_000 {
            while self.gatherer.has_next() {
                self.slot();
            }
            self.look();
            let Some(deadline) = self.gatherer.poll_timeout() else { return };
            self.sleep(deadline.saturating_duration_since(self.now));
        }
        panic!("it never ends: {:?}", self.gatherer);
    }

    /// Takes what comes out, and checks it against what came before.
    fn look(&mut self) {
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                Event::Candidate { stream, candidate } => self.note_candidate(stream, candidate),
                Event::EndOfCandidates { stream, generation } => {
                    assert_eq!(generation, self.generations[&stream]);
                    assert!(self.ended.insert((stream, generation)), "two ends of {stream} {generation}");
                }
                Event::ServerFailed { stream, .. } => {
                    assert!(!self.ended.contains(&(stream, self.generations[&stream])), "after the end");
                }
                Event::Vanished { base, .. } => {
                    assert_eq!(self.bases[&base], Some(Fate::Told));
                    self.vanished.insert(base);
                }
                _ => {}
            }
        }
        while let Some(action) = self.gatherer.poll_action() {
            match action {
                Action::Bind { job, stream, component, address, .. } => {
                    assert!(self.asked.iter().all(|wanted| wanted.job != job), "{job} is used twice");
                    self.asked.push(Wanted { job, stream, component, address });
                }
                Action::Release(base) => {
                    let before = self.bases.insert(base, Some(Fate::Released));
                    assert_eq!(before, Some(None), "{base} is released after all");
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
        while let Some(resent) = self.gatherer.poll_transmit() {
            assert!(self.requests.contains(&resent), "the same bytes as before, between the same addresses");
        }
    }

    fn note_candidate(&mut self, stream: StreamId, candidate: LocalCandidate) {
        let generation = self.generations[&stream];
        assert!(!self.ended.contains(&(stream, generation)), "a candidate after the end");
        for base in [Some(candidate.base), self.through.get(&candidate.base).copied()].into_iter().flatten() {
            let before = self.bases.insert(base, Some(Fate::Told)).expect("only what was handed in");
            assert_ne!(before, Some(Fate::Released), "{base} is told of after all");
        }
        self.told.push((generation, stream, candidate));
        let live = self.told.iter().filter(|(of, on, told)| {
            (*of, *on) == (generation, stream) && !self.vanished.contains(&told.base)
        });
        assert!(live.count() <= self.max, "more candidates than allowed");
    }
}

fn pick<T: Clone>(index: &Index, all: &[T]) -> Option<T> {
    if all.is_empty() { None } else { Some(index.get(all).clone()) }
}

/// The candidates of a generation and stream.
fn by_stream(told: &[(Generation, StreamId, LocalCandidate)]) -> BTreeMap<(u32, StreamId), Vec<&Candidate>> {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for (generation, stream, candidate) in told {
        streams.entry((generation.0, *stream)).or_default().push(&candidate.candidate);
    }
    streams
}

/// What makes a foundation, as far as it is seen from outside (RFC 8445 5.1.1.3).
fn origin(witness: &Witness, told: &LocalCandidate) -> (CandidateKind, String, Option<IpAddr>) {
    let mut base = told.base_address;
    base.set_port(0);
    let kind = told.candidate.kind();
    let server = if kind == CandidateKind::Host {
        None
    } else {
        Some(witness.named_by[&told.candidate.socket_addr().unwrap()])
    };
    (kind, base.to_string(), server)
}

/// RFC 8445 5.1.2.1, backwards.
fn local_preference(candidate: &Candidate) -> u32 {
    candidate.priority().get() >> 8 & 0xffff
}

/// What a gatherer tells that goes through all this.
fn told_after(
    config: GatherConfig,
    components: &[(StreamId, ComponentId)],
    interfaces: Vec<Interface>,
    steps: Vec<Step>,
) -> Vec<(Generation, StreamId, LocalCandidate)> {
    witness_of(config, components, interfaces, steps).told
}

fn witness_of(
    config: GatherConfig,
    components: &[(StreamId, ComponentId)],
    interfaces: Vec<Interface>,
    steps: Vec<Step>,
) -> Witness {
    let mut witness = Witness::new(config);
    witness.start(components);
    witness.apply(Step::Interfaces(interfaces));
    for step in steps {
        witness.apply(step);
    }
    witness
}

/// What a gatherer tells of this one address.
fn told_of_a_lone(ip: IpAddr, components: &[(StreamId, ComponentId)]) -> Vec<LocalCandidate> {
    let addresses = vec![InterfaceAddress::new(ip, 64)];
    let lone = Interface { name: "eth0".to_owned(), index: 1, up: true, addresses };
    let mut witness = Witness::new(GatherConfig::default().include_loopback(true));
    witness.start(components);
    witness.apply(Step::Interfaces(vec![lone]));
    for wanted in witness.asked.clone() {
        let mut address = wanted.address;
        address.set_port(9);
        witness.bound(wanted, address);
    }
    witness.look();
    assert_eq!(witness.told.len(), witness.asked.len());
    witness.told.into_iter().map(|(_, _, told)| told).collect()
}

proptest! {
    // proves: 8445-5.1.2-a
    #[test]
    fn priorities_are_unique_in_a_stream_and_within_their_range(
        config in config(),
        components in components(),
        interfaces in interfaces(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let told = told_after(config, &components, interfaces, steps);
        for candidates in by_stream(&told).values() {
            let priorities: BTreeSet<_> = candidates.iter().map(|c| c.priority()).collect();
            prop_assert_eq!(priorities.len(), candidates.len());
            prop_assert!(priorities.iter().all(|priority| (1..1 << 31).contains(&priority.get())));
        }
    }

    // proves: 8445-5.1.2.1-c
    #[test]
    fn local_preferences_are_unique_in_a_component_and_a_lone_address_has_the_highest(
        config in config(),
        components in components(),
        interfaces in interfaces(),
        steps in prop::collection::vec(step(), 0..80),
        lone in ip(),
    ) {
        let told = told_after(config, &components, interfaces, steps);
        for candidates in by_stream(&told).values() {
            let preferences: BTreeSet<_> =
                candidates.iter().map(|c| (c.kind(), c.component(), local_preference(c))).collect();
            prop_assert_eq!(preferences.len(), candidates.len());
        }
        let lone = told_of_a_lone(lone, &components);
        prop_assert!(lone.iter().all(|told| local_preference(&told.candidate) == 65_535));
    }

    #[test]
    fn foundations_are_equal_exactly_where_kind_base_and_server_are_in_all_streams_and_generations(
        components in components(),
        interfaces in interfaces(),
        steps in prop::collection::vec(step(), 0..80),
        turn: bool,
    ) {
        // By different addresses, so that an address says which server it was.
        let at = |address: &str| address.parse::<SocketAddr>().unwrap();
        let servers = if turn {
            [Server::turn(at("198.51.100.1:3478")), Server::turn(at("[2001:db8:f::2]:3478"))]
        } else {
            [Server::stun(at("198.51.100.1:3478")), Server::stun(at("198.51.100.2:3478"))]
        };
        // After an allocation that was refused it is a Binding request that finds the address.
        let no_capacity = |step: &Step| !matches!(step, Step::NotAllocated(_, true));
        let steps = steps.into_iter().filter(no_capacity).collect();
        let config = GatherConfig::default().servers(servers);
        let witness = witness_of(config, &components, interfaces, steps);
        let told: Vec<_> = witness.told.iter().map(|(_, _, told)| told).collect();
        for one in &told {
            for other in &told {
                let same = origin(&witness, one) == origin(&witness, other);
                prop_assert_eq!(one.candidate.foundation() == other.candidate.foundation(), same);
            }
        }
    }

    #[test]
    fn no_candidate_is_told_twice_in_a_generation(
        config in config(),
        components in components(),
        interfaces in interfaces(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let told = told_after(config.clone(), &components, interfaces, steps);
        let mut seen = BTreeSet::new();
        for (generation, stream, told) in &told {
            let kind = told.candidate.kind();
            prop_assert!(kind != CandidateKind::Host || config.host);
            prop_assert!(kind != CandidateKind::ServerReflexive || config.server_reflexive && !config.lite);
            prop_assert!(kind != CandidateKind::Relayed || !config.lite);
            let address = told.candidate.socket_addr().unwrap();
            prop_assert!(seen.insert((generation.0, *stream, told.base, address)));
        }
    }

    #[test]
    fn every_base_is_told_or_released_and_every_generation_ends_once(
        config in config(),
        steps in prop::collection::vec(step(), 0..100),
        addresses_stay: bool,
    ) {
        let mut witness = Witness::new(config);
        witness.start(&[(StreamId(0), ComponentId::RTP), (StreamId(0), ComponentId::RTCP)]);
        for step in steps {
            witness.apply(step);
        }
        if !addresses_stay || witness.asked.is_empty() {
            // Where no list of interfaces ever came, the wait for it has no end.
            witness.apply(Step::Interfaces(Vec::new()));
        }
        witness.run_down();
        prop_assert!(!witness.gatherer.is_gathering());
        prop_assert_eq!(witness.gatherer.poll_timeout(), None);
        for (stream, generation) in &witness.generations {
            prop_assert!(witness.ended.contains(&(*stream, *generation)), "{stream} {generation}");
        }
        prop_assert!(witness.bases.values().all(Option::is_some), "{:?}", witness.bases);
    }

    #[test]
    fn every_address_gives_a_socket_or_a_reason(interfaces in interfaces()) {
        let mut gatherer = Gatherer::new(GatherConfig::default(), ChaCha20Rng::seed_from_u64(7));
        let now = Instant::now();
        gatherer.start(now, Generation(0), &[(StreamId(0), ComponentId::RTP)]);
        gatherer.update_interfaces(now, &interfaces);
        let mut accounted = BTreeSet::new();
        while let Some(action) = gatherer.poll_action() {
            if let Action::Bind { address, .. } = action {
                accounted.insert(address.ip());
            }
        }
        while let Some(event) = gatherer.poll_event() {
            if let Event::Refused { address, .. } = event {
                accounted.insert(address);
            }
        }
        let all: BTreeSet<_> = interfaces.iter().flat_map(|i| &i.addresses).map(|a| a.ip).collect();
        prop_assert_eq!(accounted, all);
    }
}
