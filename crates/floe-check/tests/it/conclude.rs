//! Nominating, selecting, failing (RFC 8445 7.2.5.3.4, 7.2.5.4, 7.3.1.5, 8.1, RFC 8863).

use floe_check::{CheckConfig, Command, Event, FailReason, ListFailReason, ListState, Outcome, PairState};
use floe_core::{BaseId, PairId, Role};
use floe_stun::Class;

use crate::common::*;

const BASE: BaseId = BaseId(0);
const PEER: &str = "10.0.0.2:2000";

fn nominated(pair: PairId) -> Event {
    Event::Nominated { stream: S0, component: RTP, pair }
}

fn failed(pair: PairId, why: FailReason) -> Event {
    Event::Failed { stream: S0, component: RTP, pair, why }
}

/// One stream with remote candidates at these ports.
fn with_remotes(role: Role, ports: &[u16]) -> Bench {
    with_config(CheckConfig::default().role(role), ports)
}

fn with_config(config: CheckConfig, ports: &[u16]) -> Bench {
    unchecked(config, false, ports)
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

// proves: 8445-8.1.2-a
#[test]
fn a_selected_pair_takes_the_others_off_the_list_and_their_late_answers_are_read_all_the_same() {
    let mut bench = with_remotes(Role::Controlled, &[1, 2, 3, 4]);
    bench.succeed_next();
    let under_way = bench.next();
    bench.checked_from(BASE, "10.0.0.2:3");
    bench.nominated_from(BASE, "10.0.0.2:1");
    let keep = to_port(&bench, 1);
    bench.drain();
    bench.retire(keep);
    let retired = |bench: &Bench, port| bench.view(to_port(bench, port)).retired;
    assert_eq!([1, 2, 3, 4].map(|port| retired(&bench, port)), [false, true, true, true]);
    assert!(!bench.set.has_next(), "nothing waits, nothing is queued");
    assert_eq!(bench.set.outlook(bench.now, S0, RTP).contenders, []);
    assert_eq!(bench.at(10_000), [], "nothing is resent");
    // The late answer is taken as such, and measured; it makes nothing valid.
    assert_eq!(bench.answer(&under_way, "10.0.0.1:1000"), Outcome::Handled);
    let counters = bench.view(to_port(&bench, 2)).counters;
    assert_eq!((counters.responses_received, counters.current_round_trip), (1, Some(ms(10_000))));
    assert_eq!(bench.valid_ids(), [keep]);
    bench.drain();
    bench.at(100_000);
    assert_eq!(bench.news(), [], "no answer is no failure");
}

// proves: 8445-8.1.2-b
#[test]
fn a_list_completes_with_its_last_component() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP]), (S1, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp());
    bench.local(S1, &Cand::host("10.0.0.1:1002"));
    bench.describe(S0);
    bench.describe(S1);
    bench.remote(S0, &numbered(1));
    bench.remote(S0, &numbered(2).rtcp());
    bench.remote(S1, &numbered(3));
    let mapped = ["10.0.0.1:1000", "10.0.0.1:1001", "10.0.0.1:1002"];
    let mapped = |check: &Seen| mapped[usize::try_from(check.base.0).unwrap()];
    for check in bench.all_next() {
        let _ = bench.answer(&check, mapped(&check));
    }
    let states = |bench: &Bench| [S0, S1].map(|stream| bench.set.list_state(stream).unwrap());
    use ListState::{Completed, Running};
    let steps = [(1, [Running, Running]), (3, [Running, Completed]), (2, [Completed, Completed])];
    for (port, expected) in steps {
        let pair = bench.pairs().into_iter().find(|p| p.remote.address().port() == port).unwrap();
        bench.nominate(pair.id);
        let check = bench.next();
        let _ = bench.answer(&check, mapped(&check));
        bench.drain();
        bench.retire(pair.id);
        assert_eq!(states(&bench), expected, "after {port}");
        let completed = bench.news().contains(&Event::ListCompleted(pair.stream));
        assert_eq!(completed, bench.set.list_state(pair.stream) == Some(Completed));
    }
}

// proves: 8445-8.1.2-c
#[test]
fn checks_are_answered_after_the_end_as_before() {
    let mut bench = with_remotes(Role::Controlled, &[1, 2]);
    bench.succeed_next();
    bench.nominated_from(BASE, "10.0.0.2:1");
    let keep = to_port(&bench, 1);
    bench.retire(keep);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Completed));
    bench.drain();
    for from in ["10.0.0.2:1", "10.0.0.2:2", "10.0.0.77:7"] {
        let answer = bench.checked_from(BASE, from);
        assert_eq!(answer.class, Class::Success);
        assert!(!bench.set.has_next(), "{from}: answered, never checked");
        assert_eq!(bench.set.accepts(BASE, addr(from)), Some((S0, RTP)));
    }
    assert_eq!(bench.valid_ids(), [keep]);
}

#[test]
fn a_command_for_a_pair_that_is_not_valid_changes_nothing() {
    let mut bench = with_remotes(Role::Controlling, &[1, 2]);
    bench.succeed_next();
    let (valid, waiting) = (to_port(&bench, 1), to_port(&bench, 2));
    let before = bench.set.snapshot();
    for (stream, component, keep) in
        [(S0, RTP, waiting), (S0, RTP, PairId(99)), (S0, RTCP, valid), (S1, RTP, valid)]
    {
        bench.apply(Command::Retire { stream, component, keep });
        assert!(bench.set.snapshot() == before, "{stream} {component} {keep}");
    }
}

// proves: 8445-8.1.1-c
#[test]
fn of_several_pairs_that_an_aggressive_peer_nominates_the_best_is_selected_however_late_it_is() {
    // All are nominated before any is valid; the worst is first.
    let mut bench = with_remotes(Role::Controlled, &[1, 2, 3]);
    for port in [3, 1, 2] {
        bench.nominated_from(BASE, &format!("10.0.0.2:{port}"));
    }
    let checks = bench.all_next();
    let ports: Vec<_> = checks.iter().map(|check| check.to.port()).collect();
    assert_eq!(ports, [3, 1, 2]);
    let select = |bench: &mut Bench| {
        let best = bench.valid().into_iter().find(|pair| pair.nominated).unwrap().id;
        bench.retire(best);
        bench.view(best).remote.address().port()
    };
    let mut selected = Vec::new();
    for check in [&checks[0], &checks[2], &checks[1]] {
        let _ = bench.answer(check, "10.0.0.1:1000");
        selected.push(select(&mut bench));
    }
    assert_eq!(selected, [3, 2, 1]);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Completed));

    // A worse one that is nominated later changes nothing.
    let mut bench = with_remotes(Role::Controlled, &[1, 2]);
    for port in [1, 2] {
        bench.nominated_from(BASE, &format!("10.0.0.2:{port}"));
        let check = bench.next();
        let _ = bench.answer(&check, "10.0.0.1:1000");
        assert_eq!(select(&mut bench), 1);
    }

    // A better one that was retired, or that nobody knew, comes back by its nomination.
    let mut bench = with_remotes(Role::Controlled, &[1, 9]);
    bench.nominated_from(BASE, "10.0.0.2:9");
    bench.succeed_next();
    assert_eq!(select(&mut bench), 9);
    assert!(bench.view(to_port(&bench, 1)).retired);
    for address in ["10.0.0.2:1", "10.0.0.3:3"] {
        let check = bench.check().instead(&floe_stun::attribute::Priority::new(2_130_706_431));
        let check = check.with(&floe_stun::attribute::UseCandidate);
        let (outcome, _) = bench.ask(BASE, address, &check);
        assert_eq!(outcome, Outcome::Handled);
        let check = bench.next();
        assert_eq!(check.to, addr(address));
        let _ = bench.answer(&check, "10.0.0.1:1000");
        assert_eq!(select(&mut bench), addr(address).port());
    }
}

#[test]
fn a_nomination_after_the_selection_works_behind_a_nat_as_well() {
    let mut bench = with_remotes(Role::Controlled, &[1, 9]);
    let checks = bench.all_next();
    for check in &checks {
        let _ = bench.answer(check, "203.0.113.1:4000");
    }
    let valid = |bench: &Bench, port: u16| bench.pair("203.0.113.1:4000", &format!("10.0.0.2:{port}"));
    bench.nominated_from(BASE, "10.0.0.2:9");
    bench.retire(valid(&bench, 9));
    assert_eq!(bench.valid_ids(), [valid(&bench, 9)]);
    bench.nominated_from(BASE, "10.0.0.2:1");
    assert_eq!(bench.valid_ids(), [valid(&bench, 1), valid(&bench, 9)]);
    assert!(bench.valid()[0].nominated);

    // And where the retired pair was not valid yet.
    let mut bench = with_remotes(Role::Controlled, &[1, 9]);
    let checks = bench.all_next();
    let _ = bench.answer(&checks[1], "203.0.113.1:4000");
    bench.nominated_from(BASE, "10.0.0.2:9");
    bench.retire(valid(&bench, 9));
    bench.nominated_from(BASE, "10.0.0.2:1");
    let again = bench.next();
    let _ = bench.answer(&again, "203.0.113.1:4000");
    assert_eq!(bench.valid_ids(), [valid(&bench, 1), valid(&bench, 9)]);
    assert!(bench.valid()[0].nominated);
}

#[test]
fn a_nomination_that_is_resent_after_its_pair_was_retired_counts_as_the_first_did() {
    let mut bench = with_remotes(Role::Controlled, &[1, 9]);
    // The worse pair is nominated and checked; then the better one is, and is selected.
    let nomination = bench.check().with(&floe_stun::attribute::UseCandidate);
    let _ = bench.ask(BASE, "10.0.0.2:9", &nomination);
    bench.next();
    bench.nominated_from(BASE, "10.0.0.2:1");
    bench.succeed_next();
    bench.retire(to_port(&bench, 1));
    let pair = to_port(&bench, 9);
    assert!(bench.view(pair).retired);
    // It is checked anew, so that it does not stand about as one that is under way.
    let _ = bench.ask(BASE, "10.0.0.2:9", &nomination);
    assert_eq!((bench.state(pair), bench.view(pair).retired), (PairState::Waiting, false));
    bench.succeed_next();
    assert_eq!(bench.valid_ids(), [to_port(&bench, 1), pair]);
    assert!(bench.view(pair).nominated);
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
            let lost = Event::NominationFailed { stream: S0, component: RTP, pair: valid, why };
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
fn what_leaves_from_a_closed_socket_fails_and_the_rest_goes_on() {
    let mut bench = Bench::ready(Role::Controlling);
    let other = bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host(PEER));
    let pairs = [bench.pair("10.0.0.1:1000", PEER), bench.pair("10.0.0.9:1009", PEER)];
    let checks = bench.all_next();
    let _ = bench.answer(&checks[0], "203.0.113.1:4000");
    let valid = bench.pair("203.0.113.1:4000", PEER);
    bench.nominate(valid);
    bench.drain();
    bench.set.close_base(bench.now, BASE);
    let why = FailReason::BaseClosed;
    let lost = Event::NominationFailed { stream: S0, component: RTP, pair: valid, why };
    assert_eq!(bench.news(), [failed(pairs[0], why), lost]);
    assert_eq!([bench.state(pairs[0]), bench.state(valid)], [PairState::Failed; 2]);
    assert_eq!((bench.valid(), bench.set.route(valid)), (vec![], None));
    assert!(bench.try_next().is_none(), "no nominating check leaves from there");
    // Nothing comes in there either, and no new pairs are made of it.
    let check = bench.check().write();
    let unknown = Outcome::Dropped(floe_check::DropReason::UnknownBase);
    assert_eq!(bench.take(BASE, PEER, &check), unknown);
    bench.remote(S0, &Cand::host("10.0.0.3:3000"));
    assert_eq!(bench.find("10.0.0.1:1000", "10.0.0.3:3000"), None);
    // The other goes on.
    assert_eq!(bench.state(pairs[1]), PairState::InProgress);
    let resent = bench.at(39_499);
    assert!(!resent.is_empty() && resent.iter().all(|(_, seen)| seen.base == other));
    // Twice, or one that never was, is nothing.
    bench.drain();
    bench.set.close_base(bench.now, BASE);
    bench.set.close_base(bench.now, BaseId(99));
    assert_eq!(bench.events(), []);
}

#[test]
fn closing_the_sockets_that_are_needed_no_more_disturbs_nothing() {
    let mut bench = with_remotes(Role::Controlled, &[1]);
    let spare = bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    let check = bench.next();
    bench.next();
    let _ = bench.answer(&check, "10.0.0.1:1000");
    bench.nominated_from(BASE, "10.0.0.2:1");
    let keep = to_port(&bench, 1);
    bench.retire(keep);
    bench.drain();
    bench.set.close_base(bench.now, spare);
    assert_eq!(bench.events(), []);
    assert_eq!((bench.valid_ids(), bench.set.list_state(S0)), (vec![keep], Some(ListState::Completed)));
}

/// The peer sees what leaves from base 0 as base 1: the pair that is valid, and base 1.
fn valid_by_another_base(role: Role) -> (Bench, PairId, BaseId) {
    let mut bench = Bench::ready(role);
    let other_base = bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host(PEER));
    let check = bench.next();
    assert_eq!(check.base, BASE);
    let _ = bench.answer(&check, "10.0.0.9:1009");
    let other = bench.pair("10.0.0.9:1009", PEER);
    assert_eq!(bench.valid_ids(), [other]);
    bench.drain();
    (bench, other, other_base)
}

#[test]
fn a_valid_pair_goes_over_the_base_that_was_checked_though_the_peer_sees_another_of_ours() {
    let (mut bench, valid, _) = valid_by_another_base(Role::Controlling);
    assert_eq!(bench.set.route(valid).map(|route| route.base), Some(BASE));
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(valid) });
    bench.at(7_000);
    let consent = bench.next();
    assert_eq!((consent.base, consent.use_candidate), (BASE, false));
    let _ = bench.answer(&consent, "10.0.0.9:1009");
    assert_eq!(bench.set.pairs().map(|pair| pair.counters.consent_responses_received).sum::<u64>(), 1);
}

#[test]
fn a_valid_pair_falls_with_the_base_that_was_checked_and_outlives_the_one_the_peer_sees() {
    let (mut bench, valid, other_base) = valid_by_another_base(Role::Controlling);
    bench.nominate(valid);
    bench.next();
    bench.drain();
    bench.set.close_base(bench.now, other_base);
    assert_eq!((bench.news(), bench.valid_ids()), (vec![], vec![valid]));
    assert_eq!(bench.set.route(valid).map(|route| route.base), Some(BASE));
    bench.set.close_base(bench.now, BASE);
    let why = FailReason::BaseClosed;
    let lost = Event::NominationFailed { stream: S0, component: RTP, pair: valid, why };
    assert!(bench.news().contains(&lost));
    assert_eq!(bench.valid(), []);
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
    let lost = Event::NominationFailed { stream: S0, component: RTP, pair: valid, why };
    assert!(bench.news().contains(&lost));
    assert_eq!(bench.valid_ids(), [valid]);
    bench.nominate(valid);
    assert_ne!(bench.next().base, BASE, "by the check that made it valid since");
}

#[test]
fn a_pair_that_was_answered_is_valid_itself_where_there_is_no_room_for_the_one_the_peer_sees() {
    let config = CheckConfig::default().role(Role::Controlled).max_pairs(4);
    let mut bench = with_config(config, &[1, 2]);
    bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.succeed_next();
    bench.nominated_from(BASE, "10.0.0.2:1");
    let keep = to_port(&bench, 1);
    bench.retire(keep);
    let (pair, seen) = (to_port(&bench, 2), bench.pair("10.0.0.9:1009", "10.0.0.2:2"));
    assert!(bench.view(pair).retired && bench.view(seen).retired);
    // An older peer nominates more, until the list is full of what it was heard on.
    for port in [2, 8, 9] {
        bench.nominated_from(BASE, &format!("10.0.0.2:{port}"));
    }
    let check = bench.next();
    assert_eq!(check.to, addr("10.0.0.2:2"));
    let _ = bench.answer(&check, "10.0.0.9:1009");
    assert_eq!((bench.state(pair), bench.view(seen).retired), (PairState::Succeeded, true));
    let valid = bench.valid();
    let valid = valid.iter().find(|valid| valid.id == pair).expect("its path works");
    assert!(valid.nominated && valid.checked == pair);
}

#[test]
fn a_pair_in_use_that_fails_with_its_base_does_not_go_on_over_one_that_nobody_has_checked() {
    let (mut bench, valid, _) = valid_by_another_base(Role::Controlling);
    let used = Command::Use { stream: S0, component: RTP, pair: Some(valid) };
    bench.apply(used);
    assert!(bench.set.may_send(valid));
    bench.set.close_base(bench.now, BASE);
    bench.apply(used);
    assert_eq!(bench.set.route(valid), None);
}
