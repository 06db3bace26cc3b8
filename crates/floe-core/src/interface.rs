//! Network interfaces, as gathering wants to know them.

use std::{fmt, net::IpAddr};

use crate::address::Redacted;

/// A network interface of the host and its addresses. The driver reads them from the system, an embedder may hand in
/// its own, a test makes them up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its index: the scope of its IPv6 link-local addresses.
    pub index: u32,
    /// Whether it is up and running.
    pub up: bool,
    /// Its addresses, in the system's order.
    pub addresses: Vec<InterfaceAddress>,
}

/// An address of an interface.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// How many leading bits name the network.
    pub prefix_length: u8,
    /// Whether it is an IPv6 temporary address (RFC 8981), which resists tracking.
    pub temporary: bool,
    /// Whether it must not be used for new communication: deprecated, tentative or found to be a duplicate (RFC 4862).
    pub unusable: bool,
}

impl InterfaceAddress {
    /// A usable, lasting address.
    #[must_use]
    pub const fn new(ip: IpAddr, prefix_length: u8) -> Self {
        Self { ip, prefix_length, temporary: false, unusable: false }
    }
}

impl fmt::Debug for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ip, prefix_length, temporary, unusable } = self;
        write!(f, "{}/{prefix_length}", Redacted(*ip))?;
        f.write_str(if *temporary { " temporary" } else { "" })?;
        f.write_str(if *unusable { " unusable" } else { "" })
    }
}
