//! How long bindings live (RFC 5780 4.6).

use std::time::Duration;

use floe_nat::{Config, Finding, Lifetime, Why};
use floe_sim::{Dependence, Gateway, Link, Nat, Pooling};

use crate::common::{Lab, ms, nat, server};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn config(bound: u64) -> Config {
    Config::default().lifetime(secs(bound)).precision(secs(5))
}

fn strict() -> Nat {
    nat(Dependence::AddressAndPort, Dependence::AddressAndPort)
}

// proves: 5780-4.6-a
#[test]
fn the_lifetime_is_found_in_every_kind_of_nat() {
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            for (lifetime, inbound) in [(30, false), (60, true), (120, false), (300, true)] {
                let nat = nat(mapping, filtering).timeout(secs(lifetime)).inbound_refreshes(inbound);
                let mut lab = Lab::new(nat, server(), config(400));
                lab.simulation.network_mut().set_default_link(Link::new(ms(20)));
                let Finding::Known(found) = lab.report().lifetime else { panic!("{lifetime} s") };
                let gone = found.less_than.unwrap();
                // The idle time is counted from the answer, which came some round trip after the request.
                let rtt = secs(1);
                assert!(
                    found.at_least < secs(lifetime) && secs(lifetime) <= gone + rtt,
                    "{lifetime}: {found}"
                );
                assert!(gone - found.at_least <= secs(5), "{found}");
            }
        }
    }
}

// proves: 5780-4.6-a
#[test]
fn what_outlives_the_bound_is_told_after_the_bound() {
    let mut lab = Lab::new(strict().timeout(secs(301)), server(), config(300));
    let (report, took) = lab.finish();
    let outlived = Lifetime { at_least: secs(300), less_than: None };
    assert_eq!(report.unwrap().lifetime, Finding::Known(outlived));
    assert!(took > secs(300) && took < secs(310), "{took:?}");
}

// proves: 5780-5-a
#[test]
fn a_server_that_does_not_know_response_port_says_so_and_the_rest_is_found() {
    let report = Lab::new(strict(), server().without_response_port(), config(60)).report();
    let unknown = Why::NotUnderstood { attribute: "RESPONSE-PORT" };
    assert_eq!(report.lifetime, Finding::Unsupported(unknown));
    assert!(report.mapping.known().is_some() && report.filtering.known().is_some());
}

#[test]
fn lost_datagrams_do_not_shorten_a_lifetime() {
    for seed in 0..10 {
        let nat = strict().timeout(secs(200));
        let mut lab = Lab::seeded(seed, nat, server(), config(300));
        lab.simulation.network_mut().set_default_link(Link::new(ms(20)).loss(0.1));
        let Finding::Known(found) = lab.report().lifetime else { panic!("seed {seed}") };
        // What is asked again later may find gone what the first request would have found.
        assert!(found.at_least < secs(200) && found.less_than.unwrap() > secs(160), "seed {seed}: {found}");
    }
}

#[test]
fn a_nat_with_several_addresses_is_not_mistaken_for_a_forgetful_one() {
    let mut pool = strict();
    pool.external.push("203.0.113.2".parse().unwrap());
    let (mut known, mut unreached) = (0, 0);
    for seed in 0..20 {
        let gateway = Gateway::nat(pool.clone().pooling(Pooling::Arbitrary).timeout(secs(600)));
        match Lab::seeded(seed, gateway, server(), config(60)).report().lifetime {
            // Both sockets have the same address, by chance.
            Finding::Known(found) => {
                assert_eq!(found, Lifetime { at_least: secs(60), less_than: None });
                known += 1;
            }
            Finding::Unknown(Why::FreshBindingUnreached) => unreached += 1,
            other => panic!("{other}"),
        }
    }
    assert!(known > 0 && unreached > 0, "{known} {unreached}");
}
