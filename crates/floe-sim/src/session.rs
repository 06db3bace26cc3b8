//! An ICE session as a node.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::{Candidate, ComponentId, Interface, ServerTransport, StreamId};
use floe_session::{
    AddRemoteError, Disposition, DropReason, Event, LocalParameters, Output, RemoteDescription, Session,
    SetRemoteError, SocketId,
};

use crate::{Action, BindError, HostId, Node, Simulation, Spinning};

/// A [`Session`] on a host: its sockets are the host's, and what it tells is written down with the time.
///
/// Commands go through [`drive`](Self::drive). What the session wants signalled is fetched with
/// [`take_signals`](Self::take_signals); a [`Call`] brings it to the other session.
///
/// # Examples
/// Two sessions on a link of 25 ms each way, at 5 % loss. Another seed is another call; the same one is the same call.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use floe_core::{Role, StreamId};
/// use floe_session::{IceState, RemoteDescription, Session, SessionConfig};
/// use floe_sim::{Call, Host, Link, SessionNode, Simulation};
///
/// let start = Instant::now();
/// let stream = StreamId(0);
/// let mut simulation = Simulation::new(start, 42);
/// let mut add = |role, ip: &str, seed| {
///     let host = Host::new().address(ip.parse().unwrap());
///     let interfaces = host.interfaces().to_vec();
///     let session = Session::new(SessionConfig::new([seed; 32]).role(role));
///     let id = simulation.add(host, SessionNode::new(session)).unwrap();
///     simulation.node_mut(id).unwrap().gather(start, &interfaces);
///     id
/// };
/// let (a, b) = (add(Role::Controlling, "192.0.2.1", 1), add(Role::Controlled, "192.0.2.2", 2));
/// simulation.network_mut().connect(a, b, Link::new(Duration::from_millis(25)).loss(0.05));
///
/// for (from, to) in [(a, b), (b, a)] {
///     let credentials = simulation.node(from).unwrap().session().local(stream).unwrap().credentials;
///     let description = RemoteDescription::new(credentials);
///     simulation.node_mut(to).unwrap().drive(start, |session| session.set_remote(start, stream, description))?;
/// }
/// let call = Call { ends: [a, b], delay: Duration::from_millis(40) };
/// let state = |simulation: &Simulation<SessionNode>, host| simulation.node(host).unwrap().session().state();
/// let done = call.run_while(&mut simulation, start + Duration::from_secs(60), |simulation| {
///     [a, b].iter().any(|&host| state(simulation, host) != IceState::Completed)
/// })?;
/// assert!(done);
/// println!("connected after {:?}", simulation.elapsed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SessionNode {
    session: Session,
    addresses: BTreeMap<SocketId, SocketAddr>,
    sockets: BTreeMap<SocketAddr, SocketId>,
    /// Those that reach one server only, and which.
    links: BTreeMap<SocketId, SocketAddr>,
    actions: VecDeque<Action>,
    signals: VecDeque<Signal>,
    events: Vec<(Instant, Event)>,
    data: Vec<Data>,
    dropped: Vec<(Instant, DropReason)>,
}

/// What a session wants brought to its peer by signalling.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A candidate.
    Candidate {
        /// Its stream.
        stream: StreamId,
        /// The candidate.
        candidate: Candidate,
    },
    /// The stream begins anew: the description of the new generation.
    Restart {
        /// The stream.
        stream: StreamId,
        /// What the session says of itself.
        local: Box<LocalParameters>,
    },
    /// The end of the candidates.
    End {
        /// Of this stream.
        stream: StreamId,
        /// Of the candidates that belong to this ufrag.
        ufrag: Box<str>,
    },
}

/// Why a session did not take what its peer signalled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// A candidate, or the end of them.
    #[error(transparent)]
    Candidate(#[from] AddRemoteError),
    /// The description of a new generation.
    #[error(transparent)]
    Description(#[from] SetRemoteError),
}

/// Application data that a session received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// When.
    pub at: Instant,
    /// For which stream.
    pub stream: StreamId,
    /// For which component.
    pub component: ComponentId,
    /// Where from.
    pub from: SocketAddr,
    /// On which socket it came in.
    pub local: SocketAddr,
    /// What.
    pub payload: Bytes,
}

impl SessionNode {
    /// A node of this session.
    #[must_use]
    pub const fn new(session: Session) -> Self {
        Self {
            session,
            addresses: BTreeMap::new(),
            sockets: BTreeMap::new(),
            links: BTreeMap::new(),
            actions: VecDeque::new(),
            signals: VecDeque::new(),
            events: Vec::new(),
            data: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// The session, to look at.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Gives the session a command, and takes what it wants done.
    pub fn drive<R>(&mut self, now: Instant, command: impl FnOnce(&mut Session) -> R) -> R {
        let result = command(&mut self.session);
        self.collect(now);
        result
    }

    /// Begins to gather on these interfaces: those of the [`Host`](crate::Host) it runs on.
    pub fn gather(&mut self, now: Instant, interfaces: &[Interface]) {
        self.drive(now, |session| {
            session.gather(now);
            session.handle_interfaces(now, interfaces);
        });
    }

    /// Sends application data over the route that the component has now. Says whether there is one.
    pub fn send(&mut self, now: Instant, stream: StreamId, component: ComponentId, payload: &[u8]) -> bool {
        self.drive(now, |session| session.send_data(now, stream, component, payload).is_ok())
    }

    /// What is to be signalled, since last asked.
    pub fn take_signals(&mut self) -> Vec<Signal> {
        self.signals.drain(..).collect()
    }

    /// A signal of the peer arrived.
    ///
    /// # Errors
    /// The session does not take it.
    pub fn handle_signal(&mut self, now: Instant, signal: Signal) -> Result<(), SignalError> {
        self.drive(now, |session| match signal {
            Signal::Restart { stream, local } => {
                Ok(session.set_remote(now, stream, RemoteDescription::from(&*local))?)
            }
            Signal::Candidate { stream, candidate } => {
                Ok(session.add_remote(now, stream, candidate).map(|_| ())?)
            }
            Signal::End { stream, ufrag } => Ok(session.end_of_remote(now, stream, Some(&ufrag))?),
        })
    }

    /// All that the session told, and when.
    #[must_use]
    pub fn events(&self) -> &[(Instant, Event)] {
        &self.events
    }

    /// The application data that came.
    #[must_use]
    pub fn data(&self) -> &[Data] {
        &self.data
    }

    /// Why datagrams were dropped, and when they came.
    #[must_use]
    pub fn dropped(&self) -> &[(Instant, DropReason)] {
        &self.dropped
    }

    /// The session's sockets, as they are bound.
    pub fn sockets(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.keys().copied()
    }

    fn collect(&mut self, now: Instant) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send { socket, to, data } => {
                    let is_for = |server: &SocketAddr| *server == to;
                    let leads_there = self.links.get(&socket).is_none_or(is_for);
                    if let Some(&from) = self.addresses.get(&socket).filter(|_| leads_there) {
                        self.actions.push_back(Action::Send { from, to, payload: data });
                    }
                }
                Output::Bind { socket, address, .. } => {
                    self.actions.push_back(Action::Bind { tag: socket.0.into(), address });
                }
                Output::Resolve { server, .. } => {
                    self.session.handle_resolved(now, server, Err("there are no names here".to_owned()));
                }
                // Over UDP that is one more port for a server.
                Output::Connect { socket, from, to, transport: ServerTransport::Udp, .. } => {
                    self.links.insert(socket, to);
                    self.actions.push_back(Action::Bind { tag: socket.0.into(), address: from });
                }
                // Servers of the simulator speak nothing else.
                Output::Connect { socket, transport, .. } => {
                    let why = format!("no connections over {transport} here");
                    self.session.handle_connected(now, socket, Err(why));
                }
                Output::Close { socket } => {
                    self.links.remove(&socket);
                    if let Some(address) = self.addresses.remove(&socket) {
                        self.sockets.remove(&address);
                        self.actions.push_back(Action::Close(address));
                    }
                }
                Output::Event(event) => self.note(now, event),
            }
        }
    }

    fn note(&mut self, now: Instant, event: Event) {
        match &event {
            Event::Candidate { stream, candidate, ufrag, .. } => {
                let named = candidate.clone().with_extension("ufrag", ufrag);
                let candidate = named.unwrap_or_else(|_| candidate.clone());
                self.signals.push_back(Signal::Candidate { stream: *stream, candidate });
            }
            Event::EndOfCandidates { stream, ufrag } => {
                self.signals.push_back(Signal::End { stream: *stream, ufrag: ufrag.clone() });
            }
            Event::Restarted { stream, local, .. } => {
                self.signals.push_back(Signal::Restart { stream: *stream, local: Box::new(local.clone()) });
            }
            _ => {}
        }
        self.events.push((now, event));
    }
}

impl Node for SessionNode {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        let Some(&socket) = self.sockets.get(&local) else { return };
        if self.links.get(&socket).is_some_and(|server| *server != from) {
            return;
        }
        match self.session.handle_datagram(now, socket, from, payload) {
            Disposition::Consumed => {}
            Disposition::Data { stream, component } => {
                let payload = Bytes::copy_from_slice(payload);
                self.data.push(Data { at: now, stream, component, from, local, payload });
            }
            Disposition::Relayed { stream, component, from, data } => {
                let payload = Bytes::copy_from_slice(data.of(payload));
                self.data.push(Data { at: now, stream, component, from, local, payload });
            }
            Disposition::Dropped(why) => self.dropped.push((now, why)),
        }
        self.collect(now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        // The tag is one that `collect` made of a socket's number.
        let Ok(number) = u32::try_from(tag) else { return };
        let socket = SocketId(number);
        if let Ok(address) = result {
            self.addresses.insert(socket, address);
            self.sockets.insert(address, socket);
        }
        let result = result.map_err(|error| error.to_string());
        let link = self.links.contains_key(&socket);
        if result.is_err() {
            self.links.remove(&socket);
        }
        if link {
            self.session.handle_connected(now, socket, result.map(drop));
        } else {
            self.session.handle_bound(now, socket, result);
        }
        self.collect(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        self.collect(now);
    }
}

/// Two sessions and the signalling between them: what one of them wants signalled comes to the other after a delay, and
/// in order.
///
/// The first descriptions are not signalled by it: set them with [`SessionNode::drive`], now or at a planned time. Those
/// of a restart are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The two.
    pub ends: [HostId; 2],
    /// How long signalling takes.
    pub delay: Duration,
}

impl Call {
    /// Runs while this holds, and up to this time at most. Says whether it ended because it did not hold any more; the
    /// clock then shows when.
    ///
    /// A candidate that the other session does not take is lost.
    ///
    /// # Errors
    /// A node never comes to rest.
    pub fn run_while(
        &self,
        simulation: &mut Simulation<SessionNode>,
        end: Instant,
        mut holds: impl FnMut(&Simulation<SessionNode>) -> bool,
    ) -> Result<bool, Spinning> {
        loop {
            simulation.next_step()?;
            let [a, b] = self.ends;
            self.relay(simulation, a, b);
            self.relay(simulation, b, a);
            if !holds(simulation) {
                return Ok(true);
            }
            match simulation.next_step()? {
                Some(at) if at <= end => simulation.step()?,
                _ => return Ok(false),
            };
        }
    }

    fn relay(&self, simulation: &mut Simulation<SessionNode>, from: HostId, to: HostId) {
        let Some(node) = simulation.node_mut(from) else { return };
        let signals = node.take_signals();
        let at = simulation.now() + self.delay;
        for signal in signals {
            simulation.plan(at, move |simulation| {
                let now = simulation.now();
                if let Some(node) = simulation.node_mut(to) {
                    let _ = node.handle_signal(now, signal);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use floe_core::Role;
    use floe_session::{IceState, SessionConfig};

    use super::*;
    use crate::{Host, Link};

    const STREAM: StreamId = StreamId(0);

    #[test]
    fn two_sessions_connect_and_exchange_data() {
        #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
        let epoch = Instant::now();
        let mut simulation = Simulation::new(epoch, 1);
        let hosts = [(Role::Controlling, "192.0.2.1", 1), (Role::Controlled, "192.0.2.2", 2)].map(
            |(role, ip, seed)| {
                let host = Host::new().address(ip.parse().unwrap());
                let interfaces = host.interfaces().to_vec();
                let session = Session::new(SessionConfig::new([seed; 32]).role(role));
                let id = simulation.add(host, SessionNode::new(session)).unwrap();
                simulation.node_mut(id).unwrap().gather(epoch, &interfaces);
                id
            },
        );
        let [a, b] = hosts;
        simulation.network_mut().connect(a, b, Link::new(Duration::from_millis(10)));
        for (from, to) in [(a, b), (b, a)] {
            let credentials = simulation.node(from).unwrap().session().local(STREAM).unwrap().credentials;
            let node = simulation.node_mut(to).unwrap();
            node.drive(epoch, |session| {
                session.set_remote(epoch, STREAM, RemoteDescription::new(credentials)).unwrap();
            });
        }
        let done = |simulation: &Simulation<SessionNode>| {
            hosts.iter().all(|&host| simulation.node(host).unwrap().session().state() == IceState::Completed)
        };
        let call = Call { ends: hosts, delay: Duration::from_millis(10) };
        let end = epoch + Duration::from_secs(1);
        assert_eq!(call.run_while(&mut simulation, end, |simulation| !done(simulation)), Ok(true));
        let sent = simulation.now();
        assert!(simulation.node_mut(a).unwrap().send(sent, STREAM, ComponentId::RTP, b"hello"));
        simulation.run_for(Duration::from_millis(10)).unwrap();
        let node = simulation.node(b).unwrap();
        let data = &node.data()[0];
        assert_eq!((data.at - sent, &data.payload[..]), (Duration::from_millis(10), &b"hello"[..]));
        assert_eq!((node.sockets().count(), node.dropped()), (1, &[][..]));
    }
}
