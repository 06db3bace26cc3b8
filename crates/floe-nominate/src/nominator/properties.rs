//! Whatever happens, in whatever order: what always holds.

use std::time::Duration;

use floe_core::Turn;
use proptest::prelude::*;

use super::*;
use crate::{
    Nomination,
    fixture::{RTP, STREAM, contender, epoch, outlook, rank, valid},
};

const PAIRS: usize = 5;
const ROUND_TRIP: u64 = 10;

/// What may happen to the pairs of a component. The numbers name pairs.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Pass(u64),
    Sent(usize),
    Validated(usize),
    Failed(usize),
    /// The nominating check on its way was answered, if there is one.
    Answered,
    /// It was not.
    Unanswered,
    PeerNominates(usize),
    Role(Role),
}

fn happening() -> impl Strategy<Value = Happening> {
    let pair = 0..PAIRS;
    prop_oneof![
        4 => (1u64..30).prop_map(Happening::Pass),
        3 => pair.clone().prop_map(Happening::Sent),
        4 => pair.clone().prop_map(Happening::Validated),
        2 => pair.clone().prop_map(Happening::Failed),
        1 => Just(Happening::Answered),
        2 => Just(Happening::Unanswered),
        1 => pair.prop_map(Happening::PeerNominates),
        1 => prop_oneof![Just(Role::Controlling), Just(Role::Controlled)].prop_map(Happening::Role),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pair {
    Open(Turn),
    Valid { since: Instant, nominated: bool },
    Failed,
}

/// One component, played by the rules that floe-check follows.
struct World {
    now: Instant,
    role: Role,
    pairs: [Pair; PAIRS],
    nominator: Nominator,
    nominating: Option<usize>,
    selected: Option<usize>,
    nominated: u32,
}

/// Pair 0 has the highest priority.
fn priority(pair: usize) -> u32 {
    u32::try_from(PAIRS - pair).unwrap()
}

fn id(pair: usize) -> PairId {
    PairId(u32::try_from(pair).unwrap())
}

impl World {
    fn new(role: Role) -> Self {
        let turn = |pair: usize| Turn::Expected(epoch() + Duration::from_millis(50 * pair as u64));
        Self {
            now: epoch(),
            role,
            pairs: std::array::from_fn(|pair| Pair::Open(turn(pair))),
            nominator: Nominator::new(role, Nomination::Eager),
            nominating: None,
            selected: None,
            nominated: 0,
        }
    }

    fn valid(&self) -> Vec<ValidPair> {
        let views = self.pairs.iter().enumerate().filter_map(|(pair, state)| match *state {
            Pair::Valid { since, nominated } => {
                Some(ValidPair { since, nominated, ..valid(id(pair).0, priority(pair)) })
            }
            _ => None,
        });
        views.collect()
    }

    fn outlook(&self) -> Outlook {
        let contenders = self.pairs.iter().enumerate().filter_map(|(pair, state)| match *state {
            Pair::Open(turn) => Some(contender(id(pair).0, priority(pair), turn)),
            _ => None,
        });
        outlook(ROUND_TRIP, &contenders.collect::<Vec<_>>())
    }

    fn apply(&mut self, happening: Happening) {
        match happening {
            Happening::Pass(ms) => self.now += Duration::from_millis(ms),
            Happening::Sent(pair) => {
                if let Pair::Open(turn @ Turn::Expected(_)) = &mut self.pairs[pair] {
                    *turn = Turn::Sent(self.now);
                }
            }
            Happening::Validated(pair) => {
                if !matches!(self.pairs[pair], Pair::Valid { .. }) {
                    self.pairs[pair] = Pair::Valid { since: self.now, nominated: false };
                }
            }
            Happening::Failed(pair) => self.pairs[pair] = Pair::Failed,
            Happening::Answered => self.answered(),
            Happening::Unanswered => {
                if let Some(pair) = self.nominating.take() {
                    self.pairs[pair] = Pair::Failed;
                    self.nominator.nomination_failed(STREAM, RTP, PairId(id(pair).0 + 100));
                }
            }
            Happening::PeerNominates(pair) => {
                if let (Role::Controlled, Pair::Valid { nominated, .. }) = (self.role, &mut self.pairs[pair])
                {
                    *nominated = true;
                }
            }
            Happening::Role(role) => {
                self.nominating = self.nominating.filter(|_| role == self.role);
                self.role = role;
                self.nominator.set_role(role);
            }
        }
    }

    fn answered(&mut self) {
        if let Some(pair) = self.nominating
            && let Pair::Valid { nominated, .. } = &mut self.pairs[pair]
        {
            *nominated = true;
            self.nominated += 1;
        }
    }

    /// What the session does after each happening.
    fn turn_the_crank(&mut self) {
        self.nominator.handle_timeout(self.now);
        while self.nominator.due().is_some() {}
        self.nominator.review(self.now, STREAM, RTP, &self.valid(), &self.outlook());
        if let Some(pair) = self.nominating
            && !matches!(self.pairs[pair], Pair::Valid { .. })
        {
            self.nominating = None;
        }
        while let Some(decision) = self.nominator.poll_decision() {
            match decision {
                Decision::Nominate { pair, check, .. } => self.must_nominate(pair.0 as usize, check),
                Decision::Select { pair, .. } => self.must_select(pair.0 as usize),
            }
        }
    }

    fn must_nominate(&mut self, pair: usize, check: PairId) {
        assert_eq!(self.role, Role::Controlling);
        assert_eq!(self.nominating, None, "a second nomination while one is under way");
        assert_eq!(self.selected, None, "a nomination after the selection");
        assert!(matches!(self.pairs[pair], Pair::Valid { nominated: false, .. }), "{pair} is not valid");
        assert_eq!(check, PairId(id(pair).0 + 100));
        self.nominating = Some(pair);
    }

    fn must_select(&mut self, pair: usize) {
        assert!(matches!(self.pairs[pair], Pair::Valid { nominated: true, .. }), "{pair} is not nominated");
        if let Some(before) = self.selected {
            // To a controlled side a later nomination may have taken the place of the one before.
            let follows = self.role == Role::Controlled;
            let lost = match self.pairs[before] {
                Pair::Valid { nominated, .. } => follows && !nominated,
                _ => true,
            };
            assert!(lost || rank(priority(pair)) > rank(priority(before)), "from {before} back to {pair}");
        }
        self.selected = Some(pair);
        self.nominating = None;
    }

    /// Eager, once more, from its definition: is there still anything to wait for?
    fn check_eagerness(&self) {
        let best = self.pairs.iter().position(|pair| matches!(pair, Pair::Valid { .. }));
        let open = self.role == Role::Controlling && self.selected.is_none() && self.nominating.is_none();
        let (Some(best), true) = (best, open) else { return };
        let ends = self.pairs[..best].iter().filter_map(|pair| match pair {
            Pair::Open(turn) => Some(turn.at() + Duration::from_millis(2 * ROUND_TRIP)),
            _ => None,
        });
        let end = ends.max().expect("nothing to wait for, and nothing nominated");
        assert!(end > self.now, "the wait is over, and nothing nominated");
        assert_eq!(self.nominator.poll_timeout(), Some(end));
    }
}

proptest! {
    #[test]
    fn one_nomination_at_a_time_one_success_and_a_selection_that_only_rises(
        role in prop_oneof![Just(Role::Controlling), Just(Role::Controlled)],
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let mut world = World::new(role);
        world.turn_the_crank();
        for happening in happenings {
            world.apply(happening);
            world.turn_the_crank();
            world.check_eagerness();
            prop_assert!(world.nominated <= 1);
            prop_assert_eq!(world.nominator.selected(STREAM, RTP), world.selected.map(id));
        }
    }

    #[test]
    fn a_due_time_is_never_in_the_past(
        happenings in prop::collection::vec(happening(), 0..40),
    ) {
        let mut world = World::new(Role::Controlling);
        for happening in happenings {
            world.apply(happening);
            world.turn_the_crank();
            prop_assert!(world.nominator.poll_timeout().is_none_or(|at| at > world.now));
        }
    }
}
