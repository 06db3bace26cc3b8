//! What happens at the end (RFC 8445 8).

use std::{net::SocketAddr, time::Duration};

use floe_core::{Candidate, Interface};
use floe_session::{
    Disposition, DropReason, Event, IceState, Nomination, Reason, Session, SessionConfig, StreamConfig,
};

use crate::{
    stun::Check,
    wire::{A, B, RTCP, RTP, STREAM, Wire, controlled, controlling, ms},
};

/// Completed, with a second socket on B that nothing selected goes over; and when that was.
fn completed_with_a_spare() -> (Wire, SocketAddr, Duration) {
    let mut wire = Wire::pair().addresses(B, &["192.0.2.2", "198.51.100.2"]);
    wire.begin();
    wire.run_until_completed();
    let used = wire.hosts[B].session.route(STREAM, RTP).unwrap().socket;
    let spare = wire.hosts[B].sockets.iter().find(|(socket, _)| **socket != used).map(|(_, &at)| at).unwrap();
    let at = wire.hosts[B].when_in(IceState::Completed).unwrap();
    (wire, spare, at)
}

/// Whether a good check from A to this address of B is answered.
fn is_answered(wire: &mut Wire, to: SocketAddr, id: u8) -> bool {
    let [theirs, ours] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let check = Check { id: [id; 12], tie_breaker: u64::MAX, ..Check::of(&theirs, &ours) }.write();
    let Some(socket) = wire.hosts[B].socket_at(to) else { return false };
    let (from, now) = (wire.hosts[A].socket().1, wire.now);
    let before = wire.log.iter().filter(|sent| sent.host == B && sent.is_answer()).count();
    let _ = wire.b().handle_datagram(now, socket, from, &check);
    wire.settle();
    wire.log.iter().filter(|sent| sent.host == B && sent.is_answer()).count() > before
}

// proves: 8445-8.3.1-a, 8445-8.1.2-c
#[test]
fn an_unselected_candidate_answers_for_three_seconds_after_completion_and_then_no_more() {
    let (mut wire, spare, at) = completed_with_a_spare();
    wire.run_for(at + ms(2900) - wire.elapsed());
    assert!(is_answered(&mut wire, spare, 1));
    wire.run_for(ms(99));
    assert!(is_answered(&mut wire, spare, 2));
    wire.run_for(ms(1));
    assert!(!is_answered(&mut wire, spare, 3));
    assert_eq!(wire.hosts[B].closed.len(), 1);
    assert_eq!(wire.hosts[B].closed[0].0, at + ms(3000));
    // What is selected goes on.
    wire.run_for(Duration::from_secs(60));
    let selected = wire.hosts[B].socket().1;
    assert!(is_answered(&mut wire, selected, 4));
    assert_eq!(wire.b().state(), IceState::Completed);
    assert!(!wire.hosts[B].events.iter().any(|(_, event)| matches!(event, Event::PairFailed { .. })));
}

// proves: 8445-7.3-a
#[test]
fn checks_are_answered_on_every_candidate_that_was_told() {
    let mut wire = Wire::pair().addresses(B, &["192.0.2.2", "198.51.100.2", "203.0.113.2"]);
    wire.gather();
    wire.settle();
    let told: Vec<_> = wire.hosts[B].candidates().iter().filter_map(Candidate::socket_addr).collect();
    assert_eq!(told.len(), 3);
    for (id, to) in (0..).zip(told) {
        assert!(is_answered(&mut wire, to, id), "{to}");
    }
}

#[test]
fn a_closed_spare_socket_takes_nothing_any_more() {
    let (mut wire, spare, _) = completed_with_a_spare();
    let socket = wire.hosts[B].socket_at(spare).unwrap();
    wire.run_for(Duration::from_secs(4));
    let (from, now) = (wire.hosts[A].socket().1, wire.now);
    let dropped = wire.b().handle_datagram(now, socket, from, b"data");
    assert_eq!(dropped, Disposition::Dropped(DropReason::UnknownSocket));
}

#[test]
fn with_the_only_socket_of_a_completed_component_the_session_fails_and_says_why() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let (socket, _) = wire.hosts[A].socket();
    wire.hosts[A].sockets.clear();
    let now = wire.now;
    wire.a().handle_socket_closed(now, socket, "the cable was cut");
    wire.settle();
    let reason = Reason::SocketLost("the cable was cut".into());
    assert_eq!((wire.a().state(), wire.a().reason()), (IceState::Failed, Some(&reason)));
    assert_eq!(wire.a().route(STREAM, RTP), None);
    let lost = Event::SocketLost { socket, stream: STREAM, component: RTP, why: "the cable was cut".into() };
    assert_eq!(wire.hosts[A].count(|event| *event == lost), 1);
    assert_eq!(wire.hosts[A].closed, [], "it is closed already");
    assert_eq!(
        wire.hosts[A].count(|event| *event == Event::RouteChanged { stream: STREAM, component: RTP }),
        2
    );
}

#[test]
fn with_the_selected_socket_of_several_the_session_has_failed_until_a_restart_and_says_why() {
    let mut wire = Wire::pair().addresses(A, &["192.0.2.1", "192.0.2.3"]);
    wire.begin();
    wire.run_until_completed();
    let used = wire.hosts[A].session.route(STREAM, RTP).unwrap().socket;
    wire.hosts[A].sockets.remove(&used);
    let now = wire.now;
    wire.a().handle_socket_closed(now, used, "gone");
    wire.settle();
    let reason = Reason::SocketLost("gone".into());
    // The component was concluded: no other pair of it is checked any more.
    assert_eq!((wire.a().state(), wire.a().reason()), (IceState::Failed, Some(&reason)));
    // The spare socket stays: it may be all that is left.
    wire.run_for(Duration::from_secs(10));
    assert_eq!(wire.hosts[A].sockets.len(), 1);
    let now = wire.now;
    wire.a().restart(now);
    wire.run_until_completed();
    assert_eq!(wire.hosts[A].sockets.len(), 2, "the one that is there and one that is bound anew");
}

#[test]
fn an_address_that_is_gone_takes_its_socket_along() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let (socket, _) = wire.hosts[A].socket();
    let now = wire.now;
    let without: Vec<Interface> = Vec::new();
    wire.a().handle_interfaces(now, &without);
    wire.settle();
    assert_eq!(wire.a().state(), IceState::Failed);
    assert_eq!(wire.hosts[A].closed.iter().map(|&(_, closed)| closed).collect::<Vec<_>>(), [socket]);
}

#[test]
fn a_stream_that_loses_its_last_socket_is_given_up_beside_another() {
    let streams = || vec![StreamConfig::default(); 2];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    wire.begin();
    wire.run_until_completed();
    let used = wire.hosts[A].session.route(STREAM, RTP).unwrap().socket;
    wire.hosts[A].sockets.remove(&used);
    let now = wire.now;
    wire.a().handle_socket_closed(now, used, "gone");
    wire.settle();
    let failed = Event::StreamFailed { stream: STREAM, why: Reason::SocketLost("gone".into()) };
    assert_eq!(wire.hosts[A].count(|event| *event == failed), 1);
    assert_eq!(wire.a().state(), IceState::Completed);
    assert!(wire.a().route(STREAM, RTP).is_none());
    assert!(wire.a().route(floe_core::StreamId(1), RTP).is_some());
}

#[test]
fn closing_closes_all_sockets_once_and_ends_everything() {
    let mut wire = Wire::new(
        controlling().streams(vec![StreamConfig { components: 2 }]),
        controlled().streams(vec![StreamConfig { components: 2 }]),
    );
    wire.hosts[A].binds = false;
    wire.begin();
    let asked = wire.hosts[A].asked.clone();
    wire.bind(A, asked[0]);
    wire.settle();
    let now = wire.now;
    wire.a().close(now);
    wire.a().close(now);
    wire.settle();
    assert_eq!(wire.hosts[A].closed.iter().map(|&(_, socket)| socket).collect::<Vec<_>>(), [asked[0].0]);
    assert_eq!(wire.hosts[A].states().last(), Some(&IceState::Closed));
    assert_eq!(wire.a().poll_timeout(), None);
    assert_eq!((wire.a().route(STREAM, RTP), wire.a().route(STREAM, RTCP)), (None, None));

    // The socket that was still asked for comes now, and goes.
    wire.bind(A, asked[1]);
    wire.settle();
    assert_eq!(wire.hosts[A].closed.last().map(|&(_, socket)| socket), Some(asked[1].0));
    assert_eq!(wire.hosts[A].closed.len(), 2);
    let sent = wire.log.len();
    wire.run_for(Duration::from_secs(100));
    assert_eq!(wire.log.iter().skip(sent).filter(|sent| sent.host == A).count(), 0);
}

#[test]
fn a_component_that_is_lost_before_the_last_one_is_selected_completes_nothing_and_fails_in_the_end() {
    let streams = || vec![StreamConfig { components: 2 }];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    // The second component finds its way only after 10 s.
    wire.passes = Box::new(|sent| {
        sent.at > Duration::from_secs(10) || (sent.to.port() != 5001 && sent.from.port() != 5001)
    });
    wire.begin();
    wire.run_for(Duration::from_secs(5));
    let route = wire.a().route(STREAM, RTP).unwrap();
    wire.hosts[A].sockets.remove(&route.socket);
    let now = wire.now;
    wire.a().handle_socket_closed(now, route.socket, "gone");
    wire.settle();
    wire.run_for(Duration::from_secs(300));
    assert_eq!(wire.a().state(), IceState::Failed);
    let completed = |(_, event): &(Duration, Event)| matches!(event, Event::StreamCompleted { .. });
    assert!(!wire.hosts[A].events.iter().any(completed));
}

// proves: 8445-10-a
#[test]
fn ice2_is_announced_but_by_who_nominates_aggressively() {
    let announces = |config: SessionConfig| {
        Session::new(config).local(STREAM).unwrap().options.iter().any(|option| option == "ice2")
    };
    assert!(announces(controlling()) && announces(controlled()));
    assert!(announces(controlling().nomination(Nomination::Regular)));
    assert!(!announces(controlling().nomination(Nomination::Aggressive)));
}
