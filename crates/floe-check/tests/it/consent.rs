//! Consent to send (RFC 7675): what renews it, what ends it, and what does neither.

use floe_check::{Command, ConsentLoss, DropReason, Event, FailReason, Outcome, PairState};
use floe_core::{BaseId, PairId, Role};
use floe_stun::Class;

use crate::common::*;

/// A pair that is valid and in use since 0 ms.
fn in_use() -> (Bench, PairId) {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.succeed_next();
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(pair) });
    bench.drain();
    assert!(bench.set.may_send(pair));
    (bench, pair)
}

/// Lets time pass up to this, with every request for consent that becomes due on the way.
fn asked_until(bench: &mut Bench, milliseconds: u64) -> Vec<Seen> {
    let mut asked = Vec::new();
    while bench.millis() < milliseconds {
        let next = bench.millis() + 1;
        assert_eq!(bench.at(next), [], "nothing is resent");
        asked.extend(bench.all_next());
    }
    asked
}

fn losses(bench: &mut Bench) -> Vec<ConsentLoss> {
    let lost = |event| match event {
        Event::ConsentLost { why, .. } => Some(why),
        _ => None,
    };
    bench.events().into_iter().filter_map(lost).collect()
}

// proves: 7675-5.1-d
#[test]
fn the_answer_to_any_open_request_renews_and_a_late_one_does_not() {
    let (mut bench, pair) = in_use();
    let asked = asked_until(&mut bench, 29_000);
    // Of these the requests for consent proper come as rarely as RFC 7675 5.1 says; from 15 s on the pair is checked too.
    let consents = bench.set.describe(pair).unwrap().counters.consent_requests_sent;
    assert!((4..=7).contains(&consents) && asked.len() as u64 >= consents + 13);
    for (at, request) in asked.iter().enumerate() {
        assert_eq!((request.class, request.use_candidate), (Class::Request, false));
        assert!(request.is_signed_with(peer().pwd()));
        assert!(asked[..at].iter().all(|earlier| earlier.id != request.id), "an id comes again");
    }
    // The oldest of them.
    assert_eq!(bench.answer(&asked[0], "10.0.0.1:1000"), Outcome::Handled);
    let more = asked_until(&mut bench, 58_999);
    assert!(bench.set.may_send(pair));
    asked_until(&mut bench, 59_000);
    assert!(!bench.set.may_send(pair));
    assert_eq!(losses(&mut bench), [ConsentLoss::Expired]);
    let late = bench.answer(more.last().unwrap(), "10.0.0.1:1000");
    assert_eq!(late, Outcome::Dropped(DropReason::UnknownTransaction));
    assert!(!bench.set.may_send(pair));
    assert_eq!(bench.state(pair), PairState::Failed);
}

#[test]
fn after_consent_is_lost_the_same_credentials_are_not_used_on_that_path_again() {
    let (mut bench, pair) = in_use();
    asked_until(&mut bench, 30_000);
    bench.drain();
    for _ in 0..3 {
        bench.checked_from(BaseId(0), PEER);
        assert_eq!(bench.all_next(), []);
    }
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(pair) });
    assert!(!bench.set.may_send(pair));
}

// proves: 7675-5.2-a
#[test]
fn an_authentic_403_revokes_at_once_and_a_forged_one_does_not() {
    let (mut bench, pair) = in_use();
    let asked = asked_until(&mut bench, 6_001);
    let request = &asked[0];
    let forged = error(request.id, 403).signed("some other password here").write();
    assert_eq!(bench.take_from(request.base, request.to, &forged), Outcome::Dropped(DropReason::Integrity));
    let bare = error(request.id, 403).unsigned().write();
    assert_eq!(bench.take_from(request.base, request.to, &bare), Outcome::Dropped(DropReason::Integrity));
    assert!(bench.set.may_send(pair));
    assert_eq!(bench.refuse(request, 403), Outcome::Handled);
    assert!(!bench.set.may_send(pair));
    let lost = bench.news();
    let why = FailReason::Consent(ConsentLoss::Revoked);
    assert!(lost.contains(&Event::Failed { stream: S0, component: RTP, pair, why }), "{lost:?}");
}

#[test]
fn other_errors_answers_by_another_path_and_checks_of_the_peer_renew_nothing() {
    let (mut bench, pair) = in_use();
    let asked = asked_until(&mut bench, 20_000);
    assert_eq!(bench.refuse(&asked[0], 500), Outcome::Handled);
    let elsewhere = addr("10.0.0.9:9");
    let astray = bench.take_from(asked[1].base, elsewhere, &success(asked[1].id, "10.0.0.1:1000").write());
    assert_eq!(astray, Outcome::Dropped(DropReason::Path));
    bench.checked_from(BaseId(0), PEER);
    bench.drain();
    asked_until(&mut bench, 29_999);
    assert!(bench.set.may_send(pair));
    asked_until(&mut bench, 30_000);
    assert!(!bench.set.may_send(pair));
}

// proves: 7675-5.1-g
#[test]
fn a_path_whose_consent_was_lost_is_not_asked_again_with_the_same_credentials() {
    let (mut bench, pair) = in_use();
    asked_until(&mut bench, 40_000);
    assert_eq!(losses(&mut bench), [ConsentLoss::Expired]);
    bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(pair) });
    assert_eq!(asked_until(&mut bench, 80_000).len(), 0);
    assert!(!bench.set.may_send(pair));
}

#[test]
fn an_aggressive_side_nominates_with_every_request_for_consent_too() {
    for aggressive in [false, true] {
        let config = floe_check::CheckConfig::default().role(Role::Controlling).aggressive(aggressive);
        let mut bench = Bench::with(config, &[(S0, &[RTP])]);
        bench.describe(S0);
        bench.local(S0, &Cand::host("10.0.0.1:1000"));
        bench.remote(S0, &Cand::host(PEER));
        bench.succeed_next();
        let pair = bench.valid_ids()[0];
        bench.apply(Command::Use { stream: S0, component: RTP, pair: Some(pair) });
        let asked = asked_until(&mut bench, 7_000);
        assert!(!asked.is_empty() && asked.iter().all(|request| request.use_candidate == aggressive));
    }
}
