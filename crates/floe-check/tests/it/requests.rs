//! Checks of the peer, and what pretends to be one (RFC 8445 7.3): what is answered, refused and dropped.

use floe_check::{CheckConfig, DropReason, Outcome, PairState};
use floe_core::{BaseId, Credentials, Role};
use floe_stun::{
    Class, IntegrityKind, Method,
    attribute::{self, AttributeType, IceControlled, IceControlling, UseCandidate, Username},
};

use crate::common::*;

/// A request that is refused: with what, and what of the answer is signed. Nothing else may have changed.
fn refused(bench: &mut Bench, case: &str, draft: &Draft, code: u16, why: DropReason, signed: bool) -> Seen {
    let before = bench.set.snapshot();
    let (outcome, answer) = bench.ask(BASE, PEER, draft);
    assert_eq!(outcome, Outcome::Dropped(why), "{case}");
    let answer = answer.unwrap_or_else(|| panic!("{case}: an answer"));
    assert_eq!((answer.class, answer.error), (Class::Error, Some(code)), "{case}");
    assert_eq!(answer.username, None, "{case}");
    assert_eq!(answer.integrity.is_some(), signed, "{case}");
    assert!(!signed || answer.is_signed_with(OWN_PWD), "{case}");
    assert!(bench.set.snapshot() == before, "{case}");
    assert_eq!(bench.events(), [], "{case}");
    answer
}

/// Nothing is answered, and nothing changes.
fn dropped(bench: &mut Bench, case: &str, bytes: &[u8], why: DropReason) {
    let before = bench.set.snapshot();
    assert_eq!(bench.take(BASE, PEER, bytes), Outcome::Dropped(why), "{case}");
    assert_eq!((bench.sent(), bench.events()), (vec![], vec![]), "{case}");
    assert!(bench.set.snapshot() == before, "{case}");
}

// proves: 8445-7.2.2-b, 8489-9.1.3-b
#[test]
fn a_check_is_answered_with_its_source_signed_as_it_was() {
    let mut bench = Bench::ready(Role::Controlled);
    let check = bench.check();
    let sha256 = bench.check().signed_sha256(OWN_PWD);
    for (check, kind) in [(check, IntegrityKind::Sha1), (sha256, IntegrityKind::Sha256)] {
        let (outcome, answer) = bench.ask(BASE, PEER, &check);
        let answer = answer.unwrap();
        assert_eq!(
            (outcome, answer.class, answer.mapped),
            (Outcome::Handled, Class::Success, Some(addr(PEER)))
        );
        assert!(answer.is_signed_with(OWN_PWD));
        assert_eq!((answer.integrity, &answer.username), (Some(kind), &None));
        let integrity = match kind {
            IntegrityKind::Sha1 => AttributeType::MESSAGE_INTEGRITY,
            IntegrityKind::Sha256 => AttributeType::MESSAGE_INTEGRITY_SHA256,
        };
        let types = [AttributeType::XOR_MAPPED_ADDRESS, integrity, AttributeType::FINGERPRINT];
        assert_eq!(answer.types, types);
    }
}

// proves: 8445-7.3-b, 8489-9.1.3-a
#[test]
fn what_is_not_authenticated_is_refused_unsigned_and_changes_nothing() {
    use DropReason::{Integrity, NoCredentials, Username as Name};
    let mut bench = Bench::ready(Role::Controlled);
    let named = |bench: &mut Bench, name: &str| bench.check().instead(&Username::new(name));
    let cases = [
        ("no integrity", bench.check().unsigned(), 400, NoCredentials),
        ("no USERNAME", bench.check().without(AttributeType::USERNAME), 400, NoCredentials),
        ("neither", bench.check().without(AttributeType::USERNAME).unsigned(), 400, NoCredentials),
        ("another ufrag", named(&mut bench, "someone:peerufrag"), 401, Name),
        ("our ufrag behind the colon", named(&mut bench, "peerufrag:ownufrag"), 401, Name),
        ("no colon", named(&mut bench, "ownufrag"), 401, Name),
        ("a part of our ufrag", named(&mut bench, "ownufra:peerufrag"), 401, Name),
        ("more than our ufrag", named(&mut bench, "ownufragg:peerufrag"), 401, Name),
        (
            "a name that is no text",
            bench.check().without(AttributeType::USERNAME).raw(6, &[0xC3, 0x28]),
            401,
            Name,
        ),
        ("another password", bench.check().signed("guessed+guessed+guessed"), 401, Integrity),
        ("the peer's own password", bench.check().signed(PEER_PWD), 401, Integrity),
        (
            "another password with USE-CANDIDATE",
            bench.check().with(&UseCandidate).signed(PEER_PWD),
            401,
            Integrity,
        ),
    ];
    for (case, draft, code, why) in cases {
        refused(&mut bench, case, &draft, code, why, false);
        // The same as an indication draws no answer.
        let indication = Draft { class: Class::Indication, ..draft };
        let before = bench.set.snapshot();
        let _ = bench.take(BASE, PEER, &indication.write());
        assert_eq!((bench.sent(), bench.events()), (vec![], vec![]), "{case}");
        assert!(bench.set.snapshot() == before, "{case}");
    }
    assert_eq!(bench.set.counters().dropped[&Integrity], 3);
}

#[test]
fn the_integrity_that_counts_is_the_stronger_one() {
    let mut bench = Bench::ready(Role::Controlled);
    // SHA-1 fits, SHA-256 behind it does not: somebody has tampered.
    let check = bench.check().behind(AttributeType::MESSAGE_INTEGRITY_SHA256, &[7; 32]);
    refused(&mut bench, "a wrong second integrity", &check, 401, DropReason::Integrity, false);
}

// proves: 8489-6.3.1.1-a
#[test]
fn an_authentic_check_that_cannot_be_used_is_refused_signed_and_changes_nothing() {
    let priority = || attribute::Priority::new(0);
    let mut bench = Bench::ready(Role::Controlled);
    let cases = [
        ("no PRIORITY", bench.check().without(AttributeType::PRIORITY)),
        ("PRIORITY 0", bench.check().instead(&priority())),
        ("a PRIORITY over 2^31 - 1", bench.check().instead(&attribute::Priority::new(1 << 31))),
        ("a short PRIORITY", bench.check().without(AttributeType::PRIORITY).raw(0x24, &[1, 2])),
        ("both roles", bench.check().with(&IceControlled::new(1))),
        ("a short role", bench.check().without(AttributeType::ICE_CONTROLLING).raw(0x802A, &[1; 4])),
        ("a USE-CANDIDATE that is not empty", bench.check().raw(0x25, &[1])),
    ];
    for (case, draft) in cases {
        refused(&mut bench, case, &draft, 400, DropReason::Check, true);
    }
}

// proves: 8489-6.3.1-a
#[test]
fn what_must_be_understood_and_is_not_is_named_in_a_420() {
    let mut bench = Bench::ready(Role::Controlled);
    let check = bench.check().raw(0x7777, &[1]).raw(0x7778, &[]).raw(0x7777, &[2]);
    let answer = refused(&mut bench, "420", &check, 420, DropReason::UnknownAttribute, true);
    assert_eq!(answer.unknown, [0x7777, 0x7778]);
    // Where the sender is not known, its attributes do not matter.
    let forged = check.signed(PEER_PWD);
    let answer = refused(&mut bench, "a forged one", &forged, 401, DropReason::Integrity, false);
    assert_eq!(answer.unknown, []);
    // An indication draws no answer.
    let indication = Draft::new(Class::Indication, id(3)).raw(0x7777, &[1]);
    let _ = bench.take(BASE, PEER, &indication.write());
    assert_eq!(bench.sent(), []);
    // As many as fit into a datagram, of a request that is larger than any.
    let flood = (0..10_000_u16).fold(bench.check(), |draft, n| draft.raw(0x1000 + n, &[]));
    let answer = refused(&mut bench, "a flood", &flood, 420, DropReason::UnknownAttribute, true);
    assert!(answer.bytes.len() < 400 && !answer.unknown.is_empty());
    // What may be skipped is skipped.
    let check = bench.check().raw(0xC0DE, b"optional").raw(0x8022, b"software");
    assert_eq!(bench.ask(BASE, PEER, &check).0, Outcome::Handled);
}

#[test]
fn what_stands_behind_integrity_has_no_effect() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    bench.drain();
    let check =
        bench.check().behind(AttributeType::USE_CANDIDATE, &[]).behind(AttributeType::new(0x7777), &[1]);
    assert_eq!(bench.ask(BASE, PEER, &check).0, Outcome::Handled);
    assert_eq!((bench.view(pair).nominated, bench.news()), (false, vec![]));
    // Nor does PRIORITY or a role there make a check complete.
    let bare = bench.check().without(AttributeType::PRIORITY).behind(AttributeType::PRIORITY, &[0, 0, 0, 9]);
    refused(&mut bench, "PRIORITY behind", &bare, 400, DropReason::Check, true);
}

// proves: 8445-7.3-e
#[test]
fn without_fingerprint_or_cookie_it_is_no_check_and_no_answer_sends_us_elsewhere() {
    let mut bench = Bench::ready(Role::Controlled);
    let check = bench.check();
    dropped(
        &mut bench,
        "no FINGERPRINT",
        &check.clone().without_fingerprint().write(),
        DropReason::Fingerprint,
    );
    let mut spoilt = check.write();
    let last = spoilt.len() - 1;
    spoilt[last] ^= 1;
    dropped(&mut bench, "a wrong FINGERPRINT", &spoilt, DropReason::Fingerprint);
    let mut classic = check.write();
    classic[4..8].copy_from_slice(&[1, 2, 3, 4]);
    dropped(&mut bench, "the cookie of RFC 3489", &resealed(classic), DropReason::Malformed);

    // ALTERNATE-SERVER is for other uses of STUN: the pair has failed, and that is all.
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let sent = bench.next();
    let alternate = error(sent.id, 300).raw(0x8023, &[0, 1, 0x0D, 0x96, 192, 0, 2, 1]);
    let _ = bench.take_from(sent.base, sent.to, &alternate.write());
    assert_eq!(bench.state(pair), PairState::Failed);
    assert!(bench.try_next().is_none() && bench.at(100_000).is_empty());
}

#[test]
fn other_traffic_is_dropped_for_its_reason() {
    let mut bench = Bench::ready(Role::Controlled);
    let allocate = Draft { method: Method::new(3).unwrap(), ..bench.check() };
    dropped(&mut bench, "another method", &allocate.write(), DropReason::Method);
    dropped(&mut bench, "nothing", &[], DropReason::Malformed);
    dropped(&mut bench, "RTP", &[0x80; 40], DropReason::Malformed);
    let check = bench.check().write();
    for length in 0..check.len() {
        dropped(&mut bench, "a truncated check", &check[..length], DropReason::Malformed);
    }
    let before = bench.set.snapshot();
    assert_eq!(bench.take(BaseId(77), PEER, &check), Outcome::Dropped(DropReason::UnknownBase));
    assert!(bench.set.snapshot() == before && bench.sent().is_empty());
    let counters = bench.set.counters();
    assert_eq!((counters.dropped[&DropReason::Malformed], counters.indications), (check.len() as u64 + 2, 0));
    // A keepalive is taken and changes nothing.
    let keepalive = Draft::new(Class::Indication, id(1)).write();
    assert_eq!(bench.take(BASE, PEER, &keepalive), Outcome::Keepalive);
    assert!(bench.set.snapshot() == before);
    assert_eq!(bench.set.counters().indications, 1);
}

// proves: 8445-7.3-a
#[test]
fn checks_are_served_on_every_base_of_every_component_and_stream() {
    let mut bench =
        Bench::with(CheckConfig::default().role(Role::Controlled), &[(S0, &[RTP, RTCP]), (S1, &[RTP])]);
    let bases = [
        bench.local(S0, &Cand::host("10.0.0.1:1000")),
        bench.local(S0, &Cand::relay("198.51.100.9:1001")),
        bench.local(S0, &Cand::host("10.0.0.1:1002").rtcp()),
        bench.local(S1, &Cand::host("[2001:db8::1]:1003")),
    ];
    for (n, base) in bases.into_iter().enumerate() {
        let from = if n == 3 { "[2001:db8::2]:2000" } else { PEER };
        bench.checked_from(base, from);
    }
}

// proves: sec-forge-b
#[test]
fn strangers_draw_one_small_error_each_and_not_many_of_them() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.drain();
    let before = bench.set.snapshot();
    let mut answers = Vec::new();
    let mut asked = 0;
    // Bait for a role conflict, from ever new addresses, for ten seconds.
    for second in 0..10 {
        bench.now = epoch() + ms(1000 * second);
        for n in 0..500_u16 {
            let bait = request(asked, Role::Controlling, u64::MAX)
                .with(&UseCandidate)
                .signed("guess+guess+guess+guess");
            asked += 1;
            let _ = bench.take(BASE, &format!("198.51.100.7:{}", 1 + n), &bait.write());
            answers.extend(bench.sent());
        }
    }
    assert!(bench.set.snapshot() == before, "no candidate, no pair, no other role");
    assert_eq!((bench.only_pair(), bench.set.role(), bench.events()), (pair, Role::Controlling, vec![]));
    assert_eq!(answers.len(), 20 + 9 * 10);
    assert_eq!(bench.set.counters().errors_withheld, asked - 110);
    let bait = request(1, Role::Controlling, u64::MAX).signed("guess+guess+guess+guess").write();
    assert!(answers.iter().all(|answer| answer.error == Some(401) && answer.bytes.len() < bait.len()));
    // Who knows the password is answered all the same.
    bench.checked_from(BASE, PEER);
}

#[test]
fn data_is_taken_from_whoever_proved_to_know_the_password_on_that_base_and_from_nobody_else() {
    let mut bench = Bench::ready(Role::Controlled);
    let other = bench.local(S0, &Cand::host("10.0.0.9:1009"));
    bench.remote(S0, &Cand::host(PEER));
    assert_eq!(bench.set.accepts(BASE, addr(PEER)), None, "signalling proves nothing");
    bench.checked_from(BASE, PEER);
    assert_eq!(bench.set.accepts(BASE, addr(PEER)), Some((S0, RTP)));
    assert_eq!(bench.set.accepts(other, addr(PEER)), None);
    assert_eq!(bench.set.accepts(BASE, addr("10.0.0.2:2001")), None);
    bench.set.close_base(bench.now, BASE);
    assert_eq!(bench.set.accepts(BASE, addr(PEER)), None);
}

#[test]
fn credentials_of_an_old_session_or_another_stream_are_no_credentials() {
    let mut bench = Bench::new(Role::Controlled);
    let other = Credentials::new("stream1ufrag", "the+password+of+stream+1+").unwrap();
    bench.set.add_stream(S1, &[RTP], other);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    let base = bench.local(S1, &Cand::host("10.0.0.1:1001"));
    let check = bench.check();
    assert_eq!(bench.ask(base, PEER, &check).0, Outcome::Dropped(DropReason::Username));
    let check =
        bench.check().instead(&Username::new("stream1ufrag:peerufrag")).signed("the+password+of+stream+1+");
    assert_eq!(bench.ask(base, PEER, &check).0, Outcome::Handled);
    assert_eq!(bench.ask(BASE, PEER, &check).0, Outcome::Dropped(DropReason::Username));
}

#[test]
fn a_check_that_claims_no_role_is_one_of_an_old_peer() {
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    let check = bench.check().without(AttributeType::ICE_CONTROLLED);
    assert_eq!(bench.ask(BASE, PEER, &check).0, Outcome::Handled);
    assert_eq!(bench.set.role(), Role::Controlling);
}

#[test]
fn the_role_in_a_request_with_a_broken_rest_changes_no_role() {
    // A conflict that would turn our role, in a check that lacks PRIORITY.
    let mut bench = Bench::ready(Role::Controlling);
    let check = bench
        .check()
        .without(AttributeType::ICE_CONTROLLED)
        .with(&IceControlling::new(u64::MAX))
        .without(AttributeType::PRIORITY);
    refused(&mut bench, "no PRIORITY", &check, 400, DropReason::Check, true);
    assert_eq!(bench.set.role(), Role::Controlling);
}
