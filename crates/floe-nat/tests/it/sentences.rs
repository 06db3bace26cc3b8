//! What the report says of calls, held against the oracle of the simulator.

use std::{net::IpAddr, time::Instant};

use floe_nat::Config;
use floe_sim::{Dependence, Host, Nat, Network, Party, Realm};

use crate::common::{Lab, nat, server};

type Kind = (Dependence, Dependence);

fn kinds() -> impl Iterator<Item = Kind> {
    Dependence::ALL.into_iter().flat_map(|mapping| Dependence::ALL.map(|filtering| (mapping, filtering)))
}

/// Whether two hosts behind such NATs reach each other without a relay.
#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn is_direct(one: Kind, other: Kind) -> bool {
    let mut network = Network::new(Instant::now(), 1);
    network.add_host(Host::new().address("192.0.2.1".parse().unwrap())).unwrap();
    let parties = [(1, one), (2, other)].map(|(number, (mapping, filtering))| {
        let nat = Nat::new([IpAddr::from([203, 0, 113, number])]).behaving(mapping, filtering);
        let realm = network.add_realm(Realm::INTERNET, nat).unwrap();
        let host = Host::new().within(realm).address(IpAddr::from([10, 0, number, 1]));
        Party::new(network.add_host(host).unwrap()).stun("192.0.2.1:3478".parse().unwrap())
    });
    network.best_path(&parties[0], &parties[1]).is_some()
}

#[test]
fn every_sentence_is_true_of_the_nat_that_it_is_said_of() {
    let (independent, port) = (Dependence::EndpointIndependent, Dependence::AddressAndPort);
    for own in kinds() {
        let report = Lab::new(nat(own.0, own.1), server(), Config::default()).report();
        let sentence = report.sentence();
        let direct_with =
            |peers: fn(Kind) -> bool| kinds().filter(|kind| peers(*kind)).all(|kind| is_direct(own, kind));
        let relayed_with =
            |peers: fn(Kind) -> bool| kinds().filter(|kind| peers(*kind)).all(|kind| !is_direct(own, kind));
        let holds = match sentence {
            "Calls to peers behind any NAT can be direct." => direct_with(|_| true),
            "Calls to most peers will be direct; a peer whose NAT maps each remote anew needs a relay." => {
                direct_with(|(mapping, _)| mapping == Dependence::EndpointIndependent)
                    && relayed_with(|(mapping, _)| mapping != Dependence::EndpointIndependent)
            }
            "Two callers behind such NATs can be direct; a peer whose NAT lets in nothing but answers needs a relay." => {
                is_direct(own, own) && relayed_with(|(_, filtering)| filtering == Dependence::AddressAndPort)
            }
            "Two callers behind such NATs need a relay; only calls to peers behind open NATs will be direct." =>
            {
                let (open, strict) = ((independent, independent), (independent, port));
                !is_direct(own, own) && is_direct(own, open) && !is_direct(own, strict)
            }
            other => panic!("{own:?} is known: {other}"),
        };
        assert!(holds, "{own:?}: {sentence}");
    }
}
