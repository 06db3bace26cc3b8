use floe_core::{ServerTransport, address::Unusable};

use super::Question;

/// Why a server's URI comes to no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A `stuns:` URI with an IP address, which RFC 8489 8.1 has refused. Name the server.
    #[error("a stuns: URI needs a name: a certificate has to be for one")]
    NeedsName,
    /// The URI asks for a transport that nobody knows. It is `udp` or `tcp`.
    #[error("there is no transport {0:?}")]
    UnknownTransport(String),
    /// The URI asks for this transport, and the caller has none such.
    #[error("it is reached over {0}, which is not supported here")]
    Unsupported(ServerTransport),
    /// The caller has no transport that the scheme allows: UDP or TCP, or for `stuns` and `turns` DTLS or TLS.
    #[error("no transport is supported here that its scheme allows")]
    NoTransport,
    /// The DNS gave no answer to a question on which all depended. Try again later, or name the server by an address.
    #[error("{question}: {why}")]
    Lookup {
        /// What was asked.
        question: Question,
        /// What was said instead of an answer.
        why: String,
    },
    /// There is no such host, or it has no address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// A host's address is none that can be sent to.
    #[error("the address of {0} is {1}")]
    BadAddress(String, Unusable),
    /// The domain says that it has no such service (RFC 2782), or none by a transport that is supported here.
    #[error("{0} does not offer it")]
    NotOffered(String),
    /// The NAPTR records of this domain lead back to it (RFC 3958 4.3). Whoever keeps the domain has to correct that.
    #[error("the NAPTR records of {0} go round in a circle")]
    Circle(String),
    /// NAPTR records lead on and on, and this is where they were not followed any further.
    #[error("too many NAPTR records on the way to {0}")]
    TooFar(String),
    /// More would have to be asked than any honest domain needs.
    #[error("it takes more than {0} questions")]
    TooManyQuestions(usize),
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Naptr(name) => write!(f, "NAPTR records of {name}"),
            Self::Srv(name) => write!(f, "SRV records of {name}"),
            Self::Addresses(name) => write!(f, "addresses of {name}"),
        }
    }
}
