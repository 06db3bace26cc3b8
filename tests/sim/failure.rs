//! Peers that cannot reach each other.

use std::time::Duration;

use floe_core::{ComponentId, StreamId};
use floe_session::{FailReason, IceState, ListFailReason, PairState, Reason};
use floe_sim::{Link, Signal};

use crate::world::{SIDES, Setup, Side, World, ms};

#[test]
fn without_a_path_both_fail_with_the_reason_once_the_last_check_has_timed_out() {
    let mut setup = Setup::new([2, 2], ms(20));
    setup.link = Link::cut();
    let mut world = setup.described();
    world.run_to(ms(200_000));
    for side in SIDES {
        // The last of four checks begins at 150 ms; RFC 8489 6.2.1 gives it 39.5 s.
        assert_eq!(world.state_at(side, IceState::Failed), Some(ms(39_650)), "{side:?}");
        let why = ListFailReason::AllFailed { pairs: 4, last: FailReason::Timeout };
        let reason = Reason::ListFailed { stream: StreamId(0), why };
        assert_eq!(world.session(side).reason(), Some(&reason));
        assert_eq!(world.sent(side).len(), 4 * 7, "seven sends for each pair");
        assert_eq!(world.selected_at(side), None);
    }
}

/// The reason of a session that never had a pair.
fn no_pairs(patience: Duration) -> Reason {
    Reason::ListFailed { stream: StreamId(0), why: ListFailReason::NoPairs(patience) }
}

// proves: 8863-4-a
#[test]
fn without_candidates_of_the_peer_it_fails_39500_ms_after_both_descriptions() {
    let mut world = Setup::new([1, 0], ms(20)).world();
    for side in SIDES {
        world.hand_over_candidates(side);
    }
    world.describe_at(Side::A, ms(0));
    world.describe_at(Side::B, ms(5_000));
    world.run_to(ms(100_000));
    for (side, described) in [(Side::A, 0), (Side::B, 5_000)] {
        assert_eq!(world.state_at(side, IceState::Failed), Some(ms(described + 39_500)), "{side:?}");
        assert_eq!(world.session(side).reason(), Some(&no_pairs(ms(39_500))));
    }
}

// proves: 8863-4-b
#[test]
fn checks_that_failed_before_make_it_fail_at_the_moment_patience_ends() {
    let mut setup = Setup::new([1, 1], ms(20));
    (setup.link, setup.patience) = (Link::cut(), ms(70_000));
    let mut world = setup.described();
    world.run_to(ms(69_999));
    for side in SIDES {
        let failed = world.session(side).stats().pairs.iter().all(|pair| pair.state == PairState::Failed);
        assert!(failed, "the only check has timed out");
        assert_eq!(world.session(side).state(), IceState::Checking, "{side:?}");
    }
    world.run_to(ms(100_000));
    for side in SIDES {
        assert_eq!(world.state_at(side, IceState::Failed), Some(ms(70_000)), "{side:?}");
    }
}

// proves: 8863-5-a
#[test]
fn patience_holds_with_trickle_and_after_the_end_of_candidates() {
    for ended in [false, true] {
        let mut setup = Setup::new([1, 1], ms(20));
        (setup.link, setup.patience) = (Link::cut(), ms(60_000));
        let mut world = setup.world();
        // Candidates come one by one, and with or without their end.
        let signals = SIDES.map(|side| {
            let host = world.host(side);
            world.simulation.node_mut(host).unwrap().take_signals()
        });
        for side in SIDES {
            world.describe_at(side, ms(0));
        }
        world.run_to(ms(1_000));
        for (side, signals) in SIDES.into_iter().zip(signals) {
            let (host, now) = (world.host(side.other()), world.simulation.now());
            for signal in
                signals.into_iter().filter(|signal| ended || matches!(signal, Signal::Candidate { .. }))
            {
                world.simulation.node_mut(host).unwrap().handle_signal(now, signal).unwrap();
            }
        }
        world.run_to(ms(100_000));
        for side in SIDES {
            assert_eq!(world.state_at(side, IceState::Failed), Some(ms(60_000)), "{side:?}, ended: {ended}");
        }
    }
}

#[test]
fn a_path_of_one_direction_is_no_path() {
    let mut world = Setup::new([1, 1], ms(20)).world();
    let [a, b] = SIDES.map(|side| world.host(side));
    world.simulation.network_mut().set_link(a, b, Link::cut());
    world.describe_all();
    world.run_to(ms(200_000));
    for side in SIDES {
        assert_eq!((world.valid_at(side), world.session(side).state()), (None, IceState::Failed), "{side:?}");
    }
    // B's checks arrive, and A's answers to them do not.
    assert_eq!(world.sent(Side::B).len(), 7);
}

#[test]
fn a_path_that_heals_before_the_end_connects() {
    let mut setup = Setup::new([2, 2], ms(20));
    setup.link = Link::cut();
    let mut world = setup.described();
    world.run_to(ms(20_000));
    let [a, b] = SIDES.map(|side| world.host(side));
    world.simulation.network_mut().connect(a, b, Link::new(ms(10)));
    assert!(world.complete(ms(60_000)));
    world.assert_agreed();
}

// proves: 8445-12.1-b
#[test]
fn a_stream_with_a_component_that_fails_sends_nothing_more() {
    let mut setup = Setup::new([1, 1], ms(20));
    setup.streams = vec![2, 1];
    let mut world = setup.world();
    // Neither side hears of the other's second component.
    let is_rtcp = |signal: &Signal| matches!(signal, Signal::Candidate { candidate, .. } if candidate.component() == ComponentId::RTCP);
    let now = world.simulation.now();
    for side in SIDES {
        let (host, other) = (world.host(side), world.host(side.other()));
        let signals = world.simulation.node_mut(host).unwrap().take_signals();
        for signal in signals.into_iter().filter(|signal| !is_rtcp(signal)) {
            world.simulation.node_mut(other).unwrap().handle_signal(now, signal).unwrap();
        }
        world.describe_at(side, ms(0));
    }
    world.run_to(ms(39_499));
    let route = |world: &World, stream, component| world.session(Side::A).route(StreamId(stream), component);
    assert!(route(&world, 0, ComponentId::RTP).is_some(), "while there is hope, data may flow");
    world.run_to(ms(39_500));
    for component in [ComponentId::RTP, ComponentId::RTCP] {
        assert_eq!(route(&world, 0, component), None);
    }
    // The other stream goes on.
    assert!(route(&world, 1, ComponentId::RTP).is_some());
    assert_eq!(world.session(Side::A).state(), IceState::Completed);
}
