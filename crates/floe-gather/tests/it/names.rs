//! Servers whose names are resolved meanwhile: before sockets are bound and after, in time, late, again, and not at all.

use std::time::Duration;

use floe_gather::{Gatherer, Server, ServerError, ServerId, ServerKind, Start, Target};

use crate::common::*;

fn unresolved(kind: ServerKind) -> Server {
    Server::unresolved(kind)
}

fn at(bench: &mut Bench, text: &str) {
    bench.gatherer.resolved(bench.now, ServerId(0), Ok(vec![Target::udp(address(text))]));
}

fn not_found(bench: &mut Bench, why: &str) {
    bench.gatherer.resolved(bench.now, ServerId(0), Err(why.to_owned()));
}

fn not_resolved(why: &str) -> ServerError {
    ServerError::Resolve(why.to_owned())
}

#[test]
fn a_name_that_is_resolved_before_the_sockets_are_bound_is_as_good_as_an_address() {
    let mut bench = Bench::start(with(&[unresolved(ServerKind::Stun)]), &[(S0, RTP)], &eth0(&["192.0.2.1"]));
    at(&mut bench, STUN);
    bench.bind_all();
    let request = bench.request();
    assert_eq!(request.to, address(STUN));
    bench.answer(&request, MAPPED);
    assert_eq!(bench.told().len(), 2);
    assert!(!bench.gatherer.is_gathering());
}

#[test]
fn a_name_that_was_not_found_before_the_sockets_are_bound_is_reported_for_each() {
    let config = with(&[unresolved(ServerKind::Turn)]);
    let mut bench = Bench::start(config, &[(S0, RTP)], &eth0(&["192.0.2.1", "192.0.2.2"]));
    not_found(&mut bench, "no such host");
    assert_eq!(bench.events(), []);
    bench.bind_all();
    let events = bench.events();
    let why = || not_resolved("no such host");
    assert!(events.contains(&failed(0, 0, why())) && events.contains(&failed(0, 1, why())), "{events:?}");
    assert_eq!((events.len(), events.last()), (5, Some(&end(S0, G0))), "two hosts, two failures, the end");
    assert_eq!(bench.next(), None);
}

#[test]
fn the_end_of_candidates_waits_for_a_name_and_no_candidate_does() {
    let mut bench = Bench::lone(&[unresolved(ServerKind::Stun), stun("198.51.100.3:3478")]);
    let request = bench.request();
    bench.answer(&request, MAPPED);
    assert_eq!(bench.told().len(), 2);
    assert!(bench.gatherer.is_gathering());
    bench.advance(ms(9_999));
    not_found(&mut bench, "nobody answers");
    assert_eq!(bench.events(), [failed(0, 0, not_resolved("nobody answers")), end(S0, G0)]);
}

#[test]
fn a_name_has_the_time_that_was_configured_and_what_comes_later_is_for_the_next_generation() {
    let config = with(&[unresolved(ServerKind::Stun)]).resolve_timeout(ms(3000));
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
    bench.events();
    assert_eq!(bench.gatherer.poll_timeout(), Some(bench.now + ms(3000)));
    bench.advance(ms(2999));
    assert_eq!(bench.events(), []);
    // An answer at the last moment is late whichever call comes first.
    bench.now += ms(1);
    at(&mut bench, STUN);
    assert_eq!(bench.events(), [failed(0, 0, ServerError::ResolveTimeout(ms(3000))), end(S0, G0)]);
    assert_eq!(bench.next(), None);

    bench.gatherer.start(bench.now, G1, &[(S0, RTP)]);
    bench.bind_all();
    assert_eq!(bench.request().to, address(STUN));
}

#[test]
fn a_later_answer_is_for_bases_to_come_and_ends_nothing_that_is_under_way() {
    let mut bench = Bench::lone(&[unresolved(ServerKind::Stun)]);
    bench.events();
    at(&mut bench, STUN);
    let first = bench.request();
    at(&mut bench, "198.51.100.9:3478");
    assert_eq!(bench.next(), None, "the base has its answer");
    bench.update(&eth0(&["192.0.2.1", "192.0.2.2"]));
    bench.bind_all();
    let second = bench.request();
    assert_eq!([first.to, second.to], [STUN, "198.51.100.9:3478"].map(address));
    bench.answer(&first, MAPPED);
    bench.answer(&second, "203.0.113.1:61001");
    assert_eq!(bench.told().len(), 3, "the other host, and what both servers see");
}

#[test]
fn what_was_not_found_once_may_be_found_later() {
    let mut bench = Bench::lone(&[unresolved(ServerKind::Stun), stun("198.51.100.3:3478")]);
    bench.request();
    not_found(&mut bench, "no such host");
    at(&mut bench, STUN);
    assert_eq!(bench.next(), None, "too late for the base that was told");
    bench.update(&eth0(&["192.0.2.1", "192.0.2.2"]));
    bench.bind_all();
    assert_eq!(bench.request().to, address(STUN));
}

#[test]
fn a_server_that_nobody_named_is_of_no_account() {
    let mut bench = Bench::lone(&[unresolved(ServerKind::Stun)]);
    bench.events();
    bench.gatherer.resolved(bench.now, ServerId(7), Ok(vec![Target::udp(address(STUN))]));
    bench.gatherer.resolved(bench.now, ServerId(u32::MAX), Err("what?".to_owned()));
    assert_eq!((bench.events(), bench.next()), (vec![], None));
    Gatherer::new(with(&[]), rng()).resolved(bench.now, ServerId(0), Ok(Vec::new()));
}

#[test]
fn a_name_that_comes_late_has_its_place_in_the_users_order() {
    let candidates = |mut bench: Bench, late: bool| {
        bench.events();
        if !late {
            at(&mut bench, TURN);
        }
        let mut starts = bench.starts();
        if late {
            bench.advance(ms(5000));
            at(&mut bench, TURN);
            starts.extend(bench.starts());
        }
        for start in starts {
            let Start::Allocate { job, target, .. } = start else { panic!("{start:?}") };
            let (relayed, mapped) = (format!("{}:50001", target.address.ip()), target.address.port() - 1);
            bench.allocate(job, &relayed, &format!("203.0.113.1:{mapped}"));
        }
        let mut told: Vec<_> = bench.candidates().into_iter().map(|told| told.candidate).collect();
        told.sort_by_key(|told| std::cmp::Reverse(told.priority()));
        told.iter().map(|told| (told.priority(), told.socket_addr())).collect::<Vec<_>>()
    };
    let bench = || Bench::lone(&[unresolved(ServerKind::Turn), turn("198.51.100.4:3490")]);
    let early = candidates(bench(), false);
    assert_eq!(early.len(), 4, "two of each");
    assert_eq!(candidates(bench(), true), early);
}

#[test]
fn nobody_asks_for_the_name_of_a_server_that_could_give_nothing() {
    let config = with(&[unresolved(ServerKind::Stun)]).server_reflexive(false);
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.events(), []);
}
