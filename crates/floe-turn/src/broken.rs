//! How a connection to a server ends (RFC 8489 6.2.2).

use std::io;

use floe_stun::stream::StreamError;

/// Why the connection to the server is of no use any more: what [`Client::broken`](crate::Client::broken) is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// It was never there: refused, unreachable, or not answered in time.
    #[error("it cannot be reached: {0}")]
    Unreachable(io::ErrorKind),
    /// TLS or DTLS failed, half way through the handshake or later.
    #[error("its encryption failed")]
    Encryption,
    /// The server closed it, between two messages.
    #[error("it was closed")]
    Closed,
    /// It ended in the middle of a message.
    #[error("it was cut inside a message")]
    Cut,
    /// What came is neither STUN nor ChannelData: nobody can tell where the next message begins.
    #[error("it carries something else: {0}")]
    Framing(#[from] StreamError),
    /// A message was announced and did not come.
    #[error("a message was announced and did not come")]
    Stalled,
    /// Reading or writing failed.
    #[error("it broke: {0}")]
    Io(io::ErrorKind),
}
