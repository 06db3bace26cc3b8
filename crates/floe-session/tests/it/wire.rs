//! Two hosts, a wire between them that delays and drops what it is told to, and signalling that takes no time.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::{Candidate, ComponentId, Interface, InterfaceAddress, Role, StreamId};
use floe_session::{
    Disposition, Event, IceState, LocalParameters, Output, RemoteDescription, Session, SessionConfig,
    SocketId,
};
use floe_stun::{Class, Message, TransactionId};

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;
pub(crate) const STREAM: StreamId = StreamId(0);
pub(crate) const RTP: ComponentId = ComponentId::RTP;
pub(crate) const RTCP: ComponentId = ComponentId::RTCP;

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn controlling() -> SessionConfig {
    SessionConfig::new([1; 32]).role(Role::Controlling)
}

pub(crate) fn controlled() -> SessionConfig {
    SessionConfig::new([2; 32]).role(Role::Controlled)
}

/// A datagram as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Since the beginning.
    pub(crate) at: Duration,
    pub(crate) host: usize,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) data: Bytes,
}

impl Sent {
    /// The transaction, if this is a request.
    pub(crate) fn request(&self) -> Option<TransactionId> {
        let message = Message::parse(&self.data).ok()?;
        (message.class() == Class::Request).then(|| message.transaction_id())
    }

    pub(crate) fn is_answer(&self) -> bool {
        Message::parse(&self.data).is_ok_and(|message| message.class() == Class::Success)
    }
}

/// A host: a session, its addresses and sockets, and what it told.
pub(crate) struct Host {
    pub(crate) session: Session,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) sockets: BTreeMap<SocketId, SocketAddr>,
    pub(crate) closed: Vec<(Duration, SocketId)>,
    pub(crate) events: Vec<(Duration, Event)>,
    /// Whether its candidates reach the other side.
    pub(crate) trickles: bool,
    /// Whether sockets are bound when they are asked for; else they wait in `asked`.
    pub(crate) binds: bool,
    pub(crate) asked: Vec<(SocketId, SocketAddr)>,
    next_port: u16,
}

impl Host {
    fn new(config: SessionConfig, address: &str) -> Self {
        Self {
            session: Session::new(config),
            addresses: vec![address.parse().unwrap()],
            sockets: BTreeMap::new(),
            closed: Vec::new(),
            events: Vec::new(),
            trickles: true,
            binds: true,
            asked: Vec::new(),
            next_port: 5000,
        }
    }

    pub(crate) fn interfaces(&self) -> Vec<Interface> {
        let addresses = self.addresses.iter().map(|&ip| InterfaceAddress::new(ip, 24)).collect();
        vec![Interface { name: "eth0".into(), index: 2, up: true, addresses }]
    }

    pub(crate) fn parameters(&self, stream: StreamId) -> LocalParameters {
        self.session.local(stream).unwrap()
    }

    /// The first open socket and its address.
    pub(crate) fn socket(&self) -> (SocketId, SocketAddr) {
        self.sockets.iter().next().map(|(&id, &address)| (id, address)).unwrap()
    }

    pub(crate) fn socket_at(&self, address: SocketAddr) -> Option<SocketId> {
        self.sockets.iter().find(|(_, bound)| **bound == address).map(|(&id, _)| id)
    }

    pub(crate) fn states(&self) -> Vec<IceState> {
        let state = |event: &Event| match event {
            Event::State { state, .. } => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| state(event)).collect()
    }

    /// When this first happened.
    pub(crate) fn when(&self, is: impl Fn(&Event) -> bool) -> Option<Duration> {
        self.events.iter().find(|(_, event)| is(event)).map(|&(at, _)| at)
    }

    pub(crate) fn when_in(&self, state: IceState) -> Option<Duration> {
        self.when(|event| matches!(event, Event::State { state: now, .. } if *now == state))
    }

    pub(crate) fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| is(event)).count()
    }

    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let candidate = |event: &Event| match event {
            Event::Candidate { candidate, .. } => Some(candidate.clone()),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| candidate(event)).collect()
    }
}

type Filter = Box<dyn FnMut(&Sent) -> bool>;

pub(crate) struct Wire {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) hosts: [Host; 2],
    /// From one side to the other.
    pub(crate) delay: Duration,
    /// How many components the descriptions of restarts name, and are signalled from then on.
    pub(crate) components: Option<u16>,
    /// What gets through; all by default.
    pub(crate) passes: Filter,
    pub(crate) log: Vec<Sent>,
    /// What arrived, in order.
    pub(crate) delivered: Vec<Sent>,
    flying: BTreeMap<(Instant, usize), Sent>,
}

impl Wire {
    /// Host A at 192.0.2.1 and host B at 192.0.2.2.
    pub(crate) fn new(a: SessionConfig, b: SessionConfig) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            hosts: [Host::new(a, "192.0.2.1"), Host::new(b, "192.0.2.2")],
            delay: Duration::ZERO,
            components: None,
            passes: Box::new(|_| true),
            log: Vec::new(),
            delivered: Vec::new(),
            flying: BTreeMap::new(),
        }
    }

    /// A controlling and a controlled side with the defaults.
    pub(crate) fn pair() -> Self {
        Self::new(controlling(), controlled())
    }

    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(crate) fn addresses(mut self, host: usize, addresses: &[&str]) -> Self {
        self.hosts[host].addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self
    }

    pub(crate) fn a(&mut self) -> &mut Session {
        &mut self.hosts[A].session
    }

    pub(crate) fn b(&mut self) -> &mut Session {
        &mut self.hosts[B].session
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Both gather.
    pub(crate) fn gather(&mut self) {
        for host in [A, B] {
            self.gather_on(host);
        }
    }

    pub(crate) fn gather_on(&mut self, host: usize) {
        let (now, host) = (self.now, &mut self.hosts[host]);
        let interfaces = host.interfaces();
        host.session.gather(now);
        host.session.handle_interfaces(now, &interfaces);
    }

    /// One host learns of the other's description of all streams.
    pub(crate) fn describe_to(&mut self, host: usize) {
        for stream in (0..).map(StreamId) {
            let Some(local) = self.hosts[1 - host].session.local(stream) else { return };
            let description = RemoteDescription::new(local.credentials).pacing(local.pacing).lite(local.lite);
            self.hosts[host].session.set_remote(self.now, stream, description).unwrap();
        }
    }

    /// Both gather, and know each other's description.
    pub(crate) fn begin(&mut self) {
        self.gather();
        self.describe_to(A);
        self.describe_to(B);
        self.settle();
    }

    /// Carries out everything that happens now.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            let busy = self.settle_host(A) | self.settle_host(B) | self.deliver();
            if !busy {
                return;
            }
        }
        panic!("the sessions never come to rest");
    }

    fn settle_host(&mut self, host: usize) -> bool {
        let mut busy = false;
        let now = self.now;
        while let Some(output) = self.hosts[host].session.poll_output() {
            busy = true;
            self.carry_out(host, output);
        }
        let session = &mut self.hosts[host].session;
        if session.poll_timeout().is_some_and(|at| at <= now) {
            session.handle_timeout(now);
            let next = session.poll_timeout();
            assert!(next.is_none_or(|at| at > now) || !self.is_dry(host), "a timeout that is due stays due");
            busy = true;
        }
        busy
    }

    /// Whether nothing is to be polled; what is there is carried out.
    fn is_dry(&mut self, host: usize) -> bool {
        let mut dry = true;
        while let Some(output) = self.hosts[host].session.poll_output() {
            dry = false;
            self.carry_out(host, output);
        }
        dry
    }

    pub(crate) fn carry_out(&mut self, index: usize, output: Output) {
        let at = self.elapsed();
        let host = &mut self.hosts[index];
        match output {
            Output::Bind { socket, address, .. } if host.binds => {
                self.bind(index, (socket, address));
            }
            Output::Bind { socket, address, .. } => host.asked.push((socket, address)),
            Output::Resolve { server, .. } => panic!("{server} has no name"),
            Output::Connect { socket, .. } => panic!("{socket} is to connect, and no server is configured"),
            Output::Close { socket } => {
                host.sockets.remove(&socket);
                host.closed.push((at, socket));
            }
            Output::Send { socket, to, data } => {
                let from = *host.sockets.get(&socket).expect("an open socket to send from");
                self.send(Sent { at, host: index, from, to, data });
            }
            Output::Event(event) => {
                host.events.push((at, event.clone()));
                self.signal(index, event);
            }
        }
    }

    /// Answers a request to bind that waited.
    pub(crate) fn bind(&mut self, host: usize, (socket, asked): (SocketId, SocketAddr)) {
        let host = &mut self.hosts[host];
        let address = SocketAddr::new(asked.ip(), host.next_port);
        host.next_port += 1;
        host.sockets.insert(socket, address);
        host.session.handle_bound(self.now, socket, Ok(address));
    }

    fn signal(&mut self, host: usize, event: Event) {
        if !self.hosts[host].trickles {
            return;
        }
        let (now, other) = (self.now, &mut self.hosts[1 - host].session);
        let left_out =
            |candidate: &Candidate| self.components.is_some_and(|n| candidate.component().get() > n);
        match event {
            Event::Candidate { candidate, .. } if left_out(&candidate) => {}
            Event::Candidate { stream, candidate, ufrag, .. } => {
                let candidate = candidate.with_extension("ufrag", &ufrag).unwrap();
                other.add_remote(now, stream, candidate).unwrap();
            }
            Event::EndOfCandidates { stream, ufrag } => {
                other.end_of_remote(now, stream, Some(&ufrag)).unwrap();
            }
            Event::Restarted { stream, local, .. } => {
                let description = RemoteDescription::from(&local).components(self.components);
                other.set_remote(now, stream, description).unwrap();
            }
            _ => {}
        }
    }

    /// Puts a datagram on the wire.
    pub(crate) fn send(&mut self, sent: Sent) {
        self.log.push(sent.clone());
        if (self.passes)(&sent) {
            self.flying.insert((self.now + self.delay, self.log.len()), sent);
        }
    }

    fn deliver(&mut self) -> bool {
        let Some(entry) = self.flying.first_entry() else { return false };
        if entry.key().0 > self.now {
            return false;
        }
        let sent = entry.remove();
        let host = &mut self.hosts[1 - sent.host];
        if let Some(socket) = host.socket_at(sent.to) {
            let _ = host.session.handle_datagram(self.now, socket, sent.from, &sent.data);
            self.delivered.push(sent);
        }
        true
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let timeouts = self.hosts.iter().filter_map(|host| host.session.poll_timeout());
        timeouts.chain(self.flying.keys().next().map(|&(at, _)| at)).min()
    }

    /// Lets the next thing happen, at most up to this time; says whether there was one.
    pub(crate) fn step(&mut self, end: Instant) -> bool {
        self.settle();
        let next = self.next().filter(|&next| next <= end);
        self.now = next.unwrap_or(end);
        self.settle();
        next.is_some()
    }

    /// Lets so much time pass.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(next) = self.next().filter(|&next| next <= end) {
            self.now = next;
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Lets time pass until this holds; panics where it does not within 10 minutes.
    pub(crate) fn run_until(&mut self, holds: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(600);
        self.settle();
        while !holds(self) {
            let next = self.next().filter(|&next| next <= end);
            self.now = next.expect("what is waited for happens within 10 minutes");
            self.settle();
        }
    }

    pub(crate) fn run_until_completed(&mut self) {
        let completed = |host: &Host| host.session.state() == IceState::Completed;
        self.run_until(|wire| wire.hosts.iter().all(completed));
    }

    /// Sends data over the route of a component, at once, and says what the other side makes of it.
    pub(crate) fn send_data(
        &mut self,
        host: usize,
        component: ComponentId,
        data: &[u8],
    ) -> Option<Disposition> {
        let route = self.hosts[host].session.route(STREAM, component)?;
        let from = self.hosts[host].sockets[&route.socket];
        let now = self.now;
        let other = &mut self.hosts[1 - host];
        let socket = other.socket_at(route.to)?;
        Some(other.session.handle_datagram(now, socket, from, data))
    }

    /// The first datagrams of all transactions that a host started, with their time.
    pub(crate) fn new_requests(&self, host: usize) -> Vec<Sent> {
        let mut seen = std::collections::BTreeSet::new();
        let mine = self.log.iter().filter(|sent| sent.host == host);
        mine.filter(|sent| sent.request().is_some_and(|id| seen.insert(id))).cloned().collect()
    }
}
