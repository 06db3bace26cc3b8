//! A second try of checks that were too early, once the peer is heard over a relay.

use floe_check::{CheckConfig, Outcome, PairState};
use floe_core::{BaseId, Role};

use crate::common::*;

const NAT: &str = "203.0.113.7:4000";
const RELAY: &str = "198.51.100.7:5000";

/// The pair to the peer's NAT is in progress, by this check, and the one to its relay is next.
fn sent() -> (Bench, Seen) {
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &Cand::srflx(NAT));
    bench.remote(S0, &Cand::relay(RELAY));
    let first = bench.next();
    assert_eq!(first.to, addr(NAT));
    (bench, first)
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

/// A relay of our own.
const OUR_RELAY: &str = "198.51.100.9:6000";

fn state_to(bench: &Bench, to: &str) -> PairState {
    bench.state(bench.pair("10.0.0.1:1000", to))
}

#[test]
fn from_a_network_of_its_own_to_which_nothing_has_come_no_check_is_made_again() {
    // A private address is no reason for silence where the peer was heard, or a server has seen another one.
    for evidence in ["none", "a check of the peer's", "an answer of its relay's", "an address outside"] {
        let mut bench = Bench::ready(Role::Controlling);
        match evidence {
            "a check of the peer's" => {
                bench.checked_from(BASE, "10.0.0.99:9");
            }
            "an answer of its relay's" => {
                bench.remote(S0, &Cand::relay("198.51.100.8:5000"));
                let check = bench.next();
                assert_eq!(bench.answer(&check, "10.0.0.1:1000"), Outcome::Handled);
            }
            "an address outside" => bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000"),
            _ => {}
        }
        hear_over_relays(&mut bench);
        let expected = if evidence == "none" { PairState::InProgress } else { PairState::Waiting };
        assert_eq!(to_nat(&bench), expected, "{evidence}");
    }
}

/// A check to the peer's NAT leaves, and then the peer is heard on a relay of ours, over one of its own.
fn hear_over_relays(bench: &mut Bench) -> BaseId {
    bench.remote(S0, &Cand::srflx(NAT));
    while to_nat(bench) != PairState::InProgress {
        bench.next();
    }
    let ours = bench.local(S0, &Cand::relay(OUR_RELAY));
    bench.checked_from(ours, RELAY);
    ours
}

#[test]
fn from_a_public_address_a_check_is_made_again_whatever_is_known_of_it() {
    let public = "192.0.2.1:1000";
    let mut bench = Bench::new(Role::Controlling);
    bench.local(S0, &Cand::host(public));
    bench.describe(S0);
    bench.drain();
    hear_over_relays(&mut bench);
    assert_eq!(to_nat(&bench), PairState::Waiting);
}

#[test]
fn a_check_towards_the_relay_that_the_peer_is_heard_over_is_made_again_where_there_is_no_nat() {
    let other = "198.51.100.8:5000";
    for nat in [None, Some(NAT)] {
        let mut bench = Bench::ready(Role::Controlling);
        bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
        let all: Vec<_> = nat.into_iter().chain([RELAY, other]).collect();
        for &to in &all {
            bench.remote(S0, &if Some(to) == nat { Cand::srflx(to) } else { Cand::relay(to) });
            assert_eq!(bench.next().to, addr(to));
        }
        let ours = bench.local(S0, &Cand::relay(OUR_RELAY));
        bench.checked_from(ours, RELAY);
        let states = |bench: &Bench| all.iter().map(|to| state_to(bench, to)).collect::<Vec<_>>();
        let mut expected = vec![PairState::InProgress; all.len()];
        expected[0] = PairState::Waiting;
        assert_eq!(states(&bench), expected, "only the first, {nat:?}");
        let sent = [bench.next(), bench.next()].map(|sent| (sent.base, sent.to));
        let first = nat.unwrap_or(RELAY);
        assert_eq!(sent, [(ours, addr(RELAY)), (BASE, addr(first))], "what answers the peer's comes first");
        bench.checked_from(ours, RELAY);
        assert_eq!(states(&bench), vec![PairState::InProgress; all.len()], "once");
    }
}

#[test]
fn no_second_try_towards_a_relay_goes_before_the_first_towards_a_nat_and_it_leaves_that_its_own() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    let (other, late) = ("198.51.100.8:5000", "198.51.100.10:5000");
    for to in [RELAY, other] {
        bench.remote(S0, &Cand::relay(to));
        assert_eq!(bench.next().to, addr(to));
    }
    let ours = bench.local(S0, &Cand::relay(OUR_RELAY));
    bench.checked_from(ours, RELAY);
    assert_eq!(state_to(&bench, RELAY), PairState::Waiting);
    bench.remote(S0, &Cand::srflx(NAT));
    bench.checked_from(ours, other);
    assert_eq!(state_to(&bench, other), PairState::InProgress, "a NAT is still to be tried");
    while to_nat(&bench) != PairState::InProgress {
        bench.next();
    }
    bench.checked_from(ours, late);
    assert_eq!(to_nat(&bench), PairState::Waiting);
}

#[test]
fn what_the_peer_was_heard_on_itself_is_not_made_again() {
    for to in [RELAY, NAT] {
        let mut bench = Bench::ready(Role::Controlling);
        bench.remote(S0, &if to == NAT { Cand::srflx(to) } else { Cand::relay(to) });
        let check = bench.check();
        let _ = bench.ask(BASE, to, &check);
        assert_eq!(bench.next().to, addr(to));
        // It is resent, or comes over relays as well.
        let _ = bench.ask(BASE, to, &check);
        assert_eq!(state_to(&bench, to), PairState::InProgress);
        let ours = bench.local(S0, &Cand::relay(OUR_RELAY));
        bench.checked_from(ours, RELAY);
        assert_eq!(state_to(&bench, to), PairState::InProgress);
    }
}

#[test]
fn a_host_that_is_heard_over_our_relay_brings_no_check_between_hosts_back() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.reflexive(S0, &Cand::srflx(OURS), BASE, "10.0.0.1:1000");
    bench.remote(S0, &Cand::host("192.0.2.50:5"));
    assert_eq!(bench.next().to, addr("192.0.2.50:5"));
    let ours = bench.local(S0, &Cand::relay(OUR_RELAY));
    bench.checked_from(ours, "192.0.2.50:5");
    assert_eq!(state_to(&bench, "192.0.2.50:5"), PairState::InProgress);
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
