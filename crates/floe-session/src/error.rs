//! Errors and reasons.

use std::{fmt, time::Duration};

use floe_check::{ConsentLoss, FailReason, ListFailReason};
use floe_core::{ComponentId, StreamId, address::Unusable};

/// Why the session, or a stream of it, is in a bad state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The check list of a stream failed. Look at the failed pairs for the details; a restart begins anew.
    #[error("{why} (stream {stream})")]
    ListFailed {
        /// The stream.
        stream: StreamId,
        /// Why.
        why: ListFailReason,
    },
    /// The socket of the pair in use was closed by the system, or its address is gone: the network has changed.
    #[error("the socket of the selected pair is gone: {0}")]
    SocketLost(Box<str>),
    /// The allocation of the relayed pair in use is gone: the server has dropped it, or is down.
    #[error("the relay of the selected pair is gone: {0}")]
    RelayLost(Box<str>),
    /// Consent to send over the pair in use has ended (RFC 7675): the peer is gone, or the path to it. Nothing is sent
    /// there any more; a restart may bring it back.
    #[error("consent to send on component {component} of {stream} is lost: {why}")]
    ConsentLost {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// Why.
        why: ConsentLoss,
    },
    /// Data is sent and nothing comes back: no data, no check, no answer to a probe. It goes on being sent, and the first
    /// thing heard takes this back; nothing has to be done.
    #[error("nothing was heard for {silence:?} while data was sent on component {component} of {stream}")]
    Silent {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// How long when it was noticed.
        silence: Duration,
    },
    /// The pair in use is no longer valid: a check of it failed.
    #[error("the path of component {component} of {stream} is lost: {why}")]
    PathLost {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// Why.
        why: FailReason,
    },
}

/// Why the peer's description was not taken. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetRemoteError {
    /// The checks refused it.
    #[error(transparent)]
    Refused(#[from] floe_check::SetRemoteError),
    /// The credentials are those of this side: its own description was handed in, or sent back by the signalling.
    #[error("the description of {0} is this agent's own")]
    Own(StreamId),
    /// The credentials are those of a generation before a restart: a late copy, or the peer has not restarted. Whoever
    /// restarts, or answers a restart, has new ones (RFC 8445 9).
    #[error("the description of {0} is of a generation before the restart")]
    Former(StreamId),
    /// Another password goes with the ufrag that is known: a restart changes both (RFC 8445 9).
    #[error("the description of {0} has the known ufrag and another password")]
    SameUfrag(StreamId),
    /// The credentials are the known ones, and the peer has become a lite agent, or is none any more: that takes a restart
    /// (RFC 8445 9).
    #[error("the description of {0} changes full to lite, or lite to full, without a restart")]
    Lite(StreamId),
    /// A stream has at least one component.
    #[error("the description of {0} has no component")]
    NoComponents(StreamId),
    /// The session is closed: make a new one.
    #[error("the session is closed")]
    Closed,
}

/// Why a remote candidate, or the end of them, was not taken. Nothing has changed.
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
        /// The ufrag of the description; empty where that of this generation is still to come.
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

impl AddRemoteError {
    /// What statistics count it as.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        use floe_check::AddRemoteError as Check;
        match self {
            Self::Refused(Check::UnknownStream(_)) => Refusal::UnknownStream,
            Self::Refused(Check::UnknownComponent(..)) => Refusal::UnknownComponent,
            Self::Refused(Check::Ended) => Refusal::Ended,
            Self::Refused(Check::NoAddress) | Self::Mdns => Refusal::Mdns,
            Self::Refused(Check::Unusable(_)) => Refusal::Unusable,
            Self::Refused(Check::TooMany(_)) | Self::TooManyEarly(_) => Refusal::TooMany,
            Self::WrongGeneration { .. } => Refusal::WrongGeneration,
            Self::Closed => Refusal::Closed,
            Self::Refused(_) => Refusal::Other,
        }
    }
}

impl From<Unusable> for AddRemoteError {
    fn from(why: Unusable) -> Self {
        Self::Refused(floe_check::AddRemoteError::Unusable(why))
    }
}

/// The kinds of [`AddRemoteError`], for counting: however many candidates are refused, there are no more than these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such stream.
    UnknownStream,
    /// The stream has no such component.
    UnknownComponent,
    /// It came after the end of candidates.
    Ended,
    /// It is of another generation.
    WrongGeneration,
    /// Its address is a name.
    Mdns,
    /// Its address is one nothing may be sent to.
    Unusable,
    /// There were too many before it.
    TooMany,
    /// The session was closed.
    Closed,
    /// Anything else.
    Other,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownStream => "unknown stream",
            Self::UnknownComponent => "unknown component",
            Self::Ended => "after the end of candidates",
            Self::WrongGeneration => "another generation",
            Self::Mdns => "an mDNS name",
            Self::Unusable => "an unusable address",
            Self::TooMany => "too many",
            Self::Closed => "the session is closed",
            Self::Other => "another reason",
        })
    }
}
