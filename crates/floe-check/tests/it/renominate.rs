//! A second nomination, the pairs kept warm for it, and what is measured of them (draft-thatcher-ice-renomination).

use floe_check::{CheckConfig, Command, DropReason, Event, FailReason, Outcome, PairState};
use floe_core::{PairId, Role};
use floe_stun::attribute::{Nomination, UseCandidate};

use crate::common::*;

/// The pair is nominated and the check answered; gives its NOMINATION.
fn renominate(bench: &mut Bench, pair: PairId) -> Option<u32> {
    bench.nominate(pair);
    let check = bench.next();
    assert!(check.use_candidate);
    let _ = bench.answer(&check, "10.0.0.1:1000");
    check.nomination
}

fn nominated(bench: &Bench) -> Vec<PairId> {
    bench.valid().into_iter().filter(|pair| pair.nominated).map(|pair| pair.id).collect()
}

/// The peer's nominating check comes in, and is answered with success.
fn nominate_from(bench: &mut Bench, port: u16, value: Option<u32>) {
    let check = bench.check().with(&UseCandidate);
    let check = value.iter().fold(check, |check, &value| check.with(&Nomination::new(value)));
    let (outcome, _) = bench.ask(BASE, &format!("10.0.0.2:{port}"), &check);
    assert_eq!(outcome, Outcome::Handled);
}

// proves: renom-3-a
#[test]
fn each_nomination_has_a_larger_number_and_the_last_one_that_was_answered_counts() {
    let mut bench = valid_to_ports(Role::Controlling, true, &[1, 2]);
    let [one, two] = [1, 2].map(|port| to_port(&bench, port));
    for (value, pair) in (1..).zip([one, two, one, one, two]) {
        assert_eq!(renominate(&mut bench, pair), Some(value));
        bench.retire(pair);
        assert_eq!(nominated(&bench), [pair]);
    }
    // Answers cross: that to the older nomination comes late.
    bench.nominate(one);
    bench.nominate(two);
    let (older, newer) = (bench.next(), bench.next());
    assert_eq!((older.nomination, newer.nomination), (Some(6), Some(7)));
    let _ = bench.answer(&newer, "10.0.0.1:1000");
    let _ = bench.answer(&older, "10.0.0.1:1000");
    assert_eq!(nominated(&bench), [two]);
}

#[test]
fn a_nomination_is_repeated_until_it_is_answered() {
    let mut bench = valid_to_ports(Role::Controlling, true, &[1, 2]);
    let two = to_port(&bench, 2);
    bench.nominate(two);
    let first = bench.next();
    let again = bench.at(3_000);
    // The peer was heard, so it is repeated steadily, each 500 ms.
    assert_eq!(again.len(), 6);
    let same = |seen: &Seen| (seen.id, seen.use_candidate) == (first.id, true);
    assert!(again.iter().all(|(_, seen)| same(seen)));
    let _ = bench.answer(&first, "10.0.0.1:1000");
    assert_eq!((nominated(&bench), bench.at(60_000)), (vec![two], vec![]));
}

// proves: renom-3-a
#[test]
fn the_controlled_side_follows_the_largest_number_in_whatever_order_they_come() {
    let mut bench = valid_to_ports(Role::Controlled, true, &[1, 2, 3]);
    let pairs = [1, 2, 3].map(|port| to_port(&bench, port));
    let steps: [(u16, Option<u32>, u16); 8] = [
        // None at first: the last one counts.
        (1, None, 1),
        (2, None, 2),
        // Any value beats none, and a larger one a smaller.
        (1, Some(5), 1),
        (2, None, 1),
        (3, Some(4), 1),
        (2, Some(5), 1),
        (3, Some(6), 3),
        (1, Some(0x0100_0006), 3),
    ];
    for (port, value, holds) in steps {
        nominate_from(&mut bench, port, value);
        assert_eq!(nominated(&bench), [pairs[usize::from(holds) - 1]], "{port} nominated with {value:?}");
    }
}

#[test]
fn a_nomination_that_was_overtaken_does_not_hold_when_its_pair_becomes_valid() {
    let mut bench = unchecked(CheckConfig::default().role(Role::Controlled), true, &[1, 2]);
    let checks = [bench.next(), bench.next()];
    nominate_from(&mut bench, 1, Some(1));
    nominate_from(&mut bench, 2, Some(2));
    for check in checks {
        let _ = bench.answer(&check, "10.0.0.1:1000");
    }
    assert_eq!(nominated(&bench), [to_port(&bench, 2)]);
}

#[test]
fn the_number_alone_nominates_as_libwebrtc_sends_it_but_only_where_it_was_agreed_on() {
    for agreed in [true, false] {
        let mut bench = valid_to_ports(Role::Controlled, agreed, &[1]);
        let check = bench.check().with(&Nomination::new(1));
        let (outcome, _) = bench.ask(BASE, "10.0.0.2:1", &check);
        assert_eq!((outcome, nominated(&bench).len()), (Outcome::Handled, usize::from(agreed)));
    }
    // Where there is no room for it, it is refused as USE-CANDIDATE is.
    let config = CheckConfig::default().role(Role::Controlled).max_peer_reflexive(0);
    let mut bench = unchecked(config, true, &[1]);
    let check = bench.check().with(&Nomination::new(1));
    let (outcome, answer) = bench.ask(BASE, "10.9.9.9:9", &check);
    assert_eq!((outcome, answer.unwrap().error), (Outcome::Dropped(DropReason::Nomination), Some(400)));
}

// proves: renom-3-b
#[test]
fn without_agreement_no_number_is_sent_none_is_heeded_and_the_others_retire() {
    let mut bench = valid_to_ports(Role::Controlling, false, &[1, 2]);
    let [one, two] = [1, 2].map(|port| to_port(&bench, port));
    assert_eq!(renominate(&mut bench, one), None);
    bench.retire(one);
    assert!(bench.view(two).retired && bench.set.warm(S0, RTP).is_empty());
    bench.nominate(two);
    assert!(bench.try_next().is_none(), "a pair that was given up is not nominated");
    assert_eq!(
        bench.set.poll_timeout().map(|at| at > bench.now + ms(30_000)),
        Some(true),
        "nothing is kept warm"
    );

    let mut bench = valid_to_ports(Role::Controlled, false, &[1, 2]);
    nominate_from(&mut bench, 2, Some(9));
    nominate_from(&mut bench, 1, Some(3));
    assert_eq!(nominated(&bench).len(), 2, "each counts, and the best is selected");
}

#[test]
fn who_may_nominate_again_does_not_nominate_with_every_check() {
    for agreed in [true, false] {
        let bench = &mut unchecked(CheckConfig::default().aggressive(true), agreed, &[1]);
        assert_eq!(bench.next().use_candidate, !agreed);
    }
}

#[test]
fn open_checks_go_on_behind_the_selection_and_late_candidates_are_paired() {
    for agreed in [true, false] {
        let mut bench = unchecked(CheckConfig::default(), agreed, &[1, 2]);
        bench.succeed_next();
        let one = to_port(&bench, 1);
        renominate(&mut bench, one);
        bench.retire(one);
        bench.remote(S0, &numbered(3));
        let ports: Vec<_> = bench.all_next().into_iter().map(|check| check.to.port()).collect();
        assert_eq!(ports, if agreed { vec![2, 3] } else { vec![] });
        assert_eq!(bench.find("10.0.0.1:1000", "10.0.0.2:3").is_some(), agreed);
    }
}

/// The checks that have their turn up to this time, each answered at once but for those to `silent`.
fn checked_until(bench: &mut Bench, end: u64, silent: Option<u16>) -> Vec<(u64, u16)> {
    let mut checks = Vec::new();
    while bench.millis() < end {
        bench.at(bench.millis() + 50);
        for check in bench.all_next() {
            checks.push((bench.millis(), check.to.port()));
            if Some(check.to.port()) != silent {
                let _ = bench.answer(&check, "10.0.0.1:1000");
            }
        }
    }
    checks
}

#[test]
fn the_best_other_valid_pairs_are_checked_every_4_to_6_s() {
    let mut bench = valid_to_ports(Role::Controlling, true, &[1, 2, 3, 4]);
    let pairs = [1, 2, 3, 4].map(|port| to_port(&bench, port));
    renominate(&mut bench, pairs[1]);
    bench.retire(pairs[1]);
    assert_eq!(bench.set.warm(S0, RTP), [pairs[0], pairs[2]]);
    let checks = checked_until(&mut bench, 600_000, None);
    for port in [1, 3] {
        let of: Vec<_> = checks.iter().filter(|(_, to)| *to == port).map(|&(at, _)| at).collect();
        assert!((100..=150).contains(&of.len()), "{} in ten minutes", of.len());
        let gaps = of.windows(2).map(|two| two[1] - two[0]);
        assert!(gaps.into_iter().all(|gap| (3_950..=6_050).contains(&gap)), "{of:?}");
    }
    assert!(checks.iter().all(|&(_, port)| port == 1 || port == 3));
    // The selection moves, and what was selected is kept warm instead.
    renominate(&mut bench, pairs[0]);
    bench.retire(pairs[0]);
    assert_eq!(bench.set.warm(S0, RTP), [pairs[1], pairs[2]]);
}

#[test]
fn a_warm_pair_that_shares_nothing_with_the_selected_one_comes_before_a_better_one_that_does() {
    let mut bench = unchecked(CheckConfig::default(), true, &[1, 2, 3]);
    bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    while let Some(check) = bench.try_next() {
        let mapped = if check.base == BASE { "10.0.0.1:1000" } else { "10.0.0.9:1009" };
        let _ = bench.answer(&check, mapped);
    }
    assert_eq!(bench.valid().len(), 6);
    let selected = to_port(&bench, 1);
    bench.retire(selected);
    let apart = bench.pair("10.0.0.9:1009", "10.0.0.2:2");
    assert_eq!(bench.set.warm(S0, RTP), [to_port(&bench, 2), apart]);
}

#[test]
fn a_warm_pair_whose_check_is_not_answered_fails_as_any_other() {
    let mut bench = valid_to_ports(Role::Controlling, true, &[1, 2]);
    let [one, two] = [1, 2].map(|port| to_port(&bench, port));
    bench.retire(one);
    checked_until(&mut bench, 50_000, Some(2));
    assert_eq!((bench.state(two), bench.state(one)), (PairState::Failed, PairState::Succeeded));
    let failed = Event::Failed { stream: S0, component: RTP, pair: two, why: FailReason::Timeout };
    assert!(bench.news().contains(&failed));
    assert!(bench.set.warm(S0, RTP).is_empty());
}

#[test]
fn a_round_trip_is_what_a_pair_has_shown_at_its_best_and_of_several_pairs_the_longest() {
    let mut bench = unchecked(CheckConfig::default().role(Role::Controlling), true, &[1, 2]);
    // The first answer had been held up on its way.
    for (port, took) in [(1, 300), (2, 50), (1, 20), (2, 70)] {
        let pair = to_port(&bench, port);
        bench.drain();
        bench.apply(Command::Confirm(pair));
        let check = bench.next();
        assert_eq!(check.to, addr(&format!("10.0.0.2:{port}")));
        bench.at(bench.millis() + took);
        let _ = bench.answer(&check, "10.0.0.1:1000");
    }
    assert_eq!(bench.set.outlook(bench.now, S0, RTP).round_trip, Some(ms(50)));
}

#[test]
fn what_is_measured_is_told_until_a_pair_is_selected_and_later_where_it_can_still_move_one() {
    for (agreed, told) in [(false, [true, false]), (true, [true, true])] {
        let mut bench = valid_to_ports(Role::Controlling, agreed, &[1]);
        let pair = to_port(&bench, 1);
        bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(pair) });
        let measure = |bench: &mut Bench| {
            bench.at(bench.millis() + 6_000);
            let request = bench.next();
            bench.drain();
            let _ = bench.answer(&request, "10.0.0.1:1000");
            bench.events().contains(&Event::Changed { stream: S0, component: RTP })
        };
        let before = measure(&mut bench);
        bench.retire(pair);
        assert_eq!([before, measure(&mut bench)], told, "{agreed}");
    }
}

#[test]
fn checks_and_requests_for_consent_tell_how_good_a_path_is() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let quality = |bench: &Bench| bench.valid()[0].quality;
    let check = bench.next();
    bench.at(40);
    let _ = bench.answer(&check, "10.0.0.1:1000");
    let first = quality(&bench);
    assert_eq!((first.round_trip, first.samples), (Some(ms(40)), 1));
    assert_eq!((first.asked, first.answered, first.latest), (1, 1, Some(bench.now)));

    // Every second request for consent is answered, after 120 ms.
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(pair) });
    let mut asked = 0_u32;
    while bench.millis() < 28_000 {
        bench.at(bench.millis() + 1);
        if let Some(request) = bench.try_next() {
            asked += 1;
            if asked % 2 == 1 {
                bench.at(bench.millis() + 120);
                let _ = bench.answer(&request, "10.0.0.1:1000");
            }
        }
    }
    let then = quality(&bench);
    assert!(then.samples >= 3 && then.samples == 1 + asked.div_ceil(2), "{then:?}");
    // The latest may be open still.
    assert!(then.lost() == asked / 2 || then.lost() + 1 == asked / 2, "{then:?} of {asked}");
    assert!(then.round_trip > Some(ms(45)) && then.round_trip < Some(ms(120)), "{then:?}");
}

#[test]
fn a_check_that_was_resent_counts_as_lost_once_its_round_trip_was_known() {
    let mut bench = valid_to_ports(Role::Controlling, true, &[1, 2]);
    let two = to_port(&bench, 2);
    bench.nominate(two);
    let check = bench.next();
    // Sent again each half second.
    bench.at(2_000);
    let _ = bench.answer(&check, "10.0.0.1:1000");
    let quality = bench.valid()[1].quality;
    assert_eq!((quality.asked, quality.answered, quality.silence), (6, 2, 0));
    assert_eq!((quality.round_trip, quality.samples), (Some(ms(0)), 1), "whose answer it is nobody can tell");
}

#[test]
fn of_two_chains_that_cross_the_one_that_is_meant_is_nominated() {
    // Each of two bases is seen by the peer with the address of the other: A's check makes B's pair valid, and back.
    let mut bench = Bench::ready(Role::Controlling);
    let other = bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    let (a, b) = (bench.next(), bench.next());
    let _ = bench.answer(&a, "10.0.0.9:1009");
    let _ = bench.answer(&b, "10.0.0.1:1000");
    for valid in bench.valid() {
        assert_ne!(valid.id, valid.checked);
        bench.apply(Command::Nominate(valid.checked));
        let check = bench.next();
        let expected =
            if valid.checked == bench.pair("10.0.0.9:1009", "10.0.0.2:2000") { other } else { BASE };
        assert_eq!(check.base, expected);
    }
}
