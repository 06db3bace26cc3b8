//! The client, its time, and what it has sent.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, ServerTransport};
use floe_stun::{Class, Message};
use floe_turn::{Client, ClientConfig, EvenPort, Event, Handled, RelayTransport};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

/// As many permissions and channels as there may be.
const MOST: usize = 8;
/// What may wait to be polled, of either kind.
const UNREAD: usize = 1024;
/// How many requests are remembered to be answered.
const RECENT: usize = 8;

pub struct World {
    pub client: Client,
    pub now: Instant,
    recent: VecDeque<Vec<u8>>,
    ends: u32,
}

/// A peer: many of IPv4, some of IPv6, on few ports.
pub fn peer(number: u8) -> SocketAddr {
    let port = 6000 + u16::from(number % 3);
    if number >= 192 {
        return SocketAddr::from(([0x2001, 0xDB8, 0, 0, 0, 0, 0, u16::from(number % 24)], port));
    }
    SocketAddr::from(([198, 51, 100, number % 24], port))
}

pub fn base(number: u8) -> BaseId {
    BaseId(u32::from(number % 3))
}

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 3478))
}

fn config(kind: u8) -> ClientConfig {
    let config = ClientConfig::new(BaseId(0), server(), "ann", "secret")
        .max_permissions(MOST)
        .max_channels(MOST)
        .keepalive(Duration::from_secs(60));
    match kind % 6 {
        0 => config,
        1 => config.dual(true).mobility(true).dont_fragment(true),
        2 => config.transport(ServerTransport::Tls).mobility(true),
        3 => config.transport(ServerTransport::Tcp).relay(RelayTransport::Tcp).dual(true).mobility(true),
        4 => config.transport(ServerTransport::Dtls).even_port(Some(EvenPort { reserve_next: true })),
        _ => config.transport(ServerTransport::Tcp).dont_fragment(true),
    }
}

impl World {
    pub fn new(kind: u8) -> Self {
        let now = Instant::now();
        let client =
            Client::start(now, config(kind), ChaCha20Rng::from_seed([7; 32])).expect("a good config");
        Self { client, now, recent: VecDeque::new(), ends: 0 }
    }

    /// One slot of the pace.
    pub fn slot(&mut self) {
        if let Some(transmit) = self.client.start_next(self.now) {
            assert_eq!(transmit.to, server());
            self.remember(&transmit.payload);
        }
    }

    /// Reads everything that waits: no more than there is room for.
    pub fn poll(&mut self) {
        for unread in 0.. {
            let Some(transmit) = self.client.poll_transmit() else { break };
            assert!(unread < UNREAD, "it piles up");
            self.remember(&transmit.payload);
        }
        for unread in 0.. {
            let Some(event) = self.client.poll_event() else { break };
            assert!(unread < UNREAD, "it piles up");
            self.ends += u32::from(matches!(event, Event::Lost(_) | Event::AllocateFailed(_)));
        }
        assert!(self.ends <= 1, "it ends once");
    }

    fn remember(&mut self, bytes: &[u8]) {
        if Message::parse(bytes).is_ok_and(|message| message.class() == Class::Request) {
            self.recent.push_front(bytes.to_vec());
            self.recent.truncate(RECENT);
        }
    }

    /// One of the latest requests.
    pub fn recent(&self, which: u8) -> Option<Vec<u8>> {
        self.recent.get(usize::from(which) % RECENT.min(self.recent.len().max(1))).cloned()
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        if let Handled::Data { payload, .. } = self.client.handle(self.now, server(), bytes) {
            assert!(payload.len() <= bytes.len());
        }
    }

    /// Time passes: some steps one by one, and then all the rest at once, as for a driver that slept.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..64 {
            let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) else { break };
            self.now = due.max(self.now);
            self.client.handle_timeout(self.now);
            assert!(self.client.poll_timeout().is_none_or(|next| next > self.now), "the clock stands still");
        }
        self.now = end;
        self.client.handle_timeout(end);
        assert!(self.client.poll_timeout().is_none_or(|next| next > end), "the clock stands still");
    }

    pub fn check(&self) {
        assert!(self.client.wanted().count() <= MOST);
        if self.client.is_closed() {
            assert!(self.client.poll_timeout().is_none() && !self.client.has_next());
            assert!(self.client.relay().is_none() && self.client.wanted().next().is_none());
        }
    }
}
