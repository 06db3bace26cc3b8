//! The base that a pair is checked and used from, though the peer may see another of ours: a pair falls with it.

use floe_check::{CheckConfig, Command, Event, FailReason, ListState, Outcome, PairState};
use floe_core::{BaseId, PairId, Role};

use crate::common::*;

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
    let check = bench.pair("10.0.0.1:1000", PEER);
    let lost = Event::NominationFailed { stream: S0, component: RTP, check, why };
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
fn a_way_that_works_counts_though_the_peer_sees_a_base_there_whose_own_way_is_spent() {
    let mut bench = Bench::ready(Role::Controlling);
    let other = bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host(PEER));
    let (one, two) = (bench.pair("10.0.0.1:1000", PEER), bench.pair("10.0.0.9:1009", PEER));
    let checks = bench.all_next();
    assert_eq!([checks[0].base, checks[1].base], [BASE, other]);
    let _ = bench.answer(&checks[1], "10.0.0.9:1009");
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(two) });
    bench.at(30_000);
    assert_eq!(bench.state(two), PairState::Failed, "consent is over");
    let _ = bench.answer(&checks[0], "10.0.0.9:1009");
    assert_eq!((bench.state(one), bench.valid_ids()), (PairState::Succeeded, vec![two]));
    assert_eq!(bench.set.route(two).map(|route| route.base), Some(BASE));
}

#[test]
fn a_pair_whose_consent_is_lost_fails_once() {
    let (mut bench, valid, _) = valid_by_another_base(Role::Controlling);
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(valid) });
    bench.drain();
    bench.at(30_000);
    let mut failed: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Failed { pair, .. } => Some(pair),
            _ => None,
        })
        .collect();
    failed.sort_unstable();
    let mut both = vec![bench.pair("10.0.0.1:1000", PEER), valid];
    both.sort_unstable();
    assert_eq!(failed, both);
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
    let check = bench.pair("10.0.0.1:1000", PEER);
    let lost = Event::NominationFailed { stream: S0, component: RTP, check, why };
    assert!(bench.news().contains(&lost));
    assert_eq!(bench.valid(), []);
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

#[test]
fn a_check_tells_of_the_base_that_it_left_from_and_of_none_that_its_pair_was_valid_by_before() {
    let (mut bench, valid, other_base) = valid_by_another_base(Role::Controlling);
    bench.nominate(valid);
    let nominating = bench.next();
    let _ = bench.refuse(&nominating, 400);
    assert_eq!(bench.valid(), []);
    // Both pairs are checked anew, each from its own base.
    for (base, mapped, took) in [(BASE, "10.0.0.1:1000", 10), (other_base, "10.0.0.9:1009", 90)] {
        bench.checked_from(base, PEER);
        let check = bench.next();
        assert_eq!(check.base, base);
        bench.at(bench.millis() + took);
        let _ = bench.answer(&check, mapped);
    }
    let round_trips =
        bench.valid().into_iter().map(|pair| (pair.id, pair.quality.latest, pair.quality.round_trip));
    let of: Vec<_> = round_trips.collect();
    assert_eq!(of.len(), 2);
    assert_eq!(of.iter().find(|(id, ..)| *id == valid).unwrap().2, Some(ms(90)));
    let first = of.iter().find(|(id, ..)| *id != valid).unwrap();
    assert!(first.2.is_some_and(|round_trip| round_trip < ms(11)), "{first:?}");
}

#[test]
fn a_pair_is_not_used_again_where_consent_was_lost_on_the_base_that_its_data_left_from() {
    let (mut bench, valid, _) = valid_by_another_base(Role::Controlled);
    let used = Command::Use { stream: S0, component: RTP, pair: Some(valid) };
    bench.apply(used);
    assert!(bench.set.may_send(valid));
    bench.at(30_000);
    assert_eq!(bench.state(valid), PairState::Failed);
    while bench.try_next().is_some() {}
    bench.apply(used);
    assert!(!bench.set.may_send(valid) && !bench.set.has_consent(bench.now, valid));
    for second in 31..70 {
        bench.at(second * 1_000);
        assert_eq!(bench.try_next().map(|asked| asked.base), None, "{second} s");
    }
}

#[test]
fn consent_is_of_the_path_that_data_takes_and_not_of_another_that_made_its_pair_valid_before() {
    // The check from base 0 makes pair b valid, and that of b, from base 1, makes a third.
    let mut bench = Bench::ready(Role::Controlled);
    bench.set.set_renomination(S0, true);
    bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host(PEER));
    let [first, own] = [bench.next(), bench.next()];
    let _ = bench.answer(&first, "10.0.0.9:1009");
    let _ = bench.answer(&own, "203.0.113.1:4000");
    let b = bench.pair("10.0.0.9:1009", PEER);
    let third = bench.pair("203.0.113.1:4000", PEER);
    assert!(bench.set.has_consent(bench.now, third));
    bench.at(bench.millis() + 20_000);
    assert!(!bench.set.has_consent(bench.now, third));
    bench.apply(Command::Confirm(b));
    let check = bench.next();
    assert_eq!(check.base, BASE);
    let _ = bench.answer(&check, "10.0.0.9:1009");
    assert!(bench.set.has_consent(bench.now, b) && !bench.set.has_consent(bench.now, third));
}
