//! STUN and TURN servers as an embedder names them.

use std::{fmt, net::SocketAddr};

use floe_gather::{Server, ServerKind, Target};

/// A STUN or TURN server. `Debug` shows neither credentials nor more than a part of addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    server: Server,
    user: Option<User>,
}

/// Who asks a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl IceServer {
    /// A STUN server at this address, over UDP: it says which address it sees (RFC 8489), for server-reflexive candidates.
    #[must_use]
    pub fn stun(address: SocketAddr) -> Self {
        Self { server: Server::stun(address), user: None }
    }

    /// A TURN server at this address, over UDP, with the credentials for it: it relays (RFC 8656), and gives server-reflexive
    /// candidates by the way. Name and password are prepared by the OpaqueString profile (RFC 8265), which leaves ASCII as
    /// it is.
    #[must_use]
    pub fn turn(address: SocketAddr, username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::turn_at([Target::udp(address)], username, password)
    }

    /// A TURN server at the first of these places that works.
    #[must_use]
    pub fn turn_at(
        targets: impl IntoIterator<Item = Target>,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        let user = User { name: username.into(), password: password.into() };
        Self { server: Server::at(ServerKind::Turn, targets), user: Some(user) }
    }

    /// Where it is, the most preferred place first; `None` while its name is not resolved.
    #[must_use]
    pub fn targets(&self) -> Option<&[Target]> {
        self.server.targets.as_deref()
    }

    /// As gathering sees it.
    pub(crate) fn to_gather(&self) -> Server {
        self.server.clone()
    }

    pub(crate) const fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.server, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let server = IceServer::turn(([192, 0, 2, 77], 3478).into(), "somebody", "secret");
        assert_eq!(format!("{server:?}"), "Turn[192.x.x.x:3478 by udp]");
    }
}
