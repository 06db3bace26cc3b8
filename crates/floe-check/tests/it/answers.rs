//! Answers to our checks (RFC 8445 7.2.5).

use floe_check::{CheckConfig, DropReason, Event, FailReason, Outcome, PairState};
use floe_core::{BaseId, CandidateKind, PairPriority, Priority, Role, TypePreference};
use floe_stun::{
    Class,
    attribute::{AttributeType, ErrorCode, XorMappedAddress},
};

use crate::common::*;

// proves: 8445-7.2.5.2.1-a
#[test]
fn an_answer_by_another_way_fails_the_pair() {
    for (base, from) in [(0, "10.0.0.2:2001"), (0, "10.0.0.3:2000"), (1, "10.0.0.2:2000")] {
        let (mut bench, pair) = Bench::one_pair(Role::Controlling);
        bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
        let check = bench.next();
        assert_eq!(check.base, BaseId(0));
        bench.drain();
        let answer = success(check.id, "10.0.0.1:1000").write();
        assert_eq!(bench.take(BaseId(base), from, &answer), Outcome::Handled);
        assert_eq!((bench.state(pair), bench.valid()), (PairState::Failed, vec![]), "{base} {from}");
        assert_eq!(bench.news(), [failed(pair, FailReason::Asymmetric)]);
        assert_eq!(bench.set.accepts(BaseId(0), addr("10.0.0.2:2000")), None);
        // The check has had its answer.
        let dropped = Outcome::Dropped(DropReason::UnknownTransaction);
        assert_eq!(bench.answer(&check, "10.0.0.1:1000"), dropped);
    }
}

#[test]
fn an_answer_by_another_way_to_a_cancelled_check_fails_nothing() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let first = bench.next();
    bench.checked_from(BaseId(0), "10.0.0.2:2000");
    let second = bench.next();
    let _ = bench.take(BaseId(0), "10.0.0.3:9", &success(first.id, "10.0.0.1:1000").write());
    assert_eq!(bench.state(pair), PairState::InProgress);
    let _ = bench.answer(&second, "10.0.0.1:1000");
    assert_eq!(bench.valid_ids(), [pair]);
}

#[test]
fn a_check_answered_from_where_it_went_makes_its_pair_valid() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    bench.at(42);
    bench.drain();
    assert_eq!(bench.answer(&check, "10.0.0.1:1000"), Outcome::Handled);
    let rtt = Some(ms(42));
    let validated = Event::Validated { stream: S0, component: RTP, pair, checked: pair, rtt };
    assert_eq!(bench.news(), [validated]);
    let valid = bench.valid();
    assert_eq!((valid.len(), valid[0].id, valid[0].checked, valid[0].rtt), (1, pair, pair, rtt));
    assert_eq!((valid[0].since, valid[0].nominated), (epoch() + ms(42), false));
    assert_eq!(valid[0].kinds, (CandidateKind::Host, CandidateKind::Host));
    assert_eq!(bench.set.accepts(BaseId(0), addr("10.0.0.2:2000")), Some((S0, RTP)));
    // A second copy of the answer finds nothing.
    let before = bench.set.snapshot();
    let dropped = Outcome::Dropped(DropReason::UnknownTransaction);
    assert_eq!(bench.answer(&check, "10.0.0.1:1000"), dropped);
    assert!(bench.set.snapshot() == before);
}

// proves: 8445-7.2.5.3.1-a
#[test]
fn an_unknown_mapped_address_is_a_local_candidate_that_makes_no_other_pairs() {
    let mut bench = Bench::ready(Role::Controlling);
    for port in [2000, 2001] {
        bench.remote(S0, &numbered(port));
    }
    let checks = bench.all_next();
    bench.drain();
    let _ = bench.answer(&checks[0], "203.0.113.1:4000");
    let learnt = bench.events().into_iter().find_map(|event| match event {
        Event::PeerReflexive { candidate, local: true, .. } => Some(candidate),
        _ => None,
    });
    let learnt = learnt.expect("a candidate is learnt");
    assert_eq!(learnt.kind(), CandidateKind::PeerReflexive);
    assert_eq!(learnt.socket_addr(), Some(addr("203.0.113.1:4000")));
    assert_eq!(Some(learnt.priority().get()), checks[0].priority, "the PRIORITY that was sent");
    assert_eq!(learnt.related(), Some(addr("10.0.0.1:1000")), "its base");
    assert_eq!(learnt.component(), RTP);

    // It stands in the one valid pair, whatever candidates come.
    bench.remote(S0, &numbered(2002));
    let with_it = |bench: &Bench| {
        bench.pairs().iter().filter(|p| p.local.kind() == CandidateKind::PeerReflexive).count()
    };
    assert_eq!(with_it(&bench), 1);
    // The same NAT binding again is the same candidate; another one has the same foundation.
    let _ = bench.answer(&checks[1], "203.0.113.1:4000");
    assert_eq!(with_it(&bench), 2);
    assert!(!bench.events().iter().any(|event| matches!(event, Event::PeerReflexive { .. })));
    let third = bench.next();
    let _ = bench.answer(&third, "203.0.113.1:4001");
    let foundations: Vec<_> = bench
        .pairs()
        .iter()
        .filter(|p| p.local.kind() == CandidateKind::PeerReflexive)
        .map(|p| p.local.foundation().clone())
        .collect();
    assert_eq!(
        foundations,
        [learnt.foundation(), learnt.foundation(), learnt.foundation()].map(Clone::clone)
    );
}

#[test]
fn a_peer_that_names_ever_new_addresses_for_us_makes_us_remember_a_bounded_number() {
    let config = CheckConfig::default().max_peer_reflexive(3);
    let mut bench = Bench::with(config, &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    for port in 1..=10 {
        bench.remote(S0, &numbered(port));
        let check = bench.next();
        let _ = bench.answer(&check, &format!("203.0.113.1:{port}"));
    }
    assert_eq!(bench.valid().len(), 10, "every path works");
    let learnt = bench.pairs().iter().filter(|p| p.local.kind() == CandidateKind::PeerReflexive).count();
    assert_eq!((learnt, bench.set.counters().peer_reflexive_over_cap), (3, 7));
}

// proves: 8445-7.2.5.3.2-a
#[test]
fn the_valid_pair_is_the_checked_one_another_listed_one_or_a_new_one() {
    // The checked one.
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert_eq!((bench.valid_ids(), bench.only_pair()), (vec![pair], pair));

    // Another one on the list: the peer saw the check come from our other interface.
    let mut bench = Bench::ready(Role::Controlling);
    bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    let checked = bench.pair("10.0.0.1:1000", "10.0.0.2:2000");
    let other = bench.pair("10.0.0.9:1009", "10.0.0.2:2000");
    let check = bench.next();
    let _ = bench.answer(&check, "10.0.0.9:1009");
    assert_eq!(bench.valid_ids(), [other], "only that one is valid");
    assert_eq!(bench.valid()[0].checked, checked);
    assert_eq!([bench.state(checked), bench.state(other)], [PairState::Succeeded; 2]);
    assert_eq!((bench.pairs().len(), bench.set.has_next()), (2, false));

    // A new one: a NAT lies between.
    let (mut bench, checked) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    let _ = bench.answer(&check, "203.0.113.1:4000");
    let valid = bench.pair("203.0.113.1:4000", "10.0.0.2:2000");
    assert_eq!(bench.valid_ids(), [valid]);
    assert_eq!(bench.valid()[0].checked, checked);
    assert!(bench.view(valid).valid && !bench.view(checked).valid);
    assert_eq!([bench.state(checked), bench.state(valid)], [PairState::Succeeded; 2]);
    assert_eq!(bench.set.route(valid), bench.set.route(checked), "data leaves from the base");
}

// proves: 8445-7.2.5.3.2-b
#[test]
fn a_new_valid_pairs_priority_is_made_of_what_was_signalled_or_else_of_the_priority_sent_and_received() {
    let host = Cand::host("10.0.0.1:1000");
    let sent = host.priority().with_type_preference(TypePreference::PEER_REFLEXIVE);
    let srflx = Cand::srflx("203.0.113.1:4000").preference(17);
    let remote = Cand::host("10.0.0.2:2000").preference(23);
    let received = Priority::from_raw(1_862_270_975).unwrap();
    for (signalled_local, signalled_remote) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut bench = Bench::ready(Role::Controlling);
        if signalled_local {
            bench.reflexive(S0, &srflx, BaseId(0), "10.0.0.1:1000");
        }
        if signalled_remote {
            bench.remote(S0, &remote);
        }
        bench.checked_from(BaseId(0), "10.0.0.2:2000");
        let check = bench.next();
        let _ = bench.answer(&check, "203.0.113.1:4000");
        let local = if signalled_local { srflx.priority() } else { sent };
        let remote = if signalled_remote { remote.priority() } else { received };
        let valid = bench.valid();
        assert_eq!(valid.len(), 1);
        assert_eq!(valid[0].priority, PairPriority::new(local, remote));
        let kind =
            if signalled_local { CandidateKind::ServerReflexive } else { CandidateKind::PeerReflexive };
        assert_eq!(valid[0].kinds.0, kind);
    }
}

// proves: 8445-7.2.5.3.3-a
#[test]
fn a_success_thaws_its_foundation_in_all_lists() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP]), (S1, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000").foundation("L"));
    bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp().foundation("L"));
    bench.local(S1, &Cand::host("10.0.0.1:1002").foundation("L"));
    let remote = |port: u16, foundation: &str| {
        Cand::host(&format!("10.0.0.2:{port}")).preference(60_000 - port).foundation(foundation)
    };
    bench.remote(S0, &remote(1, "f"));
    bench.remote(S0, &remote(2, "f").rtcp());
    bench.remote(S0, &remote(3, "g"));
    bench.remote(S0, &remote(4, "g").rtcp());
    bench.remote(S1, &remote(5, "f"));
    bench.describe(S0);
    bench.describe(S1);
    let states = |bench: &Bench| {
        let of = |port| bench.pairs().iter().find(|p| p.remote.address().port() == port).unwrap().state;
        [1, 2, 3, 4, 5].map(of)
    };
    use PairState::{Frozen, InProgress, Succeeded, Waiting};
    assert_eq!(states(&bench), [Waiting, Frozen, Waiting, Frozen, Frozen]);
    let check = bench.next();
    assert_eq!(check.to.port(), 1);
    assert_eq!(states(&bench), [InProgress, Frozen, Waiting, Frozen, Frozen]);
    let _ = bench.answer(&check, "203.0.113.1:4000");
    assert_eq!(states(&bench), [Succeeded, Waiting, Waiting, Frozen, Waiting]);
}

// proves: 8445-7.2.5.2-a
#[test]
fn a_failure_leaves_the_others_of_its_foundation_alone() {
    let mut bench = Bench::ready(Role::Controlling);
    for port in 1..=3_u16 {
        let remote = Cand::host(&format!("10.0.0.2:{port}")).preference(60_000 - port).foundation("f");
        bench.remote(S0, &remote);
    }
    let check = bench.next();
    let _ = bench.refuse(&check, 400);
    let states: Vec<_> = bench.pairs().iter().map(|pair| pair.state).collect();
    assert_eq!(states, [PairState::Failed, PairState::Frozen, PairState::Frozen]);
}

// proves: 8445-7.2.5.1-a
#[test]
fn a_487_is_judged_by_the_role_its_request_claimed() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut bench = Bench::ready(role);
        for port in [1, 2] {
            bench.remote(S0, &numbered(port));
        }
        let checks = bench.all_next();
        assert!(checks.iter().all(|check| check.claim.unwrap().0 == role));
        bench.drain();
        let _ = bench.refuse(&checks[0], 487);
        assert_eq!(bench.set.role(), role.opposite());
        let news = bench.news();
        assert_eq!(news, [Event::RoleChanged(role.opposite())]);
        // The second one was sent in the old role as well: its refusal asks for the same, which is done.
        let _ = bench.refuse(&checks[1], 487);
        assert_eq!((bench.set.role(), bench.news()), (role.opposite(), vec![]));
        let again = bench.all_next();
        assert_eq!(again.iter().map(|check| check.to.port()).collect::<Vec<_>>(), [1, 2]);
        assert!(again.iter().all(|check| check.claim.unwrap().0 == role.opposite()));
    }
}

// proves: 8445-7.2.5.1-b
#[test]
fn after_a_487_the_check_is_queued_again_under_a_new_tie_breaker_and_all_priorities_are_new() {
    let mut bench = Bench::ready(Role::Controlling);
    for port in [1, 2, 3] {
        bench.remote(S0, &numbered(port));
    }
    let first = bench.next();
    let second = bench.next();
    let pair = bench.pair("10.0.0.1:1000", "10.0.0.2:2");
    let before: Vec<_> = bench.pairs().iter().map(|pair| pair.priority).collect();
    let _ = bench.refuse(&second, 487);
    assert_eq!(bench.state(pair), PairState::Waiting);
    let host = Cand::host("10.0.0.1:1000").priority();
    for (pair, before) in bench.pairs().iter().zip(before) {
        assert_eq!(before, PairPriority::new(host, pair.remote.priority()));
        assert_eq!(pair.priority, PairPriority::new(pair.remote.priority(), host));
    }
    // It goes before the ordinary check of pair 3.
    let again = bench.next();
    assert_eq!((again.to.port(), again.claim.unwrap().0), (2, Role::Controlled));
    assert_ne!(again.claim.unwrap().1, second.claim.unwrap().1);
    assert_eq!(first.claim, second.claim, "one tie-breaker until then");
    assert_ne!(again.id, second.id);
    let third = bench.next();
    assert_eq!((third.to.port(), third.claim), (3, again.claim));
}

#[test]
fn a_487_to_a_cancelled_check_turns_the_role_and_leaves_the_newer_check_alone() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let first = bench.next();
    bench.checked_from(BaseId(0), "10.0.0.2:2000");
    let second = bench.next();
    let _ = bench.refuse(&first, 487);
    assert_eq!((bench.set.role(), bench.state(pair)), (Role::Controlled, PairState::InProgress));
    assert!(!bench.set.has_next());
    let _ = bench.answer(&second, "10.0.0.1:1000");
    assert_eq!(bench.valid_ids(), [pair]);

    // Where the newer check has failed since, this is the chance to make it in the right role.
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let first = bench.next();
    bench.checked_from(BaseId(0), "10.0.0.2:2000");
    let second = bench.next();
    let _ = bench.refuse(&second, 400);
    assert_eq!(bench.state(pair), PairState::Failed);
    let _ = bench.refuse(&first, 487);
    assert_eq!((bench.set.role(), bench.state(pair)), (Role::Controlled, PairState::Waiting));
    bench.succeed_next();
    assert_eq!(bench.valid_ids(), [pair]);
}

#[test]
fn a_nominating_check_answered_487_is_a_plain_check_in_the_other_role_then() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.succeed_next();
    bench.nominate(pair);
    let nominating = bench.next();
    assert!(nominating.use_candidate);
    bench.drain();
    let _ = bench.refuse(&nominating, 487);
    assert_eq!((bench.set.role(), bench.state(pair)), (Role::Controlled, PairState::Succeeded));
    assert_eq!(bench.valid_ids(), [pair], "what works, works");
    let again = bench.succeed_next();
    assert_eq!((again.use_candidate, again.claim.unwrap().0), (false, Role::Controlled));
    assert!(!bench.valid()[0].nominated);
    // Who does not control does not nominate.
    bench.nominate(pair);
    assert!(bench.try_next().is_none());
    // The peer does.
    bench.nominated_from(BaseId(0), "10.0.0.2:2000");
    assert!(bench.valid()[0].nominated);
}

#[test]
fn a_peer_that_answers_487_for_ever_turns_the_role_a_bounded_number_of_times() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let mut refused = 0;
    while let Some(check) = bench.try_next() {
        let _ = bench.refuse(&check, 487);
        refused += 1;
        assert!(refused < 100, "a check for every refusal, for ever");
    }
    assert_eq!(refused, 17);
    assert_eq!(bench.state(pair), PairState::Failed);
    assert_eq!(bench.news().last(), Some(&failed(pair, FailReason::Error(487))));
}

#[test]
fn an_answer_that_is_not_authentic_changes_nothing_and_the_true_one_still_counts() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    bench.drain();
    let before = bench.set.snapshot();
    let good = || success(check.id, "10.0.0.1:1000");
    let bad = || Draft::new(Class::Error, check.id).with(&ErrorCode::standard(400));
    let forged = [
        ("unsigned", good().unsigned(), DropReason::Integrity),
        ("signed with our own password", good().signed(OWN_PWD), DropReason::Integrity),
        ("signed with another algorithm", good().signed_sha256(PEER_PWD), DropReason::Integrity),
        ("an unsigned error", bad(), DropReason::Integrity),
        (
            "an unsigned 487",
            Draft::new(Class::Error, check.id).with(&ErrorCode::standard(487)),
            DropReason::Integrity,
        ),
        ("another transaction", success(id(5), "10.0.0.1:1000"), DropReason::UnknownTransaction),
        ("no FINGERPRINT", good().without_fingerprint(), DropReason::Fingerprint),
    ];
    for (case, forged, why) in forged {
        let outcome = bench.take_from(check.base, check.to, &forged.write());
        assert_eq!(outcome, Outcome::Dropped(why), "{case}");
        assert!(bench.set.snapshot() == before, "{case}");
        assert_eq!((bench.events(), bench.sent()), (vec![], vec![]), "{case}");
    }
    assert_eq!(bench.set.counters().dropped[&DropReason::Integrity], 5);
    assert_eq!(bench.set.accepts(BaseId(0), addr("10.0.0.2:2000")), None);
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert_eq!(bench.valid_ids(), [pair]);
}

#[test]
fn where_only_forged_answers_came_the_failure_says_so() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    let forged = success(check.id, "10.0.0.1:1000").signed("not+the+password+of+anyone").write();
    let _ = bench.take_from(check.base, check.to, &forged);
    assert_eq!(bench.at(39_499).len(), 6, "the wait goes on as if nothing had come");
    bench.drain();
    bench.at(39_500);
    assert_eq!(bench.news(), [failed(pair, FailReason::Forged)]);
}

// proves: 8445-7.2.5.2.4-a
#[test]
fn an_error_of_the_peer_fails_the_pair_with_its_code() {
    for code in [300, 400, 401, 420, 438, 500, 699] {
        let (mut bench, pair) = Bench::one_pair(Role::Controlling);
        let check = bench.next();
        bench.drain();
        assert_eq!(bench.refuse(&check, code), Outcome::Handled);
        assert_eq!(bench.state(pair), PairState::Failed);
        assert_eq!(bench.news(), [failed(pair, FailReason::Error(code))]);
        assert_eq!(bench.at(100_000), [], "nothing is resent");
    }
}

#[test]
fn an_authentic_answer_that_makes_no_sense_fails_the_pair() {
    let mapped = |text: &str| XorMappedAddress(addr(text));
    let base = |class, check: &Seen| Draft::new(class, check.id).signed(PEER_PWD);
    type Spoil<'a> = &'a dyn Fn(&Seen) -> Draft;
    let cases: [(&str, Spoil<'_>); 9] = [
        ("no mapped address", &|check| base(Class::Success, check)),
        ("port 0", &|check| base(Class::Success, check).with(&mapped("10.0.0.1:0"))),
        ("nobody's address", &|check| base(Class::Success, check).with(&mapped("0.0.0.0:9"))),
        ("a group", &|check| base(Class::Success, check).with(&mapped("224.0.0.1:9"))),
        ("too short", &|check| base(Class::Success, check).raw(0x0020, &[0, 1, 7, 7])),
        ("no family", &|check| base(Class::Success, check).raw(0x0020, &[0, 9, 7, 7, 1, 2, 3, 4])),
        ("an unknown required attribute", &|check| {
            base(Class::Success, check).with(&mapped("10.0.0.1:1000")).raw(0x7777, &[])
        }),
        ("an error without its code", &|check| base(Class::Error, check)),
        ("an error with a code that is none", &|check| base(Class::Error, check).raw(0x0009, &[0, 0, 2, 0])),
    ];
    for (case, spoil) in cases {
        let (mut bench, pair) = Bench::one_pair(Role::Controlling);
        let check = bench.next();
        bench.drain();
        let outcome = bench.take_from(check.base, check.to, &spoil(&check).write());
        assert_eq!(outcome, Outcome::Handled, "{case}");
        assert_eq!(bench.news(), [failed(pair, FailReason::Malformed)], "{case}");
        assert_eq!((bench.state(pair), bench.valid()), (PairState::Failed, vec![]), "{case}");
    }
}

#[test]
fn what_may_be_skipped_in_an_answer_is_skipped() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    let answer = success(check.id, "10.0.0.1:1000")
        .raw(0xC0DE, b"whatever")
        .raw(0x8022, b"software")
        // Behind integrity nothing is believed.
        .behind(AttributeType::XOR_MAPPED_ADDRESS, &[0, 1, 0, 0, 0, 0, 0, 0]);
    let _ = bench.take_from(check.base, check.to, &answer.write());
    assert_eq!(bench.valid_ids(), [pair]);
}

#[test]
fn a_link_local_path_is_addressed_with_the_scope_of_its_base() {
    let mut bench = Bench::new(Role::Controlling);
    bench.local(S0, &Cand::host("[fe80::1%7]:1000"));
    bench.describe(S0);
    bench.remote(S0, &Cand::host("[fe80::2]:2000"));
    let check = bench.next();
    assert_eq!(check.to, addr("[fe80::2%7]:2000"));
    let _ = bench.answer(&check, "[fe80::1]:1000");
    let valid = bench.valid();
    assert_eq!((valid.len(), valid[0].kinds.0), (1, CandidateKind::Host));
    assert_eq!(bench.set.route(valid[0].id).unwrap().to, addr("[fe80::2%7]:2000"));
    // The peer's checks are answered there, and show it no scope of ours.
    let check = bench.check();
    let _ = bench.take(BaseId(0), "[fe80::2%7]:2000", &check.write());
    let answer = bench.sent().remove(0);
    assert_eq!((answer.to, answer.mapped), (addr("[fe80::2%7]:2000"), Some(addr("[fe80::2]:2000"))));
    assert_eq!(bench.set.accepts(BaseId(0), addr("[fe80::2%7]:2000")), Some((S0, RTP)));
}

#[test]
fn only_a_check_that_was_sent_once_measures_the_round_trip() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    bench.at(550);
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert_eq!(bench.valid()[0].rtt, None);
    let outlook = bench.set.outlook(bench.now, S0, RTP);
    assert_eq!(outlook.round_trip, Some(ms(550)), "which is never too short");

    bench.nominate(pair);
    let nominating = bench.next();
    bench.at(580);
    let _ = bench.answer(&nominating, "10.0.0.1:1000");
    assert_eq!(bench.valid()[0].rtt, Some(ms(30)));
    let counters = bench.view(pair).counters;
    assert_eq!((counters.total_round_trip, counters.responses_received), (ms(30), 2));
    assert_eq!(bench.set.outlook(bench.now, S0, RTP).round_trip, Some(ms(30)), "now one is measured");
}

#[test]
fn the_late_answer_to_a_cancelled_check_leaves_a_nomination_on_its_way_alone() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let cancelled = bench.next();
    bench.checked_from(BaseId(0), "10.0.0.2:2000");
    let triggered = bench.next();
    let _ = bench.answer(&triggered, "10.0.0.1:1000");
    bench.nominate(pair);
    bench.next();
    let _ = bench.answer(&cancelled, "10.0.0.1:1000");
    bench.drain();
    // The nominating check is lost, and that is noticed.
    bench.at(60_000);
    assert_eq!(
        bench.news(),
        [
            failed(pair, FailReason::Timeout),
            Event::NominationFailed { stream: S0, component: RTP, check: pair, why: FailReason::Timeout },
        ]
    );
}

#[test]
fn a_pair_found_valid_by_another_check_is_not_checked_on() {
    let mut bench = Bench::ready(Role::Controlling);
    bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    let checks = bench.all_next();
    let other = bench.pair("10.0.0.9:1009", "10.0.0.2:2000");
    let _ = bench.answer(&checks[0], "10.0.0.9:1009");
    bench.drain();
    assert_eq!(bench.at(39_499), [], "nothing is resent");
    assert_eq!((bench.state(other), bench.news()), (PairState::Succeeded, vec![]));
}

#[test]
fn a_mapped_address_of_a_socket_that_is_closed_is_not_that_socket() {
    let mut bench = Bench::ready(Role::Controlling);
    let closed = bench.local(S0, &Cand::host("10.0.0.9:1009").preference(1));
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    let check = bench.next();
    bench.set.close_base(bench.now, closed);
    let _ = bench.answer(&check, "10.0.0.9:1009");
    let valid = bench.valid();
    assert_eq!((valid.len(), valid[0].kinds.0), (1, CandidateKind::PeerReflexive));
    assert_eq!(bench.set.route(valid[0].id).map(|route| route.base), Some(BaseId(0)));
}
