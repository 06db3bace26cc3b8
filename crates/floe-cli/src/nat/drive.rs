//! Between the discovery and the system's sockets.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use floe_core::{BaseId, Received};
use floe_nat::{Action, Config, Discovery, DiscoveryError, Event, Report};
use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};
use tokio::{
    net::UdpSocket,
    sync::mpsc::{Receiver, Sender, channel},
    task::AbortHandle,
};

use super::place::Place;

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// How many datagrams wait for the discovery; more are lost, as on any network.
const WAITING: usize = 64;

/// How long a socket that fails is left alone: it must not keep the program busy.
const PAUSE: Duration = Duration::from_millis(10);

/// A datagram and the socket that it came to.
type Arrival = (BaseId, SocketAddr, Vec<u8>);

/// Runs a discovery to its end: the report, or in words why there is none.
pub(super) async fn run(config: Config, place: Place) -> io::Result<Result<Report, String>> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let discovery = match Discovery::new(config, place.server, ChaCha20Rng::from_seed(seed)) {
        Ok(discovery) => discovery,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let (arrived, arrivals) = channel(WAITING);
    let progress = progress(&discovery);
    let driver = Driver { discovery, place, sockets: BTreeMap::new(), arrived, progress, send_error: None };
    Ok(driver.run(arrivals).await)
}

/// A bar where a person looks; nothing otherwise.
fn progress(discovery: &Discovery) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(discovery.tests().count() as u64);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.set_message(format!("asking {}", discovery.server()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

struct Driver {
    discovery: Discovery,
    place: Place,
    sockets: BTreeMap<BaseId, Socket>,
    arrived: Sender<Arrival>,
    progress: ProgressBar,
    /// What the system said when a datagram could not be sent.
    send_error: Option<io::Error>,
}

struct Socket {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Driver {
    async fn run(mut self, mut arrivals: Receiver<Arrival>) -> Result<Report, String> {
        self.discovery.start(Instant::now());
        loop {
            if let Some(result) = self.drain().await {
                self.progress.finish_and_clear();
                return result.map_err(|error| self.explain(&error));
            }
            let deadline = self.discovery.poll_timeout();
            tokio::select! {
                // The answer before the deadline that it came in time for.
                biased;
                Some((base, from, payload)) = arrivals.recv() => {
                    let received = Received { base, from, payload: &payload };
                    self.discovery.handle(Instant::now(), received);
                }
                () = sleep_until(deadline) => self.discovery.handle_timeout(Instant::now()),
            }
        }
    }

    /// Does all that the discovery wants; its result where it has one.
    async fn drain(&mut self) -> Option<Result<Report, DiscoveryError>> {
        loop {
            if let Some(action) = self.discovery.poll_action() {
                self.carry_out(action).await;
            } else if let Some(transmit) = self.discovery.poll_transmit() {
                let Some(Socket { socket, .. }) = self.sockets.get(&transmit.base) else { continue };
                if let Err(error) = socket.send_to(&transmit.payload, transmit.to).await {
                    tracing::debug!(%error, "a datagram was not sent");
                    self.send_error = Some(error);
                }
            } else {
                match self.discovery.poll_event()? {
                    Event::Finished(report) => return Some(Ok(*report)),
                    Event::Failed(error) => return Some(Err(error)),
                    Event::Done(test) => {
                        self.progress.inc(1);
                        self.progress.set_message(format!("{test} is found out"));
                    }
                    _ => {}
                }
            }
        }
    }

    async fn carry_out(&mut self, action: Action) {
        match action {
            Action::Bind { base, port } => {
                let bound = self.bind(base, port).await.map_err(|error| error.to_string());
                self.discovery.handle_bound(Instant::now(), base, bound);
            }
            Action::Close(base) => drop(self.sockets.remove(&base)),
        }
    }

    async fn bind(&mut self, base: BaseId, port: u16) -> io::Result<SocketAddr> {
        let mut local = SocketAddr::new(self.place.local, port);
        if let (SocketAddr::V6(local), SocketAddr::V6(server)) = (&mut local, self.place.server) {
            local.set_scope_id(server.scope_id());
        }
        let socket = Arc::new(UdpSocket::bind(local).await?);
        let local = socket.local_addr()?;
        let reader = tokio::spawn(read(base, Arc::clone(&socket), self.arrived.clone())).abort_handle();
        self.sockets.insert(base, Socket { socket, reader });
        Ok(local)
    }

    /// An error, with what the system said where that is the reason.
    fn explain(&self, error: &DiscoveryError) -> String {
        match &self.send_error {
            Some(said) if matches!(error, DiscoveryError::NoAnswer { .. }) => format!("{error} ({said})"),
            _ => error.to_string(),
        }
    }
}

/// Hands on what comes to a socket, until nobody takes it.
async fn read(base: BaseId, socket: Arc<UdpSocket>, arrived: Sender<Arrival>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let payload = buffer.get(..length).unwrap_or_default().to_vec();
                if arrived.send((base, from, payload)).await.is_err() {
                    return;
                }
            }
            // What an ICMP message says of an earlier datagram; the next one may come through.
            Err(error) => {
                tracing::debug!(%error, "a socket has nothing to read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Sleeps until then; for ever where there is nothing to wait for.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
