//! Lite agents (RFC 8445 7.3.2, 8.2): they answer, and send no request.

use floe_check::{
    AddedRemote, Agreed, CheckConfig, DropReason, Event, ListFailReason, ListState, Outcome, PairState,
    ReconcileError,
};
use floe_core::{PairId, Role};
use floe_stun::{Class, attribute::UseCandidate};

use crate::common::*;

fn config() -> CheckConfig {
    CheckConfig::default().role(Role::Controlled).lite(true)
}

/// A lite set with one host candidate, 10.0.0.1:1000, and the description of a full peer with 10.0.0.2:2000.
fn ready() -> Bench {
    let mut bench = Bench::with(config(), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    bench.drain();
    bench
}

/// Nothing that waits for a slot, now or in the next ten minutes, and nothing but keepalives without one.
fn assert_sends_no_request(bench: &mut Bench) {
    assert!(bench.try_next().is_none());
    let until = bench.millis() + 600_000;
    assert!(bench.at(until).iter().all(|(_, sent)| sent.class == Class::Indication));
    assert!(bench.try_next().is_none());
}

fn select(bench: &mut Bench, pair: PairId) {
    bench.retire(pair);
    bench.apply(floe_check::Command::Use { stream: S0, component: RTP, pair: Some(pair) });
}

// proves: 8445-7.3.2-a
#[test]
fn a_nomination_makes_the_pair_of_its_path_valid_and_a_plain_check_does_not() {
    for from in ["10.0.0.2:2000", "203.0.113.9:7"] {
        let mut bench = ready();
        bench.checked_from(BASE, from);
        assert_eq!(bench.valid(), []);
        assert_eq!(bench.set.accepts(BASE, addr(from)), Some((S0, RTP)), "it is heard");
        let pair = bench.pair("10.0.0.1:1000", from);
        bench.drain();
        bench.nominated_from(BASE, from);
        assert_eq!(
            bench.news(),
            [
                Event::Validated { stream: S0, component: RTP, pair, checked: pair, rtt: None },
                Event::Nominated { stream: S0, component: RTP, pair },
            ]
        );
        let [valid] = &bench.valid()[..] else { panic!("one valid pair") };
        assert!(valid.id == pair && valid.checked == pair && valid.nominated);
        assert_eq!(bench.state(pair), PairState::Succeeded);
        select(&mut bench, pair);
        assert_eq!(bench.news(), [Event::ListCompleted(S0)]);
        assert!(bench.set.may_send(pair), "without consent of its own");
        assert_sends_no_request(&mut bench);
    }
}

#[test]
fn no_pair_is_checked_whatever_is_signalled_or_heard() {
    let mut bench = ready();
    for port in 1..20 {
        bench.remote(S0, &numbered(port));
        bench.checked_from(BASE, &format!("10.0.0.2:{}", port + 10));
    }
    bench.end(S0);
    assert_sends_no_request(&mut bench);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running), "a full peer may take its time");
    bench.nominated_from(BASE, "10.0.0.2:3");
    assert_eq!(bench.valid().len(), 1);
}

#[test]
fn an_early_nomination_counts_once_the_description_is_there() {
    let mut bench = Bench::with(config(), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.nominated_from(BASE, "203.0.113.9:7");
    assert_eq!(bench.valid(), []);
    bench.describe(S0);
    assert_eq!(bench.valid_ids(), [bench.pair("10.0.0.1:1000", "203.0.113.9:7")]);
    assert_sends_no_request(&mut bench);
}

#[test]
fn the_role_a_request_claims_is_no_conflict() {
    for (claim, tie_breaker) in [(Role::Controlled, 0), (Role::Controlled, u64::MAX), (Role::Controlling, 5)]
    {
        let mut bench = ready();
        let (outcome, answer) = bench.ask(BASE, "10.0.0.2:2000", &request(1, claim, tie_breaker));
        assert_eq!((outcome, answer.unwrap().class), (Outcome::Handled, Class::Success));
        assert_eq!(bench.set.role(), Role::Controlled);
    }
}

#[test]
fn of_several_nominations_the_best_is_first_and_what_was_left_may_be_nominated_again() {
    let mut bench = ready();
    for port in [1, 2, 3] {
        bench.remote(S0, &numbered(port));
    }
    let pairs: Vec<_> = [3, 1, 2]
        .into_iter()
        .map(|port| {
            let from = format!("10.0.0.2:{port}");
            bench.nominated_from(BASE, &from);
            bench.pair("10.0.0.1:1000", &from)
        })
        .collect();
    assert_eq!(bench.valid_ids(), [pairs[1], pairs[2], pairs[0]]);
    assert!(bench.valid().iter().all(|pair| pair.nominated));
    select(&mut bench, pairs[1]);
    assert_eq!(bench.valid_ids(), [pairs[1]]);
    bench.nominated_from(BASE, "10.0.0.2:3");
    assert_eq!(bench.valid_ids(), [pairs[1], pairs[0]]);
    assert_sends_no_request(&mut bench);
}

#[test]
fn where_renomination_is_agreed_on_the_latest_nomination_is_the_only_one() {
    let mut bench = Bench::with(config(), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.set.set_renomination(S0, true);
    bench.describe(S0);
    for port in [1, 2] {
        let from = format!("10.0.0.2:{port}");
        bench.nominated_from(BASE, &from);
        let pair = bench.pair("10.0.0.1:1000", &from);
        let nominated: Vec<_> = bench.valid().into_iter().filter(|pair| pair.nominated).collect();
        assert_eq!(nominated.iter().map(|pair| pair.id).collect::<Vec<_>>(), [pair]);
        select(&mut bench, pair);
    }
    assert_sends_no_request(&mut bench);
}

#[test]
fn a_nomination_that_there_is_no_room_for_is_refused() {
    let mut bench = Bench::with(config().max_peer_reflexive(2), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    for port in [1, 2] {
        bench.nominated_from(BASE, &format!("203.0.113.1:{port}"));
    }
    let nomination = bench.check().with(&UseCandidate);
    let (outcome, answer) = bench.ask(BASE, "203.0.113.1:3", &nomination);
    assert_eq!(outcome, Outcome::Dropped(DropReason::Nomination));
    assert_eq!(answer.unwrap().class, Class::Error);
    assert_eq!((bench.valid().len(), bench.pairs().len()), (2, 2));
}

#[test]
fn answers_to_the_peer_put_its_keepalives_off() {
    let mut bench = ready();
    bench.nominated_from(BASE, "10.0.0.2:2000");
    let pair = bench.valid_ids()[0];
    select(&mut bench, pair);
    assert!(bench.at(14_999).is_empty());
    bench.checked_from(BASE, "10.0.0.2:2000");
    assert!(bench.at(29_998).is_empty());
    let keepalives = bench.at(60_000);
    let times: Vec<_> = keepalives.iter().map(|&(at, _)| at).collect();
    assert_eq!(times, [29_999, 44_999, 59_999]);
    assert!(
        keepalives
            .iter()
            .all(|(_, sent)| sent.class == Class::Indication && sent.to == addr("10.0.0.2:2000"))
    );
}

#[test]
fn without_its_socket_a_pair_is_valid_no_more() {
    let mut bench = ready();
    bench.nominated_from(BASE, "10.0.0.2:2000");
    let pair = bench.valid_ids()[0];
    select(&mut bench, pair);
    bench.set.close_base(bench.now, BASE);
    assert_eq!((bench.valid(), bench.set.route(pair)), (vec![], None));
    assert_sends_no_request(&mut bench);
}

// ---- two lite agents

/// A lite set whose peer is lite, with these candidates; complete.
fn between_lite(role: Role, local: &[&str], remote: &[&str]) -> Bench {
    let mut bench = Bench::with(config().role(role), &[(S0, &[RTP])]);
    for address in local {
        bench.local(S0, &Cand::host(address));
    }
    bench.set.set_peer_lite(S0, true);
    bench.describe(S0);
    for address in remote {
        bench.remote(S0, &Cand::host(address));
    }
    assert_eq!((bench.valid(), bench.pairs().len()), (vec![], 0), "more may come");
    bench.drain();
    bench.end(S0);
    bench
}

fn agreed(local: &str, remote: &str) -> [Agreed; 1] {
    [Agreed { component: RTP, local: addr(local), remote: addr(remote) }]
}

const V6: [&str; 2] = ["[2001:db8:1::1]:1000", "[2001:db8:2::2]:2000"];
const V4: [&str; 2] = ["192.0.2.1:1000", "198.51.100.2:2000"];

#[test]
fn between_lite_agents_the_only_pair_is_nominated_at_once() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut bench = between_lite(role, &[V4[0]], &[V4[1], V6[1]]);
        let pair = bench.pair(V4[0], V4[1]);
        assert_eq!(
            bench.news(),
            [
                Event::Validated { stream: S0, component: RTP, pair, checked: pair, rtt: None },
                Event::Nominated { stream: S0, component: RTP, pair },
            ]
        );
        select(&mut bench, pair);
        assert_eq!(bench.news(), [Event::ListCompleted(S0)]);
        assert_eq!(bench.set.accepts(BASE, addr(V4[1])), Some((S0, RTP)));
        assert_sends_no_request(&mut bench);
    }
}

// proves: 8445-8.2-a
#[test]
fn of_several_pairs_rfc_6724_chooses_and_the_controlling_side_is_to_send_an_update() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut bench = between_lite(role, &[V4[0], V6[0]], &[V4[1], V6[1]]);
        let pair = bench.pair(V6[0], V6[1]);
        let valid = Event::Validated { stream: S0, component: RTP, pair, checked: pair, rtt: None };
        let news = bench.news();
        assert_eq!(news[0], valid);
        assert_eq!(&news[1..], &[Event::Undecided(S0)][..usize::from(role == Role::Controlling)]);
        assert_eq!(bench.valid_ids(), [pair]);
        assert!(!bench.valid()[0].nominated, "it is not settled before the exchange is");
        assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
        // Data of a peer that has chosen otherwise is taken meanwhile.
        assert_eq!(bench.set.accepts(BASE, addr(V4[1])), Some((S0, RTP)));

        let outcome = bench.set.reconcile(bench.now, S0, &agreed(V4[0], V4[1]));
        assert_eq!(outcome, Ok(()));
        let other = bench.pair(V4[0], V4[1]);
        assert_eq!(bench.valid_ids(), [other]);
        assert!(bench.valid()[0].nominated);
        select(&mut bench, other);
        assert_eq!(bench.set.list_state(S0), Some(ListState::Completed));
        // What was said is said.
        assert_eq!(bench.set.reconcile(bench.now, S0, &agreed(V4[0], V4[1])), Ok(()));
        let late = bench.set.reconcile(bench.now, S0, &agreed(V6[0], V6[1]));
        assert_eq!(late, Err(ReconcileError::Completed(S0)));
        assert_sends_no_request(&mut bench);
    }
}

#[test]
fn what_was_not_exchanged_is_not_agreed_on() {
    let mut bench = between_lite(Role::Controlled, &[V4[0], V6[0]], &[V4[1], V6[1]]);
    bench.drain();
    let before = bench.set.snapshot();
    let mut refused = |agreed: &[Agreed], why| {
        assert_eq!(bench.set.reconcile(bench.now, S0, agreed), Err(why));
        assert!(bench.set.snapshot() == before);
    };
    let nowhere = ReconcileError::NoSuchPair(RTP);
    refused(&agreed(V4[0], "203.0.113.7:7"), nowhere);
    refused(&agreed("203.0.113.7:7", V4[1]), nowhere);
    refused(&agreed(V4[0], V6[1]), nowhere);
    refused(&[], ReconcileError::Missing(RTP));
    let mut full = ready();
    let now = full.now;
    let outcome = full.set.reconcile(now, S0, &agreed("10.0.0.1:1000", "10.0.0.2:2000"));
    assert_eq!(outcome, Err(ReconcileError::Checked(S0)));
    assert_eq!(full.set.reconcile(now, S1, &[]), Err(ReconcileError::UnknownStream(S1)));
}

#[test]
fn without_a_possible_pair_two_lite_agents_give_up_after_their_patience() {
    let mut bench = between_lite(Role::Controlling, &[V4[0]], &[V6[1]]);
    bench.drain();
    bench.at(39_499);
    assert_eq!(bench.set.list_state(S0), Some(ListState::Running));
    bench.at(39_500);
    let why = ListFailReason::NoPairs(ms(39_500));
    assert_eq!(bench.news(), [Event::ListFailed { stream: S0, why }]);
}

#[test]
fn patience_stands_in_for_an_end_of_candidates_that_got_lost() {
    let mut bench = Bench::with(config(), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host(V4[0]));
    bench.set.set_peer_lite(S0, true);
    bench.describe(S0);
    assert_eq!(bench.remote(S0, &Cand::host(V4[1])), AddedRemote::New);
    bench.set.end_of_local(bench.now, S0);
    bench.at(39_499);
    assert_eq!(bench.valid(), []);
    bench.at(39_500);
    assert_eq!(bench.valid_ids(), [bench.pair(V4[0], V4[1])]);
}

#[test]
fn a_peer_that_said_it_is_lite_and_checks_all_the_same_nominates_nothing() {
    let mut bench = between_lite(Role::Controlled, &[V4[0], V6[0]], &[V4[1], V6[1]]);
    let before = bench.valid_ids();
    bench.checked_from(BASE, V4[1]);
    let nomination = bench.check().with(&UseCandidate);
    let (outcome, _) = bench.ask(BASE, V4[1], &nomination);
    assert_eq!(outcome, Outcome::Dropped(DropReason::Nomination));
    assert_eq!(bench.valid_ids(), before);
}
