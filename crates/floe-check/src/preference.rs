//! Which of several pairs is preferred by the rules of RFC 6724, where nothing is measured: between two lite agents.

use std::net::{IpAddr, Ipv6Addr};

/// The rules that two addresses alone can be judged by, in their order; the larger the better. All of them are the same
/// seen from either end but for what only addresses of unlike kinds differ in, so that both sides mostly come to the
/// same pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Preference {
    /// RFC 6724 6, rule 2.
    same_scope: bool,
    /// Rule 5.
    same_label: bool,
    /// Rule 6.
    precedence: u8,
    /// Rule 8: the smaller scope.
    nearness: u8,
    /// Rule 9: how many bits the addresses have in common.
    prefix: u32,
}

impl Preference {
    /// Of sending from `source` to `destination`, both of one family.
    pub(crate) fn of(source: IpAddr, destination: IpAddr) -> Self {
        let [source, destination] = [source, destination].map(mapped);
        let (precedence, label) = policy(destination);
        Self {
            same_scope: scope(source) == scope(destination),
            same_label: policy(source).1 == label,
            precedence,
            nearness: u8::MAX - scope(destination),
            prefix: common_prefix(source, destination),
        }
    }
}

/// The default policy table (RFC 6724 2.1): prefix, its length, precedence, label.
const POLICIES: [(Ipv6Addr, u32, u8, u8); 9] = [
    (Ipv6Addr::LOCALHOST, 128, 50, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
    (Ipv6Addr::UNSPECIFIED, 0, 40, 1),
];

/// Precedence and label of an address: those of the longest prefix that it has.
fn policy(address: Ipv6Addr) -> (u8, u8) {
    let fits =
        |entry: &&(Ipv6Addr, u32, u8, u8)| (entry.0.to_bits() ^ address.to_bits()).leading_zeros() >= entry.1;
    let longest = POLICIES.iter().filter(fits).max_by_key(|entry| entry.1);
    longest.map_or((40, 1), |&(_, _, precedence, label)| (precedence, label))
}

/// RFC 6724 3.1, 3.2: link-local 2, site-local 5, global 14.
fn scope(address: Ipv6Addr) -> u8 {
    match address.to_ipv4_mapped() {
        Some(v4) if v4.is_loopback() || v4.is_link_local() => 2,
        None if address.is_loopback() || address.is_unicast_link_local() => 2,
        None if address.segments().first().is_some_and(|first| first & 0xffc0 == 0xfec0) => 5,
        _ => 14,
    }
}

/// RFC 6724 2.2: of IPv6 no more than the network's half counts.
fn common_prefix(one: Ipv6Addr, other: Ipv6Addr) -> u32 {
    let length = (one.to_bits() ^ other.to_bits()).leading_zeros();
    if one.to_ipv4_mapped().is_some() { length } else { length.min(64) }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_ranked_by_the_rules_of_rfc_6724() {
        // Best first, each by another rule than the one before it.
        let ranking = [
            ("fe80::1", "fe80::2"),         // precedence as below, the smaller scope
            ("2001:db8::1", "2001:db8::2"), // more in common
            ("2001:db8::1", "2620::2"),     // precedence 40
            ("192.0.2.1", "192.0.2.2"),     // precedence 35, more in common
            ("10.0.0.1", "192.0.2.2"),
            ("2002:c000:201::1", "2002::2"), // precedence 30
            ("2001:0:1::1", "2001:0:2::2"),  // precedence 5
            ("fd00::1", "fd00::2"),          // precedence 3
            ("2001:db8::1", "fd00::2"),      // unlike labels
            ("fe80::1", "2001:db8::2"),      // unlike scopes
        ];
        let ranks = ranking.map(|(from, to)| Preference::of(from.parse().unwrap(), to.parse().unwrap()));
        for (n, two) in ranks.windows(2).enumerate() {
            assert!(two[0] > two[1], "{:?} over {:?}", ranking[n], ranking[n + 1]);
        }
    }

    #[test]
    fn both_ends_judge_alike_where_the_addresses_are_of_one_kind() {
        for (one, other) in [("192.0.2.1", "10.1.2.3"), ("2001:db8::1", "2620::5"), ("fd00::1", "fd12::9")] {
            let (one, other): (IpAddr, IpAddr) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(Preference::of(one, other), Preference::of(other, one));
        }
    }
}
