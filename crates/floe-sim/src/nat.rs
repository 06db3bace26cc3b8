//! NATs as RFC 4787 sorts them: what they map, what they let in, and which ports they give out.

mod bindings;
mod ports;

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

pub use bindings::Mapped;
pub(crate) use bindings::{Bindings, Refused};
use floe_core::{Nat64Prefix, address::Family};

/// On how much of the remote address a behaviour depends: of mapping (RFC 4787 4.1) or of filtering (5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependence {
    /// On nothing: one mapping for all remotes; anybody may come in.
    EndpointIndependent,
    /// On the address: a mapping for each remote address; who was sent to may come in from any port.
    Address,
    /// On address and port: a mapping for each remote; only who was sent to may come in.
    AddressAndPort,
}

/// What counts of a remote address.
pub(crate) type Key = (Option<IpAddr>, Option<u16>);

impl Dependence {
    /// All of them, from the mildest on.
    pub const ALL: [Self; 3] = [Self::EndpointIndependent, Self::Address, Self::AddressAndPort];

    pub(crate) const fn key(self, remote: SocketAddr) -> Key {
        match self {
            Self::EndpointIndependent => (None, None),
            Self::Address => (Some(remote.ip()), None),
            Self::AddressAndPort => (Some(remote.ip()), Some(remote.port())),
        }
    }
}

/// In which order ports are tried for a mapping that cannot, or need not, keep the inner one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allocation {
    /// One after the other.
    Sequential,
    /// As chance has it.
    Random,
}

/// Which of its external addresses a NAT takes for a mapping (RFC 4787 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pooling {
    /// Always the same for an inner address. The first inner address gets the first external one, and so on in turn.
    Paired,
    /// Any.
    Arbitrary,
}

/// A NAT for UDP. [`Nat::new`] is one that obeys RFC 4787.
///
/// It translates the families that it has an external address of; others pass through untouched, as IPv6 does at most
/// homes. There is no port overloading (RFC 4787 4.2.1 forbids it) and no application-level gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nat {
    /// Its addresses in the parent realm.
    pub external: Vec<IpAddr>,
    /// Makes it a NAT64 (RFC 6146): to hosts inside, which have IPv6 only, IPv4 addresses are those behind this prefix, and
    /// its own IPv4 addresses are what they have outside.
    pub nat64: Option<Nat64Prefix>,
    /// How mappings depend on the remote (RFC 4787 4.1).
    pub mapping: Dependence,
    /// Whom it lets in (RFC 4787 5).
    pub filtering: Dependence,
    /// Which of several external addresses a mapping gets.
    pub pooling: Pooling,
    /// Whether it keeps the inner port where that is free (RFC 4787 4.2.1).
    pub preserves_ports: bool,
    /// Whether an even inner port gets an even external one, and an odd one an odd (RFC 4787 4.2.2).
    pub preserves_parity: bool,
    /// How it chooses other ports.
    pub allocation: Allocation,
    /// Which ports it gives out. One that is preserved need not be among them.
    pub ports: RangeInclusive<u16>,
    /// Whether inner hosts reach each other by their external addresses (RFC 4787 6). The receiver sees the external
    /// address of the sender.
    pub hairpins: bool,
    /// How long a mapping and a permission live without being used (RFC 4787 4.3).
    pub timeout: Duration,
    /// Whether what comes in counts as use, too. What goes out always does (RFC 4787 4.3).
    pub inbound_refreshes: bool,
}

impl Nat {
    /// A NAT that works for everybody: endpoint-independent mapping and filtering, paired, with hairpinning, ports
    /// preserved, and mappings that live for five minutes (RFC 4787 12).
    #[must_use]
    pub fn new(external: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            external: external.into_iter().collect(),
            nat64: None,
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::EndpointIndependent,
            pooling: Pooling::Paired,
            preserves_ports: true,
            preserves_parity: false,
            allocation: Allocation::Sequential,
            ports: 1_024..=u16::MAX,
            hairpins: true,
            timeout: Duration::from_secs(300),
            inbound_refreshes: false,
        }
    }

    /// This NAT with this mapping and this filtering.
    #[must_use]
    pub const fn behaving(mut self, mapping: Dependence, filtering: Dependence) -> Self {
        self.mapping = mapping;
        self.filtering = filtering;
        self
    }

    /// A NAT that is hard to pass: mapping and filtering depend on address and port, ports are random, and there is no
    /// hairpinning. Many call it symmetric.
    #[must_use]
    pub fn symmetric(external: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            preserves_ports: false,
            allocation: Allocation::Random,
            hairpins: false,
            ..Self::new(external).behaving(Dependence::AddressAndPort, Dependence::AddressAndPort)
        }
    }

    /// This NAT as a NAT64 with this prefix.
    #[must_use]
    pub const fn nat64(mut self, prefix: Nat64Prefix) -> Self {
        self.nat64 = Some(prefix);
        self
    }

    /// This NAT with hairpinning or without.
    #[must_use]
    pub const fn hairpins(mut self, hairpins: bool) -> Self {
        self.hairpins = hairpins;
        self
    }

    /// This NAT with mappings that live so long.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// This NAT with mappings that what comes in refreshes, or does not.
    #[must_use]
    pub const fn inbound_refreshes(mut self, refreshes: bool) -> Self {
        self.inbound_refreshes = refreshes;
        self
    }

    /// This NAT with these ports: whether the inner one is kept, and how others are chosen.
    #[must_use]
    pub const fn ports(mut self, preserved: bool, allocation: Allocation) -> Self {
        self.preserves_ports = preserved;
        self.allocation = allocation;
        self
    }

    /// This NAT with parity preserved, or not.
    #[must_use]
    pub const fn parity(mut self, preserved: bool) -> Self {
        self.preserves_parity = preserved;
        self
    }

    /// This NAT with this choice among its addresses.
    #[must_use]
    pub const fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = pooling;
        self
    }

    /// This NAT with other ports to give out.
    #[must_use]
    pub const fn port_range(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// An address inside, as the outside of this NAT has it. `None` where it is not translated from one family to the other.
    pub(crate) fn without_prefix(&self, ip: IpAddr) -> Option<IpAddr> {
        match (self.nat64, ip) {
            (Some(prefix), IpAddr::V6(ip)) => prefix.extract(ip).map(IpAddr::V4),
            _ => None,
        }
    }

    /// An address outside, as the inside of this NAT has it where the host there, `inner`, has the other family. `None`
    /// where no inner host can know of it.
    pub(crate) fn with_prefix(&self, ip: IpAddr, inner: IpAddr) -> Option<IpAddr> {
        match (ip, inner) {
            (IpAddr::V4(ip), IpAddr::V6(_)) => self.nat64?.embed(ip).map(IpAddr::V6),
            _ => Some(ip),
        }
    }

    /// Its external addresses of a family.
    pub(crate) fn pool(&self, family: Family) -> impl Iterator<Item = IpAddr> + '_ {
        self.external.iter().copied().filter(move |&ip| Family::of(ip) == family)
    }
}
