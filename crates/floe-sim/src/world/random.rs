//! Worlds by chance.

use std::{net::Ipv6Addr, time::Duration};

use floe_core::Nat64Prefix;
use rand::{RngExt as _, rngs::ChaCha20Rng};

use super::{Attachment, World};
use crate::{Allocation, Bursts, Dependence, Families, Firewall, Gateway, Inbound, Link, Nat};

pub(super) fn world(seed: u64, rng: &mut ChaCha20Rng) -> World {
    let common =
        if one_in(rng, 4) { (0..rng.random_range(1..=2)).map(|_| gateway(rng)).collect() } else { vec![] };
    let mut end = || {
        let count = if one_in(rng, 4) { 2 } else { 1 };
        (0..count).map(|number| attachment(rng, !common.is_empty() && number == 0)).collect()
    };
    let ends = [end(), end()];
    let stun = !one_in(rng, 10);
    World { seed, common, ends, core: link(rng), stun, turn: [one_in(rng, 2), one_in(rng, 2)] }
}

/// Makes the outermost NATs of some ends that have IPv6 only, and no other way to IPv4, NAT64s.
pub(super) fn put_nat64(world: &mut World, rng: &mut ChaCha20Rng) {
    let own = Nat64Prefix::from_answer(Ipv6Addr::new(0x2001, 0xdb8, 0x64, 0, 0, 0, 0xc000, 0xaa));
    for end in &mut world.ends {
        let prefix = if one_in(rng, 2) { Some(Nat64Prefix::WELL_KNOWN) } else { own };
        let ipv6_only = end.iter().all(|attachment| attachment.families == Families::V6);
        if one_in(rng, 2) && ipv6_only {
            for attachment in end {
                let nat = attachment.chain.iter_mut().find_map(|gateway| gateway.nat.as_mut());
                nat.into_iter().for_each(|nat| nat.nat64 = prefix);
            }
        }
    }
}

/// True in one of so many cases.
fn one_in(rng: &mut ChaCha20Rng, cases: u32) -> bool {
    rng.random_ratio(1, cases)
}

/// One of these.
fn pick<T: Copy, const N: usize>(rng: &mut ChaCha20Rng, of: [T; N], otherwise: T) -> T {
    of.get(rng.random_range(0..N)).copied().unwrap_or(otherwise)
}

fn attachment(rng: &mut ChaCha20Rng, common: bool) -> Attachment {
    let depth = pick(rng, [0, 1, 1, 1, 2], 1);
    let families = pick(rng, [Families::V4, Families::V4, Families::Both, Families::V6], Families::V4);
    Attachment { chain: (0..depth).map(|_| gateway(rng)).collect(), common, families }
}

fn gateway(rng: &mut ChaCha20Rng) -> Gateway {
    let mut gateway = if one_in(rng, 5) { Gateway::router() } else { Gateway::nat(nat(rng)) };
    if gateway.nat.is_none() || one_in(rng, 5) {
        gateway.firewall = Some(firewall(rng));
    }
    let access = |ms| Link::new(Duration::from_millis(ms));
    gateway.links(access(rng.random_range(0..20)), access(rng.random_range(0..20)))
}

fn nat(rng: &mut ChaCha20Rng) -> Nat {
    let [mapping, filtering] = [0, 0].map(|_: u8| pick(rng, Dependence::ALL, Dependence::Address));
    let allocation = if one_in(rng, 2) { Allocation::Random } else { Allocation::Sequential };
    Nat::new([])
        .behaving(mapping, filtering)
        .ports(one_in(rng, 2), allocation)
        .parity(one_in(rng, 4))
        .hairpins(one_in(rng, 2))
        .timeout(Duration::from_secs(pick(rng, [30, 120, 300], 120)))
        .inbound_refreshes(one_in(rng, 2))
}

fn firewall(rng: &mut ChaCha20Rng) -> Firewall {
    match rng.random_range(0..6) {
        0 => Firewall::no_udp(),
        1 => Firewall::to_ports([53, 443, super::SERVER_PORT]),
        2 => {
            Firewall { inbound: Inbound::Answers(Dependence::EndpointIndependent), ..Firewall::no_inbound() }
        }
        3 => Firewall { inbound: Inbound::Answers(Dependence::Address), ..Firewall::no_inbound() },
        _ => Firewall::no_inbound(),
    }
}

fn link(rng: &mut ChaCha20Rng) -> Link {
    let delay = Duration::from_millis(pick(rng, [0, 5, 25, 50, 150], 25));
    let link = Link::new(delay).jitter(delay.mul_f64(pick(rng, [0.0, 0.1, 0.5], 0.0)));
    let link =
        link.duplicate(pick(rng, [0.0, 0.0, 0.01], 0.0)).reorder(pick(rng, [0.0, 0.02], 0.0), delay / 2);
    match rng.random_range(0..5) {
        0 => link.loss(pick(rng, [0.01, 0.05, 0.1], 0.01)),
        1 => link.bursts(Bursts::timed(0.05, Duration::from_millis(100))),
        _ => link,
    }
}
