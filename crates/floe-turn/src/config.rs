//! What a client is to do.

mod error;

use std::{fmt, net::SocketAddr, time::Duration};

use floe_core::{BaseId, ServerTransport, address::Redacted};
use floe_stun::{RetransmitPolicy, long_term::Token};

pub use error::ConfigError;

use crate::{AddressFamily, EvenPort, ReservationToken, keepalive::MIN_TR};

/// The most characters of SOFTWARE (RFC 8489 14.14).
const MAX_SOFTWARE: usize = 127;

/// How the server reaches the peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelayTransport {
    /// By datagrams (RFC 8656).
    Udp,
    /// By TCP connections (RFC 6062).
    Tcp,
}

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
    /// What lies under TURN on the way to the server. Default: UDP. Over TCP and TLS nothing is sent again, a request
    /// fails after 39.5 s (RFC 8489 6.2.2), and ChannelData is padded (RFC 8656 12.5).
    pub transport: ServerTransport,
    /// How the server reaches the peers. Default: UDP. TCP needs a server that is reached by TCP or TLS (RFC 6062 4.1).
    pub relay: RelayTransport,
    /// The user's name, as it was typed: the client prepares it by the OpaqueString profile (RFC 8265).
    pub username: String,
    /// The user's password, as it was typed.
    pub password: String,
    /// The token that stands for the user where an authorization server has given one (RFC 7635); name and password are not
    /// used then. Default: `None`.
    pub access_token: Option<Token>,
    /// What SOFTWARE says in Allocate and Refresh requests (RFC 8656 5). Default: `floe`.
    pub software: Option<String>,
    /// How long the allocation shall live between refreshes, in whole seconds. Default: `None`, the server's own choice,
    /// which is 10 minutes (RFC 8656 7.2). What the server grants counts, whatever was asked for.
    pub lifetime: Option<Duration>,
    /// The family of the relayed address. Default: `None`, which asks for nothing and means IPv4 (RFC 8656 7.1).
    pub family: Option<AddressFamily>,
    /// Whether both families are asked for, in one allocation (RFC 8656 7.1). The server may give one of them only:
    /// [`Event::FamilyRefused`](crate::Event::FamilyRefused). Default: no.
    pub dual: bool,
    /// Whether the relayed port shall be even, and perhaps the next one be kept for another allocation (RFC 8656 7.1).
    /// Default: `None`, any port.
    pub even_port: Option<EvenPort>,
    /// The token of a port that was kept, from [`Relay::token`](crate::Relay::token) (RFC 8656 7.1). Default: `None`.
    pub token: Option<ReservationToken>,
    /// Whether the server shall set the DF bit towards peers, for what goes by Send indication (RFC 8656 11.1). A server
    /// that cannot is asked without: [`Client::sets_dont_fragment`](crate::Client::sets_dont_fragment). Default: no.
    pub dont_fragment: bool,
    /// Whether the allocation shall be able to go along to another base (RFC 8016), by
    /// [`Client::migrate`](crate::Client::migrate). A server that forbids it is asked without. Default: no.
    pub mobility: bool,
    /// How requests are repeated over UDP and DTLS. Default: RFC 8489 6.2.1.
    pub retransmit: RetransmitPolicy,
    /// After how long without a datagram the server gets a keepalive while there is an allocation: the NATs on the way
    /// forget sooner than it has to be refreshed. What is shorter than the 15 s of RFC 8445 11 means those. Default: 15 s.
    pub keepalive: Duration,
    /// After how long a permission is renewed; 1 s to 240 s. RFC 8656 9 has it last 300 s, but servers can be configured to
    /// forget sooner, and do not tell. Default: 24 s.
    pub renew_permissions: Duration,
    /// After how long a channel is renewed, and the permission with it; 1 s to 540 s, for the same reason. Default: 20 s, so
    /// that the permission of a peer with a channel needs nothing of its own.
    pub renew_channels: Duration,
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
            transport: ServerTransport::Udp,
            relay: RelayTransport::Udp,
            username: username.into(),
            password: password.into(),
            access_token: None,
            software: Some("floe".to_owned()),
            lifetime: None,
            family: None,
            dual: false,
            even_port: None,
            token: None,
            dont_fragment: false,
            mobility: false,
            retransmit: RetransmitPolicy::default(),
            keepalive: MIN_TR,
            renew_permissions: Duration::from_secs(24),
            renew_channels: Duration::from_secs(20),
            max_permissions: 256,
            max_channels: 256,
            max_held: 4,
        }
    }

    /// Sets [`transport`](Self::transport).
    #[must_use]
    pub fn transport(mut self, transport: ServerTransport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets [`relay`](Self::relay).
    #[must_use]
    pub fn relay(mut self, relay: RelayTransport) -> Self {
        self.relay = relay;
        self
    }

    /// Sets [`access_token`](Self::access_token).
    #[must_use]
    pub fn access_token(mut self, token: Option<Token>) -> Self {
        self.access_token = token;
        self
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

    /// Sets [`dual`](Self::dual).
    #[must_use]
    pub fn dual(mut self, dual: bool) -> Self {
        self.dual = dual;
        self
    }

    /// Sets [`even_port`](Self::even_port).
    #[must_use]
    pub fn even_port(mut self, even_port: Option<EvenPort>) -> Self {
        self.even_port = even_port;
        self
    }

    /// Sets [`token`](Self::token).
    #[must_use]
    pub fn token(mut self, token: Option<ReservationToken>) -> Self {
        self.token = token;
        self
    }

    /// Sets [`dont_fragment`](Self::dont_fragment).
    #[must_use]
    pub fn dont_fragment(mut self, dont_fragment: bool) -> Self {
        self.dont_fragment = dont_fragment;
        self
    }

    /// Sets [`mobility`](Self::mobility).
    #[must_use]
    pub fn mobility(mut self, mobility: bool) -> Self {
        self.mobility = mobility;
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

    /// Sets [`renew_permissions`](Self::renew_permissions).
    #[must_use]
    pub fn renew_permissions(mut self, after: Duration) -> Self {
        self.renew_permissions = after;
        self
    }

    /// Sets [`renew_channels`](Self::renew_channels).
    #[must_use]
    pub fn renew_channels(mut self, after: Duration) -> Self {
        self.renew_channels = after;
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

    /// Whether a relayed address of this family was asked for.
    pub(crate) fn accepts(&self, family: AddressFamily) -> bool {
        // RFC 8656 7.1: what was reserved has the family that it has.
        let any = self.dual || self.token.is_some();
        any || self.family.unwrap_or(AddressFamily::Ipv4) == family
    }

    /// How a request is repeated, and how long its answer is waited for.
    pub(crate) fn policy(&self) -> RetransmitPolicy {
        if self.transport.is_reliable() {
            return RetransmitPolicy::reliable(RetransmitPolicy::RELIABLE_TIMEOUT);
        }
        self.retransmit
    }

    /// The same for what gives the allocation back: whoever closes waits for it, and what is not heard of expires.
    pub(crate) fn last_policy(&self) -> RetransmitPolicy {
        let few = self.retransmit.rc(3).rm(4);
        if self.transport.is_reliable() { RetransmitPolicy::reliable(few.total()) } else { few }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let software = self.software.as_ref().map_or(0, |software| software.chars().count());
        if software > MAX_SOFTWARE {
            return Err(ConfigError::SoftwareTooLong(software));
        }
        self.check_families()?;
        self.check_relay()
    }

    /// RFC 8656 7.1: what must not stand beside each other.
    const fn check_families(&self) -> Result<(), ConfigError> {
        let reserves = matches!(self.even_port, Some(EvenPort { reserve_next: true }));
        match (self.token.is_some(), self.dual) {
            (true, true) => Err(ConfigError::TokenWithDual),
            (true, _) if self.family.is_some() => Err(ConfigError::TokenWithFamily),
            (true, _) if self.even_port.is_some() => Err(ConfigError::TokenWithEvenPort),
            (_, true) if self.family.is_some() => Err(ConfigError::DualWithFamily),
            (_, true) if reserves => Err(ConfigError::DualWithReservation),
            _ => Ok(()),
        }
    }

    /// RFC 6062 4.1: what a TCP allocation needs, and what it must not have.
    const fn check_relay(&self) -> Result<(), ConfigError> {
        if matches!(self.relay, RelayTransport::Udp) {
            return Ok(());
        }
        if !self.transport.is_reliable() {
            return Err(ConfigError::TcpRelayOverDatagrams);
        }
        if self.even_port.is_some() || self.token.is_some() || self.dont_fragment {
            return Err(ConfigError::TcpRelayWithUdpFeature);
        }
        Ok(())
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("server", &Redacted(self.server))
            .field("base", &self.base)
            .field("transport", &self.transport)
            .field("relay", &self.relay)
            .field("lifetime", &self.lifetime)
            .field("family", &self.family)
            .field("dual", &self.dual)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use floe_stun::credentials::{CredentialError, PrepareError};
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

    fn plain() -> ClientConfig {
        ClientConfig::new(BaseId(0), "192.0.2.1:3478".parse().unwrap(), "ann", "secret")
    }

    // proves: 8656-7.1-b
    // proves: 8656-7.1-c
    #[test]
    fn what_must_not_stand_beside_each_other_is_refused() {
        let token = || plain().token(Some(ReservationToken(*b"a token.")));
        let even = |reserve_next| Some(EvenPort { reserve_next });
        let ipv6 = Some(AddressFamily::Ipv6);
        let table = [
            (plain().family(ipv6), Ok(())),
            (plain().dual(true), Ok(())),
            (plain().dual(true).even_port(even(false)), Ok(())),
            (plain().family(ipv6).even_port(even(true)).dont_fragment(true), Ok(())),
            (token().dont_fragment(true), Ok(())),
            (plain().dual(true).family(ipv6), Err(ConfigError::DualWithFamily)),
            (plain().dual(true).even_port(even(true)), Err(ConfigError::DualWithReservation)),
            (token().family(ipv6), Err(ConfigError::TokenWithFamily)),
            (token().dual(true), Err(ConfigError::TokenWithDual)),
            (token().even_port(even(false)), Err(ConfigError::TokenWithEvenPort)),
            (token().even_port(even(true)), Err(ConfigError::TokenWithEvenPort)),
        ];
        for (config, expected) in table {
            assert_eq!(config.check(), expected, "{config:?}");
        }
    }

    #[test]
    fn a_tcp_allocation_needs_a_stream_and_takes_nothing_that_is_of_udp() {
        let relay = |transport| plain().transport(transport).relay(RelayTransport::Tcp);
        for transport in [ServerTransport::Udp, ServerTransport::Dtls] {
            assert_eq!(relay(transport).check(), Err(ConfigError::TcpRelayOverDatagrams));
        }
        for transport in [ServerTransport::Tcp, ServerTransport::Tls] {
            let good = || relay(transport);
            assert_eq!(good().check(), Ok(()));
            assert_eq!(good().dual(true).mobility(true).check(), Ok(()));
            let even = Some(EvenPort { reserve_next: false });
            for bad in [
                good().even_port(even),
                good().token(Some(ReservationToken([0; 8]))),
                good().dont_fragment(true),
            ] {
                assert_eq!(bad.check(), Err(ConfigError::TcpRelayWithUdpFeature));
            }
        }
    }
}
