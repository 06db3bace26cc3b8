//! Many sessions of one process, and one pace for all of them (RFC 8445 14.2).

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use floe_core::{Role, StreamId};
use floe_session::{IceState, RemoteDescription, Session, SessionConfig, SharedPace};
use floe_sim::{Host, HostId, Link, SessionNode, Simulation};

use crate::{wire::first_requests, world::ms};

const STREAM: StreamId = StreamId(0);

/// So many calls that begin at once, each of an agent of this process and one elsewhere. The hosts of the agents.
fn calls(
    count: u8,
    remotes: u16,
    pace: &SharedPace,
    start: Instant,
) -> (Simulation<SessionNode>, Vec<[HostId; 2]>) {
    let mut simulation = Simulation::new(start, 1);
    simulation.network_mut().set_default_link(Link::new(ms(20)));
    let mut ends = Vec::new();
    for n in 0..count {
        let mut add = |net: u8, role, config: SessionConfig| {
            let host = Host::new().address(IpAddr::from([10, net, 0, n + 1]));
            let interfaces = host.interfaces().to_vec();
            let id = simulation.add(host, SessionNode::new(Session::new(config.role(role)))).unwrap();
            simulation.node_mut(id).unwrap().gather(start, &interfaces);
            id
        };
        let ours = SessionConfig::new([n; 32]).shared_pace(pace.clone());
        ends.push([
            add(1, Role::Controlling, ours),
            add(2, Role::Controlled, SessionConfig::new([100 + n; 32])),
        ]);
    }
    simulation.next_step().unwrap();
    for &[ours, theirs] in &ends {
        for (from, to) in [(theirs, ours), (ours, theirs)] {
            let local = simulation.node(from).unwrap().session().local(STREAM).unwrap();
            let signals = simulation.node_mut(from).unwrap().take_signals();
            let node = simulation.node_mut(to).unwrap();
            node.drive(start, |session| session.set_remote(start, STREAM, RemoteDescription::from(&local)))
                .unwrap();
            // Addresses that never answer come first, so that there is much to check.
            for port in (0..remotes).filter(|_| to == ours) {
                let text =
                    format!("candidate:x{port} 1 udp 2130706431 203.0.113.1 {} typ host", 9_000 + port);
                node.drive(start, |session| session.add_remote(start, STREAM, text.parse().unwrap()))
                    .unwrap();
            }
            for signal in signals {
                let _ = node.handle_signal(start, signal);
            }
        }
    }
    (simulation, ends)
}

/// When each of these hosts started a transaction.
fn starts(simulation: &Simulation<SessionNode>, hosts: &[HostId]) -> BTreeMap<HostId, Vec<Instant>> {
    let mut starts = BTreeMap::<_, Vec<_>>::new();
    for (host, at) in first_requests(simulation.network()).filter(|(host, _)| hosts.contains(host)) {
        starts.entry(host).or_default().push(at);
    }
    starts
}

#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn epoch() -> Instant {
    Instant::now()
}

// proves: 8445-14.2-b
#[test]
fn twenty_sessions_that_begin_at_once_start_one_transaction_in_5_ms_together() {
    let start = epoch();
    let (mut simulation, ends) = calls(20, 30, &SharedPace::new(start), start);
    let ours: Vec<_> = ends.iter().map(|ends| ends[0]).collect();
    simulation.run_until(start + ms(3_000)).unwrap();
    let by_host = starts(&simulation, &ours);
    let mut all: Vec<_> = by_host.values().flatten().copied().collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|two| two[1] - two[0] >= ms(5)));
    // Twenty that want one in 50 ms have twice as much as goes: no slot is lost, and each session has every twentieth.
    let busy: Vec<_> = all.iter().filter(|at| **at - start < ms(2_000)).collect();
    assert_eq!(busy.len(), 400);
    for (host, times) in &by_host {
        assert!(times[0] - start < ms(100), "{host}");
        let gaps = times.windows(2).map(|two| two[1] - two[0]);
        assert!(gaps.clone().all(|gap| gap >= ms(50)), "{host}: its own pace");
        assert!(gaps.take(15).all(|gap| gap == ms(100)), "{host}: {times:?}");
    }
    assert_eq!(by_host.len(), 20);
}

#[test]
fn all_of_fifty_sessions_complete_though_they_share_a_pace() {
    let start = epoch();
    let (mut simulation, ends) = calls(50, 0, &SharedPace::new(start), start);
    simulation.run_until(start + Duration::from_secs(2)).unwrap();
    for host in ends.into_iter().flatten() {
        assert_eq!(simulation.node(host).unwrap().session().state(), IceState::Completed, "{host}");
    }
}

#[test]
fn a_session_that_is_closed_or_dropped_while_it_waits_holds_nobody_up() {
    let start = epoch();
    let pace = SharedPace::new(start);
    let (mut simulation, ends) = calls(20, 30, &pace, start);
    simulation.run_until(start + ms(20)).unwrap();
    for (n, &[ours, _]) in ends.iter().enumerate().take(19) {
        let now = simulation.now();
        if n % 2 == 0 {
            simulation.node_mut(ours).unwrap().drive(now, |session| session.close(now));
        } else {
            let gone = Session::new(SessionConfig::new([7; 32]));
            simulation.place(ours, SessionNode::new(gone));
        }
    }
    simulation.run_until(start + ms(500)).unwrap();
    assert_eq!(format!("{pace:?}"), "SharedPace { waiting: 0, .. }");
    let last = ends[19][0];
    let times = &starts(&simulation, &[last])[&last];
    // Its turn was at 95 ms already; what follows is at its own pace.
    let expected: Vec<_> = (0..9).map(|n| start + ms(95) + n * ms(50)).collect();
    assert_eq!(*times, expected);
}
