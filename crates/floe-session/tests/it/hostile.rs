//! What strangers send changes nothing.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use floe_check::DropReason as CheckDrop;
use floe_core::Role;
use floe_session::{Disposition, DropReason, Event, IceState, Output, Session};
use floe_stun::Class;
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha20Rng};

use crate::{
    stun::{Check, answer},
    wire::{A, B, RTP, STREAM, Wire, controlled, controlling, ms},
};

/// All that can be seen of a session but its counts of what was dropped.
fn seen(session: &Session) -> String {
    let stats = session.stats();
    let mut text = format!("{:?} {:?} {:?}\n", stats.state, stats.role, stats.ta);
    let _ = writeln!(text, "{:?} {:?}", session.reason(), session.poll_timeout());
    let _ = writeln!(text, "{:?}", stats.components);
    for pair in stats.pairs {
        let _ = writeln!(text, "{pair:?}");
    }
    let _ = writeln!(text, "{:?}", session.local(STREAM));
    text
}

/// The stages of a session at which it is attacked.
fn stages() -> Vec<(&'static str, Wire)> {
    let early = {
        let mut wire = Wire::pair();
        wire.gather();
        wire.settle();
        wire
    };
    let checking = {
        let mut wire = Wire::pair().addresses(B, &["192.0.2.2", "198.51.100.2"]);
        wire.passes = Box::new(|_| false);
        wire.begin();
        wire.run_for(ms(60));
        wire
    };
    let completed = |a, b| {
        let mut wire = Wire::new(a, b).addresses(B, &["192.0.2.2", "198.51.100.2"]);
        wire.begin();
        wire.run_until_completed();
        wire
    };
    let controlling_side = completed(controlling(), controlled());
    // A is attacked: here it is the controlled side.
    let controlled_side = completed(controlled().role(Role::Controlled), controlling());
    vec![
        ("before the description", early),
        ("while checking", checking),
        ("controlling, completed", controlling_side),
        ("controlled, completed", controlled_side),
    ]
}

/// Datagrams by which somebody without the password might want to do harm.
fn attacks(wire: &Wire) -> Vec<(String, Vec<u8>)> {
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let good = Check::of(&theirs, &ours);
    let wrong = Check { pwd: "not+the+password+at+all".into(), ..good.clone() };
    let mut all = vec![
        (
            "a check for a stranger".to_owned(),
            Check { username: "nobody:here".into(), ..good.clone() }.write(),
        ),
        (
            "a check without a colon".to_owned(),
            Check { username: ours.ufrag().into(), ..good.clone() }.write(),
        ),
    ];
    for controlling in [true, false] {
        for tie_breaker in [0, u64::MAX] {
            for use_candidate in [true, false] {
                let forged = Check { controlling, tie_breaker, use_candidate, ..wrong.clone() };
                all.push((format!("{forged:?}"), forged.write()));
            }
        }
    }
    let mut cut = good.write();
    cut.truncate(cut.len() - 8);
    all.push(("a good check without its fingerprint".to_owned(), cut));
    for sent in wire.log.iter().filter(|sent| sent.host == A && sent.request().is_some()) {
        for class in [Class::Success, Class::Error] {
            all.push((
                format!("a forged {class:?}"),
                answer(&sent.data, Some("not+the+password+at+all"), class),
            ));
            all.push((format!("an unsigned {class:?}"), answer(&sent.data, None, class)));
        }
    }
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    for length in 0..200 {
        let mut junk: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        all.push((format!("junk of {length}"), junk.clone()));
        if length >= 20 {
            junk[..8].copy_from_slice(&[0, 1, 0, u8::try_from(length - 20).unwrap(), 0x21, 0x12, 0xa4, 0x42]);
            all.push((format!("framed junk of {length}"), junk));
        }
    }
    all
}

// proves: sec-forge-b, sec-487-a
#[test]
fn no_unauthenticated_datagram_changes_anything_at_any_stage() {
    for (stage, mut wire) in stages() {
        let attacks = attacks(&wire);
        let sources: Vec<SocketAddr> = vec![
            "203.0.113.66:6666".parse().unwrap(),
            wire.hosts[B].sockets.values().next().copied().unwrap(),
        ];
        let sockets: Vec<_> = wire.hosts[A].sockets.keys().copied().collect();
        let before = seen(&wire.hosts[A].session);
        let now = wire.now;
        let mut answers = 0;
        for (name, datagram) in &attacks {
            for &from in &sources {
                for &socket in &sockets {
                    let session = wire.a();
                    let made = session.handle_datagram(now, socket, from, datagram);
                    assert_ne!(made, Disposition::Consumed, "{name} from {from}, {stage}");
                    assert_eq!(seen(session), before, "{name} from {from}, {stage}");
                    while let Some(output) = session.poll_output() {
                        // At most an error, and few of those.
                        let Output::Send { to, data, .. } = output else {
                            panic!("{output:?} by {name}, {stage}")
                        };
                        assert!(to == from && data.len() <= datagram.len().max(100), "{name}, {stage}");
                        answers += 1;
                    }
                }
            }
        }
        assert!(answers <= 20, "{answers} answers to strangers, {stage}");
    }
}

#[test]
fn after_all_attacks_the_session_goes_on_as_if_nothing_had_been() {
    let run = |attacked: bool| {
        let mut wire = Wire::pair().delay(ms(10));
        wire.begin();
        for _ in 0..20 {
            if attacked {
                let (now, (socket, _)) = (wire.now, wire.hosts[A].socket());
                for (_, datagram) in attacks(&wire) {
                    let from = "203.0.113.66:6666".parse().unwrap();
                    let _ = wire.a().handle_datagram(now, socket, from, &datagram);
                    while let Some(output) = wire.a().poll_output() {
                        let stranger = matches!(&output, Output::Send { to, .. } if *to == from);
                        if !stranger {
                            wire.carry_out(A, output);
                        }
                    }
                }
            }
            wire.run_for(ms(10));
        }
        let log = wire.log.iter().map(|sent| (sent.at, sent.from, sent.to, sent.data.clone()));
        (log.collect::<Vec<_>>(), wire.hosts.each_ref().map(|host| host.events.clone()))
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn every_drop_is_counted_by_its_reason() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let good = Check::of(&theirs, &ours);
    let (now, (socket, _), from) = (wire.now, wire.hosts[A].socket(), "203.0.113.66:6666".parse().unwrap());
    let forged = Check { pwd: "not+the+password+at+all".into(), ..good.clone() }.write();
    let stranger = Check { username: "nobody:here".into(), ..good.clone() }.write();
    let unknown = answer(&good.write(), Some("whatever+it+may+be+here"), Class::Success);
    let mut malformed = good.write();
    malformed.pop();
    let cases = [
        (forged, DropReason::Check(CheckDrop::Integrity)),
        (stranger, DropReason::Check(CheckDrop::Username)),
        (unknown, DropReason::Check(CheckDrop::UnknownTransaction)),
        (malformed, DropReason::Check(CheckDrop::Malformed)),
        (b"data".to_vec(), DropReason::Stranger),
    ];
    for (datagram, why) in &cases {
        let made = wire.a().handle_datagram(now, socket, from, datagram);
        assert_eq!(made, Disposition::Dropped(*why));
    }
    let elsewhere = wire.a().handle_datagram(now, floe_session::SocketId(77), from, b"data");
    assert_eq!(elsewhere, Disposition::Dropped(DropReason::UnknownSocket));
    let mut expected: std::collections::BTreeMap<_, _> = cases.iter().map(|&(_, why)| (why, 1)).collect();
    expected.insert(DropReason::UnknownSocket, 1);
    assert_eq!(wire.a().stats().dropped, expected);
}

// proves: sec-prflx-a
#[test]
fn a_flood_of_good_checks_from_many_ports_costs_bounded_memory_and_hurts_nobody() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until(|wire| wire.hosts[A].session.route(STREAM, RTP).is_some());
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let (now, (socket, _)) = (wire.now, wire.hosts[A].socket());
    let check = Check { controlling: false, ..Check::of(&theirs, &ours) }.write();
    let mut answers = 0;
    for port in 500..=u16::MAX {
        // From eight hosts, since no single one is given all the room.
        let host = u8::try_from(60 + port % 8).unwrap();
        let from = SocketAddr::new([203, 0, 113, host].into(), port);
        let made = wire.a().handle_datagram(now, socket, from, &check);
        assert_eq!(made, Disposition::Consumed, "{port}");
        while let Some(output) = wire.a().poll_output() {
            let answer = matches!(&output, Output::Send { to, .. } if *to == from);
            answers += usize::from(answer);
            if !answer {
                wire.carry_out(A, output);
            }
        }
    }
    assert_eq!(answers, usize::from(u16::MAX - 499), "over the cap they are answered all the same");
    let learnt = |event: &Event| matches!(event, Event::PeerReflexive { .. });
    assert_eq!(wire.hosts[A].count(learnt), 32);
    let stats = wire.a().stats();
    assert_eq!((stats.pairs.len(), stats.checks.peer_reflexive_over_cap), (33, answers as u64 - 32));
    wire.run_for(Duration::from_secs(10));
    assert_eq!(wire.a().state(), IceState::Completed);
}

// proves: sec-replay-a
#[test]
fn a_replayed_check_leads_to_a_check_where_it_came_from_and_moves_no_data() {
    let mut wire = Wire::pair();
    wire.begin();
    // B is controlled and follows nominations, so these are worth replaying to it.
    wire.run_until(|wire| wire.new_requests(A).len() == 2);
    let nomination = wire.new_requests(A).remove(1);
    let route = wire.b().route(STREAM, RTP).unwrap();
    let (now, (socket, _)) = (wire.now, wire.hosts[B].socket());
    let attacker: SocketAddr = "203.0.113.66:6666".parse().unwrap();
    for _ in 0..10 {
        let _ = wire.b().handle_datagram(now, socket, attacker, &nomination.data);
        wire.run_for(ms(100));
        assert_eq!(wire.b().route(STREAM, RTP), Some(route));
    }
    wire.run_for(Duration::from_secs(60));
    assert_eq!((wire.b().route(STREAM, RTP), wire.b().state()), (Some(route), IceState::Completed));
    let checks: Vec<_> = wire.new_requests(B).into_iter().filter(|sent| sent.to == attacker).collect();
    assert_eq!(checks.len(), 0, "a copy nominates nothing, and a concluded component checks nothing else");
}
