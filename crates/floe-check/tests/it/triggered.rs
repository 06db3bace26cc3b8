//! Triggered checks: what a check of the peer draws on each pair (RFC 8445 7.3.1.4).

use floe_check::{DropReason, Event, ListState, Outcome, PairState};
use floe_core::Role;
use floe_stun::attribute::{self, UseCandidate};

use crate::common::*;

// proves: 8445-7.3.1.4-a
#[test]
fn a_check_on_a_pair_that_succeeded_triggers_nothing() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.succeed_next();
    bench.drain();
    bench.checked_from(BASE, PEER);
    assert_eq!(
        (bench.state(pair), bench.events(), bench.set.has_next()),
        (PairState::Succeeded, vec![], false)
    );
}

// proves: 8445-7.3.1.4-b
#[test]
fn a_check_on_a_pair_in_progress_cancels_and_repeats_ours_whose_late_answer_still_counts() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let first = bench.next();
    bench.at(100);
    bench.checked_from(BASE, PEER);
    assert_eq!(bench.state(pair), PairState::Waiting);
    assert_eq!(bench.at(20_000), [], "no resends");
    let second = bench.next();
    assert_ne!(first.id, second.id);
    assert_eq!(bench.state(pair), PairState::InProgress);
    // It is resent; the first is not, nor does its end mean anything.
    assert!(bench.at(39_600).iter().all(|(_, seen)| seen.id == second.id));
    assert_eq!(bench.state(pair), PairState::InProgress);

    // The late answer, before or after the new check has gone out.
    for after in [false, true] {
        let (mut bench, pair) = Bench::one_pair(Role::Controlling);
        let first = bench.next();
        bench.checked_from(BASE, PEER);
        let second = after.then(|| bench.next());
        bench.at(39_000);
        assert_eq!(bench.answer(&first, "10.0.0.1:1000"), Outcome::Handled);
        assert_eq!((bench.valid_ids(), bench.state(pair)), (vec![pair], PairState::Succeeded));
        assert!(!bench.set.has_next(), "nothing is left to check");
        if let Some(second) = second {
            bench.drain();
            assert_eq!(bench.at(39_400), [], "the newer check is needed no more");
            assert_eq!(bench.answer(&second, "10.0.0.1:1000"), Outcome::Handled);
        }
        assert_eq!(bench.at(200_000), []);
        assert_eq!(bench.state(pair), PairState::Succeeded);
    }
}

// proves: 8445-7.3.1.4-c
#[test]
fn a_check_on_a_waiting_frozen_or_failed_pair_queues_it_once_and_wakes_a_failed_list() {
    let waiting = |bench: &mut Bench| {
        bench.remote(S0, &numbered(1));
        bench.remote(S0, &numbered(2));
    };
    let frozen = |bench: &mut Bench| {
        bench.remote(S0, &numbered(1).foundation("f"));
        bench.remote(S0, &numbered(2).foundation("f"));
    };
    let failed = |bench: &mut Bench| {
        bench.remote(S0, &numbered(2));
        let check = bench.next();
        let _ = bench.refuse(&check, 400);
        bench.remote(S0, &numbered(1));
    };
    type Prepare<'a> = &'a dyn Fn(&mut Bench);
    let cases: [(PairState, Prepare<'_>); 3] =
        [(PairState::Waiting, &waiting), (PairState::Frozen, &frozen), (PairState::Failed, &failed)];
    for (state, prepare) in cases {
        let mut bench = Bench::ready(Role::Controlling);
        prepare(&mut bench);
        let pair = bench.pair("10.0.0.1:1000", "10.0.0.2:2");
        assert_eq!(bench.state(pair), state);
        for _ in 0..3 {
            bench.checked_from(BASE, "10.0.0.2:2");
        }
        assert_eq!(bench.state(pair), PairState::Waiting);
        let checks: Vec<_> = bench.all_next().iter().map(|check| check.to.port()).collect();
        assert_eq!(checks, [2, 1], "{state}: before the better one, once");
    }

    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.end(S0);
    bench.next();
    bench.at(40_000);
    assert_eq!((bench.state(pair), bench.set.list_state(S0)), (PairState::Failed, Some(ListState::Failed)));
    bench.drain();
    bench.checked_from(BASE, PEER);
    assert_eq!((bench.state(pair), bench.set.list_state(S0)), (PairState::Waiting, Some(ListState::Running)));
    assert!(bench.news().contains(&Event::ListResumed(S0)));
    bench.succeed_next();
    assert_eq!(bench.valid_ids(), [pair]);
}

// proves: 8445-7.3.1.4-d
#[test]
fn a_check_on_a_path_that_is_not_listed_makes_a_pair_in_its_place_and_queues_it() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &numbered(1));
    bench.remote(S0, &Cand::relay("10.0.0.2:3"));
    // A known candidate on another base than it was paired with, and an unknown one.
    let check = bench.check().instead(&attribute::Priority::new(1_900_000_000));
    let _ = bench.ask(BASE, "10.0.0.2:2", &check);
    let pair = bench.pair("10.0.0.1:1000", "10.0.0.2:2");
    assert_eq!(bench.state(pair), PairState::Waiting);
    let mut pairs = bench.pairs();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.priority));
    let ports: Vec<_> = pairs.iter().map(|pair| pair.remote.address().port()).collect();
    assert_eq!(ports, [1, 2, 3], "by its priority");
    let checks: Vec<_> = bench.all_next().iter().map(|check| check.to.port()).collect();
    assert_eq!(checks, [2, 1, 3]);
}

// proves: 8489-6.3.1-b
#[test]
fn a_resent_check_is_answered_alike_and_triggers_nothing_again() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let (one, other) = (bench.check(), bench.check());
    let answer = bench.ask(BASE, PEER, &one).1;
    bench.next();
    let _ = bench.ask(BASE, PEER, &other);
    bench.next();
    bench.drain();
    // Both are resent, in turns, as by a peer that does not cancel.
    for _ in 0..5 {
        assert_eq!(bench.ask(BASE, PEER, &one).1, answer);
        let _ = bench.ask(BASE, PEER, &other);
        assert_eq!((bench.state(pair), bench.events()), (PairState::InProgress, vec![]));
    }
    assert!(!bench.set.has_next());
}

// proves: sec-replay-a
#[test]
fn a_check_replayed_from_elsewhere_draws_a_check_there_and_moves_no_data() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    let check = bench.check().with(&UseCandidate);
    assert_eq!(bench.ask(BASE, PEER, &check).0, Outcome::Handled);
    bench.succeed_next();
    let valid = bench.valid_ids();
    let route = bench.set.route(pair);
    // The attacker saw the check go by, and sends it again from its own address.
    assert_eq!(bench.ask(BASE, "198.51.100.66:6", &check).0, Outcome::Dropped(DropReason::Nomination));
    assert_eq!((bench.valid_ids(), bench.set.route(pair)), (valid.clone(), route));
    let drawn = bench.next();
    assert_eq!(drawn.to, addr("198.51.100.66:6"));
    // It cannot answer; what it can is forward the check to the peer and the answer to us, whence data does flow.
    bench.at(60_000);
    assert_eq!(bench.valid_ids(), valid);
    let replayed = bench.pair("10.0.0.1:1000", "198.51.100.66:6");
    assert_eq!(bench.state(replayed), PairState::Failed);
    assert!(bench.view(pair).nominated && !bench.view(replayed).nominated);
}
