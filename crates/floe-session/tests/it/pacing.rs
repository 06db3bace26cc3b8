//! One pace for all transactions (RFC 8445 6.1.4.2, 14.2).

use std::time::Duration;

use floe_core::{Pacing, StreamId};
use floe_session::{IceState, RemoteDescription, StreamConfig};

use crate::wire::{A, B, STREAM, Wire, controlled, controlling, ms};

/// The times of all new transactions of a host, and the stream each was for.
fn starts(wire: &Wire, host: usize) -> Vec<(Duration, StreamId)> {
    let stream_of = |username: &str| {
        let theirs = username.split(':').next().unwrap().to_owned();
        let streams =
            (0..9).map(StreamId).filter(|&stream| wire.hosts[1 - host].session.local(stream).is_some());
        streams
            .into_iter()
            .find(|&stream| wire.hosts[1 - host].parameters(stream).credentials.ufrag() == theirs)
            .unwrap()
    };
    let requests = wire.new_requests(host);
    requests
        .iter()
        .map(|sent| {
            let message = floe_stun::Message::parse(&sent.data).unwrap();
            let username = message.attribute::<floe_stun::attribute::Username<'_>>().unwrap().unwrap();
            (sent.at, stream_of(username.as_str()))
        })
        .collect()
}

/// A with two streams of one component, B with candidates that never answer: so many for each of the streams. Every
/// one has a foundation of its own, so that no check waits for another.
fn deaf(counts: [u16; 2]) -> Wire {
    let streams = || vec![StreamConfig::default(); 2];
    let mut wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
    wire.run_for(ms(7));
    wire.gather_on(A);
    wire.settle();
    let now = wire.now;
    for (stream, count) in (0..).zip(counts) {
        for n in 0..count {
            let text = format!("candidate:{stream}x{n} 1 udp {} 203.0.113.9 {} typ host", 9000 - n, 7000 + n);
            wire.a().add_remote(now, StreamId(stream), text.parse().unwrap()).unwrap();
        }
    }
    wire.describe_to(A);
    wire
}

// proves: 8445-6.1.4.2-a
#[test]
fn the_first_check_goes_out_at_once_and_then_one_in_each_ta_going_round_the_streams() {
    let mut wire = deaf([3, 3]);
    wire.run_for(Duration::from_secs(60));
    let expected: Vec<_> = (0..6_u32).map(|n| (ms(7) + ms(50) * n, StreamId(n % 2))).collect();
    assert_eq!(starts(&wire, A), expected);
    let ports: Vec<_> = wire.new_requests(A).iter().map(|sent| sent.to.port()).collect();
    assert_eq!(ports, [7000, 7000, 7001, 7001, 7002, 7002], "the best of each stream first");
}

// proves: 8445-6.1.4.2-e
#[test]
fn a_stream_with_nothing_to_send_yields_its_slot_to_the_next() {
    for (counts, streams) in
        [([1, 3], [0, 1, 1, 1].as_slice()), ([0, 2], &[1, 1]), ([4, 1], &[0, 1, 0, 0, 0])]
    {
        let mut wire = deaf(counts);
        wire.run_for(Duration::from_secs(60));
        let slots = (0_u32..).map(|n| ms(7) + ms(50) * n);
        let expected: Vec<_> = slots.zip(streams.iter().copied().map(StreamId)).collect();
        assert_eq!(starts(&wire, A), expected, "no slot is lost, and none is used twice");
        assert_eq!(wire.a().state(), IceState::Failed);
    }
}

#[test]
fn no_two_transactions_ever_start_within_ta() {
    let four = ["192.0.2.1", "192.0.2.3", "192.0.2.5", "192.0.2.7"];
    for (delay, loss) in [(0, 1_u32), (3, 2), (40, 3), (120, 5)] {
        let streams = || vec![StreamConfig { components: 2 }; 2];
        let wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
        let mut wire = wire.delay(ms(delay)).addresses(A, &four).addresses(B, &["192.0.2.2", "198.51.100.9"]);
        let mut sent = 0_u32;
        wire.passes = Box::new(move |_| {
            sent += 1;
            loss == 1 || !sent.is_multiple_of(loss)
        });
        wire.begin();
        wire.run_for(Duration::from_secs(30));
        for host in [A, B] {
            let starts = starts(&wire, host);
            assert!(starts.len() > 5, "{} on host {host}", starts.len());
            for two in starts.windows(2) {
                assert!(two[1].0 - two[0].0 >= ms(50), "{two:?} on host {host} with delay {delay}");
            }
        }
    }
}

#[test]
fn the_slower_side_sets_the_pace_of_both() {
    let mut wire = Wire::new(controlling().ta(ms(20)), controlled().ta(ms(130)));
    wire = wire.addresses(A, &["192.0.2.1", "192.0.2.3"]).addresses(B, &["192.0.2.2", "192.0.2.4"]);
    wire.passes = Box::new(|_| false);
    wire.begin();
    wire.run_for(Duration::from_secs(1));
    for host in [A, B] {
        let times: Vec<_> = starts(&wire, host).into_iter().map(|(at, _)| at).collect();
        assert_eq!(times, [ms(0), ms(130), ms(260), ms(390)], "host {host}");
        assert_eq!(wire.hosts[host].session.stats().ta, ms(130));
    }
}

#[test]
fn a_peer_that_names_no_pace_means_50_ms() {
    let mut wire = Wire::new(controlling().ta(ms(20)), controlled());
    let theirs = wire.hosts[B].parameters(STREAM).credentials;
    let now = wire.now;
    assert_eq!(wire.hosts[A].parameters(STREAM).pacing, Pacing::from_millis(20));
    wire.a().set_remote(now, STREAM, RemoteDescription::new(theirs)).unwrap();
    assert_eq!(wire.a().stats().ta, ms(50));
}

#[test]
fn a_late_timer_loses_no_check_and_sends_no_burst() {
    let mut wire = Wire::pair().addresses(B, &["192.0.2.2", "198.51.100.2", "203.0.113.2"]);
    wire.passes = Box::new(|_| false);
    wire.begin();
    // The driver sleeps for four slots.
    wire.now += ms(200);
    wire.settle();
    wire.run_for(Duration::from_secs(1));
    let times: Vec<_> = starts(&wire, A).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [ms(0), ms(200), ms(250)]);
}

#[test]
fn a_peer_that_proposes_to_wait_for_ever_is_checked_all_the_same_and_given_up_in_time() {
    let mut wire = Wire::pair();
    wire.hosts[B].trickles = false;
    wire.gather();
    wire.settle();
    let credentials = wire.hosts[B].parameters(STREAM).credentials;
    let description = RemoteDescription::new(credentials).pacing(Some(Pacing::MAX));
    let now = wire.now;
    wire.a().set_remote(now, STREAM, description).unwrap();
    for n in 0..4 {
        let text = format!("candidate:x{n} 1 udp {} 203.0.113.9 {} typ host", 9000 - n, 7000 + n);
        wire.a().add_remote(now, STREAM, text.parse().unwrap()).unwrap();
    }
    wire.passes = Box::new(|_| false);
    wire.run_until(|wire| wire.hosts[A].session.state() == IceState::Failed);
    let starts: Vec<_> = starts(&wire, A).into_iter().map(|(at, _)| at).collect();
    assert_eq!(starts, [0, 2, 4, 6].map(Duration::from_secs));
}

#[test]
fn link_local_addresses_are_checked_after_the_others_and_delay_no_nomination() {
    let mut wire = Wire::pair()
        .addresses(A, &["fe80::1", "192.0.2.1"])
        .addresses(B, &["fe80::2", "192.0.2.2"])
        .delay(ms(10));
    wire.gather();
    wire.settle();
    wire.describe_to(A);
    wire.describe_to(B);
    wire.run_until_completed();
    let first: Vec<_> = wire.new_requests(A).iter().map(|sent| sent.to.ip().is_ipv4()).collect();
    assert!(first[0] && first[1], "the check and the nomination come first: {first:?}");
}
