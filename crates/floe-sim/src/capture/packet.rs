//! Datagrams with the headers of IP (RFC 791, RFC 8200) and UDP (RFC 768).

use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
const TTL: u8 = 64;

/// A datagram as it goes over the wire.
pub(super) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
    let mut header = [from.port(), to.port(), length, 0].map(u16::to_be_bytes).concat();
    let sum = sum(&addresses(from, to)) + u64::from(UDP) + u64::from(length) + sum(&header) + sum(payload);
    // RFC 768: a checksum of 0 would mean that there is none.
    let checksum = match fold(sum) {
        0 => u16::MAX,
        checksum => checksum,
    };
    header.truncate(6);
    header.extend(checksum.to_be_bytes());
    [ip(from, to, length), header, payload.to_vec()].concat()
}

fn ip(from: SocketAddr, to: SocketAddr, length: u16) -> Vec<u8> {
    let addresses = addresses(from, to);
    if !from.is_ipv4() {
        let [a, b] = length.to_be_bytes();
        return [vec![0x60, 0, 0, 0, a, b, UDP, TTL], addresses].concat();
    }
    let [a, b] = length.saturating_add(20).to_be_bytes();
    // Don't Fragment: nothing is fragmented here.
    let fixed = [0x45, 0, a, b, 0, 0, 0x40, 0, TTL, UDP];
    let checksum = fold(sum(&fixed) + sum(&addresses)).to_be_bytes();
    [fixed.as_slice(), &checksum, &addresses].concat()
}

fn addresses(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
        (from, to) => [octets(from), octets(to)].concat(),
    }
}

/// Of a datagram between the families, which is never sent; the log has it all the same.
fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// The sum of 16-bit words, an odd byte at the end padded.
fn sum(bytes: &[u8]) -> u64 {
    let word = |two: &[u8]| match two {
        [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
        [high] => u64::from(*high) << 8,
        _ => 0,
    };
    bytes.chunks(2).map(word).sum()
}

/// The internet checksum of a sum (RFC 1071).
fn fold(sum: u64) -> u16 {
    let mut sum = sum;
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    u16::try_from(sum).map_or(0, |sum| !sum)
}
