//! How long it takes to connect, exactly.

use std::time::Duration;

use floe_session::IceState;

use crate::world::{SIDES, Setup, Side, ms};

const TA: Duration = ms(50);

#[test]
fn without_delay_both_have_selected_one_ta_after_both_descriptions() {
    for roles_swapped in [false, true] {
        let mut setup = Setup::new([1, 1], ms(0));
        if roles_swapped {
            setup.roles.reverse();
        }
        let mut world = setup.described();
        assert!(world.complete(ms(1_000)));
        for side in SIDES {
            // No round trip to wait for; the nominating check waits one Ta for its slot.
            assert_eq!(world.valid_at(side), Some(ms(0)), "{side:?}");
            assert_eq!(world.selected_at(side), Some(TA), "{side:?}");
            assert_eq!(world.state_at(side, IceState::Completed), Some(TA), "{side:?}");
        }
        world.assert_agreed();
    }
}

#[test]
fn with_a_round_trip_of_50_ms_data_can_flow_after_one_and_all_is_done_after_two() {
    let mut world = Setup::new([1, 1], ms(50)).described();
    assert!(world.complete(ms(1_000)));
    for side in SIDES {
        assert_eq!(world.valid_at(side), Some(ms(50)), "{side:?}");
        assert_eq!(world.state_at(side, IceState::Connected), Some(ms(50)), "{side:?}");
    }
    assert_eq!(world.selected_at(Side::A), Some(ms(100)));
    assert_eq!(world.selected_at(Side::B), Some(ms(75)));
    world.assert_agreed();
}

#[test]
fn data_can_flow_within_one_round_trip_and_one_ta_and_both_select_within_two_whatever_the_delay() {
    for round_trip in (0..=400).step_by(4).map(ms) {
        let mut world = Setup::new([1, 1], round_trip).described();
        assert!(world.complete(ms(5_000)), "{round_trip:?}");
        for side in SIDES {
            let (valid, selected) = (world.valid_at(side).unwrap(), world.selected_at(side).unwrap());
            assert!(valid <= round_trip + TA, "{side:?} {round_trip:?}: {valid:?}");
            assert!(selected <= 2 * round_trip + TA, "{side:?} {round_trip:?}: {selected:?}");
        }
    }
}

#[test]
fn the_number_of_candidates_does_not_delay_the_selection_where_all_of_them_work() {
    for count in 1..=10 {
        let mut world = Setup::new([count, count], ms(0)).described();
        assert!(world.complete(ms(10_000)), "{count}");
        for side in SIDES {
            assert_eq!(world.selected_at(side), Some(TA), "{side:?}, {count} candidates each");
        }
        world.assert_agreed();
    }
}

#[test]
fn the_session_tells_how_long_it_took_from_the_description() {
    let mut world = Setup::new([1, 1], ms(50)).world();
    for side in SIDES {
        world.hand_over_candidates(side);
        world.describe_at(side, ms(300));
    }
    assert!(world.complete(ms(1_000)));
    for (side, took) in [(Side::A, 100), (Side::B, 75)] {
        let selected = &world.selections(side, world.components()[0])[0];
        assert_eq!((selected.at, selected.elapsed), (ms(300 + took), ms(took)), "{side:?}");
    }
}
