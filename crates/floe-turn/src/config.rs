//! What a client is to do.

use std::{fmt, net::SocketAddr, time::Duration};

use floe_core::{BaseId, address::Redacted};
use floe_stun::{RetransmitPolicy, credentials::CredentialError};

use crate::{AddressFamily, keepalive::MIN_TR};

/// The most characters of SOFTWARE (RFC 8489 14.14).
const MAX_SOFTWARE: usize = 127;

/// One allocation: the server, the base it is asked from, and the credentials.
///
/// `Debug` hides most of the address, and name and password altogether.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The server.
    pub server: SocketAddr,
    /// What to send from. Server and base are the 5-tuple of the allocation (RFC 8656 6).
    pub base: BaseId,
    /// The user's name, as it was typed: the client prepares it by the OpaqueString profile (RFC 8265).
    pub username: String,
    /// The user's password, as it was typed.
    pub password: String,
    /// What SOFTWARE says in Allocate and Refresh requests (RFC 8656 5). Default: `floe`.
    pub software: Option<String>,
    /// How long the allocation shall live between refreshes, in whole seconds. Default: `None`, the server's own choice,
    /// which is 10 minutes (RFC 8656 7.2). What the server grants counts, whatever was asked for.
    pub lifetime: Option<Duration>,
    /// The family of the relayed address. Default: `None`, which asks for nothing and means IPv4 (RFC 8656 7.1).
    pub family: Option<AddressFamily>,
    /// How requests are repeated. Default: RFC 8489 6.2.1.
    pub retransmit: RetransmitPolicy,
    /// After how long without a datagram the server gets a keepalive while there is an allocation: the NATs on the way
    /// forget sooner than it has to be refreshed. What is shorter than the 15 s of RFC 8445 11 means those. Default: 15 s.
    pub keepalive: Duration,
    /// How many permissions there may be at a time. Default: 256.
    pub max_permissions: usize,
    /// How many channels there may be at a time, those counted whose number must not be used again yet. Default: 256.
    pub max_channels: usize,
    /// How many datagrams are held for a peer until its permission is there. Default: 4.
    pub max_held: usize,
}

impl ClientConfig {
    /// An allocation from this base on this server.
    #[must_use]
    pub fn new(
        base: BaseId,
        server: SocketAddr,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        Self {
            server,
            base,
            username: username.into(),
            password: password.into(),
            software: Some("floe".to_owned()),
            lifetime: None,
            family: None,
            retransmit: RetransmitPolicy::default(),
            keepalive: MIN_TR,
            max_permissions: 256,
            max_channels: 256,
            max_held: 4,
        }
    }

    /// Sets [`software`](Self::software).
    #[must_use]
    pub fn software(mut self, software: Option<String>) -> Self {
        self.software = software;
        self
    }

    /// Sets [`lifetime`](Self::lifetime).
    #[must_use]
    pub fn lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets [`family`](Self::family).
    #[must_use]
    pub fn family(mut self, family: Option<AddressFamily>) -> Self {
        self.family = family;
        self
    }

    /// Sets [`retransmit`](Self::retransmit).
    #[must_use]
    pub fn retransmit(mut self, retransmit: RetransmitPolicy) -> Self {
        self.retransmit = retransmit;
        self
    }

    /// Sets [`keepalive`](Self::keepalive).
    #[must_use]
    pub fn keepalive(mut self, keepalive: Duration) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Sets [`max_permissions`](Self::max_permissions).
    #[must_use]
    pub fn max_permissions(mut self, max: usize) -> Self {
        self.max_permissions = max;
        self
    }

    /// Sets [`max_channels`](Self::max_channels).
    #[must_use]
    pub fn max_channels(mut self, max: usize) -> Self {
        self.max_channels = max;
        self
    }

    /// Sets [`max_held`](Self::max_held).
    #[must_use]
    pub fn max_held(mut self, max: usize) -> Self {
        self.max_held = max;
        self
    }

    /// The family that the relayed address has to have.
    pub(crate) fn relayed_family(&self) -> AddressFamily {
        self.family.unwrap_or(AddressFamily::Ipv4)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let software = self.software.as_ref().map_or(0, |software| software.chars().count());
        if software > MAX_SOFTWARE {
            return Err(ConfigError::SoftwareTooLong(software));
        }
        Ok(())
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("server", &Redacted(self.server))
            .field("base", &self.base)
            .field("lifetime", &self.lifetime)
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

/// Why no client can be made of a [`ClientConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Name or password are none that can be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// SOFTWARE is a short text (RFC 8489 14.14): shorten it to 127 characters.
    #[error("a software text of {0} characters, where at most 127 are sent")]
    SoftwareTooLong(usize),
}

#[cfg(test)]
mod tests {
    use floe_stun::credentials::PrepareError;
    use rand::{SeedableRng as _, rngs::ChaCha20Rng};

    use super::*;
    use crate::Client;

    #[test]
    fn texts_that_cannot_be_sent_are_refused_at_once() {
        let server = "192.0.2.1:3478".parse().unwrap();
        let config = ClientConfig::new(BaseId(0), server, "ann", "secret");
        let software = |length| config.clone().software(Some("ß".repeat(length)));
        assert_eq!(software(127).check(), Ok(()));
        assert_eq!(software(128).check(), Err(ConfigError::SoftwareTooLong(128)));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn credentials_that_cannot_be_used_are_refused_at_once() {
        let bad = PrepareError::Disallowed { position: 1 };
        for (username, password, error) in [
            ("n".repeat(509), "secret", CredentialError::UsernameTooLong(509)),
            ("a\tb".to_owned(), "secret", CredentialError::Username(bad)),
            ("ann".to_owned(), "a\tb", CredentialError::Password(bad)),
        ] {
            let config = ClientConfig::new(BaseId(0), "192.0.2.1:3478".parse().unwrap(), username, password);
            let rng = ChaCha20Rng::from_seed([7; 32]);
            let refused = Client::start(std::time::Instant::now(), config, rng).err();
            assert_eq!(refused, Some(ConfigError::Credential(error)));
        }
    }

    #[test]
    fn debug_shows_neither_credentials_nor_the_whole_address() {
        let config = ClientConfig::new(BaseId(3), "192.0.2.77:3478".parse().unwrap(), "ann", "secret");
        let shown = format!("{config:?}");
        for secret in ["0.2.77", "ann", "secret"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
