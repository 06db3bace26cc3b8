//! All pairs of the set, with the orders that scheduling asks for kept as they change: finding the next check, the
//! worst pair, the valid ones of a component or the frozen ones of a foundation never walks the whole set.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use floe_core::{BaseId, ComponentId, Foundation, PairId, PairPriority, StreamId};

use crate::{
    candidates::{LocalId, RemoteId},
    columns::Columns,
    pair::{ColumnId, Ends, Membership, Pair, PairState, Ranked, Validity},
};

/// The order of checks within a list (RFC 8445 6.1.4.2): best first, the lower component where priorities are equal.
pub(crate) type Rank = (Reverse<PairPriority>, ComponentId, PairId);

/// What the indexes know of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) id: PairId,
    pub(crate) stream: StreamId,
    pub(crate) component: ComponentId,
    pub(crate) ranked: Ranked,
    valid: bool,
}

impl Place {
    fn of(pair: &Pair) -> Self {
        Self {
            id: pair.id,
            stream: pair.ends.stream,
            component: pair.ends.component,
            ranked: pair.ranked,
            valid: pair.validity().is_some(),
        }
    }

    pub(crate) const fn rank(&self) -> Rank {
        (Reverse(self.ranked.priority), self.component, self.id)
    }
}

/// A pair to be.
pub(crate) struct NewPair<'a> {
    pub(crate) ends: Ends,
    pub(crate) foundations: (&'a Foundation, &'a Foundation),
    pub(crate) priority: PairPriority,
    pub(crate) state: PairState,
    pub(crate) membership: Membership,
}

#[derive(Debug, Default)]
pub(crate) struct PairTable {
    pairs: BTreeMap<PairId, Pair>,
    /// The pairs on a check list or retired from it, by what they send from and to.
    by_path: BTreeMap<(BaseId, SocketAddr), PairId>,
    by_ends: BTreeMap<(RemoteId, LocalId), PairId>,
    /// The pairs on a check list by list and state, best first.
    ranks: BTreeMap<(StreamId, PairState), BTreeSet<Rank>>,
    /// The valid pairs that are not retired, by component, best first.
    valid: BTreeMap<(StreamId, ComponentId), BTreeSet<Rank>>,
    columns: Columns,
    next: u32,
}

impl PairTable {
    pub(crate) fn insert(&mut self, new: NewPair<'_>) -> PairId {
        let NewPair { ends, foundations: (local, remote), priority, state, membership } = new;
        let id = PairId(self.next);
        self.next += 1;
        let column = self.columns.join(local, remote);
        if membership != Membership::ValidOnly {
            self.by_path.insert((ends.base, ends.to), id);
        }
        self.by_ends.insert((ends.remote, ends.local), id);
        let pair = Pair::new(id, ends, Ranked { state, priority, column, membership });
        self.index(&Place::of(&pair));
        self.pairs.insert(id, pair);
        id
    }

    pub(crate) fn remove(&mut self, id: PairId) -> Option<Pair> {
        let pair = self.pairs.remove(&id)?;
        self.unindex(&Place::of(&pair));
        self.columns.leave(pair.ranked.column);
        let path = (pair.ends.base, pair.ends.to);
        if self.by_path.get(&path) == Some(&id) {
            self.by_path.remove(&path);
        }
        self.by_ends.remove(&(pair.ends.remote, pair.ends.local));
        Some(pair)
    }

    /// A restart has ended the generation of the pair: only its id leads to it from now on.
    pub(crate) fn detach(&mut self, id: PairId) {
        let Some(ends) = self.get(id).map(|pair| pair.ends.clone()) else { return };
        self.set_membership(id, Membership::Former);
        let path = (ends.base, ends.to);
        if self.by_path.get(&path) == Some(&id) {
            self.by_path.remove(&path);
        }
        self.by_ends.remove(&(ends.remote, ends.local));
    }

    pub(crate) fn get(&self, id: PairId) -> Option<&Pair> {
        self.pairs.get(&id)
    }

    /// For what no index depends on; [`Self::set_state`] and its kin are for the rest.
    pub(crate) fn get_mut(&mut self, id: PairId) -> Option<&mut Pair> {
        self.pairs.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.values()
    }

    pub(crate) fn on_path(&self, base: BaseId, to: SocketAddr) -> Option<PairId> {
        self.by_path.get(&(base, to)).copied()
    }

    pub(crate) fn with_ends(&self, local: LocalId, remote: RemoteId) -> Option<PairId> {
        self.by_ends.get(&(remote, local)).copied()
    }

    /// The pairs of a remote candidate.
    pub(crate) fn of_remote(&self, remote: RemoteId) -> Vec<PairId> {
        let pairs = self.by_ends.range((remote, LocalId::MIN)..=(remote, LocalId::MAX));
        pairs.map(|(_, &id)| id).collect()
    }

    pub(crate) fn set_state(&mut self, id: PairId, state: PairState) {
        self.rearrange(id, |pair| {
            debug_assert!(
                pair.state() == state || pair.state().may_become(state),
                "{id}: {} to {state}",
                pair.state()
            );
            pair.ranked.state = state;
        });
    }

    pub(crate) fn set_membership(&mut self, id: PairId, membership: Membership) {
        self.rearrange(id, |pair| pair.ranked.membership = membership);
    }

    /// Puts the pair on the valid list, or takes it off.
    pub(crate) fn set_validity(&mut self, id: PairId, validity: Option<Validity>) {
        self.rearrange(id, |pair| pair.set_validity(validity));
    }

    pub(crate) fn set_rank(
        &mut self,
        id: PairId,
        priority: PairPriority,
        (local, remote): (&Foundation, &Foundation),
    ) {
        let Some(before) = self.get(id).map(|pair| pair.ranked.column) else { return };
        // Joined before the old one is left, so that a column with one pair only is not made anew.
        let column = self.columns.join(local, remote);
        self.rearrange(id, |pair| {
            pair.ranked.priority = priority;
            pair.ranked.column = column;
        });
        self.columns.leave(before);
    }

    fn rearrange(&mut self, id: PairId, change: impl FnOnce(&mut Pair)) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        let before = Place::of(pair);
        change(pair);
        let after = Place::of(pair);
        if before != after {
            self.unindex(&before);
            self.index(&after);
        }
    }

    fn index(&mut self, place: &Place) {
        let Place { stream, component, ranked, valid, .. } = *place;
        if ranked.membership == Membership::Listed {
            self.ranks.entry((stream, ranked.state)).or_default().insert(place.rank());
            self.columns.add(place);
        }
        if valid && matches!(ranked.membership, Membership::Listed | Membership::ValidOnly) {
            self.valid.entry((stream, component)).or_default().insert(place.rank());
        }
    }

    fn unindex(&mut self, place: &Place) {
        let Place { stream, component, ranked, .. } = *place;
        if ranked.membership == Membership::Listed {
            if let Some(ranks) = self.ranks.get_mut(&(stream, ranked.state)) {
                ranks.remove(&place.rank());
            }
            self.columns.remove(place);
        }
        if let Some(ranks) = self.valid.get_mut(&(stream, component)) {
            ranks.remove(&place.rank());
        }
    }

    /// The pairs of a list in this state, best first.
    pub(crate) fn in_state(
        &self,
        stream: StreamId,
        state: PairState,
    ) -> impl DoubleEndedIterator<Item = PairId> + '_ {
        self.ranks.get(&(stream, state)).into_iter().flatten().map(|&(.., id)| id)
    }

    pub(crate) fn count_in_state(&self, stream: StreamId, state: PairState) -> usize {
        self.ranks.get(&(stream, state)).map_or(0, BTreeSet::len)
    }

    /// How many pairs the check list of this stream holds.
    pub(crate) fn count_listed(&self, stream: StreamId) -> usize {
        PairState::ALL.into_iter().map(|state| self.count_in_state(stream, state)).sum()
    }

    /// The valid pairs of a component, best first.
    pub(crate) fn valid(
        &self,
        stream: StreamId,
        component: ComponentId,
    ) -> impl Iterator<Item = PairId> + '_ {
        self.valid.get(&(stream, component)).into_iter().flatten().map(|&(.., id)| id)
    }

    /// Whether a pair is among the [valid ones](Self::valid) of a component.
    pub(crate) fn is_valid(&self, stream: StreamId, component: ComponentId, id: PairId) -> bool {
        let of = self.get(id).filter(|pair| pair.validity().is_some() && !pair.is_retired());
        of.is_some_and(|pair| (pair.ends.stream, pair.ends.component) == (stream, component))
    }

    /// How many checks of all lists wait or are on their way (RFC 8445 14.3).
    pub(crate) const fn count_active(&self) -> usize {
        self.columns.active()
    }

    /// The best frozen pair of this list for each foundation that has nothing Waiting or In-Progress, the best first (RFC 8445
    /// 6.1.4.2).
    pub(crate) fn to_thaw(&self, stream: StreamId) -> impl Iterator<Item = PairId> + '_ {
        self.columns.to_thaw(stream)
    }

    /// The frozen pairs of this foundation in all lists.
    pub(crate) fn frozen_in(&self, column: ColumnId) -> Vec<PairId> {
        self.columns.frozen(column)
    }

    /// Whether a pair of this foundation has succeeded.
    pub(crate) fn has_succeeded(&self, column: ColumnId) -> bool {
        self.columns.has_succeeded(column)
    }

    /// The topmost pair of this foundation over all lists, if it is frozen (RFC 8838 12).
    pub(crate) fn frozen_top(&self, column: ColumnId) -> Option<PairId> {
        let top = self.columns.top(column)?;
        self.get(top).filter(|pair| pair.state() == PairState::Frozen).map(|pair| pair.id)
    }

    /// No nomination is under way any more, ours or the peer's: the roles have changed.
    pub(crate) fn forget_nominations(&mut self) {
        for pair in self.pairs.values_mut() {
            pair.nominating = false;
            pair.nominate_when_valid = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use floe_core::{Priority, Role};
    use proptest::prelude::*;

    use super::*;

    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn validity() -> Validity {
        Validity { checked: PairId(0), since: Instant::now(), nominated: false }
    }

    fn priority(n: u32) -> PairPriority {
        let priority = Priority::from_raw(1 + n).unwrap();
        PairPriority::of(Role::Controlling, priority, priority)
    }

    fn foundation(n: u32) -> Foundation {
        Foundation::from(n % 3)
    }

    /// A table, and beside each pair the foundations it was given.
    #[derive(Default)]
    struct Model {
        table: PairTable,
        foundations: BTreeMap<PairId, (Foundation, Foundation)>,
    }

    /// What to do, to which pair, and how.
    type Op = (u8, u8, u32);

    impl Model {
        fn step(&mut self, (what, which, how): Op) {
            let all: Vec<_> = self.foundations.keys().copied().collect();
            let Some(&id) = all.get(usize::from(which) % all.len().max(1)).filter(|_| what % 8 > 1) else {
                return self.insert(how);
            };
            match what % 8 {
                2 | 3 => self.move_on(id, PairState::ALL[how as usize % 5]),
                4 => {
                    let memberships = [Membership::Listed, Membership::ValidOnly, Membership::Retired];
                    self.table.set_membership(id, memberships[how as usize % 3]);
                }
                5 => self.table.set_validity(id, how.is_multiple_of(2).then(validity)),
                6 => {
                    let foundations = (foundation(how), foundation(how / 3));
                    self.table.set_rank(id, priority(how % 7), (&foundations.0, &foundations.1));
                    self.foundations.insert(id, foundations);
                }
                _ => {
                    self.table.remove(id);
                    self.foundations.remove(&id);
                }
            }
        }

        fn move_on(&mut self, id: PairId, state: PairState) {
            if self.table.get(id).unwrap().state().may_become(state) {
                self.table.set_state(id, state);
            }
        }

        fn insert(&mut self, how: u32) {
            let (local, remote) = (LocalId::nth(how % 4), RemoteId::nth(how / 4 % 4));
            if self.table.with_ends(local, remote).is_some() {
                return;
            }
            let ends = Ends {
                stream: StreamId(how % 2),
                component: ComponentId::new(u16::try_from(1 + how / 2 % 2).unwrap()).unwrap(),
                local,
                remote,
                base: BaseId(how % 4),
                to: SocketAddr::from(([10, 0, 0, 1], u16::try_from(how / 4 % 4).unwrap())),
            };
            let foundations = (foundation(how / 5), foundation(how / 7));
            let state = if how.is_multiple_of(3) { PairState::Waiting } else { PairState::Frozen };
            let id = self.table.insert(NewPair {
                ends,
                foundations: (&foundations.0, &foundations.1),
                priority: priority(how % 7),
                state,
                membership: Membership::Listed,
            });
            self.foundations.insert(id, foundations);
        }

        /// The ids of the listed pairs for which the answer is yes, by this order.
        fn listed<K: Ord>(&self, which: impl Fn(&Pair) -> bool, order: impl Fn(&Pair) -> K) -> Vec<PairId> {
            let mut pairs: Vec<_> = self.table.iter().filter(|p| p.is_listed() && which(p)).collect();
            pairs.sort_by_key(|pair| order(pair));
            pairs.iter().map(|pair| pair.id).collect()
        }

        fn check(&self) {
            let by_rank = |pair: &Pair| (Reverse(pair.priority()), pair.ends.component, pair.id);
            let table = &self.table;
            for stream in [0, 1].map(StreamId) {
                for state in PairState::ALL {
                    let here = self.listed(|p| p.ends.stream == stream && p.state() == state, by_rank);
                    assert_eq!(table.in_state(stream, state).collect::<Vec<_>>(), here);
                    assert_eq!(table.count_in_state(stream, state), here.len());
                }
                let active = |pair: &Pair| matches!(pair.state(), PairState::Waiting | PairState::InProgress);
                let idle = |pair: &Pair| {
                    let same = |other: &Pair| self.foundations[&other.id] == self.foundations[&pair.id];
                    self.listed(|other| same(other) && active(other), by_rank).is_empty()
                };
                let frozen = |p: &Pair| p.ends.stream == stream && p.state() == PairState::Frozen;
                let mut thawable = self.listed(|pair| frozen(pair) && idle(pair), by_rank);
                // The best of each foundation.
                let mut seen = BTreeSet::new();
                thawable.retain(|&id| seen.insert(table.get(id).unwrap().ranked.column));
                assert_eq!(table.to_thaw(stream).collect::<Vec<_>>(), thawable);
                assert_eq!(
                    table.count_listed(stream),
                    self.listed(|p| p.ends.stream == stream, by_rank).len()
                );
                for component in [ComponentId::RTP, ComponentId::RTCP] {
                    let here = |p: &&Pair| (p.ends.stream, p.ends.component) == (stream, component);
                    let valid =
                        table.iter().filter(here).filter(|p| p.validity().is_some() && !p.is_retired());
                    let mut valid: Vec<_> = valid.collect();
                    valid.sort_by_key(|pair| by_rank(pair));
                    let valid: Vec<_> = valid.iter().map(|pair| pair.id).collect();
                    assert_eq!(table.valid(stream, component).collect::<Vec<_>>(), valid);
                    let one_by_one = table.iter().map(|pair| pair.id);
                    let mut one_by_one: Vec<_> =
                        one_by_one.filter(|&id| table.is_valid(stream, component, id)).collect();
                    one_by_one.sort_by_key(|&id| by_rank(table.get(id).unwrap()));
                    assert_eq!(one_by_one, valid);
                }
            }
            self.check_columns();
            for pair in table.iter() {
                assert_eq!(table.with_ends(pair.ends.local, pair.ends.remote), Some(pair.id));
                assert!(table.of_remote(pair.ends.remote).contains(&pair.id));
            }
        }

        fn check_columns(&self) {
            let active = |pair: &Pair| matches!(pair.state(), PairState::Waiting | PairState::InProgress);
            assert_eq!(self.table.count_active(), self.listed(active, |pair| pair.id).len());
            let names: BTreeSet<_> = self.foundations.values().collect();
            assert_eq!(self.table.columns.len(), names.len(), "a foundation is forgotten with its last pair");
            for pair in self.table.iter() {
                let same = |other: &Pair| self.foundations[&other.id] == self.foundations[&pair.id];
                let column = pair.ranked.column;
                let order = |p: &Pair| (p.ends.stream, p.ends.component, Reverse(p.priority()), p.id);
                let members = self.listed(same, order);
                let frozen = |p: &Pair| same(p) && p.state() == PairState::Frozen;
                let mut found = self.table.frozen_in(column);
                found.sort();
                assert_eq!(found, self.listed(frozen, |p| p.id));
                let succeeded = |p: &Pair| same(p) && p.state() == PairState::Succeeded;
                assert_eq!(self.table.has_succeeded(column), !self.listed(succeeded, |p| p.id).is_empty());
                let top = members.first().filter(|id| self.table.get(**id).is_some_and(frozen));
                assert_eq!(self.table.frozen_top(column), top.copied());
            }
        }
    }

    proptest! {
        #[test]
        fn every_index_says_what_a_walk_over_all_pairs_would(
            ops in prop::collection::vec(any::<Op>(), 1..60),
        ) {
            let mut model = Model::default();
            for op in ops {
                model.step(op);
                model.check();
            }
            // With the last pair everything is gone.
            for id in model.foundations.keys() {
                prop_assert!(model.table.remove(*id).is_some());
            }
            prop_assert_eq!((model.table.columns.len(), model.table.count_active()), (0, 0));
            prop_assert!(model.table.by_path.is_empty() && model.table.by_ends.is_empty());
            prop_assert!(model.table.ranks.values().all(BTreeSet::is_empty));
            prop_assert!(model.table.valid.values().all(BTreeSet::is_empty));
        }
    }

    #[test]
    fn a_pair_off_the_check_list_is_found_by_its_path_only_where_it_was_on_it() {
        let mut table = PairTable::default();
        let ends = |local| Ends {
            stream: StreamId(0),
            component: ComponentId::RTP,
            local: LocalId::nth(local),
            remote: RemoteId::nth(0),
            base: BaseId(0),
            to: SocketAddr::from(([10, 0, 0, 1], 1)),
        };
        let insert = |table: &mut PairTable, local, membership| {
            let name = Foundation::from(1);
            table.insert(NewPair {
                ends: ends(local),
                foundations: (&name, &name),
                priority: priority(1),
                state: PairState::Frozen,
                membership,
            })
        };
        let listed = insert(&mut table, 0, Membership::Listed);
        let reflexive = insert(&mut table, 1, Membership::ValidOnly);
        let path = |table: &PairTable| table.on_path(BaseId(0), SocketAddr::from(([10, 0, 0, 1], 1)));
        assert_eq!(path(&table), Some(listed));
        table.set_membership(listed, Membership::Retired);
        assert_eq!(path(&table), Some(listed));
        table.remove(reflexive);
        assert_eq!(path(&table), Some(listed));
        table.remove(listed);
        assert_eq!(path(&table), None);
        assert_eq!(insert(&mut table, 0, Membership::Listed), PairId(2), "an id is never used twice");
    }
}
