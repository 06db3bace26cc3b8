//! Worlds that once broke a rule.

use std::{collections::BTreeSet, time::Duration};

#[test]
fn a_pair_nominated_again_after_more_than_30_s_leaves_both_sides_connected() {
    // The controlled side left the way in use for one without consent, and was disconnected.
    let outcome = floe_soak::play(348_844);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_direct_pair_that_lost_its_first_requests_is_taken_once_it_answers_again() {
    // One that had lost three of five was passed by for a reflexive one, and never taken.
    let outcome = floe_soak::play(323_371);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_repetition_of_a_relayed_check_does_not_overtake_the_first_while_that_waits_for_its_slot() {
    // The permission was there, and the repetition left at once: a new transaction within Ta of another.
    let outcome = floe_soak::play(1_053);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_reflexive_candidate_that_is_found_late_has_checks_under_way_made_again() {
    // The peer's firewall opened for the fifth of seven requests, and the last two were lost.
    let outcome = floe_soak::play(30_416_971_680_660).unwrap();
    assert!(outcome.connected.is_some_and(|at| at < Duration::from_secs(15)), "{outcome:?}");
}

#[test]
fn a_server_that_says_437_four_times_is_asked_from_another_port() {
    // Each time the answer that an allocation was made had been lost.
    let outcome = floe_soak::play(70_126_604).unwrap();
    assert_eq!(outcome.class, Some(floe_sim::PathClass::Relayed));
    let call = floe_soak::Call::play(70_126_604);
    let allocates = call.journal().into_iter().filter(|line| line.contains("Method(3) Request"));
    let ports: BTreeSet<_> =
        allocates.filter_map(|line| line.split(' ').nth(2).map(ToOwned::to_owned)).collect();
    assert_eq!(ports.len(), 3, "of its two sockets, and one more: {ports:?}");
}

#[test]
fn a_direct_path_that_loses_much_at_first_is_gone_to_later() {
    // Four answers in a row came only after a minute.
    let outcome = floe_soak::play(70_142_656).unwrap();
    assert!(outcome.away > Duration::from_secs(60), "{outcome:?}");
}

#[test]
fn checks_that_wait_for_a_permission_do_not_crowd_out_the_one_that_counts() {
    // Three of one pair were held, with two answers; the latest was dropped, and its repetition left out of its slot.
    let outcome = floe_soak::play(500_101_746);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}
