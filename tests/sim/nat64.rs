//! A host that has IPv6 only, behind a NAT64, and a peer that has IPv4 only (RFC 8445 5.1.1.2).

use std::{net::SocketAddr, time::Duration};

use floe_core::{Candidate, CandidateKind, ComponentId, Nat64Prefix, Role, StreamId};
use floe_session::{AddedRemote, Event, IceServer, IceState};
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

/// What the prefix is for.
#[test]
fn without_the_prefix_it_reaches_nobody_who_has_ipv4_only() {
    let mut internet = internet(Nat::symmetric([]), None);
    internet.turn = [false; 2];
    let (mut world, best) = served::world_with(&internet, |mut config| {
        config.gather.nat64 = None;
        config
    });
    assert_eq!(best, Some(PathClass::Reflexive), "with it there is a way");
    assert!(!world.complete(SECOND * 60));
}

#[test]
fn a_call_over_it_goes_on_where_the_host_has_another_network_as_well() {
    for relayed in [false, true] {
        let nats = if relayed { Nat::symmetric([]) } else { Nat::new([]) };
        let (mut world, best) = connects(&internet(nats.clone(), relayed.then(|| nats.into())));
        assert_eq!(best, Some(if relayed { PathClass::Relayed } else { PathClass::Reflexive }));
        let host = world.host(Side::A);
        let (now, before) = (world.simulation.now(), world.outcome(Side::A));
        for prefix in [None, Nat64Prefix::from_answer("2001:db8:64::c000:aa".parse().unwrap())] {
            world.simulation.node_mut(host).unwrap().drive(now, |session| session.set_nat64(prefix));
            let start = world.since_start(world.simulation.now());
            let had = SIDES.map(|side| world.node(side).data().len());
            for second in 1..=60 {
                for side in SIDES {
                    assert!(world.send(side, OF, b"data"));
                }
                world.run_to(start + SECOND * second);
            }
            for side in SIDES {
                assert_eq!(world.node(side).data().len() - had[side as usize], 60, "{side:?}");
                assert_eq!(world.session(side).state(), IceState::Completed);
            }
        }
        assert_eq!(world.outcome(Side::A), before);
    }
}

#[test]
fn a_restart_on_another_network_uses_no_socket_of_the_former_one() {
    let (mut world, _) = connects(&internet(Nat::new([]), None));
    let host = world.host(Side::A);
    let now = world.simulation.now();
    let before: Vec<_> = world.node(Side::A).sockets().collect();
    world.simulation.node_mut(host).unwrap().drive(now, |session| {
        session.set_nat64(None);
        session.restart(now);
    });
    let end = world.since_start(now) + SECOND;
    world.run_to(end);
    let bound: Vec<_> = world.node(Side::A).sockets().filter(|socket| !before.contains(socket)).collect();
    assert_eq!(bound.len(), 1, "a socket that is behind no NAT64, as far as is known");
}

#[test]
fn an_address_that_dns64_has_made_up_is_the_ipv4_one_inside() {
    let internet = internet(Nat::new([]), None);
    let prefix = Nat64Prefix::WELL_KNOWN;
    let (mut world, _) = served::world_with(&internet, |mut config| {
        if config.role == Role::Controlling {
            let known = config.servers[0].targets().expect("an address")[0].address;
            let made_up = prefix.embed_socket(known);
            config.servers = vec![IceServer::turn(made_up, "ann", "secret"), IceServer::stun(made_up)];
        }
        config
    });
    world.run_to(ms(1));
    // So it is where a name of the peer's was resolved.
    let (now, host) = (world.simulation.now(), world.host(Side::A));
    let address: SocketAddr = "192.0.2.77:4000".parse().unwrap();
    let line = "candidate:1 1 udp 2130706431 192.0.2.77 4000 typ host";
    let candidate: Candidate = line.parse().unwrap();
    for at in [prefix.embed_socket(address), address] {
        let made_up = candidate.clone().with_address(at);
        let node = world.simulation.node_mut(host).unwrap();
        let added = node.drive(now, |session| session.add_remote(now, OF.0, made_up)).unwrap();
        assert_eq!(added, if at == address { AddedRemote::Duplicate } else { AddedRemote::New });
    }
    assert!(world.complete(SECOND * 30));
    let told = told(&world, Side::A);
    for expected in [(CandidateKind::ServerReflexive, true), (CandidateKind::Relayed, true)] {
        assert!(told.contains(&expected), "{told:?}");
    }
}
