//! Renomination: the selection moves, for good reasons and not too often.

use std::time::Duration;

use floe_core::{CandidateKind, Contender, Quality};
use proptest::prelude::*;

use super::*;
use crate::{
    Choice, Nomination,
    fixture::{RTP, STREAM, at, contender, epoch, nominated, outlook, valid},
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Nothing else is possible, and both sides can renominate.
fn agreed() -> Outlook {
    Outlook { renomination: true, ..outlook(10, &[]) }
}

fn good(now: Instant, round_trip: u64) -> Quality {
    Quality {
        round_trip: Some(ms(round_trip)),
        variation: ms(1),
        shortest: Some(ms(round_trip)),
        samples: 16,
        asked: 16,
        answered: 16,
        silence: 0,
        streak: 16,
        latest: Some(now),
    }
}

/// Whether the pairs are nominated, and their round trips, the best priority first.
fn pairs(now: u64, states: &[(bool, u64)]) -> Vec<ValidPair> {
    let pair = |(id, &(nominated, round_trip)): (u32, &(bool, u64))| ValidPair {
        nominated,
        quality: good(at(now), round_trip),
        ..valid(id, 9 - id)
    };
    (1..).zip(states).map(pair).collect()
}

fn nominate(pair: u32, why: Why) -> Decision {
    let (pair, check) = (PairId(pair), PairId(pair + 100));
    Decision::Nominate { stream: STREAM, component: RTP, pair, check, why }
}

fn select(pair: u32, why: Why) -> Decision {
    Decision::Select { stream: STREAM, component: RTP, pair: PairId(pair), why }
}

const fn faster(than: u32, round_trip: u64, before: u64) -> Why {
    let (round_trip, before) = (Duration::from_millis(round_trip), Duration::from_millis(before));
    Why::Faster { than: PairId(than), round_trip, before }
}

/// Pair 1 is selected at 0 s.
fn selected() -> Nominator {
    let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
    let first = pairs(0, &[(false, 20), (false, 20)]);
    assert_eq!(nominator.look(at(0), &first, &agreed()), [nominate(1, Why::NothingBetter)]);
    let first = pairs(0, &[(true, 20), (false, 20)]);
    assert_eq!(nominator.look(at(0), &first, &agreed()), [select(1, Why::NothingBetter)]);
    nominator
}

#[test]
fn eager_chooses_the_really_faster_of_two_pairs() {
    let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
    let look = nominator.look(at(0), &pairs(0, &[(false, 100), (false, 20)]), &agreed());
    assert_eq!(look, [nominate(2, faster(1, 20, 100))]);
}

#[test]
fn a_really_better_pair_is_nominated_and_selected_once_it_is_confirmed() {
    let mut nominator = selected();
    let worse = pairs(30_000, &[(true, 300), (false, 20)]);
    assert_eq!(nominator.look(at(30_000), &worse, &agreed()), [nominate(2, faster(1, 20, 300))]);
    assert_eq!(nominator.look(at(30_010), &worse, &agreed()), [], "one at a time");
    assert_eq!(nominator.selected(STREAM, RTP), Some(PairId(1)));
    let moved = pairs(30_020, &[(false, 300), (true, 20)]);
    assert_eq!(nominator.look(at(30_020), &moved, &agreed()), [select(2, faster(1, 20, 300))]);
    assert_eq!(nominator.look(at(30_030), &moved, &agreed()), []);
    assert_eq!(nominator.selected(STREAM, RTP), Some(PairId(2)));
}

// proves: renom-3-b
#[test]
fn without_agreement_nothing_moves_however_bad_it_gets() {
    let mut nominator = selected();
    let alone = outlook(10, &[]);
    assert_eq!(nominator.look(at(30_000), &pairs(30_000, &[(true, 900), (false, 20)]), &alone), []);
    assert_eq!(nominator.look(at(31_000), &pairs(31_000, &[(true, 900), (false, 20)])[1..], &alone), []);
    assert_eq!(nominator.poll_timeout(), None);
}

#[test]
fn off_a_pair_that_failed_it_moves_at_once() {
    let mut nominator = selected();
    for (now, lost, next) in [(5_000, 1, 2), (5_100, 2, 3), (5_200, 3, 4)] {
        let mut left = pairs(now, &[(false, 20); 5]);
        left.retain(|pair| pair.id > PairId(lost));
        let why = Why::Replaces { lost: PairId(lost) };
        assert_eq!(nominator.look(at(now), &left, &agreed()), [nominate(next, why)]);
        left[0].nominated = true;
        assert_eq!(nominator.look(at(now + 10), &left, &agreed()), [select(next, why)]);
    }
}

#[test]
fn the_second_move_waits_its_ten_seconds_and_is_looked_at_again_then() {
    let mut nominator = selected();
    nominator.look(at(1_000), &pairs(1_000, &[(true, 300), (false, 20)]), &agreed());
    nominator.look(at(1_020), &pairs(1_020, &[(false, 300), (true, 20)]), &agreed());
    let back = |now| pairs(now, &[(false, 20), (true, 300)]);
    assert_eq!(nominator.look(at(5_000), &back(5_000), &agreed()), []);
    assert_eq!(nominator.poll_timeout(), Some(at(11_020)));
    nominator.handle_timeout(at(11_020));
    assert_eq!(nominator.due(), Some((STREAM, RTP)));
    assert_eq!(nominator.look(at(11_020), &back(11_020), &agreed()), [nominate(1, faster(2, 20, 300))]);
    // Once it is as good again nothing is waited for.
    let mut nominator = selected();
    nominator.look(at(1_000), &pairs(1_000, &[(true, 300), (false, 20)]), &agreed());
    nominator.look(at(1_020), &pairs(1_020, &[(false, 300), (true, 20)]), &agreed());
    nominator.look(at(5_000), &back(5_000), &agreed());
    assert_eq!(nominator.look(at(6_000), &pairs(6_000, &[(false, 20), (true, 20)]), &agreed()), []);
    assert_eq!(nominator.poll_timeout(), None);
}

#[test]
fn a_renomination_that_failed_leaves_the_selection_and_is_not_tried_again() {
    let mut nominator = selected();
    let worse = |now| pairs(now, &[(true, 300), (false, 20)]);
    nominator.look(at(1_000), &worse(1_000), &agreed());
    nominator.nomination_failed(STREAM, RTP, PairId(102));
    assert_eq!(nominator.due(), Some((STREAM, RTP)));
    assert_eq!(nominator.look(at(60_000), &worse(60_000), &agreed()), []);
    assert_eq!(nominator.selected(STREAM, RTP), Some(PairId(1)));
}

#[test]
fn losing_control_drops_the_move_and_keeps_the_selection() {
    let mut nominator = selected();
    let worse = pairs(1_000, &[(true, 300), (false, 20)]);
    nominator.look(at(1_000), &worse, &agreed());
    nominator.set_role(Role::Controlled);
    assert_eq!(nominator.look(at(1_010), &worse, &agreed()), []);
    assert_eq!(nominator.selected(STREAM, RTP), Some(PairId(1)));
}

#[test]
fn the_controlled_side_follows_every_nomination_also_downwards() {
    let mut nominator = Nominator::new(Role::Controlled, Nomination::Eager);
    let of = |which: u32| {
        let pair = |id| if id == which { nominated(id, 9 - id) } else { valid(id, 9 - id) };
        [pair(1), pair(2)]
    };
    assert_eq!(nominator.look(at(0), &of(1), &agreed()), [select(1, Why::PeerNominated)]);
    let moved = |from| Why::PeerMoved { from: PairId(from) };
    assert_eq!(nominator.look(at(1), &of(2), &agreed()), [select(2, moved(1))]);
    assert_eq!(nominator.look(at(2), &of(2), &agreed()), []);
    assert_eq!(nominator.look(at(3), &of(1), &agreed()), [select(1, moved(2))]);
    assert_eq!(nominator.look(at(4), &of(2)[1..], &agreed()), [select(2, moved(1))]);
}

/// Wants the pair of the lowest priority, always.
#[derive(Debug)]
struct Contrary;

impl Policy for Contrary {
    fn choose(&mut self, _now: Instant, valid: &[ValidPair], _outlook: &Outlook) -> Choice {
        valid.last().map_or(Choice::Wait, |pair| Choice::Nominate(pair.id))
    }

    fn reconsider(&mut self, _: Instant, held: &ValidPair, valid: &[ValidPair], _: &Outlook) -> Choice {
        let other = valid.iter().find(|pair| pair.id != held.id);
        other.map_or(Choice::Wait, |pair| Choice::Nominate(pair.id))
    }
}

#[test]
fn a_policy_that_wants_to_move_for_ever_is_held_back() {
    let policy: Box<dyn Policy> = Box::new(Contrary);
    let mut nominator = Nominator::new(Role::Controlling, policy);
    let mut held = None;
    let mut moves = Vec::new();
    for second in 0..600 {
        let flags = [1, 2].map(|id| (held == Some(PairId(id)), 20));
        for decision in nominator.look(at(second * 1_000), &pairs(second * 1_000, &flags), &agreed()) {
            match decision {
                Decision::Nominate { pair, .. } => held = Some(pair),
                Decision::Select { .. } => moves.push(second),
            }
        }
    }
    // A second is one answer. The first selection is none of the moves.
    assert_eq!(moves, [1, 3, 14, 35, 76, 157, 318, 479]);
}

#[test]
fn a_policy_that_says_nothing_of_it_stays_where_it_is() {
    let mut nominator = Nominator::new(Role::Controlling, Nomination::Aggressive);
    let first = pairs(0, &[(true, 20), (false, 20)]);
    assert_eq!(nominator.look(at(0), &first, &agreed()), [select(1, Why::AlreadyNominated)]);
    assert_eq!(nominator.look(at(9_000), &pairs(9_000, &[(true, 900), (false, 20)]), &agreed()), []);
}

fn relayed(since: u64) -> ValidPair {
    ValidPair { kinds: (CandidateKind::Host, CandidateKind::Relayed), since: at(since), ..valid(1, 5) }
}

// proves: 8863-4-c
#[test]
fn a_relayed_pair_waits_four_round_trips_while_candidates_may_come_on_either_side() {
    for (local_gathering, remote_gathering) in [(true, false), (false, true), (true, true)] {
        let outlook = Outlook { local_gathering, remote_gathering, ..outlook(30, &[]) };
        let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
        assert_eq!(nominator.look(at(100), &[relayed(100)], &outlook), []);
        assert_eq!(nominator.poll_timeout(), Some(at(220)));
        let why = Why::NoneCame { round_trip: ms(30) };
        assert_eq!(nominator.look(at(220), &[relayed(100)], &outlook), [nominate(1, why)]);
    }
    // All have come.
    let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
    let look = nominator.look(at(100), &[relayed(100)], &outlook(30, &[]));
    assert_eq!(look, [nominate(1, Why::NothingBetter)]);
    // One has come: it has its turn and two round trips, as ever.
    let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
    let contenders = [contender(7, 4, floe_core::Turn::Expected(at(210)))];
    let outlook = Outlook { remote_gathering: true, ..outlook(30, &contenders) };
    assert_eq!(nominator.look(at(160), &[relayed(100)], &outlook), []);
    assert_eq!(nominator.poll_timeout(), Some(at(270)));
}

#[test]
fn a_relayed_pair_waits_for_a_more_direct_one_and_for_one_with_fewer_relays() {
    use CandidateKind::{Host, Relayed, ServerReflexive};
    let waits = |kinds, other| {
        let contenders = [Contender { kinds: other, ..contender(7, 9, floe_core::Turn::Expected(at(210))) }];
        let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
        let pair = ValidPair { kinds, ..valid(1, 5) };
        let look = nominator.look(at(100), &[pair], &outlook(30, &contenders));
        if !look.is_empty() {
            assert_eq!(look, [nominate(1, Why::NothingBetter)]);
        }
        look.is_empty()
    };
    assert!(waits((Host, Relayed), (Host, ServerReflexive)));
    assert!(waits((Relayed, Relayed), (Relayed, Host)));
    assert!(!waits((Host, Relayed), (Relayed, Host)));
    assert!(!waits((Relayed, Relayed), (Relayed, Relayed)));
    // Of two that are direct the one of higher priority is better, as ever.
    assert!(waits((Host, ServerReflexive), (Host, ServerReflexive)));
}

#[test]
fn a_direct_pair_and_one_through_a_nat_wait_for_no_candidate_to_come() {
    let outlook = Outlook { local_gathering: true, remote_gathering: true, ..outlook(30, &[]) };
    for kinds in [
        (CandidateKind::Host, CandidateKind::Host),
        (CandidateKind::PeerReflexive, CandidateKind::ServerReflexive),
    ] {
        let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
        let pair = ValidPair { kinds, ..valid(1, 5) };
        assert_eq!(nominator.look(at(0), &[pair], &outlook), [nominate(1, Why::NothingBetter)]);
    }
}

/// What a pair shows in one second: its round trip, how many of 16 requests were lost, and how it looks now.
#[derive(Debug, Clone, Copy)]
struct Showing {
    valid: bool,
    kinds: (CandidateKind, CandidateKind),
    quality: Quality,
}

fn showing() -> impl Strategy<Value = Showing> {
    let kind = prop_oneof![
        3 => Just(CandidateKind::Host),
        1 => Just(CandidateKind::ServerReflexive),
        1 => Just(CandidateKind::Relayed)
    ];
    let quality =
        (5u64..400, 0u64..40, 0u32..17, 0u32..6).prop_map(|(round_trip, variation, lost, latest)| {
            // Of the latest requests so many were lost, or else answered.
            let (silence, streak) =
                if lost % 2 == 0 { (0, latest.min(16 - lost)) } else { (latest.min(lost), 0) };
            let answered = 16 - lost;
            Quality { variation: ms(variation), answered, silence, streak, ..good(epoch(), round_trip) }
        });
    (prop::bool::weighted(0.95), kind, quality).prop_map(|(valid, kind, quality)| Showing {
        valid,
        kinds: (CandidateKind::Host, kind),
        quality,
    })
}

/// When the selection moved off a pair that was still valid, and how often off one that was not.
fn play(trace: &[[Showing; 3]]) -> (Vec<u64>, usize) {
    let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
    let (mut flagged, mut held) = (None, None);
    let (mut moves, mut forced) = (Vec::new(), 0);
    let mut since = [at(0); 3];
    let mut was = [false; 3];
    for (second, showings) in (0..).zip(trace) {
        let now = at(second * 1_000);
        let mut pairs = Vec::new();
        for (index, showing) in showings.iter().enumerate() {
            let id = u32::try_from(index).unwrap();
            if showing.valid && !was[index] {
                since[index] = now;
            }
            if !showing.valid && flagged == Some(PairId(id)) {
                flagged = None;
            }
            was[index] = showing.valid;
            let quality = Quality { latest: Some(now), ..showing.quality };
            let pair = ValidPair { kinds: showing.kinds, quality, since: since[index], ..valid(id, 9 - id) };
            pairs.extend(showing.valid.then_some(pair));
        }
        nominator.handle_timeout(now);
        for _ in 0..3 {
            for pair in &mut pairs {
                pair.nominated = flagged == Some(pair.id);
            }
            for decision in nominator.look(now, &pairs, &agreed()) {
                match decision {
                    Decision::Nominate { pair, .. } => flagged = Some(pair),
                    Decision::Select { pair, .. } => {
                        assert!(pairs.iter().any(|valid| valid.id == pair));
                        match held.replace(pair) {
                            Some(before) if pairs.iter().any(|valid| valid.id == before) => {
                                moves.push(second);
                            }
                            Some(_) => forced += 1,
                            None => {}
                        }
                    }
                }
            }
        }
        assert_eq!(nominator.selected(STREAM, RTP), held);
    }
    (moves, forced)
}

proptest! {
    #[test]
    fn whatever_is_measured_the_selection_never_flaps(
        trace in prop::collection::vec([showing(), showing(), showing()], 60..400),
    ) {
        let (moves, _) = play(&trace);
        for two in moves.windows(2) {
            prop_assert!(two[1] - two[0] >= 10, "{moves:?}");
        }
        for four in moves.windows(4) {
            prop_assert!(four[3] - four[0] > 60, "four within a minute: {moves:?}");
        }
        // 0, 10, 30, 70, 150, 310 s: in 400 s at most six.
        prop_assert!(moves.len() <= 6, "{moves:?}");
    }

    #[test]
    fn pairs_that_are_alike_but_for_their_jitter_stay_as_they_are(
        trace in prop::collection::vec([100u64..119, 100u64..119, 100u64..119], 60..200),
    ) {
        let kinds = (CandidateKind::Host, CandidateKind::Host);
        let showing = |round_trip| Showing { valid: true, kinds, quality: good(epoch(), round_trip) };
        let trace: Vec<_> = trace.into_iter().map(|times| times.map(showing)).collect();
        prop_assert_eq!(play(&trace), (vec![], 0));
    }
}

#[test]
fn the_random_traces_do_move() {
    let kinds = (CandidateKind::Host, CandidateKind::Host);
    let showing = |round_trip| Showing { valid: true, kinds, quality: good(epoch(), round_trip) };
    let turns = (0..400).map(|second| {
        let flip = second / 5 % 2 == 0;
        [showing(if flip { 20 } else { 300 }), showing(if flip { 300 } else { 20 }), showing(250)]
    });
    let (moves, forced) = play(&turns.collect::<Vec<_>>());
    assert_eq!((moves.first(), moves.len(), forced), (Some(&5), 6, 0), "{moves:?}");
}
