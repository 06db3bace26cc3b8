//! What the user does not want told: policies (RFC 8445 19.1), and lite agents (RFC 8445 5.2).

use std::collections::{BTreeMap, BTreeSet};

use floe_core::{BaseId, CandidateKind, Interface};
use floe_gather::{Action, AllocateError, Event, GatherConfig, GatherError, Policy, Start};

use crate::common::*;

// proves: 8445-19.1-a
#[test]
fn the_policy_says_which_kinds_are_told_and_what_they_give_away() {
    let told = |config: GatherConfig| {
        let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
        for start in bench.starts() {
            match start {
                Start::Send(request) if request.to == address(TURN) => {
                    bench.answer(&request, "203.0.113.1:7");
                }
                Start::Send(request) => bench.answer(&request, MAPPED),
                Start::Allocate { job, .. } => drop(bench.allocate(job, RELAYED, "203.0.113.1:61001")),
                other => panic!("unexpected: {other:?}"),
            }
        }
        assert_eq!(bench.actions(), [], "every base carries something");
        let events = bench.events();
        assert_eq!(events.last(), Some(&end(S0, G0)));
        let of = |event: &Event| match event {
            Event::Candidate { candidate, .. } => Some(show(candidate)),
            _ => None,
        };
        events.iter().filter_map(of).collect::<Vec<_>>()
    };
    let all = with(&[stun(STUN), turn(TURN)]);
    assert_eq!(
        told(all.clone().policy(Policy::All)),
        [
            "host 192.0.2.1:50000 on b0",
            "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000",
            "srflx 203.0.113.1:61001 on b0 raddr 192.0.2.1:50000",
            "relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61001",
        ]
    );
    assert_eq!(
        told(all.clone().policy(Policy::NoHost)),
        [
            "srflx 203.0.113.1:61000 on b0 raddr 0.0.0.0:9",
            "srflx 203.0.113.1:61001 on b0 raddr 0.0.0.0:9",
            "relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61001",
        ]
    );
    assert_eq!(told(all.clone().policy(Policy::Relay)), ["relay 198.51.100.2:49152 on b1 raddr 0.0.0.0:9"]);
    assert_eq!(told(all.clone().relayed(false)).len(), 3, "a TURN server says which address it sees, too");
    assert_eq!(told(all.interfaces(["eth7"])), [""; 0]);
}

#[test]
fn without_host_candidates_and_without_a_server_of_the_family_no_socket_is_bound() {
    let config = with(&[turn(TURN)]).policy(Policy::Relay);
    let mut bench = Bench::new(config);
    bench.gatherer.start(bench.now, G0, &[(S0, RTP)]);
    bench.update(&eth0(&["2001:db8::1", "192.0.2.1"]));
    assert!(matches!(&bench.actions()[..], [Action::Bind { address, .. }] if address.is_ipv4()));
    let refused = Event::Refused {
        address: "2001:db8::1".parse().unwrap(),
        interface: "eth0".into(),
        why: GatherError::HostOff,
    };
    assert_eq!(bench.events(), [refused]);
}

#[test]
fn a_base_of_which_nothing_is_told_is_released_in_the_end() {
    let config = with(&[turn(TURN)]).policy(Policy::Relay);
    let mut bench = Bench::ready(config.clone(), &[(S0, RTP)], &["192.0.2.1"]);
    let job = bench.allocation();
    bench.gatherer.allocated(bench.now, job, Err(AllocateError::Capacity));
    assert_eq!(bench.actions(), [Action::Release(BaseId(0))], "reflexive candidates are not told of either");
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));

    // What a relay goes through is not.
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
    let job = bench.allocation();
    let relay = bench.allocate(job, RELAYED, MAPPED);
    bench.events();
    bench.gatherer.start(bench.now, G1, &[(S0, RTP)]);
    assert!(matches!(&bench.actions()[..], [Action::Bind { .. }]), "told: the caller's to close");
    bench.update(&eth0(&[]));
    let gone: Vec<_> = bench.events().iter().filter_map(vanished).collect();
    assert_eq!(gone, [BaseId(0), relay]);
}

// proves: 8445-5.2-a
#[test]
fn a_lite_agent_has_one_host_candidate_for_each_ip_address_and_nothing_else() {
    let config = with(&[stun(STUN), turn(TURN)]).lite(true);
    let mut bench = Bench::new(config);
    let components = [(S0, RTP), (S0, RTCP), (S1, RTP)];
    bench.gatherer.start(bench.now, G0, &components);
    let mut interfaces = eth0(&["192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1", "192.0.2.1"]);
    // The same address on another link is the same IP address.
    interfaces.push(Interface { name: "eth1".to_owned(), index: 3, ..eth0(&["fe80::1"]).remove(0) });
    bench.gatherer.update_interfaces(bench.now, &interfaces);
    bench.bind_all();
    assert_eq!(bench.starts(), [], "no server is asked");
    let mut by_component = BTreeMap::<_, Vec<_>>::new();
    let mut foundations = BTreeMap::<_, BTreeSet<_>>::new();
    let mut priorities = BTreeMap::<_, Vec<_>>::new();
    for event in bench.events() {
        let Event::Candidate { stream, candidate, .. } = event else { continue };
        assert_eq!(candidate.candidate.kind(), CandidateKind::Host);
        let component = (stream, candidate.candidate.component());
        by_component.entry(component).or_default().push(candidate.base_ip());
        foundations.entry(candidate.base_ip()).or_default().insert(candidate.candidate.foundation().clone());
        priorities.entry(stream).or_default().push(candidate.candidate.priority());
    }
    for ips in by_component.values() {
        assert_eq!(ips.len(), 4);
        assert_eq!(ips.iter().collect::<BTreeSet<_>>().len(), 4, "one each: {ips:?}");
    }
    assert_eq!(by_component.len(), 3);
    assert!(foundations.values().all(|of_ip| of_ip.len() == 1), "{foundations:?}");
    assert_eq!(foundations.values().flatten().collect::<BTreeSet<_>>().len(), 4, "{foundations:?}");
    for priorities in priorities.values() {
        assert_eq!(priorities.iter().collect::<BTreeSet<_>>().len(), priorities.len());
    }
}
