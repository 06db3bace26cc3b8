//! Candidates one by one, both ways (RFC 8838).

use std::time::Duration;

use floe_core::{Candidate, StreamId};
use floe_session::{
    AddRemoteError, AddedRemote, CheckKind, Event, FailReason, IceState, Output, Refusal, RemoteDescription,
    StreamConfig,
};

use crate::{
    stun::Check,
    wire::{A, B, STREAM, Wire, controlled, controlling, ms},
};

fn candidate(address: &str, port: u16) -> Candidate {
    format!("candidate:1 1 udp 2130706431 {address} {port} typ host").parse().unwrap()
}

fn with_ufrag(candidate: Candidate, ufrag: &str) -> Candidate {
    candidate.with_extension("ufrag", ufrag).unwrap()
}

/// A knows B, and B's candidates only as the test gives them.
fn one_sided() -> Wire {
    let mut wire = Wire::pair();
    wire.hosts[B].trickles = false;
    wire.passes = Box::new(|_| false);
    wire.gather();
    wire
}

// proves: 8838-10-a
#[test]
fn a_local_candidate_is_paired_only_once_it_was_handed_out() {
    let mut wire = one_sided();
    wire.describe_to(A);
    let now = wire.now;
    wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 5000)).unwrap();
    let mut seen = Vec::new();
    // The application takes its time with every output.
    while let Some(output) = wire.a().poll_output() {
        let told = matches!(output, Output::Event(Event::Candidate { .. }));
        seen.push((told, wire.a().stats().pairs.len()));
        wire.carry_out(A, output);
        let now = wire.now;
        wire.a().handle_timeout(now);
        let paired = wire.a().stats().pairs.len();
        assert_eq!(paired > 0, seen.iter().any(|&(told, _)| told), "{seen:?}, then {paired}");
    }
    assert!(seen.iter().any(|&(told, _)| told));
    assert_eq!(wire.new_requests(A).len(), 1);
}

#[test]
fn candidates_may_come_before_the_description() {
    let mut wire = one_sided();
    let now = wire.now;
    assert_eq!(wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 1)), Ok(AddedRemote::New));
    assert_eq!(wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 1)), Ok(AddedRemote::Duplicate));
    wire.settle();
    assert_eq!(wire.a().stats().pairs.len(), 0);
    wire.describe_to(A);
    wire.settle();
    assert_eq!(wire.a().stats().pairs.len(), 1);
    assert_eq!(wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 1)), Ok(AddedRemote::Duplicate));
    assert_eq!(wire.new_requests(A).len(), 1);
}

#[test]
fn so_may_the_end_of_them_and_nothing_behind_it_is_taken() {
    let mut wire = one_sided();
    let now = wire.now;
    let ended = Err(AddRemoteError::Refused(floe_check::AddRemoteError::Ended));
    wire.a().end_of_remote(now, STREAM, None).unwrap();
    assert_eq!(wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 1)), ended);
    wire.describe_to(A);
    assert_eq!(wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 1)), ended);
    wire.a().end_of_remote(now, STREAM, None).unwrap();
    wire.settle();
    assert_eq!(wire.a().stats().pairs.len(), 0);
    assert_eq!(wire.a().stats().refused[&Refusal::Ended], 2);
}

#[test]
fn only_so_many_candidates_wait_for_the_description() {
    let mut wire = Wire::new(controlling().max_remote_candidates(3), controlled());
    let now = wire.now;
    for port in 1..=3 {
        wire.a().add_remote(now, STREAM, candidate("192.0.2.2", port)).unwrap();
    }
    let fourth = wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 4));
    assert_eq!(fourth, Err(AddRemoteError::TooManyEarly(3)));
    assert_eq!(wire.a().stats().refused[&Refusal::TooMany], 1);
}

#[test]
fn a_candidate_of_another_generation_is_refused() {
    let mut wire = one_sided();
    let now = wire.now;
    let ufrag = wire.hosts[B].parameters(STREAM).credentials.ufrag().to_owned();
    let old = with_ufrag(candidate("192.0.2.2", 1), "from-before".replace('-', "+").as_str());
    let current = with_ufrag(candidate("192.0.2.2", 2), &ufrag);
    // Before the description nobody knows which generation it will be.
    assert_eq!(wire.a().add_remote(now, STREAM, old.clone()), Ok(AddedRemote::New));
    assert_eq!(wire.a().add_remote(now, STREAM, current), Ok(AddedRemote::New));
    wire.describe_to(A);
    wire.settle();
    let why =
        AddRemoteError::WrongGeneration { theirs: "from+before".into(), current: ufrag.as_str().into() };
    let refused = Event::CandidateRefused { stream: STREAM, candidate: old.clone(), why: why.clone() };
    assert_eq!(wire.hosts[A].count(|event| *event == refused), 1);
    assert_eq!(wire.a().add_remote(now, STREAM, old), Err(why));
    assert_eq!(wire.a().stats().refused[&Refusal::WrongGeneration], 2);
    assert_eq!(wire.a().stats().pairs.len(), 1);
}

#[test]
fn what_makes_no_candidate_is_refused_with_its_reason_and_counted() {
    let mut wire = one_sided();
    let mdns = "candidate:1 1 udp 2130706431 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 5000 typ host";
    let bad = [
        (mdns.parse().unwrap(), "mDNS resolution is not in this version", Refusal::Mdns),
        (candidate("192.0.2.2", 0), "port 0 cannot be checked", Refusal::Unusable),
        (candidate("224.0.0.1", 9), "a multicast address cannot be checked", Refusal::Unusable),
        (
            "candidate:1 2 udp 2130706430 192.0.2.2 9 typ host".parse().unwrap(),
            "stream s0 has no component 2",
            Refusal::UnknownComponent,
        ),
    ];
    // Before and after the description.
    for round in 1..=2 {
        let now = wire.now;
        for (candidate, words, refusal) in &bad {
            let why = wire.a().add_remote(now, STREAM, candidate.clone()).unwrap_err();
            assert_eq!((why.to_string().as_str(), why.refusal()), (*words, *refusal));
        }
        let unknown = wire.a().add_remote(now, StreamId(7), candidate("192.0.2.2", 9)).unwrap_err();
        assert_eq!(unknown.to_string(), "stream s7 is not there");
        assert_eq!(wire.a().end_of_remote(now, StreamId(7), None).unwrap_err(), unknown);
        let counted = wire.a().stats().refused;
        let expected = [
            (Refusal::UnknownStream, 2),
            (Refusal::UnknownComponent, 1),
            (Refusal::Mdns, 1),
            (Refusal::Unusable, 2),
        ];
        assert_eq!(counted, expected.map(|(refusal, count)| (refusal, count * round)).into());
        assert_eq!(wire.a().stats().pairs.len(), 0);
        wire.describe_to(A);
        wire.settle();
    }
}

// proves: 8838-8-a
#[test]
fn a_list_without_candidates_runs_on_until_one_comes() {
    let mut wire = one_sided();
    wire.describe_to(A);
    wire.run_for(Duration::from_secs(10));
    assert_eq!(wire.a().state(), IceState::Checking);
    let now = wire.now;
    wire.a().add_remote(now, STREAM, candidate("192.0.2.2", 5000)).unwrap();
    wire.settle();
    assert_eq!(
        wire.new_requests(A).iter().map(|sent| sent.at).collect::<Vec<_>>(),
        [Duration::from_secs(10)]
    );
}

#[test]
fn all_candidates_are_told_and_then_their_end() {
    let streams = || vec![StreamConfig { components: 2 }; 2];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    wire = wire.addresses(A, &["192.0.2.1", "192.0.2.3"]);
    wire.gather_on(A);
    wire.settle();
    for stream in [StreamId(0), StreamId(1)] {
        let told: Vec<_> = wire.hosts[A]
            .events
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Candidate { stream: of, candidate, .. } if *of == stream => {
                    Some(candidate.component().get())
                }
                Event::EndOfCandidates { stream: of, .. } if *of == stream => Some(0),
                _ => None,
            })
            .collect();
        assert_eq!(told, [1, 2, 1, 2, 0], "{stream}");
    }
}

// proves: 8445-5.3-b, 8445-7.3-c
#[test]
fn a_check_that_comes_right_after_our_candidates_is_answered_and_made_up_for() {
    let mut wire = Wire::pair().delay(ms(1));
    wire.gather();
    // B has A's description and candidates; A has nothing of B.
    wire.hosts[B].trickles = false;
    wire.describe_to(B);
    wire.run_for(ms(30));
    let answers = wire.log.iter().filter(|sent| sent.host == A && sent.is_answer()).count();
    assert_eq!(answers, 1);
    assert_eq!(wire.b().state(), IceState::Connected);
    assert_eq!(wire.new_requests(A).len(), 0, "nobody is known to send checks to");
    // Data that comes now is the application's as well.
    assert!(matches!(
        wire.send_data(B, crate::wire::RTP, b"early"),
        Some(floe_session::Disposition::Data { .. })
    ));
    // With the description the early check is followed up, without any candidate.
    wire.describe_to(A);
    wire.run_until_completed();
    assert_eq!(wire.new_requests(A)[0].at, ms(30));
}

// proves: 8445-7.3-d
#[test]
fn an_early_check_that_nominates_is_made_up_for_with_the_description() {
    let mut wire = Wire::new(controlled(), controlling());
    wire.gather();
    wire.hosts[A].trickles = false;
    wire.hosts[B].trickles = false;
    wire.settle();
    // B sends what it would if it had nominated at once; A has nothing of B.
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let check = Check { use_candidate: true, ..Check::of(&theirs, &ours) }.write();
    let (now, (socket, _), (_, from)) = (wire.now, wire.hosts[A].socket(), wire.hosts[B].socket());
    assert_eq!(wire.a().handle_datagram(now, socket, from, &check), floe_session::Disposition::Consumed);
    wire.run_for(ms(500));
    assert_eq!(wire.log.iter().filter(|sent| sent.host == A && sent.is_answer()).count(), 1);
    assert_eq!(wire.hosts[A].events.len(), 2, "a candidate and no more of them");

    wire.describe_to(A);
    wire.run_for(ms(10));
    let learnt = |event: &Event| match event {
        Event::PeerReflexive { candidate, local: false, .. } => candidate.socket_addr(),
        _ => None,
    };
    let learnt: Vec<_> = wire.hosts[A].events.iter().filter_map(|(_, event)| learnt(event)).collect();
    assert_eq!(learnt, [from]);
    let triggered = |event: &Event| matches!(event, Event::Checking { kind: CheckKind::Triggered, .. });
    assert_eq!(wire.hosts[A].when(triggered), Some(ms(500)));
    assert_eq!(wire.hosts[A].when_in(IceState::Completed), Some(ms(500)), "the nomination was kept");
}

#[test]
fn a_candidate_that_comes_after_its_component_was_selected_is_not_told() {
    let mut wire = Wire::pair().addresses(A, &["192.0.2.1", "192.0.2.3"]);
    wire.hosts[A].binds = false;
    wire.begin();
    // One socket is slow.
    let (first, slow) = (wire.hosts[A].asked[0], wire.hosts[A].asked[1]);
    wire.bind(A, first);
    wire.run_until_completed();
    wire.run_for(ms(200));
    wire.bind(A, slow);
    wire.settle();
    assert_eq!(wire.hosts[A].candidates().len(), 1);
    assert_eq!(wire.hosts[A].count(|event| matches!(event, Event::EndOfCandidates { .. })), 1);
    assert_eq!(wire.a().stats().withheld, 1);
    assert_eq!(wire.hosts[A].closed.iter().map(|&(_, socket)| socket).collect::<Vec<_>>(), [slow.0]);
}

// proves: 8838-17-a
#[test]
fn lower_components_are_told_and_paired_first_whatever_socket_comes_first() {
    let streams = || vec![StreamConfig { components: 3 }];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    wire.hosts[A].binds = false;
    wire.begin();
    for asked in wire.hosts[A].asked.clone().into_iter().rev() {
        wire.bind(A, asked);
        wire.settle();
    }
    let told: Vec<_> = wire.hosts[A].candidates().iter().map(|told| told.component().get()).collect();
    assert_eq!(told, [1, 2, 3]);
    let mut pairs = wire.a().stats().pairs;
    pairs.sort_by_key(|pair| pair.id);
    let paired: Vec<_> = pairs.iter().map(|pair| pair.component.get()).collect();
    assert_eq!(paired, [1, 2, 3]);
}

#[test]
fn an_address_that_comes_while_gathering_goes_on_is_used_and_one_that_goes_is_forgotten() {
    let mut wire = Wire::pair();
    wire.hosts[A].binds = false;
    wire.passes = Box::new(|_| false);
    wire.begin();
    wire.hosts[A].addresses.push("192.0.2.3".parse().unwrap());
    let (now, interfaces) = (wire.now, wire.hosts[A].interfaces());
    wire.a().handle_interfaces(now, &interfaces);
    wire.settle();
    let new = wire.hosts[A].asked[1];
    wire.bind(A, new);
    wire.run_for(ms(100));
    assert_eq!(new.1.ip(), wire.hosts[A].addresses[1]);
    assert_eq!(wire.new_requests(A).iter().map(|sent| sent.from.ip()).collect::<Vec<_>>(), [new.1.ip()]);

    wire.hosts[A].addresses.pop();
    let (now, interfaces) = (wire.now, wire.hosts[A].interfaces());
    wire.a().handle_interfaces(now, &interfaces);
    wire.run_for(ms(100));
    assert_eq!(wire.hosts[A].closed.iter().map(|&(_, socket)| socket).collect::<Vec<_>>(), [new.0]);
    let failed = |event: &Event| matches!(event, Event::PairFailed { why: FailReason::BaseClosed, .. });
    assert_eq!(wire.hosts[A].count(failed), 1);
    // The socket of the first address is still to come, and with it the connection.
    wire.passes = Box::new(|_| true);
    let first = wire.hosts[A].asked[0];
    wire.bind(A, first);
    wire.run_until_completed();
}

#[test]
fn an_address_that_comes_after_the_end_of_candidates_is_announced_for_a_restart() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    wire.hosts[A].addresses.push("192.0.2.3".parse().unwrap());
    let (now, interfaces) = (wire.now, wire.hosts[A].interfaces());
    wire.a().handle_interfaces(now, &interfaces);
    wire.settle();
    assert_eq!(wire.hosts[A].count(|event| matches!(event, Event::AddressAppeared { .. })), 1);
    assert_eq!(wire.hosts[A].candidates().len(), 1);
}

#[test]
fn a_component_that_the_peer_does_without_gets_no_candidates() {
    let mut wire = Wire::new(controlling().streams(vec![StreamConfig { components: 2 }]), controlled());
    wire.hosts[A].binds = false;
    wire.gather();
    wire.settle();
    // It turns out while the sockets are asked for.
    let theirs = wire.hosts[B].parameters(STREAM).credentials;
    let now = wire.now;
    wire.a().set_remote(now, STREAM, RemoteDescription::new(theirs).components(Some(1))).unwrap();
    wire.describe_to(B);
    for asked in wire.hosts[A].asked.clone() {
        wire.bind(A, asked);
    }
    wire.settle();
    let components: Vec<_> = wire.hosts[A].candidates().iter().map(|told| told.component().get()).collect();
    assert_eq!(components, [1]);
    assert_eq!((wire.hosts[A].sockets.len(), wire.a().stats().withheld), (1, 1));
    wire.run_until_completed();
}
