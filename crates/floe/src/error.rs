//! What may go wrong, one enum per operation.

use std::{io, time::Duration};

use floe_core::ComponentId;

use crate::Reason;

/// Why an agent was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The agent runs on tokio: call `build` within a runtime.
    #[error("there is no tokio runtime to run on")]
    NoRuntime,
    /// A stream has 1 to 256 components (RFC 8445 5.1.2.1).
    #[error("{0} components are not within 1 to 256")]
    Components(u16),
    /// Faster than one new transaction in 5 ms is never allowed (RFC 8445 14.2). Take a longer interval.
    #[error("a pacing interval of {0:?} is shorter than 5 ms")]
    Ta(Duration),
    /// The system gives no randomness, and without it there are no secrets.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// The agent is closed: by [`Agent::close`](crate::Agent::close), or because its runtime went away. Build another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent is closed")]
pub struct Closed;

/// Why candidates are not gathered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// The network did not tell its interfaces. Remote candidates can still be checked once there is a local one, and
    /// there will be none: build another agent, with a `Net` that works.
    #[error("the interfaces cannot be listed: {0}")]
    Interfaces(#[source] io::Error),
    /// Gathering began before. Once is enough.
    #[error("gathering began already")]
    AlreadyStarted,
    /// The agent is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why the peer's description was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetRemoteError {
    /// It does not fit what the agent has.
    #[error(transparent)]
    Refused(#[from] floe_session::SetRemoteError),
    /// The agent is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why the outcome of an updated candidate exchange between lite agents was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// It does not fit what the agent has.
    #[error(transparent)]
    Refused(#[from] floe_session::ReconcileError),
    /// The agent is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why a candidate of the peer was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddRemoteError {
    /// It cannot be used. The other candidates stay good.
    #[error(transparent)]
    Refused(#[from] floe_session::AddRemoteError),
    /// The agent is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The agent has no such component; [`AgentBuilder::components`](crate::AgentBuilder::components) says how many.
    #[error("there is no component {0}")]
    UnknownComponent(ComponentId),
    /// No pair of candidates works. The reason says which side to look at.
    #[error("no path to the peer{}", because(.0))]
    Failed(Option<Reason>),
    /// The agent is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why a datagram was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No pair is valid just now. Wait with [`Agent::connect`](crate::Agent::connect).
    #[error("component {0} has no path to the peer now")]
    NoPath(ComponentId),
    /// The checks have given up: no datagram will get through.
    #[error("no path to the peer{}", because(.0))]
    Failed(Option<Reason>),
    /// A datagram without a byte tells the peer nothing, and cannot be told from an error of the path.
    #[error("an empty datagram is not sent")]
    Empty,
    /// The send buffer of the socket is full; only `try_send` says so. Drop the datagram or send it later.
    #[error("the send buffer is full")]
    Full,
    /// The system refused this datagram: it is too long, a firewall forbids it, the network is down. The next one may
    /// get through.
    #[error("the datagram was not sent: {0}")]
    Io(#[from] io::Error),
    /// The agent is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why no datagram will come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The checks have given up: no datagram will get through.
    #[error("no path to the peer{}", because(.0))]
    Failed(Option<Reason>),
    /// The agent is closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

fn because(reason: &Option<Reason>) -> String {
    reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}
