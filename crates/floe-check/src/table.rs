//! All pairs of the set, with the orders that scheduling asks for kept as they change: finding the next check, the
//! worst pair or the frozen ones of a foundation never walks the whole set.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Instant,
};

use floe_core::{BaseId, ComponentId, Foundation, PairId, PairPriority, StreamId};

use crate::pair::{ColumnId, Ends, Membership, Pair, PairCounters, PairState, Ranked};

/// The order of checks within a list (RFC 8445 6.1.4.2): best first, the lower component where priorities are equal.
type Rank = (Reverse<PairPriority>, ComponentId, PairId);

/// The order within a foundation (RFC 8445 6.1.2.6): first list, lowest component, best pair.
type ColumnRank = (StreamId, ComponentId, Reverse<PairPriority>, PairId);

/// The pairs of one foundation over all lists (the column of RFC 8838 12).
#[derive(Debug, Default)]
struct Column {
    frozen: BTreeSet<ColumnRank>,
    /// How many are Waiting or In-Progress.
    active: usize,
    succeeded: usize,
    members: BTreeSet<ColumnRank>,
}

#[derive(Debug, Default)]
pub(crate) struct PairTable {
    pairs: BTreeMap<PairId, Pair>,
    /// The pairs on a check list or retired from it, by what they send from and to.
    by_path: BTreeMap<(BaseId, SocketAddr), PairId>,
    /// The pairs on a check list by list and state, best first.
    ranks: BTreeMap<(StreamId, PairState), BTreeSet<Rank>>,
    columns: BTreeMap<ColumnId, Column>,
    column_names: BTreeMap<(Foundation, Foundation), ColumnId>,
    next: u32,
}

impl PairTable {
    /// The column of these two foundations.
    pub(crate) fn column(&mut self, local: &Foundation, remote: &Foundation) -> ColumnId {
        let next = ColumnId(u32::try_from(self.column_names.len()).unwrap_or(u32::MAX));
        *self.column_names.entry((local.clone(), remote.clone())).or_insert(next)
    }

    pub(crate) fn insert(&mut self, ends: Ends, ranked: Ranked) -> PairId {
        let id = PairId(self.next);
        self.next += 1;
        if ranked.membership != Membership::ValidOnly {
            self.by_path.insert((ends.base, ends.to), id);
        }
        let pair = Pair {
            id,
            ends,
            ranked,
            transaction: None,
            first_sent: None,
            last_request: None,
            nominate_when_valid: false,
            nominating: false,
            made: None,
            validity: None,
            counts: PairCounters::default(),
        };
        self.index(&pair);
        self.pairs.insert(id, pair);
        id
    }

    pub(crate) fn remove(&mut self, id: PairId) -> Option<Pair> {
        let pair = self.pairs.remove(&id)?;
        self.unindex(&pair);
        let path = (pair.ends.base, pair.ends.to);
        if self.by_path.get(&path) == Some(&id) {
            self.by_path.remove(&path);
        }
        Some(pair)
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

    pub(crate) fn set_state(&mut self, id: PairId, state: PairState) {
        self.rerank(id, |ranked| {
            debug_assert!(
                ranked.state == state || ranked.state.may_become(state),
                "{id}: {} to {state}",
                ranked.state
            );
            ranked.state = state;
        });
    }

    pub(crate) fn set_membership(&mut self, id: PairId, membership: Membership) {
        self.rerank(id, |ranked| ranked.membership = membership);
    }

    pub(crate) fn set_rank(&mut self, id: PairId, priority: PairPriority, column: ColumnId) {
        self.rerank(id, |ranked| {
            ranked.priority = priority;
            ranked.column = column;
        });
    }

    fn rerank(&mut self, id: PairId, change: impl FnOnce(&mut Ranked)) {
        let Some(mut pair) = self.pairs.remove(&id) else { return };
        self.unindex(&pair);
        change(&mut pair.ranked);
        self.index(&pair);
        self.pairs.insert(id, pair);
    }

    fn index(&mut self, pair: &Pair) {
        if !pair.is_listed() {
            return;
        }
        self.ranks.entry((pair.ends.stream, pair.state())).or_default().insert(rank(pair));
        let column = self.columns.entry(pair.ranked.column).or_default();
        column.members.insert(column_rank(pair));
        match pair.state() {
            PairState::Frozen => drop(column.frozen.insert(column_rank(pair))),
            PairState::Waiting | PairState::InProgress => column.active += 1,
            PairState::Succeeded => column.succeeded += 1,
            PairState::Failed => {}
        }
    }

    fn unindex(&mut self, pair: &Pair) {
        if !pair.is_listed() {
            return;
        }
        if let Some(ranks) = self.ranks.get_mut(&(pair.ends.stream, pair.state())) {
            ranks.remove(&rank(pair));
        }
        let Some(column) = self.columns.get_mut(&pair.ranked.column) else { return };
        column.members.remove(&column_rank(pair));
        match pair.state() {
            PairState::Frozen => drop(column.frozen.remove(&column_rank(pair))),
            PairState::Waiting | PairState::InProgress => column.active = column.active.saturating_sub(1),
            PairState::Succeeded => column.succeeded = column.succeeded.saturating_sub(1),
            PairState::Failed => {}
        }
    }

    /// The pairs of a list in this state, best first.
    pub(crate) fn in_state(
        &self,
        stream: StreamId,
        state: PairState,
    ) -> impl DoubleEndedIterator<Item = PairId> + '_ {
        self.ranks.get(&(stream, state)).into_iter().flatten().map(|&(_, _, id)| id)
    }

    pub(crate) fn count_in_state(&self, stream: StreamId, state: PairState) -> usize {
        self.ranks.get(&(stream, state)).map_or(0, BTreeSet::len)
    }

    /// How many pairs the check list of this stream holds.
    pub(crate) fn count_listed(&self, stream: StreamId) -> usize {
        PairState::ALL.into_iter().map(|state| self.count_in_state(stream, state)).sum()
    }

    /// How many checks of all lists wait or are on their way (RFC 8445 14.3).
    pub(crate) fn count_active(&self) -> usize {
        self.columns.values().map(|column| column.active).sum()
    }

    /// The best frozen pair of this list whose foundation has nothing Waiting or In-Progress (RFC 8445 6.1.4.2).
    pub(crate) fn first_to_thaw(&self, stream: StreamId) -> Option<PairId> {
        let idle = |id: &PairId| {
            let column = self.get(*id).and_then(|pair| self.columns.get(&pair.ranked.column));
            column.is_some_and(|column| column.active == 0)
        };
        self.in_state(stream, PairState::Frozen).find(idle)
    }

    /// The frozen pairs of this foundation in all lists.
    pub(crate) fn frozen_in(&self, column: ColumnId) -> Vec<PairId> {
        let Some(column) = self.columns.get(&column) else { return Vec::new() };
        column.frozen.iter().map(|&(.., id)| id).collect()
    }

    /// Whether a pair of this foundation has succeeded.
    pub(crate) fn has_succeeded(&self, column: ColumnId) -> bool {
        self.columns.get(&column).is_some_and(|column| column.succeeded > 0)
    }

    /// The topmost pair of this foundation over all lists, if it is frozen (RFC 8838 12).
    pub(crate) fn frozen_top(&self, column: ColumnId) -> Option<PairId> {
        let column = self.columns.get(&column)?;
        let top = column.members.first()?;
        column.frozen.contains(top).then_some(top.3)
    }

    /// No nominating check of ours is under way any more: the role has changed.
    pub(crate) fn forget_nominations(&mut self) {
        for pair in self.pairs.values_mut() {
            pair.nominating = false;
        }
    }

    pub(crate) fn first_sent(&self, id: PairId) -> Option<Instant> {
        self.get(id)?.first_sent
    }
}

fn rank(pair: &Pair) -> Rank {
    (Reverse(pair.priority()), pair.ends.component, pair.id)
}

fn column_rank(pair: &Pair) -> ColumnRank {
    (pair.ends.stream, pair.ends.component, Reverse(pair.priority()), pair.id)
}
