//! What holds of a gatherer whatever happens to it.

mod strategies;
mod witness;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_core::{
    Candidate, CandidateKind, ComponentId, Generation, Interface, InterfaceAddress, LocalCandidate, StreamId,
};
use floe_gather::{Action, Event, GatherConfig, Gatherer, Server};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::ChaCha20Rng};

use strategies::{Step, components, config, interfaces, ip, step};
use witness::Witness;

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
