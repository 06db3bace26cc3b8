//! Servers that are reached by a connection: what becomes of it becomes of the allocation (RFC 8656 3.1).

use std::{net::SocketAddr, time::Duration};

use floe_core::ServerTransport;
use floe_session::{Disposition, DropReason, Event, IceServer, ServerKind, Session, Target};
use floe_stun::ChannelData;

use super::{
    bench::{Bench, Door},
    script::{MAPPED, at, known, turn},
};
use crate::wire::{controlled, ms};

const SERVER: &str = "198.51.100.1:443";
const OTHER: &str = "198.51.100.1:3478";
const GOOD: &str = "198.51.100.2:3478";
const RELAYED: &str = "198.51.100.1:49152";
const PATIENCE: Duration = ms(39_500);

/// A peer on the same link, and no more is known of it.
const LINK_LOCAL: &str = "1 1 udp 2130706431 fe80::9 7000";

/// When a connection is asked for: a server that is reached by datagrams has its two requests first.
const ASKED: Duration = ms(100);

fn tcp(address: &str) -> Target {
    Target::new(at(address), ServerTransport::Tcp)
}

fn turn_at(targets: impl IntoIterator<Item = Target>) -> IceServer {
    known(IceServer::at(ServerKind::Turn, targets))
}

/// A server over TCP, and a good one over UDP.
fn bench() -> Bench {
    Bench::new([turn_at([tcp(SERVER)]), known(IceServer::turn(at(GOOD), "", ""))])
        .serve_over(ServerTransport::Tcp, SERVER, turn(RELAYED, "203.0.113.1:62000"))
        .serve(GOOD, turn("198.51.100.2:49152", MAPPED))
}

/// What the host itself and the good server give, and when.
fn assert_others_came(bench: &Bench) {
    let told = bench.told();
    let when = |shown: &str| told.iter().find(|(_, told)| told == shown).map(|&(when, _)| when);
    assert_eq!(when("host 192.0.2.1:5000"), Some(0), "{told:?}");
    // Two slots of 50 ms: the request, and again with credentials.
    let relayed = when("relay 198.51.100.2:49152");
    assert!(relayed.is_some_and(|when| when <= 200), "{told:?}");
}

#[test]
fn an_allocation_over_a_connection_gives_a_relayed_candidate_and_no_reflexive_one() {
    let mut bench = bench().door(SERVER, Door::Opens).gather();
    bench.run_to_end();
    let told: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    let expected = [
        "host 192.0.2.1:5000",
        "relay 198.51.100.1:49152",
        "relay 198.51.100.2:49152",
        "srflx 203.0.113.1:61000",
    ];
    assert_eq!(sorted, expected);
    let asked = &bench.asked[0];
    assert_eq!(
        (asked.from, asked.to, asked.transport),
        (at("192.0.2.1:0"), at(SERVER), ServerTransport::Tcp)
    );
    assert_eq!((bench.asked.len(), bench.failed()), (1, vec![]));
}

#[test]
fn a_connection_that_is_refused_ends_its_server_at_once_and_no_other() {
    let mut bench = bench().door(SERVER, Door::Refuses("connection refused")).gather();
    let end = bench.run_to_end();
    assert!(end <= ms(200), "{end:?}");
    // The server that is reached by datagrams goes first.
    assert_eq!(bench.failed(), [(100, 0, "the allocation failed: connection refused".to_owned())]);
    assert_others_came(&bench);
}

#[test]
fn a_connection_that_never_comes_is_given_up_in_time_and_closed_if_it_comes_later() {
    let mut bench = bench().gather();
    bench.run_to(ASKED);
    let socket = bench.asked[0].socket;
    assert_eq!(bench.run_to_end(), ASKED + Duration::from_secs(40));
    assert_eq!(bench.failed(), [(40_100, 0, "no allocation within 40s".to_owned())]);
    assert_others_came(&bench);
    bench.connected(socket, Ok(()));
    bench.run_to(bench.elapsed() + Duration::from_secs(60));
    assert_eq!(bench.sent.iter().filter(|sent| sent.to == at(SERVER)).count(), 0, "nobody wants it any more");
    assert!(bench.closed.iter().any(|(_, closed)| *closed == socket));
}

#[test]
fn a_server_that_accepts_and_closes_has_failed_then() {
    let mut bench = bench().gather();
    bench.run_to(ms(700));
    let socket = bench.asked[0].socket;
    bench.connected(socket, Ok(()));
    bench.breaks(socket, "the server closed the connection");
    assert_eq!(bench.run_to_end(), ms(700));
    let why = "the allocation failed: the server closed the connection".to_owned();
    assert_eq!(bench.failed(), [(700, 0, why)]);
    assert_others_came(&bench);
}

#[test]
fn a_connection_that_breaks_before_it_is_there_has_failed_then() {
    let mut bench = bench().gather();
    bench.run_to(ms(700));
    let socket = bench.asked[0].socket;
    bench.breaks(socket, "reset");
    assert_eq!(bench.run_to_end(), ms(700));
    assert_eq!(bench.failed(), [(700, 0, "the allocation failed: reset".to_owned())]);
    // Whatever is said of it after that is of no account.
    bench.drive(|session, now| session.handle_connected(now, socket, Err("late".to_owned())));
    assert_eq!(bench.failed().len(), 1);
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up_in_time_and_its_connection_closed() {
    let mut bench = Bench::new([turn_at([tcp(SERVER)]), known(IceServer::turn(at(GOOD), "", ""))])
        .serve(GOOD, turn("198.51.100.2:49152", MAPPED))
        .door(SERVER, Door::Opens)
        .gather();
    assert_eq!(bench.run_to_end(), ASKED + PATIENCE);
    let why = "the allocation failed: the server does not answer".to_owned();
    assert_eq!(bench.failed(), [(39_600, 0, why)]);
    assert_others_came(&bench);
    let socket = bench.asked[0].socket;
    assert!(bench.closed.iter().any(|(_, closed)| *closed == socket), "{:?}", bench.closed);
    let to_server = bench.sent.iter().filter(|sent| sent.socket == socket).count();
    assert_eq!(to_server, 1, "nothing is sent again over a stream");
}

#[test]
fn a_place_that_does_not_answer_is_followed_by_the_next_after_five_seconds() {
    for first in [Target::udp(at(OTHER)), tcp(OTHER)] {
        let mut bench = Bench::new([turn_at([first.clone(), tcp(SERVER)])])
            .serve_over(ServerTransport::Tcp, SERVER, turn(RELAYED, MAPPED))
            .door(SERVER, Door::Opens)
            .gather();
        let end = bench.run_to_end();
        let why = "no allocation within 5s".to_owned();
        assert_eq!(bench.failed(), [(5000, 0, why)], "{first:?}");
        let asked: Vec<_> = bench.asked.iter().filter(|asked| asked.to == at(SERVER)).collect();
        assert_eq!(asked.iter().map(|asked| asked.at).collect::<Vec<_>>(), [ms(5000)], "{first:?}");
        let told: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
        assert_eq!(told, ["host 192.0.2.1:5000", "relay 198.51.100.1:49152"], "{first:?}");
        assert!(end <= ms(5200), "{end:?}");
        let late = bench.sent.iter().filter(|sent| sent.to == at(OTHER) && sent.at > ms(6000)).count();
        assert_eq!(late, 0, "nobody waits for the first any more");
    }
}

#[test]
fn a_connection_to_the_first_place_that_comes_too_late_is_closed() {
    let mut bench = Bench::new([turn_at([tcp(OTHER), tcp(SERVER)])])
        .serve_over(ServerTransport::Tcp, OTHER, turn("198.51.100.1:50000", MAPPED))
        .serve_over(ServerTransport::Tcp, SERVER, turn(RELAYED, MAPPED))
        .door(SERVER, Door::Opens)
        .gather();
    let first = bench.asked[0].socket;
    bench.run_to(ms(5500));
    bench.connected(first, Ok(()));
    bench.run_to_end();
    assert!(bench.closed.iter().any(|(_, closed)| *closed == first));
    assert_eq!(bench.sent.iter().filter(|sent| sent.to == at(OTHER)).count(), 0);
    let told: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
    assert_eq!(told, ["host 192.0.2.1:5000", "relay 198.51.100.1:49152"]);
}

#[test]
fn a_place_that_refuses_is_followed_by_the_next_at_once() {
    let mut bench = Bench::new([turn_at([tcp(OTHER), tcp(SERVER)])])
        .serve_over(ServerTransport::Tcp, SERVER, turn(RELAYED, MAPPED))
        .door(OTHER, Door::Refuses("refused"))
        .door(SERVER, Door::Opens)
        .gather();
    let end = bench.run_to_end();
    assert!(end <= ms(200), "{end:?}");
    assert_eq!(bench.failed(), [(0, 0, "the allocation failed: refused".to_owned())]);
    assert_eq!(bench.told().last().unwrap().1, "relay 198.51.100.1:49152");
}

#[test]
fn a_restart_while_connecting_takes_the_connection_over() {
    let mut bench = bench().gather();
    bench.run_to(ms(1000));
    let socket = bench.asked[0].socket;
    bench.events.clear();
    bench.drive(Session::restart);
    bench.run_to(ms(2000));
    assert_eq!(bench.asked.len(), 1, "the one that is on its way does");
    bench.connected(socket, Ok(()));
    let end = bench.run_to_end();
    assert!(end <= ms(2200), "{end:?}");
    assert!(bench.told().iter().any(|(_, told)| told == "relay 198.51.100.1:49152"), "{:?}", bench.told());
    assert_eq!(bench.failed(), []);
}

#[test]
fn a_restart_does_not_take_what_a_server_sees_of_a_connection_for_an_address_of_the_socket() {
    // UDP is blocked; the allocation is the one over TCP.
    let mut bench = Bench::new([turn_at([Target::udp(at(OTHER)), tcp(SERVER)])])
        .serve_over(ServerTransport::Tcp, SERVER, turn(RELAYED, "203.0.113.1:62000"))
        .door(SERVER, Door::Opens)
        .gather();
    bench.run_to_end();
    bench.events.clear();
    bench.drive(Session::restart);
    bench.run_to_end();
    let told: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
    assert_eq!(told, ["host 192.0.2.1:5000", "relay 198.51.100.1:49152"]);
}

#[test]
fn a_connection_that_breaks_takes_its_relay_along_and_nothing_else() {
    let mut bench = bench().door(SERVER, Door::Opens).gather();
    bench.run_to_end();
    let socket = bench.asked[0].socket;
    let before = bench.sent.len();
    bench.breaks(socket, "the connection was cut in a message");
    let lost: Vec<_> =
        bench.events.iter().filter(|(_, event)| matches!(event, Event::RelayLost { .. })).collect();
    let [(_, Event::RelayLost { server, why, .. })] = &lost[..] else { panic!("{lost:?}") };
    assert_eq!((server.0, &**why), (0, "the connection was cut in a message"));
    assert!(bench.closed.is_empty(), "it is closed already, and the socket of the host goes on");
    // The good one is kept: it is refreshed a minute before its ten are over.
    bench.run_to(Duration::from_secs(600));
    let to_good = bench.sent.iter().filter(|sent| sent.to == at(GOOD) && sent.at > Duration::from_secs(500));
    assert!(to_good.count() > 0);
    // The lost one is asked for again, over a connection of its own.
    assert_eq!(bench.asked.len(), 2);
    let to_lost = bench.sent.iter().skip(before).filter(|sent| sent.to == at(SERVER));
    let sockets: Vec<_> = to_lost.map(|sent| sent.socket).collect();
    assert!(!sockets.is_empty() && sockets.iter().all(|socket| *socket == bench.asked[1].socket));
}

#[test]
fn a_connection_that_comes_after_the_end_of_the_session_is_closed() {
    let mut bench = bench().gather();
    bench.run_to(ASKED);
    let socket = bench.asked[0].socket;
    bench.drive(Session::close);
    bench.connected(socket, Ok(()));
    assert!(bench.closed.iter().any(|(_, closed)| *closed == socket), "{:?}", bench.closed);
}

#[test]
fn channel_data_on_a_channel_never_bound_and_garbage_are_dropped_and_end_nothing() {
    let mut bench = bench().door(SERVER, Door::Opens).gather();
    bench.run_to_end();
    let socket = bench.asked[0].socket;
    bench.came.clear();
    let mut channel = vec![0; 104];
    let number = floe_stun::ChannelNumber::new(0x4000).unwrap();
    ChannelData { channel: number, data: &[7; 100] }.write(&mut channel).unwrap();
    let events = bench.events.len();
    for message in [&channel[..], &[0xff; 50], &[0, 1], &[]] {
        bench.bring(socket, at(SERVER), message);
    }
    use floe_turn::DropReason::{Malformed, UnboundChannel};
    let [unbound, malformed] = [UnboundChannel, Malformed].map(DropReason::Turn);
    let stranger = DropReason::Stranger;
    assert_eq!(bench.came, [unbound, stranger, malformed, stranger].map(Disposition::Dropped));
    assert_eq!(bench.events.len(), events);
    assert!(bench.closed.is_empty());
    let dropped = bench.session.stats().dropped;
    assert_eq!(dropped.get(&DropReason::Turn(UnboundChannel)), Some(&1));
}

#[test]
fn what_a_server_sends_is_its_own_and_no_peers() {
    let mut bench = bench().door(SERVER, Door::Opens).gather();
    bench.run_to_end();
    let socket = bench.asked[0].socket;
    bench.came.clear();
    // From another address than the server's: no connection can bring that.
    bench.bring(socket, at("203.0.113.9:9"), b"data");
    assert_eq!(bench.came, [Disposition::Dropped(DropReason::Stranger)]);
}

#[test]
fn where_udp_is_silent_a_relay_over_a_connection_is_asked_for_in_the_next_slots() {
    let servers = [known(IceServer::turn(at(OTHER), "", "")), turn_at([tcp(SERVER)])];
    let mut bench = Bench::new(servers)
        .serve_over(ServerTransport::Tcp, SERVER, turn(RELAYED, MAPPED))
        .door(SERVER, Door::Opens)
        .gather();
    bench.run_to(ms(500));
    // The connection takes no slot: one for UDP, one for each of the two requests over the connection.
    assert_eq!(bench.told().last(), Some(&(100, "relay 198.51.100.1:49152".to_owned())));
    assert_eq!(bench.asked.iter().map(|asked| asked.at).collect::<Vec<_>>(), [ms(50)]);
}

#[test]
fn connections_are_begun_one_in_each_interval() {
    let servers = [SERVER, OTHER, GOOD].map(|server| turn_at([tcp(server)]));
    let mut bench = Bench::new(servers).gather();
    bench.run_to(ms(500));
    assert_eq!(bench.asked.iter().map(|asked| asked.at).collect::<Vec<_>>(), [0, 50, 100].map(ms));
}

#[test]
fn a_slot_that_only_a_doubtful_check_wants_is_kept_for_a_connection_that_is_being_made() {
    // When the connection is there, when the relay's first request has left, and when the check.
    for (opens, allocates, checks) in [(60, 60, 110), (150, 150, 100)] {
        let mut bench = Bench::new([known(IceServer::turn(at(OTHER), "", "")), turn_at([tcp(SERVER)])])
            .also("fe80::1")
            .gather();
        bench.meet(controlled(), &[LINK_LOCAL]);
        bench.run_to(ms(opens));
        let socket = bench.asked[0].socket;
        bench.connected(socket, Ok(()));
        bench.run_to(ms(300));
        let first = |to: SocketAddr| bench.sent.iter().find(|sent| sent.to == to).unwrap().at;
        assert_eq!((bench.asked[0].at, bench.sent[0].at), (ms(50), ms(0)));
        assert_eq!(first(at(SERVER)), ms(allocates));
        assert_eq!(first("[fe80::9%2]:7000".parse().unwrap()), ms(checks), "opened at {opens}");
    }
}

#[test]
fn connections_that_hang_keep_a_doubtful_check_waiting_for_one_interval() {
    let servers = [known(IceServer::turn(at(OTHER), "", ""))];
    let hang = ["198.51.100.4:443", "198.51.100.5:443", "198.51.100.6:443"].map(|to| turn_at([tcp(to)]));
    let mut bench = Bench::new(servers.into_iter().chain(hang)).also("fe80::1").gather();
    bench.meet(controlled(), &[LINK_LOCAL]);
    bench.run_to(ms(400));
    assert_eq!(bench.asked.iter().map(|asked| asked.at).collect::<Vec<_>>(), [50, 100, 150].map(ms));
    let checked = bench.sent.iter().find(|sent| sent.to.is_ipv6()).map(|sent| sent.at);
    assert_eq!(checked, Some(ms(100)));
}
