//! The client against a real server library, turn-server-proto, in virtual time.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests need a first instant; their helpers may panic too"
)]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::BaseId;
use floe_sim::{Action, BindError, Bursts, Host, HostId, Link, Nat, Node, Realm, Server, Simulation};
use floe_stun::RetransmitPolicy;
use floe_turn::{Client, ClientConfig, Event, Handled, RequestError, SendError, Sent};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

const SERVER: &str = "192.0.2.1:3478";
const CLIENT: &str = "192.0.2.2:5000";
const PEER: &str = "198.51.100.1:6000";
/// Ta.
const PACE: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_secs(3600);

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A client on a host, with a slot every 50 ms.
#[derive(Debug)]
struct Relayed {
    client: Client,
    slot_at: Instant,
    actions: VecDeque<Action>,
    events: Vec<Event>,
    data: Vec<(SocketAddr, Vec<u8>)>,
}

impl Relayed {
    fn new(now: Instant, password: &str, seed: u64, retransmit: RetransmitPolicy) -> Self {
        let config = ClientConfig::new(BaseId(0), at(SERVER), "ann", password).retransmit(retransmit);
        let client = Client::start(now, config, ChaCha20Rng::seed_from_u64(seed)).unwrap();
        let (actions, events, data) = Default::default();
        Self { client, slot_at: now, actions, events, data }
    }

    fn pump(&mut self, now: Instant) {
        if self.client.has_next() && self.slot_at <= now {
            if let Some(transmit) = self.client.start_next(now) {
                self.send(transmit.to, transmit.payload.to_vec());
            }
            self.slot_at = now + PACE;
        }
        while let Some(transmit) = self.client.poll_transmit() {
            self.send(transmit.to, transmit.payload.to_vec());
        }
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    fn send(&mut self, to: SocketAddr, payload: Vec<u8>) {
        self.actions.push_back(Action::Send { from: at(CLIENT), to, payload: payload.into() });
    }
}

/// A host of the test.
#[derive(Debug)]
enum Machine {
    Server(Box<Server>),
    Client(Box<Relayed>),
    Peer(Vec<(SocketAddr, Vec<u8>)>),
}

impl Node for Machine {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        match self {
            Self::Server(server) => server.handle_datagram(now, local, from, payload),
            Self::Client(relayed) => {
                if let Handled::Data { peer, payload } = relayed.client.handle(now, from, payload) {
                    relayed.data.push((peer, payload.to_vec()));
                }
                relayed.pump(now);
            }
            Self::Peer(inbox) => inbox.push((from, payload.to_vec())),
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        match self {
            Self::Server(server) => server.poll_action(),
            Self::Client(relayed) => relayed.actions.pop_front(),
            Self::Peer(_) => None,
        }
    }

    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        if let Self::Server(server) = self {
            server.handle_bound(now, tag, result);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Server(server) => server.poll_timeout(),
            Self::Client(relayed) => {
                let slot = relayed.client.has_next().then_some(relayed.slot_at);
                slot.into_iter().chain(relayed.client.poll_timeout()).min()
            }
            Self::Peer(_) => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Server(server) => server.handle_timeout(now),
            Self::Client(relayed) => {
                relayed.client.handle_timeout(now);
                relayed.pump(now);
            }
            Self::Peer(_) => {}
        }
    }
}

struct Lab {
    simulation: Simulation<Machine>,
    start: Instant,
    client: HostId,
    server: HostId,
    peer: HostId,
}

impl Lab {
    fn new(password: &str, loss: f64, nonce_lifetime: Duration) -> Self {
        let link = Link::new(Duration::from_millis(20)).loss(loss);
        Self::with(password, link, nonce_lifetime, 1, RetransmitPolicy::default())
    }

    fn with(
        password: &str,
        link: Link,
        nonce_lifetime: Duration,
        seed: u64,
        retransmit: RetransmitPolicy,
    ) -> Self {
        let mut lab = Self::within(password, None, nonce_lifetime, seed, retransmit);
        lab.simulation.network_mut().connect(lab.client, lab.server, link);
        lab
    }

    fn within(
        password: &str,
        nat: Option<Nat>,
        nonce_lifetime: Duration,
        seed: u64,
        retransmit: RetransmitPolicy,
    ) -> Self {
        let start = Instant::now();
        let mut simulation = Simulation::new(start, seed);
        let realm = nat
            .map_or(Realm::INTERNET, |nat| simulation.network_mut().add_realm(Realm::INTERNET, nat).unwrap());
        let server =
            Server::new(at(SERVER), "floe.example").user("ann", "secret").nonce_lifetime(nonce_lifetime);
        let mut add = |realm, address: &str, machine| {
            simulation.add(Host::new().within(realm).address(at(address).ip()), machine).unwrap()
        };
        let server = add(Realm::INTERNET, SERVER, Machine::Server(Box::new(server)));
        let client =
            add(realm, CLIENT, Machine::Client(Box::new(Relayed::new(start, password, seed, retransmit))));
        let peer = add(Realm::INTERNET, PEER, Machine::Peer(Vec::new()));
        simulation.network_mut().bind(client, at(CLIENT)).unwrap();
        simulation.network_mut().bind(peer, at(PEER)).unwrap();
        Self { simulation, start, client, server, peer }
    }

    fn run(&mut self, time: Duration) {
        self.simulation.run_for(time).unwrap();
    }

    fn now(&self) -> Instant {
        self.start + self.simulation.elapsed()
    }

    fn relayed(&mut self) -> &mut Relayed {
        match self.simulation.node_mut(self.client).unwrap() {
            Machine::Client(relayed) => relayed,
            other => panic!("{other:?}"),
        }
    }

    /// Does something with the client, and carries out what follows.
    fn drive<R>(&mut self, command: impl FnOnce(&mut Client, Instant) -> R) -> R {
        let now = self.now();
        let relayed = self.relayed();
        let result = command(&mut relayed.client, now);
        relayed.pump(now);
        result
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.relayed().events)
    }

    /// What the server relays from.
    fn relays(&self) -> Vec<SocketAddr> {
        match self.simulation.node(self.server).unwrap() {
            Machine::Server(server) => server.relayed().collect(),
            other => panic!("{other:?}"),
        }
    }

    fn peer_inbox(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        match self.simulation.node_mut(self.peer).unwrap() {
            Machine::Peer(inbox) => std::mem::take(inbox),
            other => panic!("{other:?}"),
        }
    }

    /// Sends both ways and expects both to arrive.
    fn assert_data_flows(&mut self, text: &'static str) {
        let relayed = self.relays()[0];
        assert_eq!(self.drive(|client, now| client.send(now, at(PEER), text.as_bytes())), Ok(Sent::Relayed));
        self.simulation.network_mut().send(at(PEER), relayed, text.into());
        self.run(Duration::from_secs(1));
        assert_eq!(self.peer_inbox(), [(relayed, text.as_bytes().to_vec())]);
        let data = std::mem::take(&mut self.relayed().data);
        assert_eq!(data, [(at(PEER), text.as_bytes().to_vec())]);
    }
}

#[test]
fn a_day_of_an_allocation_from_challenge_to_close() {
    let mut lab = Lab::new("secret", 0.0, HOUR);
    lab.run(Duration::from_secs(1));
    let relayed = lab.relays()[0];
    let events = lab.events();
    let [Event::Allocated(relay)] = events[..] else {
        panic!("{events:?} {:?}", lab.relayed().client.dropped())
    };
    assert_eq!((relay.relayed, relay.mapped), (relayed, Some(at(CLIENT))));

    // A check that is sent before the permission waits for it.
    let sent = lab.drive(|client, now| client.send(now, at(PEER), b"check"));
    assert_eq!(sent, Ok(Sent::Held));
    lab.run(Duration::from_secs(1));
    assert_eq!(lab.events(), [Event::Permitted { ip: at(PEER).ip() }]);
    assert_eq!(lab.peer_inbox(), [(relayed, b"check".to_vec())]);
    lab.assert_data_flows("by indication");

    lab.drive(|client, now| client.bind_channel(now, at(PEER))).unwrap();
    lab.run(Duration::from_secs(1));
    assert!(matches!(lab.events()[..], [Event::ChannelBound { .. }]));
    assert!(lab.relayed().client.channel(at(PEER)).is_some());
    for _ in 0..24 {
        lab.assert_data_flows("by channel");
        lab.run(HOUR);
        assert_eq!(lab.events(), [], "nothing but renewals");
    }
    lab.assert_data_flows("a day later");
    assert_eq!(lab.relays(), [relayed]);
    assert_eq!(lab.relayed().client.dropped().len(), 0);

    lab.drive(Client::close);
    lab.run(Duration::from_secs(1));
    assert!(lab.relayed().client.is_closed());
    assert!(lab.relays().is_empty());
    assert_eq!(lab.relayed().client.poll_timeout(), None);
    assert_eq!(lab.drive(|client, now| client.send(now, at(PEER), b"x")), Err(SendError::NotAllocated));
}

/// The same host, on a port that has no channel.
const UNBOUND: &str = "198.51.100.1:6001";

#[test]
fn a_stream_of_a_day_over_short_nonces_loses_nothing_either_way() {
    // A nonce of two minutes is stale before every renewal.
    let mut lab = Lab::new("secret", 0.0, Duration::from_secs(120));
    lab.simulation.network_mut().bind(lab.peer, at(UNBOUND)).unwrap();
    lab.run(Duration::from_secs(1));
    let relayed = lab.relays()[0];
    lab.drive(|client, now| client.bind_channel(now, at(PEER))).unwrap();
    lab.run(Duration::from_secs(1));
    let by_channel = |lab: &mut Lab| lab.relayed().client.prefix(at(PEER)).unwrap().channel().is_some();
    assert!(by_channel(&mut lab));
    lab.events();
    for second in 0_u32..24 * 3600 {
        // Now by the channel, now by indications, which only the permission lets through.
        let peer = at(if second.is_multiple_of(2) { PEER } else { UNBOUND });
        let payload = second.to_be_bytes();
        assert_eq!(lab.drive(|client, now| client.send(now, peer, &payload)), Ok(Sent::Relayed));
        lab.simulation.network_mut().send(peer, relayed, payload.to_vec().into());
        lab.run(Duration::from_secs(1));
        assert_eq!(lab.peer_inbox(), [(relayed, payload.to_vec())], "{second} s");
        assert_eq!(std::mem::take(&mut lab.relayed().data), [(peer, payload.to_vec())], "{second} s");
    }
    assert!(by_channel(&mut lab));
    assert_eq!((lab.events(), lab.relays()), (vec![], vec![relayed]), "nothing but renewals");
    assert_eq!(lab.relayed().client.dropped().len(), 0);
}

#[test]
fn an_allocation_survives_an_hour_of_lost_datagrams_and_short_nonces() {
    let mut lab = Lab::new("secret", 0.2, Duration::from_secs(300));
    lab.run(Duration::from_secs(30));
    let relayed = lab.relays()[0];
    lab.drive(|client, now| client.bind_channel(now, at(PEER))).unwrap();
    lab.run(Duration::from_secs(30));
    lab.events();
    lab.run(HOUR);
    assert_eq!((lab.events(), lab.relays()), (vec![], vec![relayed]));
    let relayed = lab.relayed();
    assert!(relayed.client.is_permitted(at(PEER).ip()) && relayed.client.channel(at(PEER)).is_some());
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again() {
    let mut lab = Lab::new("guess", 0.0, HOUR);
    lab.run(Duration::from_secs(1));
    let events = lab.events();
    let [Event::AllocateFailed(RequestError::Refused(_))] = events[..] else { panic!("{events:?}") };
    assert!(lab.relays().is_empty() && lab.relayed().client.is_closed());
}

// proves: 8445-11-a
#[test]
fn an_idle_relay_outlives_a_nat_that_forgets_in_thirty_seconds() {
    let nat =
        Nat::symmetric([at("203.0.113.1:0").ip()]).timeout(Duration::from_secs(30)).inbound_refreshes(false);
    let mut lab = Lab::within("secret", Some(nat), HOUR, 1, RetransmitPolicy::default());
    lab.run(Duration::from_secs(1));
    assert!(matches!(lab.events()[..], [Event::Allocated(_)]));
    lab.drive(|client, now| client.permit(now, at(PEER).ip())).unwrap();
    lab.run(Duration::from_secs(1));
    lab.events();
    for _ in 0..24 {
        lab.run(HOUR);
        assert_eq!(lab.events(), [], "nothing is lost");
        lab.assert_data_flows("still here");
    }
}

/// A link of 20 ms each way, give or take 5.
fn link() -> Link {
    Link::new(Duration::from_millis(20)).jitter(Duration::from_millis(5))
}

#[test]
fn whichever_datagrams_are_lost_there_is_an_allocation_in_the_end() {
    // So many repetitions that none of a thousand requests is lost with all of them.
    let patient = RetransmitPolicy::default().rc(16).steady(16);
    for seed in 0..300 {
        let mut lab = Lab::with("secret", link().loss(0.3), HOUR, seed, patient);
        lab.run(Duration::from_secs(120));
        let events = lab.events();
        let [Event::Allocated(relay)] = events[..] else { panic!("seed {seed}: {events:?}") };
        assert_eq!(lab.relays(), [relay.relayed], "seed {seed}: nothing is left over");
    }
}

#[test]
fn an_allocation_of_the_usual_patience_fails_by_silence_only() {
    for seed in 0..300 {
        let mut lab = Lab::with("secret", link().loss(0.3), HOUR, seed, RetransmitPolicy::default());
        lab.run(Duration::from_secs(240));
        let events = lab.events();
        let ok = matches!(events[..], [Event::Allocated(_) | Event::AllocateFailed(RequestError::TimedOut)]);
        assert!(ok, "seed {seed}: {events:?}");
    }
}

/// Half an hour on links that lose, over many seeds: nothing that was granted is lost.
fn assert_all_is_kept(name: &str, link: Link) {
    for seed in 0..200 {
        let mut lab = Lab::with("secret", link, Duration::from_secs(300), seed, RetransmitPolicy::default());
        lab.run(Duration::from_secs(60));
        let events = lab.events();
        assert!(matches!(events[..], [Event::Allocated(_)]), "{name}, seed {seed}: {events:?}");
        let relayed = lab.relays();
        lab.drive(|client, now| client.bind_channel(now, at(PEER))).unwrap();
        lab.run(Duration::from_secs(60));
        let events = lab.events();
        let ok = matches!(events[..], [Event::Permitted { .. }, Event::ChannelBound { .. }]);
        assert!(ok, "{name}, seed {seed}: {events:?}");
        lab.run(HOUR / 2);
        assert_eq!((lab.events(), lab.relays()), (vec![], relayed), "{name}, seed {seed}");
        let relayed = lab.relayed();
        assert!(relayed.client.is_permitted(at(PEER).ip()) && relayed.client.channel(at(PEER)).is_some());
    }
}

#[test]
fn nothing_is_lost_where_one_datagram_in_ten_is() {
    assert_all_is_kept("10 %", link().loss(0.1));
}

#[test]
fn nothing_is_lost_where_the_link_is_bad_for_a_second_in_twenty() {
    assert_all_is_kept("bursts", link().bursts(Bursts::timed(0.05, Duration::from_secs(1))));
}
