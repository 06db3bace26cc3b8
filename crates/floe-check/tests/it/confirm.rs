//! Consent on a pair that data is about to go over (RFC 7675 5).

use floe_check::{CheckConfig, Command, PairState};
use floe_core::{Credentials, LocalCandidate, PairId, Role};

use crate::common::*;

#[test]
fn a_valid_pair_that_data_waits_for_is_checked_once_and_before_those_that_are_not_valid_yet() {
    let mut bench = valid_to_ports(Role::Controlled, true, &[1, 2]);
    let [one, two] = [1, 2].map(|port| to_port(&bench, port));
    bench.retire(one);
    bench.remote(S0, &numbered(3));
    bench.apply(Command::Confirm(two));
    bench.apply(Command::Confirm(two));
    let check = bench.next();
    assert_eq!(check.to, addr("10.0.0.2:2"));
    // It is under way.
    bench.apply(Command::Confirm(two));
    let last = bench.next();
    assert_eq!(last.to, addr("10.0.0.2:3"));
    for check in [check, last] {
        let _ = bench.answer(&check, "10.0.0.1:1000");
    }
    assert!(bench.try_next().is_none());
}

/// A pair that was valid so long when data begins to go over it.
fn used_after(milliseconds: u64) -> (Bench, PairId) {
    let mut bench = valid_to_ports(Role::Controlled, true, &[1]);
    let pair = to_port(&bench, 1);
    assert_eq!(bench.millis(), 0);
    bench.at(milliseconds);
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(pair) });
    (bench, pair)
}

#[test]
fn consent_that_would_end_at_once_when_a_pair_is_first_used_has_to_be_regained() {
    let fresh = |after| {
        let (bench, pair) = used_after(after);
        (bench.set.has_consent(bench.now, pair), bench.set.may_send(pair))
    };
    assert_eq!([14_999, 15_000, 24_999].map(fresh), [(true, true), (false, true), (false, true)]);
    assert_eq!([25_000, 30_000].map(fresh), [(false, false); 2]);
}

#[test]
fn consent_in_doubt_is_asked_for_at_once_and_ends_in_time() {
    // Used at, and lost at where nothing is answered.
    for (used, lost) in [(20_000, 30_000), (26_000, 56_000)] {
        let (mut bench, pair) = used_after(used);
        bench.at(lost - 1);
        assert_eq!((bench.set.may_send(pair), bench.state(pair)), (used == 20_000, PairState::Succeeded));
        bench.at(lost);
        assert_eq!((bench.set.may_send(pair), bench.state(pair)), (false, PairState::Failed));

        let (mut bench, pair) = used_after(used);
        bench.at(used + 1);
        let request = bench.next();
        bench.at(used + 1_000);
        let _ = bench.answer(&request, "10.0.0.1:1000");
        bench.at(used + 30_999);
        assert!(bench.set.may_send(pair));
        bench.at(used + 31_000);
        assert!(!bench.set.may_send(pair));
    }
}

#[test]
fn an_answered_check_where_data_goes_is_consent_and_one_elsewhere_is_not() {
    for (confirmed, granted) in [(1, true), (2, false)] {
        let mut bench = valid_to_ports(Role::Controlled, true, &[1, 2]);
        let [used, confirmed] = [1, confirmed].map(|port| to_port(&bench, port));
        bench.at(31_000);
        bench.apply(Command::Confirm(confirmed));
        bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(used) });
        assert!(!bench.set.may_send(used));
        let check = bench.next();
        let _ = bench.answer(&check, "10.0.0.1:1000");
        assert_eq!(bench.set.may_send(used), granted);
    }
}

#[test]
fn an_answer_to_a_request_for_consent_is_remembered_when_data_goes_elsewhere() {
    let mut bench = valid_to_ports(Role::Controlled, true, &[1, 2]);
    let [first, second] = [1, 2].map(|port| to_port(&bench, port));
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(first) });
    while bench.millis() < 60_000 {
        bench.at(bench.millis() + 1_000);
        while let Some(request) = bench.try_next() {
            let _ = bench.answer(&request, "10.0.0.1:1000");
        }
    }
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(second) });
    assert!(bench.set.has_consent(bench.now, first));
    assert!(!bench.set.has_consent(bench.now, second));
}

#[test]
fn answers_to_the_generation_before_are_no_consent_for_the_new_one_on_the_same_path() {
    let (mut bench, former) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(former) });
    let new = Credentials::new("anew", "a/password/of/a/new/generation").unwrap();
    bench.set.restart(S0, &[RTP], new);
    let candidate = Cand::host("10.0.0.1:1000").build();
    let local = LocalCandidate { candidate, base: BASE, base_address: addr("10.0.0.1:1000") };
    bench.set.add_local(bench.now, S0, local).unwrap();
    bench.describe(S0);
    bench.remote(S0, &Cand::host(PEER));
    bench.succeed_next();
    let [pair] = bench.valid_ids()[..] else { panic!("{:?}", bench.valid_ids()) };
    assert!(bench.set.has_consent(bench.now, pair));
    let mut asked = 0;
    while bench.millis() < 20_000 {
        bench.at(bench.millis() + 1_000);
        while let Some(request) = bench.try_next() {
            asked += 1;
            let _ = bench.answer(&request, "10.0.0.1:1000");
        }
    }
    assert!(asked >= 3 && bench.set.may_send(former), "data goes on over the old one");
    assert!(!bench.set.has_consent(bench.now, pair));
}

#[test]
fn the_consent_of_a_path_is_there_though_its_nat_mapping_has_changed() {
    let mut bench = unchecked(CheckConfig::default().role(Role::Controlled), true, &[1]);
    let check = bench.next();
    let _ = bench.answer(&check, "203.0.113.1:4000");
    let [first] = bench.valid_ids()[..] else { panic!("{:?}", bench.valid_ids()) };
    bench.at(20_000);
    bench.apply(Command::Confirm(first));
    let check = bench.next();
    let _ = bench.answer(&check, "203.0.113.1:4001");
    assert_eq!(bench.valid_ids().len(), 2);
    assert!(bench.set.has_consent(bench.now, first));
}
