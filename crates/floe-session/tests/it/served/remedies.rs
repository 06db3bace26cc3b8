//! What is done about an allocation that fails or is lost (RFC 8656 5, 7.4).

use std::time::Duration;

use floe_core::ServerTransport;
use floe_session::{CandidatePolicy, Event, FailReason, IceServer, IceState, SessionConfig, StreamConfig};
use floe_stun::{
    Class, Message,
    attribute::{AlternateDomain, AlternateServer, ErrorCode, WriteAttribute},
};
use floe_turn::method;

use super::{
    bench::{Bench, Door},
    script::{self, MAPPED, REALM, Script, at, challenge, key, known, turn, write},
};
use crate::wire::{STREAM, controlled};

const A: &str = "198.51.100.1:3478";
const B: &str = "198.51.100.2:3478";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server that refuses to allocate, and vouches for it; the rest it does as it should.
fn refuses(code: u16, attributes: Vec<Box<dyn WriteAttribute>>) -> Script {
    script::refuses(method::ALLOCATE, code, attributes)
}

/// A server that sends everybody to this one.
fn sends_to(address: &str) -> Script {
    refuses(300, vec![Box::new(AlternateServer(at(address)))])
}

fn allocates(bench: &Bench, to: &str) -> usize {
    let is = |data: &[u8]| Message::parse(data).is_ok_and(|message| message.method() == method::ALLOCATE);
    bench.sent.iter().filter(|sent| sent.to == at(to) && is(&sent.data)).count()
}

fn relays(bench: &Bench) -> Vec<String> {
    bench.told().into_iter().map(|(_, told)| told).filter(|told| told.starts_with("relay")).collect()
}

fn at_a() -> IceServer {
    known(IceServer::turn(at(A), "", ""))
}

// proves: 8489-10-a, 8656-7.4-d
#[test]
fn a_server_that_names_another_one_is_followed() {
    let there = turn("198.51.100.2:49152", MAPPED);
    let mut bench = Bench::new([at_a()]).serve(A, sends_to(B)).serve(B, there).gather();
    bench.run_to_end();
    assert_eq!(relays(&bench), ["relay 198.51.100.2:49152"]);
    assert_eq!(bench.failed(), []);
}

// proves: 8489-10-a
#[test]
fn servers_that_send_a_client_in_a_circle_have_it_once_each() {
    let mut bench = Bench::new([at_a()]).serve(A, sends_to(B)).serve(B, sends_to(A)).gather();
    bench.run_to_end();
    let failed = bench.failed();
    let [(_, 0, why)] = &failed[..] else { panic!("{failed:?}") };
    assert!(why.contains("a redirection in a circle"), "{why}");
    assert_eq!([A, B].map(|server| allocates(&bench, server)), [2, 2], "with and without credentials");
    assert_eq!(relays(&bench), Vec::<String>::new());
}

// proves: 8489-10-a
#[test]
fn a_redirection_that_nothing_vouches_for_is_not_followed() {
    let script: Script =
        Box::new(|request| vec![super::script::refuse(request, 300, &[&AlternateServer(at(B))])]);
    let mut bench =
        Bench::new([at_a()]).serve(A, script).serve(B, turn("198.51.100.2:49152", MAPPED)).gather();
    bench.run_to_end();
    assert_eq!(allocates(&bench, B), 0);
    assert_eq!(bench.failed().len(), 1);
}

// proves: 8489-10-a
#[test]
fn the_certificate_of_the_other_server_has_to_be_for_the_domain_that_was_named() {
    let domain: Box<dyn WriteAttribute> = Box::new(AlternateDomain::new("other.example"));
    let script = refuses(300, vec![Box::new(AlternateServer(at(B))), domain]);
    let target = floe_session::Target::new(at(A), ServerTransport::Tls).name(Some("turn.example".to_owned()));
    let server = known(IceServer::at(floe_session::ServerKind::Turn, [target]));
    let mut bench =
        Bench::new([server]).serve_over(ServerTransport::Tls, A, script).door(A, Door::Opens).gather();
    bench.run_to(seconds(2));
    let asked: Vec<_> = bench.asked.iter().map(|asked| (asked.to, asked.name.as_deref())).collect();
    assert_eq!(asked, [(at(A), Some("turn.example")), (at(B), Some("other.example"))]);
}

// proves: 8656-7.4-a, 5928-3-c
#[test]
fn where_the_port_is_taken_two_others_are_tried_and_then_the_server_has_two_minutes_of_rest() {
    let mut bench = Bench::new([at_a()]).serve(A, refuses(437, Vec::new())).door(A, Door::Opens).gather();
    bench.run_to_end();
    let ports: Vec<_> = bench.asked.iter().map(|asked| (asked.to, asked.transport)).collect();
    assert_eq!(ports, [(at(A), ServerTransport::Udp); 2], "from ports of their own");
    assert_eq!(bench.failed().len(), 1, "{:?}", bench.failed());
    let before = allocates(&bench, A);

    // It was run for five minutes: the rest is over, and it is asked again.
    bench.drive(floe_session::Session::restart);
    bench.run_to(bench.elapsed() + seconds(10));
    let again = allocates(&bench, A);
    assert!(again > before);
    // Now it is not over.
    bench.drive(floe_session::Session::restart);
    bench.run_to(bench.elapsed() + seconds(60));
    assert_eq!(allocates(&bench, A), again);
    assert_eq!(bench.failed().len(), 3, "and that is said");
}

#[test]
fn what_another_port_is_granted_is_the_relay_of_the_socket_whose_own_was_taken() {
    let (mut refuses, mut works) = (refuses(437, Vec::new()), turn("198.51.100.1:49152", MAPPED));
    // Each port takes its allocation back three times before it is given up.
    let mut left = 4;
    let script: Script = Box::new(move |request| {
        let is_asked = request.method() == method::ALLOCATE && request.verify_integrity(&key()).is_ok();
        if !is_asked || left == 0 {
            return works(request);
        }
        left -= 1;
        refuses(request)
    });
    let mut bench = Bench::new([at_a()]).serve(A, script).door(A, Door::Opens).gather();
    bench.run_to_end();
    assert_eq!(bench.asked.len(), 1, "one other port");
    let came: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
    assert_eq!(came, ["host 192.0.2.1:5000", "relay 198.51.100.1:49152", "srflx 203.0.113.1:61000"]);
    assert_eq!(bench.failed(), []);
    // It goes with the socket: when that goes, the port is closed, too.
    bench.drive(|session, now| session.handle_interfaces(now, &[]));
    assert!(bench.closed.iter().any(|(_, socket)| *socket == bench.asked[0].socket));
}

#[test]
fn pairs_fail_at_once_where_the_server_gives_no_permission_for_the_peer() {
    let script = script::refuses(method::CREATE_PERMISSION, 403, Vec::new());
    let mut bench = Bench::relay_only([at_a()]).serve(A, script).gather();
    bench.meet(controlled(), &["1 1 udp 2130706431 203.0.113.9 7000", "1 1 udp 2130706430 203.0.113.9 7001"]);
    bench.run_to(seconds(1));
    assert_eq!(forbidden(&bench), 2);
}

#[test]
fn so_does_a_pair_that_is_formed_when_the_permission_has_been_refused() {
    let mut script = script::refuses(method::CREATE_PERMISSION, 403, Vec::new());
    // The first component's request is never answered, and the second's relay is told after it.
    let mut ignored = None;
    let script: Script = Box::new(move |request| {
        let id = request.transaction_id();
        if *ignored.get_or_insert(id) == id { Vec::new() } else { script(request) }
    });
    let two = vec![StreamConfig { components: 2 }];
    let relays_only = |mut config: SessionConfig| {
        config.gather = config.gather.policy(CandidatePolicy::Relay);
        config.streams(two.clone())
    };
    let mut bench = Bench::with(relays_only, [at_a()]).serve(A, script).gather();
    let peers = ["1 1 udp 2130706431 203.0.113.9 7000", "1 2 udp 2130706430 203.0.113.9 7000"];
    bench.meet(controlled().streams(two.clone()), &peers);
    bench.run_to(seconds(39));
    assert_eq!((relays(&bench).len(), forbidden(&bench)), (0, 0));
    bench.run_to(seconds(45));
    assert_eq!((relays(&bench).len(), forbidden(&bench)), (1, 1));
}

fn forbidden(bench: &Bench) -> usize {
    let is = |event: &Event| matches!(event, Event::PairFailed { why: FailReason::Forbidden, .. });
    bench.events.iter().filter(|(_, event)| is(event)).count()
}

#[test]
fn a_relay_that_was_lost_is_not_asked_for_again_where_its_socket_is_gone() {
    for stays in [true, false] {
        let mut bench = Bench::new([at_a()]).serve(A, forgets(2)).gather();
        let is_lost = |(_, event): &(Duration, Event)| matches!(event, Event::RelayLost { .. });
        let lost = (1..100).find(|tenth| {
            bench.run_to(Duration::from_millis(tenth * 100));
            bench.events.iter().any(is_lost)
        });
        assert!(lost.is_some());
        // It waits for a second before it is asked for again.
        let before = allocates(&bench, A);
        if !stays {
            bench.drive(|session, now| session.handle_interfaces(now, &[]));
        }
        bench.run_to(bench.elapsed() + seconds(120));
        assert_eq!(allocates(&bench, A) > before, stays);
    }
}

// proves: 8656-7.4-b, 5928-3-c
#[test]
fn a_server_without_room_is_left_alone_for_a_minute_whatever_restarts() {
    for code in [486, 508] {
        let mut bench = Bench::new([at_a()]).serve(A, refuses(code, Vec::new())).gather();
        bench.run_to(seconds(5));
        assert_eq!(allocates(&bench, A), 2, "{code}");
        for minute_part in [10, 30, 50] {
            bench.run_to(seconds(minute_part));
            bench.drive(floe_session::Session::restart);
        }
        bench.run_to(seconds(59));
        assert_eq!(allocates(&bench, A), 2, "{code}");
        bench.run_to(seconds(70));
        bench.drive(floe_session::Session::restart);
        bench.run_to(seconds(75));
        assert_eq!(allocates(&bench, A), 4, "{code}");
    }
}

#[test]
fn an_allocation_that_was_forgotten_is_asked_for_anew_and_one_that_never_lives_only_a_few_times() {
    for (after, lives) in [(seconds(0), false), (seconds(30), true)] {
        let lifetime = if lives { 600 } else { 2 };
        let mut bench = Bench::new([at_a()]).serve(A, forgets(lifetime)).gather();
        bench.run_to(after + seconds(560));
        let lost = bench.events.iter().filter(|(_, event)| matches!(event, Event::RelayLost { .. })).count();
        assert_eq!(lost, if lives { 1 } else { 6 }, "{lifetime}");
        assert_eq!(allocates(&bench, A), if lives { 4 } else { 12 }, "{lifetime}");
    }
}

#[test]
fn when_the_last_of_several_relays_that_never_live_is_lost_the_session_fails() {
    let mut bench = Bench::relay_only([at_a()]).serve(A, forgets(2)).gather();
    bench.meet(controlled(), &["1 1 udp 2130706431 203.0.113.9 7000"]);
    bench.drive(|session, now| session.end_of_remote(now, STREAM, None).unwrap());
    bench.run_to(seconds(300));
    let lost = bench.events.iter().filter(|(_, event)| matches!(event, Event::RelayLost { .. })).count();
    assert_eq!((lost, bench.session.state()), (6, IceState::Failed));
}

/// A server whose allocations live so long, and that has forgotten them by then.
fn forgets(lifetime: u32) -> Script {
    let mut works = turn_for("198.51.100.1:49152", lifetime);
    Box::new(move |request| {
        if request.method() != method::REFRESH {
            return works(request);
        }
        let code = ErrorCode::new(437, "Allocation Mismatch");
        vec![write(Class::Error, method::REFRESH, request.transaction_id(), &[&code], Some(&key()))]
    })
}

/// A server whose allocations live so long.
fn turn_for(relayed: &str, lifetime: u32) -> Script {
    use floe_stun::attribute::XorMappedAddress;
    use floe_turn::{Lifetime, XorRelayedAddress};
    let (relayed, mapped) = (at(relayed), at(MAPPED));
    Box::new(move |request| {
        if request.verify_integrity(&key()).is_err() {
            return vec![challenge(request, 401, REALM, "n")];
        }
        let attributes: [&dyn WriteAttribute; 3] =
            [&XorRelayedAddress(relayed), &XorMappedAddress(mapped), &Lifetime::from_seconds(lifetime)];
        vec![super::script::grant(request, &attributes)]
    })
}
