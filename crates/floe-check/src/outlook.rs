//! What the checks of a component may still bring, and when: the evidence that nomination decides on.

use std::{cmp::Reverse, collections::BTreeMap, time::Instant};

use floe_core::{Candidate, CandidateKind, ComponentId, Contender, Outlook, PairId, StreamId, Turn, address};

use crate::{
    CheckSet,
    candidates::Local,
    pair::{ColumnId, Pair, PairState},
};

impl CheckSet {
    /// What the checks of a component may still bring.
    #[must_use]
    pub fn outlook(&self, now: Instant, stream: StreamId, component: ComponentId) -> Outlook {
        let Some(list) = self.lists.get(&stream) else { return Outlook::default() };
        let sent = self.pairs.in_state(stream, PairState::InProgress).map(|id| {
            let first_sent = self.pairs.get(id).and_then(|pair| pair.first_sent);
            (id, Turn::Sent(first_sent.unwrap_or(now)))
        });
        let turns: BTreeMap<_, _> = sent.chain(self.expected_turns(now, stream)).collect();
        let open = turns.into_iter().filter_map(|(id, turn)| Some((self.pairs.get(id)?, turn)));
        let mut contenders: Vec<_> = open
            .filter(|(pair, _)| pair.ends.component == component && pair.is_open())
            .filter(|(pair, _)| !self.is_long_shot(pair))
            .filter_map(|(pair, turn)| {
                let kinds = self.kinds(&pair.ends)?;
                Some(Contender { pair: pair.id, priority: pair.priority(), kinds, turn })
            })
            .collect();
        contenders.sort_by_key(|contender| Reverse((contender.priority, contender.pair)));
        let known = list.components.get(&component);
        let measured = self.pairs.valid(stream, component).filter_map(|id| self.least_round_trip(id)).max();
        let seen = || known.and_then(|component| component.round_trip.or(component.bound));
        Outlook {
            contenders,
            round_trip: measured.or_else(seen),
            local_gathering: !list.local_ended,
            remote_gathering: !list.remote_ended,
            renomination: list.renomination,
        }
    }

    /// Whether a pair seldom leads anywhere: between link-local addresses, or from a public relay to an address of some network
    /// of its own.
    fn is_long_shot(&self, pair: &Pair) -> bool {
        let to = pair.ends.to.ip();
        let local = self.locals.get(pair.ends.local).map(Local::candidate);
        let relay = local.filter(|local| local.kind() == CandidateKind::Relayed);
        let is_public =
            |relay: &Candidate| relay.socket_addr().is_some_and(|at| !address::is_private(at.ip()));
        address::is_link_local(to) || (address::is_private(to) && relay.is_some_and(is_public))
    }

    /// The pairs of a list whose checks are still to be sent, with about the time when they will be: one slot for each
    /// check before them, times the lists that take turns.
    ///
    /// A frozen pair whose foundation has a check on its way, in whatever list, gets no slot before that is answered or
    /// given up. Its slots count from when that was sent: a check that stays without an answer speaks against its
    /// foundation, and its expected turn must not move on for as long as that takes to time out.
    fn expected_turns(&self, now: Instant, stream: StreamId) -> impl Iterator<Item = (PairId, Turn)> + '_ {
        let lists =
            self.rotation().into_iter().filter(|&s| s == stream || self.has_next_of(s)).count().max(1);
        let nominations = self.nominations.len();
        let sent = self.latest_of_foundations();
        self.order_of_checks(stream).enumerate().map(move |(before, pair)| {
            let slots = u32::try_from((before + 1) * lists + nominations).unwrap_or(u32::MAX);
            let from = self.blocked_since(pair, &sent).unwrap_or(now);
            (pair, Turn::Expected(from + self.config.ta.saturating_mul(slots)))
        })
    }

    /// When the latest of the checks under way of each foundation was first sent, over all lists.
    fn latest_of_foundations(&self) -> BTreeMap<ColumnId, Instant> {
        let in_progress = |&stream: &StreamId| self.pairs.in_state(stream, PairState::InProgress);
        let pairs = self.lists.keys().flat_map(in_progress).filter_map(|id| self.pairs.get(id));
        let mut latest = BTreeMap::new();
        for (column, at) in pairs.filter_map(|pair| Some((pair.ranked.column, pair.first_sent?))) {
            let known = latest.entry(column).or_insert(at);
            *known = at.max(*known);
        }
        latest
    }

    /// Since when a frozen pair waits for a check of its foundation.
    fn blocked_since(&self, id: PairId, sent: &BTreeMap<ColumnId, Instant>) -> Option<Instant> {
        let pair = self.pairs.get(id).filter(|pair| pair.state() == PairState::Frozen)?;
        sent.get(&pair.ranked.column).copied()
    }

    /// RFC 8445 6.1.4.2: the triggered checks, the waiting pairs, the frozen ones.
    fn order_of_checks(&self, stream: StreamId) -> impl Iterator<Item = PairId> + '_ {
        let triggered = self.lists.get(&stream).map(|list| &list.triggered);
        let queued = move |id: PairId| triggered.is_some_and(|queue| queue.contains(id));
        let waiting = self.pairs.in_state(stream, PairState::Waiting).filter(move |&id| !queued(id));
        let open = |id: &PairId| self.pairs.get(*id).is_some_and(Pair::is_open);
        let triggered = triggered.into_iter().flat_map(crate::queue::Queue::iter).filter(open);
        triggered.chain(waiting).chain(self.pairs.in_state(stream, PairState::Frozen))
    }
}
