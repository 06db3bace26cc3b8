//! Calls that make no sense: refused, counted, and without any effect.

use floe_core::StreamId;
use floe_session::{
    AddRemoteError, Disposition, DropReason, Event, IceState, Refusal, RemoteDescription, SetRemoteError,
    SocketId,
};

use crate::wire::{A, B, RTP, STREAM, Wire, ms};

#[test]
fn a_description_is_taken_once_and_the_same_again_changes_nothing() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let theirs = RemoteDescription::new(wire.hosts[B].parameters(STREAM).credentials);
    let now = wire.now;
    let events = wire.hosts[A].events.len();
    assert_eq!(wire.a().set_remote(now, STREAM, theirs.clone()), Ok(()));
    // One ufrag has one password (RFC 8839 5.4).
    let ufrag = theirs.credentials.ufrag();
    let other = RemoteDescription::new(floe_core::Credentials::new(ufrag, &"x".repeat(22)).unwrap());
    assert_eq!(wire.a().set_remote(now, STREAM, other), Err(SetRemoteError::SameUfrag(STREAM)));
    wire.settle();
    assert_eq!(wire.hosts[A].events.len(), events);
}

#[test]
fn a_description_that_is_refused_changes_neither_pace_nor_role() {
    let mut wire = Wire::pair();
    let now = wire.now;
    let (ours, theirs) = (wire.hosts[B].parameters(STREAM), wire.hosts[A].parameters(STREAM));
    let description = |credentials| {
        let slow = floe_core::Pacing::from_millis(500);
        RemoteDescription::new(credentials).lite(true).pacing(slow)
    };
    let session = wire.b();
    let before = session.stats();
    let unknown = floe_check::SetRemoteError::UnknownStream(StreamId(9)).into();
    let refused = [
        (StreamId(9), description(theirs.credentials.clone()), unknown),
        (STREAM, description(ours.credentials), SetRemoteError::Own(STREAM)),
        (
            STREAM,
            description(theirs.credentials.clone()).components(Some(0)),
            SetRemoteError::NoComponents(STREAM),
        ),
    ];
    for (stream, description, why) in refused {
        assert_eq!(session.set_remote(now, stream, description), Err(why));
        let after = session.stats();
        assert_eq!((after.ta, after.role, after.state), (before.ta, before.role, IceState::New));
    }
    assert!(session.poll_output().is_none());
    // Nothing was remembered of them either.
    session.set_remote(now, STREAM, RemoteDescription::new(theirs.credentials)).unwrap();
    assert_eq!(session.state(), IceState::Checking);
}

#[test]
fn answers_about_sockets_that_nobody_asked_for_are_counted_and_closed() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let (open, address) = wire.hosts[A].socket();
    let now = wire.now;
    // Twice about the same: it stays open.
    wire.a().handle_bound(now, open, Ok("192.0.2.99:9".parse().unwrap()));
    wire.a().handle_bound(now, open, Err("no".into()));
    wire.a().handle_bound(now, SocketId(99), Err("no".into()));
    wire.settle();
    assert_eq!(wire.hosts[A].socket(), (open, address));
    assert_eq!(wire.a().stats().stray_answers, 3);
    // A socket that is there and nobody's is closed.
    wire.a().handle_bound(now, SocketId(99), Ok("192.0.2.99:9".parse().unwrap()));
    wire.a().handle_socket_closed(now, SocketId(98), "never heard of it");
    wire.settle();
    assert_eq!(wire.hosts[A].closed.iter().map(|&(_, socket)| socket).collect::<Vec<_>>(), [SocketId(99)]);
    assert_eq!(wire.a().state(), IceState::Completed);
}

#[test]
fn to_gather_twice_is_to_gather_once() {
    let mut wire = Wire::pair();
    wire.gather();
    wire.gather();
    wire.settle();
    assert_eq!(wire.hosts[A].candidates().len(), 1);
    assert_eq!(wire.hosts[A].count(|event| matches!(event, Event::EndOfCandidates { .. })), 1);
    assert_eq!(wire.hosts[A].sockets.len(), 1);
}

#[test]
fn time_that_goes_back_is_taken_for_the_latest() {
    let mut wire = Wire::pair();
    wire.run_for(ms(1000));
    wire.begin();
    let back = wire.start;
    wire.a().handle_timeout(back);
    let (socket, address) = wire.hosts[A].socket();
    let _ = wire.a().handle_datagram(back, socket, address, b"junk");
    wire.a().gather(back);
    wire.run_until_completed();
    let elapsed = wire.hosts[A].events.iter().find_map(|(_, event)| match event {
        Event::Selected { elapsed, .. } => Some(*elapsed),
        _ => None,
    });
    assert_eq!(elapsed, Some(ms(50)));
}

#[test]
fn a_closed_session_refuses_everything_and_says_so() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let (now, (socket, _), (_, peer)) = (wire.now, wire.hosts[A].socket(), wire.hosts[B].socket());
    let candidate = wire.hosts[B].candidates().remove(0);
    let theirs = wire.hosts[B].parameters(STREAM).credentials;
    let interfaces = wire.hosts[A].interfaces();
    wire.a().close(now);
    wire.settle();
    let session = wire.a();
    assert_eq!(session.add_remote(now, STREAM, candidate), Err(AddRemoteError::Closed));
    assert_eq!(session.end_of_remote(now, STREAM, None), Err(AddRemoteError::Closed));
    assert_eq!(session.set_remote(now, STREAM, RemoteDescription::new(theirs)), Err(SetRemoteError::Closed));
    let dropped = session.handle_datagram(now, socket, peer, b"data");
    assert_eq!(dropped, Disposition::Dropped(DropReason::Closed));
    session.gather(now);
    session.handle_interfaces(now, &interfaces);
    session.handle_timeout(now);
    session.handle_socket_closed(now, socket, "late");
    assert!(session.poll_output().is_none());
    assert_eq!((session.state(), session.route(STREAM, RTP)), (IceState::Closed, None));
    assert_eq!(session.stats().refused, [(Refusal::Closed, 2)].into());
    assert_eq!(session.stats().dropped[&DropReason::Closed], 1);
}

#[test]
fn a_session_without_streams_does_nothing_and_closes() {
    let mut wire = Wire::new(crate::wire::controlling().streams(Vec::new()), crate::wire::controlled());
    wire.gather_on(A);
    wire.settle();
    wire.run_for(ms(10_000));
    assert_eq!(wire.a().state(), IceState::New);
    let now = wire.now;
    wire.a().close(now);
    assert_eq!(wire.a().state(), IceState::Closed);
}
