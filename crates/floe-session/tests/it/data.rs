//! Where data goes, and whose is taken (RFC 8445 12).

use std::time::Duration;

use floe_core::{PairId, StreamId};
use floe_session::{Disposition, DropReason, Event, IceState, Nomination, StreamConfig};

use crate::wire::{A, B, RTCP, RTP, STREAM, Sent, Wire, controlled, controlling, ms};

// proves: 8445-12.1-a
#[test]
fn data_goes_over_the_best_valid_pair_and_once_one_is_selected_over_that_only() {
    // A reaches B's second address at once, the first one only through loss: the better pair comes late.
    let mut wire = Wire::new(controlling().nomination(Nomination::Regular), controlled());
    wire = wire.addresses(B, &["192.0.2.2", "198.51.100.2"]).delay(ms(5));
    let mut lost = 0;
    wire.passes = Box::new(move |sent| {
        let better = [sent.from, sent.to].iter().any(|at| at.ip().to_string() == "192.0.2.2");
        lost += usize::from(better);
        !better || lost > 4
    });
    wire.begin();
    assert_eq!(wire.a().route(STREAM, RTP), None);
    wire.run_until(|wire| wire.hosts[A].session.route(STREAM, RTP).is_some());
    let early = wire.a().route(STREAM, RTP).unwrap();
    assert_eq!(early.to.ip().to_string(), "198.51.100.2");
    assert_eq!(wire.a().selected(STREAM, RTP), None);
    let data = Disposition::Data { stream: STREAM, component: RTP };
    assert_eq!(wire.send_data(A, RTP, b"early"), Some(data));

    // The better pair is valid: data moves there before anything is selected.
    wire.run_until(|wire| wire.hosts[A].session.route(STREAM, RTP) != Some(early));
    let better = wire.a().route(STREAM, RTP).unwrap();
    assert_eq!(better.to.ip().to_string(), "192.0.2.2");
    assert_eq!(wire.a().selected(STREAM, RTP), None);

    wire.run_until_completed();
    wire.run_for(Duration::from_secs(60));
    for host in [A, B] {
        let session = &wire.hosts[host].session;
        assert_eq!(session.route(STREAM, RTP).map(|route| route.pair), session.selected(STREAM, RTP));
    }
    assert_eq!(wire.a().route(STREAM, RTP), Some(better));
}

// proves: 8445-12.2-a
#[test]
fn data_is_taken_on_any_pair_that_was_checked_whatever_is_selected() {
    let mut wire =
        Wire::pair().addresses(A, &["192.0.2.1", "192.0.2.3"]).addresses(B, &["192.0.2.2", "192.0.2.4"]);
    // All four pairs are checked before any is selected.
    wire.hosts[A].session = floe_session::Session::new(controlling().nomination(Nomination::Regular));
    wire.begin();
    wire.run_until_completed();
    let now = wire.now;
    let sources: Vec<_> = wire.hosts[A].sockets.values().copied().collect();
    let sockets: Vec<_> = wire.hosts[B].sockets.keys().copied().collect();
    let mut taken = 0;
    for &socket in &sockets {
        for &from in &sources {
            let to = wire.hosts[B].sockets[&socket];
            let proof = |sent: &Sent| sent.request().is_some() || sent.is_answer();
            let checked = wire.log.iter().any(|sent| proof(sent) && (sent.from, sent.to) == (from, to));
            let made = wire.b().handle_datagram(now, socket, from, &[0x80, 1, 2, 3]);
            let data = Disposition::Data { stream: STREAM, component: RTP };
            assert_eq!(made, if checked { data } else { Disposition::Dropped(DropReason::Stranger) });
            taken += usize::from(checked);
        }
    }
    assert!(taken > 1, "else only the selected pair was tried");
}

#[test]
fn data_of_any_first_byte_is_taken_from_the_peer_and_of_none_from_strangers() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let (now, (socket, _), (_, peer)) = (wire.now, wire.hosts[B].socket(), wire.hosts[A].socket());
    let mut stranger = peer;
    stranger.set_port(peer.port() + 1);
    for first in 0..=255 {
        let data = [first, 1, 2, 3, 4, 5, 6, 7];
        let taken = wire.b().handle_datagram(now, socket, peer, &data);
        assert_eq!(taken, Disposition::Data { stream: STREAM, component: RTP }, "{first}");
        let dropped = wire.b().handle_datagram(now, socket, stranger, &data);
        assert_eq!(dropped, Disposition::Dropped(DropReason::Stranger), "{first}");
    }
    assert_eq!(wire.b().stats().dropped, [(DropReason::Stranger, 256)].into());
}

#[test]
fn the_data_of_each_component_is_told_apart() {
    let streams = || vec![StreamConfig { components: 2 }, StreamConfig { components: 1 }];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    wire.begin();
    wire.run_until_completed();
    for (stream, component) in [(STREAM, RTP), (STREAM, RTCP), (StreamId(1), RTP)] {
        let route = wire.a().route(stream, component).unwrap();
        let (from, now) = (wire.hosts[A].sockets[&route.socket], wire.now);
        let socket = wire.hosts[B].socket_at(route.to).unwrap();
        assert_eq!(
            wire.b().handle_datagram(now, socket, from, b"hi"),
            Disposition::Data { stream, component }
        );
    }
}

// proves: 8445-12.1-b
#[test]
fn a_stream_that_gets_no_pair_for_one_component_sends_on_none() {
    let streams = || vec![StreamConfig { components: 2 }];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    // Ports 5001 are of component 2: nothing of it arrives.
    wire.passes = Box::new(|sent| sent.to.port() != 5001 && sent.from.port() != 5001);
    wire.begin();
    wire.run_for(Duration::from_secs(10));
    assert!(wire.a().selected(STREAM, RTP).is_some());
    assert!(wire.a().route(STREAM, RTP).is_some(), "the other component may still come");
    wire.run_for(Duration::from_secs(60));
    for host in [A, B] {
        let session = &wire.hosts[host].session;
        assert_eq!(session.state(), IceState::Failed);
        assert_eq!((session.route(STREAM, RTP), session.route(STREAM, RTCP)), (None, None));
    }
}

#[test]
fn a_route_that_changes_is_told_and_only_then() {
    let mut wire = Wire::pair().addresses(B, &["192.0.2.2", "198.51.100.2"]).delay(ms(20));
    wire.begin();
    let mut last = None;
    let mut changes = 0;
    for _ in 0..3000 {
        wire.run_for(ms(1));
        let route = wire.a().route(STREAM, RTP);
        changes += usize::from(route != last);
        last = route;
    }
    let told = wire.hosts[A].count(|event| *event == Event::RouteChanged { stream: STREAM, component: RTP });
    assert!(changes > 0);
    assert_eq!(told, changes);
}

#[test]
fn any_pair_has_a_route_while_its_socket_is_open() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let route = wire.a().route(STREAM, RTP).unwrap();
    assert_eq!(wire.a().route_of(route.pair), Some(route));
    assert_eq!(wire.a().route_of(PairId(77)), None);
    let now = wire.now;
    wire.a().handle_socket_closed(now, route.socket, "gone");
    assert_eq!(wire.a().route_of(route.pair), None);
}
