//! Two hosts with one session each, and what can be read off them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use floe_core::{Candidate, ComponentId, Role, StreamId, address};
use floe_session::{
    Event, IceServer, IceState, Nomination, RemoteDescription, Session, SessionConfig, StreamConfig, Why,
};
use floe_sim::{Call, Host, HostId, Link, SessionNode, Simulation};

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One of the two agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

pub(crate) const SIDES: [Side; 2] = [Side::A, Side::B];

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// How a world is made. Both sides are alike but for their roles and addresses.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) roles: [Role; 2],
    pub(crate) addresses: [Vec<IpAddr>; 2],
    /// The components of each stream.
    pub(crate) streams: Vec<u16>,
    pub(crate) nomination: Nomination,
    pub(crate) ta: [Duration; 2],
    pub(crate) link: Link,
    pub(crate) patience: Duration,
    pub(crate) consent: bool,
    pub(crate) keepalive: Duration,
    pub(crate) lite: [bool; 2],
    pub(crate) renomination: [bool; 2],
    pub(crate) liveness: bool,
    pub(crate) servers: Vec<IceServer>,
}

impl Setup {
    /// Host candidates of these numbers, a link of this round trip; A controls.
    pub(crate) fn new(candidates: [u8; 2], round_trip: Duration) -> Self {
        let v4 = |net: u8, count: u8| (1..=count).map(|host| IpAddr::from([10, net, 0, host])).collect();
        Self {
            seed: 1,
            roles: [Role::Controlling, Role::Controlled],
            addresses: [v4(1, candidates[0]), v4(2, candidates[1])],
            streams: vec![1],
            nomination: Nomination::Eager,
            ta: [ms(50); 2],
            link: Link::new(round_trip / 2),
            patience: ms(39_500),
            consent: true,
            keepalive: ms(15_000),
            lite: [false; 2],
            renomination: [true; 2],
            liveness: true,
            servers: Vec::new(),
        }
    }

    pub(crate) fn world(&self) -> World {
        World::new(self)
    }

    /// A world in which both sides have all candidates and the description of the other from the start.
    pub(crate) fn described(&self) -> World {
        let mut world = self.world();
        world.describe_all();
        world
    }
}

/// The two agents. Time counts from the start.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) simulation: Simulation<SessionNode>,
    hosts: [HostId; 2],
    start: Instant,
    components: Vec<(StreamId, ComponentId)>,
}

/// The two sessions, while the simulation runs.
pub(crate) struct Ends<'a> {
    simulation: &'a Simulation<SessionNode>,
    hosts: [HostId; 2],
}

impl Ends<'_> {
    pub(crate) fn state(&self, side: Side) -> IceState {
        self.simulation.node(self.hosts[side as usize]).unwrap().session().state()
    }
}

/// A selected pair, as the session told it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selected {
    pub(crate) at: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) ends: [SocketAddr; 2],
    pub(crate) why: Why,
}

impl World {
    /// The hosts with their sockets bound and all candidates gathered; nothing is signalled yet.
    fn new(setup: &Setup) -> Self {
        #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
        let start = Instant::now();
        let mut simulation = Simulation::new(start, setup.seed);
        let hosts = SIDES.map(|side| {
            let addresses = &setup.addresses[side as usize];
            let host = addresses.iter().fold(Host::new(), |host, &ip| host.address(ip));
            let interfaces = host.interfaces().to_vec();
            let node = SessionNode::new(Session::new(config(setup, side)));
            let id = simulation.add(host, node).unwrap();
            simulation.node_mut(id).unwrap().gather(start, &interfaces);
            id
        });
        simulation.network_mut().connect(hosts[0], hosts[1], setup.link);
        simulation.next_step().unwrap();
        let streams = (0..).map(StreamId).zip(&setup.streams);
        let components = streams.flat_map(|(stream, &components)| {
            (1..=components).map(move |component| (stream, ComponentId::new(component).unwrap()))
        });
        Self { simulation, hosts, start, components: components.collect() }
    }

    /// Sessions of one component that are on a network already.
    pub(crate) fn over(simulation: Simulation<SessionNode>, hosts: [HostId; 2]) -> Self {
        let start = simulation.now();
        Self { simulation, hosts, start, components: vec![(StreamId(0), ComponentId::RTP)] }
    }

    pub(crate) fn host(&self, side: Side) -> HostId {
        self.hosts[side as usize]
    }

    pub(crate) fn node(&self, side: Side) -> &SessionNode {
        self.simulation.node(self.host(side)).unwrap()
    }

    pub(crate) fn session(&self, side: Side) -> &Session {
        self.node(side).session()
    }

    /// A host has other interfaces from now on, and its session hears of it.
    pub(crate) fn replace_host(&mut self, side: Side, host: Host) {
        let (now, id, interfaces) = (self.simulation.now(), self.host(side), host.interfaces().to_vec());
        self.simulation.network_mut().replace_host(id, host).unwrap();
        let node = self.simulation.node_mut(id).unwrap();
        node.drive(now, |session| session.handle_interfaces(now, &interfaces));
    }

    /// Sends data from this side, now. Says whether there is a route.
    pub(crate) fn send(
        &mut self,
        side: Side,
        (stream, component): (StreamId, ComponentId),
        data: &[u8],
    ) -> bool {
        let (now, host) = (self.simulation.now(), self.host(side));
        self.simulation.node_mut(host).unwrap().send(now, stream, component, data)
    }

    pub(crate) fn at(&self, time: Duration) -> Instant {
        self.start + time
    }

    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at - self.start
    }

    pub(crate) fn components(&self) -> &[(StreamId, ComponentId)] {
        &self.components
    }

    /// What a side would tell the other of a stream.
    pub(crate) fn description(&self, side: Side, stream: StreamId) -> RemoteDescription {
        let local = self.session(side).local(stream).unwrap();
        RemoteDescription::from(&local)
    }

    fn streams(&self) -> Vec<StreamId> {
        let mut streams: Vec<_> = self.components.iter().map(|&(stream, _)| stream).collect();
        streams.dedup();
        streams
    }

    /// The path between two addresses, both ways: the given ones of A and of B, counted from 0.
    pub(crate) fn set_path(&mut self, of_a: usize, of_b: usize, link: Link) {
        let [a, b] = [(Side::A, of_a), (Side::B, of_b)].map(|(side, index)| {
            let host = self.simulation.network().host(self.host(side)).unwrap();
            host.interfaces()[0].addresses[index].ip
        });
        self.simulation.network_mut().set_path(a, b, link);
        self.simulation.network_mut().set_path(b, a, link);
    }

    /// At this time, this side learns the descriptions of the other.
    pub(crate) fn describe_at(&mut self, side: Side, time: Duration) {
        let at = self.at(time);
        for stream in self.streams() {
            let (host, description) = (self.host(side), self.description(side.other(), stream));
            self.simulation.plan(at, move |simulation| {
                let now = simulation.now();
                let node = simulation.node_mut(host).unwrap();
                node.drive(now, |session| session.set_remote(now, stream, description)).unwrap();
            });
        }
    }

    /// Takes what a side wants signalled so far to the other, now.
    pub(crate) fn hand_over_candidates(&mut self, from: Side) {
        let now = self.simulation.now();
        let signals = self.simulation.node_mut(self.host(from)).unwrap().take_signals();
        let to = self.simulation.node_mut(self.host(from.other())).unwrap();
        for signal in signals {
            to.handle_signal(now, signal).unwrap();
        }
    }

    /// Both sides learn all of the other, now and before any check.
    pub(crate) fn describe_all(&mut self) {
        for side in SIDES {
            self.hand_over_candidates(side);
        }
        for side in SIDES {
            self.describe_at(side, Duration::ZERO);
        }
    }

    /// Lets candidates trickle with this delay, and runs until this holds, at most up to this time. Says whether it does.
    pub(crate) fn run(
        &mut self,
        delay: Duration,
        end: Duration,
        mut done: impl FnMut(&Ends<'_>) -> bool,
    ) -> bool {
        let (call, end) = (Call { ends: self.hosts, delay }, self.at(end));
        let hosts = self.hosts;
        call.run_while(&mut self.simulation, end, |simulation| !done(&Ends { simulation, hosts })).unwrap()
    }

    /// Runs until both sides have completed, at most up to this time. Says whether they have.
    pub(crate) fn complete(&mut self, end: Duration) -> bool {
        self.run(Duration::ZERO, end, |ends| {
            SIDES.iter().all(|&side| ends.state(side) == IceState::Completed)
        })
    }

    /// Runs up to this time.
    pub(crate) fn run_to(&mut self, end: Duration) {
        self.run(Duration::ZERO, end, |_| false);
        self.simulation.run_until(self.at(end)).unwrap();
    }

    pub(crate) fn is_complete(&self) -> bool {
        SIDES.iter().all(|&side| self.session(side).state() == IceState::Completed)
    }

    pub(crate) fn events(&self, side: Side) -> impl Iterator<Item = (Duration, &Event)> {
        self.node(side).events().iter().map(|(at, event)| (self.since_start(*at), event))
    }

    /// When a side came into a state, the first time.
    pub(crate) fn state_at(&self, side: Side, wanted: IceState) -> Option<Duration> {
        let is = |event: &Event| matches!(event, Event::State { state, .. } if *state == wanted);
        self.events(side).find(|(_, event)| is(event)).map(|(at, _)| at)
    }

    /// When data could flow: the first valid pair.
    pub(crate) fn valid_at(&self, side: Side) -> Option<Duration> {
        self.events(side).find(|(_, event)| matches!(event, Event::Valid { .. })).map(|(at, _)| at)
    }

    /// The round trips that made pairs valid, as a side measured them.
    pub(crate) fn round_trips(&self, side: Side) -> impl Iterator<Item = Option<Duration>> {
        self.events(side).filter_map(|(_, event)| match event {
            Event::Valid { rtt, .. } => Some(*rtt),
            _ => None,
        })
    }

    /// All selections of a component, in their order.
    pub(crate) fn selections(&self, side: Side, of: (StreamId, ComponentId)) -> Vec<Selected> {
        let selected = self.events(side).filter_map(|(at, event)| match event {
            Event::Selected { stream, component, local, remote, elapsed, why, .. }
                if (*stream, *component) == of =>
            {
                let ends = [address_of(local), address_of(remote)];
                Some(Selected { at, elapsed: *elapsed, ends, why: *why })
            }
            _ => None,
        });
        selected.collect()
    }

    /// When a side had selected a pair for every component, the last of them.
    pub(crate) fn selected_at(&self, side: Side) -> Option<Duration> {
        let first = |&of: &(StreamId, ComponentId)| Some(self.selections(side, of).first()?.at);
        self.components.iter().map(first).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The pair each component ended on, seen from this side.
    pub(crate) fn outcome(&self, side: Side) -> BTreeMap<(StreamId, ComponentId), [SocketAddr; 2]> {
        let last = |&of: &(StreamId, ComponentId)| Some((of, self.selections(side, of).last()?.ends));
        self.components.iter().filter_map(last).collect()
    }

    /// Both sides ended on the same pairs, in opposite roles, and data goes both ways on each.
    pub(crate) fn assert_agreed(&mut self) {
        assert!(self.is_complete(), "not complete: {:?}", SIDES.map(|side| self.session(side).state()));
        let (a, b) = (self.outcome(Side::A), self.outcome(Side::B));
        assert_eq!(a.len(), self.components.len());
        for (of, [local, remote]) in &a {
            assert_eq!(b[of], [*remote, *local], "{of:?}");
        }
        assert_eq!(self.session(Side::A).role(), self.session(Side::B).role().opposite());
        for side in SIDES {
            self.assert_data_flows(side);
        }
    }

    /// Sends once on every component from this side, over the selected pair. Needs a network that loses nothing.
    fn assert_data_flows(&mut self, side: Side) {
        let outcome = self.outcome(side);
        let before = self.node(side.other()).data().len();
        for &(stream, component) in &self.components.clone() {
            let payload = format!("{stream} {component}");
            assert!(self.send(side, (stream, component), payload.as_bytes()));
        }
        let end = self.simulation.now() + ms(1_000);
        let count = before + self.components.len();
        let (host, other) = (self.host(side), self.host(side.other()));
        let waiting =
            move |simulation: &Simulation<SessionNode>| simulation.node(other).unwrap().data().len() < count;
        assert!(self.simulation.run_while(end, waiting).unwrap(), "data from {host} is lost");
        for data in &self.node(side.other()).data()[before..] {
            let of = (data.stream, data.component);
            assert_eq!(data.payload, format!("{} {}", of.0, of.1));
            assert_eq!(address::unscoped(data.from), outcome[&of][0], "not over the selected pair");
        }
    }
}

fn config(setup: &Setup, side: Side) -> SessionConfig {
    let mut seed = [side as u8; 32];
    seed[..8].copy_from_slice(&setup.seed.to_le_bytes());
    SessionConfig::new(seed)
        .role(setup.roles[side as usize])
        .streams(setup.streams.iter().map(|&components| StreamConfig { components }).collect())
        .nomination(setup.nomination)
        .ta(setup.ta[side as usize])
        .patience(setup.patience)
        .consent(setup.consent)
        .keepalive(setup.keepalive)
        .lite(setup.lite[side as usize])
        .renomination(setup.renomination[side as usize])
        .liveness(setup.liveness)
        .servers(setup.servers.iter().cloned())
}

/// The address of a candidate; those of hosts are addresses.
pub(crate) fn address_of(candidate: &Candidate) -> SocketAddr {
    match candidate.address() {
        floe_core::CandidateAddress::Ip(address) => *address,
        floe_core::CandidateAddress::Mdns { .. } => panic!("a name"),
    }
}
