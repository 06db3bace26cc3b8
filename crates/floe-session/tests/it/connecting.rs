//! From two descriptions to a selected pair.

use std::time::Duration;

use floe_core::{PairId, Role, StreamId};
use floe_session::{Event, IceState, Nomination, RemoteDescription, SessionConfig, StreamConfig};

use crate::wire::{A, B, Host, RTCP, RTP, STREAM, Wire, controlled, controlling, ms};

fn selected_at(host: &Host) -> Duration {
    host.when(|event| matches!(event, Event::Selected { .. })).expect("something selected")
}

fn selected_pair(host: &Host) -> (String, String) {
    let selected = host.events.iter().find_map(|(_, event)| match event {
        Event::Selected { local, remote, .. } => Some((local.to_string(), remote.to_string())),
        _ => None,
    });
    selected.expect("something selected")
}

#[test]
fn on_a_network_without_delay_both_sides_select_one_ta_after_the_descriptions() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    // The first check goes out and is answered at once; the one that nominates has the next slot.
    assert_eq!(selected_at(&wire.hosts[A]), ms(50));
    assert_eq!(selected_at(&wire.hosts[B]), ms(50));
    for host in &wire.hosts {
        assert_eq!(host.states(), [IceState::Checking, IceState::Connected, IceState::Completed]);
        assert_eq!(host.when_in(IceState::Connected), Some(Duration::ZERO));
    }
}

#[test]
fn on_a_round_trip_of_50_ms_data_can_flow_after_one_and_both_select_within_two_and_a_ta() {
    let mut wire = Wire::pair().delay(ms(25));
    wire.begin();
    wire.run_until_completed();
    for host in &wire.hosts {
        assert_eq!(host.when_in(IceState::Connected), Some(ms(50)));
    }
    // The worst case: the slot comes a moment before the answer, and the triggered check takes it.
    assert_eq!(wire.hosts.each_ref().map(selected_at), [ms(150), ms(125)]);
}

#[test]
fn whatever_the_round_trip_both_select_within_two_of_them_and_a_ta() {
    for delay in (0..300).map(ms) {
        let mut wire = Wire::pair().delay(delay);
        wire.begin();
        wire.run_until_completed();
        let round_trip = delay * 2;
        for host in &wire.hosts {
            assert_eq!(host.when_in(IceState::Connected), Some(round_trip));
            assert!(
                selected_at(host) <= round_trip * 2 + ms(50),
                "{:?} on {round_trip:?}",
                selected_at(host)
            );
        }
    }
}

#[test]
fn both_sides_select_the_same_path_and_say_how_long_it_took() {
    let mut wire = Wire::pair().delay(ms(10));
    wire.run_for(ms(300));
    wire.begin();
    wire.run_until_completed();
    let [(local, remote), (theirs, ours)] = wire.hosts.each_ref().map(selected_pair);
    let address = |candidate: &str| candidate.split(' ').nth(4).map(str::to_owned);
    assert_eq!(address(&local), address(&ours));
    assert_eq!(address(&remote), address(&theirs));
    for host in &wire.hosts {
        let (at, elapsed, rtt) = host
            .events
            .iter()
            .find_map(|(at, event)| match event {
                Event::Selected { elapsed, rtt, .. } => Some((*at, *elapsed, *rtt)),
                _ => None,
            })
            .unwrap();
        assert_eq!((elapsed, rtt), (at - ms(300), Some(ms(20))));
    }
}

#[test]
fn four_addresses_on_each_side_connect_on_the_best_pair() {
    let four = |n: u8| (1..5).map(|host| format!("10.{n}.0.{host}")).collect::<Vec<_>>();
    let (a, b) = (four(1), four(2));
    let refs = |all: &[String]| -> Vec<String> { all.to_vec() };
    for nomination in [Nomination::Eager, Nomination::Regular, Nomination::Aggressive] {
        let mut wire = Wire::new(controlling().nomination(nomination), controlled()).delay(ms(5));
        let (a, b) = (refs(&a), refs(&b));
        wire = wire.addresses(A, &a.iter().map(String::as_str).collect::<Vec<_>>());
        wire = wire.addresses(B, &b.iter().map(String::as_str).collect::<Vec<_>>());
        wire.begin();
        wire.run_until_completed();
        wire.run_for(Duration::from_secs(10));
        let ends = |host: usize| {
            let route = wire.hosts[host].session.route(STREAM, RTP).unwrap();
            (wire.hosts[host].sockets[&route.socket], route.to)
        };
        let ((from, to), (theirs, ours)) = (ends(A), ends(B));
        assert_eq!((from, to), (ours, theirs), "{nomination:?}");
        // RFC 8421: the first address of each side is its best.
        assert_eq!((from.ip(), to.ip()), (a[0].parse().unwrap(), b[0].parse().unwrap()), "{nomination:?}");
    }
}

// proves: 8445-8.1.2-b
#[test]
fn streams_are_completed_with_all_their_components_and_the_session_with_all_its_streams() {
    let streams = || vec![StreamConfig { components: 2 }, StreamConfig { components: 1 }];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    wire.begin();
    wire.run_until_completed();
    for host in &wire.hosts {
        let selected = |of: StreamId, component| {
            host.when(|event| matches!(event, Event::Selected { stream, component: c, .. } if *stream == of && *c == component)).unwrap()
        };
        let completed =
            |of: StreamId| host.when(|event| *event == Event::StreamCompleted { stream: of }).unwrap();
        assert_eq!(completed(STREAM), selected(STREAM, RTP).max(selected(STREAM, RTCP)));
        assert_ne!(selected(STREAM, RTP), selected(STREAM, RTCP), "else it shows nothing");
        assert_eq!(completed(StreamId(1)), selected(StreamId(1), RTP));
        assert_ne!(completed(STREAM), completed(StreamId(1)), "else it shows nothing");
        let last = completed(STREAM).max(completed(StreamId(1)));
        assert_eq!(host.when_in(IceState::Completed), Some(last));
        assert!(host.session.selected(STREAM, RTCP).is_some());
    }
}

#[test]
fn two_of_one_role_settle_it() {
    for role in [Role::Controlling, Role::Controlled] {
        for (a, b) in [(1, 2), (2, 1), (3, 4), (5, 6), (7, 8)] {
            let session = |seed| SessionConfig::new([seed; 32]).role(role);
            let mut wire = Wire::new(session(a), session(b)).delay(ms(10));
            wire.begin();
            wire.run_until_completed();
            let roles = wire.hosts.each_ref().map(|host| host.session.role());
            assert_eq!(roles[A].opposite(), roles[B], "seeds {a}, {b}");
            let changes = |host: &Host| host.count(|event| matches!(event, Event::Role(_)));
            assert_eq!(changes(&wire.hosts[A]) + changes(&wire.hosts[B]), 1, "seeds {a}, {b}");
        }
    }
}

#[test]
fn facing_a_lite_agent_this_side_controls() {
    let mut wire = Wire::new(SessionConfig::new([3; 32]).role(Role::Controlled), controlled());
    let lite = wire.hosts[B].parameters(STREAM);
    let now = wire.now;
    wire.a().set_remote(now, STREAM, RemoteDescription::new(lite.credentials).lite(true)).unwrap();
    wire.settle();
    assert_eq!(wire.a().role(), Role::Controlling);
    assert_eq!(wire.hosts[A].count(|event| *event == Event::Role(Role::Controlling)), 1);
}

#[test]
fn checks_and_valid_pairs_are_told_with_their_candidates() {
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let mut pairs = Vec::new();
    for (_, event) in &wire.hosts[A].events {
        if let Event::Checking { pair, local, remote, .. } | Event::Valid { pair, local, remote, .. } = event
        {
            pairs.push(*pair);
            assert_eq!(local, &wire.hosts[A].candidates()[0]);
            assert_eq!(remote.socket_addr(), wire.hosts[B].candidates()[0].socket_addr());
        }
    }
    // Checked, valid, checked again to nominate it, answered again.
    assert_eq!(pairs, [PairId(0); 4]);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut wire = Wire::pair().delay(ms(7)).addresses(A, &["192.0.2.1", "192.0.2.3"]);
        wire.begin();
        wire.run_until_completed();
        wire.run_for(Duration::from_secs(60));
        wire.log.iter().map(|sent| (sent.at, sent.from, sent.to, sent.data.clone())).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

// proves: 8445-10-a
#[test]
fn what_is_signalled_announces_ice2_trickle_and_renomination_for_every_stream() {
    let streams = vec![StreamConfig::default(); 3];
    let session = floe_session::Session::new(controlling().streams(streams).ta(ms(30)));
    for stream in (0..3).map(StreamId) {
        let local = session.local(stream).unwrap();
        assert_eq!(local.options.to_string(), "ice2 trickle renomination");
        assert_eq!(local.pacing.unwrap().to_string(), "30");
    }
    let options = |config| floe_session::Session::new(config).local(STREAM).unwrap().options.to_string();
    assert_eq!(options(controlling().renomination(false)), "ice2 trickle");
    // draft-thatcher-ice-renomination 3: the one rules out the other.
    assert_eq!(options(controlling().nomination(Nomination::Aggressive)), "trickle");
}

#[test]
fn another_seed_gives_other_secrets() {
    let credentials =
        |seed| floe_session::Session::new(SessionConfig::new([seed; 32])).local(STREAM).unwrap();
    let (one, two) = (credentials(1).credentials, credentials(2).credentials);
    assert!(one.ufrag() != two.ufrag() && one.pwd() != two.pwd());
    let streams = vec![StreamConfig::default(); 2];
    let session = floe_session::Session::new(SessionConfig::new([1; 32]).streams(streams));
    let [first, second] = [0, 1].map(|id| session.local(StreamId(id)).unwrap().credentials);
    assert!(first.ufrag() != second.ufrag() && first.pwd() != second.pwd());
    assert!(session.local(StreamId(2)).is_none());
}
