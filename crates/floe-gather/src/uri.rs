//! The URIs of STUN and TURN servers (RFC 7064 and RFC 7065).

mod error;
mod host;

use std::{fmt, net::IpAddr, num::NonZeroU16, str::FromStr};

use floe_core::address::Redacted;

pub use error::{BadUri, UriError};
use error::{Cursor, MAX_LENGTH};

use crate::ServerKind;

/// The URI of a server, as a user writes it: `stun:stun.example.org`, `turns:192.0.2.1:443?transport=tcp`.
///
/// It is read by the rules of RFC 7064 3.1 and RFC 7065 3.1, which are not those of URLs: there is no `//`, no user, no
/// path, no fragment, and `transport` is the one parameter, for TURN only. What is shown is the shortest form: the
/// scheme and the name in lower case, a name of other scripts as the DNS has it. `Debug` hides most of an IP address.
///
/// ```
/// use floe_gather::{Host, ServerKind, ServerUri};
///
/// let uri: ServerUri = "TURNS:Relay.Example.org?transport=tcp".parse()?;
/// assert_eq!(uri.kind(), ServerKind::Turn);
/// assert!(uri.secure());
/// assert_eq!(uri.host(), &Host::Name("relay.example.org".to_owned()));
/// assert_eq!(uri.port(), None);
/// assert_eq!(uri.to_string(), "turns:relay.example.org?transport=tcp");
///
/// let error = "turn:user@relay.example.org".parse::<ServerUri>().unwrap_err();
/// assert_eq!(error.to_string(), "at byte 9: a server's URI has no user; credentials go elsewhere");
/// # Ok::<(), floe_gather::UriError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerUri {
    kind: ServerKind,
    secure: bool,
    host: Host,
    port: Option<NonZeroU16>,
    transport: Option<UriTransport>,
}

/// Whom a [`ServerUri`] names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name of the DNS: in lower case, other scripts encoded (RFC 5890), with a dot at its end where the user wrote one.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

/// What a `turn:` or `turns:` URI says of the transport (RFC 7065 3.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UriTransport {
    /// Datagrams: UDP, or DTLS where it is [secure](ServerUri::secure) (RFC 7350 4.6.2).
    Udp,
    /// A stream: TCP, or TLS where it is secure.
    Tcp,
    /// Another one, which the syntax leaves room for. Its [`Resolution`](crate::Resolution) ends in an error (RFC 5928 3).
    Other(String),
}

impl UriTransport {
    /// As it stands in a URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Other(name) => name,
        }
    }
}

impl ServerUri {
    /// What the server can do.
    #[must_use]
    pub const fn kind(&self) -> ServerKind {
        self.kind
    }

    /// Whether the way to it is encrypted, by TLS or DTLS: `stuns` and `turns` (RFC 7064 3.2, RFC 7065 3.2).
    #[must_use]
    pub const fn secure(&self) -> bool {
        self.secure
    }

    /// Who it is.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Its port, if the URI says it. Without one the DNS may tell, and else it is 3478, or 5349 where it is secure.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port.map(NonZeroU16::get)
    }

    /// What it is reached by, if the URI says it; never for STUN.
    #[must_use]
    pub const fn transport(&self) -> Option<&UriTransport> {
        self.transport.as_ref()
    }

    const fn scheme(&self) -> &'static str {
        match (self.kind, self.secure) {
            (ServerKind::Stun, false) => "stun",
            (ServerKind::Stun, true) => "stuns",
            (ServerKind::Turn, false) => "turn",
            (ServerKind::Turn, true) => "turns",
        }
    }
}

impl FromStr for ServerUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        if text.len() > MAX_LENGTH {
            return Err(UriError::new(MAX_LENGTH, BadUri::TooLong));
        }
        let (scheme, rest) = Cursor::new(text).split(':').ok_or(UriError::new(0, BadUri::Scheme))?;
        let (kind, secure) = read_scheme(scheme.text).ok_or(UriError::new(0, BadUri::Scheme))?;
        check_characters(rest)?;
        let (authority, query) =
            rest.split('?').map_or((rest, None), |(before, after)| (before, Some(after)));
        let (host, port) = host::read(authority)?;
        let port = port.map(read_port).transpose()?.flatten();
        let transport = query.map(|query| read_query(kind, query)).transpose()?;
        Ok(Self { kind, secure, host, port, transport })
    }
}

/// Schemes are compared without regard to case (RFC 3986 3.1).
fn read_scheme(text: &str) -> Option<(ServerKind, bool)> {
    let schemes = [
        ("stun", (ServerKind::Stun, false)),
        ("stuns", (ServerKind::Stun, true)),
        ("turn", (ServerKind::Turn, false)),
        ("turns", (ServerKind::Turn, true)),
    ];
    schemes.into_iter().find_map(|(scheme, meaning)| text.eq_ignore_ascii_case(scheme).then_some(meaning))
}

/// What makes a URL of it is named as such, for it is what people write.
fn check_characters(rest: Cursor<'_>) -> Result<(), UriError> {
    if rest.text.starts_with("//") {
        return Err(rest.error(BadUri::Slashes));
    }
    let wrong = rest.text.char_indices().find_map(|(at, character)| Some((at, refusal(character)?)));
    wrong.map_or(Ok(()), |(at, why)| Err(UriError::new(rest.at + at, why)))
}

/// What a URI may have beside letters and digits, less what is refused by name (RFC 3986 2).
const MARKS: &str = "-._~%:[]?!$&'()*+,;=";

/// What is wrong with a character that no part of the URI may have (RFC 3986 2).
fn refusal(character: char) -> Option<BadUri> {
    match character {
        '@' => Some(BadUri::User),
        '/' => Some(BadUri::Path),
        '#' => Some(BadUri::Fragment),
        _ if character.is_ascii_alphanumeric() || MARKS.contains(character) => None,
        _ => Some(BadUri::Character),
    }
}

/// RFC 3986 3.2.3: nothing behind the colon is as good as no colon.
fn read_port(digits: Cursor<'_>) -> Result<Option<NonZeroU16>, UriError> {
    if digits.text.is_empty() {
        return Ok(None);
    }
    let bad = || digits.error(BadUri::Port);
    // `parse` alone would take a plus sign.
    if !digits.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    digits.text.parse().map(Some).map_err(|_| bad())
}

fn read_query(kind: ServerKind, query: Cursor<'_>) -> Result<UriTransport, UriError> {
    // RFC 7064 3.1: a STUN URI ends with the port.
    if kind == ServerKind::Stun {
        return Err(query.error(BadUri::StunQuery));
    }
    let (name, value) = query.split('=').ok_or(query.error(BadUri::Query))?;
    // Strings of an ABNF are compared without regard to case (RFC 5234 2.3).
    if !name.text.eq_ignore_ascii_case("transport") {
        return Err(name.error(BadUri::Query));
    }
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if value.text.is_empty() || !value.text.bytes().all(unreserved) {
        return Err(value.error(BadUri::Transport));
    }
    let value = value.text.to_ascii_lowercase();
    Ok(match &*value {
        "udp" => UriTransport::Udp,
        "tcp" => UriTransport::Tcp,
        _ => UriTransport::Other(value),
    })
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl ServerUri {
    fn write(&self, f: &mut fmt::Formatter<'_>, host: &dyn fmt::Display) -> fmt::Result {
        write!(f, "{}:{host}", self.scheme())?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if let Some(transport) = &self.transport {
            write!(f, "?transport={}", transport.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &self.host)
    }
}

impl fmt::Debug for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Name(_) => self.write(f, &self.host),
            Host::Ip(ip) => self.write(f, &Redacted(ip)),
        }
    }
}

#[cfg(test)]
mod tests;
