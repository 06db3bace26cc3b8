//! A host that has IPv6 only, behind a NAT64, and a peer that has IPv4 only (RFC 8445 5.1.1.2).

use std::{net::SocketAddr, time::Duration};

use floe_core::{CandidateKind, ComponentId, Nat64Prefix, StreamId};
use floe_session::{Event, IceState};
use floe_sim::{Dependence, Families, Gateway, Nat, PathClass};

use crate::{
    served,
    world::{SIDES, Side, World, ms},
};

const OF: (StreamId, ComponentId) = (StreamId(0), ComponentId::RTP);
const SECOND: Duration = Duration::from_secs(1);

/// A telephone behind a NAT64, and a peer behind this gateway.
fn internet(nat64: Nat, peer: Option<Gateway>) -> floe_sim::World {
    let mut internet = served::internet(11, [Some(nat64.nat64(Nat64Prefix::WELL_KNOWN).into()), peer]);
    internet.core.delay = ms(20);
    internet.ends[0][0].families = Families::V6;
    internet
}

/// What a side told of itself: kinds and addresses.
fn told(world: &World, side: Side) -> Vec<(CandidateKind, bool)> {
    let candidates = world.events(side).filter_map(|(_, event)| match event {
        Event::Candidate { candidate, .. } => Some(candidate),
        _ => None,
    });
    candidates.map(|told| (told.kind(), told.socket_addr().unwrap().is_ipv4())).collect()
}

/// Both complete on the class that there is, and data goes both ways for a minute.
fn connects(internet: &floe_sim::World) -> (World, Option<PathClass>) {
    let (mut world, best) = served::world(internet);
    assert!(world.complete(SECOND * 30), "{internet}");
    let [a, b] = SIDES.map(|side| world.outcome(side)[&OF]);
    assert_eq!(a, [b[1], b[0]]);
    let start = world.since_start(world.simulation.now());
    for second in 1..=60 {
        for side in SIDES {
            assert!(world.send(side, OF, b"data"));
        }
        world.run_to(start + SECOND * second);
    }
    for side in SIDES {
        assert_eq!(world.node(side).data().len(), 60, "{side:?}");
        assert_eq!(world.session(side).state(), IceState::Completed);
    }
    (world, best)
}

// proves: 8445-5.1.1.2-g
#[test]
fn it_has_an_ipv4_candidate_by_an_ipv4_server_and_reaches_an_ipv4_peer() {
    let restricted = Nat::new([]).behaving(Dependence::EndpointIndependent, Dependence::AddressAndPort);
    for peer in [None, Some(restricted.clone().into())] {
        let (world, best) = connects(&internet(restricted.clone(), peer));
        assert_eq!(best, Some(PathClass::Reflexive));
        let told = told(&world, Side::A);
        for expected in [
            (CandidateKind::Host, false),
            (CandidateKind::ServerReflexive, true),
            (CandidateKind::Relayed, true),
        ] {
            assert!(told.contains(&expected), "{told:?}");
        }
        let selected = world.selections(Side::A, OF).pop().unwrap();
        assert!(selected.ends.iter().all(SocketAddr::is_ipv4), "{selected:?}");
    }
}

// proves: 8445-5.1.1.2-g
#[test]
fn it_reaches_an_ipv4_peer_over_a_relay_where_there_is_no_better_way() {
    let (_, best) = connects(&internet(Nat::symmetric([]), Some(Nat::symmetric([]).into())));
    assert_eq!(best, Some(PathClass::Relayed));
}

/// What the prefix is for: the same two without it.
#[test]
fn without_the_prefix_it_reaches_nobody_who_has_ipv4_only() {
    let mut internet = internet(Nat::symmetric([]), None);
    internet.turn = [false; 2];
    for gateway in &mut internet.ends[0][0].chain {
        gateway.nat.as_mut().unwrap().nat64 = None;
    }
    let (mut world, best) = served::world(&internet);
    assert_eq!(best, None);
    assert!(!world.complete(SECOND * 60));
}
