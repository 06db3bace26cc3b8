//! Failing pairs and lists, nominating, selecting (RFC 8445 7.2.5.2, 7.2.5.4, 8.1).

use std::time::Instant;

use floe_core::{BaseId, ComponentId, PairId, Role, StreamId};

use crate::{
    CheckSet, Command, Event, FailReason, ListFailReason, ListState,
    list::Patience,
    pair::{Membership, PairState},
};

impl CheckSet {
    /// Does what nomination decided.
    pub fn apply(&mut self, now: Instant, command: Command) {
        match command {
            Command::Nominate(pair) => self.nominate(pair),
            Command::Retire { stream, component, keep } => self.retire(now, stream, component, keep),
        }
    }

    /// RFC 8445 8.1.1: the check that made the pair valid is repeated with USE-CANDIDATE.
    fn nominate(&mut self, id: PairId) {
        let checked =
            self.pairs.get(id).and_then(|pair| pair.validity).map_or(id, |validity| validity.checked);
        let Some(pair) = self.pairs.get_mut(checked) else { return };
        if self.role == Role::Controlling && !pair.nominating {
            pair.nominating = true;
            self.nominations.push_back(checked);
        }
    }

    /// RFC 8445 8.1.2: the component is concluded.
    fn retire(&mut self, now: Instant, stream: StreamId, component: ComponentId, keep: PairId) {
        let checked =
            self.pairs.get(keep).and_then(|pair| pair.validity).map_or(keep, |validity| validity.checked);
        let Some(list) = self.lists.get_mut(&stream) else { return };
        let Some(state) = list.components.get_mut(&component) else { return };
        state.selected = Some(keep);
        let others: Vec<_> = self
            .pairs
            .iter()
            .filter(|pair| pair.ends.stream == stream && pair.ends.component == component)
            .filter(|pair| pair.id != keep && pair.id != checked && !pair.is_retired())
            .map(|pair| pair.id)
            .collect();
        for id in others {
            self.retire_pair(id);
        }
        self.update_list(now, stream);
    }

    /// Off the list and out of the queues; an answer that is still on its way is read, and resent is nothing.
    fn retire_pair(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get(id) else { return };
        let stream = pair.ends.stream;
        if let Some(transaction) = pair.transaction {
            self.transactions.stop_retransmitting(transaction);
        }
        self.pairs.set_membership(id, Membership::Retired);
        self.nominations.retain(|&queued| queued != id);
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.transaction = None;
            pair.nominating = false;
        }
        if let Some(list) = self.lists.get_mut(&stream) {
            list.untrigger(id);
        }
    }

    /// RFC 8445 7.2.5.2: the pair failed. Others of its foundation keep their state.
    pub(crate) fn fail(&mut self, now: Instant, id: PairId, why: FailReason) {
        let Some(pair) = self.pairs.get_mut(id) else { return };
        let (stream, component) = (pair.ends.stream, pair.ends.component);
        let was_nomination = std::mem::take(&mut pair.nominating) || pair.nominate_when_valid;
        let was_valid = pair.made.take();
        pair.transaction = None;
        pair.nominate_when_valid = false;
        self.nominations.retain(|&queued| queued != id);
        self.set_failed(id);
        if let Some(valid) = was_valid {
            self.invalidate(valid);
        }
        if let Some(list) = self.lists.get_mut(&stream) {
            list.untrigger(id);
            list.last_failure = Some(why);
        }
        self.out.events.push_back(Event::Failed { stream, component, pair: id, why });
        if let (true, Some(valid)) = (was_nomination, was_valid) {
            self.out.events.push_back(Event::NominationFailed { stream, component, pair: valid, why });
        }
        self.update_list(now, stream);
    }

    fn set_failed(&mut self, id: PairId) {
        if self.pairs.get(id).is_some_and(|pair| pair.state().may_become(PairState::Failed)) {
            self.pairs.set_state(id, PairState::Failed);
        }
    }

    /// RFC 8445 7.2.5.3.4: what a failed nominating check had made valid is so no more.
    fn invalidate(&mut self, valid: PairId) {
        let Some(pair) = self.pairs.get_mut(valid) else { return };
        pair.validity = None;
        pair.made = None;
        self.set_failed(valid);
    }

    /// A socket is gone: whatever left from it has failed.
    pub fn close_base(&mut self, now: Instant, base: BaseId) {
        let gone: Vec<_> = self
            .pairs
            .iter()
            .filter(|pair| pair.ends.base == base && pair.state() != PairState::Failed)
            .map(|pair| pair.id)
            .collect();
        self.locals.close(base);
        self.authenticated.retain(|&(of, _), _| of != base);
        for id in gone {
            self.fail(now, id, FailReason::BaseClosed);
        }
    }

    /// RFC 8445 7.2.5.4 and 8.1.2, RFC 8863 4: whether the list is completed, failed or runs on.
    pub(crate) fn update_list(&mut self, _now: Instant, stream: StreamId) {
        let Some(list) = self.lists.get(&stream) else { return };
        let concluded = !list.components.is_empty()
            && list.components.values().all(|component| component.selected.is_some());
        let next = match list.state {
            ListState::Running if concluded => ListState::Completed,
            ListState::Running if self.is_hopeless(stream) => ListState::Failed,
            ListState::Failed if !self.is_hopeless(stream) => ListState::Running,
            same => same,
        };
        self.set_list_state(stream, next);
    }

    fn set_list_state(&mut self, stream: StreamId, next: ListState) {
        let why = self.list_failure(stream);
        let Some(list) = self.lists.get_mut(&stream) else { return };
        if std::mem::replace(&mut list.state, next) == next {
            return;
        }
        self.out.events.push_back(match next {
            ListState::Completed => Event::ListCompleted(stream),
            ListState::Failed => Event::ListFailed { stream, why },
            ListState::Running => Event::ListResumed(stream),
        });
    }

    /// Whether some component has no valid pair and nothing can bring one: every check ended, patience as well. That
    /// patience also stands in for an end of candidates that never comes (RFC 8863 5).
    fn is_hopeless(&self, stream: StreamId) -> bool {
        let Some(list) = self.lists.get(&stream) else { return false };
        let open = [PairState::Frozen, PairState::Waiting, PairState::InProgress]
            .into_iter()
            .any(|state| self.pairs.count_in_state(stream, state) > 0);
        let has_valid = |component: &ComponentId| self.has_valid(stream, *component);
        list.patience == Patience::Over && !open && list.local_ended && !list.components.keys().all(has_valid)
    }

    fn has_valid(&self, stream: StreamId, component: ComponentId) -> bool {
        let here = |pair: &crate::pair::Pair| pair.ends.stream == stream && pair.ends.component == component;
        self.pairs.iter().any(|pair| here(pair) && pair.validity.is_some())
    }

    fn list_failure(&self, stream: StreamId) -> ListFailReason {
        let pairs = self.pairs.count_listed(stream);
        let last = self.lists.get(&stream).and_then(|list| list.last_failure);
        match last {
            Some(last) if pairs > 0 => ListFailReason::AllFailed { pairs, last },
            _ => ListFailReason::NoPairs(self.config.patience),
        }
    }
}
