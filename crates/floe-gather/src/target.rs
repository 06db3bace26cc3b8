//! Where a server is, once its name is resolved.

use std::{fmt, net::SocketAddr};

use floe_core::{ServerTransport, address::Redacted};

/// One of the places where a server can be reached (RFC 5928 3). `Debug` hides most of the address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// What it is reached by.
    pub transport: ServerTransport,
    /// What its certificate has to be for, where the transport asks for one: a host's name or an IP address. `None`: its
    /// address.
    pub name: Option<String>,
}

impl Target {
    /// A server at this address.
    #[must_use]
    pub const fn new(address: SocketAddr, transport: ServerTransport) -> Self {
        Self { address, transport, name: None }
    }

    /// A server at this address, over UDP.
    #[must_use]
    pub const fn udp(address: SocketAddr) -> Self {
        Self::new(address, ServerTransport::Udp)
    }

    /// Sets [`name`](Self::name).
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", Redacted(self.address), self.transport)
    }
}
