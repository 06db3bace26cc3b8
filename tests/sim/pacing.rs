//! The pace of checks (RFC 8445 6.1.4.2, 14.2).

use std::time::Duration;

use floe_session::{Event, Nomination};
use floe_sim::Link;

use crate::world::{SIDES, Setup, Side, World, ms};

/// The checks of a side in their order: when, and of which stream.
fn checks(world: &World, side: Side) -> Vec<(Duration, u32)> {
    let checks = world.events(side).filter_map(|(at, event)| match event {
        Event::Checking { stream, .. } => Some((at, stream.0)),
        _ => None,
    });
    checks.collect()
}

#[test]
fn two_new_transactions_are_never_closer_than_ta() {
    for seed in 0..30 {
        let count = 1 + u8::try_from(seed % 4).unwrap();
        let mut setup = Setup::new([count, 3], ms(7 * seed));
        setup.seed = seed;
        setup.streams = vec![2, 1];
        setup.link = setup.link.loss(0.2).jitter(ms(30)).duplicate(0.1);
        let mut world = setup.described();
        world.complete(ms(60_000));
        for side in SIDES {
            let started = world.started(side);
            assert!(started.len() > 3, "{started:?}");
            assert_eq!(started[0].at, ms(0), "the first at once");
            world.assert_paced(side, ms(50));
        }
    }
}

#[test]
fn the_slower_of_both_paces_holds() {
    for (ta, agreed) in [([20, 30], 30), ([30, 20], 30), ([5, 5], 5), ([1, 2], 5), ([20, 100], 100)] {
        let mut setup = Setup::new([3, 3], ms(10));
        (setup.ta, setup.link) = (ta.map(ms), Link::cut());
        let mut world = setup.described();
        world.run_to(ms(2_000));
        for side in SIDES {
            let starts: Vec<_> = world.started(side).iter().map(|sent| sent.at).collect();
            let expected: Vec<_> = (0..9).map(|slot| slot * ms(agreed)).collect();
            assert_eq!(starts, expected, "{ta:?}");
        }
    }
}

// proves: 8445-6.1.4.2-a, 8445-6.1.4.2-e
#[test]
fn checks_go_out_one_each_ta_round_the_lists_and_no_slot_is_lost() {
    // All paths work but that of the best pair, which regular nomination goes on waiting for.
    let mut setup = Setup::new([2, 2], ms(20));
    setup.streams = vec![1, 1];
    setup.nomination = Nomination::Regular;
    let mut world = setup.world();
    world.set_path(0, 0, Link::cut());
    world.describe_all();
    world.run_to(ms(2_000));
    for side in SIDES {
        // At first the second list is frozen, and its slots go to the first; what succeeds there thaws its twin here. The
        // twin of the best pair stays frozen, since the check of the best pair is under way: when the other seven have
        // been checked, no list has anything to send, and nothing is sent.
        let expected = [(0, 0), (50, 0), (100, 1), (150, 0), (200, 1), (250, 0), (300, 1)];
        let expected = expected.map(|(at, stream)| (ms(at), stream));
        assert_eq!(checks(&world, side), expected, "{side:?}");
        let started: Vec<_> = world.started(side).iter().map(|sent| sent.at).collect();
        assert_eq!(started, expected.map(|(at, _)| at), "{side:?}");
    }
}
