//! What the driver tells the connections: an immutable snapshot of where a component's data goes now.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use floe_core::PairId;
use floe_net::DatagramSocket;
use floe_session::RelayRoute;

use crate::{Reason, SelectedPair};

/// A component as its connections see it. The driver replaces it, they never change it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) path: Path,
    pub(crate) selected: Option<Arc<SelectedPair>>,
}

/// Where data goes.
#[derive(Debug, Clone, Default)]
pub(crate) enum Path {
    /// Nowhere so far, or not now.
    #[default]
    None,
    /// Over this pair.
    Open(Arc<Route>),
    /// Nowhere, and checks have given up.
    Failed(Option<Reason>),
    /// The agent is closed.
    Closed,
}

impl Path {
    /// Whether both say the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Open(one), Self::Open(other)) => one.is_same(other),
            (Self::None, Self::None) | (Self::Closed, Self::Closed) => true,
            (Self::Failed(one), Self::Failed(other)) => one == other,
            _ => false,
        }
    }
}

/// The pair that data goes over, with the socket in hand.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) pair: PairId,
    pub(crate) socket: Arc<dyn DatagramSocket>,
    pub(crate) to: SocketAddr,
    /// The TURN server between, if there is one.
    pub(crate) relay: Option<RelayRoute>,
    pub(crate) traffic: Arc<Traffic>,
}

impl Route {
    /// Whether it leads where the other leads.
    fn is_same(&self, other: &Self) -> bool {
        let same = (self.pair, self.to, self.relay) == (other.pair, other.to, other.relay);
        same && Arc::ptr_eq(&self.socket, &other.socket)
    }

    /// Sends one datagram to the peer, if the system takes it at once. For a relay that is reached by UDP or TCP nothing is copied or
    /// allocated; what is encrypted on the way to it has to be.
    pub(crate) fn try_send(&self, datagram: &[u8]) -> io::Result<()> {
        let Some(relay) = &self.relay else { return self.socket.try_send_to(datagram, self.to) };
        let Some(prefix) = relay.prefix else {
            let why = "the TURN server lets the peer in no more";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        };
        let mut random = [0; 12];
        if prefix.channel().is_none() {
            getrandom::fill(&mut random).map_err(io::Error::other)?;
        }
        let header = relay.header(datagram.len(), || random).ok_or(io::ErrorKind::InvalidInput)?;
        let parts = [header.as_slice(), datagram, header.padding()].map(IoSlice::new);
        self.socket.try_send_parts_to(&parts, relay.server)
    }
}

/// What an application has sent and received over a pair.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    packets_sent: AtomicU64,
    bytes_sent: AtomicU64,
    packets_received: AtomicU64,
    bytes_received: AtomicU64,
}

impl Traffic {
    pub(crate) fn sent(&self, bytes: usize) {
        self.packets_sent.fetch_add(1, Relaxed);
        self.bytes_sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.packets_received.fetch_add(1, Relaxed);
        self.bytes_received.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn counts(&self) -> TrafficCounts {
        TrafficCounts {
            packets_sent: self.packets_sent.load(Relaxed),
            bytes_sent: self.bytes_sent.load(Relaxed),
            packets_received: self.packets_received.load(Relaxed),
            bytes_received: self.bytes_received.load(Relaxed),
        }
    }
}

/// Datagrams and bytes of an application's data, without the headers of UDP and IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TrafficCounts {
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Datagrams received.
    pub packets_received: u64,
    /// Bytes received.
    pub bytes_received: u64,
}

impl TrafficCounts {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            packets_sent: self.packets_sent + other.packets_sent,
            bytes_sent: self.bytes_sent + other.bytes_sent,
            packets_received: self.packets_received + other.packets_received,
            bytes_received: self.bytes_received + other.bytes_received,
        }
    }
}
