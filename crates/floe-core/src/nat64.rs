//! IPv4 addresses as hosts behind a NAT64 see them (RFC 6052, RFC 7050).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The addresses of `ipv4only.arpa`, which a network's DNS64 puts behind its prefix (RFC 7050 8).
const WELL_KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// How many bits a prefix may have (RFC 6052 2.2).
const LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// The octet that stays zero, bits 64 to 71 (RFC 6052 2.2).
const RESERVED: usize = 8;

/// What a NAT64 has an IPv6-only host put before an IPv4 address, so that its datagrams get there (RFC 6052 2).
///
/// ```
/// use floe_core::Nat64Prefix;
///
/// // What the network's DNS answers for the IPv6 addresses of ipv4only.arpa (RFC 7050 3).
/// let prefix = Nat64Prefix::from_answer("2001:db8:64::c000:aa".parse()?).expect("it is such an answer");
/// assert_eq!(prefix.to_string(), "2001:db8:64::/96");
///
/// let embedded = prefix.embed("192.0.2.33".parse()?);
/// assert_eq!(embedded, Some("2001:db8:64::c000:221".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nat64Prefix {
    prefix: Ipv6Addr,
    length: u8,
}

/// Why this is no prefix of a NAT64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Nat64PrefixError {
    /// A prefix has 32, 40, 48, 56, 64 or 96 bits.
    #[error("a NAT64 prefix of {0} bits: it has 32, 40, 48, 56, 64 or 96")]
    Length(u8),
    /// There are bits behind the prefix, or in bits 64 to 71, which stay zero.
    #[error("a NAT64 prefix has bits where it has to be zero")]
    Bits,
}

impl Nat64Prefix {
    /// The well-known prefix, `64:ff9b::/96` (RFC 6052 2.1).
    pub const WELL_KNOWN: Self = Self { prefix: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), length: 96 };

    /// The first `length` bits of `prefix`.
    ///
    /// # Errors
    /// It is not what RFC 6052 2.2 allows.
    pub fn new(prefix: Ipv6Addr, length: u8) -> Result<Self, Nat64PrefixError> {
        if !LENGTHS.contains(&length) {
            return Err(Nat64PrefixError::Length(length));
        }
        let new = Self { prefix, length };
        let octets = prefix.octets();
        if !new.is_at_start_of(prefix)
            || octets.iter().skip(new.octets()).chain(octets.get(RESERVED)).any(|o| *o != 0)
        {
            return Err(Nat64PrefixError::Bits);
        }
        Ok(new)
    }

    /// The prefix behind which a DNS server has put an address of `ipv4only.arpa`, in an answer to the query for its IPv6
    /// addresses: there are none but those that it makes up (RFC 7050 3). `None` where it is no such answer.
    #[must_use]
    pub fn from_answer(answer: Ipv6Addr) -> Option<Self> {
        let octets = answer.octets();
        let count = |known: &Ipv4Addr| octets.windows(4).filter(|four| *four == known.octets()).count();
        WELL_KNOWN.into_iter().filter(|known| count(known) <= 1).find_map(|known| {
            let mut fitting = LENGTHS.into_iter().filter_map(|length| {
                let mut prefix = [0; 16];
                for (to, from) in prefix.iter_mut().zip(octets).take(usize::from(length / 8)) {
                    *to = from;
                }
                let prefix = Self::new(prefix.into(), length).ok()?;
                (prefix.put(known) == Some(answer)).then_some(prefix)
            });
            fitting.next().filter(|_| fitting.next().is_none())
        })
    }

    /// The IPv6 address that leads to this IPv4 address. `None` where none does: the well-known prefix stands before
    /// addresses of the whole internet only (RFC 6052 3.1).
    #[must_use]
    pub fn embed(&self, ip: Ipv4Addr) -> Option<Ipv6Addr> {
        if *self == Self::WELL_KNOWN && !is_global(ip) {
            return None;
        }
        self.put(ip)
    }

    fn put(&self, ip: Ipv4Addr) -> Option<Ipv6Addr> {
        let mut octets = self.prefix.octets();
        for (at, octet) in self.places().zip(ip.octets()) {
            *octets.get_mut(at)? = octet;
        }
        Some(octets.into())
    }

    /// The IPv4 address inside this one. `None` where it is not what [`embed`](Self::embed) makes of any.
    #[must_use]
    pub fn extract(&self, ip: Ipv6Addr) -> Option<Ipv4Addr> {
        if !self.is_at_start_of(ip) {
            return None;
        }
        let from = ip.octets();
        let mut octets = [0; 4];
        for (at, octet) in self.places().zip(&mut octets) {
            *octet = *from.get(at)?;
        }
        let inside = octets.into();
        (self.embed(inside) == Some(ip)).then_some(inside)
    }

    /// The same of a socket address; one that is of IPv6 already, or that cannot be embedded, stays what it is.
    #[must_use]
    pub fn embed_socket(&self, address: SocketAddr) -> SocketAddr {
        match address.ip() {
            IpAddr::V4(ip) => self.embed(ip).map_or(address, |ip| SocketAddr::new(ip.into(), address.port())),
            IpAddr::V6(_) => address,
        }
    }

    /// The same of a socket address; one that is not behind this prefix stays what it is.
    #[must_use]
    pub fn extract_socket(&self, address: SocketAddr) -> SocketAddr {
        match address.ip() {
            IpAddr::V4(_) => address,
            IpAddr::V6(ip) => {
                self.extract(ip).map_or(address, |ip| SocketAddr::new(ip.into(), address.port()))
            }
        }
    }

    const fn octets(&self) -> usize {
        (self.length / 8) as usize
    }

    /// Where the four octets of an IPv4 address go.
    fn places(&self) -> impl Iterator<Item = usize> {
        (self.octets()..16).filter(|&at| at != RESERVED).take(4)
    }

    fn is_at_start_of(&self, ip: Ipv6Addr) -> bool {
        self.prefix.octets().iter().zip(ip.octets()).take(self.octets()).all(|(ours, theirs)| *ours == theirs)
    }
}

/// Whether an address is one host's of the whole internet. Those for documentation are let through: they stand for such.
const fn is_global(ip: Ipv4Addr) -> bool {
    let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
    let elsewhere = ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared;
    !(elsewhere || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast())
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.prefix, self.length)
    }
}

impl fmt::Debug for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn prefix(text: &str, length: u8) -> Nat64Prefix {
        Nat64Prefix::new(v6(text), length).unwrap()
    }

    /// The table of RFC 6052 2.4.
    #[test]
    fn an_address_is_where_rfc_6052_puts_it() {
        let ip = Ipv4Addr::new(192, 0, 2, 33);
        let table = [
            ("2001:db8::", 32, "2001:db8:c000:221::"),
            ("2001:db8:100::", 40, "2001:db8:1c0:2:21::"),
            ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"),
        ];
        for (text, length, embedded) in table {
            let prefix = prefix(text, length);
            assert_eq!(prefix.embed(ip), Some(v6(embedded)), "{prefix}");
            assert_eq!(prefix.extract(v6(embedded)), Some(ip), "{prefix}");
            assert_eq!(prefix.extract(v6("2002::1")), None);
            // A neighbour of an IPv6 host whose network begins alike is nobody of IPv4.
            let mut native = v6(embedded).octets();
            native[if length == 96 { 11 } else { 15 }] = 7;
            assert_eq!(prefix.extract(native.into()), None, "{prefix}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        assert_eq!(Nat64Prefix::new(v6("2001:db8::"), 80), Err(Nat64PrefixError::Length(80)));
        assert_eq!(Nat64Prefix::new(v6("2001:db8::1"), 96), Err(Nat64PrefixError::Bits));
        assert_eq!(Nat64Prefix::new(v6("2001:db8:0:0:100::"), 96), Err(Nat64PrefixError::Bits));
        assert_eq!(Nat64Prefix::new(v6("2001:db8:0:1::"), 56), Err(Nat64PrefixError::Bits));
    }

    // proves: 8445-5.1.1.2-g
    #[test]
    fn a_prefix_is_found_in_what_dns64_answers() {
        let of = |answer: &str| Nat64Prefix::from_answer(v6(answer)).map(|prefix| prefix.to_string());
        assert_eq!(of("64:ff9b::192.0.0.170").as_deref(), Some("64:ff9b::/96"));
        assert_eq!(of("64:ff9b::192.0.0.171").as_deref(), Some("64:ff9b::/96"));
        for (text, length) in [
            ("2001:db8::", 32),
            ("2001:db8:100::", 40),
            ("2001:db8:1::", 48),
            ("2001:db8:1:300::", 56),
            ("2001:db8:1:2::", 64),
            ("2001:db8:1:2:0:3::", 96),
        ] {
            let prefix = prefix(text, length);
            for known in WELL_KNOWN {
                assert_eq!(Nat64Prefix::from_answer(prefix.embed(known).unwrap()), Some(prefix));
            }
        }
        // A hijacked name, and a place where no address goes.
        assert_eq!(of("2001:db8::1"), None);
        assert_eq!(of("2001:db8::c000:aa:0"), None);
        // Behind the place of a shorter prefix nothing may follow.
        assert_eq!(of("2001:db8:1:c000:0:aa00:c000:aa").as_deref(), Some("2001:db8:1:c000:0:aa00::/96"));
        // The prefix holds one of the addresses itself: only the other one tells where the prefix ends.
        assert_eq!(of("c000:aa::192.0.0.170"), None);
        assert_eq!(of("c000:aa::192.0.0.171").as_deref(), Some("c000:aa::/96"));
    }

    #[test]
    fn the_well_known_prefix_leads_to_no_private_network() {
        let own = prefix("2001:db8:64::", 96);
        for text in
            ["10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "224.0.0.1", "0.0.0.0"]
        {
            let ip = text.parse().unwrap();
            assert_eq!(Nat64Prefix::WELL_KNOWN.embed(ip), None, "{text}");
            assert!(own.embed(ip).is_some(), "a network's own prefix is its own business");
            let behind = Nat64Prefix::WELL_KNOWN.put(ip).unwrap();
            assert_eq!(Nat64Prefix::WELL_KNOWN.extract(behind), None, "{text}");
        }
        let far = "203.0.113.9:5000".parse().unwrap();
        let embedded = Nat64Prefix::WELL_KNOWN.embed_socket(far);
        assert_eq!(embedded, "[64:ff9b::203.0.113.9]:5000".parse().unwrap());
        assert_eq!(Nat64Prefix::WELL_KNOWN.extract_socket(embedded), far);
        for other in ["[2001:db8::1]:9", "10.0.0.1:9"].map(|text| text.parse().unwrap()) {
            assert_eq!(Nat64Prefix::WELL_KNOWN.embed_socket(other), other);
            assert_eq!(Nat64Prefix::WELL_KNOWN.extract_socket(other), other);
        }
    }
}
