//! What beats what.

use floe_core::PairId;

use super::*;
use crate::fixture::{at, valid};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A steady path of this round trip, well measured.
fn steady(round_trip: u64) -> Quality {
    Quality {
        round_trip: Some(ms(round_trip)),
        variation: ms(1),
        shortest: Some(ms(round_trip)),
        samples: 20,
        asked: 16,
        answered: 16,
        silence: 0,
        streak: 16,
        latest: Some(at(0)),
    }
}

fn with(id: u32, priority: u32, quality: Quality) -> ValidPair {
    ValidPair { quality, ..valid(id, priority) }
}

#[allow(clippy::needless_pass_by_value, reason = "as a builder takes it")]
fn of(kinds: (CandidateKind, CandidateKind), pair: ValidPair) -> ValidPair {
    ValidPair { kinds, ..pair }
}

const RELAYED: (CandidateKind, CandidateKind) = (CandidateKind::Host, CandidateKind::Relayed);
const REFLEXIVE: (CandidateKind, CandidateKind) = (CandidateKind::PeerReflexive, CandidateKind::Host);

#[test]
fn classes_go_by_the_worse_end() {
    use CandidateKind::{Host, PeerReflexive, Relayed, ServerReflexive};
    let kinds = [Host, ServerReflexive, PeerReflexive, Relayed];
    let classes = kinds.map(|local| kinds.map(|remote| Class::of((local, remote))));
    use Class::{Direct as D, Reflexive as R, Relayed as L};
    assert_eq!(classes, [[D, R, R, L], [R, R, R, L], [R, R, R, L], [L; 4]]);
}

#[test]
fn the_class_comes_before_speed_and_priority() {
    let relayed = of(RELAYED, with(1, 9, steady(5)));
    let reflexive = of(REFLEXIVE, with(2, 7, steady(50)));
    let direct = with(3, 5, steady(500));
    let best_of = |pairs: &[&ValidPair]| {
        let pairs: Vec<_> = pairs.iter().copied().cloned().collect();
        best(&pairs).unwrap().id
    };
    assert_eq!(best_of(&[&relayed, &reflexive, &direct]), direct.id);
    assert_eq!(best_of(&[&relayed, &reflexive]), reflexive.id);
    assert_eq!(advantage(&direct, &relayed), Some(Advantage::Class));
    assert_eq!(advantage(&relayed, &direct), None);
}

#[test]
fn a_broken_pair_has_no_class_any_more() {
    let broken = |lost: u32| Quality { answered: 16 - lost, ..steady(5) };
    let relayed = of(RELAYED, with(2, 5, steady(80)));
    let loses = |lost| advantage(&relayed, &with(1, 9, broken(lost)));
    assert_eq!(loses(8), Some(Advantage::Loss { lost: 0, before: 500 }));
    assert_eq!(loses(7), None);
    // Too little was asked to know.
    let few = Quality { asked: 7, answered: 0, ..steady(5) };
    assert_eq!(advantage(&relayed, &with(1, 9, few)), None);
}

#[test]
fn of_one_class_the_lower_priority_wins_by_a_fifth_and_by_10_ms() {
    let wins = |mine, theirs| advantage(&with(2, 5, steady(mine)), &with(1, 9, steady(theirs))).is_some();
    // By 10 ms where a fifth is less, by a fifth where that is more.
    assert_eq!([wins(10, 20), wins(11, 20), wins(1, 10), wins(0, 10)], [true, false, false, true]);
    assert_eq!([wins(80, 100), wins(81, 100), wins(800, 1000), wins(801, 1000)], [true, false, true, false]);
    assert!(!wins(100, 80));
    // One round trip is enough before anything is selected.
    let once = |id, priority, rtt| ValidPair { rtt: Some(ms(rtt)), ..valid(id, priority) };
    assert_eq!(
        advantage(&once(2, 5, 20), &once(1, 9, 100)),
        Some(Advantage::Speed { round_trip: ms(20), before: ms(100) })
    );
    assert_eq!(advantage(&valid(2, 5), &once(1, 9, 100)), None, "nothing is known of it");
}

#[test]
fn of_one_class_the_lower_priority_wins_where_the_other_is_lossy() {
    let lossy = |lost: u32| Quality { answered: 16 - lost, ..steady(20) };
    let wins = |mine, theirs| advantage(&with(2, 5, lossy(mine)), &with(1, 9, lossy(theirs))).is_some();
    assert_eq!([wins(0, 5), wins(0, 4), wins(3, 7), wins(4, 7)], [true, false, true, false]);
    // A fast one that is lossy does not win by its speed.
    assert_eq!(
        advantage(&with(2, 5, Quality { answered: 11, ..steady(20) }), &with(1, 9, steady(200))),
        None
    );
}

/// What a pair like this has over a selected one like that.
fn moves(mine: Quality, held: Quality) -> bool {
    gain(at(0), &with(2, 5, mine), &with(1, 9, held)).is_some()
}

#[test]
fn a_selected_pair_is_left_only_after_several_round_trips_and_for_no_chance() {
    assert!(moves(steady(40), steady(300)));
    // Not for one late answer, though the mean has risen: the shortest of the latest three is as it was.
    assert!(!moves(steady(40), Quality { shortest: Some(ms(20)), ..steady(120) }));
    assert!(!moves(steady(40), Quality { samples: 2, shortest: None, ..steady(300) }));
    assert!(!moves(Quality { samples: 2, ..steady(40) }, steady(300)));
    // Not for a pair whose round trips differ by as much.
    assert!(!moves(Quality { variation: ms(31), ..steady(40) }, steady(100)));
    assert!(moves(Quality { variation: ms(30), ..steady(40) }, steady(100)));
    assert!(!moves(steady(95), steady(100)));
}

#[test]
fn it_is_left_for_none_that_may_not_work_now() {
    let good = steady(40);
    assert!(!moves(Quality { silence: 1, streak: 0, answered: 15, ..good }, steady(300)));
    let at_15_s = |latest| {
        let pair = with(2, 5, Quality { latest, ..good });
        gain(at(15_000), &pair, &with(1, 9, steady(300))).is_some()
    };
    assert_eq!([at_15_s(Some(at(1))), at_15_s(Some(at(0))), at_15_s(None)], [true, false, false]);
}

#[test]
fn a_more_direct_one_that_lost_requests_is_gone_to_after_four_answers_in_a_row_where_it_loses_hardly_more() {
    let after = |streak: u32, lost: u32, held: u32| {
        let mine = Quality { streak, answered: 16 - lost, ..steady(40) };
        let held = Quality { answered: 16 - held, ..steady(300) };
        // For its speed alone it is not.
        assert!(!moves(mine, held));
        gain(at(0), &with(2, 5, mine), &of(RELAYED, with(1, 9, held))).is_some()
    };
    assert_eq!([after(3, 1, 0), after(4, 1, 0)], [false, true]);
    assert_eq!([after(12, 2, 0), after(12, 2, 1), after(12, 3, 1)], [false, true, false]);
}

#[test]
fn it_is_left_for_a_more_direct_one_after_a_single_answer() {
    let fresh = Quality { asked: 1, answered: 1, latest: Some(at(0)), ..Quality::default() };
    let relayed = of(RELAYED, with(1, 9, steady(20)));
    assert_eq!(gain(at(0), &with(2, 5, fresh), &relayed), Some(Advantage::Class));
    assert_eq!(gain(at(0), &of(RELAYED, with(2, 5, fresh)), &with(1, 9, steady(20))), None);
}

#[test]
fn it_is_left_when_it_is_silent_or_loses_far_more() {
    let silent = |silence: u32| Quality { silence, answered: 16 - silence, ..steady(20) };
    let relayed = of(RELAYED, with(2, 5, steady(80)));
    let of_silent = |silence| gain(at(0), &relayed, &with(1, 9, silent(silence)));
    assert_eq!(of_silent(3), Some(Advantage::Answers { unanswered: 3 }));
    assert_eq!(of_silent(2), None);
    let some = of(RELAYED, with(2, 5, Quality { answered: 12, ..steady(80) }));
    assert!(gain(at(0), &some, &with(1, 9, silent(3))).is_some(), "any that answers is better than silence");
    let lossy = Quality { answered: 11, ..steady(20) };
    assert!(moves(steady(25), lossy));
    assert!(
        !moves(Quality { asked: 7, answered: 7, ..steady(25) }, lossy),
        "too little is known of the other"
    );
    assert_eq!(
        Advantage::Loss { lost: 0, before: 312 }.over(PairId(1)),
        crate::Why::LessLoss { than: PairId(1), lost: 0, before: 312 }
    );
}
