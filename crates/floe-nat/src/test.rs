//! The tests, each a small state machine: it gives its first questions, is told what came of each, and gives more,
//! until it has its finding.

pub(crate) mod filtering;
pub(crate) mod hairpinning;
pub(crate) mod large;
pub(crate) mod lifetime;
pub(crate) mod mapping;
pub(crate) mod reach;

use std::net::SocketAddr;

use crate::Why;

/// What the first answer has shown, which all tests build on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scene {
    pub(crate) server: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) mapped: SocketAddr,
    pub(crate) plain: Option<SocketAddr>,
    /// The server's second address, or why it is of no use.
    pub(crate) other: Result<SocketAddr, Why>,
    pub(crate) mtu: u16,
}

impl Scene {
    /// Whether the server sees the address that the socket has (RFC 5780 4.3, test I).
    pub(crate) fn is_untranslated(&self) -> bool {
        self.local == self.mapped
    }
}
