//! Valid pairs kept warm beside the selected one, so that data can move to them at once: their NAT bindings stay, their
//! consent is fresh and their round trip is known.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use floe_core::{ComponentId, PairId, StreamId};
use rand::RngExt as _;

use crate::{
    CheckSet, ListState,
    list::CheckList,
    pair::{Pair, PairState},
    queue::Queue,
};

/// From one check of a warm pair to the next, in nanoseconds: as often as consent is asked for (RFC 7675 5.1).
const INTERVAL: RangeInclusive<u64> = 4_000_000_000..=6_000_000_000;

type Purpose = (StreamId, ComponentId);

#[derive(Debug, Default)]
pub(crate) struct Warm {
    /// When the warm pairs of a component are checked next.
    next: BTreeMap<Purpose, Instant>,
    /// The pairs whose check waits for a slot.
    due: Queue,
    /// Those that data waits for: they come first.
    urgent: Queue,
}

impl Warm {
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next.values().min().copied()
    }

    pub(crate) fn remove(&mut self, pair: PairId) {
        self.due.remove(pair);
        self.urgent.remove(pair);
    }
}

impl CheckSet {
    /// The valid pairs of a component that are kept warm: the best one, and of the others first those that share no end
    /// with the selected pair, so that what breaks that one leaves them whole. Both sides come to the same, for they rank
    /// pairs alike.
    ///
    /// None where a second nomination was not agreed on, and before a pair is selected.
    #[must_use]
    pub fn warm(&self, stream: StreamId, component: ComponentId) -> Vec<PairId> {
        let alive = |list: &&CheckList| list.renomination && list.state != ListState::Failed;
        let Some(list) = self.lists.get(&stream).filter(alive) else { return Vec::new() };
        let selected = list.components.get(&component).and_then(|component| component.selected);
        let Some(selected) = selected.and_then(|id| self.pairs.get(id)) else { return Vec::new() };
        let other = |pair: &&Pair| self.checked_of(pair.id) != self.checked_of(selected.id);
        let valid = self.pairs.valid(stream, component).filter_map(|id| self.pairs.get(id));
        let mut others: Vec<_> = valid.filter(other).collect();
        if let Some(rest) = others.get_mut(1..) {
            rest.sort_by_key(|pair| (shared_ends(pair, selected), Reverse(pair.priority())));
        }
        others.iter().take(self.config.max_warm).map(|pair| pair.id).collect()
    }

    /// From now on the pairs of this component are kept warm, if they are to be.
    pub(crate) fn keep_warm(&mut self, now: Instant, key: Purpose) {
        if self.may_renominate(key.0) && self.config.max_warm > 0 && !self.config.lite {
            let next = now + self.warm_interval();
            self.warm.next.entry(key).or_insert(next);
        }
    }

    fn warm_interval(&mut self) -> Duration {
        Duration::from_nanos(self.rng.random_range(INTERVAL))
    }

    pub(crate) fn handle_warm_timeout(&mut self, now: Instant) {
        let due: Vec<_> = self.warm.next.iter().filter(|(_, at)| **at <= now).map(|(&key, _)| key).collect();
        for key in due {
            let next = now + self.warm_interval();
            self.warm.next.insert(key, next);
            let checked = self.warm(key.0, key.1).into_iter().filter_map(|id| self.checked_of(id));
            for id in checked.collect::<Vec<_>>() {
                self.warm.due.push(id);
            }
        }
    }

    /// Checks the pair again soon, unless a check of it is under way.
    pub(crate) fn confirm(&mut self, id: PairId) {
        if let Some(checked) = self.checked_of(id).filter(|&checked| self.wants_warming(checked)) {
            self.warm.urgent.push(checked);
        }
    }

    /// Whether a valid pair is to be checked now.
    pub(crate) fn has_warm(&self) -> bool {
        self.warm.urgent.iter().chain(self.warm.due.iter()).any(|id| self.wants_warming(id))
    }

    /// Whether data waits for one of them.
    pub(crate) fn has_warm_urgent(&self) -> bool {
        self.warm.urgent.iter().any(|id| self.wants_warming(id))
    }

    pub(crate) fn next_urgent(&mut self) -> Option<PairId> {
        self.next_idle(|warm| &mut warm.urgent)
    }

    pub(crate) fn next_warm(&mut self) -> Option<PairId> {
        self.next_idle(|warm| &mut warm.due)
    }

    fn next_idle(&mut self, queue: fn(&mut Warm) -> &mut Queue) -> Option<PairId> {
        while let Some(id) = queue(&mut self.warm).pop() {
            if self.wants_warming(id) {
                return Some(id);
            }
        }
        None
    }

    /// One that another check is under way for needs none, and one that has failed gets none.
    fn wants_warming(&self, id: PairId) -> bool {
        let idle = |pair: &Pair| pair.transaction.is_none() && !pair.nominating && pair.is_listed();
        self.pairs.get(id).is_some_and(|pair| idle(pair) && pair.state() == PairState::Succeeded)
    }
}

/// How many of its two ends a pair has in common with another.
fn shared_ends(pair: &Pair, other: &Pair) -> u8 {
    u8::from(pair.ends.base == other.ends.base) + u8::from(pair.ends.to == other.ends.to)
}
