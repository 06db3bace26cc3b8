//! Nominating: when it counts on both sides, and what a failed nomination does (RFC 8445 7.2.5.3.4, 7.3.1.5, 8.1.1).

use floe_check::{CheckConfig, Event, FailReason, ListFailReason, ListState, Outcome, PairState};
use floe_core::{PairId, Role};

use crate::common::*;

fn nominated(pair: PairId) -> Event {
    Event::Nominated { stream: S0, component: RTP, pair }
}

#[test]
fn the_controlling_side_nominates_by_repeating_the_check_with_use_candidate() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let first = bench.succeed_next();
    bench.drain();
    bench.nominate(pair);
    bench.nominate(pair);
    assert_eq!(bench.state(pair), PairState::Succeeded);
    let nominating = bench.next();
    assert!(bench.try_next().is_none(), "once");
    assert!(!first.use_candidate && nominating.use_candidate);
    assert_eq!((nominating.base, nominating.to), (first.base, first.to));
    assert!(!bench.view(pair).nominated);
    let _ = bench.answer(&nominating, "10.0.0.1:1000");
    let news = bench.news();
    assert!(matches!(news[0], Event::Validated { pair: valid, .. } if valid == pair));
    assert_eq!(news[1..], [nominated(pair)]);
    assert!(bench.valid()[0].nominated);
}

#[test]
fn only_what_is_valid_is_nominated_and_only_by_the_controlling_side() {
    let mut bench = with_remotes(Role::Controlling, &[1, 2]);
    let pair = to_port(&bench, 1);
    bench.nominate(pair);
    bench.nominate(PairId(99));
    assert!(bench.all_next().iter().all(|check| !check.use_candidate));
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    bench.nominate(pair);
    assert!(bench.try_next().is_none());
}

// proves: 8445-7.3.1.5-a
#[test]
fn the_peers_nomination_holds_whether_it_comes_before_or_after_our_success() {
    // After.
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    bench.drain();
    bench.nominated_from(BASE, PEER);
    assert_eq!(bench.news(), [nominated(pair)]);
    assert!(bench.valid()[0].nominated && !bench.set.has_next());
    // A second time it is no news.
    bench.nominated_from(BASE, PEER);
    assert_eq!(bench.news(), []);

    // Before: with the check waiting, under way, failed before, or frozen.
    for sent in [false, true] {
        let (mut bench, pair) = Bench::one_pair(Role::Controlled);
        let first = sent.then(|| bench.next());
        bench.nominated_from(BASE, PEER);
        assert!(!bench.view(pair).nominated && bench.valid().is_empty());
        bench.drain();
        match first {
            // The late answer to the cancelled check is as good as the new one's.
            Some(first) => drop(bench.answer(&first, "10.0.0.1:1000")),
            None => drop(bench.succeed_next()),
        }
        assert_eq!(bench.news().last(), Some(&nominated(pair)));
    }
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    let check = bench.next();
    let _ = bench.refuse(&check, 400);
    bench.nominated_from(BASE, PEER);
    bench.succeed_next();
    assert!(bench.view(pair).nominated);

    // A nomination is lost with the failure of the check it waited for.
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    bench.nominated_from(BASE, PEER);
    let check = bench.next();
    let _ = bench.refuse(&check, 400);
    bench.checked_from(BASE, PEER);
    bench.succeed_next();
    assert!(bench.view(pair).valid && !bench.view(pair).nominated);
}

#[test]
fn the_nominated_flag_is_on_the_valid_pair_and_not_on_the_checked_one() {
    for how in ["by us", "by the peer"] {
        let role = if how == "by the peer" { Role::Controlled } else { Role::Controlling };
        let (mut bench, checked) = Bench::one_pair(role);
        let check = bench.next();
        let _ = bench.answer(&check, "203.0.113.1:4000");
        let valid = bench.pair("203.0.113.1:4000", PEER);
        bench.drain();
        if role == Role::Controlling {
            bench.nominate(valid);
            let nominating = bench.next();
            let _ = bench.answer(&nominating, "203.0.113.1:4000");
        } else {
            bench.nominated_from(BASE, PEER);
        }
        assert!(bench.news().contains(&nominated(valid)), "{how}");
        assert_eq!((bench.view(valid).nominated, bench.view(checked).nominated), (true, false), "{how}");
        assert_eq!((bench.valid()[0].id, bench.valid()[0].checked), (valid, checked), "{how}");
    }
}

#[test]
fn the_peer_may_nominate_a_pair_that_another_check_made_valid() {
    let mut bench = Bench::ready(Role::Controlled);
    let other_base = bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host(PEER));
    let check = bench.next();
    let _ = bench.answer(&check, "10.0.0.9:1009");
    let other = bench.pair("10.0.0.9:1009", PEER);
    assert_eq!(bench.valid_ids(), [other]);
    bench.nominated_from(other_base, PEER);
    assert!(bench.view(other).nominated);
}

#[test]
fn when_the_nominated_nat_binding_has_changed_the_pair_that_works_now_is_nominated() {
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    let _ = bench.answer(&check, "203.0.113.1:4000");
    let old = bench.pair("203.0.113.1:4000", PEER);
    bench.nominate(old);
    let nominating = bench.next();
    let _ = bench.answer(&nominating, "203.0.113.1:4001");
    let new = bench.pair("203.0.113.1:4001", PEER);
    assert_eq!((bench.view(old).nominated, bench.view(new).nominated), (false, true));
}

#[test]
fn the_aggressive_side_nominates_with_every_check_and_ends_on_the_best_that_was_under_way() {
    let mut bench = with_config(CheckConfig::default().aggressive(true), &[1, 2, 3, 4]);
    let checks: Vec<_> = (0..3).map(|_| bench.next()).collect();
    assert!(checks.iter().all(|check| check.use_candidate));
    let _ = bench.answer(&checks[1], "10.0.0.1:1000");
    assert!(bench.news().contains(&nominated(to_port(&bench, 2))));
    bench.retire(to_port(&bench, 2));
    // The better one may be nominated at the peer already; the worse ones do not matter any more.
    let retired = |bench: &Bench, port| bench.view(to_port(bench, port)).retired;
    assert_eq!([1, 2, 3, 4].map(|port| retired(&bench, port)), [false, false, true, true]);
    let _ = bench.answer(&checks[2], "10.0.0.1:1000");
    assert_eq!(bench.valid_ids(), [to_port(&bench, 2)]);
    let _ = bench.answer(&checks[0], "10.0.0.1:1000");
    assert_eq!(bench.valid_ids(), [to_port(&bench, 1), to_port(&bench, 2)]);
    assert!(bench.valid()[0].nominated);
}

#[test]
fn an_aggressive_agent_and_its_peer_end_on_the_same_pair() {
    for seed in 0..5 {
        let aggressive = CheckConfig::default().role(Role::Controlling).aggressive(true);
        let mut duo = Duo::new([aggressive, CheckConfig::default().role(Role::Controlled)], seed);
        for side in 0..2_usize {
            for n in 1..=4_u16 {
                let host = Cand::host(&format!("10.{}.0.{n}:1000", side + 1)).preference(100 * n);
                duo.host(side, S0, &host);
            }
        }
        // More than a slot, so that several nominations are under way at once.
        duo.delay = ms(70);
        duo.signal(0);
        duo.signal(1);
        duo.end_of_candidates();
        duo.run_until(20_000);
        let (left, right) = (duo.selected(0).unwrap(), duo.selected(1).unwrap());
        assert_eq!(left.local.socket_addr(), right.remote.socket_addr());
        assert_eq!(left.remote.socket_addr(), right.local.socket_addr());
        assert_eq!(duo.states(), [ListState::Completed; 2]);
    }
}

#[test]
fn a_failed_nomination_takes_the_pair_off_the_valid_list_and_leaves_the_list_its_other_chances() {
    type Ruin<'a> = &'a dyn Fn(&mut Bench, &Seen);
    let cases: [(FailReason, Ruin<'_>); 3] = [
        (FailReason::Error(400), &|bench, check| assert_eq!(bench.refuse(check, 400), Outcome::Handled)),
        (FailReason::Timeout, &|bench, _| drop(bench.at(39_500))),
        (FailReason::Asymmetric, &|bench, check| {
            let _ = bench.take(BASE, "10.0.0.66:6", &success(check.id, "10.0.0.1:1000").write());
        }),
    ];
    for mapped in ["10.0.0.1:1000", "203.0.113.1:4000"] {
        for (why, ruin) in cases {
            let mut bench = with_remotes(Role::Controlling, &[1, 2]);
            let checks = bench.all_next();
            for check in &checks {
                let _ = bench.answer(check, mapped);
            }
            let checked = to_port(&bench, 1);
            let valid = bench.pair(mapped, "10.0.0.2:1");
            let other = bench.pair(mapped, "10.0.0.2:2");
            bench.end(S0);
            bench.nominate(valid);
            let nominating = bench.next();
            bench.drain();
            ruin(&mut bench, &nominating);
            let lost = Event::NominationFailed { stream: S0, component: RTP, check: checked, why };
            assert_eq!(bench.news(), [failed(checked, why), lost]);
            assert_eq!([bench.state(checked), bench.state(valid)], [PairState::Failed; 2]);
            assert_eq!(bench.valid_ids(), [other]);
            bench.at(50_000);
            assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
            // The other one can be nominated.
            bench.nominate(other);
            let nominating = bench.next();
            let _ = bench.answer(&nominating, mapped);
            assert!(bench.view(other).nominated);
        }
    }
}

#[test]
fn where_the_only_valid_pair_fails_its_nomination_the_list_fails() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.succeed_next();
    bench.end(S0);
    bench.at(45_000);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
    bench.nominate(pair);
    let nominating = bench.next();
    bench.drain();
    let _ = bench.refuse(&nominating, 400);
    let why = ListFailReason::AllFailed { pairs: 1, last: FailReason::Error(400) };
    assert_eq!(bench.news().last(), Some(&Event::ListFailed { stream: S0, why }));
    assert_eq!(bench.set.list_state(S0), Some(ListState::Failed));
}

#[test]
fn a_nomination_of_the_peer_fails_with_the_check_it_waits_for() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    bench.nominated_from(BASE, PEER);
    let check = bench.next();
    bench.drain();
    let _ = bench.refuse(&check, 400);
    assert_eq!(bench.news(), [failed(pair, FailReason::Error(400))]);
    assert_eq!(bench.state(pair), PairState::Failed);
}

#[test]
fn a_nomination_fails_with_the_check_it_waits_for_though_its_pair_became_valid_by_its_own_one() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host(PEER));
    let [first, own] = [bench.next(), bench.next()];
    let _ = bench.answer(&first, "10.0.0.9:1009");
    let valid = bench.pair("10.0.0.9:1009", PEER);
    bench.nominate(valid);
    let nominating = bench.next();
    assert_eq!((nominating.base, nominating.use_candidate), (BASE, true));
    let _ = bench.answer(&own, "10.0.0.9:1009");
    bench.drain();
    assert_eq!(bench.refuse(&nominating, 400), Outcome::Handled);
    let why = FailReason::Error(400);
    let check = bench.pair("10.0.0.1:1000", PEER);
    let lost = Event::NominationFailed { stream: S0, component: RTP, check, why };
    assert!(bench.news().contains(&lost));
    assert_eq!(bench.valid_ids(), [valid]);
    bench.nominate(valid);
    assert_ne!(bench.next().base, BASE, "by the check that made it valid since");
}
