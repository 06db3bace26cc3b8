//! Relayed candidates, with a TURN server on the network: what is asked of it, and when.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use floe_core::{CandidateKind, ComponentId, Role, StreamId};
use floe_session::{Event, IceServer, IceState, RemoteDescription, Session, SessionConfig, StreamConfig};
use floe_sim::{Call, Fate, HostId, Nat, Record, Server, SessionNode, Simulation, World};
use floe_stun::{Class, Message, Method, TransactionId, attribute::XorMappedAddress};
use floe_turn::{Data, Lifetime, XorPeerAddress, method};

use crate::world::ms;

const STREAM: StreamId = StreamId(0);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Two agents and a server, which relays for those of the world that may. A controls.
struct Relayed {
    simulation: Simulation<SessionNode>,
    hosts: [HostId; 2],
    /// Where the server listens.
    server: SocketAddr,
    start: Instant,
}

/// Behind NATs of their own that only a relay gets across.
fn hard(seed: u64) -> World {
    let mut world = World::open(seed);
    world.core.delay = ms(20);
    for end in &mut world.ends {
        end[0].chain.push(Nat::symmetric([]).into());
    }
    world.turn = [true, false];
    world
}

fn kind(class: Class, method: Method) -> impl Fn(&Message<'_>) -> bool {
    move |message| message.class() == class && message.method() == method
}

impl Relayed {
    /// Both gather, and nothing is signalled yet.
    fn new(world: &World, configure: impl Fn(SessionConfig) -> SessionConfig) -> Self {
        #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
        let start = Instant::now();
        let built = world.build(start).unwrap();
        let (hosts, server) = (built.hosts, built.listen[0]);
        let mut simulation = Simulation::over(built.network);
        simulation.serve(built.server, Server::new(server, "floe.example").user("ann", "secret"));
        for (n, role) in [Role::Controlling, Role::Controlled].into_iter().enumerate() {
            let turn = if world.turn[n] {
                IceServer::turn(server, "ann", "secret")
            } else {
                IceServer::stun(server)
            };
            let config = SessionConfig::new([u8::try_from(n).unwrap(); 32]).role(role).servers([turn]);
            simulation.place(hosts[n], SessionNode::new(Session::new(configure(config))));
            let interfaces = simulation.network().host(hosts[n]).unwrap().interfaces().to_vec();
            simulation.node_mut(hosts[n]).unwrap().gather(start, &interfaces);
        }
        Self { simulation, hosts, server, start }
    }

    fn session(&self, end: usize) -> &Session {
        self.simulation.node(self.hosts[end]).unwrap().session()
    }

    /// One end learns of the other's description.
    fn describe_to(&mut self, end: usize) {
        let now = self.simulation.now();
        for stream in (0..).map(StreamId) {
            let Some(local) = self.session(1 - end).local(stream) else { return };
            let node = self.simulation.node_mut(self.hosts[end]).unwrap();
            let description = RemoteDescription::from(&local);
            node.drive(now, |session| session.set_remote(now, stream, description)).unwrap();
        }
    }

    /// Both learn of each other, and candidates trickle.
    fn begin(&mut self) {
        self.describe_to(0);
        self.describe_to(1);
    }

    fn run_to(&mut self, end: Duration) {
        let (call, end) = (Call { ends: self.hosts, delay: ms(10) }, self.start + end);
        call.run_while(&mut self.simulation, end, |_| true).unwrap();
        self.simulation.run_until(end).unwrap();
    }

    fn sent_by(&self, end: usize) -> impl Iterator<Item = &Record> {
        let host = self.hosts[end];
        self.simulation.network().log().iter().filter(move |record| record.sender == Some(host))
    }

    /// All STUN messages that an end sent to the server, in their order.
    fn to_server(&self, end: usize) -> Vec<(Duration, Message<'_>)> {
        let sent = self.sent_by(end).filter(|record| record.to == self.server);
        sent.filter_map(|record| Some((record.sent - self.start, Message::parse(&record.payload).ok()?)))
            .collect()
    }

    /// All that came from the server to an end, in the order of their arrival.
    fn sent_by_server(&self, end: usize) -> Vec<(Duration, Message<'_>)> {
        let host = self.hosts[end];
        let came = self.simulation.network().log().iter().filter(move |record| {
            record.from == self.server && record.arrival.is_some_and(|seen| seen.host == host)
        });
        let mut came: Vec<_> = came
            .filter_map(|record| match record.fate {
                Fate::Delivered { at } => Some((at - self.start, Message::parse(&record.payload).ok()?)),
                _ => None,
            })
            .collect();
        came.sort_by_key(|&(at, _)| at);
        came
    }

    /// When which address was let in, as the server said: each with the times of its answers.
    fn permissions(&self, end: usize) -> BTreeMap<IpAddr, Vec<Duration>> {
        let asked: BTreeMap<TransactionId, IpAddr> = self
            .to_server(end)
            .into_iter()
            .filter(|(_, message)| kind(Class::Request, method::CREATE_PERMISSION)(message))
            .map(|(_, message)| (message.transaction_id(), peer(&message).ip()))
            .collect();
        let mut granted = BTreeMap::<_, Vec<_>>::new();
        for (at, message) in self.sent_by_server(end) {
            if kind(Class::Success, method::CREATE_PERMISSION)(&message) {
                granted.entry(asked[&message.transaction_id()]).or_default().push(at);
            }
        }
        granted
    }

    fn times(&self, end: usize, is: impl Fn(&Message<'_>) -> bool) -> Vec<Duration> {
        self.to_server(end).into_iter().filter(|(_, message)| is(message)).map(|(at, _)| at).collect()
    }

    fn when(&self, end: usize, is: impl Fn(&Event) -> bool) -> Option<Duration> {
        let events = self.simulation.node(self.hosts[end]).unwrap().events();
        events.iter().find(|(_, event)| is(event)).map(|(at, _)| *at - self.start)
    }

    fn completed_at(&self, end: usize) -> Option<Duration> {
        self.when(end, |event| matches!(event, Event::State { state: IceState::Completed, .. }))
    }
}

fn peer(message: &Message<'_>) -> SocketAddr {
    message.attribute::<XorPeerAddress>().unwrap().unwrap().0
}

fn is_relayed(event: &Event) -> bool {
    matches!(event, Event::Selected { local, .. } if local.kind() == CandidateKind::Relayed)
}

#[test]
fn the_round_trip_of_a_relayed_check_does_not_hold_the_wait_for_its_permission() {
    let mut held = 0;
    for seed in 0..20 {
        let mut world = hard(seed);
        // Answers of the server get lost, too, and the wait for a permission takes seconds.
        world.core.loss = 0.2;
        let mut relayed = Relayed::new(&world, |config| config);
        relayed.begin();
        relayed.run_to(seconds(60));
        for (_, event) in relayed.simulation.node(relayed.hosts[0]).unwrap().events() {
            match event {
                Event::Valid { local, rtt: Some(rtt), .. } if local.kind() == CandidateKind::Relayed => {
                    // Four ways across the internet.
                    assert_eq!(*rtt, ms(80), "{seed}");
                    held += 1;
                }
                _ => {}
            }
        }
    }
    assert!(held >= 20, "{held}");
}

// proves: 8445-7.2.1-a
#[test]
fn nothing_goes_through_a_relay_before_the_server_has_let_its_address_in() {
    for seed in 0..20 {
        let mut world = hard(seed);
        // Answers of the server get lost, too.
        world.core.loss = 0.2;
        let mut call = Relayed::new(&world, |config| config);
        call.begin();
        call.run_to(seconds(60));
        assert!(call.when(0, is_relayed).is_some(), "seed {seed}");
        let granted = call.permissions(0);
        let sends: Vec<_> =
            call.to_server(0).into_iter().filter(|(_, m)| kind(Class::Indication, method::SEND)(m)).collect();
        assert!(sends.len() > 2, "seed {seed}");
        for (at, message) in sends {
            let ip = peer(&message).ip();
            let since = granted.get(&ip).and_then(|times| times.first());
            assert!(
                since.is_some_and(|since| *since <= at),
                "seed {seed}: to {ip} at {at:?}, in since {since:?}"
            );
        }
    }
}

// proves: 8445-7.2.1-a
#[test]
fn as_long_as_ice_runs_the_permission_is_renewed_before_its_300_s_are_over() {
    let mut call = Relayed::new(&hard(1), |config| config.patience(seconds(2_000)));
    // B says what it has and is never told of A, so that nothing concludes.
    call.describe_to(0);
    call.run_to(seconds(1_900));
    assert_eq!(call.session(0).state(), IceState::Checking);
    let granted = call.permissions(0);
    assert!(!granted.is_empty());
    for (ip, times) in &granted {
        assert!(times[0] < seconds(5), "{ip} {times:?}");
        assert!(times.windows(2).all(|two| two[1] - two[0] < seconds(300)), "{ip} {times:?}");
        assert!(seconds(1_900) - *times.last().unwrap() < seconds(300), "{ip} {times:?}");
    }
}

// proves: 8445-7.2.1-b, 8445-12.1-c
#[test]
fn the_channel_of_a_selected_relay_is_bound_when_ice_has_completed_and_not_before() {
    // The second stream is described late: the first is selected long before ICE has completed.
    let two =
        |config: SessionConfig| config.streams(vec![StreamConfig { components: 1 }; 2]).renomination(false);
    let mut call = Relayed::new(&hard(3), two);
    let now = call.simulation.now();
    for end in [0, 1] {
        let local = call.session(1 - end).local(STREAM).unwrap();
        let node = call.simulation.node_mut(call.hosts[end]).unwrap();
        node.drive(now, |session| session.set_remote(now, STREAM, RemoteDescription::from(&local))).unwrap();
    }
    call.run_to(seconds(10));
    let selected = call.when(0, is_relayed).unwrap();
    let bind = kind(Class::Request, method::CHANNEL_BIND);
    assert_eq!((call.completed_at(0), call.times(0, &bind)), (None, vec![]), "selected at {selected:?}");
    call.begin();
    call.run_to(seconds(20));
    let (completed, bound) = (call.completed_at(0).unwrap(), call.times(0, &bind));
    assert!(completed > selected + seconds(5));
    let late = |at: &Duration| *at < completed || *at > completed + ms(200);
    assert!(bound.len() >= 2 && !bound.iter().any(late), "{bound:?} after {completed:?}");

    // From then on data has a header of four bytes, and no indication.
    let (now, host) = (call.simulation.now(), call.hosts[0]);
    assert!(call.simulation.node_mut(host).unwrap().send(now, STREAM, ComponentId::RTP, b"hello"));
    call.run_to(seconds(21));
    let data = call.sent_by(0).filter(|record| record.sent >= now && record.payload.ends_with(b"hello"));
    let headers: Vec<_> = data.map(|record| (record.payload[0] & 0xc0, record.payload.len())).collect();
    assert_eq!(headers, [(0x40, 9)]);
    let got = &call.simulation.node(call.hosts[1]).unwrap().data()[0];
    assert_eq!(&got.payload[..], b"hello");
}

#[test]
fn a_peer_is_let_in_no_longer_where_data_has_moved_away_from_it() {
    let mut world = hard(5);
    let other = world.ends[1][0].clone();
    world.ends[1].push(other);
    let mut call = Relayed::new(&world, |config| config);
    call.begin();
    call.run_to(seconds(30));
    let remote = |call: &Relayed| {
        let events = call.simulation.node(call.hosts[0]).unwrap().events();
        let selected = events.iter().rev().find_map(|(at, event)| match event {
            Event::Selected { remote, .. } => Some((*at - call.start, remote.socket_addr().unwrap().ip())),
            _ => None,
        });
        selected.unwrap()
    };
    let (_, before) = remote(&call);
    // The peer loses the interface in use.
    let now = call.simulation.now();
    let interfaces = call.simulation.network().host(call.hosts[1]).unwrap().interfaces().to_vec();
    let node = call.simulation.node_mut(call.hosts[1]).unwrap();
    node.drive(now, |session| session.handle_interfaces(now, &interfaces[1..]));
    call.run_to(seconds(1_000));
    let (moved, after) = remote(&call);
    assert!(after != before && moved > seconds(30), "{before} {after} {moved:?}");
    // A channel renews the permission as well.
    let asks = |ip: IpAddr| {
        let methods = [method::CREATE_PERMISSION, method::CHANNEL_BIND];
        call.times(0, |m| m.class() == Class::Request && methods.contains(&m.method()) && peer(m).ip() == ip)
    };
    let (before, after) = (asks(before), asks(after));
    assert!(after.last().unwrap() > &seconds(700), "{after:?}");
    // The pair there has a last check, of 39.5 s.
    assert!(before.last().unwrap() < &(moved + seconds(60)), "{before:?} after {moved:?}");
}

#[test]
fn a_peer_that_nothing_leads_to_is_let_in_no_longer_once_ice_has_completed() {
    let mut world = hard(6);
    let other = world.ends[1][0].clone();
    world.ends[1].push(other);
    let mut call = Relayed::new(&world, |config| config.renomination(false));
    call.begin();
    call.run_to(seconds(300));
    let completed = call.completed_at(0).unwrap();
    let mut last = BTreeMap::new();
    for (at, message) in call.to_server(0) {
        if kind(Class::Request, method::CREATE_PERMISSION)(&message) {
            last.insert(peer(&message).ip(), at);
        }
    }
    // The one in use has a channel, which renews its permission.
    assert!(last.len() >= 2, "{last:?}");
    assert!(last.values().all(|at| *at < completed + seconds(30)), "{last:?}, completed at {completed:?}");
}

// proves: 8445-7.3.1.2-a
#[test]
fn a_check_through_a_relay_is_answered_with_the_address_that_the_relay_saw_it_come_from() {
    let mut call = Relayed::new(&hard(4), |config| config);
    call.begin();
    call.run_to(seconds(10));
    // The checks as the server brought them, and where from.
    let mut checks = BTreeMap::new();
    for (_, message) in call.sent_by_server(0) {
        let data = message.attribute::<Data<'_>>().unwrap();
        let check = data.and_then(|data| Message::parse(data.0).ok());
        if let Some(check) = check.filter(kind(Class::Request, Method::BINDING)) {
            checks.insert(check.transaction_id(), peer(&message));
        }
    }
    let mut answers = 0;
    for (_, message) in call.to_server(0) {
        let data = message.attribute::<Data<'_>>().unwrap();
        let answer = data.and_then(|data| Message::parse(data.0).ok());
        let Some(answer) = answer.filter(kind(Class::Success, Method::BINDING)) else { continue };
        let mapped = answer.attribute::<XorMappedAddress>().unwrap().unwrap().0;
        let from = checks[&answer.transaction_id()];
        assert_eq!((mapped, peer(&message)), (from, from));
        assert_ne!(from.ip(), call.server.ip());
        answers += 1;
    }
    assert!(answers > 0);
}

fn is_deletion(message: &Message<'_>) -> bool {
    kind(Class::Request, method::REFRESH)(message)
        && message.attribute::<Lifetime>().unwrap().is_some_and(|lifetime| lifetime.duration().is_zero())
}

// proves: 8445-8.3.1-b
#[test]
fn a_relay_that_was_not_selected_is_given_back_and_one_that_was_is_kept_with_its_socket() {
    // On the open internet nobody needs the relays.
    let mut world = World::open(5);
    (world.core.delay, world.turn) = (ms(20), [true, true]);
    let mut call = Relayed::new(&world, |config| config.renomination(false));
    call.begin();
    call.run_to(seconds(10));
    for end in [0, 1] {
        let completed = call.completed_at(end).unwrap();
        let deleted = call.times(end, is_deletion);
        assert_eq!(deleted, [completed + seconds(3)], "end {end}");
        // And the server has heard it.
        let last =
            call.sent_by_server(end).into_iter().rfind(|(_, m)| m.method() == method::REFRESH).unwrap();
        assert!(last.1.class() == Class::Success && last.0 > deleted[0]);
    }
    // Behind hard NATs one is needed, and the socket that it is reached by.
    let mut call = Relayed::new(&hard(6), |config| config.renomination(false));
    call.begin();
    call.run_to(seconds(60));
    assert!(call.when(0, is_relayed).is_some() && call.completed_at(0).is_some());
    assert_eq!(call.times(0, is_deletion), []);
    let (now, host) = (call.simulation.now(), call.hosts[1]);
    assert!(call.simulation.node_mut(host).unwrap().send(now, STREAM, ComponentId::RTP, b"hello"));
    call.run_to(seconds(61));
    assert_eq!(call.simulation.node(call.hosts[0]).unwrap().data().len(), 1);
}

#[test]
fn the_socket_that_a_relay_in_use_is_reached_by_stays_where_the_peer_restarts_without_its_component() {
    let mut call = Relayed::new(&hard(7), |mut config| {
        config.streams = vec![StreamConfig { components: 2 }];
        config
    });
    call.begin();
    call.run_to(seconds(10));
    let route = |call: &Relayed| call.session(0).route(STREAM, ComponentId::RTCP);
    let before = route(&call).unwrap();
    assert!(before.relay.is_some());
    let credentials = floe_core::Credentials::new("strange", "a/password/of/a/stranger").unwrap();
    let (now, description) = (call.simulation.now(), RemoteDescription::new(credentials).components(Some(1)));
    let node = call.simulation.node_mut(call.hosts[0]).unwrap();
    node.drive(now, |session| session.set_remote(now, STREAM, description)).unwrap();
    call.run_to(seconds(11));
    assert_eq!(route(&call), Some(before));
}
