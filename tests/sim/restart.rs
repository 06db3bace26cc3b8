//! ICE restart under load: a datagram every 20 ms either way for ten minutes, and a restart every 10 s. None is lost to a
//! restart, whatever the path.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use floe_core::{ComponentId, StreamId};
use floe_session::{Event, IceState};
use floe_sim::{Firewall, Gateway, Host, Link, Nat, PathClass};

use crate::{
    served,
    world::{SIDES, Side, World, ms},
};

const STREAM: StreamId = StreamId(0);
const RTP: ComponentId = ComponentId::RTP;
const SECOND: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_secs(600);

/// Two that talk.
struct Talk {
    world: World,
    /// How long signalling takes.
    signalling: Duration,
    /// When each side sent what; and when it could not.
    sent: [Vec<Duration>; 2],
    mute: [Vec<Duration>; 2],
    restarts: usize,
}

impl Talk {
    /// Both behind these gateways, RTT 50 ms and some jitter, completed.
    fn new(gateways: [Option<Gateway>; 2], signalling: Duration) -> (Self, PathClass) {
        let mut internet = served::internet(7, gateways);
        internet.core = Link::new(ms(20)).jitter(ms(10));
        let (mut world, best) = served::world(&internet);
        assert!(world.complete(SECOND * 30));
        // The moves to better paths, if any, are over.
        world.run_to(SECOND * 30);
        let talk =
            Self { world, signalling, sent: Default::default(), mute: Default::default(), restarts: 0 };
        (talk, best.unwrap())
    }

    fn now(&self) -> Duration {
        self.world.since_start(self.world.simulation.now())
    }

    /// Both send every 20 ms, for so long.
    fn talk(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            let now = self.now();
            for side in SIDES {
                let payload = self.sent[side as usize].len().to_string();
                if self.world.send(side, (STREAM, RTP), payload.as_bytes()) {
                    self.sent[side as usize].push(now);
                } else {
                    self.mute[side as usize].push(now);
                }
            }
            self.run_to(now + ms(20));
        }
    }

    fn run_to(&mut self, end: Duration) {
        self.world.run(self.signalling, end, |_| false);
        let end = self.world.at(end);
        self.world.simulation.run_until(end).unwrap();
    }

    fn restart(&mut self, side: Side) {
        self.restarts += 1;
        let (now, host) = (self.world.simulation.now(), self.world.host(side));
        self.world.simulation.node_mut(host).unwrap().drive(now, |session| session.restart(now));
    }

    /// A host has these addresses from now on, and its session hears of it.
    fn readdress(&mut self, side: Side, addresses: &[IpAddr]) {
        let host = addresses
            .iter()
            .enumerate()
            .fold(Host::new(), |host, (number, &ip)| host.interface(format!("{ip}/{number}")).address(ip));
        self.world.replace_host(side, host);
    }

    fn address(&self, side: Side) -> IpAddr {
        let host = self.world.simulation.network().host(self.world.host(side)).unwrap();
        host.interfaces().last().unwrap().addresses[0].ip
    }

    /// What this side sent and what never came: its number, and when it was sent. Whatever came, came once.
    fn missing(&self, from: Side) -> Vec<(usize, Duration)> {
        let mut came = BTreeMap::<usize, usize>::new();
        for data in self.world.node(from.other()).data() {
            let number = std::str::from_utf8(&data.payload).unwrap().parse().unwrap();
            *came.entry(number).or_default() += 1;
        }
        assert!(came.values().all(|&times| times == 1), "{from:?}: something came twice");
        let sent = self.sent[from as usize].iter().copied().enumerate();
        sent.filter(|(number, _)| !came.contains_key(number)).collect()
    }

    /// Each restart was one of both sides, and led to a pair of its own.
    fn assert_restarted(&self) {
        for side in SIDES {
            let is_restart = |event: &Event| matches!(event, Event::Restarted { .. });
            let restarts = self.world.events(side).filter(|(_, event)| is_restart(event)).count();
            assert_eq!(restarts, self.restarts, "{side:?}");
            assert!(self.world.selections(side, (STREAM, RTP)).len() > self.restarts, "{side:?}");
            assert_eq!(self.world.session(side).state(), IceState::Completed, "{side:?}");
        }
    }
}

/// Talks for ten minutes with a restart every 10 s, by the sides in turn; each datagram arrives, once.
fn restarts_lose_nothing(gateways: [Option<Gateway>; 2], signalling: Duration, class: PathClass) {
    let (mut talk, best) = Talk::new(gateways, signalling);
    assert_eq!(best, class);
    for side in SIDES.into_iter().cycle().take(60) {
        talk.talk(TALK / 60);
        talk.restart(side);
    }
    talk.talk(SECOND * 10);
    talk.run_to(talk.now() + SECOND);
    for side in SIDES {
        assert_eq!(talk.mute[side as usize], [], "{side:?} could not send");
        assert_eq!(talk.sent[side as usize].len(), 50 * 610);
        assert_eq!(talk.missing(side), [], "{side:?}");
    }
    talk.assert_restarted();
}

/// How long signalling takes.
const SIGNALLING: [Duration; 2] = [ms(25), ms(2_000)];

fn server_only() -> Option<Gateway> {
    // The port of the server, and not those of its relays.
    Some(Firewall::to_ports([3_478]).into())
}

#[test]
fn on_the_open_internet_a_restart_every_10_s_loses_no_datagram() {
    for signalling in SIGNALLING {
        restarts_lose_nothing([None, None], signalling, PathClass::Direct);
    }
}

#[test]
fn over_a_relay_a_restart_every_10_s_loses_no_datagram() {
    for signalling in SIGNALLING {
        restarts_lose_nothing([server_only(), server_only()], signalling, PathClass::Relayed);
    }
}

#[test]
fn behind_nats_a_restart_every_10_s_loses_no_datagram() {
    use floe_sim::Dependence::{Address, AddressAndPort, EndpointIndependent};
    let cone = |filtering| Some(Nat::new([]).behaving(EndpointIndependent, filtering).into());
    let symmetric = || Some(Nat::symmetric([]).into());
    for signalling in SIGNALLING {
        restarts_lose_nothing([cone(AddressAndPort), cone(AddressAndPort)], signalling, PathClass::Reflexive);
        restarts_lose_nothing([symmetric(), cone(Address)], signalling, PathClass::Reflexive);
        restarts_lose_nothing([symmetric(), symmetric()], signalling, PathClass::Relayed);
    }
}

/// A new address for a side.
fn address(side: Side, number: u8) -> IpAddr {
    IpAddr::from([203, 0, 113 - side as u8, number])
}

/// All that a side missed was sent to an address that it had no more, and until so long after that had gone. So long at most
/// it could not send itself, and nothing else.
fn assert_only_sent_to_the_dead(talk: &Talk, side: Side, gone: &[(Duration, IpAddr)], bounds: [Duration; 2]) {
    let [deaf, mute] = bounds;
    let within = |at: Duration, after: Duration, bound: Duration| at >= after && at <= after + bound;
    let peer = talk.world.host(side.other());
    let log = talk.world.simulation.network().log();
    let to: BTreeMap<_, _> = log
        .iter()
        .filter(|record| record.sender == Some(peer))
        .map(|record| ((talk.world.since_start(record.sent), record.payload.clone()), record.to.ip()))
        .collect();
    for (number, at) in talk.missing(side.other()) {
        let address = to.get(&(at, number.to_string().into()));
        let known = gone.iter().any(|&(gone, dead)| {
            // What was sent up to 30 ms before was on its way.
            address == Some(&dead) && within(at, gone - ms(30), deaf + ms(30))
        });
        assert!(known, "{side:?} missed {number} of {at:?} to {address:?}, and lost {gone:?}");
    }
    for &at in &talk.mute[side as usize] {
        let known = gone.iter().any(|&(gone, _)| within(at, gone, mute));
        assert!(known, "{side:?} could not send at {at:?}");
    }
}

/// Every 10 s, by the sides in turn, an interface comes and the session restarts; 5 s later the former one goes.
#[test]
fn of_an_interface_that_goes_while_another_is_there_only_what_was_sent_to_it_is_lost() {
    for signalling in SIGNALLING {
        let (mut talk, _) = Talk::new([None, None], signalling);
        let mut gone = [Vec::new(), Vec::new()];
        for (side, number) in SIDES.into_iter().cycle().zip(1..=60) {
            talk.talk(SECOND * 5);
            let (former, next) = (talk.address(side), address(side, number));
            talk.readdress(side, &[former, next]);
            talk.restart(side);
            talk.talk(SECOND * 5);
            talk.readdress(side, &[next]);
            gone[side as usize].push((talk.now(), former));
        }
        talk.talk(SECOND * 10);
        talk.run_to(talk.now() + SECOND);
        // The controlling side nominates another pair with its next slot, in Ta at most, and the peer hears of it within
        // 30 ms. That a socket of the controlled one is gone the controlling one finds out by requests that are not
        // answered.
        for (side, deaf) in SIDES.into_iter().zip([ms(80), SECOND * 8]) {
            assert_only_sent_to_the_dead(&talk, side, &gone[side as usize], [deaf, Duration::ZERO]);
            assert_eq!(talk.mute[side as usize], [], "{side:?}");
        }
        talk.assert_restarted();
    }
}

/// Every 10 s, by the sides in turn, another interface takes the place of the only one, and the session restarts.
#[test]
fn of_an_interface_that_another_takes_the_place_of_only_what_was_sent_to_it_is_lost() {
    for signalling in SIGNALLING {
        let (mut talk, _) = Talk::new([None, None], signalling);
        let mut gone = [Vec::new(), Vec::new()];
        for (side, number) in SIDES.into_iter().cycle().zip(1..=60) {
            talk.talk(SECOND * 10);
            let former = talk.address(side);
            talk.readdress(side, &[address(side, number)]);
            gone[side as usize].push((talk.now(), former));
            talk.restart(side);
        }
        talk.talk(SECOND * 10);
        talk.run_to(talk.now() + SECOND);
        // The controlling side checks and nominates once it knows the credentials of the peer: where it restarts itself
        // that takes the way there and back.
        for (side, hops) in SIDES.into_iter().zip([2, 1]) {
            // Beside it the server has its slots: an allocation that is half done before any check.
            let deaf = signalling * hops + ms(300);
            let mute = signalling * 2 + ms(300);
            assert_only_sent_to_the_dead(&talk, side, &gone[side as usize], [deaf, mute]);
        }
        talk.assert_restarted();
    }
}
