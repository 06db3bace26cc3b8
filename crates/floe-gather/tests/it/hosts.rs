//! Host candidates: which there are, their order and their numbers (RFC 8445 5.1.1.1, 5.1.2, RFC 8421).

use std::{collections::BTreeSet, time::Duration};

use floe_core::{BaseId, Interface};
use floe_gather::{Event, GatherConfig, GatherError};

use crate::common::*;

// proves: 8445-5.1.1.1-a
#[test]
fn every_component_gets_a_candidate_on_every_address() {
    let interfaces =
        [interface("eth0", 2, &["192.0.2.1", "2001:db8::1/64"]), interface("eth1", 3, &["198.51.100.1"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    bench.bind_all();
    let candidates = bench.candidates_with_streams();
    for (stream, component) in [(S0, RTP), (S0, RTCP), (S1, RTP)] {
        let of = candidates.iter().filter(|(of, c)| *of == stream && c.candidate.component() == component);
        let ips: Vec<_> = of.map(|(_, c)| c.candidate.socket_addr().unwrap().ip().to_string()).collect();
        assert_eq!(ips, ["2001:db8::1", "192.0.2.1", "198.51.100.1"], "{stream} {component}");
    }
    assert_eq!(candidates.len(), 9);
    let ports: BTreeSet<_> = candidates.iter().map(|(_, c)| c.base_address.port()).collect();
    assert_eq!(ports.len(), 9, "each on a socket of its own");
}

#[test]
fn a_lone_address_has_the_numbers_of_the_rfc() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP)], &interfaces);
    bench.bind_all();
    let events = bench.events();
    let priorities = events.iter().filter_map(|event| match event {
        Event::Candidate { candidate, .. } => Some(candidate.candidate.priority().get()),
        _ => None,
    });
    assert_eq!(priorities.collect::<Vec<_>>(), [2_130_706_431, 2_130_706_430]);
    assert_eq!(events.last(), Some(&end(S0, G0)));
}

#[test]
fn a_host_candidate_is_its_own_base() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 7, &["fe80::1/64"])]);
    let wanted = bench.wanted();
    assert_eq!(wanted[0].address, "[fe80::1%7]:0".parse().unwrap());
    // The answer may leave the scope out.
    bench.gatherer.bound(bench.now, wanted[0].job, Ok((BaseId(3), "[fe80::1]:5000".parse().unwrap())));
    let candidate = bench.candidates().remove(0);
    assert_eq!(candidate.base, BaseId(3));
    assert_eq!(candidate.base_address, "[fe80::1%7]:5000".parse().unwrap());
    assert_eq!(candidate.candidate.socket_addr(), Some("[fe80::1]:5000".parse().unwrap()));
    assert_eq!(candidate.candidate.related(), None);
}

// proves: 8421-5-a
#[test]
fn unreliable_interfaces_get_the_lowest_preferences_and_all_differ() {
    let interfaces = [
        interface("tun0", 2, &["2001:db8:8::1/64", "10.8.0.1", "2001:db8:8::2/64", "10.8.0.2", "10.8.0.3"]),
        interface("eth0", 3, &["2001:db8::1/64", "192.0.2.1"]),
        interface("wlan0", 4, &["2001:db8:4::1/64", "198.51.100.1"]),
    ];
    let config = GatherConfig::default().unreliable(["tun0"]);
    let mut bench = Bench::start(config, &[(S0, RTP)], &interfaces);
    bench.bind_all();
    let mut candidates = bench.candidates();
    candidates.sort_by_key(|c| std::cmp::Reverse(c.candidate.priority()));
    let ips: Vec<_> = candidates.iter().map(|c| c.base_ip().to_string()).collect();
    let reliable = ["2001:db8::1", "2001:db8:4::1", "192.0.2.1", "198.51.100.1"];
    // Mixed, they would take turns.
    let unreliable = ["2001:db8:8::1", "2001:db8:8::2", "10.8.0.1", "10.8.0.2", "10.8.0.3"];
    assert_eq!(ips, [&reliable[..], &unreliable].concat());
    let priorities: BTreeSet<_> = candidates.iter().map(|c| c.candidate.priority()).collect();
    assert_eq!(priorities.len(), ips.len());
}

#[test]
fn components_of_an_address_share_its_foundation_and_other_addresses_have_another() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    bench.bind_all();
    let candidates = bench.candidates();
    for one in &candidates {
        for other in &candidates {
            let same_base = one.base_ip() == other.base_ip();
            assert_eq!(one.candidate.foundation() == other.candidate.foundation(), same_base);
        }
    }
}

#[test]
fn within_an_address_lower_components_are_told_first() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    let wanted = bench.wanted();
    let order: Vec<_> = wanted.iter().map(|w| (w.address.ip().to_string(), w.stream, w.component)).collect();
    let (a, b) = ("192.0.2.1".to_owned(), "192.0.2.2".to_owned());
    let expected = [(a.clone(), S0, RTP), (a.clone(), S0, RTCP), (a, S1, RTP)];
    assert_eq!(&order[..3], expected);
    assert_eq!(order[3], (b, S0, RTP));

    bench.bind(wanted[1]);
    assert_eq!(bench.candidates().len(), 0, "component 2 waits for component 1");
    bench.bind(wanted[2]);
    assert_eq!(bench.candidates().len(), 1, "another stream does not");
    bench.bind(wanted[3]);
    assert_eq!(bench.candidates().len(), 1, "nor does another address");
    bench.bind(wanted[0]);
    let components: Vec<_> = bench.candidates().iter().map(|c| c.candidate.component()).collect();
    assert_eq!(components, [RTP, RTCP]);

    bench.bind(wanted[5]);
    bench.fail(wanted[4]);
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));
}

#[test]
fn there_are_no_more_candidates_than_allowed_and_the_best_stay() {
    let interfaces = [interface("eth0", 2, &["169.254.0.1/16", "192.0.2.1", "192.0.2.2", "192.0.2.3"])];
    let config = GatherConfig::default().max_candidates(5);
    let mut bench = Bench::start(config, &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    let ips: BTreeSet<_> = bench.wanted().iter().map(|wanted| wanted.address.ip()).collect();
    assert_eq!(
        ips,
        [ip("192.0.2.1"), ip("192.0.2.2")].into(),
        "two for each of two components, and a fifth is too few"
    );
    let too_many = |address| refused(address, "eth0", GatherError::TooMany(5));
    assert_eq!(bench.events(), [too_many("169.254.0.1"), too_many("192.0.2.3")]);
}

#[test]
fn gathering_waits_for_the_interfaces_and_takes_those_that_came_before() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    let mut after = Bench::new(GatherConfig::default());
    after.gatherer.start(after.now, G0, &[(S0, RTP)]);
    assert!(after.gatherer.is_gathering());
    assert_eq!((after.wanted(), after.events()), (vec![], vec![]));
    after.update(&interfaces);
    assert_eq!(after.wanted().len(), 1);

    let mut before = Bench::new(GatherConfig::default());
    before.update(&interfaces);
    assert!(!before.gatherer.is_gathering());
    assert_eq!((before.wanted(), before.events()), (vec![], vec![]));
    before.gatherer.start(before.now, G0, &[(S0, RTP)]);
    assert_eq!(before.wanted().len(), 1);
}

#[test]
fn time_that_passes_before_the_interfaces_are_known_is_not_the_end() {
    let mut bench = Bench::new(GatherConfig::default());
    bench.gatherer.start(bench.now, G0, &[(S0, RTP)]);
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.events(), []);
    assert!(bench.gatherer.is_gathering());
    bench.update(&eth0(&["192.0.2.1"]));
    assert_eq!(bench.actions().len(), 1);
}

#[test]
fn with_nothing_usable_the_reasons_come_and_then_the_end() {
    let lo = interface("lo", 1, &["127.0.0.1"]);
    let down = Interface { up: false, ..interface("eth0", 2, &["192.0.2.1"]) };
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &[lo, down]);
    assert_eq!(bench.wanted(), []);
    let loopback = refused("127.0.0.1", "lo", GatherError::Loopback);
    assert_eq!(
        bench.events(),
        [loopback, refused("192.0.2.1", "eth0", GatherError::InterfaceDown), end(S0, G0)]
    );
    assert!(!bench.gatherer.is_gathering());

    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &[]);
    assert_eq!(bench.events(), [end(S0, G0)]);
}

#[test]
fn debug_hides_the_addresses() {
    let interfaces = [interface("eth0", 2, &["192.0.2.77", "2001:db8:77::77/64"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    let action = format!("{:?}", bench.gatherer.poll_action());
    bench.bind_all();
    let shown = format!("{action} {:?}", bench.gatherer);
    let hidden = ["0.2.77", "db8:77"];
    assert!(shown.contains("eth0") && !hidden.iter().any(|part| shown.contains(part)), "{shown}");
}
