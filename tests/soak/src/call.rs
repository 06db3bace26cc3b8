//! One call: a world, two sessions on it, and how they ended.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{Role, StreamId};
use floe_session::{Event, IceServer, IceState, Reason, RemoteDescription, Session, SessionConfig, Why};
use floe_sim::{Built, HostId, PathClass, Server, SessionNode, Simulation, World};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha20Rng};

use crate::wire;

/// The stream that everything is about.
const STREAM: StreamId = StreamId(0);

/// How long after both sides have come to an end the call is still looked at: a better path may be found, and taken.
const AFTERMATH: Duration = Duration::from_secs(60);
/// Where the sides have left the best class for its loss by then, or have never gone to it, they have so long to come to it:
/// time for several moves, of which the later ones are 160 s apart.
const RETURN: Duration = Duration::from_secs(1_200);
/// And stay there for so long.
const STAY: Duration = Duration::from_secs(60);
/// No call takes longer, but for the way back.
const LONGEST: Duration = Duration::from_secs(300);

/// How a side ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// Its state.
    pub state: IceState,
    /// Why that is a bad one.
    pub reason: Option<Reason>,
    /// Whether any pair was ever checked.
    pub checked: bool,
    /// The selected pair: its local and its remote address.
    pub pair: Option<[SocketAddr; 2]>,
    /// How good the path of each selection was, and why it was chosen.
    pub choices: Vec<(PathClass, Why)>,
    /// When the first pair was valid.
    pub connected: Option<Duration>,
    /// When a pair was selected, each time.
    pub selected: Vec<Duration>,
    /// When it failed.
    pub failed: Option<Duration>,
}

/// A call that was played.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call {
    /// Its world.
    pub world: World,
    /// What the oracle says of it.
    pub best: Option<PathClass>,
    /// How each side ended.
    pub ends: [Ending; 2],
    /// When all that can fail a list had been said: both descriptions, and the last candidate.
    pub told: Duration,
    pub(crate) simulation: Simulation<SessionNode>,
    pub(crate) hosts: [HostId; 2],
    pub(crate) start: Instant,
    /// How long the sides took to come back to the best class, which they had left or avoided for its loss.
    pub(crate) away: Duration,
    /// Whether they have stayed there then; so they have where it was no question.
    pub(crate) stayed: bool,
}

/// What is left to chance beside the network.
struct Manner {
    roles: [Role; 2],
    /// How long signalling takes.
    signalling: Duration,
    /// How much later than the first the second side begins.
    lag: Duration,
    seeds: [[u8; 32]; 2],
}

impl Manner {
    fn random(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed.rotate_left(32) ^ 0x666c_6f65);
        let roles = match rng.random_range(0..8) {
            0 => [Role::Controlling; 2],
            1 => [Role::Controlled; 2],
            2..=4 => [Role::Controlled, Role::Controlling],
            _ => [Role::Controlling, Role::Controlled],
        };
        let signalling = Duration::from_millis(rng.random_range(0..300));
        let lag = Duration::from_millis(if rng.random_ratio(1, 2) { 0 } else { rng.random_range(0..1_000) });
        Self { roles, signalling, lag, seeds: [rng.random(), rng.random()] }
    }
}

impl Call {
    /// Plays the world of this seed to its end.
    #[must_use]
    pub fn play(seed: u64) -> Self {
        let world = World::random(seed);
        let manner = Manner::random(seed);
        #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
        let start = Instant::now();
        let built = world.build(start).expect("invariant: a random world has no address twice");
        let best = built.network.best_path(&built.parties[0], &built.parties[1]);
        let hosts = built.hosts;
        let simulation = populate(&world, &manner, built, start);
        let ends = [Ending::default(), Ending::default()];
        let told = Duration::ZERO;
        let (away, stayed) = (Duration::ZERO, true);
        let mut call = Self { world, best, ends, told, simulation, hosts, start, away, stayed };
        call.run(&manner);
        call
    }

    fn run(&mut self, manner: &Manner) {
        let signalling = floe_sim::Call { ends: self.hosts, delay: manner.signalling };
        self.describe(manner);
        let hosts = self.hosts;
        let end = self.start + LONGEST;
        let over = move |simulation: &Simulation<SessionNode>| {
            hosts.iter().all(|&host| simulation.node(host).is_some_and(is_over))
        };
        let spun = signalling.run_while(&mut self.simulation, end, |simulation| !over(simulation));
        spun.expect("invariant: sessions come to rest");
        let until = (self.simulation.now() + AFTERMATH).min(end);
        // Not in the middle of a move: the two sides hear of it one after the other.
        let moving = move |simulation: &Simulation<SessionNode>| {
            let now = simulation.now();
            now < until
                || hosts.iter().any(|&host| simulation.node(host).is_some_and(|node| is_moving(node, now)))
        };
        signalling.run_while(&mut self.simulation, end, moving).expect("invariant: sessions come to rest");
        self.come_back(&signalling);
        self.ends = self.hosts.map(|host| self.ending(host));
        self.told = self.told(manner);
    }

    /// Where both sides were on the best class, and have left it because it lost what was sent, or where it has lost so
    /// much from the beginning that they have never gone there: goes on until both have been on it for a while.
    fn come_back(&mut self, signalling: &floe_sim::Call) {
        let Some(best) = self.best else { return };
        let before = course(&self.simulation, self.hosts);
        let loses = self.world.core.loss > 0.0 || self.world.core.bursts.is_some();
        let avoided = loses && !before.is_empty() && before.iter().all(|step| step.class < best);
        if !avoided && !before.iter().any(|step| step.left_for_loss(best)) {
            return;
        }
        let hosts = self.hosts;
        let stays = move |simulation: &Simulation<SessionNode>| {
            let now = simulation.now();
            let mut nodes = hosts.iter().filter_map(|&host| simulation.node(host));
            let last = course(simulation, hosts).pop();
            let settled = last.is_some_and(|step| step.class >= best && now >= step.at + STAY);
            settled && !nodes.any(|node| is_moving(node, now))
        };
        let end = self.simulation.now() + RETURN;
        let spun = signalling.run_while(&mut self.simulation, end, |simulation| !stays(simulation));
        self.stayed = spun.expect("invariant: sessions come to rest");
        let course = course(&self.simulation, hosts);
        let left = course.iter().rfind(|step| step.left_for_loss(best)).or_else(|| course.first());
        let left = left.map(|step| step.at);
        self.away = left.zip(course.last()).map_or(Duration::ZERO, |(left, back)| back.at - left);
    }

    /// Each side learns of the other's description after the time that signalling takes.
    fn describe(&mut self, manner: &Manner) {
        let [a, b] = self.hosts;
        for (from, to, begins) in [(a, b, Duration::ZERO), (b, a, manner.lag)] {
            let local = self.simulation.node(from).and_then(|node| node.session().local(STREAM));
            let description = RemoteDescription::from(&local.expect("invariant: the session has the stream"));
            let at = self.start + begins + manner.signalling;
            self.simulation.plan(at, move |simulation| {
                let now = simulation.now();
                if let Some(node) = simulation.node_mut(to) {
                    let taken = node.drive(now, |session| session.set_remote(now, STREAM, description));
                    taken.expect("invariant: a first description is taken");
                }
            });
        }
    }

    /// Everything that happened, in order, a line each: what the sides told, and each datagram with its fate.
    #[must_use]
    pub fn journal(&self) -> Vec<String> {
        let mut lines: Vec<_> = wire::words(self.simulation.network(), self.start).collect();
        for host in self.hosts {
            let events = self.simulation.node(host).into_iter().flat_map(SessionNode::events);
            lines.extend(events.map(|(at, event)| (*at, format!("{host}   {event:?}"))));
        }
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(at, line)| format!("{:?} {line}", at - self.start)).collect()
    }

    /// What all hosts sent and received, as Wireshark reads it (pcapng).
    #[must_use]
    pub fn capture(&self) -> Vec<u8> {
        self.simulation.network().capture()
    }

    fn told(&self, manner: &Manner) -> Duration {
        let last = self.hosts.iter().filter_map(|&host| {
            let events = self.simulation.node(host)?.events();
            events.iter().rev().find(|(_, event)| matches!(event, Event::Candidate { .. })).map(|(at, _)| *at)
        });
        let last = last.max().map_or(Duration::ZERO, |at| at - self.start);
        last.max(manner.lag) + manner.signalling
    }

    fn ending(&self, host: HostId) -> Ending {
        let mut ending = Ending::default();
        let Some(node) = self.simulation.node(host) else { return ending };
        ending.state = node.session().state();
        ending.reason = node.session().reason().cloned();
        for (at, event) in node.events() {
            let at = *at - self.start;
            match event {
                Event::Checking { .. } => ending.checked = true,
                Event::Valid { .. } => drop(ending.connected.get_or_insert(at)),
                Event::Selected { local, remote, why, .. } => {
                    ending.selected.push(at);
                    ending.pair = local.socket_addr().zip(remote.socket_addr()).map(<[_; 2]>::from);
                    ending.choices.push((PathClass::of(local, remote), *why));
                }
                Event::State { state: IceState::Failed, .. } => drop(ending.failed.get_or_insert(at)),
                _ => {}
            }
        }
        ending
    }
}

impl Default for Ending {
    fn default() -> Self {
        Self {
            state: IceState::New,
            reason: None,
            checked: false,
            pair: None,
            choices: Vec::new(),
            connected: None,
            selected: Vec::new(),
            failed: None,
        }
    }
}

/// A selection of one side, and what both are on then.
struct Step {
    at: Instant,
    class: PathClass,
    /// What both were on before.
    before: Option<PathClass>,
    /// Why the side that decides has moved: the other one follows, and is often the first to have selected.
    why: Option<Why>,
}

impl Step {
    /// Whether a path of this class, which both were on, is left because of what it has lost.
    fn left_for_loss(&self, class: PathClass) -> bool {
        let for_loss = matches!(
            self.why,
            Some(
                Why::LessLoss { .. }
                    | Why::OtherSilent { .. }
                    | Why::SelectedLost { .. }
                    | Why::Replaces { .. }
            )
        );
        for_loss && self.class < class && self.before.is_some_and(|before| before >= class)
    }
}

/// All selections from when both sides have one, in order.
fn course(simulation: &Simulation<SessionNode>, hosts: [HostId; 2]) -> Vec<Step> {
    let mut selections = Vec::new();
    for (side, host) in hosts.into_iter().enumerate() {
        let events = simulation.node(host).into_iter().flat_map(SessionNode::events);
        selections.extend(events.filter_map(|(at, event)| match event {
            Event::Selected { local, remote, why, .. } => {
                Some((*at, side, PathClass::of(local, remote), *why))
            }
            _ => None,
        }));
    }
    selections.sort_by_key(|(at, ..)| *at);
    let mut classes = [None; 2];
    let mut steps = Vec::<Step>::new();
    for (number, &(at, side, class, _)) in selections.iter().enumerate() {
        if let Some(known) = classes.get_mut(side) {
            *known = Some(class);
        }
        let [Some(a), Some(b)] = classes else { continue };
        let follows = |why: &Why| matches!(why, Why::PeerMoved { .. });
        let why = selections.iter().skip(number).map(|(.., why)| *why).find(|why| !follows(why));
        let before = steps.last().map(|step| step.class);
        steps.push(Step { at, class: a.min(b), before, why });
    }
    steps
}

/// Whether a side has come to an end, for now.
fn is_over(node: &SessionNode) -> bool {
    matches!(node.session().state(), IceState::Completed | IceState::Failed)
}

/// Whether a side has selected a pair just now, or nominated one and the answer may still come.
fn is_moving(node: &SessionNode, now: Instant) -> bool {
    let wait = |event: &Event| match event {
        Event::Nominating { .. } => Some(Duration::from_secs(40)),
        Event::Selected { .. } => Some(Duration::from_secs(5)),
        _ => None,
    };
    let last = node.events().iter().rev().find_map(|(at, event)| Some(*at + wait(event)?));
    last.is_some_and(|until| now < until)
}

fn populate(world: &World, manner: &Manner, built: Built, start: Instant) -> Simulation<SessionNode> {
    let Built { network, hosts, server, listen, parties, .. } = built;
    let mut simulation = Simulation::over(network);
    let [v4, v6] = listen;
    simulation.serve(server, Server::new(v4, "floe.example").listen(v6).user("ann", "secret"));
    for (number, (host, party)) in hosts.into_iter().zip(parties).enumerate() {
        let [role, _] = if number == 0 { manner.roles } else { [manner.roles[1], manner.roles[0]] };
        let seed = if number == 0 { manner.seeds[0] } else { manner.seeds[1] };
        let turn = if number == 0 { world.turn[0] } else { world.turn[1] };
        let mut config = SessionConfig::new(seed).role(role).servers(servers(world.stun, turn, listen));
        config.gather.nat64 = party.nat64;
        simulation.place(host, SessionNode::new(Session::new(config)));
        let begins = if number == 0 { Duration::ZERO } else { manner.lag };
        simulation.plan(start + begins, move |simulation| {
            let now = simulation.now();
            let interfaces = simulation.network().host(host).map(|host| host.interfaces().to_vec());
            if let (Some(node), Some(interfaces)) = (simulation.node_mut(host), interfaces) {
                node.gather(now, &interfaces);
            }
        });
    }
    simulation
}

fn servers(stun: bool, turn: bool, listen: [SocketAddr; 2]) -> Vec<IceServer> {
    let relays = listen.into_iter().filter(|_| turn).map(|at| IceServer::turn(at, "ann", "secret"));
    let reflectors = listen.into_iter().filter(|_| stun).map(IceServer::stun);
    relays.chain(reflectors).collect()
}
