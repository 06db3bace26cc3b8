//! An application on a simulated internet, and a call that is played again from its seed.
//!
//! The application says something once a second, and answers what it hears. A seed decides everything else: the NATs and
//! firewalls, the links and what they lose. The program prints the world and what happened in it, and writes all
//! datagrams to a file for Wireshark where it is told to.
//!
//! ```text
//! cargo run --example replay -- --seed 42 --capture call.pcapng
//! ```
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use floe_core::{Candidate, ComponentId, Role, StreamId};
use floe_session::{Event, IceServer, RemoteDescription, Session, SessionConfig};
use floe_sim::{Action, BindError, Built, HostId, Node, Server, SessionNode, Simulation, World};

#[derive(Debug, Parser)]
struct Options {
    /// Which call.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long it takes, in seconds of virtual time.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the datagrams are written to, if they are.
    #[arg(long)]
    capture: Option<PathBuf>,
}

const STREAM: StreamId = StreamId(0);
const COMPONENT: ComponentId = ComponentId::RTP;
const SIGNALLING: Duration = Duration::from_millis(50);

/// The application: put your own here. It has a session inside and sees every datagram after it.
#[derive(Debug)]
struct Chat {
    ice: SessionNode,
    /// When it says something next, and how often it has.
    next: Instant,
    said: u32,
    /// How much of the data that came it has read.
    read: usize,
    journal: Vec<(Instant, String)>,
}

impl Chat {
    fn new(ice: SessionNode, now: Instant) -> Self {
        Self { ice, next: now, said: 0, read: 0, journal: Vec::new() }
    }

    fn say(&mut self, now: Instant, words: &str) {
        if self.ice.send(now, STREAM, COMPONENT, words.as_bytes()) {
            self.journal.push((now, format!("says {words:?}")));
        }
    }

    fn listen(&mut self, now: Instant) {
        let new: Vec<_> = self.ice.data().iter().skip(self.read).map(|data| data.payload.clone()).collect();
        self.read += new.len();
        for words in new {
            let words = String::from_utf8_lossy(&words);
            self.journal.push((now, format!("hears {words:?}")));
            if words.starts_with("hello") {
                self.say(now, &format!("thanks for {words}"));
            }
        }
    }
}

impl Node for Chat {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        self.ice.handle_datagram(now, local, from, payload);
        self.listen(now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.ice.poll_action()
    }

    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        self.ice.handle_bound(now, tag, result);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.ice.poll_timeout().map_or(self.next, |ice| ice.min(self.next)))
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.ice.poll_timeout().is_some_and(|at| at <= now) {
            self.ice.handle_timeout(now);
        }
        if self.next <= now {
            self.next = now + Duration::from_secs(1);
            if self.ice.session().route(STREAM, COMPONENT).is_some() {
                self.said += 1;
                self.say(now, &format!("hello {}", self.said));
            }
        }
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    let start = Instant::now();
    let world = World::random(options.seed);
    println!("{world}");
    let (mut simulation, hosts) = populate(&world, start)?;
    run(&mut simulation, hosts, start + Duration::from_secs(options.seconds))?;
    for (at, line) in journal(&simulation, hosts) {
        println!("{:>9.3} {line}", (at - start).as_secs_f64());
    }
    println!("{} datagrams", simulation.network().log().len());
    if let Some(path) = options.capture {
        #[allow(clippy::disallowed_methods, reason = "a program that writes a file")]
        std::fs::write(path, simulation.network().capture())?;
    }
    Ok(())
}

/// The two, A controlling, and the server.
fn populate(world: &World, start: Instant) -> anyhow::Result<(Simulation<Chat>, [HostId; 2])> {
    let Built { network, hosts, server, listen: [v4, v6], .. } = world.build(start)?;
    let mut simulation = Simulation::over(network);
    simulation.serve(server, Server::new(v4, "floe.example").listen(v6).user("ann", "secret"));
    let roles = [(Role::Controlling, 1), (Role::Controlled, 2)];
    for ((host, turn), (role, seed)) in hosts.into_iter().zip(world.turn).zip(roles) {
        let relays = [v4, v6].into_iter().filter(|_| turn).map(|at| IceServer::turn(at, "ann", "secret"));
        let reflectors = [v4, v6].into_iter().filter(|_| world.stun).map(IceServer::stun);
        let config = SessionConfig::new([seed; 32]).role(role).servers(relays.chain(reflectors));
        let interfaces = simulation.network().host(host).map(|host| host.interfaces().to_vec());
        let mut chat = Chat::new(SessionNode::new(Session::new(config)), start);
        chat.ice.gather(start, &interfaces.unwrap_or_default());
        simulation.place(host, chat);
    }
    Ok((simulation, hosts))
}

/// Runs up to this time, and brings what the sessions want signalled from one to the other.
fn run(simulation: &mut Simulation<Chat>, [a, b]: [HostId; 2], end: Instant) -> anyhow::Result<()> {
    for (from, to) in [(a, b), (b, a)] {
        let local = simulation.node(from).and_then(|chat| chat.ice.session().local(STREAM));
        let Some(description) = local.map(|local| RemoteDescription::from(&local)) else { continue };
        tell(simulation, to, move |chat, now| {
            let _ = chat.ice.drive(now, |session| session.set_remote(now, STREAM, description));
        });
    }
    while simulation.next_step()?.is_some_and(|at| at <= end) {
        simulation.step()?;
        for (from, to) in [(a, b), (b, a)] {
            let signals = simulation.node_mut(from).map(|chat| chat.ice.take_signals());
            for signal in signals.unwrap_or_default() {
                tell(simulation, to, move |chat, now| drop(chat.ice.handle_signal(now, signal)));
            }
        }
    }
    Ok(())
}

/// Tells one of them something, as late as signalling is.
fn tell(simulation: &mut Simulation<Chat>, to: HostId, what: impl FnOnce(&mut Chat, Instant) + 'static) {
    simulation.plan(simulation.now() + SIGNALLING, move |simulation| {
        let now = simulation.now();
        if let Some(chat) = simulation.node_mut(to) {
            what(chat, now);
        }
    });
}

/// What the two did and what their sessions told, in order.
fn journal(simulation: &Simulation<Chat>, hosts: [HostId; 2]) -> Vec<(Instant, String)> {
    let mut lines = Vec::new();
    for (host, name) in hosts.into_iter().zip(["A", "B"]) {
        let Some(chat) = simulation.node(host) else { continue };
        let told = chat.ice.events().iter().filter_map(|(at, event)| Some((*at, words(event)?)));
        let all = told.chain(chat.journal.iter().cloned());
        lines.extend(all.map(|(at, line)| (at, format!("{name} {line}"))));
    }
    lines.sort_by_key(|(at, _)| *at);
    lines
}

fn words(event: &Event) -> Option<String> {
    Some(match event {
        Event::Candidate { candidate, .. } => {
            format!("has the {} candidate {}", candidate.kind(), address(candidate))
        }
        Event::PeerReflexive { candidate, local, .. } => {
            let whose = if *local { "its own" } else { "the peer's" };
            format!("learns {whose} address {}", address(candidate))
        }
        Event::Checking { pair, kind, local, remote, .. } => {
            format!("checks {pair}, {} to {} ({kind})", address(local), address(remote))
        }
        Event::Valid { pair, rtt: Some(rtt), .. } => format!("can use {pair}, round trip {rtt:.1?}"),
        Event::Valid { pair, .. } => format!("can use {pair}"),
        Event::PairFailed { pair, why, .. } => format!("gives up {pair}: {why}"),
        Event::Nominating { pair, why, .. } => format!("nominates {pair}: {why}"),
        Event::Selected { pair, local, remote, why, .. } => {
            format!("selects {pair}, {} to {}: {why}", address(local), address(remote))
        }
        Event::State { state, reason: Some(reason) } => format!("is {state}: {reason}"),
        Event::State { state, .. } => format!("is {state}"),
        _ => return None,
    })
}

fn address(candidate: &Candidate) -> String {
    candidate.socket_addr().map(|at| at.to_string()).unwrap_or_default()
}
