//! Two sessions, the datagrams between them, and virtual time. Everything that must always hold is checked here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use floe_core::{Candidate, ComponentId, Credentials, Interface, InterfaceAddress, Role, StreamId};
use floe_session::{
    Disposition, Event, IceState, Nomination, Output, Route, Session, SessionConfig, SocketId, StreamConfig,
};

pub const STREAM: StreamId = StreamId(0);

/// RFC 8445 14.2: the sessions propose 50 ms, and the larger proposal holds.
const TA: Duration = Duration::from_millis(50);

/// What one call may make a session say. A session that says more never stops.
const MOST_OUTPUTS: usize = 10_000;

/// How often a session may want to be woken at one moment.
const MOST_WAKES: usize = 100;

/// What the network holds at most; beyond that the oldest datagrams are lost.
const MOST_FLYING: usize = 256;

#[derive(Clone)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub data: Bytes,
}

pub struct World {
    pub now: Instant,
    pub sides: [Side; 2],
    pub flying: VecDeque<Datagram>,
}

/// One host, and what its session has said so far.
pub struct Side {
    pub session: Session,
    /// The credentials that this session was told to be its peer's.
    pub told: Option<Credentials>,
    /// What it has signalled.
    pub candidates: Vec<Candidate>,
    pub open: BTreeMap<SocketId, SocketAddr>,
    pub binds_fail: bool,
    host: u8,
    known: BTreeSet<SocketId>,
    state: IceState,
    last_check: Option<Instant>,
}

impl World {
    pub fn new(roles: [Role; 2], nomination: Nomination, components: u16) -> World {
        let side = |host: u8| Side::new(host, roles[usize::from(host)], nomination, components);
        World { now: Instant::now(), sides: [side(0), side(1)], flying: VecDeque::new() }
    }

    /// Does something to one session, and carries out what it wants then.
    pub fn with<T>(&mut self, side: usize, work: impl FnOnce(&mut Session, Instant) -> T) -> T {
        let result = work(&mut self.sides[side].session, self.now);
        self.drain(side);
        result
    }

    /// Brings a datagram to where it is addressed to; it is lost where nothing listens.
    pub fn deliver(&mut self, datagram: &Datagram) -> Option<Disposition> {
        let (side, socket) = self.listener(datagram.to)?;
        let from = datagram.from;
        Some(self.with(side, |session, now| session.handle_datagram(now, socket, from, &datagram.data)))
    }

    /// The same of a datagram that nobody signed: it may be answered, and changes nothing.
    pub fn deliver_unsigned(&mut self, datagram: &Datagram) {
        let Some((side, _)) = self.listener(datagram.to) else { return };
        self.wake(side);
        let before = self.sides[side].snapshot();
        let _ = self.deliver(datagram);
        assert_eq!(self.sides[side].snapshot(), before, "an unsigned datagram changed something");
    }

    pub fn deliver_all(&mut self) {
        for _ in 0..self.flying.len() {
            if let Some(datagram) = self.flying.pop_front() {
                let _ = self.deliver(&datagram);
            }
        }
    }

    /// Lets so much time pass, with every deadline met on time.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.wake(0);
            self.wake(1);
        }
        self.now = end;
    }

    /// Lets time pass until some deadline has come.
    pub fn pass_to_deadline(&mut self) {
        if let Some(next) = self.next_deadline() {
            self.pass(next.saturating_duration_since(self.now));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.sides.iter().filter_map(|side| side.session.poll_timeout()).min()
    }

    fn wake(&mut self, side: usize) {
        for _ in 0..MOST_WAKES {
            match self.sides[side].session.poll_timeout() {
                Some(deadline) if deadline <= self.now => self.with(side, Session::handle_timeout),
                _ => return,
            }
        }
        panic!("the session wants to be woken again and again at one moment");
    }

    fn listener(&self, address: SocketAddr) -> Option<(usize, SocketId)> {
        self.sides.iter().enumerate().find_map(|(side, host)| {
            host.open.iter().find(|(_, own)| **own == address).map(|(socket, _)| (side, *socket))
        })
    }

    fn drain(&mut self, side: usize) {
        for _ in 0..MOST_OUTPUTS {
            let host = &mut self.sides[side];
            match host.session.poll_output() {
                Some(output) => self.flying.extend(host.carry_out(self.now, output)),
                None => {
                    host.check_routes();
                    let too_many = self.flying.len().saturating_sub(MOST_FLYING);
                    self.flying.drain(..too_many);
                    return;
                }
            }
        }
        panic!("the session does not stop talking");
    }
}

impl Side {
    fn new(host: u8, role: Role, nomination: Nomination, components: u16) -> Side {
        let config = SessionConfig::new([host + 1; 32])
            .role(role)
            .nomination(nomination)
            .streams(vec![StreamConfig { components }])
            .ta(TA);
        Side {
            session: Session::new(config),
            told: None,
            candidates: Vec::new(),
            open: BTreeMap::new(),
            binds_fail: false,
            host,
            known: BTreeSet::new(),
            state: IceState::New,
            last_check: None,
        }
    }

    pub fn credentials(&self) -> Credentials {
        self.session.local(STREAM).expect("the stream is there").credentials
    }

    /// The host's interfaces in one of a few constellations.
    pub fn interfaces(&self, constellation: usize) -> Vec<Interface> {
        let n = self.host + 1;
        let interface = |name: &str, index, addresses: &[String]| Interface {
            name: name.into(),
            index,
            up: true,
            addresses: addresses
                .iter()
                .map(|address| InterfaceAddress::new(address.parse().expect("an address"), 24))
                .collect(),
        };
        let eth = interface("eth0", 2, &[format!("192.0.2.{n}"), format!("2001:db8::{n}")]);
        let wlan = interface("wlan0", 3, &[format!("198.51.100.{n}"), format!("fe80::{n}")]);
        match constellation {
            0 => vec![eth],
            1 => vec![eth, wlan],
            2 => vec![wlan],
            _ => Vec::new(),
        }
    }

    /// What an outsider can see of the state, all of it.
    fn snapshot(&self) -> String {
        let stats = self.session.stats();
        format!("{:?} {:?} {:?} {:?}", stats.state, stats.role, self.routes(), stats.pairs)
    }

    fn routes(&self) -> [Option<Route>; 2] {
        [1, 2].map(|id| self.session.route(STREAM, ComponentId::new(id).expect("a component")))
    }

    fn check_routes(&self) {
        for route in self.routes().into_iter().flatten() {
            assert!(self.open.contains_key(&route.socket), "data would leave from a closed socket");
        }
    }

    fn carry_out(&mut self, now: Instant, output: Output) -> Option<Datagram> {
        match output {
            Output::Send { socket, to, data } => {
                let from = *self.open.get(&socket).expect("what is sent leaves from an open socket");
                assert!(data.len() <= 1232, "{} bytes do not fit the path", data.len());
                return Some(Datagram { from, to, data });
            }
            Output::Bind { socket, mut address, .. } => {
                assert!(self.known.insert(socket), "{socket} was used before");
                address.set_port(5000 + u16::try_from(self.known.len()).expect("few sockets"));
                let result = if self.binds_fail { Err("no such address".to_owned()) } else { Ok(address) };
                if result.is_ok() {
                    self.open.insert(socket, address);
                }
                self.session.handle_bound(now, socket, result);
            }
            Output::Resolve { server, .. } => panic!("{server} has no name"),
            Output::Connect { socket, .. } => panic!("{socket} is to connect, and no server is configured"),
            Output::Close { socket } => {
                assert!(self.open.remove(&socket).is_some(), "{socket} was not open");
            }
            Output::Event(event) => self.note(now, event),
        }
        None
    }

    fn note(&mut self, now: Instant, event: Event) {
        match event {
            Event::Candidate { candidate, .. } => self.candidates.push(candidate),
            Event::State { state, .. } => {
                assert!(self.state.may_become(state), "{} became {state}", self.state);
                self.state = state;
            }
            Event::Checking { .. } => {
                let gap = self.last_check.map(|last| now.duration_since(last));
                assert!(gap.is_none_or(|gap| gap >= TA), "two checks within {gap:?}");
                self.last_check = Some(now);
            }
            _ => {}
        }
    }
}
