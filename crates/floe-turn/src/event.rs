//! What a client tells.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_core::address::Redacted;
use floe_stun::{ChannelNumber, TransactionId};

use crate::{Icmp, reason::DropReason, reason::RequestError};

/// What has happened. `Debug` hides most of the addresses.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server relays from now on.
    Allocated(Relay),
    /// There will be no allocation. The client is [closed](crate::Client::is_closed), at the latest once what the server
    /// allocated in vain is given back.
    AllocateFailed(RequestError),
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
    /// A STUN message that was held for its permission leaves now: a round trip counts from here.
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
        /// Why. After [`RequestError::BadRequest`] close this client and allocate anew (RFC 8656 12.3).
        why: RequestError,
    },
    /// A datagram to the peer was dropped on its way (RFC 8656 11.6). Nobody vouches for it: a hint.
    Icmp {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        icmp: Icmp,
    },
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allocated(relay) => write!(f, "Allocated({relay:?})"),
            Self::AllocateFailed(why) => write!(f, "AllocateFailed({why:?})"),
            Self::Lost(why) => write!(f, "Lost({why:?})"),
            Self::Permitted { ip } => write!(f, "Permitted({})", Redacted(*ip)),
            Self::PermissionFailed { ip, why } => write!(f, "PermissionFailed({}, {why:?})", Redacted(*ip)),
            Self::Departed { peer, transaction } => write!(f, "Departed({}, {transaction})", Redacted(*peer)),
            Self::ChannelBound { peer, channel } => {
                write!(f, "ChannelBound({}, {channel:?})", Redacted(*peer))
            }
            Self::ChannelFailed { peer, why } => write!(f, "ChannelFailed({}, {why:?})", Redacted(*peer)),
            Self::Icmp { peer, icmp } => write!(f, "Icmp({}, {icmp:?})", Redacted(*peer)),
        }
    }
}

/// What the server has allocated. `Debug` hides most of the addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relay {
    /// The relayed transport address: what peers send to.
    pub relayed: SocketAddr,
    /// The base as the server sees it: a server-reflexive candidate, where the server told it.
    pub mapped: Option<SocketAddr>,
    /// How long the server keeps it without a refresh.
    pub lifetime: Duration,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("relayed", &Redacted(self.relayed))
            .field("mapped", &self.mapped.map(Redacted))
            .field("lifetime", &self.lifetime)
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
    /// It waits for the peer's permission.
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
            PeerError::TooManyPeers => Self::TooManyPeers,
        }
    }
}
