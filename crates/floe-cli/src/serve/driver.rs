//! Listens, and lets the server do its work.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    net::SocketAddr,
    time::Instant,
};

use tokio::sync::mpsc;
use turn_server_proto::stun::types::TransportType;

use super::{
    announce::Announcement,
    options::Settings,
    server::{Action, ListenerId, Server},
    sockets::{Accepting, Input, Inputs, Reading, bind_relay, listen_tcp, listen_udp},
};

/// How many inputs may wait. When there are more, sockets are not read, and the system drops what is too much.
const WAITING: usize = 1_024;
/// How many ports are tried where any free one may be taken over UDP and TCP alike.
const TRIES: usize = 20;

/// Why serving failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// Somebody has the address, or this machine has it not.
    #[error("cannot listen at {at}: {why}")]
    Listen { at: SocketAddr, why: io::Error },
    /// Who is to read the URLs has gone.
    #[error("cannot print: {0}")]
    Print(io::Error),
    /// The system refuses something that every program needs.
    #[error("{0}")]
    System(io::Error),
}

/// Serves until it is interrupted.
pub(super) fn serve(settings: &Settings, json: bool) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(ServeError::System)?.block_on(async {
        let (inputs, mut incoming) = mpsc::channel(WAITING);
        let mut driver = Driver::listen(settings, inputs)?;
        driver.announce(settings, json).map_err(ServeError::Print)?;
        tokio::select! {
            () = driver.run(&mut incoming) => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(ServeError::System),
        }
    })
}

/// A place that it listens at.
#[derive(Debug)]
enum Listener {
    Udp(Reading),
    Tcp(#[allow(dead_code, reason = "it accepts as long as it is kept")] Accepting),
}

/// All sockets, and the server.
#[derive(Debug)]
struct Driver {
    server: Server,
    listeners: Vec<Listener>,
    /// Where it listens, over UDP and TCP.
    listening: Vec<SocketAddr>,
    relays: BTreeMap<SocketAddr, Reading>,
    /// The clients that are connected over TCP.
    sinks: BTreeMap<(ListenerId, SocketAddr), mpsc::Sender<Vec<u8>>>,
    inputs: Inputs,
}

impl Driver {
    fn listen(settings: &Settings, inputs: Inputs) -> Result<Self, ServeError> {
        let (mut listeners, mut places, mut listening) = (Vec::new(), Vec::new(), Vec::new());
        for at in &settings.listen {
            let next = listeners.len();
            let found = listen_both(*at, next, &inputs).map_err(|why| ServeError::Listen { at: *at, why })?;
            let (at, udp, tcp) = found;
            listeners.extend([Listener::Udp(udp), Listener::Tcp(tcp)]);
            places.extend([(TransportType::Udp, at), (TransportType::Tcp, at)]);
            listening.push(at);
        }
        let server = Server::new(settings, &places, Instant::now());
        Ok(Self { server, listeners, listening, relays: BTreeMap::new(), sinks: BTreeMap::new(), inputs })
    }

    fn announce(&self, settings: &Settings, json: bool) -> io::Result<()> {
        let announcement = Announcement::new(settings, &self.listening);
        let text = if json { announcement.json() } else { announcement.text() };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        stdout.flush()
    }

    async fn run(&mut self, incoming: &mut mpsc::Receiver<Input>) {
        loop {
            let deadline = self.server.poll_timeout();
            let expiry = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                input = incoming.recv() => match input {
                    Some(input) => self.handle(input),
                    None => return,
                },
                () = expiry => self.server.handle_timeout(Instant::now()),
            }
            while let Some(action) = self.server.poll_action() {
                self.act(action);
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Client { listener, from, payload } => {
                self.server.handle_client(now, listener, from, &payload);
            }
            Input::Peer { relay, from, payload } => self.server.handle_peer(now, relay, from, &payload),
            Input::Connected { listener, from, sink } => {
                self.sinks.insert((listener, from), sink);
            }
            Input::Gone { listener, from } => {
                self.sinks.remove(&(listener, from));
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::ToClient { listener, to, payload } => self.send(listener, to, payload),
            Action::FromRelay { from, to, payload } => {
                if let Some(relay) = self.relays.get(&from) {
                    relay.send(to, &payload);
                }
            }
            Action::Bind { relay, ip } => {
                let bound = bind_relay(ip, &self.inputs);
                let bound = bound.inspect_err(|error| tracing::warn!(%error, "a relay was not bound"));
                let address = bound.ok().map(|(address, reading)| {
                    self.relays.insert(address, reading);
                    address
                });
                self.server.handle_bound(Instant::now(), relay, address);
            }
            Action::Close(relay) => {
                self.relays.remove(&relay);
                tracing::debug!(dropped = self.server.dropped(), "a relay was closed");
            }
        }
    }

    fn send(&mut self, listener: ListenerId, to: SocketAddr, payload: Vec<u8>) {
        if let Some(Listener::Udp(socket)) = self.listeners.get(listener.0) {
            return socket.send(to, &payload);
        }
        let Some(sink) = self.sinks.get(&(listener, to)) else { return };
        if sink.try_send(payload).is_err() {
            // It does not read, or is gone: without its sink its connection ends.
            self.sinks.remove(&(listener, to));
        }
    }
}

/// Listens at one address over UDP and TCP. Where any port may be taken, it is the same for both.
fn listen_both(at: SocketAddr, next: usize, inputs: &Inputs) -> io::Result<(SocketAddr, Reading, Accepting)> {
    let mut last = None;
    for _ in 0..TRIES {
        let (bound, udp) = listen_udp(at, ListenerId(next), inputs.clone())?;
        match listen_tcp(bound, ListenerId(next + 1), inputs.clone()) {
            Ok((_, tcp)) => return Ok((bound, udp, tcp)),
            Err(error) if at.port() == 0 => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}
