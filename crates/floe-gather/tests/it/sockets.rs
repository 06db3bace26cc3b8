//! Sockets: bound late, elsewhere, twice or not at all, and which of them are given back.

use std::time::Duration;

use floe_core::BaseId;
use floe_gather::{Action, Event, GatherConfig, GatherError, Gatherer};

use crate::common::*;

#[test]
fn a_failed_bind_leaves_the_others_alone() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    let wanted = bench.wanted();
    bench.fail(wanted[0]);
    let reason = "permission denied".to_owned();
    let why = GatherError::Bind { stream: S0, component: RTP, reason };
    assert_eq!(bench.events(), [refused("192.0.2.1", "eth0", why)]);
    bench.bind(wanted[1]);
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Candidate { .. }, Event::EndOfCandidates { .. }]), "{events:?}");
}

#[test]
fn a_slow_bind_holds_up_no_other_and_is_given_up_at_its_deadline() {
    let timeout = Duration::from_secs(5);
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    assert_eq!(bench.gatherer.poll_timeout(), Some(bench.now + timeout));
    let wanted = bench.wanted();
    bench.bind(wanted[1]);
    assert_eq!(bench.candidates().len(), 1, "the slow one is asked first, and not waited for");

    bench.advance(timeout - Duration::from_nanos(1));
    assert_eq!(bench.events(), []);
    bench.advance(Duration::from_nanos(1));
    let why = GatherError::BindTimeout { stream: S0, component: RTP, timeout };
    assert_eq!(bench.events(), [refused("192.0.2.1", "eth0", why), end(S0, G0)]);
    assert_eq!(bench.gatherer.poll_timeout(), None);

    let late = bench.bind(wanted[0]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    assert_eq!(bench.events(), []);
}

#[test]
fn every_job_has_a_deadline_of_its_own() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let begun = bench.now;
    bench.advance(Duration::from_secs(4));
    bench.update(&[interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])]);
    assert_eq!(bench.gatherer.poll_timeout(), Some(begun + Duration::from_secs(5)));
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.gatherer.poll_timeout(), Some(begun + Duration::from_secs(9)));
    assert_eq!(bench.events().len(), 1);
}

#[test]
fn an_answer_at_the_deadline_is_late_whichever_call_comes_first() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted()[0];
    bench.now += Duration::from_secs(5);
    let late = bench.bind(wanted);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    assert!(matches!(
        &bench.events()[..],
        [Event::Refused { why: GatherError::BindTimeout { .. }, .. }, Event::EndOfCandidates { .. }]
    ));
}

#[test]
fn a_wait_without_end_has_no_deadline() {
    let config = GatherConfig::default().bind_timeout(Duration::MAX);
    let mut bench = Bench::start(config, &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    assert_eq!(bench.wanted().len(), 1);
    assert_eq!(bench.gatherer.poll_timeout(), None);
}

#[test]
fn a_component_waits_for_a_lower_one_only_until_that_is_given_up() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    for give_up in [Bench::fail, |bench: &mut Bench, _| bench.advance(Duration::from_secs(5))] {
        let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP)], &interfaces);
        let wanted = bench.wanted();
        bench.bind(wanted[1]);
        give_up(&mut bench, wanted[0]);
        let events = bench.events();
        assert!(
            matches!(
                &events[..],
                [Event::Refused { .. }, Event::Candidate { .. }, Event::EndOfCandidates { .. }]
            ),
            "{events:?}"
        );
    }
}

#[test]
fn a_socket_bound_elsewhere_is_refused_and_released() {
    for elsewhere in ["192.0.2.9:5000", "0.0.0.0:5000", "192.0.2.1:0"] {
        let mut bench =
            Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
        let job = bench.wanted()[0].job;
        bench.gatherer.bound(bench.now, job, Ok((BaseId(8), elsewhere.parse().unwrap())));
        let why = GatherError::BoundElsewhere { stream: S0, component: RTP };
        assert_eq!(bench.events(), [refused("192.0.2.1", "eth0", why), end(S0, G0)], "{elsewhere}");
        assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(BaseId(8))));
    }
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted()[0];
    let base = bench.bind(wanted);
    bench.events();
    let again = "192.0.2.1:50000".parse().unwrap();
    bench.gatherer.bound(bench.now, wanted.job, Ok((base, again)));
    bench.gatherer.bound(bench.now, wanted.job, Err("what?".to_owned()));
    assert_eq!(bench.gatherer.poll_action(), None, "the base carries a candidate");
    let other = bench.bind(wanted);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(other)));
    assert_eq!(bench.events(), []);
}

#[test]
fn an_answer_before_the_start_is_released() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted()[0];
    let mut other = Gatherer::new(GatherConfig::default(), rng());
    other.bound(bench.now, wanted.job, Ok((BaseId(1), "192.0.2.1:5000".parse().unwrap())));
    assert_eq!(other.poll_action(), Some(Action::Release(BaseId(1))));
}

#[test]
fn a_socket_that_nobody_has_begun_to_bind_is_not_wanted_any_more() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    bench.update(&[]);
    assert_eq!((bench.wanted(), bench.events()), (vec![], vec![end(S0, G0)]));

    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.wanted(), []);
}

#[test]
fn nothing_is_told_of_a_base_that_was_closed() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    let wanted = bench.wanted()[0];
    let base = bench.bind(wanted);
    bench.events();
    bench.gatherer.forget(base);
    bench.update(&[]);
    assert_eq!(bench.events(), []);
}
