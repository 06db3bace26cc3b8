//! When a check list fails and what it says of it, and how long patience holds that off (RFC 8445 7.2.5.4, RFC 8863).

use floe_check::{CheckConfig, Event, FailReason, ListFailReason, ListState, PairState};
use floe_core::Role;

use crate::common::*;

// proves: 8445-7.2.5.4-a
#[test]
fn a_list_fails_when_some_component_has_no_valid_pair_and_nothing_is_left_to_check() {
    let mut bench = Bench::with(CheckConfig::default().patience(ms(0)), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp());
    bench.describe(S0);
    bench.remote(S0, &numbered(1));
    bench.remote(S0, &numbered(2).rtcp());
    bench.remote(S0, &numbered(3).rtcp());
    bench.end(S0);
    bench.at(0);
    let checks = bench.all_next();
    bench.drain();
    let _ = bench.answer(&checks[0], "10.0.0.1:1000");
    let _ = bench.refuse(&checks[1], 400);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running), "one check is still out");
    let _ = bench.refuse(&checks[2], 401);
    let why = ListFailReason::AllFailed { pairs: 2, last: FailReason::Error(401) };
    assert_eq!(bench.news().last(), Some(&Event::ListFailed { stream: S0, why }));
    assert_eq!(why.to_string(), "all 2 pairs failed, the last one because of: the peer answered 401");

    // With a valid pair for each component it does not fail, whatever else has.
    let mut bench = with_config(CheckConfig::default().patience(ms(0)), &[1, 2]);
    bench.end(S0);
    bench.at(0);
    let checks = bench.all_next();
    let _ = bench.answer(&checks[1], "10.0.0.1:1000");
    let _ = bench.refuse(&checks[0], 400);
    bench.at(100_000);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
}

// proves: 8863-4-a, 8863-4-b
#[test]
fn no_list_fails_before_patience_ends_and_then_it_does_at_once() {
    // Patience begins when both sides' credentials are known, candidates or not.
    let mut bench = Bench::new(Role::Controlling);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.at(10_000);
    assert_eq!(bench.set.poll_timeout(), None, "the peer's description is still to come");
    bench.describe(S0);
    assert_eq!(bench.set.poll_timeout(), Some(epoch() + ms(49_500)));
    bench.remote(S0, &Cand::host(PEER));
    bench.end(S0);
    let check = bench.next();
    bench.at(15_000);
    let _ = bench.refuse(&check, 400);
    assert_eq!(bench.state(bench.only_pair()), PairState::Failed);
    bench.drain();
    bench.at(49_499);
    assert_eq!((bench.set.list_state(S0), bench.news()), (Some(ListState::Running), vec![]));
    bench.at(49_500);
    let why = ListFailReason::AllFailed { pairs: 1, last: FailReason::Error(400) };
    assert_eq!(bench.news(), [Event::ListFailed { stream: S0, why }]);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Failed));
    assert_eq!(bench.set.poll_timeout(), None);
}

#[test]
fn a_list_says_why_the_component_failed_that_has_no_valid_pair() {
    // RTP has one pair that works and two that fail; RTCP has one that fails, or none at all.
    for rtcp in [true, false] {
        let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
        bench.local(S0, &Cand::host("10.0.0.1:1000"));
        bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp());
        bench.describe(S0);
        for port in [1, 2, 3] {
            bench.remote(S0, &numbered(port));
        }
        if rtcp {
            bench.remote(S0, &numbered(4).rtcp());
        }
        bench.end(S0);
        for check in bench.all_next() {
            let _ = match check.to.port() {
                1 => bench.answer(&check, "10.0.0.1:1000"),
                4 => bench.refuse(&check, 401),
                _ => bench.refuse(&check, 400),
            };
        }
        bench.drain();
        bench.at(39_500);
        let why = if rtcp {
            ListFailReason::AllFailed { pairs: 1, last: FailReason::Error(401) }
        } else {
            ListFailReason::NoPairs(ms(39_500))
        };
        assert_eq!(bench.news(), [Event::ListFailed { stream: S0, why }]);
    }
}

#[test]
fn where_there_was_nothing_to_check_the_failure_says_so() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.end(S0);
    bench.drain();
    bench.at(39_500);
    let why = ListFailReason::NoPairs(ms(39_500));
    assert_eq!(bench.news(), [Event::ListFailed { stream: S0, why }]);
    assert_eq!(why.to_string(), "no candidates to pair within 39.5s");
}

// proves: 8863-5-a
#[test]
fn patience_holds_after_the_end_of_candidates_for_a_check_that_may_still_come() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.end(S0);
    bench.at(30_000);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
    bench.checked_from(BASE, PEER);
    bench.succeed_next();
    assert_eq!(bench.valid().len(), 1);
    bench.at(60_000);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
}

// proves: 8838-8-a
#[test]
fn an_empty_list_runs_on_while_candidates_may_come() {
    let mut bench = Bench::with(CheckConfig::default().patience(ms(0)), &[(S0, &[RTP]), (S1, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.local(S1, &Cand::host("10.0.0.1:1001"));
    bench.describe(S0);
    bench.describe(S1);
    bench.at(10_000);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
    bench.remote(S1, &numbered(1));
    // The empty one is passed over within the slot.
    assert_eq!(bench.next().to.port(), 1);
    bench.remote(S0, &numbered(2));
    bench.succeed_next();
    assert_eq!(bench.valid().len(), 1);
    // Own candidates may come as long as their end was not told.
    let mut bench = with_config(CheckConfig::default().patience(ms(0)), &[1]);
    bench.set.end_of_remote(bench.now, S0);
    bench.at(0);
    let check = bench.next();
    let _ = bench.refuse(&check, 400);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
    bench.set.end_of_local(bench.now, S0);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Failed));
}

#[test]
fn patience_stands_in_for_an_end_of_candidates_that_never_comes_and_a_late_candidate_resumes_the_list() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.set.end_of_local(bench.now, S0);
    bench.at(39_500);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Failed));
    bench.drain();
    bench.remote(S0, &Cand::host(PEER));
    assert_eq!(bench.news(), [Event::ListResumed(S0)]);
    bench.succeed_next();
    assert_eq!(bench.valid().len(), 1);
    // A failed list is not checked by itself.
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    bench.end(S0);
    bench.next();
    bench.at(100_000);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Failed));
    assert!(bench.try_next().is_none());
}

#[test]
fn what_a_relay_may_not_reach_fails_but_for_what_works() {
    let mut bench = Bench::ready(Role::Controlling);
    let relay = bench.local(S0, &Cand::relay("198.51.100.1:5000"));
    for remote in ["203.0.113.7:1", "203.0.113.7:2", "203.0.113.8:1"] {
        bench.remote(S0, &Cand::host(remote));
    }
    bench.checked_from(relay, "203.0.113.7:2");
    let check = bench.next();
    let _ = bench.answer(&check, "198.51.100.1:5000");
    bench.set.forbid(bench.now, relay, "203.0.113.7".parse().unwrap());
    let state = |bench: &Bench, local, remote| bench.state(bench.pair(local, remote));
    assert_eq!(state(&bench, "198.51.100.1:5000", "203.0.113.7:1"), PairState::Failed);
    assert_eq!(state(&bench, "198.51.100.1:5000", "203.0.113.7:2"), PairState::Succeeded);
    for (local, remote) in [("198.51.100.1:5000", "203.0.113.8:1"), ("10.0.0.1:1000", "203.0.113.7:1")] {
        assert_ne!(state(&bench, local, remote), PairState::Failed, "{local} to {remote}");
    }
    let why = |event: &Event| match event {
        Event::Failed { why, .. } => Some(*why),
        _ => None,
    };
    assert_eq!(bench.news().iter().filter_map(why).collect::<Vec<_>>(), [FailReason::Forbidden]);
    // Who is heard all the same is answered, and checked.
    bench.checked_from(relay, "203.0.113.7:1");
    assert_eq!(state(&bench, "198.51.100.1:5000", "203.0.113.7:1"), PairState::Waiting);
}
