//! How a STUN or TURN server is reached.

use std::fmt;

/// What lies under STUN and TURN on the way to a server (RFC 8489 6.2, RFC 8656 3.1, RFC 7350).
///
/// It says nothing of what a TURN server relays by, which is another matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerTransport {
    /// Datagrams.
    Udp,
    /// Datagrams, encrypted (RFC 7350).
    Dtls,
    /// A stream.
    Tcp,
    /// A stream, encrypted.
    Tls,
}

impl ServerTransport {
    /// All of them: first those that lose what the network loses, for media cannot wait for it.
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Tls, Self::Dtls];

    /// Whether everything arrives, in order, or the connection breaks: nothing is sent again then (RFC 8489 6.2.2).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// Whether the server has to prove who it is, by a certificate for its name (RFC 8489 6.2.3).
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Dtls)
    }

    /// The port of a server of which none is known (RFC 7064 3.2, RFC 7065 3.2): 5349 where it is secure, 3478 otherwise.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        if self.is_secure() { 5349 } else { 3478 }
    }

    /// Its name: `udp`, `dtls`, `tcp` or `tls`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Dtls => "dtls",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for ServerTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
