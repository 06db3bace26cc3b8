//! How the binding of a reflexive candidate is kept alive, and what that may find (RFC 8445 5.1.1.4).

use std::{collections::BTreeSet, time::Duration};

use floe_core::BaseId;

use crate::common::*;

// proves: 8445-5.1.1.4-a
#[test]
fn a_binding_is_kept_alive_until_ice_has_finished() {
    let mut bench = Bench::lone(&[stun(STUN), turn(TURN)]);
    let request = bench.request();
    bench.answer(&request, MAPPED);
    let job = bench.allocation();
    bench.allocate(job, RELAYED, "203.0.113.1:61001");
    bench.events();
    let mut ids = BTreeSet::new();
    for _ in 0..10 {
        let due = bench.now + Duration::from_secs(15);
        assert_eq!(bench.gatherer.poll_timeout(), Some(due));
        bench.advance(Duration::from_secs(15) - ms(1));
        assert_eq!(bench.next(), None);
        bench.advance(ms(1));
        assert_eq!(bench.resent(), [], "it waits for a slot");
        let refresh = bench.request();
        assert_eq!(
            (refresh.base, refresh.to),
            (BaseId(0), address(STUN)),
            "not the allocation's, which Refresh keeps"
        );
        assert!(ids.insert(refresh.payload.clone()), "a new transaction each time");
        assert_eq!(bench.next(), None);
        bench.answer(&refresh, MAPPED);
    }
    assert_eq!(bench.events(), []);
    bench.advance(Duration::from_secs(15));
    let open = bench.request();
    bench.gatherer.finish(S1);
    assert!(bench.gatherer.poll_timeout().is_some(), "another stream");
    bench.gatherer.finish(S0);
    assert_eq!((bench.gatherer.poll_timeout(), bench.next()), (None, None));
    assert!(!bench.handle(open.base, open.to, &success(&open, address(MAPPED))));
}

#[test]
fn a_refresh_that_is_not_answered_is_sent_again_and_others_follow() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    bench.answer(&request, MAPPED);
    bench.events();
    bench.advance(Duration::from_secs(15));
    bench.request();
    bench.advance(ms(500));
    assert_eq!(bench.resent().len(), 1);
    for _ in 0..10 {
        let due = bench.gatherer.poll_timeout();
        bench.now = due.unwrap_or(bench.now);
        bench.gatherer.handle_timeout(bench.now);
        bench.resent();
        if due.is_none() {
            break;
        }
    }
    assert!(bench.gatherer.has_next(), "nobody answered for 39.5 s: the next one is due at once");
    assert_eq!(bench.events(), [], "the candidate was told of; nothing is to be said");
}

#[test]
fn a_mapping_that_changes_gives_a_new_candidate_until_the_end() {
    // The allocation that is under way keeps the end away.
    let mut bench = Bench::lone(&[stun(STUN), turn(TURN)]);
    let request = bench.request();
    bench.answer(&request, MAPPED);
    let job = bench.allocation();
    let first = bench.candidates();
    bench.advance(Duration::from_secs(15));
    let refresh = bench.request();
    bench.answer(&refresh, "203.0.113.1:61007");
    let second = bench.candidates();
    assert_eq!(show(&second[0]), "srflx 203.0.113.1:61007 on b0 raddr 192.0.2.1:50000");
    assert_ne!(second[0].candidate.priority(), first[1].candidate.priority());
    assert_eq!(second[0].candidate.foundation(), first[1].candidate.foundation());

    bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));
    bench.advance(Duration::from_secs(15));
    let refresh = bench.request();
    bench.answer(&refresh, "203.0.113.1:61009");
    assert_eq!(bench.events(), [], "RFC 8838 13: nothing after the end");
    bench.advance(Duration::from_secs(15));
    assert!(bench.gatherer.has_next(), "and it is kept alive all the same");
}
