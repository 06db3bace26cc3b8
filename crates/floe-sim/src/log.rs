//! What was sent, and what became of it.

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;

/// A datagram that was sent. Addresses are shown as they are: they are made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub sent: Instant,
    /// From where.
    pub from: SocketAddr,
    /// To where.
    pub to: SocketAddr,
    /// What.
    pub payload: Bytes,
    /// What became of it.
    pub fate: Fate,
    /// Whether the network made it, as the copy of one it duplicated.
    pub copy: bool,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way.
    InFlight {
        /// When it arrives.
        due: Instant,
    },
    /// It arrived.
    Delivered {
        /// When.
        at: Instant,
    },
    /// The link lost it.
    Lost,
    /// It was sent from an address that is not bound.
    NoSource,
    /// No host has the address it was sent to, or the families of the addresses differ.
    NoRoute,
    /// It came to its host, and no socket was bound there.
    NoSocket {
        /// When.
        at: Instant,
    },
}

/// How many datagrams had which fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Sent by nodes.
    pub sent: u64,
    /// Bytes in them.
    pub bytes_sent: u64,
    /// Copies that the network made.
    pub copies: u64,
    /// Held back, so that later ones could overtake them.
    pub held_back: u64,
    /// Arrived, copies counted in.
    pub delivered: u64,
    /// Lost by a link.
    pub lost: u64,
    /// Sent from an address that is not bound.
    pub no_source: u64,
    /// Sent to an address that no host has, or to one of the other family.
    pub no_route: u64,
    /// Arrived where no socket was bound, copies counted in.
    pub no_socket: u64,
}

impl Counters {
    /// How many are on their way.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.sent + self.copies - self.delivered - self.lost - self.no_source - self.no_route - self.no_socket
    }
}
