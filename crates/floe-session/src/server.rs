//! STUN and TURN servers as an embedder names them.

use std::{fmt, net::SocketAddr};

use floe_core::address::Redacted;
use floe_gather::Server;

/// A STUN or TURN server, reached over UDP, whose name is resolved. `Debug` shows neither credentials nor the address.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IceServer {
    /// It says which address it sees: server-reflexive candidates (RFC 8489).
    Stun(SocketAddr),
    /// It relays: relayed candidates, and server-reflexive ones by the way (RFC 8656).
    Turn {
        /// Where it is.
        address: SocketAddr,
        /// The user's name, as it was typed: the client prepares it by the OpaqueString profile (RFC 8265).
        username: String,
        /// The user's password, as it was typed.
        password: String,
    },
}

impl IceServer {
    /// A TURN server with the credentials for it.
    #[must_use]
    pub fn turn(address: SocketAddr, username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Turn { address, username: username.into(), password: password.into() }
    }

    /// As gathering sees it.
    pub(crate) const fn to_gather(&self) -> Server {
        match self {
            Self::Stun(address) => Server::stun(*address),
            Self::Turn { address, .. } => Server::turn(*address),
        }
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stun(address) => write!(f, "Stun({})", Redacted(*address)),
            Self::Turn { address, .. } => write!(f, "Turn({})", Redacted(*address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let server = IceServer::turn(([192, 0, 2, 77], 3478).into(), "somebody", "secret");
        assert_eq!(format!("{server:?}"), "Turn(192.x.x.x:3478)");
    }
}
