//! What lies between messages and a TCP connection: nothing, or TLS.

use std::io;

use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use super::tls::Session;
use super::{error::Ended, outgoing::Outgoing};

/// Bytes are read in pieces of this size.
pub(super) const PIECE: usize = 16 * 1024;

/// The two kinds of stream.
pub(super) enum Layer {
    /// With what the system has not taken yet of a message that was begun: less than one message.
    Plain { rest: Vec<u8> },
    #[cfg(feature = "tls")]
    Tls(Box<Session>),
}

impl Layer {
    pub(super) const fn plain() -> Self {
        Self::Plain { rest: Vec::new() }
    }

    /// Whether something waits for the system to take it.
    pub(super) fn waits(&self) -> bool {
        match self {
            Self::Plain { rest } => !rest.is_empty(),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.waits(),
        }
    }

    /// Hands on what waits.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): not all of it.
    pub(super) fn flush(&mut self, tcp: &TcpStream) -> io::Result<()> {
        match self {
            Self::Plain { rest } => {
                while !rest.is_empty() {
                    let taken = tcp.try_write(rest)?;
                    rest.drain(..taken);
                }
                Ok(())
            }
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.flush(tcp),
        }
    }

    /// Sends a message, or nothing of it: what the system does not take of one that was begun is kept.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): nothing of it was sent, and nothing is kept.
    pub(super) fn send(&mut self, tcp: &TcpStream, message: &Outgoing<'_>) -> io::Result<()> {
        self.flush(tcp)?;
        match self {
            Self::Plain { rest } => {
                let taken = tcp.try_write_vectored(message.parts())?;
                if taken < message.length() {
                    message.rest_into(taken, rest);
                }
                Ok(())
            }
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.send(tcp, message),
        }
    }

    /// Reads some bytes; 0 at the end of the stream.
    ///
    /// # Errors
    /// `Ok(Err(WouldBlock))` as of the system; `Err` when the connection is over.
    pub(super) fn read(&mut self, tcp: &TcpStream, buffer: &mut [u8]) -> Result<io::Result<usize>, Ended> {
        match self {
            Self::Plain { .. } => match tcp.try_read(buffer) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(Ended::network(&error)),
                outcome => Ok(outcome),
            },
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.read(tcp, buffer),
        }
    }
}
