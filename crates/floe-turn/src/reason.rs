//! Why something failed or was dropped: typed, in words, and counted.

use std::{fmt, net::SocketAddr};

use floe_core::address::Redacted;
use floe_stun::{
    Message,
    attribute::{AlternateServer, AttributeType, ErrorCode, UnknownAttributes},
    long_term::Refusal,
    redirect,
};

use crate::{Broken, KNOWN, error};

/// The most types of a 420 that are remembered.
const MAX_UNKNOWN: usize = 16;

/// Why a request failed.
///
/// `Debug` and `Display` hide most of the address of [`TryAlternate`](Self::TryAlternate).
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server does not answer: it is down, or this transport does not reach it. Another may (RFC 8656 7.4).
    #[error("the server does not answer")]
    TimedOut,
    /// The connection to the server broke, and with it whatever was asked for over it (RFC 8489 6.2.2).
    #[error("the connection to the server is gone: {0}")]
    ConnectionBroken(Broken),
    /// Only answers came that nothing vouches for (RFC 8489 9.2.5): someone on the way forges them, or the server has
    /// another password.
    #[error("only answers came that nothing vouches for")]
    IntegrityViolated,
    /// The credentials, or the way they are asked for, are not acceptable.
    #[error("{0}")]
    Refused(Refusal),
    /// Every fresh nonce was called stale: a broken server.
    #[error("the server calls every nonce stale")]
    StaleNonce,
    /// 300: the server wants another one to be asked; look there first (RFC 8656 7.4). Ignore it if that one has been
    /// asked within five minutes (RFC 8489 10).
    #[error("the server names another one")]
    TryAlternate {
        /// The other server, on the same transport, with the same credentials.
        server: SocketAddr,
        /// The name that its certificate has to have, over TLS and DTLS; `None`: the same as this one's.
        domain: Option<String>,
        /// Whether the server's integrity or its TLS vouches for it. Without, someone on the way may have said it: do
        /// not go there.
        authenticated: bool,
    },
    /// 400: the server does not understand the request.
    #[error("the server calls the request malformed")]
    BadRequest,
    /// 403: the server's policy forbids it; for a peer, another server may allow it.
    #[error("the server forbids it")]
    Forbidden,
    /// 420: the server lacks an extension.
    #[error("the server does not understand {0:?}")]
    UnknownAttributes(Vec<AttributeType>),
    /// 405: the server takes no clients along to another address (RFC 8016 3.1.4, 3.2.2).
    #[error("the server allows no mobility")]
    MobilityForbidden,
    /// 437: for an Allocate, the 5-tuple is taken: use another local port, three at most, then leave the server alone
    /// for two minutes (RFC 8656 7.4). It comes to this only after what may have been our own allocation, its success lost
    /// on the way, was given back in vain, or if the Allocate was sent once. For anything else, the allocation is gone (RFC 8656 5).
    #[error("the server has another idea of the allocation")]
    AllocationMismatch,
    /// 400 to a ChannelBind: client and server disagree about a channel. The allocation was given back; allocate anew
    /// (RFC 8656 12.3).
    #[error("the server has another idea of a channel")]
    ChannelMismatch,
    /// 440: the server has no such addresses, or has given none of them without a word.
    #[error("the server has no addresses of this family")]
    AddressFamilyNotSupported,
    /// 441: the allocation is another user's.
    #[error("the allocation was made with other credentials")]
    WrongCredentials,
    /// 442: the server does not relay over this transport.
    #[error("the server does not relay over this transport")]
    UnsupportedTransport,
    /// 443: the peer is of another family than the relayed address.
    #[error("the peer is of another family than the relayed address")]
    PeerFamilyMismatch,
    /// 486: the user has as many allocations as he may. Wait a minute.
    #[error("the user has as many allocations as he may")]
    QuotaReached,
    /// 508: the server has no room. Wait a minute.
    #[error("the server has no room")]
    InsufficientCapacity,
    /// 508, where an even port or a reserved one was asked for: there is none. Another port may be (RFC 8656 7.4). Also an
    /// odd port for an even one, which was given back.
    #[error("the server has no such port")]
    PortUnavailable,
    /// 446: there is a connection to this peer, or one is being made (RFC 6062 5.2).
    #[error("there is a connection to this peer already")]
    ConnectionExists,
    /// 447: the server does not reach the peer by TCP. Wait ten seconds (RFC 6062 4.3).
    #[error("the server cannot connect to the peer")]
    PeerUnreachable,
    /// Any other code. 500 was tried five times.
    #[error("the server answers {0}")]
    Other(u16),
    /// The answer is authentic and lacks what it has to have, or makes no sense.
    #[error("the answer makes no sense")]
    Malformed,
    /// The server allocated an address of a family that was not asked for. It was given back (RFC 8656 7.3).
    #[error("the server allocated an address of the other family")]
    OtherFamily,
    /// The request with all the server wants back fits into no message: a broken server.
    #[error("the request is too long")]
    TooLong,
}

impl RequestError {
    /// What an error response says.
    ///
    /// `secure`: nobody on the way can have written it.
    pub(crate) fn of_response(code: u16, response: &Message<'_>, vouched: bool) -> Self {
        match code {
            ErrorCode::TRY_ALTERNATE => Self::alternate(response, vouched),
            ErrorCode::BAD_REQUEST => Self::BadRequest,
            ErrorCode::UNKNOWN_ATTRIBUTE => Self::unknown(response),
            error::FORBIDDEN => Self::Forbidden,
            error::MOBILITY_FORBIDDEN => Self::MobilityForbidden,
            error::CONNECTION_ALREADY_EXISTS => Self::ConnectionExists,
            error::CONNECTION_TIMEOUT_OR_FAILURE => Self::PeerUnreachable,
            error::ALLOCATION_MISMATCH => Self::AllocationMismatch,
            error::ADDRESS_FAMILY_NOT_SUPPORTED => Self::AddressFamilyNotSupported,
            error::WRONG_CREDENTIALS => Self::WrongCredentials,
            error::UNSUPPORTED_TRANSPORT_PROTOCOL => Self::UnsupportedTransport,
            error::PEER_ADDRESS_FAMILY_MISMATCH => Self::PeerFamilyMismatch,
            error::ALLOCATION_QUOTA_REACHED => Self::QuotaReached,
            error::INSUFFICIENT_CAPACITY => Self::InsufficientCapacity,
            other => Self::Other(other),
        }
    }

    fn alternate(response: &Message<'_>, authenticated: bool) -> Self {
        let Ok(Some(AlternateServer(server))) = response.attribute() else {
            return Self::Other(ErrorCode::TRY_ALTERNATE);
        };
        // A name that cannot be read is as bad as no server: the old one instead would be wrong.
        let Ok(domain) = redirect::domain(response) else { return Self::Other(ErrorCode::TRY_ALTERNATE) };
        Self::TryAlternate { server, domain: domain.map(str::to_owned), authenticated }
    }

    fn unknown(response: &Message<'_>) -> Self {
        let types = response.attribute::<UnknownAttributes<'_>>().ok().flatten();
        Self::UnknownAttributes(types.into_iter().flat_map(|types| types.types()).take(MAX_UNKNOWN).collect())
    }
}

impl fmt::Debug for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TryAlternate { server, domain, authenticated } => f
                .debug_struct("TryAlternate")
                .field("server", &Redacted(*server))
                .field("has_domain", &domain.is_some())
                .field("authenticated", authenticated)
                .finish(),
            other => write!(f, "RequestError({other})"),
        }
    }
}

/// Why a datagram of the server changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// It is neither well-formed STUN nor well-formed ChannelData.
    #[error("neither STUN nor ChannelData")]
    Malformed,
    /// A response to no open request: late, repeated or forged.
    #[error("a response to no open request")]
    NoTransaction,
    /// A response that nothing vouches for (RFC 8489 9.2.5).
    #[error("a response that nothing vouches for")]
    Unbelieved,
    /// A request or an indication that a server does not send to a client.
    #[error("a message that no server sends")]
    Unexpected,
    /// It holds an attribute that must be understood and is not.
    #[error("an unknown comprehension-required attribute")]
    UnknownAttribute,
    /// A Data indication without peer or data (RFC 8656 11.4), or a ConnectionAttempt without peer or id (RFC 6062 4.4).
    #[error("an indication without what it is about")]
    Incomplete,
    /// Data of a peer that has no permission (RFC 8656 11.4, 12.6).
    #[error("data of a peer without permission")]
    NoPermission,
    /// ChannelData on a channel that is not bound (RFC 8656 12.6).
    #[error("data on an unbound channel")]
    UnboundChannel,
    /// An ICMP error, while many others wait to be read.
    #[error("more ICMP errors than anybody reads")]
    TooManyIcmp,
    /// A peer's attempt to connect, while many others wait to be bound (RFC 6062 4.4).
    #[error("more connections than anybody binds")]
    TooManyConnections,
}

/// Whether a response to a request with such an error is to be asked for again (RFC 8489 6.3.4).
pub(crate) const fn is_server_trouble(code: u16) -> bool {
    matches!(code, 500..=599) && code != error::INSUFFICIENT_CAPACITY
}

/// Whether it cannot be used without understanding more.
pub(crate) fn lacks_understanding(message: &Message<'_>) -> bool {
    message.unknown_required(KNOWN).next().is_some()
}
