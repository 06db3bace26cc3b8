//! Silence while data is sent, in virtual time: noticed within three round trips and 500 ms, and never where there is none.

use std::time::Duration;

use floe_core::{ComponentId, StreamId};
use floe_session::{ConsentLoss, Event, IceState, Reason};
use floe_sim::Link;
use floe_stun::{Class, Message};

use crate::world::{SIDES, Setup, Side, World, ms};

const STREAM: StreamId = StreamId(0);
const RTP: ComponentId = ComponentId::RTP;
const BOTH: [bool; 2] = [true, true];
const A_ONLY: [bool; 2] = [true, false];
const NOBODY: [bool; 2] = [false, false];
/// What everything below takes for the round trip.
const ROUND_TRIP: Duration = ms(50);
/// So long after the last thing heard silence is told: three round trips and 500 ms.
const VERDICT: Duration = ms(650);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn setup() -> Setup {
    Setup::new([1, 1], ROUND_TRIP)
}

/// Two sessions that have completed.
fn completed(setup: &Setup) -> World {
    let mut world = setup.described();
    assert!(world.complete(seconds(60)));
    world
}

impl World {
    fn now(&self) -> Duration {
        self.since_start(self.simulation.now())
    }

    /// Sends a datagram on every component each `gap` from the sides that are to, until this time.
    fn stream(&mut self, sides: [bool; 2], gap: Duration, end: Duration) {
        while self.now() < end {
            for side in SIDES.into_iter().filter(|&side| sides[side as usize]) {
                for of in self.components().to_vec() {
                    self.send(side, of, b"data");
                }
            }
            self.run_to((self.now() + gap).min(end));
        }
    }

    /// From now on nothing arrives in either direction, or all does.
    fn cut_both(&mut self, cut: bool) {
        let link = Link::new(ROUND_TRIP / 2);
        self.set_path(0, 0, if cut { link.loss(1.0) } else { link });
    }

    /// When the last datagram reached this side by this time: data, a check or an answer.
    fn last_heard(&self, side: Side, by: Duration) -> Duration {
        let ip = |side: Side| {
            self.simulation.network().host(self.host(side)).unwrap().interfaces()[0].addresses[0].ip
        };
        let log = self.simulation.network().log().iter();
        let arrived =
            log.filter(|record| record.to.ip() == ip(side)).filter_map(|record| match record.fate {
                floe_sim::Fate::Delivered { at, .. } => Some(self.since_start(at)),
                _ => None,
            });
        arrived.filter(|&at| at <= by).max().unwrap()
    }

    /// All states of a side from this time on, with their reasons.
    fn states(&self, side: Side, from: Duration) -> Vec<(Duration, IceState, Option<Reason>)> {
        let states = self.events(side).filter_map(|(at, event)| match event {
            Event::State { state, reason } => Some((at, *state, reason.clone())),
            _ => None,
        });
        states.filter(|(at, ..)| *at > from).collect()
    }

    fn state(&self, side: Side) -> IceState {
        self.session(side).state()
    }

    /// The checks that a side sent in this time that were not for consent: each is a probe.
    fn probes(&self, side: Side, from: Duration, to: Duration) -> usize {
        let requests = self.sent(side).into_iter().filter(|sent| sent.class == Class::Request);
        let requests = requests.filter(|sent| sent.at > from && sent.at <= to).count();
        let pairs = self.session(side).stats().pairs;
        let consent: u64 = pairs.iter().map(|pair| pair.counters.consent_requests_sent).sum();
        requests - usize::try_from(consent).unwrap()
    }
}

const fn silent(component: ComponentId, silence: Duration) -> Option<Reason> {
    Some(Reason::Silent { stream: STREAM, component, silence })
}

#[test]
fn on_a_path_that_is_cut_a_stream_is_disconnected_three_round_trips_and_500_ms_after_the_last_thing_heard() {
    for round_trip in [ms(2), ROUND_TRIP, ms(200), ms(600)] {
        let mut world = completed(&Setup::new([1, 1], round_trip));
        world.stream(BOTH, ms(20), seconds(11));
        let cut = world.now();
        world.set_path(0, 0, Link::new(round_trip / 2).loss(1.0));
        world.stream(BOTH, ms(20), seconds(15));
        for side in SIDES {
            let heard = world.last_heard(side, world.now());
            let verdict = round_trip * 3 + ms(500);
            let told = (heard + verdict, IceState::Disconnected, silent(RTP, verdict));
            assert_eq!(world.states(side, cut), [told]);
            // It is told, and no more: consent still holds.
            assert!(world.session(side).route(STREAM, RTP).is_some());
            world.assert_paced(side, ms(50));
        }
    }
}

#[test]
fn a_path_that_comes_back_is_connected_again_with_the_first_thing_heard() {
    let mut world = completed(&setup());
    world.stream(BOTH, ms(20), seconds(5));
    world.cut_both(true);
    world.stream(BOTH, ms(20), seconds(9));
    assert_eq!(SIDES.map(|side| world.state(side)), [IceState::Disconnected; 2]);
    world.cut_both(false);
    let restored = world.now();
    world.stream(BOTH, ms(20), seconds(20));
    for side in SIDES {
        // The first datagram of the other's stream.
        let heard = restored + ROUND_TRIP / 2;
        let again = [(heard, IceState::Connected, None), (heard, IceState::Completed, None)];
        assert_eq!(world.states(side, restored), again);
        assert_eq!(world.session(side).reason(), None);
    }
}

#[test]
fn of_a_stream_that_goes_one_way_only_the_sender_probes_and_nobody_is_disconnected() {
    let mut world = completed(&setup());
    let done = world.now();
    let minutes = 5;
    world.stream(A_ONLY, ms(20), done + seconds(60 * minutes));
    assert!(SIDES.iter().all(|&side| world.states(side, done).is_empty()));
    // 250 ms after the last answer, and 50 ms to the next; the answers to consent are as good.
    let probes = world.probes(Side::A, done, world.now());
    let expected = usize::try_from(60 * minutes * 1_000 / 300).unwrap();
    assert!((expected - 60..=expected).contains(&probes), "{probes} in {minutes} minutes");
    assert_eq!(world.probes(Side::B, done, world.now()), 0);
    world.assert_paced(Side::A, ms(50));
}

#[test]
fn of_a_stream_that_goes_both_ways_and_of_nothing_at_all_nobody_probes() {
    for sides in [BOTH, NOBODY] {
        let mut world = completed(&setup());
        let done = world.now();
        world.stream(sides, ms(20), done + seconds(60));
        assert!(SIDES.iter().all(|&side| world.states(side, done).is_empty()));
        assert_eq!(SIDES.map(|side| world.probes(side, done, world.now())), [0, 0]);
    }
}

#[test]
fn agents_that_send_nothing_are_not_disconnected_before_consent_ends() {
    let mut world = completed(&setup());
    let done = world.now();
    world.run_to(seconds(10));
    world.cut_both(true);
    world.run_to(seconds(18));
    assert_eq!(SIDES.map(|side| world.probes(side, done, world.now())), [0; 2]);
    world.run_to(seconds(45));
    for side in SIDES {
        let states = world.states(side, done);
        let [(at, state, _)] = &states[..] else { panic!("{states:?}") };
        assert_eq!(*state, IceState::Failed);
        assert!(*at > seconds(33), "{at:?}");
        // Consent is in doubt by then, and that is asked for once a second.
        let doubts = world.probes(side, done, world.now());
        assert!((10..=15).contains(&doubts), "{doubts}");
    }
}

#[test]
fn consent_still_ends_after_30_s_and_says_so_itself() {
    let mut world = completed(&setup());
    world.stream(BOTH, ms(20), seconds(10));
    world.cut_both(true);
    let cut = world.now();
    world.stream(BOTH, ms(20), seconds(45));
    for side in SIDES {
        let lost = Reason::ConsentLost { stream: STREAM, component: RTP, why: ConsentLoss::Expired };
        let states = world.states(side, cut);
        let [(_, first, silence), (failed, second, why)] = &states[..] else { panic!("{states:?}") };
        assert_eq!((*first, silence), (IceState::Disconnected, &silent(RTP, VERDICT)));
        assert_eq!((*second, why), (IceState::Failed, &Some(lost)));
        // The last answer came before the cut, 6 s and a round trip before at most.
        assert!(*failed <= cut + seconds(30) && *failed > cut + seconds(23), "{failed:?}");
        world.assert_paced(side, ms(50));
    }
}

#[test]
fn after_the_verdict_a_sender_probes_ever_less_often_and_one_who_stops_sending_no_more() {
    let mut world = completed(&setup());
    world.stream(A_ONLY, ms(20), seconds(5));
    world.cut_both(true);
    world.stream(A_ONLY, ms(20), seconds(7));
    assert_eq!(world.state(Side::A), IceState::Disconnected);
    let before = world.probes(Side::A, Duration::ZERO, world.now());
    world.stream(A_ONLY, ms(20), seconds(17));
    let sent = world.probes(Side::A, Duration::ZERO, world.now()) - before;
    assert!((4..=6).contains(&sent), "{sent} in 10 s");
    world.run_to(seconds(19));
    let stopped = world.probes(Side::A, Duration::ZERO, world.now());
    world.run_to(seconds(30));
    // Only doubt about consent asks on, once a second.
    let doubts = world.probes(Side::A, Duration::ZERO, world.now()) - stopped;
    assert!(doubts <= 11, "{doubts} in 11 s");
    // A request for consent is answered: that is a sign of life as well.
    world.cut_both(false);
    let restored = world.now();
    world.run_to(restored + seconds(6) + ROUND_TRIP);
    assert_eq!(world.state(Side::A), IceState::Completed);
}

#[test]
fn at_5_percent_loss_a_stream_that_goes_one_way_is_never_disconnected() {
    let (mut probes, minutes, seeds) = (0, 10, 50);
    for seed in 0..seeds {
        let setup = Setup { seed, link: Link::new(ROUND_TRIP / 2).loss(0.05), ..setup() };
        let mut world = completed(&setup);
        let done = world.now();
        world.stream(A_ONLY, ms(100), done + seconds(60 * minutes));
        assert_eq!(world.states(Side::A, done), [], "seed {seed}");
        probes += world.probes(Side::A, done, world.now());
    }
    // A tenth of them is not answered, and asked again.
    let a_second = probes as f64 / (60 * minutes * seeds) as f64;
    assert!((3.2..3.8).contains(&a_second), "{a_second}");
}

#[test]
fn what_a_stranger_sends_is_not_heard() {
    let mut world = completed(&setup());
    world.stream(A_ONLY, ms(20), seconds(5));
    world.cut_both(true);
    let heard = world.last_heard(Side::A, world.now());
    let (host, from) = (world.host(Side::A), world.session(Side::A).route(STREAM, RTP).unwrap().to);
    let to = world.node(Side::A).sockets().next().unwrap();
    while world.now() < seconds(6) {
        let forged = forged(&world);
        let now = world.simulation.now();
        let node = world.simulation.node_mut(host).unwrap();
        // From the peer's address what it cannot sign; from another one data, and a good check's copy.
        let mut other = from;
        other.set_port(from.port() + 1);
        for payload in &forged {
            floe_sim::Node::handle_datagram(node, now, to, from, payload);
        }
        floe_sim::Node::handle_datagram(node, now, to, other, &[128, 1, 2, 3]);
        world.stream(A_ONLY, ms(20), (world.now() + ms(20)).min(seconds(6)));
    }
    assert_eq!(
        world.states(Side::A, seconds(5))[0],
        (heard + VERDICT, IceState::Disconnected, silent(RTP, VERDICT))
    );
    assert!(world.node(Side::A).dropped().len() > 40);

    // Data from the peer's address is taken for the peer's. It makes nobody send longer than consent lasts.
    let now = world.simulation.now();
    let node = world.simulation.node_mut(host).unwrap();
    floe_sim::Node::handle_datagram(node, now, to, from, &[128, 1, 2, 3]);
    assert_eq!(world.state(Side::A), IceState::Completed);
    while world.now() < seconds(40) {
        let now = world.simulation.now();
        let node = world.simulation.node_mut(host).unwrap();
        floe_sim::Node::handle_datagram(node, now, to, from, &[128, 1, 2, 3]);
        world.stream(A_ONLY, ms(100), world.now() + ms(100));
    }
    let failed = world.state_at(Side::A, IceState::Failed).unwrap();
    assert_eq!(failed, heard + seconds(30));
}

/// The latest requests of A and answers of B with their last byte changed, and with it gone.
fn forged(world: &World) -> Vec<Vec<u8>> {
    let log = world.simulation.network().log();
    let latest = |class| {
        let is = |payload: &&[u8]| Message::parse(payload).is_ok_and(|message| message.class() == class);
        log.iter().rev().map(|record| &record.payload[..]).find(is).unwrap().to_vec()
    };
    let mut forged = vec![latest(Class::Request), latest(Class::Success)];
    for payload in &mut forged {
        // Within MESSAGE-INTEGRITY, which stands before FINGERPRINT.
        let at = payload.len() - 12;
        payload[at] ^= 1;
    }
    forged
}

#[test]
fn of_two_components_one_that_is_silent_disconnects_and_is_named() {
    let mut world = completed(&Setup { streams: vec![2], ..setup() });
    world.stream(A_ONLY, ms(20), seconds(5));
    assert_eq!(world.state(Side::A), IceState::Completed);
    world.assert_paced(Side::A, ms(50));
    // Only component 2 sends on, and is not heard.
    world.run_to(seconds(6));
    world.cut_both(true);
    let rtcp = ComponentId::RTCP;
    let cut = world.now();
    while world.now() < cut + seconds(2) {
        assert!(world.send(Side::A, (STREAM, rtcp), b"data"));
        world.run_to(world.now() + ms(20));
    }
    let states = world.states(Side::A, cut);
    assert_eq!(states.len(), 1, "{states:?}");
    assert!(states[0].0 <= cut + VERDICT);
    assert_eq!((states[0].1, &states[0].2), (IceState::Disconnected, &silent(rtcp, VERDICT)));
    assert!(states[0].2.as_ref().unwrap().to_string().contains("on component 2 of s0"), "{states:?}");
}

#[test]
fn where_it_is_off_nobody_probes_and_only_consent_tells() {
    let mut world = completed(&Setup { liveness: false, ..setup() });
    let done = world.now();
    world.stream(A_ONLY, ms(20), seconds(10));
    assert_eq!(world.probes(Side::A, done, world.now()), 0);
    world.cut_both(true);
    let cut = world.now();
    world.stream(A_ONLY, ms(20), seconds(45));
    let states = world.states(Side::A, cut);
    assert!(states.iter().all(|(at, ..)| *at > cut + seconds(23)), "{states:?}");
    assert_eq!(world.state(Side::A), IceState::Failed);
}
