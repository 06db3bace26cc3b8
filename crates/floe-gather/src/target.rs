//! Where a server is.

use std::{fmt, net::SocketAddr};

use floe_core::{ServerTransport, address::Redacted};

/// One way to a STUN or TURN server: what a name comes to (RFC 5928 3). `Debug` hides most of the address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Target {
    /// Where the server is.
    pub address: SocketAddr,
    /// What it is reached by.
    pub transport: ServerTransport,
    /// What the server's certificate has to be for: the host that the user named, whatever the DNS made of it, as a name
    /// or an IP address (RFC 5928 5, RFC 8489 6.2.3). `None` where nothing is encrypted.
    pub name: Option<String>,
}

impl Target {
    /// A server at this address, whose certificate, if it has to have one, is for the address.
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
    pub fn name(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} {})", self.transport, Redacted(self.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_neither_address_nor_name() {
        let target = Target::new("192.0.2.1:3478".parse().unwrap(), ServerTransport::Tls)
            .name(Some("turn.example.org".to_owned()));
        assert_eq!(format!("{target:?}"), "Target(tls 192.x.x.x:3478)");
    }
}
