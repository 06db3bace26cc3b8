//! More of everything than anybody needs: it is bounded, counted and told, and what works goes on working.

use std::{net::SocketAddr, time::Duration};

use floe_core::{Candidate, CandidateKind, ComponentId, Priority, Transport, TypePreference};
use floe_session::{AddRemoteError, AddedRemote, Disposition, Event, IceState, Output, Refusal};
use floe_stun::{Class, Message};

use crate::{
    stun::Check,
    wire::{A, B, RTP, STREAM, Wire, ms},
};

/// How many pairs, and how many remote candidates, a session keeps with the defaults: 100 pairs on the list, 100
/// candidates signalled and 32 learnt, and the pairs that were retired.
const MOST_PAIRS: usize = 100 + 100 + 32;

fn signalled(n: u32) -> Candidate {
    let [.., c, d] = n.to_be_bytes();
    let address = SocketAddr::new([203, 0, c, d].into(), 5_000);
    Candidate::builder(CandidateKind::Host, Transport::Udp, address)
        .component(ComponentId::RTP)
        .priority(Priority::new(TypePreference::HOST, 65_535 - u16::try_from(n).unwrap(), ComponentId::RTP))
        .foundation(n.into())
        .build()
        .unwrap()
}

/// Good checks from so many ports, each one another check; says how many of them were answered.
fn flood(wire: &mut Wire, host: usize, ports: std::ops::Range<u16>, nominating: bool) -> usize {
    let [ours, theirs] = [host, 1 - host].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let (now, (socket, _)) = (wire.now, wire.hosts[host].socket());
    let controlling = wire.hosts[host].session.role() == floe_core::Role::Controlled;
    let mut answers = 0;
    for port in ports {
        let mut id = [7; 12];
        id[..2].copy_from_slice(&port.to_be_bytes());
        let check = Check { controlling, id, use_candidate: nominating, ..Check::of(&theirs, &ours) }.write();
        // From eight hosts, since no single one is given all the room.
        let from = SocketAddr::new([203, 0, 113, 60 + u8::try_from(port % 8).unwrap()].into(), port);
        let _ = wire.hosts[host].session.handle_datagram(now, socket, from, &check);
        while let Some(output) = wire.hosts[host].session.poll_output() {
            match output {
                // A check may go there, too, if it is the turn of one.
                Output::Send { to, data, .. } if to == from => answers += usize::from(!is_request(&data)),
                other => wire.carry_out(host, other),
            }
        }
    }
    answers
}

fn is_request(datagram: &[u8]) -> bool {
    Message::parse(datagram).unwrap().class() == Class::Request
}

// proves: sec-prflx-a
#[test]
fn four_thousand_ports_with_good_credentials_neither_fill_memory_nor_move_the_selected_pair() {
    for (host, nominating) in [(A, false), (B, false), (B, true)] {
        let mut wire = Wire::pair().delay(ms(10));
        wire.begin();
        wire.run_until_completed();
        let (route, selected) =
            (wire.hosts[host].session.route(STREAM, RTP), wire.hosts[host].session.selected(STREAM, RTP));
        let answers = flood(&mut wire, host, 1_000..5_000, nominating);
        assert_eq!(answers, 4_000, "over the cap checks are answered, with success or an error");
        let stats = wire.hosts[host].session.stats();
        assert_eq!(stats.pairs.len(), 33, "one that works and 32 that were learnt");
        assert_eq!(stats.checks.peer_reflexive_over_cap, 4_000 - 32);
        assert_eq!(wire.hosts[host].count(|event| matches!(event, Event::PeerReflexive { .. })), 32);
        // Nothing grows by the same again.
        let size = wire.hosts[host].session.snapshot().to_string().len();
        flood(&mut wire, host, 5_000..9_000, nominating);
        assert_eq!(wire.hosts[host].session.snapshot().to_string().len(), size);
        wire.run_for(Duration::from_secs(60));
        assert_eq!(wire.hosts[host].session.route(STREAM, RTP), route);
        assert_eq!(wire.hosts[host].session.selected(STREAM, RTP), selected);
        assert_eq!(wire.hosts.each_ref().map(|host| host.session.state()), [IceState::Completed; 2]);
        let data = Disposition::Data { stream: STREAM, component: RTP };
        assert_eq!([A, B].map(|host| wire.send_data(host, RTP, b"data")), [Some(data); 2]);
    }
}

#[test]
fn a_flood_while_checks_are_under_way_does_not_keep_the_good_pair_from_being_selected() {
    for host in [A, B] {
        let mut wire = Wire::pair().delay(ms(100));
        wire.begin();
        wire.run_for(ms(60));
        flood(&mut wire, host, 1_000..5_000, false);
        wire.run_for(Duration::from_secs(30));
        assert_eq!(wire.hosts.each_ref().map(|host| host.session.state()), [IceState::Completed; 2]);
        let to = wire.hosts[host].session.route(STREAM, RTP).unwrap().to;
        assert_eq!(to, wire.hosts[1 - host].socket().1);
    }
}

#[test]
fn ten_thousand_trickled_candidates_are_capped_and_the_one_that_works_is_found() {
    // The flood comes first, then the true candidate of the peer as its checks tell of it.
    let mut wire = Wire::pair().delay(ms(10));
    wire.hosts[B].trickles = false;
    wire.begin();
    let now = wire.now;
    let mut refused = 0;
    for n in 0..10_000 {
        match wire.a().add_remote(now, STREAM, signalled(n)) {
            Ok(added) => assert_eq!(added, AddedRemote::New),
            Err(why) => {
                assert_eq!(why, AddRemoteError::Refused(floe_check::AddRemoteError::TooMany(100)));
                refused += 1;
            }
        }
    }
    let stats = wire.a().stats();
    assert_eq!((refused, stats.refused.values().sum::<u64>()), (9_900, 9_900));
    assert!(stats.pairs.len() <= MOST_PAIRS, "{}", stats.pairs.len());
    wire.run_until_completed();
    assert_eq!(wire.a().route(STREAM, RTP).unwrap().to, wire.hosts[B].socket().1);
    assert!(wire.a().stats().pairs.len() <= MOST_PAIRS);
}

#[test]
fn ten_thousand_candidates_before_the_description_are_capped_as_well() {
    let mut wire = Wire::pair();
    wire.hosts[B].trickles = false;
    wire.gather();
    wire.settle();
    let now = wire.now;
    let made: Vec<_> = (0..10_000).map(|n| wire.a().add_remote(now, STREAM, signalled(n))).collect();
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 100);
    assert_eq!(
        made[100..].iter().filter(|made| **made == Err(AddRemoteError::TooManyEarly(100))).count(),
        9_900
    );
    assert_eq!(wire.a().stats().refused.values().sum::<u64>(), 9_900);
    assert!(wire.a().stats().refused.contains_key(&Refusal::TooMany));
    wire.describe_to(A);
    wire.describe_to(B);
    wire.run_until_completed();
    assert!(wire.a().stats().pairs.len() <= MOST_PAIRS);
}

#[test]
fn early_checks_from_four_thousand_ports_are_answered_and_few_are_remembered() {
    let mut wire = Wire::pair().delay(ms(10));
    wire.gather();
    wire.settle();
    assert_eq!(flood(&mut wire, B, 1_000..5_000, false), 4_000);
    let stats = wire.b().stats();
    assert_eq!((stats.pairs.len(), stats.checks.early_over_cap), (0, 4_000 - 64));
    wire.describe_to(B);
    wire.settle();
    assert_eq!(wire.hosts[B].count(|event| matches!(event, Event::PeerReflexive { .. })), 32);
    wire.describe_to(A);
    wire.run_until_completed();
    assert_eq!(wire.b().route(STREAM, RTP).unwrap().to, wire.hosts[A].socket().1);
}

#[test]
fn strangers_draw_twenty_errors_at_once_and_ten_a_second() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let forged = Check { pwd: "not+the+password+at+all".into(), ..Check::of(&theirs, &ours) }.write();
    let drawn = |wire: &mut Wire| {
        let (now, (socket, _)) = (wire.now, wire.hosts[A].socket());
        let mut errors = 0;
        for port in 1_000..2_000 {
            let from = SocketAddr::new([203, 0, 113, 66].into(), port);
            let _ = wire.a().handle_datagram(now, socket, from, &forged);
            errors += std::iter::from_fn(|| wire.a().poll_output()).count();
        }
        errors
    };
    assert_eq!(drawn(&mut wire), 20);
    wire.run_for(ms(1_000));
    assert_eq!(drawn(&mut wire), 10);
    assert_eq!(wire.a().stats().checks.errors_withheld, 2_000 - 30);
    // The peer's checks are answered all the same.
    assert_eq!(flood(&mut wire, A, 3_000..3_010, false), 10);
}
