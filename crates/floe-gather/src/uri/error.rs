//! What is wrong with a URI, and where.

/// A name of the DNS has 253 bytes at most; percent-encoded that makes 759.
pub(super) const MAX_LENGTH: usize = 1024;

/// Why a text is no [`ServerUri`](crate::ServerUri). Nothing of the text is in it: people put passwords into URIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("at byte {at}: {why}")]
#[non_exhaustive]
pub struct UriError {
    /// Where, in bytes from the start of the text.
    pub at: usize,
    /// What.
    pub why: BadUri,
}

impl UriError {
    pub(super) const fn new(at: usize, why: BadUri) -> Self {
        Self { at, why }
    }
}

/// What is wrong with a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BadUri {
    /// It has more than 1,024 bytes.
    #[error("a server's URI is no longer than 1024 bytes")]
    TooLong,
    /// It begins with something else than the schemes of RFC 7064 and RFC 7065.
    #[error("a server's URI begins with stun:, stuns:, turn: or turns:")]
    Scheme,
    /// It has `//` behind the scheme, as a URL has. Leave them out.
    #[error("a server's URI has no //")]
    Slashes,
    /// It has a user part. Hand the credentials in beside it.
    #[error("a server's URI has no user; credentials go elsewhere")]
    User,
    /// It has a path. Leave it out.
    #[error("a server's URI has no path")]
    Path,
    /// It has a fragment. Leave it out.
    #[error("a server's URI has no fragment")]
    Fragment,
    /// A character that no URI has. One of another script is percent-encoded, as UTF-8 (RFC 3986 3.2.2).
    #[error("no URI has this character; it has to be percent-encoded")]
    Character,
    /// There is no host.
    #[error("the host is missing")]
    NoHost,
    /// The colons of an IPv6 address would be taken for the one of the port. Put it into brackets.
    #[error("an IPv6 address has to be in brackets")]
    Brackets,
    /// What is in the brackets is no IPv6 address. One with a zone, or of a version to come, is none here.
    #[error("in the brackets is no IPv6 address")]
    Ipv6,
    /// Something between the closing bracket and the port.
    #[error("behind the brackets comes the port, or nothing")]
    AfterBrackets,
    /// It looks like an IPv4 address and is none: no name of the DNS ends with a number.
    #[error("this is no IPv4 address")]
    Ipv4,
    /// A percent sign without two hexadecimal digits, or what they encode is no UTF-8.
    #[error("the percent-encoding is broken")]
    Percent,
    /// The host is no name that the DNS could have.
    #[error("this is no host name")]
    Name,
    /// The port is no number from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// A STUN URI has no parameters (RFC 7064 3.1).
    #[error("a stun: or stuns: URI has no parameters")]
    StunQuery,
    /// Another parameter than `transport` (RFC 7065 3.1).
    #[error("the only parameter is ?transport=")]
    Query,
    /// There is no name of a transport.
    #[error("?transport= takes the name of a transport: udp or tcp")]
    Transport,
}

/// A part of the URI that knows where it is.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What lies before and behind the first of these.
    pub(super) fn split(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        let at = self.at + before.len() + separator.len_utf8();
        Some((Self { text: before, at: self.at }, Self { text: after, at }))
    }

    pub(super) const fn error(self, why: BadUri) -> UriError {
        UriError::new(self.at, why)
    }
}
