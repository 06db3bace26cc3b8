//! Addresses: what they may be used for, and how they may be shown.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The family of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of this address.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// Whether this is an IPv6 link-local address (fe80::/10).
#[must_use]
pub const fn is_ipv6_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80,
    }
}

/// Whether this is a link-local address of either family (fe80::/10, 169.254.0.0/16).
#[must_use]
pub const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(_) => is_ipv6_link_local(ip),
    }
}

/// Whether this address means something within one network only: RFC 1918, RFC 6598 (behind a carrier's NAT), IPv6 unique
/// local addresses (RFC 4193), and link-local ones.
#[must_use]
pub const fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || is_link_local(ip) || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 == 0xfc00 || is_ipv6_link_local(ip),
    }
}

/// Whether this is a site-local IPv6 address (fec0::/10), which RFC 3879 deprecated.
#[must_use]
pub const fn is_site_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfec0
}

/// Whether this is an IPv4-compatible IPv6 address (::/96), which RFC 4291 deprecated; `::` and `::1` are not.
#[must_use]
pub const fn is_ipv4_compatible(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    s[0] == 0 && s[1] == 0 && s[2] == 0 && s[3] == 0 && s[4] == 0 && s[5] == 0 && (s[6] != 0 || s[7] > 1)
}

/// The address without flow label and scope: those mean something on this host only, so addresses are compared and
/// kept without them. [`scoped`] puts the scope back where a datagram leaves.
#[must_use]
pub const fn unscoped(mut address: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(v6) = &mut address {
        v6.set_flowinfo(0);
        v6.set_scope_id(0);
    }
    address
}

/// The address with the scope of `base` where it is a link-local one without a scope of its own: only the interface
/// that it is sent from says which link is meant (RFC 4007 6).
#[must_use]
pub const fn scoped(mut address: SocketAddr, base: SocketAddr) -> SocketAddr {
    if let (SocketAddr::V6(to), SocketAddr::V6(base)) = (&mut address, base)
        && is_ipv6_link_local(IpAddr::V6(*to.ip()))
        && to.scope_id() == 0
    {
        to.set_scope_id(base.scope_id());
    }
    address
}

/// Why an address that a peer or a server names is not sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Port 0 receives nothing.
    #[error("port 0")]
    PortZero,
    /// `0.0.0.0` or `::`.
    #[error("an unspecified address")]
    Unspecified,
    /// A multicast group: a check would reach many hosts (RFC 8445 19.5).
    #[error("a multicast address")]
    Multicast,
    /// 255.255.255.255.
    #[error("the broadcast address")]
    Broadcast,
}

/// Whether a datagram may be sent to this address at all. What holds for an IPv4 address holds for its IPv4-mapped form,
/// which a socket of both families sends to all the same.
///
/// # Errors
/// Says why not. Loopback is no error here: whether it makes sense is known only beside the local candidate.
pub const fn check_destination(address: SocketAddr) -> Result<(), Unusable> {
    if address.port() == 0 {
        return Err(Unusable::PortZero);
    }
    let ip = address.ip().to_canonical();
    if ip.is_unspecified() {
        return Err(Unusable::Unspecified);
    }
    if ip.is_multicast() {
        return Err(Unusable::Multicast);
    }
    match ip {
        IpAddr::V4(Ipv4Addr::BROADCAST) => Err(Unusable::Broadcast),
        _ => Ok(()),
    }
}

/// Shows an address without telling where its owner is: the family, the range, the port.
///
/// `192.0.2.17:5000` becomes `192.x.x.x:5000`, `[2001:db8::17]:5000` becomes `[2001:x]:5000`. Loopback stays, it tells
/// nothing. Logs and `Debug` use this; `Display` of a candidate, which is the signalling itself, does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Redacted<T>(pub T);

impl fmt::Display for Redacted<IpAddr> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ip if ip.is_loopback() || ip.is_unspecified() => fmt::Display::fmt(&ip, f),
            IpAddr::V4(v4) => write!(f, "{}.x.x.x", v4.octets()[0]),
            IpAddr::V6(v6) => write!(f, "{:x}:x", v6.segments()[0]),
        }
    }
}

impl fmt::Display for Redacted<SocketAddr> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.ip() {
            IpAddr::V4(_) => write!(f, "{}:{}", Redacted(self.0.ip()), self.0.port()),
            IpAddr::V6(_) => write!(f, "[{}]:{}", Redacted(self.0.ip()), self.0.port()),
        }
    }
}

impl<T> fmt::Debug for Redacted<T>
where
    Self: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_those_of_one_network_and_link_local_ones_of_one_link() {
        let of = |text: &str| {
            let ip = text.parse().unwrap();
            (is_private(ip), is_link_local(ip))
        };
        for text in ["10.1.2.3", "172.31.0.1", "192.168.7.7", "100.64.0.1", "100.127.255.255", "fd00::1"] {
            assert_eq!(of(text), (true, false), "{text}");
        }
        for text in ["169.254.7.7", "fe80::1", "febf::1"] {
            assert_eq!(of(text), (true, true), "{text}");
        }
        for text in ["192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "fec0::1"] {
            assert_eq!(of(text), (false, false), "{text}");
        }
    }

    #[test]
    fn a_redacted_address_tells_the_range_and_no_more() {
        let shown = |text: &str| Redacted(text.parse::<SocketAddr>().unwrap()).to_string();
        assert_eq!(shown("192.0.2.17:5000"), "192.x.x.x:5000");
        assert_eq!(shown("[2001:db8::17]:5000"), "[2001:x]:5000");
        assert_eq!(shown("127.0.0.1:9"), "127.0.0.1:9");
        assert_eq!(format!("{:?}", Redacted("10.1.2.3".parse::<IpAddr>().unwrap())), "10.x.x.x");
    }

    #[test]
    fn no_datagram_goes_to_an_address_that_nobody_owns() {
        let check = |text: &str| check_destination(text.parse().unwrap());
        assert_eq!(check("192.0.2.1:0"), Err(Unusable::PortZero));
        assert_eq!(check("0.0.0.0:9"), Err(Unusable::Unspecified));
        assert_eq!(check("[::]:9"), Err(Unusable::Unspecified));
        assert_eq!(check("224.0.0.1:9"), Err(Unusable::Multicast));
        assert_eq!(check("[ff02::1]:9"), Err(Unusable::Multicast));
        assert_eq!(check("255.255.255.255:9"), Err(Unusable::Broadcast));
        // A socket that speaks both families sends to the IPv4 address inside.
        assert_eq!(check("[::ffff:0.0.0.0]:9"), Err(Unusable::Unspecified));
        assert_eq!(check("[::ffff:224.0.0.1]:9"), Err(Unusable::Multicast));
        assert_eq!(check("[::ffff:255.255.255.255]:9"), Err(Unusable::Broadcast));
        for good in ["192.0.2.1:9", "[fe80::1]:9", "[::ffff:192.0.2.1]:9"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_scope_goes_at_the_wall_and_comes_back_from_the_base() {
        let far: SocketAddr = "[fe80::2%7]:9".parse().unwrap();
        let base: SocketAddr = "[fe80::1%3]:8".parse().unwrap();
        assert_eq!(unscoped(far), "[fe80::2]:9".parse().unwrap());
        assert_eq!(scoped(unscoped(far), base), "[fe80::2%3]:9".parse().unwrap());
        assert_eq!(scoped(far, base), far);
        let global: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
        assert_eq!(scoped(global, base), global);
    }

    #[test]
    fn deprecated_ipv6_ranges_are_recognised() {
        let v6 = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        assert!(is_ipv4_compatible(v6("::10.0.0.1")));
        for other in ["::", "::1", "::ffff:10.0.0.1", "2001:db8::1"] {
            assert!(!is_ipv4_compatible(v6(other)), "{other}");
        }
        assert!(
            is_site_local(v6("fec0::1")) && is_site_local(v6("feff::1")) && !is_site_local(v6("fe80::1"))
        );
        assert!(
            is_ipv6_link_local("febf::1".parse().unwrap()) && !is_ipv6_link_local("fec0::1".parse().unwrap())
        );
    }
}
