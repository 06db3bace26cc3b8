//! Checks that come before the description of the peer (RFC 8445 7.3).

use floe_core::CandidateKind;
use floe_session::{Event, IceState, Why};
use floe_stun::Class;

use crate::world::{Setup, Side, ms};

// proves: 8445-7.3-c, 8445-7.3-d
#[test]
fn early_checks_are_answered_at_once_and_made_up_for_when_the_description_comes() {
    let mut world = Setup::new([1, 1], ms(50)).world();
    // A has it all and checks; B hears of A only after 500 ms, and never of its candidates.
    world.hand_over_candidates(Side::B);
    let a = world.host(Side::A);
    let lost = world.simulation.node_mut(a).unwrap().take_signals();
    assert_eq!(lost.len(), 2, "a candidate, and the end of them");
    world.describe_at(Side::A, ms(0));
    world.describe_at(Side::B, ms(500));

    world.run_to(ms(499));
    let answers: Vec<_> = world.sent(Side::B).into_iter().map(|sent| (sent.at, sent.class)).collect();
    assert_eq!(answers, [(ms(25), Class::Success), (ms(75), Class::Success)], "each check as it came");
    assert_eq!((world.valid_at(Side::A), world.selected_at(Side::A)), (Some(ms(50)), Some(ms(100))));
    assert_eq!(world.session(Side::B).state(), IceState::New);
    assert_eq!(world.session(Side::B).stats().pairs.len(), 0, "nothing learnt yet");

    assert!(world.complete(ms(1_000)));
    let learnt: Vec<_> = world
        .events(Side::B)
        .filter_map(|(at, event)| match event {
            Event::PeerReflexive { candidate, local: false, .. } => Some((at, candidate.kind())),
            _ => None,
        })
        .collect();
    assert_eq!(learnt, [(ms(500), CandidateKind::PeerReflexive)]);
    let triggered = world.started(Side::B);
    assert_eq!(triggered.len(), 1);
    assert_eq!(triggered[0].at, ms(500));
    // The nomination of the early check holds as soon as the triggered one is answered.
    let selected = &world.selections(Side::B, world.components()[0])[0];
    assert_eq!((selected.at, selected.why), (ms(550), Why::PeerNominated));
    world.assert_agreed();
}
