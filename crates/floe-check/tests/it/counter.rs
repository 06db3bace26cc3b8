//! Numbered checks and answers (RFC 7982), and how long a check waits for its answer (RFC 8445 14.3).

use floe_check::Outcome;
use floe_core::{BaseId, Role};
use floe_stun::attribute::{AttributeType, TransactionTransmitCounter as Counter};

use crate::common::*;

const FROM: &str = "10.0.0.2:2000";

fn numbered_check(bench: &mut Bench, requests: u8) -> Draft {
    bench.check().with(&Counter::request(requests))
}

/// The answer to a check, which says that it belongs to the send of this number.
fn answer(bench: &mut Bench, check: &Seen, requests: u8) {
    let counter = Counter { requests, responses: 1 };
    let answer = success(check.id, "10.0.0.1:1000").with(&counter);
    assert_eq!(bench.take_from(check.base, check.to, &answer.write()), Outcome::Handled);
}

// proves: 7982-3-a
#[test]
fn the_answer_to_a_resent_check_measures_the_round_trip_of_the_send_that_it_names() {
    for (requests, rtt) in [(1, Some(1530)), (2, Some(1030)), (3, Some(30)), (0, None), (4, None)] {
        let (mut bench, pair) = Bench::one_pair(Role::Controlling);
        let check = bench.next();
        assert_eq!(bench.at(1530).len(), 2);
        answer(&mut bench, &check, requests);
        let rtt = rtt.map(ms);
        assert_eq!(bench.valid()[0].rtt, rtt, "send {requests}");
        let counters = bench.view(pair).counters;
        assert_eq!(counters.current_round_trip, rtt);
        assert_eq!(counters.total_round_trip, rtt.unwrap_or_default());
        // A lie is as good as silence: the round trip is bounded by the first send, as without it.
        let outlook = bench.set.outlook(bench.now, S0, RTP);
        assert_eq!(outlook.round_trip, Some(rtt.unwrap_or(ms(1530))));
    }
}

// proves: 7982-3-a
#[test]
fn an_answer_repeats_the_number_of_its_request_and_counts_the_answers_to_the_transaction() {
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    let check = numbered_check(&mut bench, 1);
    let resent = check.clone().instead(&Counter::request(3));
    let numbers = [check, resent.clone(), resent].map(|check| bench.ask(BaseId(0), FROM, &check).1.unwrap());
    assert_eq!(numbers.each_ref().map(Seen::counter), [Some((1, 1)), Some((3, 2)), Some((3, 3))]);
    assert!(numbers.iter().all(|answer| answer.is_signed_with(OWN_PWD)));
    // Another transaction is counted by itself; what a request says of answers means nothing.
    let liar = bench.check().with(&Counter { requests: 0, responses: 9 });
    assert_eq!(bench.ask(BaseId(0), FROM, &liar).1.unwrap().counter(), Some((0, 1)));
    // An old peer gets what it always got, and so does one whose counter cannot be read.
    let broken = bench.check().raw(AttributeType::TRANSACTION_TRANSMIT_COUNTER.get(), &[0, 0, 1]);
    for old in [bench.check(), broken] {
        assert_eq!(bench.ask(BaseId(0), FROM, &old).1.unwrap().counter(), None);
    }
}

#[test]
fn answers_are_numbered_before_the_peers_description_too_and_the_count_goes_on() {
    let mut bench = Bench::new(Role::Controlled);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    let (first, second) = (numbered_check(&mut bench, 1), numbered_check(&mut bench, 1));
    let counter = |bench: &mut Bench, check: &Draft| bench.ask(BaseId(0), FROM, check).1.unwrap().counter();
    for answers in 1..=2 {
        assert_eq!(counter(&mut bench, &first), Some((1, answers)));
        assert_eq!(counter(&mut bench, &second), Some((1, answers)));
    }
    bench.describe(S0);
    assert_eq!(counter(&mut bench, &second.instead(&Counter::request(4))), Some((4, 3)));
    assert!(bench.try_next().is_some() && bench.try_next().is_none(), "what came early was followed up once");
}

#[test]
fn an_error_repeats_the_number_and_counts_nothing() {
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    let conflict = request(1, Role::Controlling, 0).with(&Counter::request(2));
    let answer = bench.ask(BaseId(0), FROM, &conflict).1.unwrap();
    assert_eq!((answer.error, answer.counter()), (Some(487), Some((2, 0))));
    // What is not authentic is told nothing.
    let forged = bench.check().with(&Counter::request(2)).signed(PEER_PWD);
    assert_eq!(bench.ask(BaseId(0), FROM, &forged).1.unwrap().counter(), None);
}

// proves: 8445-14.3-c
#[test]
fn where_the_peer_was_heard_a_check_is_sent_twelve_times_over_the_same_39_5_seconds() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.checked_from(BaseId(0), FROM);
    bench.next();
    let times: Vec<_> = bench.at(39_499).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [500, 1000, 1500, 2000, 2500, 3000, 4000, 6000, 10_000, 18_000, 34_000]);
    assert_eq!(bench.state(pair), floe_check::PairState::InProgress);
    bench.at(39_500);
    assert_eq!(bench.state(pair), floe_check::PairState::Failed);
}

#[test]
fn the_rto_follows_the_round_trips_of_the_pair_upwards() {
    // RFC 6298: three times the first round trip, and never less than 500 ms.
    for (rtt, first_resend) in [(30, 500), (160, 500), (200, 600), (600, 1800)] {
        let (mut bench, pair) = Bench::one_pair(Role::Controlling);
        let check = bench.next();
        bench.at(rtt);
        // On a path of 600 ms every check is resent before its answer comes, and the counter still tells.
        answer(&mut bench, &check, 1);
        bench.nominate(pair);
        bench.next();
        let resent = bench.at(rtt + first_resend);
        assert_eq!(resent.first().map(|(at, _)| *at), Some(rtt + first_resend), "{rtt} ms");
    }
}

#[test]
fn the_resends_of_many_checks_whose_peers_were_heard_are_as_far_apart_as_the_checks() {
    let mut bench = Bench::ready(Role::Controlling);
    for port in 1..=50 {
        bench.remote(S0, &numbered(port));
    }
    for port in 1..=50 {
        bench.checked_from(BaseId(0), &format!("10.0.0.2:{port}"));
    }
    bench.drain();
    let mut resent = Vec::new();
    for slot in 0..50 {
        resent.extend(bench.at(slot * 50));
        bench.next();
    }
    assert!(resent.is_empty(), "every check has its turn before the first is resent");
    let times: Vec<_> = bench.at(12_499).iter().map(|(at, _)| *at).collect();
    let expected: Vec<_> = (50..250).map(|slot| slot * 50).collect();
    assert_eq!(times, expected, "four times fifty checks, one in each Ta");
}
