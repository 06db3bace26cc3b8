//! Checks of the peer, and what pretends to be one (RFC 8445 7.3).

use floe_check::{AddedRemote, CheckConfig, DropReason, Event, ListState, Outcome, PairState};
use floe_core::{BaseId, CandidateKind, Credentials, PairPriority, Priority, Role};
use floe_stun::{
    Class, IntegrityKind, Method,
    attribute::{self, AttributeType, IceControlled, IceControlling, UseCandidate, Username},
};

use crate::common::*;

const BASE: BaseId = BaseId(0);
const PEER: &str = "10.0.0.2:2000";

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

// proves: 8445-7.3-c, 8445-7.3-d
#[test]
fn checks_before_the_description_are_answered_at_once_and_made_up_for_when_it_is_there() {
    let mut bench = Bench::new(Role::Controlled);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.checked_from(BASE, "10.0.0.2:2001");
    bench.nominated_from(BASE, "10.0.0.2:2002");
    bench.checked_from(BASE, "10.0.0.2:2003");
    // Of another agent that the offer was forked to.
    let fork = bench.check().instead(&Username::new("ownufrag:another"));
    assert_eq!(bench.ask(BASE, "10.0.0.2:2004", &fork).0, Outcome::Handled);
    // A candidate that came before its description, of which one check came as well.
    bench.remote(S0, &numbered(2003));
    bench.drain();
    assert_eq!((bench.pairs().len(), bench.set.has_next()), (0, false));

    bench.describe(S0);
    let learnt: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::PeerReflexive { candidate, local: false, .. } => candidate.socket_addr(),
            _ => None,
        })
        .collect();
    // What is nominated comes first.
    assert_eq!(learnt, [addr("10.0.0.2:2002"), addr("10.0.0.2:2001")]);
    let checks = bench.all_next();
    assert_eq!(checks.iter().map(|check| check.to.port()).collect::<Vec<_>>(), [2002, 2001, 2003]);
    for check in &checks {
        let _ = bench.answer(check, "10.0.0.1:1000");
    }
    let nominated: Vec<_> =
        bench.valid().iter().filter(|p| p.nominated).map(|p| bench.set.route(p.id).unwrap().to).collect();
    assert_eq!(nominated, [addr("10.0.0.2:2002")]);
}

#[test]
fn early_checks_are_remembered_once_a_path_and_up_to_a_bound() {
    let mut bench = Bench::new(Role::Controlled);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    for _ in 0..1000 {
        bench.checked_from(BASE, PEER);
    }
    assert_eq!(bench.set.counters().early_over_cap, 0);
    for port in 3000..3100 {
        bench.checked_from(BASE, &format!("10.0.0.2:{port}"));
    }
    assert_eq!(bench.set.counters().early_over_cap, 37);
    // A nomination that cannot be remembered is not confirmed either.
    let check = bench.check().with(&UseCandidate);
    let (outcome, answer) = bench.ask(BASE, "10.0.0.2:5000", &check);
    assert_eq!(outcome, Outcome::Dropped(DropReason::Nomination));
    assert_eq!(answer.unwrap().error, Some(400));
    // One on a path that is remembered is.
    bench.nominated_from(BASE, PEER);
    bench.describe(S0);
    let check = bench.next();
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert!(bench.valid()[0].nominated);
}

#[test]
fn a_check_of_another_agent_is_answered_and_not_followed() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    bench.drain();
    let fork = bench.check().instead(&Username::new("ownufrag:another"));
    assert_eq!(bench.ask(BASE, "10.0.0.2:2004", &fork).0, Outcome::Handled);
    assert_eq!((bench.only_pair(), bench.set.has_next()), (pair, false));
    let nominating = bench.check().instead(&Username::new("ownufrag:another")).with(&UseCandidate);
    let (outcome, answer) = bench.ask(BASE, PEER, &nominating);
    assert_eq!(outcome, Outcome::Dropped(DropReason::Nomination));
    assert_eq!((answer.unwrap().error, bench.view(pair).nominated), (Some(400), false));
}

// proves: 8445-7.3.1.3-a
#[test]
fn an_unknown_source_is_a_peer_reflexive_candidate_of_the_receiving_component() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.local(S0, &Cand::host("10.0.0.9:1000").preference(1));
    let rtcp = bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp());
    bench.local(S0, &Cand::host("10.0.0.9:1001").rtcp().preference(1));
    bench.describe(S0);
    // Its foundation is nobody else's, not even where the peer signals one that looks like ours.
    for foundation in ["PR0", "PR1", "PR2", "PR3"] {
        let n = &foundation[2..];
        bench.remote(S0, &Cand::host(&format!("10.0.7.{n}:2000")).foundation(foundation));
    }
    let before: Vec<_> = bench.pairs().iter().map(|pair| pair.id).collect();
    bench.drain();
    let check = bench.check().instead(&attribute::Priority::new(1_234_567));
    assert_eq!(bench.ask(rtcp, "10.0.0.2:2001", &check).0, Outcome::Handled);
    let learnt = bench.events().into_iter().find_map(|event| match event {
        Event::PeerReflexive { candidate, local: false, .. } => Some(candidate),
        _ => None,
    });
    let learnt = learnt.expect("a candidate is learnt");
    assert_eq!((learnt.kind(), learnt.component()), (CandidateKind::PeerReflexive, RTCP));
    assert_eq!((learnt.socket_addr(), learnt.priority().get()), (Some(addr("10.0.0.2:2001")), 1_234_567));
    let foundations: Vec<_> = bench
        .pairs()
        .iter()
        .filter(|pair| pair.remote.foundation() == learnt.foundation())
        .map(|pair| (pair.local.socket_addr(), pair.component))
        .collect();
    assert_eq!(foundations, [(Some(addr("10.0.0.1:1001")), RTCP)], "one pair, of the base it came to");
    assert_eq!(bench.pairs().len(), before.len() + 1);
    // Nor do later local candidates make one.
    bench.local(S0, &Cand::host("10.0.0.8:1001").rtcp());
    assert_eq!(bench.pairs().iter().filter(|p| p.remote.socket_addr() == learnt.socket_addr()).count(), 1);
}

#[test]
fn a_learnt_candidate_gives_its_place_to_its_signalled_twin_and_nothing_under_way_is_lost() {
    let host = Cand::host("10.0.0.1:1000").priority();
    let learnt = Priority::from_raw(1_862_270_975).unwrap();
    for state in [PairState::Waiting, PairState::InProgress, PairState::Succeeded, PairState::Failed] {
        let mut bench = Bench::ready(Role::Controlling);
        bench.local(S0, &Cand::host("10.0.0.9:1009").preference(9));
        bench.checked_from(BASE, PEER);
        let pair = bench.only_pair();
        let check = (state != PairState::Waiting).then(|| bench.next());
        match &check {
            Some(check) if state == PairState::Succeeded => drop(bench.answer(check, "10.0.0.1:1000")),
            Some(check) if state == PairState::Failed => drop(bench.refuse(check, 400)),
            _ => {}
        }
        assert_eq!((bench.state(pair), bench.view(pair).priority), (state, PairPriority::new(host, learnt)));

        let twin = Cand::srflx(PEER).preference(1234).foundation("twin");
        assert_eq!(bench.remote(S0, &twin), AddedRemote::Replaced);
        let view = bench.view(pair);
        assert_eq!((view.state, view.valid), (state, state == PairState::Succeeded));
        assert_eq!(view.priority, PairPriority::new(host, twin.priority()));
        assert_eq!(
            (view.remote.kind(), view.remote.foundation().as_str()),
            (CandidateKind::ServerReflexive, "twin")
        );
        // Now that it is signalled, the other local candidate is paired with it as well.
        assert_eq!(bench.pairs().len(), 2);
        assert_eq!(bench.remote(S0, &twin), AddedRemote::Duplicate);
        if state == PairState::InProgress {
            let _ = bench.answer(&check.unwrap(), "10.0.0.1:1000");
            assert_eq!(bench.valid_ids(), [pair]);
            assert_eq!(bench.valid()[0].priority, PairPriority::new(host, twin.priority()));
        }
    }
}

#[test]
fn a_replaced_candidate_moves_its_pair_in_the_order_of_checks() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &numbered(1));
    let base = BASE;
    // Learnt, its check failed, then it is signalled better than the other.
    bench.checked_from(base, PEER);
    let check = bench.next();
    let _ = bench.refuse(&check, 400);
    bench.remote(S0, &Cand::host(PEER).preference(65_000));
    bench.checked_from(base, PEER);
    let next = bench.next();
    assert_eq!(next.to, addr(PEER));
    let _ = bench.answer(&next, "10.0.0.1:1000");
    let check = bench.next();
    let _ = bench.answer(&check, "10.0.0.1:1000");
    let order: Vec<_> = bench.valid_ids().iter().map(|id| bench.view(*id).remote.address().port()).collect();
    assert_eq!(order, [2000, 1]);
}

// proves: 8445-7.3.1.4-a
#[test]
fn a_check_on_a_pair_that_succeeded_triggers_nothing() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.succeed_next();
    bench.drain();
    bench.checked_from(BASE, PEER);
    assert_eq!(
        (bench.state(pair), bench.events(), bench.set.has_next()),
        (PairState::Succeeded, vec![], false)
    );
}

// proves: 8445-7.3.1.4-b
#[test]
fn a_check_on_a_pair_in_progress_cancels_and_repeats_ours_whose_late_answer_still_counts() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let first = bench.next();
    bench.at(100);
    bench.checked_from(BASE, PEER);
    assert_eq!(bench.state(pair), PairState::Waiting);
    assert_eq!(bench.at(20_000), [], "no resends");
    let second = bench.next();
    assert_ne!(first.id, second.id);
    assert_eq!(bench.state(pair), PairState::InProgress);
    // It is resent; the first is not, nor does its end mean anything.
    assert!(bench.at(39_600).iter().all(|(_, seen)| seen.id == second.id));
    assert_eq!(bench.state(pair), PairState::InProgress);

    // The late answer, before or after the new check has gone out.
    for after in [false, true] {
        let (mut bench, pair) = Bench::one_pair(Role::Controlling);
        let first = bench.next();
        bench.checked_from(BASE, PEER);
        let second = after.then(|| bench.next());
        bench.at(39_000);
        assert_eq!(bench.answer(&first, "10.0.0.1:1000"), Outcome::Handled);
        assert_eq!((bench.valid_ids(), bench.state(pair)), (vec![pair], PairState::Succeeded));
        assert!(!bench.set.has_next(), "nothing is left to check");
        if let Some(second) = second {
            bench.drain();
            assert_eq!(bench.at(39_400), [], "the newer check is needed no more");
            assert_eq!(bench.answer(&second, "10.0.0.1:1000"), Outcome::Handled);
        }
        assert_eq!(bench.at(200_000), []);
        assert_eq!(bench.state(pair), PairState::Succeeded);
    }
}

// proves: 8445-7.3.1.4-c
#[test]
fn a_check_on_a_waiting_frozen_or_failed_pair_queues_it_once_and_wakes_a_failed_list() {
    let waiting = |bench: &mut Bench| {
        bench.remote(S0, &numbered(1));
        bench.remote(S0, &numbered(2));
    };
    let frozen = |bench: &mut Bench| {
        bench.remote(S0, &numbered(1).foundation("f"));
        bench.remote(S0, &numbered(2).foundation("f"));
    };
    let failed = |bench: &mut Bench| {
        bench.remote(S0, &numbered(2));
        let check = bench.next();
        let _ = bench.refuse(&check, 400);
        bench.remote(S0, &numbered(1));
    };
    type Prepare<'a> = &'a dyn Fn(&mut Bench);
    let cases: [(PairState, Prepare<'_>); 3] =
        [(PairState::Waiting, &waiting), (PairState::Frozen, &frozen), (PairState::Failed, &failed)];
    for (state, prepare) in cases {
        let mut bench = Bench::ready(Role::Controlling);
        prepare(&mut bench);
        let pair = bench.pair("10.0.0.1:1000", "10.0.0.2:2");
        assert_eq!(bench.state(pair), state);
        for _ in 0..3 {
            bench.checked_from(BASE, "10.0.0.2:2");
        }
        assert_eq!(bench.state(pair), PairState::Waiting);
        let checks: Vec<_> = bench.all_next().iter().map(|check| check.to.port()).collect();
        assert_eq!(checks, [2, 1], "{state}: before the better one, once");
    }

    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.end(S0);
    bench.next();
    bench.at(40_000);
    assert_eq!((bench.state(pair), bench.set.list_state(S0)), (PairState::Failed, Some(ListState::Failed)));
    bench.drain();
    bench.checked_from(BASE, PEER);
    assert_eq!((bench.state(pair), bench.set.list_state(S0)), (PairState::Waiting, Some(ListState::Running)));
    assert!(bench.news().contains(&Event::ListResumed(S0)));
    bench.succeed_next();
    assert_eq!(bench.valid_ids(), [pair]);
}

// proves: 8445-7.3.1.4-d
#[test]
fn a_check_on_a_path_that_is_not_listed_makes_a_pair_in_its_place_and_queues_it() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.remote(S0, &numbered(1));
    bench.remote(S0, &Cand::relay("10.0.0.2:3"));
    // A known candidate on another base than it was paired with, and an unknown one.
    let check = bench.check().instead(&attribute::Priority::new(1_900_000_000));
    let _ = bench.ask(BASE, "10.0.0.2:2", &check);
    let pair = bench.pair("10.0.0.1:1000", "10.0.0.2:2");
    assert_eq!(bench.state(pair), PairState::Waiting);
    let mut pairs = bench.pairs();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.priority));
    let ports: Vec<_> = pairs.iter().map(|pair| pair.remote.address().port()).collect();
    assert_eq!(ports, [1, 2, 3], "by its priority");
    let checks: Vec<_> = bench.all_next().iter().map(|check| check.to.port()).collect();
    assert_eq!(checks, [2, 1, 3]);
}

// proves: 8489-6.3.1-b
#[test]
fn a_resent_check_is_answered_alike_and_triggers_nothing_again() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let (one, other) = (bench.check(), bench.check());
    let answer = bench.ask(BASE, PEER, &one).1;
    bench.next();
    let _ = bench.ask(BASE, PEER, &other);
    bench.next();
    bench.drain();
    // Both are resent, in turns, as by a peer that does not cancel.
    for _ in 0..5 {
        assert_eq!(bench.ask(BASE, PEER, &one).1, answer);
        let _ = bench.ask(BASE, PEER, &other);
        assert_eq!((bench.state(pair), bench.events()), (PairState::InProgress, vec![]));
    }
    assert!(!bench.set.has_next());
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
fn of_one_address_no_more_than_a_few_ports_are_remembered_on_a_base() {
    let (mut bench, _) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    for port in 1..=100_u16 {
        let check = bench.check().write();
        let from = std::net::SocketAddr::new([198, 51, 100, 1].into(), port);
        assert_eq!(bench.take_from(BASE, from, &check), Outcome::Handled);
        assert!(bench.set.poll_transmit().is_some(), "it is answered all the same");
    }
    assert_eq!((bench.pairs().len(), bench.set.counters().peer_reflexive_over_cap), (9, 92));
    // Another host has room all the same.
    bench.checked_from(BASE, "198.51.100.2:1");
    assert_eq!(bench.pairs().len(), 10);
}

// proves: sec-prflx-a
#[test]
fn sixty_five_thousand_source_ports_are_answered_and_not_all_remembered() {
    let (mut bench, good) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    bench.drain();
    // Without the password nothing is learnt at all.
    for n in 1..=100 {
        let forged = bench.check().signed(PEER_PWD);
        let _ = bench.ask(BASE, &format!("198.51.100.1:{n}"), &forged);
    }
    assert_eq!(bench.only_pair(), good);
    let mut answered = 0_u32;
    for port in 1..=65_000_u16 {
        let check = bench.check().write();
        // From eight hosts, since no single one is given all the room.
        let host = u8::try_from(1 + port % 8).unwrap();
        let from = std::net::SocketAddr::new([198, 51, 100, host].into(), port);
        answered += u32::from(bench.take_from(BASE, from, &check) == Outcome::Handled);
        while let Some(transmit) = bench.set.poll_transmit() {
            assert_eq!(transmit.to, from);
        }
        bench.events();
    }
    assert_eq!(answered, 65_000);
    assert_eq!((bench.pairs().len(), bench.set.counters().peer_reflexive_over_cap), (33, 65_000 - 32));
    // The good pair lives: it is still valid, its data is taken, and it can be nominated.
    assert_eq!(bench.valid_ids(), [good]);
    assert_eq!(bench.set.accepts(BASE, addr(PEER)), Some((S0, RTP)));
    assert_eq!(bench.set.accepts(BASE, addr("198.51.100.1:65000")), None);
    bench.nominated_from(BASE, PEER);
    assert!(bench.valid()[0].nominated);
    // A path that is new still becomes valid and its data is taken, if it was signalled.
    bench.remote(S0, &numbered(777));
    let checks = bench.all_next();
    let check = checks.iter().find(|check| check.to.port() == 777).unwrap();
    let _ = bench.answer(check, "10.0.0.1:1000");
    assert_eq!(bench.set.accepts(BASE, addr("10.0.0.2:777")), Some((S0, RTP)));
}

// proves: 8445-7.3.1.5-b
#[test]
fn a_nomination_that_there_is_no_room_for_is_refused() {
    let config = CheckConfig::default().role(Role::Controlled).max_peer_reflexive(1);
    let mut bench = Bench::with(config, &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    bench.checked_from(BASE, "10.0.0.2:1");
    let check = bench.check().with(&UseCandidate);
    let (outcome, answer) = bench.ask(BASE, "10.0.0.2:2", &check);
    assert_eq!(outcome, Outcome::Dropped(DropReason::Nomination));
    let answer = answer.unwrap();
    assert_eq!((answer.error, answer.is_signed_with(OWN_PWD)), (Some(400), true));
    // The same without the nomination is a check like any other.
    bench.checked_from(BASE, "10.0.0.2:2");
    // And who does not follow nominations needs no room for one.
    let config = CheckConfig::default().role(Role::Controlling).max_peer_reflexive(0);
    let mut bench = Bench::with(config, &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    bench.nominated_from(BASE, "10.0.0.2:2");
    assert_eq!(bench.pairs().len(), 0);
}

// proves: sec-replay-a
#[test]
fn a_check_replayed_from_elsewhere_draws_a_check_there_and_moves_no_data() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    let check = bench.check().with(&UseCandidate);
    assert_eq!(bench.ask(BASE, PEER, &check).0, Outcome::Handled);
    bench.succeed_next();
    let valid = bench.valid_ids();
    let route = bench.set.route(pair);
    // The attacker saw the check go by, and sends it again from its own address.
    assert_eq!(bench.ask(BASE, "198.51.100.66:6", &check).0, Outcome::Dropped(DropReason::Nomination));
    assert_eq!((bench.valid_ids(), bench.set.route(pair)), (valid.clone(), route));
    let drawn = bench.next();
    assert_eq!(drawn.to, addr("198.51.100.66:6"));
    // It cannot answer; what it can is forward the check to the peer and the answer to us, whence data does flow.
    bench.at(60_000);
    assert_eq!(bench.valid_ids(), valid);
    let replayed = bench.pair("10.0.0.1:1000", "198.51.100.66:6");
    assert_eq!(bench.state(replayed), PairState::Failed);
    assert!(bench.view(pair).nominated && !bench.view(replayed).nominated);
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
fn data_is_taken_from_who_sent_an_early_check_until_the_description_says_that_it_is_another() {
    let mut bench = Bench::new(Role::Controlled);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.checked_from(BASE, PEER);
    let fork = bench.check().instead(&Username::new("ownufrag:another"));
    let _ = bench.ask(BASE, "10.0.0.3:3000", &fork);
    let accepts = |bench: &Bench| {
        [PEER, "10.0.0.3:3000", "10.0.0.4:4000"].map(|from| bench.set.accepts(BASE, addr(from)).is_some())
    };
    assert_eq!(accepts(&bench), [true, true, false]);
    bench.describe(S0);
    assert_eq!(accepts(&bench), [true, false, false]);
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
fn a_source_that_nobody_owns_is_answered_and_never_checked() {
    let mut bench = Bench::ready(Role::Controlling);
    for from in ["10.0.0.2:0", "224.0.0.1:9", "255.255.255.255:9"] {
        let check = bench.check().write();
        let _ = bench.take(BASE, from, &check);
        assert_eq!((bench.pairs().len(), bench.set.has_next()), (0, false), "{from}");
    }
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

#[test]
fn a_check_from_a_new_address_finds_room_where_all_pairs_wait_for_answers() {
    let mut bench = Bench::with(CheckConfig::default().role(Role::Controlled), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    for port in 1..=100 {
        bench.remote(S0, &numbered(port));
    }
    assert_eq!(bench.all_next().len(), 100);
    let check = bench.check();
    let (outcome, _) = bench.ask(BaseId(0), "10.9.9.9:7", &check);
    assert_eq!(outcome, Outcome::Handled);
    assert!(bench.try_next().is_some_and(|check| check.to == "10.9.9.9:7".parse().unwrap()));
    assert_eq!(bench.pairs().len(), 100);
    let check = bench.check().with(&UseCandidate);
    let (outcome, answer) = bench.ask(BaseId(0), "10.9.9.9:7", &check);
    assert_eq!((outcome, answer.unwrap().error), (Outcome::Handled, None));
}
