//! In which order addresses are preferred (RFC 8421, RFC 6724).

use std::net::{IpAddr, Ipv6Addr};

use floe_core::address;

use crate::place::{Standing, Usable};

/// Puts addresses into order of preference: the reliable ones with both families mixed, then link-local ones, which most peers
/// cannot reach, then the unreliable ones and at last loopback, unmixed (RFC 8421 5). Among equals the order of the interfaces
/// stays.
pub(crate) fn order(mut addresses: Vec<Usable>) -> Vec<Usable> {
    let is_link_local = |usable: &Usable| address::is_link_local(usable.address.ip);
    addresses.sort_by_key(|usable| {
        (usable.standing, is_link_local(usable), usable.address.ip.is_ipv4(), rank(usable))
    });
    let is_mixed = |usable: &Usable| usable.standing == Standing::Reliable && !is_link_local(usable);
    let rest = addresses.partition_point(is_mixed);
    let last = addresses.split_off(rest);
    let v4 = addresses.split_off(addresses.partition_point(|usable| usable.address.ip.is_ipv6()));
    let mut ordered = interleave(addresses, v4);
    ordered.extend(last);
    ordered
}

/// RFC 8421 4: so many IPv6 addresses, then one IPv4 address, and again, until one family is used up.
fn interleave<T>(v6: Vec<T>, v4: Vec<T>) -> Vec<T> {
    let total = v6.len() + v4.len();
    let head_start = total.checked_div(v4.len()).unwrap_or(total);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut mixed = Vec::with_capacity(total);
    while mixed.len() < total {
        mixed.extend(v6.by_ref().take(head_start));
        mixed.extend(v4.next());
    }
    mixed
}

/// The order within a family: what reaches far before what reaches near, temporary before lasting (RFC 6724 5).
fn rank(usable: &Usable) -> (u8, bool) {
    let reach = match usable.address.ip {
        IpAddr::V6(v6) => u8::from(is_unique_local(v6)),
        IpAddr::V4(_) => 0,
    };
    (reach, !usable.address.temporary)
}

/// fc00::/7 (RFC 4193): routed within a site only.
const fn is_unique_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xfe00 == 0xfc00
}

#[cfg(test)]
mod tests {
    use floe_core::InterfaceAddress;

    use super::*;
    use crate::place::Place;

    fn usable(text: &str) -> Usable {
        let (standing, text) = match text.split_once(' ') {
            Some(("unreliable", text)) => (Standing::Unreliable, text),
            Some(("loopback", text)) => (Standing::Loopback, text),
            _ => (Standing::Reliable, text),
        };
        let (temporary, text) = text.strip_prefix('~').map_or((false, text), |text| (true, text));
        let ip = text.parse().unwrap();
        let address = InterfaceAddress { temporary, ..InterfaceAddress::new(ip, 64) };
        Usable { place: Place { ip, scope: 0 }, interface: "eth0".into(), address, standing }
    }

    fn ordered(texts: &[&str]) -> Vec<String> {
        let ordered = order(texts.iter().map(|text| usable(text)).collect());
        ordered.iter().map(|usable| usable.address.ip.to_string()).collect()
    }

    // proves: 8421-4-a
    #[test]
    fn the_families_are_mixed_with_a_head_start_for_ipv6() {
        let mixed = |v6: usize, v4: usize| -> String {
            interleave(vec!['6'; v6], vec!['4'; v4]).into_iter().collect()
        };
        assert_eq!(mixed(6, 2), "66664664");
        assert_eq!(mixed(1, 1), "64");
        assert_eq!(mixed(2, 1), "664");
        assert_eq!(mixed(2, 2), "6644");
        assert_eq!(mixed(3, 4), "6464644");
        assert_eq!(mixed(1, 3), "6444");
        assert_eq!(mixed(3, 0), "666");
        assert_eq!(mixed(0, 3), "444");
        assert_eq!(mixed(0, 0), "");
    }

    #[test]
    fn mixing_keeps_the_order_within_a_family() {
        assert_eq!(
            ordered(&["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"]),
            ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"]
        );
    }

    #[test]
    fn unreliable_addresses_go_last_and_unmixed() {
        assert_eq!(
            ordered(&[
                "loopback ::1",
                "loopback 127.0.0.1",
                "unreliable 10.8.0.1",
                "unreliable 10.8.0.2",
                "unreliable 2001:db8:8::1",
                "unreliable 10.8.0.3",
                "unreliable 2001:db8:8::2",
                "192.0.2.1",
                "2001:db8::1",
            ]),
            [
                "2001:db8::1",
                "192.0.2.1",
                "2001:db8:8::1",
                "2001:db8:8::2",
                "10.8.0.1",
                "10.8.0.2",
                "10.8.0.3",
                "::1",
                "127.0.0.1"
            ]
        );
    }

    #[test]
    fn what_reaches_far_comes_before_what_reaches_near() {
        assert_eq!(
            ordered(&["fe80::1", "fd00::1", "2001:db8::1", "~fd00::2", "~2001:db8::2"]),
            ["2001:db8::2", "2001:db8::1", "fd00::2", "fd00::1", "fe80::1"]
        );
        assert_eq!(
            ordered(&["unreliable 10.8.0.1", "169.254.1.1", "fe80::1", "192.0.2.1", "2001:db8::1"]),
            ["2001:db8::1", "192.0.2.1", "fe80::1", "169.254.1.1", "10.8.0.1"]
        );
    }
}
