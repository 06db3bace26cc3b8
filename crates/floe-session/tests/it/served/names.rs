//! Servers whose names are looked up first (RFC 5928): in time, late, or in vain.

use std::time::Duration;

use floe_core::ServerTransport;
use floe_session::{IceServer, ServerId, Session, Target};

use super::{
    bench::{Bench, Door},
    script::{MAPPED, at, known, turn},
};
use crate::wire::ms;

const FIRST: &str = "198.51.100.1:3478";
const SECOND: &str = "198.51.100.3:3478";
const GOOD: &str = "198.51.100.2:3478";

/// A server with a name, and one with an address.
fn bench(uri: &str) -> Bench {
    let named = known(IceServer::new(uri.parse().unwrap()));
    Bench::new([named, known(IceServer::turn(at(GOOD), "", ""))])
        .serve(FIRST, turn("198.51.100.1:49152", MAPPED))
        .serve(SECOND, turn("198.51.100.3:49152", MAPPED))
        .serve(GOOD, turn("198.51.100.2:49152", MAPPED))
}

fn named() -> Bench {
    bench("turn:turn.example.org").gather()
}

fn resolve(bench: &mut Bench, result: Result<Vec<Target>, &str>) {
    let result = result.map_err(str::to_owned);
    bench.drive(|session, now| session.handle_resolved(now, ServerId(0), result));
}

fn relays(bench: &Bench) -> Vec<(u128, String)> {
    bench.told().into_iter().filter(|(_, told)| told.starts_with("relay")).collect()
}

#[test]
fn a_name_that_does_not_resolve_ends_its_server_then_and_delays_nobody() {
    let mut bench = named();
    assert_eq!(
        bench.names.iter().map(|(when, id, _)| (*when, *id)).collect::<Vec<_>>(),
        [(ms(0), ServerId(0))]
    );
    bench.run_to(ms(3000));
    assert_eq!(bench.ended(), None);
    let others = bench.told();
    assert!(others.iter().all(|(when, _)| *when <= 200), "{others:?}");
    resolve(&mut bench, Err("no such host"));
    assert_eq!(bench.ended(), Some(ms(3000)));
    let why = "its name could not be resolved: no such host".to_owned();
    assert_eq!(bench.failed(), [(3000, 0, why)]);
    assert_eq!(bench.told(), others);
    assert!(relays(&bench)[0].1.ends_with("198.51.100.2:49152"));
}

#[test]
fn a_name_that_resolves_late_but_in_time_gives_its_candidate_then() {
    let mut bench = named();
    bench.run_to(ms(9000));
    resolve(&mut bench, Ok(vec![Target::udp(at(FIRST))]));
    let end = bench.run_to_end();
    assert!(end <= ms(9200), "{end:?}");
    let relays = relays(&bench);
    assert_eq!(relays.len(), 2);
    assert!(relays[1].0 >= 9000 && relays[1].1 == "relay 198.51.100.1:49152", "{relays:?}");
    assert_eq!(bench.failed(), []);
}

#[test]
fn a_name_that_resolves_too_late_is_known_to_the_next_generation() {
    let mut bench = named();
    assert_eq!(bench.run_to_end(), Duration::from_secs(10));
    let why = "its name was not resolved within 10s".to_owned();
    assert_eq!(bench.failed(), [(10_000, 0, why)]);
    resolve(&mut bench, Ok(vec![Target::udp(at(FIRST))]));
    assert_eq!(relays(&bench).len(), 1, "candidates have ended");
    bench.events.clear();
    bench.drive(Session::restart);
    assert_eq!(bench.names.len(), 2, "another network may have another one");
    bench.run_to_end();
    assert_eq!(relays(&bench).len(), 2, "until that is known this one is good");
}

#[test]
fn a_name_that_never_comes_back_is_asked_for_by_no_second_question() {
    let mut bench = named();
    bench.run_to(ms(1000));
    bench.events.clear();
    bench.drive(Session::restart);
    assert_eq!(bench.names.len(), 1, "the question is under way");
    bench.run_to(ms(2000));
    resolve(&mut bench, Ok(vec![Target::udp(at(FIRST))]));
    bench.run_to_end();
    assert_eq!((relays(&bench).len(), bench.failed()), (2, vec![]));
}

#[test]
fn a_restart_looks_again_for_what_was_not_found() {
    let mut bench = named();
    resolve(&mut bench, Err("no such host"));
    bench.run_to_end();
    bench.events.clear();
    bench.drive(Session::restart);
    assert_eq!(bench.names.len(), 2);
    resolve(&mut bench, Ok(vec![Target::udp(at(FIRST))]));
    bench.run_to_end();
    assert_eq!((relays(&bench).len(), bench.failed()), (2, vec![]));
}

#[test]
fn of_two_places_the_second_is_asked_when_the_first_fails() {
    let silent = "198.51.100.9:3478";
    let mut bench = named();
    resolve(&mut bench, Ok(vec![Target::udp(at(silent)), Target::udp(at(SECOND))]));
    let end = bench.run_to_end();
    // In the slot that the first request of the server had, there comes another five seconds later.
    let failed = bench.failed();
    let [(when, 0, why)] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!(why, "no allocation within 5s");
    assert!((5000..=5200).contains(when), "{when}");
    assert!(end <= ms(5400), "{end:?}");
    assert_eq!(relays(&bench)[1].1, "relay 198.51.100.3:49152");
}

#[test]
fn wrong_credentials_are_tried_at_no_second_place() {
    let named = IceServer::new("turn:turn.example.org".parse().unwrap()).user("ann", "wrong");
    let mut bench = Bench::new([named])
        .serve(FIRST, turn("198.51.100.1:49152", MAPPED))
        .serve(SECOND, turn("198.51.100.3:49152", MAPPED))
        .gather();
    resolve(&mut bench, Ok(vec![Target::udp(at(FIRST)), Target::udp(at(SECOND))]));
    bench.run_to_end();
    assert_eq!(bench.failed().len(), 1, "{:?}", bench.failed());
    assert!(bench.failed()[0].2.contains("name and password"), "{:?}", bench.failed());
    assert_eq!(bench.sent.iter().filter(|sent| sent.to == at(SECOND)).count(), 0);
}

#[test]
fn what_can_never_be_found_is_said_without_asking() {
    // RFC 8489 8.1: a certificate is for a name.
    let mut bench = bench("stuns:198.51.100.1").gather();
    assert!(bench.names.is_empty());
    bench.run_to_end();
    let failed = bench.failed();
    assert!(
        matches!(&failed[..], [(0, 0, why)] if why.starts_with("its name could not be resolved")),
        "{failed:?}"
    );
    assert_eq!(relays(&bench).len(), 1);
}

#[test]
fn a_server_without_credentials_fails_by_name_and_nothing_is_sent_to_it() {
    let mut bench = Bench::new([IceServer::new("turn:turn.example.org".parse().unwrap())]).gather();
    let places = [Target::udp(at(FIRST)), Target::new(at(FIRST), ServerTransport::Tcp)];
    resolve(&mut bench, Ok(places.to_vec()));
    bench.run_to_end();
    assert_eq!(bench.failed().len(), 1, "{:?}", bench.failed());
    assert!(bench.failed()[0].2.contains("no credentials"), "{:?}", bench.failed());
    assert_eq!((bench.sent.len(), bench.asked.len()), (0, 0));
}

#[test]
fn an_answer_after_the_end_of_the_session_and_of_a_stranger_changes_nothing() {
    let mut bench = named();
    bench.drive(|session, now| session.handle_resolved(now, ServerId(7), Ok(Vec::new())));
    bench.run_to(ms(300));
    bench.drive(Session::close);
    let sent = bench.sent.len();
    resolve(&mut bench, Ok(vec![Target::udp(at(FIRST))]));
    bench.run_to(Duration::from_secs(60));
    assert_eq!(bench.sent.iter().skip(sent).filter(|sent| sent.to == at(FIRST)).count(), 0);
}

#[test]
fn the_name_for_the_certificate_goes_with_the_connection() {
    let mut bench = bench("turns:turn.example.org").door("198.51.100.1:5349", Door::Refuses("no")).gather();
    let target = Target::new(at("198.51.100.1:5349"), ServerTransport::Tls);
    let target = target.name(Some("turn.example.org".into()));
    resolve(&mut bench, Ok(vec![target]));
    bench.run_to_end();
    assert_eq!(bench.asked[0].name.as_deref(), Some("turn.example.org"));
    assert_eq!(bench.asked[0].transport, ServerTransport::Tls);
}
