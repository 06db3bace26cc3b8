//! A second try of direct paths, once the peer is heard over a relay.

use floe_check::{Outcome, PairState};
use floe_core::Role;

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
