//! Restarts: what a new generation keeps, gathers anew and gives back.

use std::time::Duration;

use floe_core::{BaseId, Generation};
use floe_gather::{Action, Event, GatherConfig};

use crate::common::*;

#[test]
fn a_restart_drops_what_is_unfinished_and_keeps_what_was_told() {
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &both);
    let wanted = bench.wanted();
    let told = bench.bind(wanted[0]);
    assert_eq!(bench.candidates().len(), 1);

    bench.gatherer.start(bench.now, Generation(1), &[(S0, RTP)]);
    let again = bench.wanted();
    assert_eq!(again.len(), 2);
    let late = bench.bind(wanted[1]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    bench.bind(again[0]);
    bench.bind(again[1]);
    let events = bench.events();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Candidate { .. })).count(), 2);
    assert_eq!(events.last(), Some(&end(S0, Generation(1))));
    assert!(!events.contains(&end(S0, G0)), "a generation that was overtaken has no end");

    bench.update(&[interface("eth0", 2, &["192.0.2.2"])]);
    let vanished: Vec<_> = bench.events().iter().filter_map(vanished).collect();
    assert_eq!(vanished.len(), 2, "in both generations");
    assert!(vanished.contains(&told));
}

#[test]
fn a_restart_releases_what_nobody_was_told_of() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted();
    let untold = bench.bind(wanted[0]);
    bench.gatherer.start(bench.now, Generation(1), &[(S0, RTP)]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(untold)));
    assert_eq!(bench.events(), []);
    bench.update(&[]);
    assert_eq!(bench.events(), [end(S0, Generation(1))]);
}

#[test]
fn a_restart_of_one_stream_leaves_the_others_alone() {
    let mut bench = Bench::ready(with(&[stun(STUN)]), &[(S0, RTP), (S1, RTP)], &["192.0.2.1"]);
    let requests = [bench.request(), bench.request()];
    let before = bench.candidates();
    bench.gatherer.start(bench.now, G1, &[(S0, RTP)]);
    let actions = bench.actions();
    let [Action::Bind { job, stream: S0, component: RTP, .. }] = actions[..] else { panic!("{actions:?}") };

    bench.answer(&requests[1], "203.0.113.1:2");
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Candidate { stream: S1, .. }, e] if *e == end(S1, G0)),
        "{events:?}"
    );
    let late = success(&requests[0], address("203.0.113.1:1"));
    assert!(!bench.handle(requests[0].base, requests[0].to, &late), "that generation is over");

    // The caller has a socket there already.
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.1:50000"))));
    let again = bench.candidates();
    assert_eq!(again[0].candidate, before[0].candidate, "the same preference and foundation");
    let request = bench.request();
    bench.answer(&request, "203.0.113.1:1");
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Candidate { stream: S0, .. }, e] if *e == end(S0, G1)),
        "{events:?}"
    );
    assert_eq!(bench.actions(), [], "nothing is released that a generation before may use");

    bench.update(&eth0(&[]));
    let gone: Vec<_> = bench.events().iter().filter_map(vanished).collect();
    assert_eq!(gone, [0, 1].map(BaseId), "once, though in two generations");
}

#[test]
fn a_base_of_the_generation_before_is_not_released_whatever_becomes_of_it_in_this_one() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    bench.events();
    let again = |bench: &mut Bench, generation| {
        bench.gatherer.start(bench.now, Generation(generation), &[(S0, RTP)]);
        match bench.actions()[..] {
            [Action::Bind { job, .. }] => job,
            ref other => panic!("unexpected: {other:?}"),
        }
    };
    let job = again(&mut bench, 1);
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.9:50000"))));
    assert_eq!(bench.actions(), [], "bound elsewhere");
    let job = again(&mut bench, 2);
    bench.advance(Duration::from_secs(5));
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.1:50000"))));
    assert_eq!(bench.actions(), [], "too late");
    let job = again(&mut bench, 3);
    bench.gatherer.bound(bench.now, job, Ok((BaseId(0), address("192.0.2.1:50000"))));
    again(&mut bench, 4);
    assert_eq!(bench.actions(), [], "overtaken before anybody was told");
}
