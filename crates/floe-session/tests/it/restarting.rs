//! ICE restarts (RFC 8445 9): make before break.

use std::collections::BTreeSet;

use floe_core::{Generation, Role, StreamId};
use floe_session::{
    AddRemoteError, ConsentLoss, Disposition, Event, IceState, LocalParameters, Output, Reason,
    RemoteDescription, SetRemoteError, StreamConfig,
};

use floe_stun::{
    Message,
    attribute::{AttributeType, Username},
};

use crate::wire::{A, B, Host, RTCP, RTP, STREAM, Wire, controlled, controlling, ms};

fn restarts(host: &Host) -> Vec<(Generation, LocalParameters)> {
    let restart = |event: &Event| match event {
        Event::Restarted { generation, local, .. } => Some((*generation, local.clone())),
        _ => None,
    };
    host.events.iter().filter_map(|(_, event)| restart(event)).collect()
}

fn selections(host: &Host) -> usize {
    host.count(|event| matches!(event, Event::Selected { .. }))
}

/// Two sides that have completed, with a round trip of 50 ms.
fn completed() -> Wire {
    let mut wire = Wire::pair().delay(ms(25));
    wire.begin();
    wire.run_until_completed();
    wire.run_for(ms(5_000));
    wire
}

fn restart(wire: &mut Wire, host: usize) {
    let now = wire.now;
    wire.hosts[host].session.restart(now);
    wire.settle();
}

/// Sends from both sides each millisecond, and demands that all of it comes through.
fn stream_for(wire: &mut Wire, milliseconds: u64) {
    for _ in 0..milliseconds {
        for host in [A, B] {
            let taken = wire.send_data(host, RTP, b"media");
            assert!(matches!(taken, Some(Disposition::Data { .. })), "{taken:?} at {:?}", wire.elapsed());
        }
        wire.run_for(ms(1));
    }
}

// proves: 8445-9-a, 8445-9-b, 8445-12.1-d, 8445-6.1.1-b
#[test]
fn a_restart_has_new_credentials_and_the_old_roles_and_data_goes_on_over_the_old_pair() {
    for by in [A, B] {
        let mut wire = completed();
        let roles = [A, B].map(|host| wire.hosts[host].session.role());
        let before = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
        let old = wire.hosts[by].session.selected(STREAM, RTP);
        let sockets = wire.hosts[by].sockets.clone();
        restart(&mut wire, by);
        assert_eq!(wire.hosts[by].session.selected(STREAM, RTP), old);
        assert_eq!(wire.hosts[by].session.state(), IceState::Connected);
        for host in [A, B] {
            let [(generation, local)] = &restarts(&wire.hosts[host])[..] else { panic!("one restart each") };
            assert_eq!((*generation, local), (Generation(1), &wire.hosts[host].parameters(STREAM)));
            assert_ne!(local.credentials.ufrag(), before[host].ufrag());
            assert_ne!(local.credentials.pwd(), before[host].pwd());
        }
        stream_for(&mut wire, 500);
        for (host, role) in [A, B].into_iter().zip(roles) {
            let session = &wire.hosts[host].session;
            assert_eq!((session.role(), session.state()), (role, IceState::Completed));
            assert_eq!(selections(&wire.hosts[host]), 2);
            assert_ne!(session.selected(STREAM, RTP), old, "it is a pair of the new generation");
            assert_eq!(
                session.route(STREAM, RTP).map(|route| Some(route.pair)),
                Some(session.selected(STREAM, RTP))
            );
        }
        assert_eq!(wire.hosts[by].sockets, sockets, "what is open is used again");
    }
}

#[test]
fn both_may_restart_at_once_and_again_before_the_answer() {
    let mut wire = completed();
    for host in [A, B] {
        wire.hosts[host].trickles = false;
    }
    restart(&mut wire, A);
    restart(&mut wire, A);
    restart(&mut wire, B);
    wire.describe_to(A);
    wire.describe_to(B);
    stream_for(&mut wire, 500);
    for host in [A, B] {
        let candidates = wire.hosts[host].candidates();
        let now = wire.now;
        for candidate in candidates {
            wire.hosts[1 - host].session.add_remote(now, STREAM, candidate).unwrap();
        }
    }
    stream_for(&mut wire, 500);
    assert_eq!([A, B].map(|host| wire.hosts[host].session.state()), [IceState::Completed; 2]);
    assert_eq!([A, B].map(|host| restarts(&wire.hosts[host]).len()), [2, 1], "neither was taken for another");
}

// proves: 7675-5.1-f, 7675-5.1-g
#[test]
fn consent_is_kept_up_on_the_old_pair_and_where_it_is_lost_only_the_new_generation_sends_again() {
    let mut wire = completed();
    for host in [A, B] {
        wire.hosts[host].trickles = false;
    }
    // The peer has not heard of the restart: data flows for as long as it takes.
    restart(&mut wire, A);
    wire.run_for(ms(120_000));
    assert!(wire.send_data(A, RTP, b"on").is_some() && wire.send_data(B, RTP, b"on").is_some());
    wire.passes = Box::new(|_| false);
    let cut = wire.elapsed();
    wire.run_for(ms(31_000));
    assert!(
        wire.hosts[A].session.route(STREAM, RTP).is_none()
            && wire.hosts[B].session.route(STREAM, RTP).is_none()
    );
    let lost = wire.hosts[A].when_in(IceState::Disconnected).unwrap();
    assert!(lost > cut + ms(20_000) && lost <= cut + ms(30_025), "{lost:?} after {cut:?}");
    let expired = ConsentLoss::Expired;
    let why = Reason::ConsentLost { stream: STREAM, component: RTP, why: expired };
    assert_eq!(wire.hosts[A].session.reason(), Some(&why));
    // The way is free again, and the credentials are new.
    wire.passes = Box::new(|_| true);
    wire.describe_to(B);
    wire.settle();
    wire.describe_to(A);
    for host in [A, B] {
        let (now, candidates) = (wire.now, wire.hosts[host].candidates());
        for candidate in candidates {
            wire.hosts[1 - host].session.add_remote(now, STREAM, candidate).unwrap();
        }
    }
    wire.run_until_completed();
    stream_for(&mut wire, 100);
}

// proves: 7675-5.1-f
#[test]
fn only_answers_with_the_old_credentials_keep_up_consent_on_the_old_pair() {
    let mut wire = completed();
    let old = wire.hosts[A].session.selected(STREAM, RTP);
    let ufrag = wire.hosts[A].parameters(STREAM).credentials.ufrag().to_owned();
    let answered = wire.delivered.iter().rfind(|sent| sent.host == B && sent.is_answer()).unwrap();
    let end = answered.at + ms(25 + 30_000);
    // From now on nothing that is asked with the old credentials is answered, and nothing is nominated.
    let mut unanswered = BTreeSet::new();
    wire.passes = Box::new(move |sent| {
        let Ok(message) = Message::parse(&sent.data) else { return true };
        let name = message.attribute::<Username<'_>>().ok().flatten();
        if name.is_some_and(|name| name.as_str().contains(&ufrag)) {
            unanswered.insert(message.transaction_id());
        }
        !unanswered.contains(&message.transaction_id()) && !message.has(AttributeType::USE_CANDIDATE)
    });
    restart(&mut wire, A);
    let used = |wire: &Wire| wire.hosts[A].session.route(STREAM, RTP).map(|route| route.pair);
    while used(&wire) == old {
        wire.run_for(ms(10));
    }
    assert!(wire.elapsed() >= end && wire.elapsed() < end + ms(20), "{:?}, {end:?}", wire.elapsed());
    assert!(used(&wire).is_some(), "the new generation has a valid pair");
}

#[test]
fn what_carries_data_stays_open_where_the_peer_restarts_without_its_component() {
    let streams = || vec![StreamConfig { components: 2 }];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams())).delay(ms(25));
    wire.begin();
    wire.run_until_completed();
    // It announces one component only; its candidates do not come.
    let credentials = floe_core::Credentials::new("strange", "a/password/of/a/stranger").unwrap();
    let (now, description) = (wire.now, RemoteDescription::new(credentials).components(Some(1)));
    wire.b().set_remote(now, STREAM, description).unwrap();
    let mut closed = Vec::new();
    while let Some(output) = wire.b().poll_output() {
        if let Output::Close { socket } = output {
            closed.push(socket);
        }
    }
    for component in [RTP, RTCP] {
        let route = wire.b().route(STREAM, component).unwrap();
        assert!(!closed.contains(&route.socket), "{component}");
    }
}

#[test]
fn what_is_left_out_of_a_restart_is_over_when_that_has_completed() {
    for lite in [false, true] {
        let streams = || vec![StreamConfig { components: 2 }];
        let (a, b) = (controlling().streams(streams()), controlled().streams(streams()).lite(lite));
        let mut wire = Wire::new(a, b).delay(ms(25));
        wire.begin();
        wire.run_until_completed();
        let sockets = [A, B].map(|host| wire.hosts[host].session.route(STREAM, RTCP).unwrap().socket);
        // A leaves RTCP to the other component from now on, and B follows.
        let now = wire.now;
        wire.components = Some(1);
        wire.a().restart(now);
        wire.run_for(ms(10_000));
        for host in [A, B] {
            let known = &wire.hosts[host];
            assert_eq!(known.session.state(), IceState::Completed, "lite {lite}");
            assert!(known.session.route(STREAM, RTP).is_some());
            assert_eq!(known.session.route(STREAM, RTCP), None, "lite {lite}");
            assert!(!known.sockets.contains_key(&sockets[host]), "lite {lite}: a socket is left open");
        }
    }
}

#[test]
fn a_restart_leads_out_of_every_bad_state() {
    // Failed for want of any way, disconnected for want of consent on one of two paths.
    let mut wire = Wire::pair().delay(ms(25));
    wire.passes = Box::new(|_| false);
    wire.begin();
    wire.run_for(ms(60_000));
    assert_eq!(wire.hosts[A].session.state(), IceState::Failed);
    wire.passes = Box::new(|_| true);
    restart(&mut wire, A);
    assert_eq!(wire.hosts[A].session.state(), IceState::Checking);
    assert_eq!(wire.hosts[A].session.reason(), None);
    wire.run_until_completed();

    // The network of one side changes under its feet.
    let (socket, _) = wire.hosts[A].socket();
    let now = wire.now;
    wire.hosts[A].sockets.clear();
    wire.hosts[A].session.handle_socket_closed(now, socket, "the network is gone");
    wire.settle();
    assert_eq!(wire.hosts[A].session.state(), IceState::Failed, "no socket is left");
    wire.hosts[A].addresses = vec!["198.51.100.7".parse().unwrap()];
    let interfaces = wire.hosts[A].interfaces();
    wire.a().handle_interfaces(now, &interfaces);
    restart(&mut wire, A);
    wire.run_until_completed();
    assert_eq!(wire.hosts[A].socket().1.ip().to_string(), "198.51.100.7");
    stream_for(&mut wire, 100);
}

// proves: 8838-9-a
#[test]
fn what_belongs_to_a_generation_before_is_refused_whenever_it_comes() {
    let mut wire = completed();
    let old = wire.hosts[B].parameters(STREAM).credentials;
    let [candidate] = &wire.hosts[B].candidates()[..] else { panic!("one candidate") };
    let late = candidate.clone().with_extension("ufrag", old.ufrag()).unwrap();
    wire.hosts[A].trickles = false;
    wire.hosts[B].trickles = false;
    restart(&mut wire, A);
    let now = wire.now;
    let wrong = |result: &Result<_, _>| matches!(result, Err(AddRemoteError::WrongGeneration { theirs, .. }) if &**theirs == old.ufrag());
    let session = &mut wire.hosts[A].session;
    let former = Err(SetRemoteError::Former(STREAM));
    assert_eq!(session.set_remote(now, STREAM, RemoteDescription::new(old.clone())), former);
    assert!(wrong(&session.add_remote(now, STREAM, late.clone()).map(|_| ())));
    assert!(wrong(&session.end_of_remote(now, STREAM, Some(old.ufrag()))));
    // The new description, and then the same.
    wire.describe_to(B);
    wire.settle();
    wire.describe_to(A);
    let session = &mut wire.hosts[A].session;
    assert_eq!(session.set_remote(now, STREAM, RemoteDescription::new(old.clone())), former);
    assert!(wrong(&session.add_remote(now, STREAM, late).map(|_| ())));
    assert!(wrong(&session.end_of_remote(now, STREAM, Some(old.ufrag()))));
    assert_eq!(restarts(&wire.hosts[A]).len(), 1);
    let (now, fresh) = (wire.now, wire.hosts[B].candidates().pop().unwrap());
    wire.a().add_remote(now, STREAM, fresh).unwrap();
    wire.run_until_completed();
}

#[test]
fn many_restarts_leave_nothing_behind() {
    let mut wire = completed();
    let mut sizes = Vec::new();
    for round in 0..30 {
        restart(&mut wire, round % 2);
        stream_for(&mut wire, 300);
        assert_eq!(wire.hosts[A].session.state(), IceState::Completed);
        sizes.push(wire.hosts[A].session.stats().pairs.len());
    }
    assert!(sizes.iter().all(|&pairs| pairs == 1), "{sizes:?}");
    assert_eq!(wire.hosts[A].session.role(), Role::Controlling);
    assert_eq!((wire.hosts[A].sockets.len(), wire.hosts[B].sockets.len()), (1, 1));
}

#[test]
fn a_stream_that_failed_beside_a_completed_one_loses_its_sockets_and_comes_back_with_a_restart() {
    let streams = || vec![StreamConfig::default(); 2];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    // The second stream has no way at first: nobody can reach its sockets.
    wire.passes = Box::new(|sent| sent.to.port() != 5001);
    wire.begin();
    wire.run_until_completed();
    let second = StreamId(1);
    let failed = |event: &Event| matches!(event, Event::StreamFailed { stream, .. } if *stream == second);
    assert!(wire.hosts.iter().all(|host| host.count(failed) == 1 && host.sockets.len() == 2));
    wire.run_for(ms(3_000));
    for host in &wire.hosts {
        assert_eq!((host.sockets.len(), host.session.state()), (1, IceState::Completed));
        assert!(host.session.route(STREAM, RTP).is_some() && host.session.route(second, RTP).is_none());
    }
    restart(&mut wire, A);
    wire.run_for(ms(5_000));
    for host in &wire.hosts {
        assert_eq!((host.sockets.len(), host.session.state()), (2, IceState::Completed));
        assert!(host.session.route(STREAM, RTP).is_some() && host.session.route(second, RTP).is_some());
    }
}
