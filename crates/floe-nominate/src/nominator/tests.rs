//! The nominator as the session sees it.

use std::time::Duration;

use floe_core::{Contender, Turn};

use super::*;
use crate::{
    Choice, Nomination,
    fixture::{RTP, STREAM, at, contender, nominated, nothing_else, outlook, rank, valid},
};

fn nominator(role: Role, nomination: Nomination) -> Nominator {
    Nominator::new(role, nomination)
}

fn controlling() -> Nominator {
    nominator(Role::Controlling, Nomination::Eager)
}

fn nominate(pair: u32, why: Why) -> Decision {
    let (pair, check) = (PairId(pair), PairId(pair + 100));
    Decision::Nominate { stream: STREAM, component: RTP, pair, check, why }
}

fn select(pair: u32, why: Why) -> Decision {
    Decision::Select { stream: STREAM, component: RTP, pair: PairId(pair), why }
}

fn sent(ms: u64) -> Turn {
    Turn::Sent(at(ms))
}

fn expected(ms: u64) -> Turn {
    Turn::Expected(at(ms))
}

#[test]
fn it_may_move_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&controlling());
}

#[test]
fn the_pair_whose_check_made_it_valid_is_the_one_to_check_again() {
    let decisions = controlling().look(at(0), &[valid(1, 9), valid(2, 5)], &nothing_else());
    assert_eq!(decisions, [nominate(1, Why::NothingBetter)]);
}

#[test]
fn a_pair_that_is_not_valid_yet_is_compared_with_the_one_that_was_checked() {
    // A contender of priority 7 would make a valid pair of less, as the checked one of 8 has made one of 5.
    let pair = ValidPair { checked_priority: rank(8), ..valid(1, 5) };
    let look = |contenders: &[Contender]| {
        controlling().look(at(0), std::slice::from_ref(&pair), &outlook(30, contenders))
    };
    assert_eq!(look(&[contender(7, 7, expected(50))]), [nominate(1, Why::NothingBetter)]);
    assert_eq!(look(&[contender(7, 9, expected(50))]), []);
}

#[test]
fn nothing_valid_is_nothing_to_decide() {
    for nomination in [Nomination::Regular, Nomination::Eager, Nomination::Aggressive] {
        let mut nominator = nominator(Role::Controlling, nomination);
        assert_eq!(nominator.look(at(0), &[], &nothing_else()), []);
        assert_eq!(nominator.poll_timeout(), None);
    }
}

#[test]
fn eager_gives_a_better_pair_its_turn_and_two_round_trips_to_the_microsecond() {
    for (turn, end) in [(sent(5), 25), (expected(55), 75)] {
        let mut nominator = controlling();
        let outlook = outlook(10, &[contender(7, 9, turn)]);
        assert_eq!(nominator.look(at(12), &[valid(1, 5)], &outlook), []);
        assert_eq!(nominator.poll_timeout(), Some(at(end)));

        let almost = at(end) - Duration::from_micros(1);
        nominator.handle_timeout(almost);
        assert_eq!(nominator.due(), None, "1 us before the end");
        assert_eq!(nominator.look(almost, &[valid(1, 5)], &outlook), []);

        nominator.handle_timeout(at(end));
        assert_eq!(nominator.due(), Some((STREAM, RTP)));
        assert_eq!(nominator.due(), None);
        assert_eq!(nominator.poll_timeout(), None);
        let why = Why::WaitEnded { contender: PairId(7), round_trip: Duration::from_millis(10) };
        assert_eq!(nominator.look(at(end), &[valid(1, 5)], &outlook), [nominate(1, why)]);
    }
}

#[test]
fn eager_waits_for_the_last_of_several_better_pairs_and_for_no_worse_one() {
    let contenders = [
        contender(7, 9, sent(5)),
        contender(8, 8, expected(50)),
        contender(9, 7, sent(1)),
        contender(2, 4, expected(900)),
    ];
    let mut nominator = controlling();
    assert_eq!(nominator.look(at(12), &[valid(1, 5)], &outlook(10, &contenders)), []);
    assert_eq!(nominator.poll_timeout(), Some(at(70)));
    // The last of them failed.
    let contenders = [contenders[0], contenders[2]];
    assert_eq!(nominator.look(at(13), &[valid(1, 5)], &outlook(10, &contenders)), []);
    assert_eq!(nominator.poll_timeout(), Some(at(25)));
    // All of them failed.
    let decisions = nominator.look(at(14), &[valid(1, 5)], &nothing_else());
    assert_eq!(decisions, [nominate(1, Why::NothingBetter)]);
    assert_eq!(nominator.poll_timeout(), None);
}

#[test]
fn eager_measures_by_the_pairs_where_the_component_has_no_round_trip() {
    let contenders = [contender(7, 9, sent(5))];
    let unmeasured = Outlook { round_trip: None, ..outlook(0, &contenders) };
    let measured = |ms| ValidPair { rtt: Some(Duration::from_millis(ms)), ..valid(1, 5) };
    let mut nominator = controlling();
    assert_eq!(nominator.look(at(6), &[measured(3)], &unmeasured), []);
    assert_eq!(nominator.poll_timeout(), Some(at(11)));
    // No measure at all: it had its turn.
    let why = Why::WaitEnded { contender: PairId(7), round_trip: Duration::ZERO };
    assert_eq!(controlling().look(at(6), &[valid(1, 5)], &unmeasured), [nominate(1, why)]);
}

#[test]
fn regular_waits_until_every_better_pair_is_decided() {
    let mut nominator = nominator(Role::Controlling, Nomination::Regular);
    let better = outlook(10, &[contender(7, 9, sent(0))]);
    for now in [1, 1_000, 30_000] {
        assert_eq!(nominator.look(at(now), &[valid(1, 5)], &better), []);
        assert_eq!(nominator.poll_timeout(), None, "the checks have timeouts of their own");
    }
    let worse = outlook(10, &[contender(2, 4, sent(0))]);
    assert_eq!(nominator.look(at(39_500), &[valid(1, 5)], &worse), [nominate(1, Why::NothingBetter)]);
}

#[test]
fn aggressive_selects_what_its_checks_nominated_and_moves_up() {
    let mut nominator = nominator(Role::Controlling, Nomination::Aggressive);
    let first = [nominated(2, 5)];
    assert_eq!(nominator.look(at(1), &first, &nothing_else()), [select(2, Why::AlreadyNominated)]);
    let both = [nominated(1, 9), nominated(2, 5)];
    let why = Why::BetterNominated { than: PairId(2) };
    assert_eq!(nominator.look(at(2), &both, &nothing_else()), [select(1, why)]);
    assert_eq!(nominator.look(at(3), &both, &nothing_else()), []);
}

#[test]
fn aggressive_nominates_what_became_valid_in_the_other_role() {
    let mut nominator = nominator(Role::Controlled, Nomination::Aggressive);
    assert_eq!(nominator.look(at(1), &[valid(1, 9)], &nothing_else()), []);
    nominator.set_role(Role::Controlling);
    assert_eq!(nominator.look(at(2), &[valid(1, 9)], &nothing_else()), [nominate(1, Why::NothingBetter)]);
}

#[test]
fn the_reason_of_the_nomination_is_that_of_the_selection() {
    let mut nominator = controlling();
    let outlook = outlook(10, &[contender(7, 9, sent(0))]);
    let why = Why::WaitEnded { contender: PairId(7), round_trip: Duration::from_millis(10) };
    assert_eq!(nominator.look(at(20), &[valid(1, 5)], &outlook), [nominate(1, why)]);
    assert_eq!(nominator.selected(STREAM, RTP), None);
    assert_eq!(nominator.look(at(30), &[nominated(1, 5)], &outlook), [select(1, why)]);
    assert_eq!(nominator.selected(STREAM, RTP), Some(PairId(1)));
}

#[test]
fn a_better_pair_that_comes_later_is_not_nominated_as_well() {
    let mut nominator = controlling();
    assert_eq!(nominator.look(at(0), &[valid(1, 5)], &nothing_else()).len(), 1);
    // While the nomination is under way.
    assert_eq!(nominator.look(at(1), &[valid(3, 9), valid(1, 5)], &nothing_else()), []);
    let after = [valid(3, 9), nominated(1, 5)];
    assert_eq!(nominator.look(at(2), &after, &nothing_else()), [select(1, Why::NothingBetter)]);
    // After it has succeeded.
    assert_eq!(nominator.look(at(3), &after, &nothing_else()), []);
    // Not even when the selected pair is gone: that takes a restart.
    assert_eq!(nominator.look(at(4), &[valid(3, 9)], &nothing_else()), []);
    assert_eq!(nominator.selected(STREAM, RTP), Some(PairId(1)));
    assert_eq!(nominator.poll_timeout(), None);
}

#[test]
fn a_failed_nomination_lets_it_choose_again_but_not_the_same() {
    let mut nominator = controlling();
    let pairs = [valid(1, 9), valid(2, 5)];
    assert_eq!(nominator.look(at(0), &pairs, &nothing_else()), [nominate(1, Why::NothingBetter)]);
    nominator.nomination_failed(STREAM, RTP, PairId(102));
    assert_eq!(nominator.due(), None, "another pair's failure is no matter");
    nominator.nomination_failed(STREAM, RTP, PairId(101));
    assert_eq!(nominator.due(), Some((STREAM, RTP)));
    assert_eq!(nominator.look(at(1), &pairs, &nothing_else()), [nominate(2, Why::NothingBetter)]);
    nominator.nomination_failed(STREAM, RTP, PairId(102));
    assert_eq!(nominator.look(at(2), &pairs, &nothing_else()), []);
    // Valid anew.
    let again = [ValidPair { since: at(3), ..valid(1, 9) }, valid(2, 5)];
    assert_eq!(nominator.look(at(3), &again, &nothing_else()), [nominate(1, Why::NothingBetter)]);
    nominator.nomination_failed(STREAM, RTP, PairId(101));
    assert_eq!(nominator.look(at(4), &again, &nothing_else()), []);
    // Valid by another check.
    let otherwise = ValidPair { checked: PairId(1), ..again[0].clone() };
    let (stream, component, pair, why) = (STREAM, RTP, PairId(1), Why::NothingBetter);
    let again = Decision::Nominate { stream, component, pair, check: PairId(1), why };
    assert_eq!(nominator.look(at(5), &[otherwise], &nothing_else()), [again]);
}

#[test]
fn a_nomination_whose_pair_is_gone_counts_as_failed() {
    let mut nominator = controlling();
    assert_eq!(nominator.look(at(0), &[valid(1, 9)], &nothing_else()).len(), 1);
    assert_eq!(nominator.look(at(1), &[valid(2, 5)], &nothing_else()), [nominate(2, Why::NothingBetter)]);
    // Told late, of a pair that is not the chosen one any more.
    nominator.nomination_failed(STREAM, RTP, PairId(101));
    assert_eq!(nominator.due(), None);
    // Gone and back again: its nominating check is not on its way any more.
    let back = ValidPair { since: at(2), ..valid(2, 5) };
    assert_eq!(nominator.look(at(2), &[back], &nothing_else()), [nominate(2, Why::NothingBetter)]);
}

#[test]
fn the_controlled_side_decides_nothing_until_the_peer_nominates() {
    let mut nominator = nominator(Role::Controlled, Nomination::Eager);
    let outlook = outlook(10, &[contender(7, 9, sent(0))]);
    assert_eq!(nominator.look(at(0), &[valid(1, 9), valid(2, 5)], &outlook), []);
    assert_eq!(nominator.poll_timeout(), None);
    let pairs = [valid(1, 9), nominated(2, 5)];
    assert_eq!(nominator.look(at(1), &pairs, &outlook), [select(2, Why::PeerNominated)]);
}

#[test]
fn the_controlled_side_selects_the_best_that_is_nominated_and_only_moves_up() {
    let mut nominator = nominator(Role::Controlled, Nomination::Eager);
    let two = [valid(1, 9), nominated(2, 5), nominated(3, 4)];
    assert_eq!(nominator.look(at(0), &two, &nothing_else()), [select(2, Why::PeerNominated)]);
    let same = [nominated(2, 5), nominated(4, 5), nominated(3, 4)];
    assert_eq!(nominator.look(at(1), &same, &nothing_else()), [], "one of equal priority");
    let three = [nominated(1, 9), nominated(2, 5)];
    let why = Why::BetterNominated { than: PairId(2) };
    assert_eq!(nominator.look(at(2), &three, &nothing_else()), [select(1, why)]);
    let lost = Why::SelectedLost { lost: PairId(1) };
    assert_eq!(nominator.look(at(3), &[nominated(2, 5)], &nothing_else()), [select(2, lost)]);
    assert_eq!(nominator.look(at(4), &[], &nothing_else()), []);
    assert_eq!(nominator.selected(STREAM, RTP), Some(PairId(2)));
}

#[test]
fn losing_control_drops_the_intent_and_follows_what_the_peer_nominated() {
    let mut nominator = controlling();
    nominator.review(at(0), STREAM, RTP, &[valid(1, 9)], &nothing_else());
    nominator.set_role(Role::Controlled);
    assert_eq!(nominator.poll_decision(), None, "it was not fetched yet, and is not wanted any more");
    assert_eq!(nominator.due(), Some((STREAM, RTP)));
    assert_eq!(nominator.look(at(1), &[valid(1, 9)], &nothing_else()), []);
    let pairs = [valid(1, 9), nominated(2, 5)];
    assert_eq!(nominator.look(at(2), &pairs, &nothing_else()), [select(2, Why::PeerNominated)]);
}

#[test]
fn losing_control_stops_the_wait() {
    let mut nominator = controlling();
    nominator.look(at(0), &[valid(1, 5)], &outlook(10, &[contender(7, 9, sent(0))]));
    assert!(nominator.poll_timeout().is_some());
    nominator.set_role(Role::Controlled);
    assert_eq!(nominator.poll_timeout(), None);
}

#[test]
fn gaining_control_decides_and_keeps_what_is_selected() {
    let mut nominator = nominator(Role::Controlled, Nomination::Eager);
    nominator.look(at(0), &[valid(1, 9)], &nothing_else());
    nominator.review(at(0), STREAM, ComponentId::RTCP, &[nominated(5, 9)], &nothing_else());
    assert!(nominator.poll_decision().is_some());
    nominator.set_role(Role::Controlling);
    nominator.set_role(Role::Controlling);
    assert_eq!(
        [nominator.due(), nominator.due(), nominator.due()],
        [Some((STREAM, RTP)), Some((STREAM, ComponentId::RTCP)), None]
    );
    assert_eq!(nominator.look(at(1), &[valid(1, 9)], &nothing_else()), [nominate(1, Why::NothingBetter)]);
    nominator.review(at(1), STREAM, ComponentId::RTCP, &[nominated(5, 9), valid(6, 10)], &nothing_else());
    assert_eq!(nominator.poll_decision(), None);
    assert_eq!(nominator.selected(STREAM, ComponentId::RTCP), Some(PairId(5)));
}

#[test]
fn a_nomination_not_fetched_is_taken_back_when_it_fails() {
    let mut nominator = controlling();
    nominator.review(at(0), STREAM, RTP, &[valid(1, 9)], &nothing_else());
    nominator.review(at(0), STREAM, RTP, &[valid(2, 5)], &nothing_else());
    assert_eq!(nominator.poll_decision(), Some(nominate(2, Why::NothingBetter)));
    assert_eq!(nominator.poll_decision(), None);
    nominator.review(at(1), STREAM, RTP, &[], &nothing_else());
    nominator.review(at(1), STREAM, RTP, &[valid(3, 9)], &nothing_else());
    nominator.nomination_failed(STREAM, RTP, PairId(103));
    assert_eq!(nominator.poll_decision(), None);
}

#[test]
fn components_are_decided_apart_and_forgotten_by_stream() {
    let mut nominator = controlling();
    let (one, two) = (StreamId(1), ComponentId::RTCP);
    nominator.review(at(0), one, two, &[valid(1, 9)], &nothing_else());
    let better = outlook(10, &[contender(7, 9, sent(0))]);
    assert_eq!(nominator.look(at(0), &[valid(2, 5)], &better).len(), 1, "only the other component's");
    assert_eq!(nominator.poll_timeout(), Some(at(20)));
    nominator.handle_timeout(at(20));
    nominator.forget(STREAM);
    assert_eq!((nominator.due(), nominator.poll_timeout()), (None, None));
    nominator.review(at(21), one, two, &[nominated(1, 9)], &nothing_else());
    nominator.forget(one);
    assert_eq!((nominator.poll_decision(), nominator.selected(one, two)), (None, None));
}

/// Answers what it was made with.
#[derive(Debug)]
struct Says(Choice);

impl Policy for Says {
    fn choose(&mut self, _now: Instant, _valid: &[ValidPair], _outlook: &Outlook) -> Choice {
        self.0
    }
}

#[test]
fn a_policy_may_choose_by_its_own_lights_but_only_what_is_valid() {
    let choose = |choice: Choice, contenders: &[Contender]| {
        let policy: Box<dyn Policy> = Box::new(Says(choice));
        let mut nominator = Nominator::new(Role::Controlling, policy);
        let decisions = nominator.look(at(5), &[valid(1, 9), valid(2, 5)], &outlook(10, contenders));
        (decisions, nominator.poll_timeout())
    };
    assert_eq!(choose(Choice::Nominate(PairId(2)), &[]), (vec![nominate(2, Why::Policy)], None));
    let pending = [contender(7, 10, sent(5))];
    assert_eq!(choose(Choice::Nominate(PairId(1)), &pending), (vec![nominate(1, Why::Policy)], None));
    assert_eq!(choose(Choice::Nominate(PairId(77)), &[]), (vec![], None));
    assert_eq!(choose(Choice::WaitUntil(at(6)), &[]), (vec![], Some(at(6))));
    assert_eq!(
        choose(Choice::WaitUntil(at(5)), &[]),
        (vec![], None),
        "asking again at once brings nothing new"
    );
    assert_eq!(choose(Choice::Wait, &[]), (vec![], None));
    assert!(rank(9) > rank(5));
}
