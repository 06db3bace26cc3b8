//! Captures, read again.

use std::net::{IpAddr, SocketAddr};

use crate::{Host, Link, Nat, Realm};

use super::*;

/// A packet as it stands in a file.
#[derive(Debug, PartialEq)]
struct Packet {
    interface: u32,
    nanoseconds: u64,
    inbound: bool,
    bytes: Vec<u8>,
    comment: String,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The blocks of a file, each with its type and body; their two lengths must agree.
fn blocks(file: &[u8]) -> Vec<(u32, &[u8])> {
    let (mut blocks, mut rest) = (Vec::new(), file);
    while !rest.is_empty() {
        let length = u32_at(rest, 4) as usize;
        assert!(length.is_multiple_of(4) && u32_at(rest, length - 4) as usize == length);
        blocks.push((u32_at(rest, 0), &rest[8..length - 4]));
        rest = &rest[length..];
    }
    blocks
}

/// The options of a block, from this offset on.
fn options(body: &[u8], from: usize) -> Vec<(u16, &[u8])> {
    let (mut options, mut at) = (Vec::new(), from);
    while u16_at(body, at) != 0 {
        let length = usize::from(u16_at(body, at + 2));
        options.push((u16_at(body, at), &body[at + 4..at + 4 + length]));
        at += 4 + length.next_multiple_of(4);
    }
    assert_eq!(at + 4, body.len(), "the end of the options is the end of the block");
    options
}

/// The names of the interfaces, and the packets.
fn read(file: &[u8]) -> (Vec<String>, Vec<Packet>) {
    let blocks = blocks(file);
    assert_eq!((blocks[0].0, u32_at(blocks[0].1, 0)), (0x0A0D_0D0A, 0x1A2B_3C4D));
    let (mut names, mut packets) = (Vec::new(), Vec::new());
    for (kind, body) in &blocks[1..] {
        match kind {
            1 => {
                assert_eq!(u16_at(body, 0), 101, "LINKTYPE_RAW");
                let options = options(body, 8);
                assert_eq!(options[1], (9, [9].as_slice()), "nanoseconds");
                names.push(String::from_utf8(options[0].1.to_vec()).unwrap());
            }
            6 => packets.push(read_packet(body)),
            _ => panic!("block {kind}"),
        }
    }
    (names, packets)
}

fn read_packet(body: &[u8]) -> Packet {
    let length = u32_at(body, 12) as usize;
    assert_eq!(u32_at(body, 16) as usize, length);
    let options = options(body, 20 + length.next_multiple_of(4));
    Packet {
        interface: u32_at(body, 0),
        nanoseconds: u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8)),
        inbound: u32_at(options[0].1, 0) == 1,
        bytes: body[20..20 + length].to_vec(),
        comment: options
            .get(1)
            .map(|(_, text)| String::from_utf8(text.to_vec()).unwrap())
            .unwrap_or_default(),
    }
}

/// The one's complement sum of big-endian words, by another way than the writer's.
fn ones_complement(bytes: &[u8]) -> u16 {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(2), 0);
    padded.chunks(2).fold(0_u16, |sum, two| {
        let (sum, carry) = sum.overflowing_add(u16::from_be_bytes([two[0], two[1]]));
        sum + u16::from(carry)
    })
}

/// Source, destination and payload; lengths and checksums must be right.
fn parse(bytes: &[u8]) -> (SocketAddr, SocketAddr, Vec<u8>) {
    let (header, from, to): (usize, IpAddr, IpAddr) = if bytes[0] == 0x45 {
        assert_eq!(u16::from_be_bytes([bytes[2], bytes[3]]) as usize, bytes.len());
        assert_eq!(ones_complement(&bytes[..20]), 0xFFFF, "the checksum of IPv4");
        assert_eq!(bytes[9], 17);
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap());
        (20, address(12), address(16))
    } else {
        assert_eq!((bytes[0], bytes[6]), (0x60, 17));
        assert_eq!(u16::from_be_bytes([bytes[4], bytes[5]]) as usize, bytes.len() - 40);
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap());
        (40, address(8), address(24))
    };
    let udp = &bytes[header..];
    assert_eq!(u16::from_be_bytes([udp[4], udp[5]]) as usize, udp.len());
    let start = if header == 20 { 12 } else { 8 };
    let length = u16::try_from(udp.len()).unwrap().to_be_bytes();
    let pseudo = [&bytes[start..header], &[0, 17], &length, udp].concat();
    assert_eq!(ones_complement(&pseudo), 0xFFFF, "the checksum of UDP");
    let port = |at: usize| u16::from_be_bytes([udp[at], udp[at + 1]]);
    (SocketAddr::new(from, port(0)), SocketAddr::new(to, port(2)), udp[8..].to_vec())
}

#[test]
fn a_datagram_through_a_nat_is_seen_at_both_ends_as_it_was_there() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let mut network = network();
    let home = network.add_realm(Realm::INTERNET, Nat::new([ip("203.0.113.1")])).unwrap();
    let inner = network.add_host(Host::new().within(home).address(ip("10.0.0.1"))).unwrap();
    let outer = network.add_host(Host::new().address(ip("192.0.2.1"))).unwrap();
    network.set_default_link(Link::new(Duration::from_millis(20)));
    let from = network.bind(inner, "10.0.0.1:5000".parse().unwrap()).unwrap();
    let to = network.bind(outer, "192.0.2.1:9".parse().unwrap()).unwrap();
    network.send(from, to, "odd".into());
    network.send(to, "203.0.113.1:7".parse().unwrap(), "even".into());
    while let Some(at) = network.next_arrival() {
        network.advance(at);
        network.poll_arrival();
    }
    let (names, packets) = read(&network.capture());
    assert_eq!(names, ["h0", "h1"]);
    let epoch = 1_000_000_000_000_000_000;
    let told: Vec<_> = packets
        .iter()
        .map(|packet| (packet.interface, packet.nanoseconds - epoch, packet.inbound, packet.comment.as_str()))
        .collect();
    assert_eq!(
        told,
        [(0, 0, false, ""), (1, 0, false, "filtered by the NAT of r1"), (1, 20_000_000, true, "")]
    );
    let mapped = "203.0.113.1:5000".parse().unwrap();
    assert_eq!(parse(&packets[0].bytes), (from, to, b"odd".to_vec()));
    assert_eq!(parse(&packets[2].bytes), (mapped, to, b"odd".to_vec()));
}

#[test]
fn checksums_are_right_for_all_lengths_and_both_families() {
    for (from, to) in [("192.0.2.1:1", "255.255.255.255:65535"), ("[2001:db8::1]:2", "[ffff::ffff]:3")] {
        for length in 0..100 {
            let payload: Vec<u8> = (0..length).map(|byte| 0xFF ^ byte).collect();
            let [from, to] = [from, to].map(|at| at.parse().unwrap());
            assert_eq!(parse(&packet::udp(from, to, &payload)), (from, to, payload));
        }
    }
    // The sum of all words is 0xFFFF, and the checksum would be 0, which means none: 0xFFFF is written instead.
    let unspecified = "0.0.0.0:0".parse().unwrap();
    let bytes = packet::udp(unspecified, unspecified, &[0xFF, 0xFF - 17 - 10 - 10]);
    assert_eq!(bytes[26..28], [0xFF, 0xFF]);
}

#[test]
fn a_copy_is_seen_to_arrive_only_and_what_is_lost_to_leave_only() {
    let mut network = network();
    let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|address| {
        let host = network.add_host(Host::new().address(address.parse().unwrap())).unwrap();
        network.bind(host, SocketAddr::new(address.parse().unwrap(), 9)).unwrap()
    });
    network.set_default_link(Link::default().duplicate(1.0));
    network.send(a, b, "x".into());
    while network.poll_arrival().is_some() {}
    network.set_default_link(Link::cut());
    network.send(b, a, "y".into());
    let (_, packets) = read(&network.capture());
    let told: Vec<_> =
        packets.iter().map(|packet| (packet.interface, packet.inbound, packet.comment.as_str())).collect();
    assert_eq!(told, [(0, false, ""), (1, true, ""), (1, true, "a copy"), (1, false, "lost")]);
}

#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn network() -> Network {
    Network::new(Instant::now(), 1)
}
