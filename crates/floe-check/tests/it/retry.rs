//! A second try of direct paths, once the peer is heard over a relay.

use floe_check::{CheckConfig, Outcome, PairState};
use floe_core::Role;

use crate::common::*;

const NAT: &str = "203.0.113.7:4000";
const RELAY: &str = "198.51.100.7:5000";
/// What a server sees of our socket.
const SEEN: &str = "192.0.2.8:1000";

/// The pair to the peer's NAT is in progress, by this check, and the one to its relay is next.
fn sent() -> (Bench, Seen) {
    let mut bench = Bench::ready(Role::Controlling);
    bench.reflexive(S0, &Cand::srflx(SEEN), BASE, "10.0.0.1:1000");
    let first = start(&mut bench);
    (bench, first)
}

fn start(bench: &mut Bench) -> Seen {
    bench.remote(S0, &Cand::srflx(NAT));
    bench.remote(S0, &Cand::relay(RELAY));
    let first = bench.next();
    assert_eq!(first.to, addr(NAT));
    first
}

fn lost() -> Bench {
    sent().0
}

fn to_nat(bench: &Bench) -> PairState {
    let direct = bench.pairs().into_iter().find(|pair| pair.remote.socket_addr() == Some(addr(NAT)));
    direct.unwrap().state
}

#[test]
fn a_direct_check_that_left_once_is_made_again_when_the_peer_is_heard_over_a_relay() {
    // Heard by an answer, or by a check of its own.
    for answered in [true, false] {
        let mut bench = lost();
        bench.at(100);
        if answered {
            let check = bench.next();
            assert_eq!(bench.answer(&check, "10.0.0.1:1000"), Outcome::Handled);
        } else {
            bench.checked_from(BASE, RELAY);
            assert_eq!(bench.next().to, addr(RELAY), "what answers the peer's comes first");
        }
        assert_eq!(to_nat(&bench), PairState::Waiting);
        let again = bench.next();
        assert_eq!((again.to, to_nat(&bench)), (addr(NAT), PairState::InProgress));
        // Once, whatever else is heard.
        bench.checked_from(BASE, RELAY);
        assert_eq!(to_nat(&bench), PairState::InProgress);
        assert_eq!(bench.answer(&again, "10.0.0.1:1000"), Outcome::Handled);
        assert_eq!(to_nat(&bench), PairState::Succeeded);
    }
}

#[test]
fn the_answer_to_the_first_try_still_counts() {
    let (mut bench, first) = sent();
    bench.checked_from(BASE, RELAY);
    assert_eq!(to_nat(&bench), PairState::Waiting);
    assert_eq!(bench.answer(&first, "10.0.0.1:1000"), Outcome::Handled);
    assert_eq!(to_nat(&bench), PairState::Succeeded);
}

#[test]
fn a_check_towards_the_relay_that_the_peer_is_heard_over_is_made_again_too() {
    let other = "198.51.100.8:5000";
    let mut bench = lost();
    bench.remote(S0, &Cand::relay(other));
    // From a relay of our own to the peer's, which had let in nobody before.
    let ours = bench.local(S0, &Cand::relay("198.51.100.9:6000"));
    let sent = [bench.next().to, bench.next().to];
    assert_eq!(sent, [addr(RELAY), addr(other)]);
    bench.checked_from(ours, RELAY);
    let state = |at| bench.state(bench.pair("10.0.0.1:1000", at));
    let expected = [PairState::Waiting, PairState::Waiting, PairState::InProgress];
    assert_eq!([NAT, RELAY, other].map(state), expected);
}

#[test]
fn from_a_network_of_its_own_that_nothing_is_known_to_come_back_to_no_check_is_made_again() {
    let mut bench = Bench::ready(Role::Controlling);
    start(&mut bench);
    bench.checked_from(BASE, RELAY);
    assert_eq!(to_nat(&bench), PairState::InProgress);
    // The one chance of the component is not spent.
    bench.reflexive(S0, &Cand::srflx(SEEN), BASE, "10.0.0.1:1000");
    bench.checked_from(BASE, RELAY);
    assert_eq!(to_nat(&bench), PairState::Waiting);
}

#[test]
fn what_was_resent_is_not_made_again() {
    let mut bench = lost();
    bench.at(600);
    bench.checked_from(BASE, RELAY);
    assert_eq!(to_nat(&bench), PairState::InProgress);
}

#[test]
fn a_peer_that_is_heard_directly_brings_no_check_back() {
    let mut bench = lost();
    bench.checked_from(BASE, "203.0.113.7:4001");
    assert_eq!(to_nat(&bench), PairState::InProgress);
}

#[test]
fn where_a_direct_path_is_there_nothing_is_made_again() {
    let mut bench = lost();
    bench.checked_from(BASE, "203.0.113.7:4001");
    bench.succeed_next();
    bench.checked_from(BASE, RELAY);
    assert_eq!(to_nat(&bench), PairState::InProgress);
}

#[test]
fn a_check_between_hosts_is_not_made_again() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &Cand::host(PEER));
    bench.remote(S0, &Cand::relay(RELAY));
    let pair = bench.pair("10.0.0.1:1000", PEER);
    assert_eq!(bench.next().to, addr(PEER));
    bench.checked_from(BASE, RELAY);
    assert_eq!(bench.state(pair), PairState::InProgress);
}

/// Our own reflexive address, found late.
const OURS: &str = "192.0.2.9:1000";

#[test]
fn checks_that_have_used_up_most_requests_are_made_again_when_the_peer_learns_of_an_address_it_can_send_to() {
    let (mut bench, first) = sent();
    bench.at(1_600);
    assert_eq!(to_nat(&bench), PairState::InProgress);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    assert_eq!(to_nat(&bench), PairState::Waiting);
    let again = bench.next();
    assert_eq!((again.to, to_nat(&bench)), (addr(NAT), PairState::InProgress));
    assert_ne!(again.id, first.id);
    // It has all of its requests.
    let sent = bench.at(1_600 + 40_000);
    assert_eq!(sent.iter().filter(|(_, seen)| seen.id == again.id).count(), 6);
    assert!(sent.iter().all(|(_, seen)| seen.id != first.id), "the first is sent no more");
}

#[test]
fn what_was_made_again_just_now_is_not_when_another_reflexive_candidate_is_found() {
    let (mut bench, first) = sent();
    bench.at(1_600);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    let again = bench.next();
    assert_ne!(again.id, first.id);
    bench.at(1_700);
    bench.reflexive(S0, &Cand::srflx("192.0.2.9:1001"), BASE, "10.0.0.1:1000");
    assert_eq!(to_nat(&bench), PairState::InProgress, "its next request comes soon");
}

#[test]
fn a_check_whose_waits_are_long_from_the_beginning_is_not_made_again_after_its_first_request() {
    let config = CheckConfig::default().ta(ms(2_000));
    let mut bench = with_config(config, &[]);
    bench.remote(S0, &Cand::srflx(NAT));
    assert_eq!(bench.next().to, addr(NAT));
    bench.at(100);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    assert_eq!(to_nat(&bench), PairState::InProgress);
}

#[test]
fn what_no_nat_keeps_out_is_not_made_again() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &Cand::host("10.0.9.1:1000"));
    let pair = bench.pair("10.0.0.1:1000", "10.0.9.1:1000");
    bench.next();
    bench.at(1_600);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    assert_eq!(bench.state(pair), PairState::InProgress);
}

#[test]
fn checks_that_are_sent_again_soon_or_from_another_base_go_on_when_a_reflexive_candidate_is_found() {
    let mut bench = lost();
    bench.at(600);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    assert_eq!(to_nat(&bench), PairState::InProgress, "two requests have left, the next is a second away");
    let other = bench.local(S0, &Cand::host("10.0.0.2:1000"));
    bench.at(1_600);
    bench.reflexive(S0, &Cand::srflx("192.0.2.9:2000"), other, "10.0.0.2:1000");
    let ours = bench.pairs().into_iter().find(|pair| {
        pair.remote.socket_addr() == Some(addr(NAT))
            && pair.local.socket_addr() == Some(addr("10.0.0.1:1000"))
    });
    assert_eq!(ours.unwrap().state, PairState::InProgress);
}

#[test]
fn where_a_direct_path_is_there_a_late_reflexive_candidate_changes_nothing() {
    let mut bench = lost();
    bench.checked_from(BASE, "203.0.113.7:4001");
    bench.succeed_next();
    bench.at(1_600);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    assert_eq!(to_nat(&bench), PairState::InProgress);
}
