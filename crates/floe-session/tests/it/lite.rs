//! Lite agents, on either side or on both (RFC 8445 6.1.1, 8.2, 9, 12.1.1).

use floe_core::{ComponentId, IceOptions, Role};
use floe_session::{
    Agreed, Disposition, Event, IceState, RemoteDescription, Session, SessionConfig, SetRemoteError,
    StreamConfig, Why,
};
use floe_stun::{Class, Message};

use crate::wire::{A, B, Host, RTCP, RTP, STREAM, Wire, controlled, controlling, ms};

fn lite(seed: u8) -> SessionConfig {
    SessionConfig::new([seed; 32]).lite(true)
}

fn selections(host: &Host) -> Vec<Why> {
    let why = |event: &Event| match event {
        Event::Selected { why, .. } => Some(*why),
        _ => None,
    };
    host.events.iter().filter_map(|(_, event)| why(event)).collect()
}

fn sent(wire: &Wire, host: usize) -> Vec<Class> {
    let mine = wire.log.iter().filter(|sent| sent.host == host);
    mine.map(|sent| Message::parse(&sent.data).unwrap().class()).collect()
}

fn roles(wire: &Wire) -> [Role; 2] {
    [A, B].map(|host| wire.hosts[host].session.role())
}

fn assert_data_flows(wire: &mut Wire, components: &[ComponentId]) {
    for host in [A, B] {
        for &component in components {
            let taken = wire.send_data(host, component, b"media");
            assert!(matches!(taken, Some(Disposition::Data { .. })), "{taken:?}");
        }
    }
}

#[test]
fn a_lite_agent_answers_and_nothing_else_and_the_full_one_controls() {
    for role in [Role::Controlling, Role::Controlled] {
        // Whoever has begun, and in both places.
        for (full, lite_side) in [(A, B), (B, A)] {
            let mut configs = [controlling().role(role), lite(9).role(role.opposite())];
            if full == B {
                configs.reverse();
            }
            let [a, b] = configs;
            let mut wire = Wire::new(a, b).delay(ms(25));
            wire.begin();
            wire.run_until_completed();
            wire.run_for(ms(60_000));
            let is = roles(&wire);
            assert_eq!((is[full], is[lite_side]), (Role::Controlling, Role::Controlled));
            let answers = sent(&wire, lite_side);
            assert!(
                answers.len() > 10 && answers.iter().all(|class| *class == Class::Success),
                "{answers:?}"
            );
            assert_eq!(selections(&wire.hosts[lite_side]), [Why::PeerNominated]);
            let states = wire.hosts[lite_side].states();
            assert_eq!(states, [IceState::Checking, IceState::Connected, IceState::Completed]);
            assert_data_flows(&mut wire, &[RTP]);
        }
    }
}

// proves: 8445-12.1.1-a
#[test]
fn a_lite_agent_sends_no_data_until_each_component_has_its_pair() {
    let two = vec![StreamConfig { components: 2 }];
    let mut wire = Wire::new(controlling().streams(two.clone()), lite(9).streams(two)).delay(ms(25));
    wire.begin();
    let routes = |wire: &Wire| [RTP, RTCP].map(|of| wire.hosts[B].session.route(STREAM, of).is_some());
    let selected = |wire: &Wire| [RTP, RTCP].map(|of| wire.hosts[B].session.selected(STREAM, of).is_some());
    wire.run_until(|wire| selected(wire).contains(&true));
    assert!(selected(&wire).contains(&false), "one after the other");
    assert_eq!(routes(&wire), [false; 2]);
    assert_eq!(wire.hosts[B].session.state(), IceState::Checking);
    wire.run_until(|wire| selected(wire) == [true; 2]);
    assert_eq!(routes(&wire), [true; 2]);
    wire.run_until_completed();
    assert_data_flows(&mut wire, &[RTP, RTCP]);
    let told = |component| {
        wire.hosts[B]
            .count(|event| matches!(event, Event::RouteChanged { component: of, .. } if *of == component))
    };
    assert_eq!([told(RTP), told(RTCP)], [1, 1]);
}

#[test]
fn a_restart_of_either_side_keeps_the_roles_and_the_data_of_both_components_going() {
    for by in [A, B] {
        let two = vec![StreamConfig { components: 2 }];
        let mut wire = Wire::new(controlling().streams(two.clone()), lite(9).streams(two)).delay(ms(25));
        wire.begin();
        wire.run_until_completed();
        wire.run_for(ms(5_000));
        let now = wire.now;
        wire.hosts[by].session.restart(now);
        wire.settle();
        for _ in 0..1_000 {
            assert_data_flows(&mut wire, &[RTP, RTCP]);
            wire.run_for(ms(1));
        }
        assert_eq!(roles(&wire), [Role::Controlling, Role::Controlled]);
        assert_eq!([A, B].map(|host| wire.hosts[host].session.state()), [IceState::Completed; 2]);
        assert_eq!([A, B].map(|host| selections(&wire.hosts[host]).len()), [4; 2]);
        assert!(sent(&wire, B).iter().all(|class| *class == Class::Success));
    }
}

/// In the place of B comes another agent, which restarts.
fn replace_b(wire: &mut Wire, config: SessionConfig) {
    wire.hosts[B].sockets.clear();
    wire.hosts[B].session = Session::new(config);
    wire.hosts[B].events.clear();
    wire.gather_on(B);
    wire.describe_to(A);
    wire.describe_to(B);
    wire.settle();
}

// proves: 8445-6.1.1-b
#[test]
fn a_peer_that_comes_back_lite_is_controlled_from_then_on() {
    let mut wire = Wire::new(controlled(), controlling()).delay(ms(25));
    wire.begin();
    wire.run_until_completed();
    assert_eq!(roles(&wire), [Role::Controlled, Role::Controlling]);
    // B was full and controlled A; now it is lite.
    replace_b(&mut wire, lite(9));
    assert_eq!(roles(&wire), [Role::Controlling, Role::Controlled]);
    wire.run_until_completed();
    assert_data_flows(&mut wire, &[RTP]);
    // Back to full: nothing calls for other roles.
    replace_b(&mut wire, controlled());
    wire.run_until_completed();
    assert_eq!(roles(&wire), [Role::Controlling, Role::Controlled]);
    assert_eq!(wire.hosts[A].count(|event| matches!(event, Event::Role(_))), 1);
}

// proves: 8445-6.1.1-c
#[test]
fn a_peer_that_takes_another_role_with_a_restart_is_not_refused() {
    let mut kept = [0, 0];
    for (role, seed) in [Role::Controlling, Role::Controlled].into_iter().zip([40, 90]) {
        for seed in seed..seed + 20 {
            let config = |side: u8, role| SessionConfig::new([seed + side; 32]).role(role);
            let mut wire = Wire::new(config(0, role), config(1, role.opposite())).delay(ms(25));
            wire.begin();
            wire.run_until_completed();
            // Now both are in the same one: the tie-breakers settle it.
            replace_b(&mut wire, config(100, role));
            wire.run_until_completed();
            let [a, b] = roles(&wire);
            assert_eq!(a, b.opposite(), "seed {seed}");
            kept[usize::from(a == role)] += 1;
            assert_data_flows(&mut wire, &[RTP]);
        }
    }
    assert!(kept.iter().all(|&kept| kept >= 5), "{kept:?}");
}

// proves: 8445-9-c
#[test]
fn full_and_lite_and_other_destinations_change_with_a_restart_only() {
    for before in [false, true] {
        let mut wire =
            Wire::new(controlling(), SessionConfig::new([2; 32]).role(Role::Controlled).lite(before));
        wire.begin();
        wire.run_until_completed();
        let known = RemoteDescription::from(&wire.hosts[B].parameters(STREAM));
        let (now, role) = (wire.now, wire.hosts[A].session.role());
        let events = wire.hosts[A].events.len();
        let other = known.clone().lite(!before);
        assert_eq!(wire.a().set_remote(now, STREAM, other), Err(SetRemoteError::Lite(STREAM)));
        assert_eq!(wire.a().set_remote(now, STREAM, known), Ok(()));
        let elsewhere = "9 1 udp 2130706431 203.0.113.7 7 typ host".parse().unwrap();
        assert!(wire.a().add_remote(now, STREAM, elsewhere).is_err(), "the candidates have ended");
        wire.settle();
        assert_eq!((wire.hosts[A].session.role(), wire.hosts[A].events.len()), (role, events));
    }
}

#[test]
fn a_lite_agent_announces_itself_without_a_pace_and_without_aggression() {
    let session = |config: SessionConfig| Session::new(config.ta(ms(30))).local(STREAM).unwrap();
    let (full, lite) = (session(controlling()), session(lite(9)));
    assert_eq!((full.lite, full.pacing.is_some()), (false, true));
    assert_eq!((lite.lite, lite.pacing), (true, None));
    assert!(lite.options.contains(IceOptions::ICE2) && lite.options.contains(IceOptions::TRICKLE));
    let described = RemoteDescription::from(&lite);
    assert_eq!((described.lite, described.pacing), (true, None));
}

#[test]
fn an_aggressive_peer_may_nominate_several_and_the_best_is_selected_on_both_sides() {
    let full = controlling().nomination(floe_session::Nomination::Aggressive);
    let mut wire = Wire::new(full, lite(9)).delay(ms(25)).addresses(A, &["192.0.2.1", "192.0.2.3"]);
    // The best path comes late: first the other one is nominated.
    let mut best = None;
    wire.passes = Box::new(move |sent| {
        let first = best.get_or_insert(sent.from.ip());
        sent.from.ip() != *first || sent.at > ms(200)
    });
    wire.begin();
    wire.run_until_completed();
    wire.run_for(ms(10_000));
    let ends = |host: usize| wire.hosts[host].session.route(STREAM, RTP).unwrap().to;
    let from = wire.hosts[A].session.route(STREAM, RTP).unwrap().socket;
    assert_eq!(ends(B), wire.hosts[A].sockets[&from]);
    assert!(sent(&wire, B).iter().all(|class| *class == Class::Success));
    assert_data_flows(&mut wire, &[RTP]);
}

#[test]
fn a_lite_agent_waits_for_a_nomination_without_end() {
    let mut wire = Wire::new(controlling(), lite(9));
    wire.passes = Box::new(|_| false);
    wire.begin();
    wire.run_for(ms(600_000));
    assert_eq!(wire.hosts[A].session.state(), IceState::Failed);
    assert_eq!(wire.hosts[B].session.state(), IceState::Checking);
    assert!(sent(&wire, B).is_empty());
}

// ---- both lite

fn both_lite() -> Wire {
    Wire::new(lite(8).role(Role::Controlling), lite(9).role(Role::Controlled)).delay(ms(25))
}

#[test]
fn two_lite_agents_with_one_pair_are_completed_with_the_exchange_of_candidates() {
    let mut wire = both_lite();
    wire.begin();
    wire.run_until_completed();
    assert_eq!(wire.elapsed(), ms(0), "no check, no wait");
    assert_eq!(roles(&wire), [Role::Controlling, Role::Controlled]);
    assert_data_flows(&mut wire, &[RTP]);
    for host in [A, B] {
        assert_eq!(selections(&wire.hosts[host]), [Why::AlreadyNominated]);
        assert_eq!(wire.hosts[host].count(|event| matches!(event, Event::Undecided { .. })), 0);
    }
    wire.run_for(ms(60_000));
    for host in [A, B] {
        // RFC 8445 11: keepalives, where there is nothing else.
        assert_eq!(sent(&wire, host), [Class::Indication; 4]);
    }
    // A restart goes the same way, and data goes on.
    let now = wire.now;
    wire.a().restart(now);
    wire.run_until_completed();
    assert_data_flows(&mut wire, &[RTP]);
    assert_eq!([A, B].map(|host| selections(&wire.hosts[host]).len()), [2; 2]);
}

#[test]
fn two_lite_agents_with_several_pairs_are_completed_with_the_updated_exchange() {
    let mut wire =
        both_lite().addresses(A, &["192.0.2.1", "2001:db8::1"]).addresses(B, &["192.0.2.2", "2001:db8::2"]);
    wire.begin();
    let chosen: Vec<Vec<Agreed>> = [A, B]
        .map(|host| {
            let told = wire.hosts[host].events.iter().find_map(|(_, event)| match event {
                Event::Undecided { chosen, .. } => Some(chosen.clone()),
                _ => None,
            });
            told.unwrap_or_default()
        })
        .into();
    let [agreed] = chosen[A][..] else { panic!("the controlling side chooses: {chosen:?}") };
    assert!(agreed.local.is_ipv6() && chosen[B].is_empty());
    assert_eq!([A, B].map(|host| wire.hosts[host].session.state()), [IceState::Connected; 2]);
    assert_data_flows(&mut wire, &[RTP]);
    wire.run_for(ms(60_000));
    assert_eq!([A, B].map(|host| wire.hosts[host].session.state()), [IceState::Connected; 2]);
    let now = wire.now;
    wire.b().reconcile(now, STREAM, &[agreed.mirrored()]).unwrap();
    wire.a().reconcile(now, STREAM, &[agreed]).unwrap();
    wire.settle();
    assert_eq!([A, B].map(|host| wire.hosts[host].session.state()), [IceState::Completed; 2]);
    wire.run_for(ms(10_000));
    assert_data_flows(&mut wire, &[RTP]);
    assert!([A, B].iter().all(|&host| sent(&wire, host).iter().all(|class| *class == Class::Indication)));
}
