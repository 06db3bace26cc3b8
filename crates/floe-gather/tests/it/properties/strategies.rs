//! What the properties are tried on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use floe_core::{ComponentId, Interface, InterfaceAddress, StreamId};
use floe_gather::{GatherConfig, Policy, Server};
use proptest::{prelude::*, sample::Index};

/// Few enough addresses that they meet again.
pub fn ip() -> impl Strategy<Value = IpAddr> {
    let v4 = (0..6_u8).prop_map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
    let prefix =
        prop::sample::select(vec![0x2001_0db8, 0xfe80_0000, 0xfd00_0000, 0xfec0_0000, 0x2002_0000_u32]);
    let v6 = (prefix, 0..6_u128)
        .prop_map(|(prefix, last)| IpAddr::V6(Ipv6Addr::from_bits((u128::from(prefix) << 96) + last)));
    let loopback = Just(IpAddr::V4(Ipv4Addr::LOCALHOST));
    prop_oneof![4 => v4, 6 => v6, 1 => loopback]
}

pub fn interfaces() -> impl Strategy<Value = Vec<Interface>> {
    let rarely = || prop::bool::weighted(0.1);
    let address = (ip(), prop::sample::select(vec![0_u8, 24, 64, 128]), rarely(), rarely()).prop_map(
        |(ip, prefix_length, temporary, unusable)| InterfaceAddress {
            ip,
            prefix_length,
            temporary,
            unusable,
        },
    );
    let interface = (prop::collection::vec(address, 0..6), prop::bool::weighted(0.9));
    prop::collection::vec(interface, 0..4).prop_map(|all| {
        let named = all.into_iter().zip(1..);
        named
            .map(|((addresses, up), index)| Interface { name: format!("eth{index}"), index, up, addresses })
            .collect()
    })
}

pub fn components() -> impl Strategy<Value = Vec<(StreamId, ComponentId)>> {
    let component = (0..3_u32, prop_oneof![4 => 1..4_u16, 1 => 250..=256_u16]);
    let known = component.prop_map(|(stream, id)| (StreamId(stream), ComponentId::new(id).unwrap()));
    prop::collection::vec(known, 0..6)
}

/// Something that happens to a gatherer.
#[derive(Debug, Clone)]
pub enum Step {
    Interfaces(Vec<Interface>),
    /// The job with this index among all there ever were is answered.
    Bound(Index),
    /// The same, with the base that the stream and component has had at this address, if there is one.
    BoundAgain(Index),
    Failed(Index),
    /// The socket is bound, but not to the address that was asked for.
    BoundTo(Index, IpAddr, u16),
    /// The next slot of the pace.
    Slot,
    /// The server answers the request with this index, and names this address.
    Answered(Index, IpAddr),
    Refused(Index, u16),
    /// Somebody who saw the request answers it, from elsewhere or to elsewhere.
    Spoofed(Index, IpAddr, Spoof),
    Allocated(Index, IpAddr, IpAddr),
    NotAllocated(Index, bool),
    Sleep(u64),
    Restart(Vec<(StreamId, ComponentId)>),
    Finish(u32),
}

#[derive(Debug, Clone, Copy)]
pub enum Spoof {
    Port,
    Address,
    Base,
    Request,
}

pub fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let spoof = prop::sample::select(vec![Spoof::Port, Spoof::Address, Spoof::Base, Spoof::Request]);
    let code = prop::sample::select(vec![300_u16, 400, 401, 500]);
    prop_oneof![
        3 => interfaces().prop_map(Step::Interfaces),
        8 => index().prop_map(Step::Bound),
        2 => index().prop_map(Step::BoundAgain),
        2 => index().prop_map(Step::Failed),
        1 => (index(), ip(), 0..3_u16).prop_map(|(index, ip, port)| Step::BoundTo(index, ip, port)),
        12 => Just(Step::Slot),
        8 => (index(), named()).prop_map(|(index, ip)| Step::Answered(index, ip)),
        1 => (index(), code).prop_map(|(index, code)| Step::Refused(index, code)),
        2 => (index(), named(), spoof).prop_map(|(index, ip, spoof)| Step::Spoofed(index, ip, spoof)),
        6 => (index(), named(), named()).prop_map(|(index, relayed, mapped)| {
            Step::Allocated(index, relayed, mapped)
        }),
        2 => (index(), any::<bool>()).prop_map(|(index, capacity)| Step::NotAllocated(index, capacity)),
        2 => (0..20_000_u64).prop_map(Step::Sleep),
        1 => components().prop_map(Step::Restart),
        1 => (0..3_u32).prop_map(Step::Finish),
    ]
}

/// What a server may name: mostly something that makes a candidate.
fn named() -> impl Strategy<Value = IpAddr> {
    let public = (0..3_u8).prop_map(|last| IpAddr::V4(Ipv4Addr::new(203, 0, 113, last)));
    let public6 =
        (0..3_u128).prop_map(|last| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_00ff << 80) + last)));
    let odd = prop::sample::select(vec!["0.0.0.0", "224.0.0.1", "127.0.0.1", "255.255.255.255", "ff02::1"]);
    prop_oneof![8 => public, 8 => public6, 1 => odd.prop_map(|text| text.parse().unwrap()), 1 => ip()]
}

pub fn config() -> impl Strategy<Value = GatherConfig> {
    let at = |address: &str| address.parse::<SocketAddr>().unwrap();
    let server = prop::sample::select(vec![
        Server::stun(at("198.51.100.1:3478")),
        Server::stun(at("198.51.100.1:3479")),
        Server::turn(at("198.51.100.1:3478")),
        Server::turn(at("198.51.100.2:3478")),
        Server::stun(at("[2001:db8:f::1]:3478")),
        Server::turn(at("[2001:db8:f::2]:3478")),
        Server::turn(at("[fe80::53]:3478")),
        Server::stun(at("224.0.0.1:3478")),
    ]);
    let policy = prop::sample::select(vec![Policy::All, Policy::All, Policy::NoHost, Policy::Relay]);
    let max = prop_oneof![2 => Just(64), 1 => 0..20_usize];
    let lite = prop::bool::weighted(0.1);
    (prop::collection::vec(server, 0..5), policy, max, any::<bool>(), lite).prop_map(
        |(servers, policy, max, loopback, lite)| {
            let config = GatherConfig::default().servers(servers).policy(policy).max_candidates(max);
            config.loopback_if_alone(loopback).lite(lite)
        },
    )
}
