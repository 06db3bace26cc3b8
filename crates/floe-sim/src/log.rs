//! What was sent, and what became of it.

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;

use crate::{HostId, Realm};

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
    /// The host that sent it.
    pub sender: Option<HostId>,
    /// How it arrived: NATs change the addresses.
    pub arrival: Option<Seen>,
    /// Whether the network made it, as the copy of one it duplicated.
    pub copy: bool,
}

/// A datagram as a host saw it come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The host.
    pub host: HostId,
    /// Its source, as NATs left it.
    pub from: SocketAddr,
    /// The address of the host that it came to.
    pub to: SocketAddr,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is on its way.
    InFlight {
        /// When it arrives, or comes to the next gateway.
        due: Instant,
    },
    /// It arrived.
    Delivered {
        /// When.
        at: Instant,
    },
    /// A link lost it.
    Lost,
    /// It was larger than the MTU of a link.
    TooLarge,
    /// The queue of a link was full.
    QueueFull,
    /// A firewall kept it in or out.
    Blocked {
        /// The realm behind it.
        realm: Realm,
        /// When.
        at: Instant,
    },
    /// A NAT had no mapping for it, or the mapping did not let this source in.
    Filtered {
        /// The realm behind it.
        realm: Realm,
        /// When.
        at: Instant,
    },
    /// It would have had to turn back at a NAT that does not hairpin.
    NoHairpin {
        /// The realm behind it.
        realm: Realm,
        /// When.
        at: Instant,
    },
    /// A NAT had no port left for it.
    NoPort {
        /// The realm behind it.
        realm: Realm,
        /// When.
        at: Instant,
    },
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
    /// Larger than the MTU of a link.
    pub too_large: u64,
    /// Dropped at a full queue.
    pub queue_full: u64,
    /// Dropped by a firewall.
    pub blocked: u64,
    /// Dropped by a NAT: no mapping or no permission for it, no hairpinning, no port left.
    pub filtered: u64,
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
        let dropped = self.lost + self.too_large + self.queue_full + self.blocked + self.filtered;
        let unsent = self.no_source + self.no_route;
        self.sent + self.copies - self.delivered - dropped - unsent - self.no_socket
    }

    /// Where a datagram with this fate is counted; `None` while it is on its way.
    pub(crate) const fn of(&mut self, fate: Fate) -> Option<&mut u64> {
        Some(match fate {
            Fate::InFlight { .. } => return None,
            Fate::Delivered { .. } => &mut self.delivered,
            Fate::Lost => &mut self.lost,
            Fate::TooLarge => &mut self.too_large,
            Fate::QueueFull => &mut self.queue_full,
            Fate::Blocked { .. } => &mut self.blocked,
            Fate::Filtered { .. } | Fate::NoHairpin { .. } | Fate::NoPort { .. } => &mut self.filtered,
            Fate::NoSource => &mut self.no_source,
            Fate::NoRoute => &mut self.no_route,
            Fate::NoSocket { .. } => &mut self.no_socket,
        })
    }
}
