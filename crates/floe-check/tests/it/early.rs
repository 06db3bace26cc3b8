//! Checks before the peer's description, and those of another agent that the offer was forked to (RFC 8445 7.3).

use floe_check::{DropReason, Event, Outcome};
use floe_core::Role;
use floe_stun::attribute::{UseCandidate, Username};

use crate::common::*;

// proves: 8445-7.3-c, 8445-7.3-d
#[test]
fn checks_before_the_description_are_answered_at_once_and_made_up_for_when_it_is_there() {
    let mut bench = Bench::new(Role::Controlled);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.checked_from(BASE, "10.0.0.2:2001");
    bench.nominated_from(BASE, "10.0.0.2:2002");
    bench.checked_from(BASE, "10.0.0.2:2003");
    // Of another agent that the offer was forked to.
    let fork = bench.check().instead(&Username::new("ownufrag:another"));
    assert_eq!(bench.ask(BASE, "10.0.0.2:2004", &fork).0, Outcome::Handled);
    // A candidate that came before its description, of which one check came as well.
    bench.remote(S0, &numbered(2003));
    bench.drain();
    assert_eq!((bench.pairs().len(), bench.set.has_next()), (0, false));

    bench.describe(S0);
    let learnt: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::PeerReflexive { candidate, local: false, .. } => candidate.socket_addr(),
            _ => None,
        })
        .collect();
    // What is nominated comes first.
    assert_eq!(learnt, [addr("10.0.0.2:2002"), addr("10.0.0.2:2001")]);
    let checks = bench.all_next();
    assert_eq!(checks.iter().map(|check| check.to.port()).collect::<Vec<_>>(), [2002, 2001, 2003]);
    for check in &checks {
        let _ = bench.answer(check, "10.0.0.1:1000");
    }
    let nominated: Vec<_> =
        bench.valid().iter().filter(|p| p.nominated).map(|p| bench.set.route(p.id).unwrap().to).collect();
    assert_eq!(nominated, [addr("10.0.0.2:2002")]);
}

#[test]
fn early_checks_are_remembered_once_a_path_and_up_to_a_bound() {
    let mut bench = Bench::new(Role::Controlled);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    for _ in 0..1000 {
        bench.checked_from(BASE, PEER);
    }
    assert_eq!(bench.set.counters().early_over_cap, 0);
    for port in 3000..3100 {
        bench.checked_from(BASE, &format!("10.0.0.2:{port}"));
    }
    assert_eq!(bench.set.counters().early_over_cap, 37);
    // A nomination that cannot be remembered is not confirmed either.
    let check = bench.check().with(&UseCandidate);
    let (outcome, answer) = bench.ask(BASE, "10.0.0.2:5000", &check);
    assert_eq!(outcome, Outcome::Dropped(DropReason::Nomination));
    assert_eq!(answer.unwrap().error, Some(400));
    // One on a path that is remembered is.
    bench.nominated_from(BASE, PEER);
    bench.describe(S0);
    let check = bench.next();
    let _ = bench.answer(&check, "10.0.0.1:1000");
    assert!(bench.valid()[0].nominated);
}

#[test]
fn a_check_of_another_agent_is_answered_and_not_followed() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlled);
    bench.succeed_next();
    bench.drain();
    let fork = bench.check().instead(&Username::new("ownufrag:another"));
    assert_eq!(bench.ask(BASE, "10.0.0.2:2004", &fork).0, Outcome::Handled);
    assert_eq!((bench.only_pair(), bench.set.has_next()), (pair, false));
    let nominating = bench.check().instead(&Username::new("ownufrag:another")).with(&UseCandidate);
    let (outcome, answer) = bench.ask(BASE, PEER, &nominating);
    assert_eq!(outcome, Outcome::Dropped(DropReason::Nomination));
    assert_eq!((answer.unwrap().error, bench.view(pair).nominated), (Some(400), false));
}

#[test]
fn data_is_taken_from_who_sent_an_early_check_until_the_description_says_that_it_is_another() {
    let mut bench = Bench::new(Role::Controlled);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.checked_from(BASE, PEER);
    let fork = bench.check().instead(&Username::new("ownufrag:another"));
    let _ = bench.ask(BASE, "10.0.0.3:3000", &fork);
    let accepts = |bench: &Bench| {
        [PEER, "10.0.0.3:3000", "10.0.0.4:4000"].map(|from| bench.set.accepts(BASE, addr(from)).is_some())
    };
    assert_eq!(accepts(&bench), [true, true, false]);
    bench.describe(S0);
    assert_eq!(accepts(&bench), [true, false, false]);
}
