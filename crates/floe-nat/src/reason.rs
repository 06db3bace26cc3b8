//! Why something was not found out.

use std::{fmt, net::SocketAddr};

use floe_core::address::{Redacted, Unusable};
use serde::Serialize;

/// Why a test came to no result.
#[derive(Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Why {
    /// The server answers 420 to this attribute, which it may (RFC 5780 5). Ask another server.
    #[error("it does not know {attribute}")]
    NotUnderstood {
        /// Its name.
        attribute: &'static str,
    },
    /// The server answered as if this attribute had not been there, which no server may. Ask another server.
    #[error("it ignores {attribute}")]
    Ignored {
        /// Its name.
        attribute: &'static str,
    },
    /// The server has no second address (RFC 5780 4.3). Ask one that has.
    #[error("it has no second address")]
    NoOtherAddress,
    /// The server names a second address that is of no use. Ask another server.
    #[error("its second address is of no use: {problem}")]
    OtherAddress {
        /// What is wrong with it.
        problem: OtherAddressProblem,
    },
    /// The server does not say MAPPED-ADDRESS beside XOR-MAPPED-ADDRESS (RFC 5780 6.1).
    #[error("it does not say MAPPED-ADDRESS")]
    NoMappedAddress,
    /// No answer came from this address of the server. The server or the way there is broken, or something on the way
    /// drops what goes there.
    #[error("no answer came from {to}")]
    NoAnswer {
        /// Where the request went.
        to: SocketAddr,
    },
    /// The server refused the request with this code.
    #[error("the server answered {code}")]
    Refused {
        /// The error code (RFC 8489 14.8).
        code: u16,
    },
    /// The answer cannot be used: the server is broken.
    #[error("{problem}")]
    BadAnswer {
        /// What is wrong with it.
        problem: BadAnswer,
    },
    /// There was no socket to ask from.
    #[error("no socket: {said}")]
    NoSocket {
        /// What the system said.
        said: String,
    },
    /// Neither mapping nor filtering is known to be endpoint-independent: a datagram that turned back at the NAT would
    /// have been dropped there, too.
    #[error("this NAT would hide it")]
    Hidden,
    /// Large requests do not arrive, so that no large response can come.
    #[error("no large request arrives that could ask for one")]
    NoLargeRequests,
    /// Not even a binding made a moment ago was reached by RESPONSE-PORT: the NAT may use several addresses.
    #[error("even a fresh binding was not reached")]
    FreshBindingUnreached,
}

impl fmt::Debug for Why {
    /// Hides most of the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { to } => write!(f, "NoAnswer({})", Redacted(*to)),
            other => write!(f, "{other}"),
        }
    }
}

/// What is wrong with an OTHER-ADDRESS (RFC 5780 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OtherAddressProblem {
    /// It has the IP address of the first: nothing of the second can be tested.
    #[error("the same IP address")]
    SameAddress,
    /// It has the port of the first: nothing that depends on ports can be told from what depends on addresses.
    #[error("the same port")]
    SamePort,
    /// It is of the other family.
    #[error("of the other family")]
    OtherFamily,
    /// Nothing can be sent to it.
    #[error("nothing can be sent to it")]
    Unusable,
    /// It cannot be read.
    #[error("it cannot be read")]
    Malformed,
}

/// Why an answer to an open request cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BadAnswer {
    /// It does not say where the request came from.
    #[error("the answer has no XOR-MAPPED-ADDRESS")]
    NoXorMappedAddress,
    /// What it says cannot be an address of a request.
    #[error("the answer has an XOR-MAPPED-ADDRESS that no request can have")]
    XorMappedAddress,
    /// It needs an attribute understood that is not, or is an error without a code that can be read.
    #[error("the answer breaks the rules of STUN")]
    NotStun,
}

/// Why nothing at all was found out. Each names the server.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// No answer came. The server is not there, or UDP is blocked (RFC 5780 4.2). Try another server.
    #[error("{server} did not answer")]
    NoAnswer {
        /// The server.
        server: SocketAddr,
    },
    /// The server refused a mere Binding request, with 401 where it wants credentials (RFC 5780 5.2). Ask another one.
    #[error("{server} refused the request: {code} {reason}")]
    Refused {
        /// The server.
        server: SocketAddr,
        /// The error code.
        code: u16,
        /// What the server says of it.
        reason: String,
    },
    /// The server's answer cannot be used. Ask another one.
    #[error("{server}: {problem}")]
    BadAnswer {
        /// The server.
        server: SocketAddr,
        /// What is wrong with it.
        problem: BadAnswer,
    },
    /// Nothing can be sent to this address. Give another one.
    #[error("{server} cannot be asked: {why}")]
    Unusable {
        /// The server.
        server: SocketAddr,
        /// Why not.
        why: Unusable,
    },
    /// There is no socket to ask the server from. What the system said tells what to do.
    #[error("{server} cannot be asked: no socket: {said}")]
    NoSocket {
        /// The server.
        server: SocketAddr,
        /// What the system said.
        said: String,
    },
}

impl fmt::Debug for DiscoveryError {
    /// Hides most of the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, server) = match self {
            Self::NoAnswer { server } => ("NoAnswer", server),
            Self::Refused { server, .. } => ("Refused", server),
            Self::BadAnswer { server, .. } => ("BadAnswer", server),
            Self::Unusable { server, .. } => ("Unusable", server),
            Self::NoSocket { server, .. } => ("NoSocket", server),
        };
        write!(f, "{name}({})", Redacted(*server))
    }
}
