//! What a client tells.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_core::{BaseId, address::Redacted};
use floe_stun::{ChannelNumber, TransactionId};

use crate::{AddressFamily, ConnectionId, Icmp, ReservationToken, reason::DropReason, reason::RequestError};

/// What has happened. `Debug` hides most of the addresses.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server relays from now on.
    Allocated(Relay),
    /// There will be no allocation. The client is [closed](crate::Client::is_closed), at the latest once what the server
    /// allocated in vain is given back.
    AllocateFailed(RequestError),
    /// Of the two families that were asked for the server gave the other one only (RFC 8656 7.3). It follows
    /// [`Allocated`](Self::Allocated). Whether and when to ask for it again: [`RequestError::remedy`].
    FamilyRefused {
        /// The family that there is no relayed address of.
        family: AddressFamily,
        /// Why.
        why: RequestError,
    },
    /// The allocation is gone, and with it every permission and channel: its candidate is dead (RFC 8656 5). The client
    /// is closed.
    Lost(RequestError),
    /// The peer's datagrams come through, and ours reach it.
    Permitted {
        /// The peer; every port of it.
        ip: IpAddr,
    },
    /// The peer's datagrams do not come through, or no more. What was held for it is dropped.
    PermissionFailed {
        /// The peer.
        ip: IpAddr,
        /// Why.
        why: RequestError,
    },
    /// A STUN message that was held for its permission leaves now, or a request that cancels one: a round trip counts from
    /// here. Of several requests to one address only the latest leaves.
    Departed {
        /// The peer.
        peer: SocketAddr,
        /// Its transaction.
        transaction: TransactionId,
    },
    /// Data to the peer goes by channel from now on.
    ChannelBound {
        /// The peer.
        peer: SocketAddr,
        /// Its channel.
        channel: ChannelNumber,
    },
    /// There is no channel to the peer, or no more; data to it goes by indication.
    ChannelFailed {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        why: RequestError,
    },
    /// A datagram to the peer was dropped on its way (RFC 8656 11.6). Nobody vouches for it: a hint.
    Icmp {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        icmp: Icmp,
    },
    /// The server takes the allocation along to no other base, and has allocated without (RFC 8016 3.1.4).
    MobilityRefused(RequestError),
    /// The allocation has gone along: everything is sent from this base now (RFC 8016 3.2). Peers' data comes there once
    /// some was sent from there. The old base may be closed.
    Migrated {
        /// The new base.
        base: BaseId,
    },
    /// The allocation has not gone along, and stays where it was.
    MigrationFailed {
        /// Where it was to go.
        base: BaseId,
        /// Why.
        why: RequestError,
    },
    /// The server has a TCP connection to the peer (RFC 6062 4.3). Open another connection to the server within thirty
    /// seconds, and bind it with [`Client::data_connection`](crate::Client::data_connection).
    Connected {
        /// The peer.
        peer: SocketAddr,
        /// What the server calls the connection.
        connection: ConnectionId,
    },
    /// There is no TCP connection to the peer.
    ConnectFailed {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        why: RequestError,
    },
    /// A permitted peer has opened a TCP connection (RFC 6062 4.4). To take it, go on as after
    /// [`Connected`](Self::Connected); what is not bound within thirty seconds the server closes.
    ConnectionAttempt {
        /// The peer.
        peer: SocketAddr,
        /// What the server calls the connection.
        connection: ConnectionId,
    },
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allocated(relay) => write!(f, "Allocated({relay:?})"),
            Self::AllocateFailed(why) => write!(f, "AllocateFailed({why:?})"),
            Self::FamilyRefused { family, why } => write!(f, "FamilyRefused({family:?}, {why:?})"),
            Self::Lost(why) => write!(f, "Lost({why:?})"),
            Self::Permitted { ip } => write!(f, "Permitted({})", Redacted(*ip)),
            Self::PermissionFailed { ip, why } => write!(f, "PermissionFailed({}, {why:?})", Redacted(*ip)),
            Self::Departed { peer, transaction } => write!(f, "Departed({}, {transaction})", Redacted(*peer)),
            Self::ChannelBound { peer, channel } => {
                write!(f, "ChannelBound({}, {channel:?})", Redacted(*peer))
            }
            Self::ChannelFailed { peer, why } => write!(f, "ChannelFailed({}, {why:?})", Redacted(*peer)),
            Self::Icmp { peer, icmp } => write!(f, "Icmp({}, {icmp:?})", Redacted(*peer)),
            Self::MobilityRefused(why) => write!(f, "MobilityRefused({why:?})"),
            Self::Migrated { base } => write!(f, "Migrated({base})"),
            Self::MigrationFailed { base, why } => write!(f, "MigrationFailed({base}, {why:?})"),
            Self::Connected { peer, connection } => {
                write!(f, "Connected({}, {connection:?})", Redacted(*peer))
            }
            Self::ConnectFailed { peer, why } => write!(f, "ConnectFailed({}, {why:?})", Redacted(*peer)),
            Self::ConnectionAttempt { peer, connection } => {
                write!(f, "ConnectionAttempt({}, {connection:?})", Redacted(*peer))
            }
        }
    }
}

/// What the server has allocated. `Debug` hides most of the addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relay {
    /// The relayed transport address: what peers send to. Of two, the IPv4 one.
    pub relayed: SocketAddr,
    /// The other one, IPv6, where both families were asked for and given (RFC 8656 7.1).
    pub additional: Option<SocketAddr>,
    /// The base as the server sees it: a server-reflexive candidate, where the server told it.
    pub mapped: Option<SocketAddr>,
    /// How long the server keeps it without a refresh.
    pub lifetime: Duration,
    /// The token of the next port, which the server keeps for at least 30 seconds, where that was asked for: for
    /// [`ClientConfig::token`](crate::ClientConfig::token) of another client.
    pub token: Option<ReservationToken>,
}

impl Relay {
    /// The relayed addresses, one or two.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        [Some(self.relayed), self.additional].into_iter().flatten()
    }

    /// The relayed address of this family.
    #[must_use]
    pub fn of(&self, family: AddressFamily) -> Option<SocketAddr> {
        self.addresses().find(|address| AddressFamily::of(address.ip()) == family)
    }

    /// The same without the address of this family; `None` where it is the only one.
    pub(crate) fn without(&self, family: AddressFamily) -> Option<Self> {
        let relayed = self.addresses().find(|address| AddressFamily::of(address.ip()) != family)?;
        Some(Self { relayed, additional: None, ..*self })
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("relayed", &Redacted(self.relayed))
            .field("additional", &self.additional.map(Redacted))
            .field("mapped", &self.mapped.map(Redacted))
            .field("lifetime", &self.lifetime)
            .field("has_token", &self.token.is_some())
            .finish()
    }
}

/// What came of a datagram. `Debug` hides most of the address and all of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Handled<'a> {
    /// It was for the client; there may be more to poll.
    Consumed,
    /// It brought a peer's datagram.
    Data {
        /// Who sent it.
        peer: SocketAddr,
        /// What.
        payload: &'a [u8],
    },
    /// It is nothing of this allocation: from elsewhere, a Binding message, or no TURN at all.
    NotMine,
    /// It is the server's, and of no use.
    Dropped(DropReason),
}

impl fmt::Debug for Handled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumed => f.write_str("Consumed"),
            Self::Data { peer, payload } => {
                write!(f, "Data({}, {} bytes)", Redacted(*peer), payload.len())
            }
            Self::NotMine => f.write_str("NotMine"),
            Self::Dropped(reason) => write!(f, "Dropped({reason:?})"),
        }
    }
}

/// What became of data to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way to the server, with [`poll_transmit`](crate::Client::poll_transmit).
    Relayed,
    /// It waits for the peer's permission, or for its slot after that: see [`Event::Departed`].
    Held,
}

/// Why data was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no allocation, or no more.
    #[error("there is no allocation")]
    NotAllocated,
    /// The peer is of another family than the relayed address, or no address to send to: such a pair cannot be.
    #[error("the relayed address cannot reach such a peer")]
    UnreachablePeer,
    /// The allocation relays connections, not datagrams (RFC 6062). Use [`connect`](crate::Client::connect).
    #[error("the allocation relays no datagrams")]
    TcpRelay,
    /// It does not fit into a datagram. Send less.
    #[error("the data does not fit into a datagram")]
    TooLong,
    /// The peer's permission was refused. [`permit`](crate::Client::permit) asks anew.
    #[error("the server gives no permission for the peer")]
    NotPermitted,
    /// As much as may be held is waiting for the peer's permission already. Send it later.
    #[error("the peer's permission is not there yet")]
    Waiting,
    /// There are as many permissions as there may be.
    #[error("there are too many peers")]
    TooManyPeers,
    /// Too much waits to be polled. Drain [`poll_transmit`](crate::Client::poll_transmit).
    #[error("too much waits to be sent")]
    Full,
}

/// Why a peer can get no permission or channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// There is no allocation, or no more.
    #[error("there is no allocation")]
    NotAllocated,
    /// The peer is of another family than the relayed address, or no address to send to.
    #[error("the relayed address cannot reach such a peer")]
    UnreachablePeer,
    /// The allocation relays connections, not datagrams: it has no channels (RFC 6062).
    #[error("the allocation has no channels")]
    TcpRelay,
    /// There are as many permissions or channels as there may be. Channels come free fifteen minutes after their last
    /// use.
    #[error("there are too many peers")]
    TooManyPeers,
}

impl From<PeerError> for SendError {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::NotAllocated => Self::NotAllocated,
            PeerError::UnreachablePeer => Self::UnreachablePeer,
            PeerError::TcpRelay => Self::TcpRelay,
            PeerError::TooManyPeers => Self::TooManyPeers,
        }
    }
}

/// Why an allocation cannot go along to another base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// There is no allocation, or no more. Allocate from the new base.
    #[error("there is no allocation")]
    NotAllocated,
    /// The server gave no ticket: it was not asked for one, or knows nothing of RFC 8016. Allocate from the new base.
    #[error("the server gave no ticket")]
    NoTicket,
    /// It is there already. The server would refuse it (RFC 8016 3.2.1).
    #[error("the allocation is on this base")]
    SameBase,
}

/// Why no TCP connection to a peer is asked for, or bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The allocation relays datagrams: [`ClientConfig::relay`](crate::ClientConfig::relay).
    #[error("the allocation relays no connections")]
    UdpRelay,
    /// There is no allocation, or no more.
    #[error("there is no allocation")]
    NotAllocated,
    /// The peer is of another family than the relayed address, or no address to send to.
    #[error("the relayed address cannot reach such a peer")]
    UnreachablePeer,
    /// A connection to this peer is being made (RFC 6062 4.3). Wait for its event.
    #[error("a connection to this peer is being made")]
    UnderWay,
    /// The last attempt failed; the next may be made in so long at the earliest (RFC 6062 4.3).
    #[error("the peer may be tried again in {0:?}")]
    TooSoon(Duration),
    /// As many connections as there may be are being made, or wait to be bound.
    #[error("too many connections are being made")]
    TooMany,
    /// No such connection waits to be bound: it was, or its thirty seconds are over (RFC 6062 5.2, 5.3).
    #[error("no such connection waits to be bound")]
    Unknown,
}
