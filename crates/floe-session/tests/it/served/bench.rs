//! A host in virtual time. Its servers answer at once, as their scripts say.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::{Interface, InterfaceAddress, ServerTransport};
use floe_session::{
    CandidatePolicy, Disposition, Event, IceServer, Output, RemoteDescription, Resolution, ServerId, Session,
    SessionConfig, SocketId,
};
use floe_stun::Message;

use super::script::{Script, at};
use crate::wire::STREAM;

/// What becomes of an attempt to connect to a server. Without one it waits until the test says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door {
    Opens,
    Refuses(&'static str),
}

/// Where a socket leads.
#[derive(Debug, Clone, Copy)]
enum Way {
    Anywhere,
    To(SocketAddr, ServerTransport),
}

/// A connection that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) at: Duration,
    pub(super) socket: SocketId,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) transport: ServerTransport,
    pub(super) name: Option<String>,
}

/// A datagram or message that has left.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) at: Duration,
    pub(super) socket: SocketId,
    pub(super) to: SocketAddr,
    pub(super) data: Bytes,
}

pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) now: Instant,
    start: Instant,
    addresses: Vec<IpAddr>,
    ways: BTreeMap<SocketId, Way>,
    next_port: u16,
    scripts: BTreeMap<(SocketAddr, ServerTransport), Script>,
    doors: BTreeMap<SocketAddr, Door>,
    answers: VecDeque<(SocketId, SocketAddr, Vec<u8>)>,
    pub(super) asked: Vec<Asked>,
    pub(super) names: Vec<(Duration, ServerId, Box<Resolution>)>,
    pub(super) sent: Vec<Sent>,
    pub(super) closed: Vec<(Duration, SocketId)>,
    pub(super) events: Vec<(Duration, Event)>,
    pub(super) came: Vec<Disposition>,
}

impl Bench {
    /// A host at 192.0.2.1, which is not gathering yet.
    pub(super) fn new(servers: impl IntoIterator<Item = IceServer>) -> Self {
        Self::with(|config| config, servers)
    }

    pub(super) fn with(
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
        servers: impl IntoIterator<Item = IceServer>,
    ) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(configure(SessionConfig::new([1; 32])).servers(servers)),
            now,
            start: now,
            addresses: vec![at("192.0.2.1:0").ip()],
            ways: BTreeMap::new(),
            next_port: 5000,
            scripts: BTreeMap::new(),
            doors: BTreeMap::new(),
            answers: VecDeque::new(),
            asked: Vec::new(),
            names: Vec::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            events: Vec::new(),
            came: Vec::new(),
        }
    }

    /// Only relayed candidates.
    pub(super) fn relay_only(servers: impl IntoIterator<Item = IceServer>) -> Self {
        Self::with(
            |mut config| {
                config.gather = config.gather.policy(CandidatePolicy::Relay);
                config
            },
            servers,
        )
    }

    /// A server that is reached over UDP and does this.
    pub(super) fn serve(self, to: &str, script: Script) -> Self {
        self.serve_over(ServerTransport::Udp, to, script)
    }

    pub(super) fn serve_over(mut self, transport: ServerTransport, to: &str, script: Script) -> Self {
        self.scripts.insert((at(to), transport), script);
        self
    }

    /// What becomes of connections to this server.
    pub(super) fn door(mut self, to: &str, door: Door) -> Self {
        self.doors.insert(at(to), door);
        self
    }

    /// The host has this address, too.
    pub(super) fn also(mut self, ip: &str) -> Self {
        self.addresses.push(ip.parse().unwrap());
        self
    }

    /// Begins to gather.
    pub(super) fn gather(mut self) -> Self {
        let addresses = self.addresses.iter().map(|&ip| InterfaceAddress::new(ip, 24)).collect();
        let interface = Interface { name: "eth0".into(), index: 2, up: true, addresses };
        self.session.gather(self.now);
        self.session.handle_interfaces(self.now, &[interface]);
        self.settle();
        self
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Something comes over a socket or connection.
    pub(super) fn bring(&mut self, socket: SocketId, from: SocketAddr, message: &[u8]) {
        self.answers.push_back((socket, from, message.to_vec()));
        self.settle();
    }

    /// A peer of this kind is described, and has these candidates, each without its beginning and its type: `1 1 udp 9 ::1 9`.
    pub(super) fn meet(&mut self, peer: SessionConfig, candidates: &[&str]) {
        let local = Session::new(peer).local(STREAM).unwrap();
        self.drive(|session, now| {
            session.set_remote(now, STREAM, RemoteDescription::from(&local)).unwrap();
            for candidate in candidates {
                let candidate = format!("candidate:{candidate} typ host").parse().unwrap();
                assert!(session.add_remote(now, STREAM, candidate).is_ok());
            }
        });
    }

    /// What came of a connection that waited.
    pub(super) fn connected(&mut self, socket: SocketId, result: Result<(), String>) {
        let asked = self.asked.iter().find(|asked| asked.socket == socket).unwrap();
        if result.is_ok() {
            self.ways.insert(socket, Way::To(asked.to, asked.transport));
        }
        self.session.handle_connected(self.now, socket, result);
        self.settle();
    }

    /// The server closes a connection, or it breaks.
    pub(super) fn breaks(&mut self, socket: SocketId, why: &str) {
        self.ways.remove(&socket);
        self.session.handle_socket_closed(self.now, socket, why);
        self.settle();
    }

    /// What a command leads to.
    pub(super) fn drive(&mut self, command: impl FnOnce(&mut Session, Instant)) {
        command(&mut self.session, self.now);
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            if let Some(output) = self.session.poll_output() {
                self.carry_out(output);
            } else if let Some((socket, from, message)) = self.answers.pop_front() {
                // Nobody hears what comes to a socket that is closed.
                if self.ways.contains_key(&socket) {
                    let disposition = self.session.handle_datagram(self.now, socket, from, &message);
                    self.came.push(disposition);
                }
            } else if self.session.poll_timeout().is_some_and(|due| due <= self.now) {
                self.session.handle_timeout(self.now);
            } else {
                return;
            }
        }
        panic!("the session never comes to rest");
    }

    fn carry_out(&mut self, output: Output) {
        let (now, elapsed) = (self.now, self.elapsed());
        match output {
            Output::Bind { socket, address, .. } => {
                let bound = SocketAddr::new(address.ip(), self.next_port);
                self.next_port += 1;
                self.ways.insert(socket, Way::Anywhere);
                self.session.handle_bound(now, socket, Ok(bound));
            }
            Output::Resolve { server, resolution } => self.names.push((elapsed, server, resolution)),
            Output::Connect { socket, from, to, transport, name } => {
                self.asked.push(Asked { at: elapsed, socket, from, to, transport, name });
                match self.doors.get(&to) {
                    Some(Door::Opens) => {
                        self.ways.insert(socket, Way::To(to, transport));
                        self.session.handle_connected(now, socket, Ok(()));
                    }
                    Some(Door::Refuses(why)) => {
                        self.session.handle_connected(now, socket, Err((*why).to_owned()));
                    }
                    None => {}
                }
            }
            Output::Close { socket } => {
                self.ways.remove(&socket);
                self.closed.push((elapsed, socket));
            }
            Output::Send { socket, to, data } => self.send(socket, to, data),
            Output::Event(event) => self.events.push((elapsed, event)),
        }
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, data: Bytes) {
        let transport = match *self.ways.get(&socket).expect("an open socket to send from") {
            Way::Anywhere => ServerTransport::Udp,
            Way::To(server, transport) => {
                assert_eq!(to, server, "a connection leads nowhere else");
                transport
            }
        };
        if let Some(script) = self.scripts.get_mut(&(to, transport))
            && let Ok(message) = Message::parse(&data)
        {
            let answers = script(&message);
            self.answers.extend(answers.into_iter().map(|answer| (socket, to, answer)));
        }
        self.sent.push(Sent { at: self.elapsed(), socket, to, data });
    }

    /// Lets time pass up to so long after the start.
    pub(super) fn run_to(&mut self, end: Duration) {
        let end = self.start + end;
        self.settle();
        while let Some(next) = self.session.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Lets time pass until the end of candidates, five minutes at most.
    pub(super) fn run_to_end(&mut self) -> Duration {
        self.run_to(self.elapsed() + Duration::from_secs(300));
        self.ended().expect("the end of candidates comes")
    }

    /// When the candidates came to their end; once.
    pub(super) fn ended(&self) -> Option<Duration> {
        let ends = |event: &Event| matches!(event, Event::EndOfCandidates { .. });
        let mut ends = self.events.iter().filter(|(_, event)| ends(event)).map(|&(when, _)| when);
        let end = ends.next();
        assert_eq!(ends.next(), None, "the end comes once");
        end
    }

    /// Which servers failed, when and why.
    pub(super) fn failed(&self) -> Vec<(u128, u32, String)> {
        let failed = |(when, event): &(Duration, Event)| match event {
            Event::ServerFailed { server, why, .. } => Some((when.as_millis(), server.0, why.to_string())),
            _ => None,
        };
        self.events.iter().filter_map(failed).collect()
    }

    /// The candidates, and when they came.
    pub(super) fn told(&self) -> Vec<(u128, String)> {
        let told = |(when, event): &(Duration, Event)| match event {
            Event::Candidate { candidate, .. } => {
                Some((when.as_millis(), format!("{} {}", candidate.kind(), candidate.socket_addr().unwrap())))
            }
            _ => None,
        };
        self.events.iter().filter_map(told).collect()
    }
}
