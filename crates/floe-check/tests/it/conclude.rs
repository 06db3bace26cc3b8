//! Concluding: a selected pair takes the others off its list, and what comes after that (RFC 8445 8.1).

use floe_check::{CheckConfig, Command, Event, ListState, Outcome, PairState};
use floe_core::{PairId, Role};
use floe_stun::Class;

use crate::common::*;

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
