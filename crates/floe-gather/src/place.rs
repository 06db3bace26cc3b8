//! Addresses of this host, as gathering sees them.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, SocketAddr, SocketAddrV6},
};

use floe_core::{
    Interface, InterfaceAddress,
    address::{self, Redacted},
};

/// An address of this host: what a socket is bound to, ports aside. A link-local IPv6 address has a meaning only
/// together with its interface (RFC 4007 6), so the scope is part of it; other addresses have scope 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) ip: IpAddr,
    pub(crate) scope: u32,
}

impl Place {
    pub(crate) const fn of(interface: &Interface, ip: IpAddr) -> Self {
        Self { ip, scope: if address::is_ipv6_link_local(ip) { interface.index } else { 0 } }
    }

    /// All that the host has.
    pub(crate) fn all(interfaces: &[Interface]) -> BTreeSet<Self> {
        interfaces.iter().flat_map(|on| on.addresses.iter().map(|a| Self::of(on, a.ip))).collect()
    }

    /// The place that a socket is bound to.
    pub(crate) const fn of_socket(address: SocketAddr) -> Self {
        let scope = match address {
            SocketAddr::V6(v6) if address::is_ipv6_link_local(address.ip()) => v6.scope_id(),
            _ => 0,
        };
        Self { ip: address.ip(), scope }
    }

    /// A socket address here.
    pub(crate) const fn with_port(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(_) => SocketAddr::new(self.ip, port),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.scope)),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Redacted(self.ip), f)
    }
}

/// An address that a candidate can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Usable {
    pub(crate) place: Place,
    pub(crate) interface: Box<str>,
    pub(crate) address: InterfaceAddress,
    /// How far down the list its kind of interface belongs.
    pub(crate) standing: Standing,
}

/// What is to be expected of an interface or of its kind of address. The order is that of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing bad is known.
    Reliable,
    /// It is known to connect unreliably (RFC 8421 3).
    Unreliable,
    /// It reaches nobody but this host.
    Loopback,
}
