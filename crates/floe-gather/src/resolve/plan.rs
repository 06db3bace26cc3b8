//! What a URI asks for, before anything is looked up (RFC 5928 3, the checks at its beginning).

use std::net::SocketAddr;

use floe_core::ServerTransport;

use super::ResolveError;
use crate::{Host, ServerKind, ServerUri, Target, UriTransport};

/// The URI and what of the caller's transports it leaves.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) uri: ServerUri,
    /// Those that fit the scheme, the best first; never empty unless NAPTR records may add some.
    pub(super) transports: Vec<ServerTransport>,
    /// Those that NAPTR records may name; empty where none are to be asked for.
    pub(super) by_naptr: Vec<ServerTransport>,
}

impl Plan {
    pub(super) fn new(uri: &ServerUri, supported: &[ServerTransport]) -> Result<Self, ResolveError> {
        // RFC 8489 8.1
        if uri.kind() == ServerKind::Stun && uri.secure() && matches!(uri.host(), Host::Ip(_)) {
            return Err(ResolveError::NeedsName);
        }
        let transports = match uri.transport() {
            Some(named) => vec![named_transport(named, uri.secure(), supported)?],
            None => fitting(uri.secure(), supported),
        };
        let by_naptr = if asks_naptr(uri) { naptr_transports(uri.secure(), supported) } else { Vec::new() };
        if transports.is_empty() && by_naptr.is_empty() {
            return Err(ResolveError::NoTransport);
        }
        Ok(Self { uri: uri.clone(), transports, by_naptr })
    }

    /// A server that answers for the host of the URI: so its certificate is for that one, even where the DNS has given
    /// another name (RFC 5928 5).
    pub(super) fn target(&self, address: SocketAddr, transport: ServerTransport) -> Target {
        let name = || match self.uri.host() {
            Host::Name(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
            Host::Ip(ip) => ip.to_string(),
        };
        Target::new(address, transport).name(transport.is_secure().then(name))
    }

    /// The name of the SRV records: `_turns._tcp.example.org` (RFC 2782, RFC 5928 3, RFC 8489 8.1).
    pub(super) fn service(&self, transport: ServerTransport, host: &str) -> String {
        let service = match self.uri.kind() {
            ServerKind::Stun => "stun",
            ServerKind::Turn => "turn",
        };
        let secure = if transport.is_secure() { "s" } else { "" };
        let protocol = if transport.is_reliable() { "tcp" } else { "udp" };
        format!("_{service}{secure}._{protocol}.{host}")
    }
}

/// RFC 5928 3, step 4: a TURN server of which only the name is known.
fn asks_naptr(uri: &ServerUri) -> bool {
    let name = matches!(uri.host(), Host::Name(_));
    name && uri.kind() == ServerKind::Turn && uri.transport().is_none() && uri.port().is_none()
}

/// RFC 5928 3, Table 1, with the line of RFC 7350 4.6.2.
fn named_transport(
    named: &UriTransport,
    secure: bool,
    supported: &[ServerTransport],
) -> Result<ServerTransport, ResolveError> {
    let transport = match (named, secure) {
        (UriTransport::Udp, false) => ServerTransport::Udp,
        (UriTransport::Udp, true) => ServerTransport::Dtls,
        (UriTransport::Tcp, false) => ServerTransport::Tcp,
        (UriTransport::Tcp, true) => ServerTransport::Tls,
        (UriTransport::Other(name), _) => return Err(ResolveError::UnknownTransport(name.clone())),
    };
    supported.contains(&transport).then_some(transport).ok_or(ResolveError::Unsupported(transport))
}

/// RFC 7064 3.2, RFC 7065 3.2: the secure schemes for TLS and DTLS, the others for UDP and TCP.
fn fitting(secure: bool, supported: &[ServerTransport]) -> Vec<ServerTransport> {
    distinct(supported.iter().copied().filter(|transport| transport.is_secure() == secure))
}

/// RFC 5928 3 takes from `turns` what is not secure, and from `turn` nothing: a domain may say that its servers are reached
/// over TLS, as in the example of 4.1.
fn naptr_transports(secure: bool, supported: &[ServerTransport]) -> Vec<ServerTransport> {
    distinct(supported.iter().copied().filter(|transport| transport.is_secure() || !secure))
}

fn distinct(transports: impl Iterator<Item = ServerTransport>) -> Vec<ServerTransport> {
    let mut seen = Vec::new();
    for transport in transports {
        if !seen.contains(&transport) {
            seen.push(transport);
        }
    }
    seen
}
