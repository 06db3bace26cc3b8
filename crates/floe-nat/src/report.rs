//! What was found out.

use std::{fmt, net::SocketAddr, time::Duration};

use floe_core::address::Redacted;
use serde::{Serialize, Serializer};

use crate::Why;

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "value", rename_all = "kebab-case")]
pub enum Finding<T> {
    /// It is so, at the time of the test.
    Known(T),
    /// The server cannot tell. Another one may.
    Unsupported(Why),
    /// The test came to no result.
    Unknown(Why),
    /// It was not asked for.
    NotAsked,
}

impl<T> Finding<T> {
    /// What is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unsupported(_) | Self::Unknown(_) | Self::NotAsked => None,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Finding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => fmt::Display::fmt(value, f),
            Self::Unsupported(why) => write!(f, "the server cannot tell: {why}"),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
            Self::NotAsked => f.write_str("not asked for"),
        }
    }
}

/// Declares an enum that is shown in words.
macro_rules! worded {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)* })
            }
        }
    };
}

worded! {
    /// Whether addresses are translated between this host and the server.
    Translation {
        /// The server sees the address that the host has.
        None = "no NAT",
        /// The server sees another address.
        Nat = "behind a NAT",
    }
}

worded! {
    /// On how much of the remote address a behaviour depends (RFC 4787 4.1 for mapping, 5 for filtering).
    Behaviour {
        /// On nothing: one mapping for all remotes; anybody may come in.
        EndpointIndependent = "endpoint-independent",
        /// On its IP address: a mapping for each; who was sent to may come in from any port.
        AddressDependent = "address-dependent",
        /// On its IP address and port: a mapping for each; only who was sent to may come in.
        AddressAndPortDependent = "address- and port-dependent",
    }
}

impl Behaviour {
    /// All of them, from the mildest on.
    pub const ALL: [Self; 3] =
        [Self::EndpointIndependent, Self::AddressDependent, Self::AddressAndPortDependent];
}

worded! {
    /// Whether hosts behind the NAT reach each other by their mapped addresses (RFC 4787 6).
    Hairpinning {
        /// They do, and see each other's mapped addresses, as RFC 4787 REQ-9 asks.
        External = "yes",
        /// They do, and see each other's inner addresses: agents that compare sources refuse that.
        Internal = "yes, with the inner source address",
        /// They do not.
        No = "no",
        /// There is no NAT to turn back at.
        NoNat = "not needed",
    }
}

worded! {
    /// Whether datagrams get through.
    Passage {
        /// They do.
        Pass = "get through",
        /// They do not.
        Lost = "are lost",
    }
}

worded! {
    /// Whether something on the way changes addresses inside of datagrams (RFC 5780 3.6).
    Rewriting {
        /// Nothing does.
        Untouched = "none",
        /// An application-level gateway does.
        Rewritten = "an application-level gateway rewrites addresses",
    }
}

/// How long a binding lives that nothing is sent from (RFC 5780 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Lifetime {
    /// After so long it was still there. In JSON it is a number of seconds.
    #[serde(rename = "at_least_s", serialize_with = "seconds")]
    pub at_least: Duration,
    /// After so long it was gone; `None`: it outlived the search. In JSON it is a number of seconds.
    #[serde(rename = "less_than_s", serialize_with = "optional_seconds")]
    pub less_than: Option<Duration>,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn optional_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_least = self.at_least.as_secs_f64();
        match self.less_than {
            Some(less_than) => write!(f, "{at_least:.0} to {:.0} s", less_than.as_secs_f64()),
            None => write!(f, "{at_least:.0} s or more"),
        }
    }
}

/// What was found out about the NATs and firewalls between a host and a server, at one time and from a few ports.
///
/// It is an upper bound: under load a NAT may do worse at any time (RFC 5780 4). `Debug` hides most of the addresses.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The server that was asked.
    pub server: SocketAddr,
    /// The address that the first request was sent from.
    pub local: SocketAddr,
    /// The address that the server saw it come from.
    pub mapped: SocketAddr,
    /// Whether there is a NAT.
    pub translation: Translation,
    /// How it maps (RFC 5780 4.3).
    pub mapping: Finding<Behaviour>,
    /// Whom it lets in, or the firewall where there is no NAT (RFC 5780 4.4).
    pub filtering: Finding<Behaviour>,
    /// Whether it hairpins (RFC 5780 3.4).
    pub hairpinning: Finding<Hairpinning>,
    /// Whether requests that are larger than the MTU get to the server (RFC 5780 3.5).
    pub large_requests: Finding<Passage>,
    /// Whether responses that are larger than the MTU get back (RFC 5780 3.5).
    pub large_responses: Finding<Passage>,
    /// Whether addresses in datagrams are rewritten (RFC 5780 3.6).
    pub rewriting: Finding<Rewriting>,
    /// How long a binding lives (RFC 5780 4.6).
    pub lifetime: Finding<Lifetime>,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("server", &format_args!("{}", Redacted(self.server)))
            .field("local", &format_args!("{}", Redacted(self.local)))
            .field("mapped", &format_args!("{}", Redacted(self.mapped)))
            .field("translation", &self.translation)
            .field("mapping", &self.mapping)
            .field("filtering", &self.filtering)
            .field("hairpinning", &self.hairpinning)
            .field("large_requests", &self.large_requests)
            .field("large_responses", &self.large_responses)
            .field("rewriting", &self.rewriting)
            .field("lifetime", &self.lifetime)
            .finish()
    }
}
