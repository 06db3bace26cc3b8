//! Peers that cannot reach each other.

use floe_core::StreamId;
use floe_session::{FailReason, IceState, ListFailReason, Reason};
use floe_sim::Link;

use crate::world::{SIDES, Setup, Side, ms};

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

#[test]
fn without_candidates_of_the_peer_it_fails_when_patience_is_over() {
    let mut setup = Setup::new([1, 0], ms(20));
    setup.patience = ms(7_000);
    let mut world = setup.described();
    world.run_to(ms(60_000));
    for side in SIDES {
        assert_eq!(world.state_at(side, IceState::Failed), Some(ms(7_000)), "{side:?}");
        let why = ListFailReason::NoPairs(ms(7_000));
        assert_eq!(world.session(side).reason(), Some(&Reason::ListFailed { stream: StreamId(0), why }));
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
