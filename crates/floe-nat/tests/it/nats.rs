//! Every kind of NAT, as it shows itself.

use std::time::Duration;

use floe_nat::{Behaviour, Config, Finding, Hairpinning, Passage, Report, Rewriting, Translation, Why};
use floe_sim::{Allocation, Dependence, Firewall, Gateway, Inbound, Link, Nat, StunServer};

use crate::common::{EXTERNAL, FIRST, Lab, at, behaviour, ms, nat, server};

/// Every mapping with every filtering, with ports kept and not, with hairpinning and without.
fn all_nats() -> Vec<Nat> {
    let mut all = Vec::new();
    for mapping in Dependence::ALL {
        for filtering in Dependence::ALL {
            for hairpins in [true, false] {
                for ports in [(true, Allocation::Sequential), (false, Allocation::Random)] {
                    all.push(nat(mapping, filtering).hairpins(hairpins).ports(ports.0, ports.1));
                }
            }
        }
    }
    all
}

fn assert_shows(nat: &Nat, report: &Report) {
    assert_eq!(report.translation, Translation::Nat, "{nat:?}");
    assert_eq!(report.mapped.ip().to_string(), EXTERNAL);
    assert_eq!(report.mapping, Finding::Known(behaviour(nat.mapping)), "{nat:?}");
    assert_eq!(report.filtering, Finding::Known(behaviour(nat.filtering)), "{nat:?}");
    assert_eq!(report.large_requests, Finding::Known(Passage::Pass));
    assert_eq!(report.large_responses, Finding::Known(Passage::Pass));
    assert_eq!(report.rewriting, Finding::Known(Rewriting::Untouched));
    assert_eq!(report.lifetime, Finding::NotAsked);
    // Neither endpoint-independent: what turned back would be dropped all the same.
    let independent = Dependence::EndpointIndependent;
    let shows = nat.mapping == independent || nat.filtering == independent;
    let hairpinning = match (shows, nat.hairpins) {
        (true, true) => Finding::Known(Hairpinning::External),
        (true, false) => Finding::Known(Hairpinning::No),
        (false, _) => Finding::Unknown(Why::Hidden),
    };
    assert_eq!(report.hairpinning, hairpinning, "{nat:?}");
}

// proves: 5780-4.3-a, 5780-4.4-a
#[test]
fn every_mapping_and_filtering_is_told_apart() {
    for nat in all_nats() {
        let mut lab = Lab::new(Gateway::nat(nat.clone()), server(), Config::default());
        lab.simulation.network_mut().set_default_link(Link::new(ms(20)));
        assert_shows(&nat, &lab.report());
    }
}

#[test]
fn silence_is_waited_for_once_and_not_for_each_test() {
    // Nobody comes in, and nothing turns back: three tests end in silence.
    let dependent = Dependence::AddressAndPort;
    let mut lab = Lab::new(nat(dependent, dependent).hairpins(false), server(), Config::default());
    let (_, took) = lab.finish();
    assert!(took > ms(39_500) && took < ms(39_500) + ms(2_000), "{took:?}");
}

// proves: 5780-4.3-a
#[test]
fn without_a_nat_mapping_is_endpoint_independent_and_the_firewall_shows_in_filtering() {
    let mut open = Lab::new(Gateway::router(), server(), Config::default());
    let report = open.report();
    assert_eq!((report.translation, report.local), (Translation::None, report.mapped));
    assert_eq!(report.mapping, Finding::Known(Behaviour::EndpointIndependent));
    assert_eq!(report.filtering, Finding::Known(Behaviour::EndpointIndependent));
    assert_eq!(report.hairpinning, Finding::Known(Hairpinning::NoNat));

    let mut guarded = Lab::new(Firewall::no_inbound(), server(), Config::default());
    let report = guarded.report();
    assert_eq!(report.mapping, Finding::Known(Behaviour::EndpointIndependent));
    assert_eq!(report.filtering, Finding::Known(Behaviour::AddressAndPortDependent));
}

// proves: 5780-4.3-a, 5780-5-a
#[test]
fn a_server_without_a_second_address_still_tells_what_it_can() {
    let independent = Dependence::EndpointIndependent;
    let single = StunServer::single(at(FIRST));
    let config = Config::default().lifetime(Duration::from_secs(10));
    let report = Lab::new(nat(independent, independent), single, config).report();
    assert_eq!(report.translation, Translation::Nat);
    assert_eq!(report.mapping, Finding::Unsupported(Why::NoOtherAddress));
    assert_eq!(report.filtering, Finding::Unsupported(Why::NoOtherAddress));
    assert_eq!(report.hairpinning, Finding::Known(Hairpinning::External));
    assert_eq!(report.large_responses, Finding::Known(Passage::Pass));
    assert!(report.lifetime.known().is_some(), "{report:?}");
}

// proves: 5780-5-a
#[test]
fn no_more_than_ten_transactions_begin_in_a_second() {
    for nat in all_nats() {
        let config = Config::default().lifetime(Duration::from_secs(60));
        let mut lab = Lab::new(Gateway::nat(nat), server(), config);
        lab.report();
        let begun = lab.new_transactions();
        assert!(begun.len() > 10, "{begun:?}");
        for window in begun.windows(11) {
            assert!(window[10] - window[0] > Duration::from_secs(1), "{begun:?}");
        }
    }
}

#[test]
fn lost_datagrams_change_no_finding() {
    for (seed, nat) in (1..).zip(all_nats()) {
        let mut lab = Lab::seeded(seed, Gateway::nat(nat.clone()), server(), Config::default());
        lab.simulation.network_mut().set_default_link(Link::new(ms(30)).loss(0.1));
        assert_shows(&nat, &lab.report());
    }
}

#[test]
fn what_drops_fragments_is_seen_in_each_direction() {
    let narrow = Link::new(ms(10)).mtu(1_500);
    let wide = Link::new(ms(10));
    let (pass, lost) = (Finding::Known(Passage::Pass), Finding::Known(Passage::Lost));
    let cases = [
        (wide, wide, pass.clone(), pass.clone()),
        (wide, narrow, pass, lost.clone()),
        (narrow, wide, lost.clone(), Finding::Unknown(Why::NoLargeRequests)),
        (narrow, narrow, lost, Finding::Unknown(Why::NoLargeRequests)),
    ];
    for (up, down, requests, responses) in cases {
        let independent = Dependence::EndpointIndependent;
        let gateway = Gateway::nat(nat(independent, independent)).links(up, down);
        let report = Lab::new(gateway, server(), Config::default()).report();
        assert_eq!((report.large_requests, report.large_responses), (requests, responses));
    }
}

#[test]
fn a_server_that_pads_less_than_the_mtu_cannot_tell_of_large_responses() {
    let independent = Dependence::EndpointIndependent;
    let report = Lab::new(nat(independent, independent), server().padding(100), Config::default()).report();
    assert_eq!(report.large_requests, Finding::Known(Passage::Pass));
    assert_eq!(report.large_responses, Finding::Unsupported(Why::Ignored { attribute: "PADDING" }));
}

#[test]
fn where_the_second_address_is_silent_filtering_is_not_known() {
    let independent = Dependence::EndpointIndependent;
    let mut lab = Lab::new(nat(independent, independent), server(), Config::default());
    let second = at(crate::common::SECOND);
    for (from, to) in [(second.ip(), EXTERNAL.parse().unwrap()), (EXTERNAL.parse().unwrap(), second.ip())] {
        lab.simulation.network_mut().set_path(from, to, Link::cut());
    }
    let report = lab.report();
    let asked = std::net::SocketAddr::new(second.ip(), at(FIRST).port());
    assert_eq!(report.mapping, Finding::Unknown(Why::NoAnswer { to: asked }));
    assert_eq!(report.filtering, Finding::Unknown(Why::NoAnswer { to: second }));
    assert_eq!(report.sentence(), "Whether calls will be direct is not known; have a relay ready.");
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let dependent = Dependence::AddressAndPort;
    let run = || Lab::seeded(9, nat(dependent, dependent), server(), Config::default()).finish();
    assert_eq!(run(), run());
}

#[test]
fn a_firewall_that_lets_neighbours_in_is_address_dependent() {
    let firewall = Firewall { inbound: Inbound::Answers(Dependence::Address), ..Firewall::no_inbound() };
    let report = Lab::new(firewall, server(), Config::default()).report();
    assert_eq!(report.filtering, Finding::Known(Behaviour::AddressDependent));
}
