//! Peer-reflexive candidates that the peer's checks teach, and how many of them there is room for (RFC 8445 7.3.1.3).

use floe_check::{AddedRemote, CheckConfig, DropReason, Event, Outcome, PairState};
use floe_core::{BaseId, CandidateKind, PairPriority, Priority, Role};
use floe_stun::attribute::{self, UseCandidate};

use crate::common::*;

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
