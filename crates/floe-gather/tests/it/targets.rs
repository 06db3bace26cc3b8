//! Servers that can be reached in several places and ways (RFC 5928): one after the other, and what each way can give.

use std::time::Duration;

use floe_core::{
    CandidateKind,
    ServerTransport::{self, Dtls, Tcp, Tls, Udp},
};
use floe_gather::{AllocateError, Event, JobId, Server, ServerError, ServerId, ServerKind, Start, Target};

use crate::common::*;

const SECOND: &str = "198.51.100.5:3478";

fn target(text: &str, transport: ServerTransport) -> Target {
    Target::new(address(text), transport)
}

fn turn_at(targets: &[Target]) -> Server {
    Server::at(ServerKind::Turn, targets.iter().cloned())
}

/// The allocation that is wanted next, and where.
fn wanted(bench: &mut Bench) -> (JobId, Target) {
    match bench.next() {
        Some(Start::Allocate { job, target, .. }) => (job, target),
        other => panic!("unexpected: {other:?}"),
    }
}

fn refuse(bench: &mut Bench, job: JobId, why: AllocateError) {
    bench.gatherer.allocated(bench.now, job, Err(why));
}

fn other(why: &str) -> AllocateError {
    AllocateError::Other(why.to_owned())
}

#[test]
fn places_are_asked_one_after_the_other_until_one_gives_something() {
    let places = [target(TURN, Udp), target(SECOND, Tls).name(Some("turn.example.org".to_owned()))];
    let mut bench = Bench::lone(&[turn_at(&places)]);
    let (job, place) = wanted(&mut bench);
    assert_eq!(place, places[0]);
    assert_eq!(bench.next(), None, "one at a time");
    bench.events();
    refuse(&mut bench, job, other("refused"));
    assert_eq!(
        bench.events(),
        [failed(0, 0, ServerError::Allocate(other("refused")))],
        "and not the end yet"
    );
    let (job, place) = wanted(&mut bench);
    assert_eq!(place, places[1], "with the name for its certificate");
    bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.told(), ["relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61000"]);
    assert!(!bench.gatherer.is_gathering());
}

#[test]
fn a_place_is_waited_for_shortly_while_there_is_another_and_the_last_as_long_as_configured() {
    let config = with(&[turn_at(&[target(TURN, Udp), target(SECOND, Tcp)])])
        .allocate_timeout(ms(20_000))
        .next_target_timeout(ms(2000));
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
    let (first, _) = wanted(&mut bench);
    bench.events();
    bench.advance(ms(1999));
    assert_eq!((bench.events(), bench.next()), (vec![], None));
    assert!(bench.gatherer.waits_for(first));
    bench.advance(ms(1));
    assert_eq!(bench.events(), [failed(0, 0, ServerError::AllocateTimeout(ms(2000)))]);
    assert!(!bench.gatherer.waits_for(first));
    let (second, place) = wanted(&mut bench);
    assert_eq!(place, target(SECOND, Tcp));
    let late = bench.allocate(first, RELAYED, MAPPED);
    assert_eq!(bench.actions(), [floe_gather::Action::Release(late)]);
    bench.advance(ms(19_999));
    assert!(bench.gatherer.waits_for(second));
    bench.advance(ms(1));
    let timeout = ServerError::AllocateTimeout(ms(20_000));
    assert_eq!(bench.events(), [failed(0, 0, timeout), end(S0, G0)]);
}

#[test]
fn the_wait_for_a_place_is_never_longer_than_that_for_an_allocation() {
    let config = with(&[turn_at(&[target(TURN, Udp), target(SECOND, Udp)])]).allocate_timeout(ms(1000));
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
    wanted(&mut bench);
    bench.events();
    bench.advance(ms(1000));
    assert_eq!(bench.events(), [failed(0, 0, ServerError::AllocateTimeout(ms(1000)))]);
}

#[test]
fn wrong_credentials_are_wrong_in_every_place() {
    let mut bench = Bench::lone(&[turn_at(&[target(TURN, Udp), target(SECOND, Udp)])]);
    let (job, _) = wanted(&mut bench);
    bench.events();
    let why = AllocateError::Credentials(floe_stun::long_term::Refusal::Unauthenticated);
    refuse(&mut bench, job, why.clone());
    assert_eq!(bench.events(), [failed(0, 0, ServerError::Allocate(why)), end(S0, G0)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn places_of_a_family_that_the_base_has_not_are_passed_over() {
    let places =
        [target("[2001:db8:f::1]:3478", Udp), target(TURN, Tcp), target("[2001:db8:f::2]:3478", Udp)];
    let mut bench = Bench::lone(&[turn_at(&places)]);
    let (job, place) = wanted(&mut bench);
    assert_eq!(place, places[1]);
    bench.events();
    refuse(&mut bench, job, other("refused"));
    assert_eq!(bench.events().last(), Some(&end(S0, G0)), "there is no other that could be reached");
}

#[test]
fn datagrams_are_preferred_to_streams_whatever_the_users_order() {
    let servers = [Tls, Tcp, Dtls, Udp].map(|transport| turn_at(&[target(TURN, transport)]));
    let mut bench = Bench::lone(&servers);
    bench.events();
    let mut order = Vec::new();
    for (n, start) in bench.starts().into_iter().enumerate() {
        let Start::Allocate { job, server: ServerId(id), target, .. } = start else { panic!("{start:?}") };
        order.push(id);
        bench.allocate(job, &format!("198.51.100.2:{}", 50_000 + n), &format!("203.0.113.1:{}", 61_000 + n));
        let told = bench.candidates();
        let relayed = told.iter().filter(|told| told.candidate.kind() == CandidateKind::Relayed).count();
        assert_eq!((relayed, told.len() - relayed), (1, usize::from(target.transport == Udp)), "{target:?}");
    }
    assert_eq!(order, [3, 0, 1, 2], "what needs no connection first, the others in the user's order");

    let mut bench = Bench::lone(&servers);
    let mut told = Vec::new();
    for (n, start) in bench.starts().into_iter().enumerate() {
        let Start::Allocate { job, target, .. } = start else { panic!("{start:?}") };
        bench.allocate(job, &format!("198.51.100.2:{}", 50_000 + n), MAPPED);
        let relayed =
            bench.candidates().into_iter().find(|told| told.candidate.kind() == CandidateKind::Relayed);
        told.push((relayed.unwrap().candidate.priority(), target.transport));
    }
    told.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    let preferred: Vec<_> = told.into_iter().map(|(_, transport)| transport).collect();
    assert_eq!(preferred, [Dtls, Udp, Tls, Tcp]);
}

#[test]
fn a_turn_server_over_anything_but_udp_gives_no_reflexive_candidate_and_is_asked_for_none() {
    for transport in [Tcp, Tls, Dtls] {
        let mut bench = Bench::lone(&[turn_at(&[target(TURN, transport)])]);
        let (job, _) = wanted(&mut bench);
        bench.events();
        bench.allocate(job, RELAYED, MAPPED);
        assert_eq!(bench.told(), ["relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61000"], "{transport}");

        // RFC 8445 5.1.1.2: a Binding request follows where the server has no room, but over UDP only.
        let mut bench = Bench::lone(&[turn_at(&[target(TURN, transport)])]);
        let (job, _) = wanted(&mut bench);
        refuse(&mut bench, job, AllocateError::Capacity);
        assert_eq!(bench.next(), None, "{transport}");
    }
}

#[test]
fn where_an_allocation_tells_no_mapped_address_a_binding_request_over_udp_does() {
    let other_base =
        floe_gather::Allocated { base: floe_core::BaseId(9), relayed: address(RELAYED), mapped: None };
    let relay = "relay 198.51.100.2:49152 on b9 raddr 0.0.0.0:9";
    // Whether the user has named it as a STUN server, too: then the request is there already, put off.
    for servers in [&[turn(TURN)][..], &[turn(TURN), stun(TURN)]] {
        let mut bench = Bench::lone(servers);
        let (job, _) = wanted(&mut bench);
        bench.events();
        bench.gatherer.allocated(bench.now, job, Ok(other_base));
        assert_eq!(bench.told(), [relay]);
        let request = bench.request();
        assert_eq!(request.to, address(TURN));
        bench.answer(&request, MAPPED);
        assert_eq!(bench.told(), ["srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"]);
        assert_eq!((bench.next(), bench.gatherer.is_gathering()), (None, false));
    }
    for transport in [Tcp, Tls, Dtls] {
        let mut bench = Bench::lone(&[turn_at(&[target(TURN, transport)])]);
        let (job, _) = wanted(&mut bench);
        bench.events();
        bench.gatherer.allocated(bench.now, job, Ok(other_base));
        assert_eq!((bench.told(), bench.next()), (vec![relay.to_owned()], None), "{transport}");
    }
}

#[test]
fn a_stun_server_that_is_not_reached_over_udp_is_reported() {
    let server = |transport| Server::at(ServerKind::Stun, [target(STUN, transport)]);
    for transport in [Tcp, Tls, Dtls] {
        let mut bench = Bench::lone(&[server(transport)]);
        let events = bench.events();
        assert!(events.len() == 3 && events.contains(&failed(0, 0, ServerError::NeedsUdp)), "{events:?}");
        assert_eq!((events.last(), bench.next()), (Some(&end(S0, G0)), None));

        let mut bench = Bench::lone(&[Server::unresolved(ServerKind::Stun)]);
        bench.gatherer.resolved(bench.now, ServerId(0), Ok(vec![target(STUN, transport)]));
        assert_eq!(bench.events()[1..], [failed(0, 0, ServerError::NeedsUdp), end(S0, G0)], "{transport}");
    }
    // Where there is another way that one is taken.
    let both = Server::at(ServerKind::Stun, [target(STUN, Tcp), target(SECOND, Udp)]);
    let mut bench = Bench::lone(&[both]);
    assert_eq!(bench.request().to, address(SECOND));
    let is_failure = |event: &Event| matches!(event, Event::ServerFailed { .. });
    assert!(!bench.events().iter().any(is_failure));
}

#[test]
fn a_stun_server_that_does_not_answer_in_one_place_is_asked_in_the_next() {
    let places = Server::at(ServerKind::Stun, [target(STUN, Udp), target(SECOND, Udp)]);
    let mut bench = Bench::lone(&[places]);
    assert_eq!(bench.request().to, address(STUN));
    bench.events();
    bench.advance(ms(5000));
    bench.resent();
    assert_eq!(bench.events(), [failed(0, 0, ServerError::NoAnswer)]);
    let request = bench.request();
    assert_eq!(request.to, address(SECOND));
    bench.answer(&request, MAPPED);
    assert_eq!(bench.told(), ["srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"]);
}

#[test]
fn a_binding_request_after_an_allocation_leads_to_no_second_allocation_elsewhere() {
    let mut bench = Bench::lone(&[turn_at(&[target(TURN, Udp), target(SECOND, Udp)])]);
    let (job, _) = wanted(&mut bench);
    refuse(&mut bench, job, AllocateError::Capacity);
    let starts = bench.starts();
    let [Start::Allocate { job, .. }, Start::Send(mapping)] = &starts[..] else { panic!("{starts:?}") };
    assert_eq!(mapping.to, address(TURN));
    bench.allocate(*job, "198.51.100.5:49152", MAPPED);
    bench.events();
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.starts(), []);
    assert_eq!(bench.events(), [failed(0, 0, ServerError::NoAnswer), end(S0, G0)]);
}
