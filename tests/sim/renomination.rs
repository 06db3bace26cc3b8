//! Moving a selection: when it moves, that both sides move, and that nothing is lost on the way
//! (draft-thatcher-ice-renomination).

use std::time::Duration;

use floe_core::{Candidate, CandidateKind, ComponentId, StreamId};
use floe_session::{Event, IceState, Why};
use floe_sim::{Link, Signal};

use crate::world::{SIDES, Selected, Setup, Side, World, ms};

const STREAM: StreamId = StreamId(0);
const RTP: ComponentId = ComponentId::RTP;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Two paths, from the two addresses of A to the one of B: the preferred one with a round trip of 20 ms, the other one with
/// 40 ms. Both sides have completed over the first.
fn two_paths(setup: &Setup) -> World {
    let mut world = setup.world();
    world.set_path(1, 0, Link::new(ms(20)));
    world.describe_all();
    assert!(world.complete(seconds(10)));
    world
}

fn setup() -> Setup {
    Setup::new([2, 1], ms(20))
}

fn selections(world: &World, side: Side) -> Vec<Selected> {
    world.selections(side, (STREAM, RTP))
}

/// Both sides send a datagram each 20 ms up to this time; says how many each sent.
fn talk(world: &mut World, end: Duration) -> usize {
    let mut sent = 0;
    let mut at = world.since_start(world.simulation.now());
    while at < end {
        for side in SIDES {
            let host = world.host(side);
            let (now, payload) = (world.simulation.now(), sent.to_string());
            let node = world.simulation.node_mut(host).unwrap();
            assert!(node.send(now, STREAM, RTP, payload.as_bytes()), "{side:?} at {at:?}");
        }
        sent += 1;
        at += ms(20);
        world.run_to(at);
    }
    sent
}

/// Once completed, a side never was anything else.
fn assert_stayed_complete(world: &World, side: Side) {
    let states: Vec<_> = world
        .events(side)
        .filter_map(|(_, event)| match event {
            Event::State { state, .. } => Some(*state),
            _ => None,
        })
        .collect();
    assert_eq!(states, [IceState::Checking, IceState::Connected, IceState::Completed], "{side:?}");
}

#[test]
fn off_a_path_that_becomes_slow_it_moves_once_and_no_datagram_is_lost() {
    let mut world = two_paths(&setup());
    let mut sent = talk(&mut world, seconds(30));
    world.set_path(0, 0, Link::new(ms(150)));
    sent += talk(&mut world, seconds(300));
    world.run_to(seconds(301));
    let [a, b] = SIDES.map(|side| selections(&world, side));
    assert_eq!((a.len(), b.len()), (2, 2), "{a:#?} {b:#?}");
    let Why::Faster { round_trip, before, .. } = a[1].why else { panic!("{:?}", a[1].why) };
    assert!(round_trip == ms(40) && before > ms(80), "{}", a[1].why);
    assert!(matches!(b[1].why, Why::PeerMoved { .. }));
    // Three requests for consent had to say so; they come every 4 to 6 s.
    assert!(a[1].at > seconds(38) && a[1].at < seconds(50), "{:?}", a[1].at);
    for side in SIDES {
        assert_stayed_complete(&world, side);
        // The network doubles nothing.
        assert_eq!(world.node(side).data().len(), sent, "{side:?} missed something");
    }
    world.assert_agreed();
}

#[test]
fn off_a_path_that_becomes_lossy_it_moves_once() {
    for seed in 0..20 {
        let mut world = two_paths(&Setup { seed, ..setup() });
        world.run_to(seconds(30));
        world.set_path(0, 0, Link::new(ms(10)).loss(0.3));
        world.run_to(seconds(300));
        let [a, b] = SIDES.map(|side| selections(&world, side));
        assert_eq!((a.len(), b.len()), (2, 2), "seed {seed}: {a:#?} {b:#?}");
        let why = a[1].why;
        let fits = matches!(why, Why::LessLoss { .. } | Why::OtherSilent { .. } | Why::Replaces { .. });
        assert!(fits, "seed {seed}: {why}");
        world.assert_agreed();
    }
}

#[test]
fn off_a_path_that_is_dead_it_moves_before_consent_ends() {
    for seed in 0..20 {
        let mut world = two_paths(&Setup { seed, ..setup() });
        world.run_to(seconds(30));
        world.set_path(0, 0, Link::cut());
        world.run_to(seconds(55));
        for side in SIDES {
            let selections = selections(&world, side);
            assert_eq!(selections.len(), 2, "seed {seed}, {side:?}");
            assert_stayed_complete(&world, side);
        }
        assert!(matches!(selections(&world, Side::A)[1].why, Why::OtherSilent { unanswered: 3.., .. }));
        world.run_to(seconds(200));
        assert_eq!(selections(&world, Side::A).len(), 2);
        world.assert_agreed();
    }
}

#[test]
fn off_a_path_whose_socket_is_gone_it_moves_at_once() {
    let mut world = two_paths(&setup());
    world.run_to(seconds(30));
    let (now, host) = (world.simulation.now(), world.host(Side::A));
    let node = world.simulation.node_mut(host).unwrap();
    let lost = node.session().route(STREAM, RTP).unwrap();
    node.drive(now, |session| session.handle_socket_closed(now, lost.socket, "gone"));
    // Data goes over the other path before that is nominated.
    let route = world.session(Side::A).route(STREAM, RTP).unwrap();
    assert_ne!(route.socket, lost.socket);
    talk(&mut world, seconds(31));
    for side in SIDES {
        let selections = selections(&world, side);
        assert_eq!(selections.len(), 2, "{side:?}");
        assert!(selections[1].at <= seconds(30) + ms(100), "{side:?}: {:?}", selections[1].at);
        assert_stayed_complete(&world, side);
    }
    assert_eq!(selections(&world, Side::A)[1].why, Why::Replaces { lost: lost.pair });
    world.assert_agreed();
}

#[test]
fn between_two_paths_that_are_alike_nothing_moves() {
    for seed in 0..10 {
        let mut setup = Setup { seed, ..setup() };
        setup.link = Link::new(ms(20)).jitter(ms(15)).loss(0.01);
        let mut world = setup.world();
        world.set_path(1, 0, setup.link);
        world.describe_all();
        assert!(world.complete(seconds(20)), "seed {seed}");
        world.run_to(seconds(3_600));
        for side in SIDES {
            let selections = selections(&world, side);
            assert_eq!(selections.len(), 1, "seed {seed}, {side:?}: {selections:#?}");
        }
        assert!(world.is_complete());
    }
}

// proves: renom-3-b, 8445-8.1.1-b
#[test]
fn with_a_peer_that_has_not_announced_it_nothing_moves() {
    for renomination in [[true, false], [false, true], [false, false]] {
        let mut world = two_paths(&Setup { renomination, ..setup() });
        world.run_to(seconds(30));
        world.set_path(0, 0, Link::new(ms(150)));
        world.run_to(seconds(300));
        assert_eq!(SIDES.map(|side| selections(&world, side).len()), [1, 1]);
        assert_eq!(world.nominated(Side::A).len(), 1);
        world.assert_agreed();
    }
}

#[test]
fn what_is_kept_warm_costs_two_datagrams_a_side_in_five_seconds() {
    let count = |renomination| {
        let mut world = two_paths(&Setup { renomination: [renomination; 2], ..setup() });
        world.run_to(seconds(3_600));
        assert!(world.is_complete());
        SIDES.iter().for_each(|&side| world.assert_paced(side, ms(50)));
        SIDES.iter().map(|&side| world.sent(side).len()).sum::<usize>()
    };
    let (with, without) = (count(true), count(false));
    // Its check and the answer to the other's, as for the pair in use.
    assert!((2_750..3_050).contains(&without) && (5_500..6_100).contains(&with), "{without} and {with}");
}

/// The two candidates of B, the second of them as if it were relayed.
fn one_is_relayed(world: &mut World) -> [Candidate; 2] {
    let signals = world.simulation.node_mut(world.host(Side::B)).unwrap().take_signals();
    let candidates = signals.into_iter().filter_map(|signal| match signal {
        Signal::Candidate { candidate, .. } => Some(candidate),
        _ => None,
    });
    let [direct, other]: [Candidate; 2] = candidates.collect::<Vec<_>>().try_into().unwrap();
    let text = other.to_string().replace("typ host", "typ relay raddr 0.0.0.0 rport 9");
    let relayed: Candidate = text.parse().unwrap();
    assert_eq!((direct.kind(), relayed.kind()), (CandidateKind::Host, CandidateKind::Relayed));
    [direct, relayed]
}

/// A candidate of B comes to A at this time.
fn signal_at(world: &mut World, time: Duration, candidate: Candidate) {
    let host = world.host(Side::A);
    world.simulation.plan(world.at(time), move |simulation| {
        let now = simulation.now();
        let signal = Signal::Candidate { stream: STREAM, candidate };
        simulation.node_mut(host).unwrap().handle_signal(now, signal).unwrap();
    });
}

/// A knows of a relayed candidate of B alone, over which the round trip is 20 ms, and B's checks from the direct one do not
/// get through; at this time they do, and A learns of it.
fn direct_from(time: Duration, renomination: bool) -> World {
    let mut world = Setup { renomination: [renomination; 2], ..Setup::new([1, 2], ms(20)) }.world();
    world.set_path(0, 0, Link::cut());
    let [direct, relayed] = one_is_relayed(&mut world);
    world.hand_over_candidates(Side::A);
    signal_at(&mut world, Duration::ZERO, relayed);
    for side in SIDES {
        world.describe_at(side, Duration::ZERO);
    }
    signal_at(&mut world, time, direct);
    world.run_to(time - ms(1));
    world.set_path(0, 0, Link::new(ms(5)));
    world
}

fn is_direct(selected: &Selected) -> bool {
    selected.ends.iter().any(|end| end.ip() == "10.2.0.1".parse::<std::net::IpAddr>().unwrap())
}

// proves: 8863-4-c
#[test]
fn a_relayed_pair_is_not_nominated_while_a_better_candidate_has_time_to_come() {
    // Valid after 20 ms; until 80 ms later something better may come.
    let mut world = direct_from(ms(60), false);
    world.run_to(seconds(10));
    for side in SIDES {
        let selections = selections(&world, side);
        assert!(selections.len() == 1 && is_direct(&selections[0]), "{side:?}: {selections:#?}");
    }
    let mut world = direct_from(seconds(5), false);
    let selected = &selections(&world, Side::A)[0];
    assert!(!is_direct(selected) && selected.at == ms(120), "{selected:#?}");
    assert_eq!(selected.why, Why::NoneCame { round_trip: ms(20) });
    world.run_to(seconds(10));
    assert_eq!(selections(&world, Side::A).len(), 1);
}

#[test]
fn a_direct_candidate_that_comes_late_takes_over_at_once() {
    let mut world = direct_from(seconds(5), true);
    world.run_to(seconds(60));
    let [a, b] = SIDES.map(|side| selections(&world, side));
    assert_eq!((a.len(), b.len()), (2, 2), "{a:#?} {b:#?}");
    assert!(is_direct(&a[1]) && matches!(a[1].why, Why::MoreDirect { .. }), "{:?}", a[1]);
    // Its check, and the one that nominates it, 10 ms each and a slot apart.
    assert!(a[1].at <= seconds(5) + ms(120), "{:?}", a[1].at);
    for side in SIDES {
        assert_stayed_complete(&world, side);
    }
}
