//! STUN and TURN servers as an embedder names them.

use std::{fmt, net::SocketAddr};

use floe_gather::{Server, ServerKind, ServerUri, Target};

/// A STUN or TURN server. `Debug` shows neither credentials nor more than a part of addresses.
///
/// ```
/// use floe_session::IceServer;
///
/// let stun = IceServer::new("stun:stun.example.org".parse()?);
/// let turn = IceServer::new("turns:turn.example.org?transport=tcp".parse()?).user("ann", "secret");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    server: Server,
    uri: Option<ServerUri>,
    user: Option<User>,
}

/// Who asks a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl IceServer {
    /// The server of this URI (RFC 7064, RFC 7065). A STUN server says which address it sees, for server-reflexive
    /// candidates (RFC 8489); a TURN server relays (RFC 8656), gives server-reflexive candidates by the way where it is
    /// reached over UDP, and wants a [`user`](Self::user).
    ///
    /// Where there is more than one place that the URI may mean (RFC 5928), they are tried one after the other.
    #[must_use]
    pub fn new(uri: ServerUri) -> Self {
        Self { server: Server::unresolved(uri.kind()), uri: Some(uri), user: None }
    }

    /// A server at the first of these places that works.
    #[must_use]
    pub fn at(kind: ServerKind, targets: impl IntoIterator<Item = Target>) -> Self {
        Self { server: Server::at(kind, targets), uri: None, user: None }
    }

    /// A STUN server at this address, over UDP.
    #[must_use]
    pub fn stun(address: SocketAddr) -> Self {
        Self::at(ServerKind::Stun, [Target::udp(address)])
    }

    /// A TURN server at this address, over UDP, with the credentials for it.
    #[must_use]
    pub fn turn(address: SocketAddr, username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::at(ServerKind::Turn, [Target::udp(address)]).user(username, password)
    }

    /// The user's name and password for a TURN server (RFC 8489 9.2).
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some(User { name: name.into(), password: password.into() });
        self
    }

    /// The URI, where it was made of one.
    #[must_use]
    pub const fn uri(&self) -> Option<&ServerUri> {
        self.uri.as_ref()
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

    pub(crate) const fn credentials(&self) -> Option<&User> {
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
        assert_eq!(format!("{server:?}"), "Turn[Target(udp 192.x.x.x:3478)]");
    }
}
