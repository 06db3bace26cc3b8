//! Consent to send (RFC 7675) and keepalives (RFC 8445 11), in virtual time.

use std::{collections::BTreeSet, time::Duration};

use floe_core::{ComponentId, StreamId};
use floe_session::{ConsentLoss, Event, IceState, Reason};
use floe_sim::Link;
use floe_stun::{Class, Message};

use crate::world::{SIDES, Setup, Side, World, ms};

const STREAM: StreamId = StreamId(0);
const RTP: ComponentId = ComponentId::RTP;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Two sessions that have completed, and when.
fn completed(round_trip: Duration) -> (World, Duration) {
    let mut world = Setup::new([1, 1], round_trip).described();
    assert!(world.complete(seconds(1)));
    let now = world.since_start(world.simulation.now());
    (world, now)
}

/// Sends a datagram each 10 ms from this side until it may not, at most up to `end`; says when the last one went.
fn send_until_stopped(world: &mut World, side: Side, end: Duration) -> Duration {
    let mut last = Duration::ZERO;
    let mut at = world.since_start(world.simulation.now());
    while at < end {
        if world.send(side, (STREAM, RTP), b"data") {
            last = at;
        }
        at += ms(10);
        world.run_to(at);
    }
    last
}

// proves: 7675-5.1-b
#[test]
fn on_a_path_that_is_cut_the_last_datagram_goes_within_30_s_of_the_last_answer() {
    let (mut world, _) = completed(ms(50));
    world.run_to(seconds(60));
    // From B to A nothing gets through any more; A's requests still come to B, and B's to nowhere.
    let answers = world.received_by_a();
    let last_answer = answers.into_iter().max().unwrap();
    world.cut(Side::B);
    let last = send_until_stopped(&mut world, Side::A, seconds(120));
    assert!(last <= last_answer + seconds(30), "{last:?} after an answer at {last_answer:?}");
    assert!(last >= last_answer + seconds(30) - ms(10), "{last:?}: given up early");
    assert_eq!(world.state_at(Side::A, IceState::Failed), Some(last_answer + seconds(30)));
    let why = Reason::ConsentLost { stream: STREAM, component: RTP, why: ConsentLoss::Expired };
    assert_eq!(world.session(Side::A).reason(), Some(&why));
    assert_eq!(world.session(Side::A).route(STREAM, RTP), None);
}

#[test]
fn requests_of_the_peer_do_not_renew_consent() {
    let (mut world, _) = completed(ms(50));
    // A hears B's requests and none of B's answers: those would follow A's requests, which are lost.
    world.cut(Side::A);
    world.run_to(seconds(45));
    let requests = world.sent(Side::B).into_iter().filter(|sent| sent.class == Class::Request);
    assert!(requests.filter(|sent| sent.at > seconds(4)).count() >= 4, "B went on asking");
    for side in SIDES {
        let failed = world.state_at(side, IceState::Failed).unwrap();
        assert!(failed > seconds(29) && failed <= seconds(31), "{side:?} {failed:?}");
    }
}

// proves: 7675-5.1-c
#[test]
fn ten_thousand_gaps_between_requests_lie_in_4_to_6_s_and_spread_over_it() {
    let (mut world, done) = completed(ms(20));
    world.run_to(seconds(51_000));
    for side in SIDES {
        let asked: Vec<_> = world.started(side).into_iter().filter(|sent| sent.at > done).collect();
        let gaps: Vec<_> = asked.windows(2).map(|two| two[1].at - two[0].at).collect();
        assert!(gaps.len() >= 10_000, "{}", gaps.len());
        assert!(gaps.iter().all(|gap| (seconds(4)..=seconds(6)).contains(gap)), "{side:?}");
        // A tenth of them in each tenth of the interval, within six standard deviations.
        for tenth in 0..10 {
            let from = seconds(4) + ms(200) * tenth;
            let count = gaps.iter().filter(|gap| (from..from + ms(200)).contains(gap)).count();
            let share = count as f64 / gaps.len() as f64;
            assert!((share - 0.1).abs() < 0.018, "{side:?}: {share} in tenth {tenth}");
        }
        // Each with an id of its own, and sent once.
        let requests =
            world.sent(side).into_iter().filter(|sent| sent.class == Class::Request && sent.at > done);
        let ids: Vec<_> = requests.map(|sent| *sent.id.as_bytes()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
    assert!(world.is_complete());
}

#[test]
fn consent_checks_keep_pace_and_the_session_a_day_in_an_idle_state() {
    let (mut world, _) = completed(ms(50));
    world.run_to(seconds(24 * 3600));
    assert!(world.is_complete());
    let datagrams: usize = SIDES.iter().map(|&side| world.sent(side).len()).sum();
    // Two a side in 5 s on average: its request and the answer to the other's.
    assert!((67_000..72_000).contains(&datagrams), "{datagrams}");
    for side in SIDES {
        world.assert_paced(side, ms(50));
        assert!(!world.events(side).any(|(_, event)| matches!(event, Event::StreamFailed { .. })));
    }
}

// proves: 8445-11-a, 8445-11-b
#[test]
fn without_consent_a_keepalive_goes_after_tr_without_traffic_and_holds_nothing_but_a_fingerprint() {
    for keepalive in [seconds(5), seconds(15), seconds(20)] {
        let setup = Setup { consent: false, liveness: false, keepalive, ..Setup::new([1, 1], ms(50)) };
        let mut world = setup.described();
        assert!(world.complete(seconds(1)));
        world.run_to(seconds(300));
        // What is shorter than 15 s is not taken.
        let tr = keepalive.max(seconds(15));
        let sent: Vec<_> = world.sent(Side::A).into_iter().filter(|sent| sent.at > seconds(1)).collect();
        assert!(sent.len() >= 14 && sent.iter().all(|sent| sent.class == Class::Indication), "{sent:?}");
        assert!(sent.windows(2).all(|two| two[1].at - two[0].at == tr), "{sent:?}");
        for record in world.simulation.network().log().iter().filter(|record| record.payload.len() <= 28) {
            let message = Message::parse(&record.payload).unwrap();
            assert_eq!((message.class(), record.payload.len()), (Class::Indication, 28));
            message.verify_fingerprint().unwrap();
        }
        assert_quiet_while_data_flows(&mut world, tr);
    }
}

/// Data puts the keepalive off.
fn assert_quiet_while_data_flows(world: &mut World, tr: Duration) {
    let count = |world: &World| world.sent(Side::A).len();
    let (before, start) = (count(world), world.since_start(world.simulation.now()));
    let mut last = start;
    for second in 0..60 {
        assert!(world.send(Side::A, (STREAM, RTP), b"data"));
        last = start + seconds(second);
        world.run_to(start + seconds(second + 1));
    }
    assert_eq!(count(world), before);
    world.run_to(last + tr - ms(1));
    assert_eq!(count(world), before);
    world.run_to(last + tr);
    assert_eq!(count(world), before + 1);
}

// proves: 7675-5.1-a
#[test]
fn no_data_goes_before_a_pair_is_valid() {
    let mut world = Setup::new([2, 2], ms(100)).described();
    for at in (0..100).map(ms) {
        world.run_to(at);
        for side in SIDES {
            let valid = world.valid_at(side);
            assert_eq!(world.send(side, (STREAM, RTP), b"early"), valid.is_some(), "{side:?} at {at:?}");
        }
    }
    world.run_to(ms(300));
    assert!(SIDES.iter().all(|&side| world.valid_at(side).is_some()));
}

impl World {
    /// From now on nothing that this side sends arrives.
    fn cut(&mut self, side: Side) {
        let [from, to] = [side, side.other()].map(|side| {
            self.simulation.network().host(self.host(side)).unwrap().interfaces()[0].addresses[0].ip
        });
        self.simulation.network_mut().set_path(from, to, Link::new(ms(0)).loss(1.0));
    }

    /// When answers of B arrived at A.
    fn received_by_a(&self) -> Vec<Duration> {
        let answers = self.sent(Side::B).into_iter().filter(|sent| sent.class == Class::Success);
        answers.map(|sent| sent.at + ms(25)).collect()
    }
}
