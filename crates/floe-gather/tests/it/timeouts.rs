//! How long a server is waited for, and when it is asked again (RFC 8445 14.3).

use std::time::Duration;

use floe_gather::{Action, Server, ServerError};

use crate::common::*;

#[test]
fn a_silent_server_holds_up_nothing_but_the_end() {
    let mut bench = Bench::lone(&[stun(STUN), stun("198.51.100.3:3478")]);
    let begun = bench.now;
    let silent = bench.request();
    let request = bench.request();
    bench.answer(&request, MAPPED);
    assert_eq!(bench.candidates().len(), 2, "the other one is told at once");

    let mut sent = Vec::new();
    while let Some(due) = bench.gatherer.poll_timeout().filter(|due| *due < begun + Duration::from_secs(39)) {
        bench.now = due;
        bench.gatherer.handle_timeout(due);
        bench.starts();
        let resent = bench.resent();
        sent.extend(resent.iter().filter(|again| **again == silent).map(|_| (due - begun).as_millis()));
    }
    assert_eq!(sent, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert!(bench.gatherer.is_gathering());
    bench.now = begun + ms(39_499);
    bench.gatherer.handle_timeout(bench.now);
    assert_eq!(bench.events(), []);
    bench.advance(ms(1));
    assert_eq!(bench.events(), [failed(0, 0, ServerError::NoAnswer), end(S0, G0)]);
    let late = success(&silent, address("203.0.113.1:7"));
    assert!(!bench.handle(silent.base, silent.to, &late), "nobody waits for it any more");
}

#[test]
fn a_server_and_an_allocation_have_the_time_that_was_configured() {
    let config = with(&[stun(STUN), turn(TURN)]).server_timeout(ms(3000)).allocate_timeout(ms(2000));
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
    let request = bench.request();
    bench.advance(ms(1000));
    let job = bench.allocation();
    bench.candidates();
    bench.advance(ms(1999));
    assert_eq!(bench.events(), []);
    // Both are due at 3 s, and an answer at the last moment is late whichever call comes first.
    bench.now += ms(1);
    let relay = bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.actions(), [Action::Release(relay)]);
    let timeout = ServerError::AllocateTimeout(ms(2000));
    assert_eq!(bench.events(), [failed(0, 0, ServerError::NoAnswer), failed(1, 0, timeout), end(S0, G0)]);
    assert!(!bench.handle(request.base, request.to, &success(&request, address(MAPPED))));
    bench.resent();
    assert_eq!(bench.gatherer.poll_timeout(), None);
}

// proves: 8445-14.3-a
#[test]
fn the_timeout_grows_with_the_pace_and_the_number_of_candidates_that_servers_may_give() {
    let first_wait = |servers: &[Server], ta: u64, addresses: &[&str]| {
        let mut bench = Bench::new(with(servers));
        bench.gatherer.set_ta(ms(ta));
        bench.gatherer.start(bench.now, G0, &[(S0, RTP)]);
        bench.update(&eth0(addresses));
        // Only the first socket is there yet, but the others are coming.
        let first = bench.wanted()[0];
        bench.bind(first);
        bench.request();
        let begun = bench.now;
        let is_resent = |step: &u64| {
            bench.now = begun + ms(*step);
            bench.gatherer.handle_timeout(bench.now);
            !bench.resent().is_empty()
        };
        (1..10_000).find(is_resent).expect("a request that is not answered is sent again")
    };
    let two = [stun(STUN), stun("198.51.100.3:3478")];
    assert_eq!(first_wait(&two, 50, &["192.0.2.1"]), 500, "never less than half a second");
    assert_eq!(first_wait(&two, 250, &["192.0.2.1"]), 500);
    assert_eq!(first_wait(&two, 251, &["192.0.2.1"]), 502);
    assert_eq!(first_wait(&two, 200, &["192.0.2.1", "192.0.2.2"]), 800);
    assert_eq!(first_wait(&[stun(STUN), turn(TURN)], 200, &["192.0.2.1"]), 600, "an allocation gives two");
}
