//! The gateways that agents sit behind.

use serde::{Deserialize, Serialize};

const MAPPING: &str = include_str!("nft/mapping.nft");
const INWARD: &str = include_str!("nft/inward.nft");
const FROM_ANYBODY: &str = include_str!("nft/from-anybody.nft");
const FROM_CONTACTED_ADDRESSES: &str = include_str!("nft/from-contacted-addresses.nft");
const HAIRPIN: &str = include_str!("nft/hairpin.nft");
const SYMMETRIC: &str = include_str!("nft/symmetric.nft");
const MASQUERADE: &str = include_str!("nft/masquerade.nft");
const NO_ANSWER: &str = include_str!("nft/no-answer.nft");
const FIREWALL6: &str = include_str!("nft/firewall6.nft");
const NO_UDP: &str = include_str!("nft/no-udp.nft");
const TCP_443: &str = include_str!("nft/tcp-443.nft");

/// What stands between a host and the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gateway {
    /// A router: the host has a public address.
    None,
    /// One external port, open to everybody.
    FullCone,
    /// One external port, open to the addresses that the host has sent to.
    AddressRestricted,
    /// One external port, open to the addresses and ports that the host has sent to.
    PortRestricted,
    /// Another external port for each remote address and port.
    Symmetric,
    /// A full cone that hairpins, for hosts that do not reach each other otherwise.
    Hairpin,
    /// A NAT that passes no UDP.
    UdpBlocked,
    /// A NAT that passes TCP to port 443 only.
    Tcp443,
}

impl Gateway {
    /// The five of the matrix, from the most open to the least.
    pub const KINDS: [Self; 5] =
        [Self::None, Self::FullCone, Self::AddressRestricted, Self::PortRestricted, Self::Symmetric];

    /// Its name in tables and in the names of tests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FullCone => "full-cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::Symmetric => "symmetric",
            Self::Hairpin => "hairpin",
            Self::UdpBlocked => "udp-blocked",
            Self::Tcp443 => "tcp-443-only",
        }
    }

    /// Whether the hosts behind it have addresses of their own on the internet.
    pub(crate) const fn is_public(self) -> bool {
        matches!(self, Self::None)
    }

    /// Its rules, where `wan` is its address outside. What is inside it calls `lan...`, what is outside `wan`.
    pub(crate) fn rules(self, wan: &str) -> String {
        let parts: &[&str] = match self {
            Self::None => &[],
            Self::FullCone => &[NO_ANSWER, MAPPING, INWARD, FROM_ANYBODY, FIREWALL6],
            Self::AddressRestricted => &[NO_ANSWER, MAPPING, INWARD, FROM_CONTACTED_ADDRESSES, FIREWALL6],
            Self::PortRestricted => &[NO_ANSWER, MAPPING, FIREWALL6],
            Self::Symmetric => &[NO_ANSWER, SYMMETRIC, FIREWALL6],
            Self::Hairpin => &[NO_ANSWER, MAPPING, INWARD, FROM_ANYBODY, HAIRPIN, FIREWALL6],
            Self::UdpBlocked => &[NO_ANSWER, MASQUERADE, NO_UDP],
            Self::Tcp443 => &[NO_ANSWER, MASQUERADE, TCP_443],
        };
        let rules = parts.concat();
        format!("define WAN = {wan}\n{rules}")
    }
}
