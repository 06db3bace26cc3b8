//! Foundations of pairs, over all lists: the columns of the tables in RFC 8838 12.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use floe_core::{ComponentId, Foundation, PairId, PairPriority, StreamId};

use crate::{
    pair::{ColumnId, PairState},
    table::{Place, Rank},
};

/// The order within a foundation (RFC 8445 6.1.2.6): first list, lowest component, best pair.
type ColumnRank = (StreamId, ComponentId, Reverse<PairPriority>, PairId);

/// What a local and a remote candidate's foundation make together.
type Name = (Foundation, Foundation);

/// The pairs of one foundation on the check lists.
#[derive(Debug)]
struct Column {
    name: Name,
    /// How many pairs have this foundation, those on no check list among them.
    users: usize,
    members: BTreeSet<ColumnRank>,
    /// The frozen members, list by list in the order of checks.
    frozen: BTreeMap<StreamId, BTreeSet<Rank>>,
    /// How many are Waiting or In-Progress.
    active: usize,
    succeeded: usize,
}

impl Column {
    /// Of each list the frozen pair that is to be thawed first, if any may be (RFC 8445 6.1.4.2).
    fn thawable(&self) -> impl Iterator<Item = (StreamId, Rank)> + '_ {
        let idle = self.active == 0;
        let heads = self.frozen.iter().filter_map(|(&stream, ranks)| Some((stream, *ranks.first()?)));
        heads.filter(move |_| idle)
    }
}

/// All foundations; one is forgotten with its last pair.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    all: BTreeMap<ColumnId, Column>,
    names: BTreeMap<Name, ColumnId>,
    /// Of each list, what [`Column::thawable`] says for all foundations.
    thawable: BTreeMap<StreamId, BTreeSet<Rank>>,
    active: usize,
    next: u32,
}

impl Columns {
    /// One more pair has this foundation.
    pub(crate) fn join(&mut self, local: &Foundation, remote: &Foundation) -> ColumnId {
        let name = (local.clone(), remote.clone());
        let fresh = ColumnId(self.next);
        let id = *self.names.entry(name.clone()).or_insert(fresh);
        if id == fresh {
            self.next += 1;
        }
        let column = self.all.entry(id).or_insert_with(|| Column {
            name,
            users: 0,
            members: BTreeSet::new(),
            frozen: BTreeMap::new(),
            active: 0,
            succeeded: 0,
        });
        column.users += 1;
        id
    }

    /// One pair less has it.
    pub(crate) fn leave(&mut self, id: ColumnId) {
        let Some(column) = self.all.get_mut(&id) else { return };
        column.users = column.users.saturating_sub(1);
        if column.users == 0
            && let Some(column) = self.all.remove(&id)
        {
            self.names.remove(&column.name);
        }
    }

    /// A pair is on a check list now.
    pub(crate) fn add(&mut self, place: &Place) {
        let (key, rank) = (column_rank(place), place.rank());
        self.change(place.ranked.column, |column| {
            column.members.insert(key);
            match place.ranked.state {
                PairState::Frozen => drop(column.frozen.entry(place.stream).or_default().insert(rank)),
                PairState::Waiting | PairState::InProgress => column.active += 1,
                PairState::Succeeded => column.succeeded += 1,
                PairState::Failed => {}
            }
        });
    }

    /// A pair that was [added](Self::add) is on no check list, or in another place.
    pub(crate) fn remove(&mut self, place: &Place) {
        let (key, rank) = (column_rank(place), place.rank());
        self.change(place.ranked.column, |column| {
            column.members.remove(&key);
            match place.ranked.state {
                PairState::Frozen => {
                    if let Some(ranks) = column.frozen.get_mut(&place.stream) {
                        ranks.remove(&rank);
                    }
                }
                PairState::Waiting | PairState::InProgress => column.active -= 1,
                PairState::Succeeded => column.succeeded -= 1,
                PairState::Failed => {}
            }
        });
    }

    fn change(&mut self, id: ColumnId, change: impl FnOnce(&mut Column)) {
        let Some(column) = self.all.get_mut(&id) else { return };
        for (stream, rank) in column.thawable() {
            if let Some(ranks) = self.thawable.get_mut(&stream) {
                ranks.remove(&rank);
            }
        }
        self.active -= column.active;
        change(column);
        self.active += column.active;
        for (stream, rank) in column.thawable() {
            self.thawable.entry(stream).or_default().insert(rank);
        }
    }

    /// How many checks of all lists wait or are on their way (RFC 8445 14.3).
    pub(crate) const fn active(&self) -> usize {
        self.active
    }

    /// The best frozen pair of this list for each foundation that has nothing Waiting or In-Progress, the best first (RFC 8445
    /// 6.1.4.2).
    pub(crate) fn to_thaw(&self, stream: StreamId) -> impl Iterator<Item = PairId> + '_ {
        self.thawable.get(&stream).into_iter().flatten().map(|&(.., id)| id)
    }

    /// The frozen pairs of this foundation in all lists.
    pub(crate) fn frozen(&self, id: ColumnId) -> Vec<PairId> {
        let frozen = self.all.get(&id).into_iter().flat_map(|column| column.frozen.values().flatten());
        frozen.map(|&(.., id)| id).collect()
    }

    /// Whether a pair of this foundation has succeeded.
    pub(crate) fn has_succeeded(&self, id: ColumnId) -> bool {
        self.all.get(&id).is_some_and(|column| column.succeeded > 0)
    }

    /// The topmost pair of this foundation over all lists (RFC 8838 12).
    pub(crate) fn top(&self, id: ColumnId) -> Option<PairId> {
        self.all.get(&id)?.members.first().map(|&(.., id)| id)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.all.len(), self.names.len());
        self.all.len()
    }
}

fn column_rank(place: &Place) -> ColumnRank {
    (place.stream, place.component, Reverse(place.ranked.priority), place.id)
}
