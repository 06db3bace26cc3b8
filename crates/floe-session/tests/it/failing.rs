//! When nothing comes of it (RFC 8445 8.1.2, RFC 8863).

use std::time::Duration;

use floe_core::StreamId;
use floe_session::{Event, IceState, ListFailReason, Reason, StreamConfig};

use crate::{
    stun::Check,
    wire::{A, B, RTP, STREAM, Wire, controlled, controlling, ms},
};

const PATIENCE: Duration = ms(39_500);

#[test]
fn when_all_pairs_fail_the_session_fails_as_patience_ends_and_says_why() {
    let mut wire = Wire::pair();
    wire.passes = Box::new(|_| false);
    wire.run_for(ms(500));
    wire.begin();
    wire.run_for(Duration::from_secs(100));
    for host in &wire.hosts {
        assert_eq!(host.states(), [IceState::Checking, IceState::Failed]);
        let failed = host.when(|event| matches!(event, Event::PairFailed { .. })).unwrap();
        // The only check is sent seven times and given up after 39.5 s: that is where the patience comes from.
        assert_eq!(failed, ms(500) + PATIENCE);
        assert_eq!(host.when_in(IceState::Failed), Some(ms(500) + PATIENCE));
        let reason = host.session.reason().unwrap();
        assert_eq!(reason.to_string(), "all 1 pairs failed, the last one because of: no answer (stream s0)");
    }
}

// proves: 8863-4-a, 8863-4-b
#[test]
fn pairs_that_fail_early_fail_the_session_only_as_patience_ends_and_then_at_once() {
    let mut wire = Wire::pair();
    wire.passes = Box::new(|_| false);
    wire.gather();
    wire.run_for(Duration::from_secs(1));
    wire.describe_to(A);
    wire.run_for(Duration::from_secs(5));
    let (socket, _) = wire.hosts[A].socket();
    let now = wire.now;
    wire.a().end_of_remote(now, STREAM, None).unwrap();
    wire.a().handle_socket_closed(now, socket, "gone");
    wire.hosts[A].sockets.clear();
    wire.run_for(Duration::from_secs(100));
    let failed = |event: &Event| matches!(event, Event::PairFailed { .. });
    assert_eq!(wire.hosts[A].when(failed), Some(Duration::from_secs(6)));
    // Patience began with the description, not with the candidates.
    assert_eq!(wire.hosts[A].when_in(IceState::Failed), Some(Duration::from_secs(1) + PATIENCE));
    assert_eq!(wire.hosts[A].states(), [IceState::Checking, IceState::Failed]);

    // From then on nothing holds a failure back: a check revives the list, and when it is lost the list fails.
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let mut wire = Wire::pair();
    wire.passes = Box::new(|_| false);
    wire.gather();
    wire.describe_to(A);
    wire.run_for(Duration::from_secs(100));
    let check = Check { controlling: false, ..Check::of(&theirs, &ours) }.write();
    let (now, (socket, _), (_, from)) = (wire.now, wire.hosts[A].socket(), wire.hosts[B].socket());
    let _ = wire.a().handle_datagram(now, socket, from, &check);
    wire.settle();
    assert_eq!(wire.a().state(), IceState::Checking);
    let now = wire.now;
    wire.a().handle_socket_closed(now, socket, "gone");
    wire.hosts[A].sockets.clear();
    wire.settle();
    assert_eq!(wire.a().state(), IceState::Failed);
}

// proves: 8863-5-a
#[test]
fn without_a_candidate_and_after_the_end_of_them_patience_still_holds() {
    let mut wire = Wire::pair();
    wire.hosts[B].trickles = false;
    // B cannot reach A yet.
    wire.passes = Box::new(|_| false);
    wire.begin();
    let now = wire.now;
    wire.a().end_of_remote(now, STREAM, None).unwrap();
    wire.run_for(Duration::from_secs(30));
    assert_eq!(wire.a().state(), IceState::Checking);
    // A check of the peer, from an address nobody has heard of.
    let [ours, theirs] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let mut check = Check::of(&theirs, &ours);
    check.controlling = false;
    let (now, (socket, _)) = (wire.now, wire.hosts[A].socket());
    let from = wire.hosts[B].socket().1;
    wire.passes = Box::new(|_| true);
    let _ = wire.a().handle_datagram(now, socket, from, &check.write());
    wire.run_for(ms(100));
    assert_eq!(wire.a().state(), IceState::Completed);
}

#[test]
fn with_nothing_to_check_the_session_fails_as_patience_ends() {
    let mut wire = Wire::pair();
    wire.hosts[B].trickles = false;
    wire.gather();
    wire.describe_to(A);
    wire.run_for(Duration::from_secs(100));
    assert_eq!(wire.hosts[A].when_in(IceState::Failed), Some(PATIENCE));
    let reason = Reason::ListFailed { stream: STREAM, why: ListFailReason::NoPairs(PATIENCE) };
    assert_eq!(wire.a().reason(), Some(&reason));
}

// proves: 8445-8.1.2-d
#[test]
fn the_session_fails_with_its_last_stream_and_goes_on_while_there_is_another() {
    let streams = || vec![StreamConfig::default(); 2];
    for (dead, expected) in [(vec![5000], IceState::Completed), (vec![5000, 5001], IceState::Failed)] {
        let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
        let ports = dead.clone();
        wire.passes = Box::new(move |sent| !ports.contains(&sent.to.port()));
        wire.begin();
        wire.run_for(Duration::from_secs(39));
        assert_eq!(wire.a().state(), IceState::Checking, "nothing has failed, and not all is there");
        wire.run_for(Duration::from_secs(60));
        for host in &wire.hosts {
            let failed =
                |of| host.count(|event| matches!(event, Event::StreamFailed { stream, .. } if *stream == of));
            assert_eq!(failed(STREAM), 1);
            assert_eq!(failed(StreamId(1)), dead.len() - 1);
            assert_eq!(host.session.state(), expected);
            assert_eq!(host.session.route(STREAM, RTP), None);
            assert_eq!(host.session.route(StreamId(1), RTP).is_some(), expected == IceState::Completed);
        }
    }
}

#[test]
fn a_failed_session_comes_back_when_the_peer_sends_a_check() {
    let mut wire = Wire::pair();
    wire.passes = Box::new(|sent| sent.host == B);
    wire.hosts[B].trickles = false;
    wire.gather();
    wire.describe_to(A);
    wire.run_for(Duration::from_secs(50));
    assert_eq!(wire.a().state(), IceState::Failed);
    wire.passes = Box::new(|_| true);
    wire.describe_to(B);
    wire.run_for(Duration::from_secs(1));
    assert_eq!(wire.hosts[A].count(|event| *event == Event::StreamResumed { stream: STREAM }), 1);
    let states = wire.hosts[A].states();
    use IceState::{Checking, Completed, Connected, Failed};
    assert_eq!(states, [Checking, Failed, Checking, Connected, Completed]);
}

#[test]
fn a_socket_that_cannot_be_bound_holds_up_nothing() {
    let mut wire = Wire::pair().addresses(A, &["192.0.2.1", "192.0.2.3"]);
    wire.hosts[A].binds = false;
    wire.begin();
    let (bad, good) = (wire.hosts[A].asked[0], wire.hosts[A].asked[1]);
    let now = wire.now;
    wire.a().handle_bound(now, bad.0, Err("no such address".into()));
    wire.bind(A, good);
    wire.run_until_completed();
    let refused = |event: &Event| match event {
        Event::GatherRefused { why, .. } => Some(why.to_string()),
        _ => None,
    };
    let why: Vec<_> = wire.hosts[A].events.iter().filter_map(|(_, event)| refused(event)).collect();
    assert_eq!(why, ["no socket for component 1 of s0: no such address"]);
}
