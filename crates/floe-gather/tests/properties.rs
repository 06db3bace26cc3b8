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
    BaseId, Candidate, ComponentId, Generation, Interface, InterfaceAddress, LocalCandidate, StreamId,
};
use floe_gather::{Action, Event, GatherConfig, Gatherer, JobId};
use proptest::prelude::*;

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
    Bound(prop::sample::Index),
    Failed(prop::sample::Index),
    /// The socket is bound, but not to the address that was asked for.
    BoundTo(prop::sample::Index, IpAddr, u16),
    Sleep(u64),
    Restart(Vec<(StreamId, ComponentId)>),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        3 => interfaces().prop_map(Step::Interfaces),
        8 => index().prop_map(Step::Bound),
        2 => index().prop_map(Step::Failed),
        1 => (index(), ip(), 0..3_u16).prop_map(|(index, ip, port)| Step::BoundTo(index, ip, port)),
        2 => (0..7_000_u64).prop_map(Step::Sleep),
        1 => components().prop_map(Step::Restart),
    ]
}

/// A gatherer, and all that is known of it from outside.
struct Witness {
    gatherer: Gatherer,
    now: Instant,
    generation: Generation,
    asked: Vec<(JobId, SocketAddr)>,
    /// The bases that were handed in, and what became of them.
    bases: BTreeMap<BaseId, Option<Fate>>,
    told: Vec<(Generation, StreamId, LocalCandidate)>,
    ended: BTreeSet<Generation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Told,
    Released,
}

impl Witness {
    fn new(config: GatherConfig) -> Self {
        Self {
            gatherer: Gatherer::new(config),
            now: Instant::now(),
            generation: Generation(0),
            asked: Vec::new(),
            bases: BTreeMap::new(),
            told: Vec::new(),
            ended: BTreeSet::new(),
        }
    }

    fn start(&mut self, components: &[(StreamId, ComponentId)]) {
        self.gatherer.start(self.now, self.generation, components);
        self.look();
    }

    fn bound(&mut self, job: JobId, address: SocketAddr) {
        let base = BaseId(u32::try_from(self.bases.len()).unwrap());
        self.bases.insert(base, None);
        self.gatherer.bound(self.now, job, Ok((base, address)));
    }

    fn apply(&mut self, step: Step) {
        let pick = |index: prop::sample::Index, asked: &[(JobId, SocketAddr)]| match asked {
            [] => None,
            asked => Some(*index.get(asked)),
        };
        match step {
            Step::Interfaces(interfaces) => self.gatherer.update_interfaces(self.now, &interfaces),
            Step::Bound(index) => {
                if let Some((job, mut address)) = pick(index, &self.asked) {
                    address.set_port(u16::try_from(1_000 + self.bases.len()).unwrap());
                    self.bound(job, address);
                }
            }
            Step::BoundTo(index, ip, port) => {
                if let Some((job, _)) = pick(index, &self.asked) {
                    self.bound(job, SocketAddr::new(ip, port));
                }
            }
            Step::Failed(index) => {
                if let Some((job, _)) = pick(index, &self.asked) {
                    self.gatherer.bound(self.now, job, Err("no".to_owned()));
                }
            }
            Step::Sleep(milliseconds) => {
                self.now += Duration::from_millis(milliseconds);
                self.gatherer.handle_timeout(self.now);
                assert!(self.gatherer.poll_timeout().is_none_or(|deadline| deadline > self.now));
            }
            Step::Restart(components) => {
                self.generation = Generation(self.generation.0 + 1);
                self.start(&components);
            }
        }
        self.look();
    }

    /// Takes what comes out, and checks it against what came before.
    fn look(&mut self) {
        while let Some(action) = self.gatherer.poll_action() {
            match action {
                Action::Bind { job, address, .. } => {
                    assert!(self.asked.iter().all(|&(other, _)| other != job), "{job} is used twice");
                    self.asked.push((job, address));
                }
                Action::Release(base) => self.settle(base, Fate::Released),
                other => panic!("unexpected: {other:?}"),
            }
        }
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                Event::Candidate { stream, candidate } => {
                    assert!(!self.ended.contains(&self.generation), "a candidate after the end");
                    self.settle(candidate.base, Fate::Told);
                    self.told.push((self.generation, stream, candidate));
                }
                Event::EndOfCandidates(generation) => {
                    assert_eq!(generation, self.generation);
                    assert!(self.ended.insert(generation), "two ends of {generation}");
                }
                Event::Vanished { base, .. } => assert_eq!(self.bases[&base], Some(Fate::Told)),
                _ => {}
            }
        }
    }

    fn settle(&mut self, base: BaseId, fate: Fate) {
        let before = self.bases.insert(base, Some(fate)).expect("only what was handed in");
        assert_eq!(before, None, "{base} is {fate:?} after all");
    }
}

/// The candidates of a generation and stream.
fn by_stream(told: &[(Generation, StreamId, LocalCandidate)]) -> BTreeMap<(u32, StreamId), Vec<&Candidate>> {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for (generation, stream, candidate) in told {
        streams.entry((generation.0, *stream)).or_default().push(&candidate.candidate);
    }
    streams
}

/// RFC 8445 5.1.2.1, backwards.
fn local_preference(candidate: &Candidate) -> u32 {
    candidate.priority().get() >> 8 & 0xffff
}

/// What a gatherer tells that goes through all this.
fn told_after(
    components: &[(StreamId, ComponentId)],
    interfaces: Vec<Interface>,
    steps: Vec<Step>,
) -> Vec<(Generation, StreamId, LocalCandidate)> {
    let mut witness = Witness::new(GatherConfig::default());
    witness.start(components);
    witness.apply(Step::Interfaces(interfaces));
    for step in steps {
        witness.apply(step);
    }
    witness.told
}

/// What a gatherer tells of this one address.
fn told_of_a_lone(ip: IpAddr, components: &[(StreamId, ComponentId)]) -> Vec<LocalCandidate> {
    let addresses = vec![InterfaceAddress::new(ip, 64)];
    let lone = Interface { name: "eth0".to_owned(), index: 1, up: true, addresses };
    let mut witness = Witness::new(GatherConfig::default().include_loopback(true));
    witness.start(components);
    witness.apply(Step::Interfaces(vec![lone]));
    for (job, mut address) in witness.asked.clone() {
        address.set_port(9);
        witness.bound(job, address);
    }
    witness.look();
    assert_eq!(witness.told.len(), witness.asked.len());
    witness.told.into_iter().map(|(_, _, told)| told).collect()
}

proptest! {
    // proves: 8445-5.1.2-a
    #[test]
    fn priorities_are_unique_in_a_stream_and_within_their_range(
        components in components(),
        interfaces in interfaces(),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let told = told_after(&components, interfaces, steps);
        for candidates in by_stream(&told).values() {
            let priorities: BTreeSet<_> = candidates.iter().map(|c| c.priority()).collect();
            prop_assert_eq!(priorities.len(), candidates.len());
            prop_assert!(priorities.iter().all(|priority| (1..1 << 31).contains(&priority.get())));
        }
    }

    // proves: 8445-5.1.2.1-c
    #[test]
    fn local_preferences_are_unique_in_a_component_and_a_lone_address_has_the_highest(
        components in components(),
        interfaces in interfaces(),
        steps in prop::collection::vec(step(), 0..40),
        lone in ip(),
    ) {
        let told = told_after(&components, interfaces, steps);
        for candidates in by_stream(&told).values() {
            let preferences: BTreeSet<_> =
                candidates.iter().map(|c| (c.component(), local_preference(c))).collect();
            prop_assert_eq!(preferences.len(), candidates.len());
        }
        let lone = told_of_a_lone(lone, &components);
        prop_assert!(lone.iter().all(|told| local_preference(&told.candidate) == 65_535));
    }

    #[test]
    fn every_base_is_told_or_released_and_every_generation_ends(
        steps in prop::collection::vec(step(), 0..60),
        loopback: bool,
        max_candidates in 0..20_usize,
    ) {
        let config = GatherConfig::default().loopback_if_alone(loopback).max_candidates(max_candidates);
        let mut witness = Witness::new(config);
        witness.start(&[(StreamId(0), ComponentId::RTP), (StreamId(0), ComponentId::RTCP)]);
        for step in steps {
            witness.apply(step);
        }
        // Where no list of interfaces ever came, the wait for it has no end.
        witness.apply(Step::Interfaces(Vec::new()));
        prop_assert!(!witness.gatherer.is_gathering());
        prop_assert_eq!(witness.gatherer.poll_timeout(), None);
        prop_assert!(witness.ended.contains(&witness.generation));
        prop_assert!(witness.bases.values().all(Option::is_some), "{:?}", witness.bases);
    }

    #[test]
    fn every_address_gives_a_socket_or_a_reason(interfaces in interfaces()) {
        let mut gatherer = Gatherer::new(GatherConfig::default());
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
