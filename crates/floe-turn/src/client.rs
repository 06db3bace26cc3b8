//! The client.

mod answer;
mod receive;
mod reclaim;
mod send;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::{BaseId, Transmit, address};
use floe_stun::{Due, TransactionId, Transactions};
use rand::rngs::ChaCha20Rng;

use crate::{
    AddressFamily,
    allocation::Allocation,
    auth::Auth,
    channels::Channels,
    config::{ClientConfig, ConfigError},
    event::{Event, PeerError, Relay},
    held::Held,
    keepalive::{self, Keepalive},
    lease::Step,
    outbox::Outbox,
    permissions::{Permissions, Standing},
    queue::Queue,
    reason::{DropReason, RequestError},
    request::{self, Ask, Flight, Request},
};

/// How long a renewal waits for its slot before it leaves without one.
const PATIENCE: Duration = Duration::from_secs(1);

/// A client of one TURN server, with one allocation, over UDP (RFC 8656).
///
/// Sans-IO. Call order: [`start`](Self::start) makes one that wants to allocate. From then on
///
/// - give it a slot with [`start_next`](Self::start_next) whenever the pace allows, while [`has_next`](Self::has_next);
/// - give it what comes from the server's address on its base with [`handle`](Self::handle);
/// - call [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has come;
/// - after each call drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event).
///
/// `now` never goes back. Every call that takes `now` may move `poll_timeout`.
///
/// # The pace
/// New transactions wait for slots, for RFC 8445 14.2 paces those of gathering and checks together: the first Allocate,
/// permissions, channels, refreshes, and the repetition of any of them after a challenge. A refresh or renewal has a
/// minute before something ends; one that got no slot within a second leaves through `poll_transmit` without, so that a
/// busy session cannot starve it. Retransmissions, data, and what gives the allocation back at its end wait for nobody.
///
/// # Keepalives
/// While there is an allocation and nothing else is sent to the server, a Binding indication leaves through
/// `poll_transmit` every [`keepalive`](ClientConfig::keepalive): a NAT on the way that forgot the base would give it
/// another address, which has no allocation. Data that goes by [`channel_header`](Self::channel_header) is not seen here,
/// and puts nothing off.
///
/// # A success that was lost
/// Servers that remember no answers take a repeated Allocate for a second one, and say 437. What they have allocated is
/// given back then and asked for anew, a few times at most; see [`RequestError::AllocationMismatch`].
///
/// # Bounds
/// Permissions, channels, held datagrams, what waits to be polled, and the repetitions of a request are all limited.
/// Nothing from the network makes a call fail.
pub struct Client {
    config: ClientConfig,
    rng: ChaCha20Rng,
    auth: Auth,
    allocation: Allocation,
    permissions: Permissions,
    channels: Channels,
    queue: Queue,
    open: Transactions<Flight>,
    held: Held,
    out: Outbox,
    keepalive: Keepalive,
    deadline: Option<Instant>,
}

impl Client {
    /// A client that wants to allocate. The generator makes the transaction ids: it has to be seeded with secret bytes.
    ///
    /// # Errors
    /// The configuration holds what cannot be sent.
    pub fn start(now: Instant, config: ClientConfig, rng: ChaCha20Rng) -> Result<Self, ConfigError> {
        config.check()?;
        let mut client = Self {
            auth: Auth::new(&config.username, &config.password)?,
            allocation: Allocation::Allocating,
            permissions: Permissions::new(config.max_permissions),
            channels: Channels::new(config.max_channels),
            queue: Queue::default(),
            open: Transactions::new(),
            held: Held::default(),
            out: Outbox::default(),
            keepalive: Keepalive::new(now, config.keepalive),
            deadline: None,
            config,
            rng,
        };
        client.queue.push(Request::patient(Ask::Allocate));
        client.settle(now);
        Ok(client)
    }

    /// Whether a new transaction waits for a slot.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.queue.has_waiting() || self.held.has_free()
    }

    /// Starts at most one new transaction: one slot of the pace.
    pub fn start_next(&mut self, now: Instant) -> Option<Transmit> {
        // What was held for a permission is mostly a check, which has waited for its slot once before.
        let mut transmit = self.release();
        while transmit.is_none() {
            let Some(request) = self.queue.pop() else { break };
            transmit = self.launch(now, request);
        }
        self.settle(now);
        transmit
    }

    fn release(&mut self) -> Option<Transmit> {
        let held = self.held.pop_free()?;
        if let Some(transaction) = held.transaction {
            self.out.tell(Event::Departed { peer: held.peer, transaction });
        }
        Some(Transmit { base: self.config.base, to: self.config.server, payload: held.datagram })
    }

    /// Wants the permission that lets this peer in, from whatever port, and keeps it until
    /// [`lapse`](Self::lapse) (RFC 8656 9). [`Event::Permitted`] or [`Event::PermissionFailed`] follows, unless it is
    /// there already; one that was refused is asked for anew.
    ///
    /// # Errors
    /// There can be no such permission, or no more of them.
    pub fn permit(&mut self, now: Instant, ip: IpAddr) -> Result<(), PeerError> {
        let ip = ip.to_canonical();
        // The port plays no part; any will do to see whether the address does.
        self.check_peer(SocketAddr::new(ip, 1))?;
        self.want_permission(ip)?;
        self.settle(now);
        Ok(())
    }

    /// Wants a channel to this peer, and its permission with it, and keeps both until [`lapse`](Self::lapse)
    /// (RFC 8656 12). [`Event::ChannelBound`] or [`Event::ChannelFailed`] follows, unless it is there already. Until
    /// then data goes by indication.
    ///
    /// # Errors
    /// There can be no such channel, or no more of them.
    pub fn bind_channel(&mut self, now: Instant, peer: SocketAddr) -> Result<(), PeerError> {
        let peer = canonical(peer);
        self.check_peer(peer)?;
        self.want_permission(peer.ip())?;
        if let Some(channel) = self.channels.want(peer).map_err(|_| PeerError::TooManyPeers)? {
            self.queue.push(Request::patient(Ask::Bind(peer, channel)));
        }
        self.settle(now);
        Ok(())
    }

    /// Renews permission and channels of this address no more: they end by themselves, the permission within five
    /// minutes, the channels within ten. There is no other way to give them back.
    pub fn lapse(&mut self, now: Instant, ip: IpAddr) {
        let ip = ip.to_canonical();
        self.permissions.lapse(ip);
        self.channels.lapse(ip);
        self.settle(now);
    }

    /// Gives the allocation back (RFC 8656 8), with no more than a few repetitions: drain
    /// [`poll_transmit`](Self::poll_transmit), and keep the base until [`is_closed`](Self::is_closed) if the server
    /// shall surely hear of it.
    pub fn close(&mut self, now: Instant) {
        if matches!(self.allocation, Allocation::Closing | Allocation::Ended) {
            return;
        }
        // An Allocate without credentials has allocated nothing.
        let at_server = self.allocation.relay().is_some() || self.auth.credential().is_some();
        self.allocation.close(at_server);
        self.forget_all();
        if at_server {
            self.queue.push(Request::until(Ask::Delete, now));
        }
        self.settle(now);
    }

    /// Whether there is no allocation and will be none: it failed, was lost, or was given back.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.allocation, Allocation::Ended)
    }

    /// The next datagram to send; `None` when there is no more.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let payload = self.out.poll_datagram()?;
        Some(Transmit { base: self.config.base, to: self.config.server, payload })
    }

    /// What has happened; `None` when there is no more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.poll_event()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do; `None`: not at all.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.allocation.is_over(now) {
            self.lose(RequestError::TimedOut);
        }
        while let Some(due) = self.open.poll(now) {
            match due {
                Due::Resend { datagram, .. } => self.put(now, datagram),
                // It was refused, and its allocation waits to be given back.
                Due::TimedOut { cancelled: true, .. } => {}
                Due::TimedOut { key, integrity_violated: true, .. } => {
                    self.failed(now, key.request, RequestError::IntegrityViolated);
                }
                Due::TimedOut { key, .. } => self.failed(now, key.request, RequestError::TimedOut),
            }
        }
        self.queue.wake(now);
        if let Some(due) = self.allocation.refresh_due(now) {
            self.queue.push_first(Request::until(Ask::Refresh, due + PATIENCE));
        }
        self.step_permissions(now);
        self.step_channels(now);
        self.keep_alive(now);
        self.settle(now);
    }

    /// The base that it sends from.
    #[must_use]
    pub const fn base(&self) -> BaseId {
        self.config.base
    }

    /// Its server.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.config.server
    }

    /// What is allocated; `None` before and after.
    #[must_use]
    pub const fn relay(&self) -> Option<&Relay> {
        self.allocation.relay()
    }

    /// Whether this peer has permission.
    #[must_use]
    pub fn is_permitted(&self, ip: IpAddr) -> bool {
        self.permissions.standing(ip.to_canonical()) == Standing::Permitted
    }

    /// How many of the server's datagrams were dropped, by reason.
    #[must_use]
    pub const fn dropped(&self) -> &BTreeMap<DropReason, u64> {
        self.out.dropped()
    }

    /// How many datagrams of ours were given up or refused while their peer had no permission.
    #[must_use]
    pub const fn held_dropped(&self) -> u64 {
        self.held.dropped()
    }

    /// Whether the relayed address can reach the peer.
    fn check_peer(&self, peer: SocketAddr) -> Result<(), PeerError> {
        let relay = self.allocation.relay().ok_or(PeerError::NotAllocated)?;
        let same = family_of(relay.relayed.ip()) == family_of(peer.ip());
        match address::check_destination(peer) {
            Ok(()) if same => Ok(()),
            _ => Err(PeerError::UnreachablePeer),
        }
    }

    fn want_permission(&mut self, ip: IpAddr) -> Result<(), PeerError> {
        if self.permissions.want(ip).map_err(|_| PeerError::TooManyPeers)? {
            self.queue.push(Request::patient(Ask::Permit(ip)));
        }
        Ok(())
    }

    fn step_permissions(&mut self, now: Instant) {
        for (ip, step) in self.permissions.steps(now) {
            let ask = Ask::Permit(ip);
            match step {
                Step::Renew { due } => self.queue.push(Request::until(ask, due + PATIENCE)),
                Step::Refused => {
                    self.abandon(ask);
                    self.permission_failed(ip, RequestError::TimedOut);
                }
                Step::Ended => self.abandon(ask),
            }
        }
    }

    fn step_channels(&mut self, now: Instant) {
        for (peer, channel, step) in self.channels.steps(now) {
            let ask = Ask::Bind(peer, channel);
            match step {
                Step::Renew { due } => self.queue.push(Request::until(ask, due + PATIENCE)),
                Step::Refused => {
                    self.abandon(ask);
                    self.out.tell(Event::ChannelFailed { peer, why: RequestError::TimedOut });
                }
                Step::Ended => self.abandon(ask),
            }
        }
    }

    /// Whatever is under way or waits for this is of no use any more.
    fn abandon(&mut self, ask: Ask) {
        self.queue.remove(ask);
        self.open.retain(|flight| flight.request.ask != ask);
    }

    /// Sends a request for the first time; `None` where it cannot even be written.
    fn launch(&mut self, now: Instant, request: Request) -> Option<Transmit> {
        let id = TransactionId::random(&mut self.rng);
        let credential = self.auth.credential().cloned();
        let Ok(payload) = request::write(request.ask, id, &self.config, credential.as_deref()) else {
            self.failed(now, request, RequestError::TooLong);
            return None;
        };
        if request.ask == Ask::Reclaim {
            self.reclaiming();
        }
        // What is given back is given back once; who does not hear of it has it expire.
        let policy = match request.ask {
            Ask::Delete => self.config.retransmit.rc(3).rm(4),
            _ => self.config.retransmit,
        };
        self.keepalive.sent(now);
        self.open.start(now, id, policy, payload.clone(), Flight { request, credential });
        Some(Transmit { base: self.config.base, to: self.config.server, payload })
    }

    /// Lets a datagram leave through `poll_transmit`.
    fn put(&mut self, now: Instant, datagram: Bytes) {
        self.keepalive.sent(now);
        self.out.send(datagram);
    }

    fn keepalive_due(&self) -> Option<Instant> {
        self.allocation.relay().and_then(|_| self.keepalive.due())
    }

    fn keep_alive(&mut self, now: Instant) {
        if self.keepalive_due().is_some_and(|due| due <= now)
            && let Some(indication) = keepalive::indication(TransactionId::random(&mut self.rng))
        {
            self.put(now, indication);
        }
    }

    /// Sends what waits for no slot, and looks when there is something to do next.
    fn settle(&mut self, now: Instant) {
        while let Some(request) = self.queue.pop_overdue(now) {
            if let Some(transmit) = self.launch(now, request) {
                self.out.send(transmit.payload);
            }
        }
        let deadlines = [
            self.open.poll_timeout(),
            self.queue.poll_timeout(),
            self.allocation.poll_timeout(),
            self.permissions.poll_timeout(),
            self.channels.poll_timeout(),
            self.keepalive_due(),
        ];
        self.deadline = deadlines.into_iter().flatten().min();
    }

    /// The allocation is gone.
    fn lose(&mut self, why: RequestError) {
        self.end();
        self.out.tell(Event::Lost(why));
    }

    fn end(&mut self) {
        self.allocation.end();
        self.forget_all();
    }

    fn forget_all(&mut self) {
        self.permissions.clear();
        self.channels.clear();
        self.queue.clear();
        self.open = Transactions::new();
        self.held.clear();
        self.out.drop_datagrams();
    }

    /// How much it keeps: entries, not bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.permissions.len()
            + self.channels.len()
            + self.queue.len()
            + self.open.len()
            + self.held.len()
            + self.out.len()
    }
}

impl fmt::Debug for Client {
    /// Shows neither credentials nor peers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("config", &self.config)
            .field("state", &self.allocation.name())
            .field("permissions", &self.permissions.len())
            .field("channels", &self.channels.len())
            .field("waiting", &self.queue.len())
            .field("open", &self.open.len())
            .field("held", &self.held.len())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// IPv4-mapped IPv6 addresses are IPv4 to the server.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

const fn family_of(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Ipv4,
        IpAddr::V6(_) => AddressFamily::Ipv6,
    }
}

#[cfg(test)]
mod tests;
