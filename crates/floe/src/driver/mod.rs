//! The one task that owns the session: it reads the sockets, keeps the time, and does what the session asks for.

mod command;
mod nat64;
mod publish;
mod resolve;
mod sockets;
mod watch;

use std::{
    collections::VecDeque,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::{Interface, StreamId, address::Redacted};
use floe_net::{DatagramSocket, Link, Net, Trouble, trouble};
use floe_session::{Disposition, Output, Resolution, ServerId, Session, SocketId, Target};
use futures::{
    StreamExt as _,
    stream::{BoxStream, FuturesUnordered},
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Sleep,
};

pub(crate) use command::Command;
use nat64::Answer;
pub(crate) use publish::{Publisher, Subscribers};
use sockets::{Heard, Sockets};
use watch::Watch;

use crate::activity::Activity;

/// The only stream of an agent's session.
pub(crate) const STREAM: StreamId = StreamId(0);

/// How many datagrams of the session's own wait where a socket's send buffer is full. Checks are repeated, so past
/// that they are dropped and counted, as a network would.
const MAX_WAITING_SENDS: usize = 64;

/// How many commands are put off while a restart waits. The others wait where they are, and what is behind them.
const MAX_DEFERRED: usize = 64;

/// How many datagrams are handled in a row before commands and timers get their turn.
const MAX_IN_A_ROW: usize = 32;

/// From one look at which components data is sent on to the next, while there are any: media goes past the driver.
const LOOK_EACH: Duration = Duration::from_millis(100);

/// Something that is waited for beside the sockets.
type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What a [`Job`] came to.
enum Done {
    Listed(io::Result<Vec<Interface>>),
    /// What the network with these interfaces has told of a NAT64.
    Nat64(Vec<Interface>, Answer),
    /// The interfaces may have changed; what tells of the next change, unless nothing does any more.
    Changed(Option<BoxStream<'static, ()>>),
    Bound(SocketId, io::Result<Arc<dyn DatagramSocket>>),
    Resolved(ServerId, Result<Vec<Target>, String>),
    Connected(SocketId, io::Result<Arc<dyn DatagramSocket>>),
    Sent,
}

/// Owns the session and everything it needs of the world.
pub(crate) struct Driver {
    session: Session,
    net: Arc<dyn Net>,
    commands: mpsc::Receiver<Command>,
    /// Wakes the driver when data is sent after a pause.
    sending: Arc<Notify>,
    /// When to look again whether it still is.
    look_at: Option<Instant>,
    sockets: Sockets,
    jobs: FuturesUnordered<Job>,
    waiting_sends: usize,
    unsent: u64,
    publisher: Publisher,
    /// Whether `gather` was called.
    gathering: bool,
    watch: Watch,
    /// Whether a restart waits for the list of interfaces: later commands wait for it, so that none overtakes it.
    restarting: bool,
    deferred: VecDeque<Command>,
    closing: Closing,
}

/// Whether the agent goes on.
enum Closing {
    No,
    /// All handles are gone, or `close` was called; those that wait for the end.
    Yes(Vec<oneshot::Sender<()>>),
}

impl Driver {
    pub(crate) fn new(
        session: Session,
        net: Arc<dyn Net>,
        commands: mpsc::Receiver<Command>,
        sending: Arc<Notify>,
        publisher: Publisher,
    ) -> Self {
        Self {
            session,
            net,
            commands,
            sending,
            look_at: None,
            sockets: Sockets::new(),
            jobs: FuturesUnordered::new(),
            waiting_sends: 0,
            unsent: 0,
            publisher,
            gathering: false,
            watch: Watch::default(),
            restarting: false,
            deferred: VecDeque::new(),
            closing: Closing::No,
        }
    }

    /// Runs until the agent is closed.
    pub(crate) async fn run(mut self) {
        let timer = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(timer);
        loop {
            self.catch_up();
            self.drain();
            if let Closing::Yes(_) = self.closing {
                break;
            }
            let armed = arm(timer.as_mut(), self.deadline());
            tokio::select! {
                command = self.commands.recv(), if self.deferred.len() < MAX_DEFERRED => self.receive(command),
                heard = self.sockets.hear() => self.handle_heard(heard),
                Some(done) = self.jobs.next() => self.handle_done(done),
                () = self.sending.notified() => self.note_sent(Activity::see),
                () = timer.as_mut(), if armed => self.handle_timer(),
            }
        }
        self.end();
    }

    /// Closes the sockets first, then tells everyone.
    fn end(self) {
        let Self { closing, publisher, sockets, jobs, .. } = self;
        drop((jobs, sockets));
        drop(publisher);
        if let Closing::Yes(waiting) = closing {
            for reply in waiting {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(());
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.poll_timeout().into_iter().chain(self.look_at).chain(self.watch.next()).min()
    }

    fn handle_timer(&mut self) {
        let now = now();
        if self.look_at.take_if(|at| *at <= now).is_some() {
            self.note_sent(Activity::look);
        }
        self.look_if_due(now);
        if self.session.poll_timeout().is_some_and(|at| at <= now) {
            self.session.handle_timeout(now);
        }
    }

    /// Tells the session which components data was sent on. While there are any it is looked at again by the clock, so
    /// that no datagram has to wake the driver.
    fn note_sent(&mut self, is_new: impl Fn(&Activity) -> bool) {
        let now = now();
        for (component, _) in self.publisher.activities().filter(|(_, activity)| is_new(activity)) {
            self.session.note_sent(now, STREAM, component);
            self.look_at.get_or_insert(now + LOOK_EACH);
        }
    }

    fn handle_heard(&mut self, heard: Heard) {
        let mut heard = heard;
        for _ in 1..MAX_IN_A_ROW {
            if self.handle_one(heard) {
                self.drain();
            }
            let Some(next) = self.sockets.hear_now() else { return };
            heard = next;
        }
        self.handle_one(heard);
    }

    /// Whether the session may want something done: not after data, which is most of what comes.
    fn handle_one(&mut self, heard: Heard) -> bool {
        match heard {
            Heard::Datagram { socket, from, length } => self.handle_datagram(socket, from, length),
            Heard::Broken { socket, error } => {
                tracing::warn!(%socket, %error, "a socket broke");
                self.session.handle_socket_closed(now(), socket, &error.to_string());
                true
            }
        }
    }

    fn handle_datagram(&mut self, socket: SocketId, from: SocketAddr, length: usize) -> bool {
        let datagram = self.sockets.datagram(length);
        match self.session.handle_datagram(now(), socket, from, datagram) {
            Disposition::Consumed => true,
            Disposition::Data { component, .. } => {
                self.publisher.received(component, socket, from, datagram);
                false
            }
            Disposition::Relayed { component, from, data, .. } => {
                self.publisher.received(component, socket, from, data.of(datagram));
                false
            }
            // Some of what is dropped is answered, with an error.
            Disposition::Dropped(reason) => {
                tracing::trace!(%socket, %reason, from = %Redacted(from), "a datagram was dropped");
                true
            }
        }
    }

    fn handle_done(&mut self, done: Done) {
        match done {
            Done::Listed(result) => self.handle_listed(result),
            Done::Nat64(interfaces, answer) => self.handle_nat64(&interfaces, answer),
            Done::Changed(changes) => self.handle_changed(changes),
            Done::Bound(socket, result) => {
                let address = result.and_then(|open| {
                    let address = open.local_addr()?;
                    self.sockets.insert(socket, open);
                    Ok(address)
                });
                self.session.handle_bound(now(), socket, address.map_err(|error| error.to_string()));
            }
            Done::Resolved(server, result) => self.session.handle_resolved(now(), server, result),
            Done::Connected(socket, result) => {
                let connected = result.map(|open| self.sockets.insert(socket, open));
                let connected = connected.map_err(|error| error.to_string());
                self.session.handle_connected(now(), socket, connected);
            }
            Done::Sent => self.waiting_sends -= 1,
        }
    }

    /// Does all that the session asks for.
    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send { socket, to, data } => self.send(socket, to, data),
                Output::Bind { socket, address, .. } => self.bind(socket, address),
                Output::Resolve { server, resolution } => self.resolve(server, resolution),
                Output::Connect { socket, from, to, transport, name } => {
                    self.connect(socket, Link::new(from, to, transport).name(name));
                }
                Output::Close { socket } => self.sockets.close(socket),
                Output::Event(event) => self.publisher.event(&event),
            }
        }
        self.publisher.update(&self.session, &self.sockets);
    }

    fn bind(&mut self, socket: SocketId, address: SocketAddr) {
        let net = Arc::clone(&self.net);
        self.jobs.push(Box::pin(async move { Done::Bound(socket, net.bind_udp(address).await) }));
    }

    fn resolve(&mut self, server: ServerId, resolution: Box<Resolution>) {
        let net = Arc::clone(&self.net);
        self.jobs
            .push(Box::pin(async move { Done::Resolved(server, resolve::resolve(net, resolution).await) }));
    }

    fn connect(&mut self, socket: SocketId, link: Link) {
        let net = Arc::clone(&self.net);
        self.jobs.push(Box::pin(async move { Done::Connected(socket, net.connect(&link).await) }));
    }

    /// Sends a datagram of the session's own. Where the system does not take it at once it waits aside, so that one
    /// full socket does not hold up the others.
    fn send(&mut self, socket: SocketId, to: SocketAddr, data: Bytes) {
        let Some(open) = self.sockets.get(socket) else {
            self.unsent += 1;
            return;
        };
        match open.try_send_to(&data, to) {
            Ok(()) => {}
            Err(error) if trouble(&error) == Trouble::Busy && self.waiting_sends < MAX_WAITING_SENDS => {
                self.waiting_sends += 1;
                self.jobs.push(Box::pin(send_later(Arc::clone(open), to, data)));
            }
            Err(error) => {
                // A check that is not sent is a check that is lost: it is sent again, and fails in the end.
                self.unsent += 1;
                tracing::debug!(%socket, to = %Redacted(to), %error, "a datagram was not sent");
            }
        }
    }
}

async fn send_later(socket: Arc<dyn DatagramSocket>, to: SocketAddr, data: Bytes) -> Done {
    while socket.writable().await.is_ok() {
        match socket.try_send_to(&data, to) {
            Err(error) if trouble(&error) == Trouble::Busy => {}
            _ => break,
        }
    }
    Done::Sent
}

/// The time as tokio sees it, so that a paused clock holds for the session, too.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Sets the timer; `false` where there is nothing to wait for.
fn arm(timer: Pin<&mut Sleep>, deadline: Option<Instant>) -> bool {
    let Some(deadline) = deadline else { return false };
    let deadline = tokio::time::Instant::from_std(deadline);
    if timer.deadline() != deadline || timer.is_elapsed() {
        timer.reset(deadline);
    }
    true
}
