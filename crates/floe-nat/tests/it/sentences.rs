//! What the report says of calls, held against the oracle of the simulator.

use std::{net::IpAddr, time::Instant};

use floe_sim::{Dependence, Host, Nat, Network, Party, PathClass, Realm};

/// How two hosts behind such NATs reach each other without a relay, if they do.
#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn best_path(one: (Dependence, Dependence), other: (Dependence, Dependence)) -> Option<PathClass> {
    let mut network = Network::new(Instant::now(), 1);
    network.add_host(Host::new().address("192.0.2.1".parse().unwrap())).unwrap();
    let parties = [(1, one), (2, other)].map(|(number, (mapping, filtering))| {
        let nat = Nat::new([IpAddr::from([203, 0, 113, number])]).behaving(mapping, filtering);
        let realm = network.add_realm(Realm::INTERNET, nat).unwrap();
        let host = Host::new().within(realm).address(IpAddr::from([10, 0, number, 1]));
        Party::new(network.add_host(host).unwrap()).stun("192.0.2.1:3478".parse().unwrap())
    });
    network.best_path(&parties[0], &parties[1])
}

#[test]
fn print() {
    let all: Vec<_> = Dependence::ALL.into_iter().flat_map(|m| Dependence::ALL.map(|f| (m, f))).collect();
    for one in &all {
        let row: String = all.iter().map(|other| if best_path(*one, *other).is_some() { 'd' } else { 'R' }).collect();
        println!("{one:?} {row}");
    }
}
