//! Which check is next, and when it is resent (RFC 8445 6.1.4.2, 14.3).

use std::net::SocketAddr;

use floe_check::{CheckConfig, CheckKind, Event, FailReason, PairState, Readiness};
use floe_core::{BaseId, Contender, PairId, Role, StreamId, Turn};
use floe_stun::TransactionId;

use crate::common::*;

fn ports(checks: &[Seen]) -> Vec<u16> {
    checks.iter().map(|check| check.to.port()).collect()
}

// proves: 8445-6.1.4.2-b
#[test]
fn nominating_checks_go_first_then_triggered_ones_in_their_order_then_ordinary_ones() {
    let mut bench = with_remotes(Role::Controlling, &[1, 2, 3, 4, 5]);
    bench.succeed_next();
    // The peer's checks come on the worse pairs, one of them twice.
    let base = bench.set.route(to_port(&bench, 1)).unwrap().base;
    for port in [5, 3, 5] {
        bench.checked_from(base, &format!("10.0.0.2:{port}"));
    }
    bench.nominate(to_port(&bench, 1));
    bench.drain();
    let checks = bench.all_next();
    assert_eq!(ports(&checks), [1, 5, 3, 2, 4]);
    assert_eq!(
        checks.iter().map(|check| check.use_candidate).collect::<Vec<_>>(),
        [true, false, false, false, false]
    );
    let kinds: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Checking { kind, .. } => Some(kind),
            _ => None,
        })
        .collect();
    use CheckKind::{Nominating, Ordinary, Triggered};
    assert_eq!(kinds, [Nominating, Triggered, Triggered, Ordinary, Ordinary]);
}

/// So many streams, each with a local candidate, and these remote ports each.
fn streams(of: &[(StreamId, &[u16])]) -> Bench {
    let streams: Vec<_> = of.iter().map(|(stream, _)| (*stream, &[RTP][..])).collect();
    let mut bench = Bench::with(CheckConfig::default(), &streams);
    for (stream, ports) in of {
        bench.local(*stream, &Cand::host(&format!("10.0.0.1:{}", 1000 + stream.0)));
        for &port in *ports {
            bench.remote(*stream, &numbered(port));
        }
    }
    for (stream, _) in of {
        bench.describe(*stream);
    }
    bench.drain();
    bench
}

// proves: 8445-6.1.4.2-e
#[test]
fn lists_take_turns_and_an_idle_one_yields_at_once() {
    let mut bench = streams(&[(S0, &[1, 2]), (S1, &[]), (S2, &[11, 12, 13])]);
    assert_eq!(ports(&bench.all_next()), [1, 11, 2, 12, 13]);
    assert!(bench.try_next().is_none(), "no list has work: nothing is sent");

    let mut bench = streams(&[(S0, &[1, 2]), (S1, &[11, 12]), (S2, &[21, 22])]);
    assert_eq!(ports(&bench.all_next()), [1, 11, 21, 2, 12, 22]);
}

#[test]
fn a_triggered_check_goes_first_when_its_list_has_its_turn() {
    let mut bench = streams(&[(S0, &[1, 2]), (S1, &[11, 12])]);
    let base = bench.set.route(bench.pair("10.0.0.1:1001", "10.0.0.2:12")).unwrap().base;
    bench.checked_from(base, "10.0.0.2:12");
    assert_eq!(ports(&bench.all_next()), [1, 12, 2, 11]);
}

// proves: 8445-6.1.4.2-c
#[test]
fn a_frozen_pair_thaws_only_when_nothing_waits_and_its_foundation_is_idle_everywhere() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP]), (S1, &[RTP])]);
    let pair = |port: u16, foundation: &str| {
        Cand::host(&format!("10.0.0.2:{port}")).preference(60_000 - port).foundation(foundation)
    };
    bench.local(S0, &Cand::host("10.0.0.1:1000").foundation("L"));
    bench.local(S1, &Cand::host("10.0.0.1:1001").foundation("L"));
    for port in [1, 2] {
        bench.remote(S0, &pair(port, "f"));
    }
    bench.remote(S0, &pair(3, "g"));
    bench.remote(S1, &pair(11, "f"));
    bench.describe(S0);
    bench.describe(S1);

    let first = bench.next();
    assert_eq!(first.to.port(), 1);
    // List 1 has only a frozen pair, whose foundation is under way in list 0, which goes on with what waits there.
    let second = bench.next();
    assert_eq!(second.to.port(), 3);
    assert!(bench.try_next().is_none());
    // The foundation is idle once its check has failed; failing itself thaws nothing.
    let _ = bench.refuse(&first, 400);
    let frozen = |bench: &Bench, port| {
        let pair = bench.pairs().into_iter().find(|pair| pair.remote.address().port() == port);
        pair.unwrap().state == PairState::Frozen
    };
    assert!(frozen(&bench, 2) && frozen(&bench, 11));
    // Now it is the turn of list 1; its pair is of the same foundation as that of list 0, which stays frozen.
    let third = bench.next();
    assert_eq!(third.to.port(), 11);
    assert!(bench.try_next().is_none() && frozen(&bench, 2));
    let _ = bench.refuse(&third, 400);
    assert_eq!(ports(&bench.all_next()), [2]);
}

#[test]
fn a_frozen_pair_stays_so_while_another_of_its_list_waits() {
    let mut bench = Bench::ready(Role::Controlling);
    let pair = |port: u16, foundation: &str| {
        Cand::host(&format!("10.0.0.2:{port}")).preference(60_000 - port).foundation(foundation)
    };
    for (port, foundation) in [(1, "f"), (2, "f"), (3, "g")] {
        bench.remote(S0, &pair(port, foundation));
    }
    let first = bench.next();
    let _ = bench.refuse(&first, 400);
    // Pair 2 is better and could thaw; but 3 waits.
    assert_eq!(ports(&bench.all_next()), [3, 2]);
}

// proves: 8445-6.1.4.2-d
#[test]
fn the_best_waiting_pair_is_next_and_of_equals_the_lower_component() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
    let same = 2_000_000_000;
    bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp().with_priority(same).foundation("L2"));
    bench.local(S0, &Cand::host("10.0.0.1:1000").with_priority(same).foundation("L1"));
    bench.remote(S0, &Cand::host("10.0.0.2:2").rtcp().with_priority(same));
    bench.remote(S0, &Cand::host("10.0.0.2:1").with_priority(same));
    bench.remote(S0, &Cand::host("10.0.0.2:4").rtcp().with_priority(same + 1).foundation("f4"));
    bench.remote(S0, &Cand::host("10.0.0.2:3").with_priority(same - 1).foundation("f3"));
    bench.describe(S0);
    assert_eq!(ports(&bench.all_next()), [4, 1, 2, 3]);
}

// proves: 8445-7.2.5.2.3-a, 8445-14.3-c, 7982-3-a
#[test]
fn a_black_hole_gets_seven_sends_and_fails_after_39_5_seconds() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    bench.drain();
    let resent = bench.at(39_499);
    let times: Vec<_> = resent.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15_500, 31_500]);
    // The same bytes, the same way, but for the number and what follows from it.
    for (number, (_, seen)) in (2..).zip(&resent) {
        assert_eq!(*seen, check.sent_again(number));
        assert!(seen.is_signed_with(PEER_PWD));
    }
    assert_eq!((bench.state(pair), bench.news()), (PairState::InProgress, vec![]));
    assert_eq!(bench.set.poll_timeout(), Some(epoch() + ms(39_500)));

    bench.at(39_500);
    assert_eq!(bench.state(pair), PairState::Failed);
    let failed = Event::Failed { stream: S0, component: RTP, pair, why: FailReason::Timeout };
    assert_eq!(bench.news(), [failed]);
    let counters = bench.view(pair).counters;
    assert_eq!((counters.requests_sent, counters.retransmissions_sent), (7, 6));
    assert!(!bench.set.has_next());
}

#[test]
fn the_more_checks_are_under_way_the_longer_each_waits() {
    let ports: Vec<_> = (1..=20).collect();
    for (ta, first_resend) in [(50, 1000), (20, 500), (100, 2000)] {
        let mut bench = with_remotes(Role::Controlling, &ports);
        bench.set.set_ta(ms(ta));
        bench.next();
        let resent = bench.at(first_resend);
        assert_eq!(resent.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [first_resend], "Ta {ta} ms");
    }
}

#[test]
fn a_check_that_was_answered_is_resent_no_more() {
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    bench.at(100);
    let check = bench.next();
    bench.at(300);
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert_eq!(bench.at(100_000), []);
}

#[test]
fn the_outlook_tells_when_each_contender_has_its_turn() {
    let mut bench = Bench::ready(Role::Controlling);
    let pair = |port: u16, foundation: &str| {
        Cand::host(&format!("10.0.0.2:{port}")).preference(60_000 - port).foundation(foundation)
    };
    for (port, foundation) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "d")] {
        bench.remote(S0, &pair(port, foundation));
    }
    bench.next();
    bench.at(50);
    // The peer's check makes the worst but one the next.
    bench.checked_from(floe_core::BaseId(0), "10.0.0.2:4");
    let expected = |slots: u64| Turn::Expected(epoch() + ms(50 + slots * 50));
    let turns = |bench: &Bench| {
        let outlook = bench.set.outlook(bench.now, S0, RTP);
        let port = |pair: PairId| bench.view(pair).remote.address().port();
        outlook.contenders.iter().map(|c: &Contender| (port(c.pair), c.turn)).collect::<Vec<_>>()
    };
    assert_eq!(
        turns(&bench),
        [(1, Turn::Sent(epoch())), (2, expected(2)), (3, expected(3)), (4, expected(1)), (5, expected(4))]
    );
    // They come in that order.
    assert_eq!(ports(&bench.all_next()), [4, 2, 3], "the frozen one waits for its foundation");

    // Another list takes every second slot, but only while it has something to send.
    let mut bench = streams(&[(S0, &[1, 2]), (S1, &[11])]);
    let turns = |bench: &Bench| {
        let contenders = bench.set.outlook(bench.now, S0, RTP).contenders;
        contenders.iter().map(|c| c.turn).collect::<Vec<_>>()
    };
    let expected = |slots: u64| Turn::Expected(epoch() + ms(slots * 50));
    assert_eq!(turns(&bench), [expected(2), expected(4)]);
    bench.next();
    bench.next();
    assert_eq!(turns(&bench), [Turn::Sent(epoch()), expected(1)]);
}

#[test]
fn the_outlook_counts_nominations_that_wait_and_knows_what_may_still_come() {
    let mut bench = with_remotes(Role::Controlling, &[1, 2]);
    bench.succeed_next();
    let outlook = bench.set.outlook(bench.now, S0, RTP);
    assert!(outlook.local_gathering && outlook.remote_gathering);
    assert_eq!(outlook.contenders.len(), 1, "what is valid contends no more");
    bench.nominate(to_port(&bench, 1));
    let turn = bench.set.outlook(bench.now, S0, RTP).contenders[0].turn;
    assert_eq!(turn, Turn::Expected(epoch() + ms(100)));
    bench.end(S0);
    let outlook = bench.set.outlook(bench.now, S0, RTP);
    assert!(!outlook.local_gathering && !outlook.remote_gathering);
    // A stream that is not there has none.
    assert_eq!(bench.set.outlook(bench.now, S1, RTP), floe_core::Outlook::default());
}

#[test]
fn the_first_send_counts_anew_from_the_peers_first_check() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    bench.next();
    let sent = |bench: &Bench| bench.set.outlook(bench.now, S0, RTP).contenders[0].turn;
    bench.at(5000);
    assert_eq!(sent(&bench), Turn::Sent(epoch()));
    bench.checked_from(floe_core::BaseId(0), "10.0.0.2:2000");
    assert_eq!(bench.state(pair), PairState::Waiting);
    bench.next();
    assert_eq!(sent(&bench), Turn::Sent(epoch() + ms(5000)));
    // A second check of the peer does not move it again.
    bench.at(6000);
    bench.checked_from(floe_core::BaseId(0), "10.0.0.2:2000");
    bench.next();
    assert_eq!(sent(&bench), Turn::Sent(epoch() + ms(5000)));
}

#[test]
fn an_answer_to_a_resent_check_tells_the_round_trip_only_while_nothing_better_is_known() {
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    bench.remote(S0, &numbered(2100));
    let first = bench.next();
    bench.at(31_500);
    bench.now += ms(20);
    let _ = bench.answer(&first, "10.0.0.1:1000");
    let round_trip = |bench: &Bench| bench.set.outlook(bench.now, S0, RTP).round_trip;
    assert_eq!(round_trip(&bench), Some(ms(31_520)));
    let second = bench.next();
    bench.now += ms(20);
    let _ = bench.answer(&second, "10.0.0.1:1000");
    assert_eq!(round_trip(&bench), Some(ms(20)));
}

#[test]
fn the_turn_of_a_pair_that_is_frozen_behind_an_unanswered_check_of_another_list_does_not_move_on() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP]), (S1, &[RTP])]);
    for (stream, local, remote) in [(S0, "10.0.0.1:1000", 1), (S1, "10.0.0.1:1001", 11)] {
        bench.local(stream, &Cand::host(local));
        bench.describe(stream);
        bench.remote(stream, &numbered(remote).foundation("one"));
    }
    let check = bench.next();
    assert_eq!((check.to.port(), bench.try_next().is_none()), (1, true));
    let turn = |bench: &Bench| bench.set.outlook(bench.now, S1, RTP).contenders[0].turn;
    for at in [0, 1_000, 20_000] {
        bench.at(at);
        assert_eq!(turn(&bench), Turn::Expected(epoch() + ms(50)), "at {at} ms");
    }
    // The answer thaws it after all: its slot is the next one.
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert_eq!(turn(&bench), Turn::Expected(epoch() + ms(20_050)));
}

#[test]
fn a_check_that_its_relay_had_held_is_given_its_time_from_when_it_leaves() {
    let mut bench = with_remotes(Role::Controlling, &[1]);
    let check = bench.next();
    let turn = |bench: &Bench| bench.set.outlook(bench.now, S0, RTP).contenders[0].turn;
    let held = bench.now;
    assert_eq!(turn(&bench), Turn::Sent(held));
    bench.at(300);
    bench.set.note_departed(bench.now, TransactionId::new([9; 12]));
    assert_eq!(turn(&bench), Turn::Sent(held), "that is no check of this set");
    bench.set.note_departed(bench.now, check.id);
    assert_eq!(turn(&bench), Turn::Sent(bench.now));
    bench.at(340);
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert_eq!(bench.valid()[0].rtt, Some(ms(40)));
}

#[test]
fn a_check_that_was_held_again_when_it_was_resent_was_first_sent_when_it_first_left() {
    let mut bench = with_remotes(Role::Controlling, &[1]);
    let check = bench.next();
    let turn = |bench: &Bench| bench.set.outlook(bench.now, S0, RTP).contenders[0].turn;
    bench.at(400);
    bench.set.note_departed(bench.now, check.id);
    let left = bench.now;
    assert_eq!(bench.at(900).len(), 1, "it is resent");
    bench.at(1_000);
    bench.set.note_departed(bench.now, check.id);
    assert_eq!(turn(&bench), Turn::Sent(left));
}

#[test]
fn held_checks_leave_the_slot_and_doubtful_ones_come_after_ready_ones() {
    let mut bench = with_remotes(Role::Controlling, &[1, 2, 3]);
    let order: Vec<_> = with_remotes(Role::Controlling, &[1, 2, 3]).all_next();
    let [best, second, last] = [0, 1, 2].map(|nth: usize| order[nth].to);
    let judge = move |_: BaseId, to: SocketAddr| match to {
        to if to == best => Readiness::Held,
        to if to == second => Readiness::Doubtful,
        _ => Readiness::Ready,
    };
    let next = |bench: &mut Bench, least| {
        let now = bench.now;
        let told = bench.set.has_next_by(least, &judge);
        let next = bench.set.start_next_by(now, least, &judge).map(|transmit| transmit.to);
        assert_eq!(told, next.is_some());
        next
    };
    assert_eq!(next(&mut bench, Readiness::Ready), Some(last));
    assert_eq!(next(&mut bench, Readiness::Ready), None);
    assert_eq!(next(&mut bench, Readiness::Doubtful), Some(second));
    assert_eq!(next(&mut bench, Readiness::Doubtful), None);
    assert!(bench.set.has_next() && !bench.set.has_urgent(&judge));
    // What the peer checks is answered in any case, but where it would be held.
    bench.checked_from(BASE, &second.to_string());
    assert!(bench.set.has_urgent(&judge));
    assert_eq!(next(&mut bench, Readiness::Ready), Some(second));
    bench.checked_from(BASE, &best.to_string());
    assert!(!bench.set.has_urgent(&judge));
    assert_eq!(next(&mut bench, Readiness::Doubtful), None);
    assert_eq!(bench.next().to, best);
}

#[test]
fn a_frozen_pair_that_would_be_held_keeps_no_other_frozen_one_back() {
    // On the second list all is frozen: each foundation has a check under way on the first.
    let streams: [(StreamId, &[floe_core::ComponentId]); 2] = [(S0, &[RTP]), (S1, &[RTP])];
    let mut bench = Bench::with(CheckConfig::default().role(Role::Controlling), &streams);
    let own = Cand::host("10.0.0.1:1000").foundation("l");
    bench.local(S0, &own);
    bench.local(S1, &Cand::host("10.0.0.1:1001").foundation("l"));
    for stream in [S0, S1] {
        bench.describe(stream);
        for port in [1, 2] {
            bench.remote(stream, &numbered(port).foundation(&format!("r{port}")));
        }
    }
    let first: Vec<_> =
        bench.pairs().iter().filter(|pair| pair.state == PairState::Frozen).map(|p| p.id).collect();
    assert_eq!(first.len(), 2);
    for check in [bench.next(), bench.next()] {
        let _ = bench.refuse(&check, 400);
    }
    // Both may be thawed now. The better one would only be held.
    let held = bench.view(first[0]).remote.socket_addr();
    let judge = move |_: BaseId, to: SocketAddr| {
        if Some(to) == held { Readiness::Held } else { Readiness::Ready }
    };
    let now = bench.now;
    let started = bench.set.start_next_by(now, Readiness::Ready, &judge).map(|transmit| transmit.to);
    assert_eq!(started, bench.view(first[1]).remote.socket_addr());
}
