//! Worlds and what they say of themselves.

use std::collections::BTreeSet;

use super::*;
use crate::{Firewall, Nat, PathClass};

#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn build(world: &World) -> Built {
    world.build(Instant::now()).unwrap()
}

#[test]
fn a_seed_makes_one_world_and_another_seed_another() {
    let worlds: Vec<_> = (0..500).map(World::random).collect();
    assert!(worlds.iter().zip(0..).all(|(world, seed)| *world == World::random(seed)));
    let told: BTreeSet<_> = worlds.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 500);
}

#[test]
fn all_worlds_can_be_built_and_their_hosts_are_where_they_should_be() {
    for seed in 0..500 {
        let world = World::random(seed);
        let built = build(&world);
        for (host, end) in built.hosts.iter().zip(&world.ends) {
            let interfaces = built.network.host(*host).unwrap().interfaces();
            assert_eq!(interfaces.len(), end.len(), "{world}");
            assert!(interfaces.iter().all(|interface| !interface.addresses.is_empty()));
        }
    }
}

#[test]
fn a_world_tells_what_it_is() {
    let mut world = World::open(7);
    world.turn = [false, true];
    let nat = Nat::symmetric([]).inbound_refreshes(true);
    let gateway = Gateway::nat(nat).firewall(Firewall::to_ports([443]));
    let access = Link::new(std::time::Duration::from_millis(3)).loss(0.1).rate(1_000_000, 3_000).mtu(1_280);
    world.ends[0][0].chain.push(gateway.links(access, Link::default()));
    let expected = "\
World::random(7), unless it was changed:
  internet: 0ns
  server: STUN
  a: without relay
    IPv4, behind a NAT [maps by address and port, filters by address and port, random ports, 300s, refreshed by \
inbound, too] and a firewall [out: ports {443}, in: answers by address and port, 120s] (up 3ms, loss 0.1, 1000000 \
bit/s, 3000 bytes of queue, MTU 1280; down 0ns)
  b: with a relay
    IPv4
";
    assert_eq!(world.to_string(), expected);
}

#[test]
fn an_open_world_has_a_direct_path_and_a_closed_one_none() {
    let mut world = World::open(1);
    let best = |world: &World| {
        let built = build(world);
        let [a, b] = &built.parties;
        built.network.best_path(a, b)
    };
    assert_eq!(best(&world), Some(PathClass::Direct));
    world.ends[1][0].chain.push(Nat::new([]).into());
    assert_eq!(best(&world), Some(PathClass::Reflexive));
    world.ends[1][0].chain.push(Firewall::to_ports([SERVER_PORT]).into());
    assert_eq!(best(&world), None);
    world.turn = [false, true];
    assert_eq!(best(&world), Some(PathClass::Relayed));
    world.ends[1][0].chain.push(Firewall::no_udp().into());
    assert_eq!(best(&world), None);
}
