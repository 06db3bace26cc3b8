//! Several candidates, families, components and streams; candidates that trickle.

use std::{net::IpAddr, time::Duration};

use floe_session::{IceState, Nomination};

use crate::world::{SIDES, Setup, Side, ms};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn both_families_connect_and_ipv6_is_preferred() {
    let mut setup = Setup::new([0, 0], ms(20));
    setup.addresses = [
        vec![ip("192.0.2.1"), ip("2001:db8:1::1"), ip("fe80::1")],
        vec![ip("2001:db8:2::1"), ip("fe80::2"), ip("192.0.2.2")],
    ];
    let mut world = setup.described();
    assert!(world.complete(ms(10_000)));
    world.assert_agreed();
    for [local, remote] in world.outcome(Side::A).values() {
        assert_eq!([local.ip(), remote.ip()], [setup.addresses[0][1], setup.addresses[1][0]]);
    }
}

#[test]
fn one_common_family_is_enough() {
    for (a, b) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2"), ("fe80::1", "fe80::2")] {
        let mut setup = Setup::new([0, 0], ms(20));
        let other = if ip(a).is_ipv4() { ip("2001:db8:9::1") } else { ip("198.51.100.1") };
        setup.addresses = [vec![ip(a), other], vec![ip(b)]];
        let mut world = setup.described();
        assert!(world.complete(ms(10_000)), "{a}");
        world.assert_agreed();
        assert_eq!(world.outcome(Side::A).values().next().unwrap()[1].ip(), ip(b));
    }
}

#[test]
fn every_shape_ends_on_the_same_pairs_on_both_sides() {
    for streams in [vec![1], vec![2], vec![1, 1], vec![2, 1, 2]] {
        for candidates in [[1, 1], [1, 3], [3, 1], [3, 3]] {
            for nomination in [Nomination::Regular, Nomination::Eager, Nomination::Aggressive] {
                let mut setup = Setup::new(candidates, ms(30));
                (setup.streams, setup.nomination) = (streams.clone(), nomination);
                let mut world = setup.described();
                let shape = (&streams, candidates, nomination);
                assert!(world.complete(ms(20_000)), "{shape:?}");
                world.assert_agreed();
                for side in SIDES {
                    world.assert_paced(side, ms(50));
                }
            }
        }
    }
}

#[test]
fn candidates_that_trickle_connect_as_soon_as_one_has_come() {
    for delay in [0, 10, 100, 1_000].map(ms) {
        let mut world = Setup::new([2, 2], ms(20)).world();
        for side in SIDES {
            world.describe_at(side, ms(0));
        }
        assert!(world.run(delay, ms(10_000), |ends| {
            SIDES.iter().all(|&side| ends.state(side) == IceState::Completed)
        }));
        for side in SIDES {
            assert!(world.valid_at(side).unwrap() <= delay + ms(20 + 50), "{delay:?} {side:?}");
        }
        world.assert_agreed();
    }
}

#[test]
fn one_side_may_know_the_other_long_before() {
    for late in SIDES {
        for gap in [30, 300, 3_000].map(ms) {
            let mut world = Setup::new([2, 2], ms(20)).world();
            for side in SIDES {
                world.hand_over_candidates(side);
            }
            world.describe_at(late.other(), Duration::ZERO);
            world.describe_at(late, gap);
            assert!(world.complete(ms(20_000)), "{late:?} {gap:?}");
            world.assert_agreed();
            // The checks of the other side have come meanwhile: they need no further round trip to be followed.
            for side in SIDES {
                let selected = world.selected_at(side).unwrap();
                assert!(selected <= gap + 2 * ms(20) + ms(50), "{late:?} {gap:?} {side:?} {selected:?}");
            }
        }
    }
}
