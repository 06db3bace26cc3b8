use std::{io, time::Duration};

use floe_core::ServerTransport;
use floe_stun::stream::StreamError;

/// Why there is no connection to a server, or no longer one: what the [`io::Error`] of [`Net::connect`](crate::Net::connect)
/// and of a connection holds ([`io::Error::get_ref`]).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It was not there in time: nobody answers, something on the way drops the packets, or the server stopped in the
    /// middle of a handshake.
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    /// Whatever was sent to it, the server does not answer: it is down, speaks no DTLS, or something on the way drops UDP.
    #[error("the server does not answer")]
    NoAnswer,
    /// The system could not make the connection, or lost it: refused, unreachable, reset.
    #[error("{0}")]
    Network(#[source] io::Error),
    /// This build has no such connections. Plain UDP needs none: bind a socket.
    #[error("connections over {0} are not supported")]
    Unsupported(ServerTransport),
    /// What the certificate has to be for is neither a name nor an address. Correct the link.
    #[error("{0:?} is no name that a certificate could be for")]
    Name(String),
    /// Nothing is known to judge certificates by: the system has no trusted roots, or none that can be read.
    #[error("the system's trusted certificates cannot be had: {0}")]
    Trust(String),
    /// The handshake failed: the server has not proved its name, or speaks another protocol. Nothing was sent to it but
    /// the handshake (RFC 8489 6.2.3).
    #[error("the handshake failed: {0}")]
    Handshake(String),
    /// What came over the encrypted connection was broken.
    #[error("the encryption failed: {0}")]
    Secure(String),
    /// The server closed the connection, between two messages.
    #[error("the server closed the connection")]
    Closed,
    /// The connection was cut inside a message, or carries no STUN.
    #[error("{0}")]
    Stream(#[from] StreamError),
}

impl From<ConnectError> for io::Error {
    /// With a kind by which [`trouble`](crate::trouble) says that the connection is over.
    fn from(error: ConnectError) -> Self {
        let kind = match &error {
            ConnectError::Timeout(_) | ConnectError::NoAnswer => io::ErrorKind::TimedOut,
            ConnectError::Network(error) => error.kind(),
            ConnectError::Unsupported(_) => io::ErrorKind::Unsupported,
            ConnectError::Name(_) | ConnectError::Trust(_) => io::ErrorKind::Other,
            ConnectError::Closed => io::ErrorKind::ConnectionAborted,
            ConnectError::Stream(StreamError::Cut { .. }) => io::ErrorKind::UnexpectedEof,
            ConnectError::Handshake(_) | ConnectError::Secure(_) | ConnectError::Stream(_) => {
                io::ErrorKind::InvalidData
            }
        };
        Self::new(kind, error)
    }
}

/// What has ended a connection, so that it can be told again to whoever asks next.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    Network(io::ErrorKind, String),
    #[cfg(any(feature = "tls", feature = "dtls"))]
    Secure(String),
    Closed,
    Stream(StreamError),
}

impl Ended {
    pub(super) fn network(error: &io::Error) -> Self {
        Self::Network(error.kind(), error.to_string())
    }

    /// Whatever it was, the connection is over: a reset is no passing trouble here as it is on a UDP socket.
    pub(super) fn error(&self) -> io::Error {
        let error = match self.clone() {
            Self::Network(kind, why) => {
                let error = ConnectError::Network(io::Error::new(kind, why));
                return io::Error::new(io::ErrorKind::ConnectionAborted, error);
            }
            #[cfg(any(feature = "tls", feature = "dtls"))]
            Self::Secure(why) => ConnectError::Secure(why),
            Self::Closed => ConnectError::Closed,
            Self::Stream(error) => ConnectError::Stream(error),
        };
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Trouble, trouble};

    #[test]
    fn whatever_ends_a_connection_is_the_sockets_trouble() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let ends = [
            Ended::network(&reset),
            #[cfg(any(feature = "tls", feature = "dtls"))]
            Ended::Secure("a bad record".to_owned()),
            Ended::Closed,
            Ended::Stream(StreamError::Cut { present: 3 }),
            Ended::Stream(StreamError::FirstByte(0xFF)),
        ];
        for end in ends {
            let error = end.error();
            assert_eq!(trouble(&error), Trouble::Socket, "{error}");
            assert!(
                error.get_ref().and_then(|error| error.downcast_ref::<ConnectError>()).is_some(),
                "{error}"
            );
        }
        assert_eq!(
            Ended::Stream(StreamError::Cut { present: 3 }).error().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
