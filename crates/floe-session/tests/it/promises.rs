//! What the standards ask of a whole session, and no other file is about.

use std::{collections::BTreeSet, time::Duration};

use floe_core::{IceOptions, Role, StreamId};
use floe_session::{Disposition, Event, IceState, RemoteDescription, SessionConfig, StreamConfig};
use floe_stun::{Class, Message};

use crate::{
    stun::Check,
    wire::{A, B, RTP, STREAM, Wire, controlled, controlling, ms},
};

fn indications(wire: &Wire, host: usize) -> usize {
    let is = |data: &[u8]| Message::parse(data).is_ok_and(|message| message.class() == Class::Indication);
    wire.log.iter().filter(|sent| sent.host == host && is(&sent.data)).count()
}

// proves: 8445-11-c
#[test]
fn keepalives_end_with_the_session_and_checks_are_answered_as_long_as_it_lasts() {
    let quiet = |config: SessionConfig| config.consent(false).liveness(false).renomination(false);
    let mut wire = Wire::new(quiet(controlling()), quiet(controlled()));
    wire.begin();
    wire.run_until_completed();
    wire.run_for(Duration::from_secs(100));
    assert!(indications(&wire, A) >= 5);
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let check = Check { controlling: false, ..Check::of(&theirs, &ours) }.write();
    let (now, (socket, _), (_, from)) = (wire.now, wire.hosts[A].socket(), wire.hosts[B].socket());
    assert_eq!(wire.a().handle_datagram(now, socket, from, &check), Disposition::Consumed);
    wire.settle();
    let answers: Vec<_> =
        wire.log.iter().filter(|sent| sent.at == wire.elapsed() && sent.is_answer()).collect();
    assert_eq!(answers.iter().map(|sent| (sent.host, sent.to)).collect::<Vec<_>>(), [(A, from)]);

    wire.a().close(now);
    let sent = wire.log.iter().filter(|sent| sent.host == A).count();
    wire.run_for(Duration::from_secs(300));
    assert_eq!(wire.log.iter().filter(|sent| sent.host == A).count(), sent);
    assert!(indications(&wire, B) >= 20, "the other one does not know");
}

// proves: 8445-5.1.1.1-g
#[test]
fn rtcp_has_candidates_of_its_own_unless_both_are_known_to_do_without() {
    let two = || vec![StreamConfig { components: 2 }];
    for (ours, theirs, expected) in
        [(2, None, [1, 2].as_slice()), (2, Some(2), &[1, 2]), (2, Some(1), &[1]), (1, None, &[1])]
    {
        let config = controlling().streams(vec![StreamConfig { components: ours }]);
        let mut wire = Wire::new(config, controlled().streams(two()));
        let (now, credentials) = (wire.now, wire.hosts[B].parameters(STREAM).credentials);
        let description = RemoteDescription::new(credentials).components(theirs);
        wire.a().set_remote(now, STREAM, description).unwrap();
        wire.hosts[A].trickles = false;
        wire.gather_on(A);
        wire.settle();
        let told: Vec<_> = wire.hosts[A].candidates().iter().map(|told| told.component().get()).collect();
        assert_eq!(told, expected, "{ours} here, {theirs:?} there");
    }
}

// proves: 8445-6.1.1-c
#[test]
fn a_peer_that_takes_the_other_role_without_a_reason_gets_it() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    assert_eq!(wire.a().role(), Role::Controlling);
    let now = wire.now;
    wire.hosts[A].trickles = false;
    wire.hosts[B].trickles = false;
    wire.b().restart(now);
    wire.settle();
    wire.describe_to(A);
    wire.settle();
    assert_eq!(wire.a().role(), Role::Controlling, "a restart changes no role by itself");
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let check = Check { tie_breaker: u64::MAX, ..Check::of(&theirs, &ours) }.write();
    let (socket, from) = (wire.hosts[A].socket().0, wire.hosts[B].socket().1);
    assert_eq!(wire.a().handle_datagram(now, socket, from, &check), Disposition::Consumed);
    wire.settle();
    assert_eq!(wire.a().role(), Role::Controlled);
    assert_eq!(wire.hosts[A].count(|event| *event == Event::Role(Role::Controlled)), 1);
}

// proves: 8445-9-c
#[test]
fn without_a_restart_a_description_neither_moves_data_nor_makes_the_peer_lite() {
    let mut wire = Wire::new(controlled(), controlling());
    wire.begin();
    wire.run_until_completed();
    let (now, route) = (wire.now, wire.a().route(STREAM, RTP));
    let known = RemoteDescription::new(wire.hosts[B].parameters(STREAM).credentials);
    let elsewhere = "candidate:9 1 udp 2130706431 203.0.113.9 9 typ host";
    let lite = wire.a().set_remote(now, STREAM, known.clone().lite(true));
    assert_eq!(lite, Err(floe_session::SetRemoteError::Lite(STREAM)));
    // B has said that it has no more of them.
    assert!(wire.a().add_remote(now, STREAM, elsewhere.parse().unwrap()).is_err());
    wire.run_for(Duration::from_secs(30));
    assert_eq!((wire.a().route(STREAM, RTP), wire.a().role()), (route, Role::Controlled));
    assert_eq!(wire.a().state(), IceState::Completed);
    assert!(wire.log.iter().all(|sent| sent.to.ip().to_string() != "203.0.113.9"));

    // With new credentials it is a restart, and then it may.
    let new = floe_core::Credentials::new("another", "password+of+22+characters").unwrap();
    let now = wire.now;
    wire.a().set_remote(now, STREAM, RemoteDescription::new(new).lite(true)).unwrap();
    assert_eq!(wire.a().role(), Role::Controlling);
    wire.a().add_remote(now, STREAM, elsewhere.parse().unwrap()).unwrap();
}

// proves: 8838-3-a
#[test]
fn every_stream_announces_trickle_and_a_peer_without_it_is_served_all_candidates_at_once() {
    let streams = || vec![StreamConfig { components: 2 }; 2];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    wire = wire.addresses(A, &["192.0.2.1", "192.0.2.3"]);
    for host in [A, B] {
        wire.hosts[host].trickles = false;
        for stream in [StreamId(0), StreamId(1)] {
            assert!(wire.hosts[host].parameters(stream).options.contains(IceOptions::TRICKLE));
        }
    }
    // All there is is there before anything was said: a first description can hold it.
    wire.gather();
    wire.settle();
    let told: Vec<_> = [A, B].map(|host| wire.hosts[host].events.clone()).into();
    let ends = |of: &[(Duration, Event)]| {
        of.iter().filter(|(_, event)| matches!(event, Event::EndOfCandidates { .. })).count()
    };
    assert_eq!([ends(&told[A]), ends(&told[B])], [2, 2]);
    for host in [A, B] {
        let (now, other) = (wire.now, 1 - host);
        for stream in [StreamId(0), StreamId(1)] {
            let theirs = RemoteDescription::new(wire.hosts[other].parameters(stream).credentials);
            assert!(!theirs.options.contains(IceOptions::TRICKLE));
            let session = &mut wire.hosts[host].session;
            session.set_remote(now, stream, theirs).unwrap();
            for (_, event) in &told[other] {
                if let Event::Candidate { stream: of, candidate, .. } = event
                    && *of == stream
                {
                    session.add_remote(now, stream, candidate.clone()).unwrap();
                }
            }
            session.end_of_remote(now, stream, None).unwrap();
        }
    }
    wire.run_until_completed();
    wire.run_for(Duration::from_secs(60));
    for host in [A, B] {
        let candidates = |of: &[(Duration, Event)]| {
            of.iter().filter(|(_, event)| matches!(event, Event::Candidate { .. })).count()
        };
        assert_eq!(candidates(&wire.hosts[host].events), candidates(&told[host]), "nothing came later");
    }
}

// proves: 8838-13-a
#[test]
fn after_the_end_no_candidate_is_told_and_each_end_names_the_credentials_it_is_of() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let ends = |wire: &Wire| {
        let end = |event: &Event| match event {
            Event::EndOfCandidates { ufrag, .. } => Some(ufrag.to_string()),
            _ => None,
        };
        wire.hosts[A].events.iter().filter_map(|(_, event)| end(event)).collect::<Vec<_>>()
    };
    // The ufrag names its credentials: no two generations share one, and `local` has the password.
    let first = wire.hosts[A].parameters(STREAM).credentials;
    assert_eq!(ends(&wire), [first.ufrag()]);
    wire.hosts[A].addresses.push("192.0.2.3".parse().unwrap());
    let (now, interfaces) = (wire.now, wire.hosts[A].interfaces());
    wire.a().handle_interfaces(now, &interfaces);
    wire.run_for(Duration::from_secs(60));
    assert_eq!(wire.hosts[A].candidates().len(), 1);
    // A new generation has the new address, and its own end.
    let now = wire.now;
    wire.a().restart(now);
    wire.run_for(ms(500));
    let second = wire.hosts[A].parameters(STREAM).credentials;
    assert_eq!(ends(&wire), [first.ufrag(), second.ufrag()]);
    assert_eq!(wire.hosts[A].candidates().len(), 1 + 2);
    assert!(first.ufrag() != second.ufrag() && first.pwd() != second.pwd());
}

// proves: 7675-5.1-e
#[test]
fn no_id_of_a_transaction_can_be_read_from_what_a_session_tells_or_set_by_what_it_is_told() {
    let play = |seed: u8| {
        let mut wire = Wire::new(SessionConfig::new([seed; 32]), controlled());
        wire.begin();
        wire.run_until_completed();
        wire.run_for(Duration::from_secs(60));
        wire
    };
    let ids = |wire: &Wire| {
        let ids = wire.log.iter().filter(|sent| sent.host == A).filter_map(super::wire::Sent::request);
        ids.map(|id| *id.as_bytes()).collect::<BTreeSet<_>>()
    };
    let (one, other) = (play(1), play(9));
    let told = format!(
        "{:?} {:?} {:?} {:?}",
        one.hosts[A].events,
        one.hosts[A].session.stats(),
        one.hosts[A].session.local(STREAM),
        one.hosts[A].session.reason(),
    );
    assert!(ids(&one).len() > 10);
    for id in ids(&one) {
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!told.contains(&hex) && !told.contains(&format!("{id:?}")));
    }
    // Told the same, another seed makes other ids: nothing but it decides.
    assert_eq!(one.hosts[A].events.len(), other.hosts[A].events.len());
    assert!(ids(&one).is_disjoint(&ids(&other)));
}
