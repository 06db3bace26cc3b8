use std::net::IpAddr;

use floe_stun::attribute::ValueError;

/// IPv4 or IPv6, as attributes name them (RFC 8489 14.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressFamily {
    /// 0x01.
    Ipv4,
    /// 0x02.
    Ipv6,
}

impl AddressFamily {
    /// The family of this address. IPv4 in IPv6's clothes is IPv6 here.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Ipv4 => Self::Ipv6,
            Self::Ipv6 => Self::Ipv4,
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Ipv4 => 1,
            Self::Ipv6 => 2,
        }
    }

    pub(super) const fn from_code(code: u8) -> Result<Self, ValueError> {
        match code {
            1 => Ok(Self::Ipv4),
            2 => Ok(Self::Ipv6),
            other => Err(ValueError::Family(other)),
        }
    }
}
