//! Datagrams as they cross the walls.

use std::{fmt, net::SocketAddr};

use bytes::Bytes;

use crate::{BaseId, address};

/// A datagram to send from a base.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// What to send it from.
    pub base: BaseId,
    /// Where to.
    pub to: SocketAddr,
    /// What: the bytes of one datagram.
    pub payload: Bytes,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transmit({} to {}, {} bytes)", self.base, address::Redacted(self.to), self.payload.len())
    }
}

/// A datagram that came in on a base.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// What it came in on.
    pub base: BaseId,
    /// Where from.
    pub from: SocketAddr,
    /// What: the bytes of one datagram.
    pub payload: &'a [u8],
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Received({} from {}, {} bytes)",
            self.base,
            address::Redacted(self.from),
            self.payload.len()
        )
    }
}
