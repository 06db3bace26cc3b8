//! Errors and reasons.

use std::time::Duration;

use floe_check::ListFailReason;
use floe_core::StreamId;

/// Why the session is in a bad state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A check list failed, and with it the last stream.
    #[error("{why} (stream {stream})")]
    ListFailed {
        /// The stream.
        stream: StreamId,
        /// Why.
        why: ListFailReason,
    },
    /// The socket of the selected pair was closed by the system, or its address is gone.
    #[error("the socket of the selected pair is gone: {0}")]
    SocketLost(Box<str>),
}

/// Why the peer's description was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetRemoteError {
    /// The checks refused it.
    #[error(transparent)]
    Refused(#[from] floe_check::SetRemoteError),
    /// The session is closed: make a new one.
    #[error("the session is closed")]
    Closed,
}

/// Why a remote candidate was not taken. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddRemoteError {
    /// The checks refused it.
    #[error(transparent)]
    Refused(#[from] floe_check::AddRemoteError),
    /// It names the ufrag of another generation than the peer's current one (RFC 8838 9).
    #[error("the candidate belongs to ufrag {theirs}, the description to {current}")]
    WrongGeneration {
        /// The ufrag that the candidate names.
        theirs: Box<str>,
        /// The ufrag of the description.
        current: Box<str>,
    },
    /// Its address is an mDNS name, which this version does not resolve.
    #[error("mDNS resolution is not in this version")]
    Mdns,
    /// Too many candidates came before the description: set that first.
    #[error("more than {0} candidates before the description")]
    TooManyEarly(usize),
    /// The session is closed: make a new one.
    #[error("the session is closed")]
    Closed,
}

/// How long after completion sockets without a selected pair still answer (RFC 8445 8.3.1).
pub(crate) const RELEASE_AFTER: Duration = Duration::from_secs(3);
