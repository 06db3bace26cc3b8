//! Several nominations of the peer without renomination: which one counts, and what copies of them do.

use floe_check::{CheckConfig, DropReason, Outcome};
use floe_core::{PairId, Role};
use floe_stun::attribute::UseCandidate;

use crate::common::*;

fn controlled(ice2: bool) -> Bench {
    let mut bench = Bench::with(CheckConfig::default().role(Role::Controlled), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.set.set_ice2(S0, ice2);
    bench
}

/// The remote candidates at these ports are described, and all valid.
fn all_valid(bench: &mut Bench, ports: &[u16]) {
    bench.describe(S0);
    for &port in ports {
        bench.remote(S0, &numbered(port));
    }
    while let Some(check) = bench.try_next() {
        let _ = bench.answer(&check, "10.0.0.1:1000");
    }
    bench.drain();
}

fn from_port(bench: &mut Bench, port: u16, check: &Draft) -> (Outcome, Option<u16>) {
    let (outcome, answer) = bench.ask(BASE, &format!("10.0.0.2:{port}"), check);
    (outcome, answer.unwrap().error)
}

fn nominated(bench: &Bench) -> Vec<PairId> {
    bench.valid().into_iter().filter(|pair| pair.nominated).map(|pair| pair.id).collect()
}

fn to_ports(bench: &Bench, ports: &[u16]) -> Vec<PairId> {
    ports.iter().map(|port| bench.pair("10.0.0.1:1000", &format!("10.0.0.2:{port}"))).collect()
}

const TAKEN: (Outcome, Option<u16>) = (Outcome::Handled, None);
const COPIED: (Outcome, Option<u16>) = (Outcome::Dropped(DropReason::Nomination), Some(400));

// proves: 8445-8.1.1-c
#[test]
fn of_an_ice2_peer_the_latest_nomination_counts_and_of_an_older_one_all() {
    for (ice2, holds) in [(true, vec![2]), (false, vec![1, 2])] {
        let mut bench = controlled(ice2);
        all_valid(&mut bench, &[1, 2, 3]);
        let checks = [bench.check().with(&UseCandidate), bench.check().with(&UseCandidate)];
        assert_eq!(from_port(&mut bench, 1, &checks[0]), TAKEN);
        let one = to_ports(&bench, &[1]);
        bench.retire(one[0]);
        assert_eq!(from_port(&mut bench, 2, &checks[1]), TAKEN);
        assert_eq!(nominated(&bench), to_ports(&bench, &holds));
        // The first one comes once more, late: it is answered, and is no later for it.
        for _ in 0..8 {
            let other = bench.check();
            let _ = bench.ask(BASE, "10.0.0.2:1", &other);
        }
        assert_eq!(from_port(&mut bench, 1, &checks[0]), TAKEN);
        assert_eq!(nominated(&bench), to_ports(&bench, &holds));
    }
}

#[test]
fn a_nomination_that_the_next_took_the_place_of_does_not_hold_when_its_pair_becomes_valid() {
    let mut bench = controlled(true);
    bench.describe(S0);
    for port in [1, 2] {
        bench.remote(S0, &numbered(port));
    }
    bench.drain();
    for port in [1, 2] {
        let check = bench.check().with(&UseCandidate);
        assert_eq!(from_port(&mut bench, port, &check), TAKEN);
    }
    while let Some(check) = bench.try_next() {
        let _ = bench.answer(&check, "10.0.0.1:1000");
    }
    assert_eq!(nominated(&bench), to_ports(&bench, &[2]));
}

#[test]
fn a_copy_of_a_nominating_check_on_another_path_is_refused_and_nominates_nothing() {
    for ice2 in [true, false] {
        let mut bench = controlled(ice2);
        all_valid(&mut bench, &[1, 2]);
        let check = bench.check().with(&UseCandidate);
        let outcomes = [2, 1, 2, 1].map(|port| from_port(&mut bench, port, &check));
        assert_eq!(outcomes, [TAKEN, COPIED, TAKEN, COPIED]);
        assert_eq!(nominated(&bench), to_ports(&bench, &[2]));
        // From an address that nobody knows, it is checked back like any check.
        assert_eq!(from_port(&mut bench, 9, &check), COPIED);
        assert_eq!(bench.next().to, addr("10.0.0.2:9"));
        assert_eq!(nominated(&bench), to_ports(&bench, &[2]));
    }
}

#[test]
fn nominations_before_the_description_count_in_the_order_of_their_coming_and_copies_not() {
    let mut bench = controlled(true);
    let checks = [bench.check().with(&UseCandidate), bench.check().with(&UseCandidate)];
    let plain = bench.check();
    // The path of the later nomination is the first that was heard of.
    for (port, check, outcome) in [
        (2, &plain, TAKEN),
        (1, &checks[0], TAKEN),
        (2, &checks[1], TAKEN),
        (1, &checks[0], TAKEN),
        (1, &checks[1], COPIED),
        (3, &checks[1], COPIED),
    ] {
        assert_eq!(from_port(&mut bench, port, check), outcome);
    }
    all_valid(&mut bench, &[1, 2, 3]);
    assert_eq!(nominated(&bench), to_ports(&bench, &[2]));
}
