//! In which order addresses are preferred (RFC 8421, RFC 6724).

use std::net::{IpAddr, Ipv6Addr};

use floe_core::address;

use crate::place::{Standing, Usable};

/// Puts addresses into order of preference: the reliable ones with both families mixed, then the unreliable ones and
/// at last loopback, unmixed (RFC 8421 5). Among equals the order of the interfaces stays.
pub(crate) fn order(mut addresses: Vec<Usable>) -> Vec<Usable> {
    addresses.sort_by_key(|usable| (usable.standing, usable.address.ip.is_ipv4(), rank(usable)));
    let rest = addresses.partition_point(|usable| usable.standing == Standing::Reliable);
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
        IpAddr::V4(v4) => u8::from(v4.is_link_local()) * 2,
        IpAddr::V6(v6) if address::is_ipv6_link_local(IpAddr::V6(v6)) => 2,
        IpAddr::V6(v6) => u8::from(is_unique_local(v6)),
    };
    (reach, !usable.address.temporary)
}

/// fc00::/7 (RFC 4193): routed within a site only.
const fn is_unique_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xfe00 == 0xfc00
}
