//! What may be done about an allocation that failed or was lost (RFC 8656 7.3, 7.4).

use std::time::Duration;

use crate::RequestError;

/// What may be done about a failed Allocate (RFC 8656 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing on this server, until something about it has changed.
    None,
    /// Another transport to the same server.
    OtherTransport,
    /// Another local port, and with it another client and another transaction id.
    OtherPort {
        /// How many ports in all, the first one counted.
        tries: u32,
        /// How long the server is left alone once none of them has served.
        rest: Duration,
    },
    /// The other server, before any that is on the list. Nothing for five minutes if it sends back here (RFC 8489 10).
    OtherServer,
    /// The other family on this server, and never again this one.
    OtherFamily,
    /// The same without EVEN-PORT or RESERVATION-TOKEN, at once; with it, a minute later at the earliest.
    AnyPort,
    /// The same again, at once.
    Anew,
    /// The same again, after this time at the earliest.
    After(Duration),
}

/// RFC 8656 7.4: three ports, then two minutes off.
const OTHER_PORT: Remedy = Remedy::OtherPort { tries: 3, rest: Duration::from_secs(120) };
/// RFC 8656 7.4: a server without room is left alone for so long.
const NO_ROOM: Remedy = Remedy::After(Duration::from_secs(60));

impl RequestError {
    /// What may be done about an Allocate that failed with it, an allocation that was lost with it, or a family of one
    /// that was refused with it.
    ///
    /// In all these cases a server may still answer a Binding request, so that gathering has at least a
    /// server-reflexive candidate.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::TimedOut | Self::ConnectionBroken(_) => Remedy::OtherTransport,
            Self::AllocationMismatch => OTHER_PORT,
            Self::TryAlternate { authenticated: true, .. } => Remedy::OtherServer,
            Self::AddressFamilyNotSupported => Remedy::OtherFamily,
            Self::QuotaReached | Self::InsufficientCapacity => NO_ROOM,
            Self::PortUnavailable => Remedy::AnyPort,
            Self::ChannelMismatch => Remedy::Anew,
            _ => Remedy::None,
        }
    }
}
