//! The client.

mod answer;
mod connect;
mod families;
mod migrate;
mod peers;
mod permit;
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
use floe_core::{BaseId, Transmit};
use floe_stun::{Due, TransactionId, Transactions, long_term::Token};
use rand::rngs::ChaCha20Rng;

use crate::{
    AddressFamily, Broken,
    allocation::Allocation,
    auth::Auth,
    channels::Channels,
    config::{ClientConfig, ConfigError},
    connects::Connects,
    event::{Event, Relay},
    held::{Held, What},
    keepalive::{self, Keepalive},
    mobility::Mobility,
    outbox::Outbox,
    permissions::{Permissions, Standing},
    queue::Queue,
    reason::{DropReason, RequestError},
    request::{self, Ask, Flight, Particulars, Request},
};

/// How long a renewal waits for its slot before it leaves without one.
const PATIENCE: Duration = Duration::from_secs(1);

/// A client of one TURN server, with one allocation (RFC 8656).
///
/// Sans-IO. Call order: [`start`](Self::start) makes one that wants to allocate. From then on
///
/// - give it a slot with [`start_next`](Self::start_next) whenever the pace allows, while [`has_next`](Self::has_next);
/// - give it what comes from the server's address on its base with [`handle`](Self::handle): datagrams, or over TCP and
///   TLS whole messages, one at a time;
/// - tell it with [`broken`](Self::broken) when its connection is gone, where it has one;
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
/// another address, which has no allocation. Data that goes by a [`prefix`](Self::prefix) is not seen here,
/// and puts nothing off.
///
/// # A success that was lost
/// Servers that remember no answers take a repeated Allocate for a second one, and say 437. What they have allocated is
/// given back then and asked for anew, a few times at most; see [`RequestError::AllocationMismatch`].
///
/// # Streams
/// Over TCP and TLS ([`ClientConfig::transport`]) each [`Transmit`] is one message, ready to be written. Nothing is sent
/// again, and what is not answered in 39.5 s fails (RFC 8489 6.2.2). Cutting the stream into messages is the caller's:
/// [`StreamDecoder`](floe_stun::stream::StreamDecoder) does it.
///
/// # Two families
/// With [`ClientConfig::dual`] one allocation has two relayed addresses, in [`Relay`]. A peer is reached by the one of its
/// family. Both live and die together, unless one is [given back](Self::release_family).
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
    mobility: Mobility,
    connects: Connects,
    /// The family that is left of two, once the other was given back.
    only: Option<AddressFamily>,
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
            auth: Auth::new(&config)?,
            allocation: Allocation::Allocating,
            permissions: Permissions::new(config.max_permissions, config.renew_permissions),
            channels: Channels::new(config.max_channels, config.renew_channels),
            queue: Queue::default(),
            open: Transactions::new(),
            held: Held::default(),
            out: Outbox::default(),
            keepalive: Keepalive::new(now, config.keepalive),
            mobility: Mobility::default(),
            connects: Connects::default(),
            only: None,
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
        let mut transmit = self.release_held();
        while transmit.is_none() {
            let Some(request) = self.queue.pop() else { break };
            transmit = self.launch(now, request);
        }
        self.settle(now);
        transmit
    }

    fn release_held(&mut self) -> Option<Transmit> {
        let held = self.held.pop_free()?;
        if let What::Request(transaction) | What::Message(transaction) = held.what {
            self.out.tell(Event::Departed { peer: held.peer, transaction });
        }
        Some(Transmit { base: self.config.base, to: self.config.server, payload: held.datagram })
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
        let (base, payload) = self.out.poll_datagram()?;
        Some(Transmit { base, to: self.config.server, payload })
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
                Due::Resend { key, datagram, .. } => self.resend(now, key.request.ask, datagram),
                // It was refused, and its allocation waits to be given back.
                Due::TimedOut { cancelled: true, .. } => {}
                Due::TimedOut { key, integrity_violated: true, .. } => {
                    self.flight_failed(now, &key, &RequestError::IntegrityViolated);
                }
                Due::TimedOut { key, .. } => self.flight_failed(now, &key, &RequestError::TimedOut),
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

    /// Asks the server at once whether it still has the allocation, rather than when it is to be refreshed: for when nothing
    /// is heard from a peer any more. A server that was restarted says that it has not ([`Event::Lost`]).
    pub fn refresh(&mut self, now: Instant) {
        if self.allocation.refresh_now(now) {
            self.queue.push_first(Request::until(Ask::Refresh, now + PATIENCE));
            self.settle(now);
        }
    }

    /// Another access token (RFC 7635), for a client that began with one: what is asked from now on is asked with it. Fetch
    /// one before the old one ends: a server that takes it no more refuses to refresh.
    pub fn set_access_token(&mut self, token: Token) {
        self.auth.set_token(token);
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

    /// How many datagrams of ours were given up or refused while their peer had no permission; those that a later one made
    /// needless do not count.
    #[must_use]
    pub const fn held_dropped(&self) -> u64 {
        self.held.dropped()
    }

    /// Sends a request for the first time; `None` where it cannot even be written.
    fn launch(&mut self, now: Instant, request: Request) -> Option<Transmit> {
        let (request, rest) = self.with_others(request);
        let id = TransactionId::random(&mut self.rng);
        let credential = self.auth.credential().cloned();
        let particulars = Particulars { only: self.only, ticket: self.mobility.ticket(), rest: &rest };
        let written = request::write(request.ask, id, &self.config, particulars, credential.as_deref());
        let Ok(payload) = written else {
            let flight = Flight { request, rest, credential };
            self.flight_failed(now, &flight, &RequestError::TooLong);
            return None;
        };
        if request.ask == Ask::Reclaim {
            self.reclaiming();
        }
        self.note_sent(now, request.ask);
        let policy = match request.ask {
            Ask::Delete | Ask::Release(_) => self.config.last_policy(),
            _ => self.config.policy(),
        };
        let base = self.base_of(request.ask);
        self.open.start(now, id, policy, payload.clone(), Flight { request, rest, credential });
        Some(Transmit { base, to: self.config.server, payload })
    }

    fn resend(&mut self, now: Instant, ask: Ask, datagram: Bytes) {
        self.note_sent(now, ask);
        let base = self.base_of(ask);
        self.out.send(base, datagram);
    }

    fn note_sent(&mut self, now: Instant, ask: Ask) {
        self.keepalive.sent(now);
        if let Ask::Bind(peer, _) = ask {
            self.channels.asked(now, peer);
        }
    }

    /// What a request leaves from: the base, unless it is what moves the allocation to another.
    const fn base_of(&self, ask: Ask) -> BaseId {
        match ask {
            Ask::Migrate(base) => base,
            _ => self.config.base,
        }
    }

    /// Lets data, or what is like it, leave through `poll_transmit`.
    fn put(&mut self, now: Instant, datagram: Bytes) {
        self.keepalive.sent(now);
        self.out.send(self.config.base, datagram);
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
                self.out.send(transmit.base, transmit.payload);
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

    /// The connection of this base is gone (RFC 8489 6.2.2): whatever was asked for over it will not be answered, and
    /// the server gives up what was allocated over it. An Allocate under way fails, an allocation is lost, at once. One
    /// that is [on its way](Self::migrate) to another base lives on as long as it may still arrive there.
    ///
    /// For datagrams, that the socket is gone.
    pub fn broken(&mut self, now: Instant, base: BaseId, why: Broken) {
        let reason = RequestError::ConnectionBroken(why);
        if base != self.config.base {
            if self.mobility.to() == Some(base) {
                self.migration_failed(now, base, reason);
            }
        } else if self.mobility.to().is_some() {
            self.mobility.lose_home(why);
        } else {
            match self.allocation {
                Allocation::Ended => {}
                Allocation::Closing => self.end(),
                Allocation::Allocating | Allocation::Taken | Allocation::Reclaiming => {
                    self.allocate_failed(reason);
                }
                Allocation::Allocated { .. } | Allocation::Refreshing { .. } => self.lose(reason),
            }
        }
        self.settle(now);
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
        self.connects.clear();
        self.mobility = Mobility::default();
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
            + self.connects.len()
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

#[cfg(test)]
mod tests;
