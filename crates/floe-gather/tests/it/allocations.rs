//! Allocations that are refused, and relayed addresses that are no good (RFC 8445 5.1.1.2).

use std::time::Duration;

use floe_core::BaseId;
use floe_gather::{Action, AllocateError, Event, ServerError};

use crate::common::*;

// proves: 8445-5.1.1.2-d
#[test]
fn an_allocation_that_is_refused_for_capacity_is_followed_by_a_binding_request() {
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    bench.gatherer.allocated(bench.now, job, Err(AllocateError::Capacity));
    let events = bench.events();
    let why = ServerError::Allocate(AllocateError::Capacity);
    assert_eq!(events[1..], [failed(0, 0, why)], "and not the end yet");
    let request = bench.request();
    assert_eq!(request.to, address(TURN));
    bench.answer(&request, MAPPED);
    assert_eq!(bench.told(), ["srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"]);
    bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.actions(), [Action::Release(BaseId(1))], "a second answer is late");
    assert_eq!(bench.next(), None);
}

#[test]
fn another_refusal_is_followed_by_one_only_where_the_user_named_the_address_as_a_stun_server() {
    let why = || AllocateError::Other("wrong password".to_owned());
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    bench.gatherer.allocated(bench.now, job, Err(why()));
    let events = bench.events();
    assert_eq!(events[1..], [failed(0, 0, ServerError::Allocate(why())), end(S0, G0)]);
    assert_eq!(bench.next(), None);

    // At first the allocation answers for both.
    let mut bench = Bench::lone(&[stun(TURN), turn(TURN)]);
    let job = bench.allocation();
    assert_eq!(bench.next(), None);
    bench.gatherer.allocated(bench.now, job, Err(why()));
    assert_eq!(bench.request().to, address(TURN));
}

// proves: 8445-5.1.1.2-e
#[test]
fn a_relayed_address_that_is_a_host_address_is_thrown_away() {
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    let relay = bench.allocate(job, "192.0.2.1:50000", MAPPED);
    let events = bench.events();
    assert_eq!(events[1], failed(0, 0, ServerError::SameAsHost));
    assert!(matches!(&events[2], Event::Candidate { candidate, .. } if candidate.base == BaseId(0)));
    assert_eq!(events[3..], [end(S0, G0)]);
    assert_eq!(bench.actions(), [Action::Release(relay)]);
    // The reflexive one outlives the allocation.
    bench.advance(Duration::from_secs(15));
    assert_eq!(bench.request().to, address(TURN));
}

#[test]
fn a_relayed_address_that_nobody_can_send_to_is_thrown_away() {
    for bad in ["0.0.0.0:1", "224.0.0.1:5000", "198.51.100.2:0", "127.0.0.1:5000", "[fe80::1]:5000"] {
        let mut bench = Bench::lone(&[turn(TURN)]);
        let job = bench.allocation();
        let relay = bench.allocate(job, bad, MAPPED);
        assert_eq!(bench.actions(), [Action::Release(relay)], "{bad}");
        assert_eq!(bench.candidates().len(), 2, "{bad}: host and reflexive");
    }
    // One of the other family is no error (RFC 8656 7).
    let mut bench = Bench::lone(&[turn(TURN)]);
    let job = bench.allocation();
    bench.allocate(job, "[2001:db8::5]:5000", "0.0.0.0:0");
    let events = bench.events();
    assert!(matches!(&events[1], Event::ServerFailed { why: ServerError::BadAddress(_), .. }), "{events:?}");
    let Event::Candidate { candidate, .. } = &events[2] else { panic!("{events:?}") };
    assert_eq!(show(candidate), "relay [2001:db8::5]:5000 on b1 raddr [::]:9", "no mapped address to show");
}
