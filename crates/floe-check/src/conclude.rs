//! Failing pairs and lists, nominating, selecting (RFC 8445 7.2.5.2, 7.2.5.4, 8.1).

use std::{net::IpAddr, time::Instant};

use floe_core::{BaseId, ComponentId, PairId, Role, StreamId};

use crate::{
    CheckSet, Command, Event, FailReason, ListFailReason, ListState,
    list::Component,
    pair::{Membership, Pair, PairState},
};

impl CheckSet {
    /// Does what nomination decided.
    pub fn apply(&mut self, now: Instant, command: Command) {
        match command {
            Command::Nominate(pair) => self.nominate(pair),
            Command::Use { stream, component, pair } => self.use_pair(now, stream, component, pair),
            Command::Confirm(pair) => self.confirm(pair),
            Command::Retire { stream, component, keep } => self.retire(now, stream, component, keep),
        }
    }

    /// RFC 8445 8.1.1: the check that made a pair valid is repeated with USE-CANDIDATE. What made none valid, or is not
    /// ours to nominate, is not.
    fn nominate(&mut self, checked: PairId) {
        let Some(pair) = self.pairs.get_mut(checked) else { return };
        // A retired pair keeps its place among the valid ones when the check behind it fails later.
        let works = pair.is_listed() && pair.state() == PairState::Succeeded && pair.made.is_some();
        if self.role == Role::Controlling && works && !pair.nominating && !self.config.lite {
            pair.nominating = true;
            self.nominations.push(checked);
        }
    }

    /// The pair whose check made this one valid, or that is such a pair itself.
    pub(crate) fn checked_of(&self, id: PairId) -> Option<PairId> {
        let pair = self.pairs.get(id)?;
        pair.validity().map(|validity| validity.checked).or(pair.made.map(|_| id))
    }

    /// RFC 8445 8.1.2: the component is concluded.
    fn retire(&mut self, now: Instant, stream: StreamId, component: ComponentId, keep: PairId) {
        if !self.pairs.is_valid(stream, component, keep) {
            return;
        }
        let (Some(checked), Some(selected)) = (self.checked_of(keep), self.pairs.get(keep)) else { return };
        let others: Vec<_> = self
            .pairs
            .iter()
            .filter(|pair| pair.ends.stream == stream && pair.ends.component == component)
            .filter(|pair| pair.id != keep && pair.id != checked)
            .filter(|pair| !pair.is_retired() && !pair.is_former())
            .filter(|pair| !self.may_overtake(pair, selected))
            .map(|pair| pair.id)
            .collect();
        let Some(list) = self.lists.get_mut(&stream) else { return };
        // Where another may still be nominated they go on.
        let others = if list.renomination { Vec::new() } else { others };
        if let Some(component) = list.components.get_mut(&component) {
            component.selected = Some(keep);
        }
        for id in others {
            self.retire_pair(id);
        }
        self.keep_warm(now, (stream, component));
        self.update_list(now, stream);
    }

    /// Off the list and out of the queues; an answer that is still on its way is read, and resent is nothing.
    fn retire_pair(&mut self, id: PairId) {
        self.pairs.set_membership(id, Membership::Retired);
        self.leave_queues(id);
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.nominating = false;
        }
    }

    /// Nothing more is sent for the pair.
    fn leave_queues(&mut self, id: PairId) {
        self.nominations.remove(id);
        self.warm.remove(id);
        let Some(pair) = self.pairs.get_mut(id) else { return };
        if let Some(transaction) = pair.transaction.take() {
            self.transactions.stop_retransmitting(transaction);
        }
        if let Some(list) = self.lists.get_mut(&pair.ends.stream) {
            list.triggered.remove(id);
        }
    }

    /// RFC 8445 7.2.5.2: the pair failed. Others of its foundation keep their state; what its checks had made valid is
    /// so no more (7.2.5.3.4).
    pub(crate) fn fail(&mut self, now: Instant, id: PairId, why: FailReason) {
        self.leave_queues(id);
        let nomination = self.end_nomination(id);
        let lost = self.resting_on(id);
        let Some(pair) = self.pairs.get_mut(id) else { return };
        let (stream, component, former) = (pair.ends.stream, pair.ends.component, pair.is_former());
        pair.made = None;
        self.set_failed(id);
        self.out.events.push_back(Event::Failed { stream, component, pair: id, why });
        if nomination {
            self.out.events.push_back(Event::NominationFailed { stream, component, check: id, why });
        }
        for (valid, checked) in lost {
            self.set_failed(valid);
            if valid != id && self.pairs.get(valid).is_some_and(Pair::is_listed) {
                self.out.events.push_back(Event::Failed { stream, component, pair: valid, why });
            }
            if self.end_nomination(checked) {
                self.out.events.push_back(Event::NominationFailed { stream, component, check: checked, why });
            }
        }
        // What ends a path of the generation before says nothing of this one's list.
        let list = self.lists.get_mut(&stream).filter(|_| !former);
        if let Some(component) = list.and_then(|list| list.components.get_mut(&component)) {
            component.last_failure = Some(why);
        }
        self.update_list(now, stream);
    }

    /// No nomination of the pair is awaited any more; says whether one of this side was.
    fn end_nomination(&mut self, id: PairId) -> bool {
        let Some(pair) = self.pairs.get_mut(id) else { return false };
        pair.nominate_when_valid = false;
        std::mem::take(&mut pair.nominating)
    }

    /// The valid pairs that fall with this one: itself, and those that its checks made valid; each with its checked one.
    fn resting_on(&self, id: PairId) -> Vec<(PairId, PairId)> {
        // Most that fail never were answered: for those the valid list need not be looked through.
        let may_hold = |pair: &&Pair| pair.counts.responses_received > 0 || pair.validity().is_some();
        let Some(pair) = self.pairs.get(id).filter(may_hold) else { return Vec::new() };
        let valid = self.pairs.valid(pair.ends.stream, pair.ends.component);
        valid
            .filter_map(|valid| Some((valid, self.checked_of(valid)?)))
            .filter(|&(valid, checked)| valid == id || checked == id)
            .collect()
    }

    fn set_failed(&mut self, id: PairId) {
        self.pairs.set_validity(id, None);
        if self.pairs.get(id).is_some_and(|pair| pair.state().may_become(PairState::Failed)) {
            self.pairs.set_state(id, PairState::Failed);
        }
    }

    /// A socket is gone: whatever left from it has failed.
    pub fn close_base(&mut self, now: Instant, base: BaseId) {
        self.locals.close(base);
        self.consents.close(base);
        self.nat64.remove(&base);
        self.remotes.forget_crowds(|of| of == base);
        for list in self.lists.values_mut() {
            list.forget_base(base);
        }
        self.transactions.retain(|check| check.base != base);
        let gone = |pair: &&Pair| pair.rests_on(base) && pair.state() != PairState::Failed;
        let gone: Vec<_> = self.pairs.iter().filter(gone).map(|pair| (pair.id, pair.is_listed())).collect();
        for (id, listed) in gone {
            if listed {
                self.fail(now, id, FailReason::BaseClosed);
            } else {
                self.set_failed(id);
            }
        }
    }

    /// The TURN server of this base relays nothing to this peer (RFC 8656 10.3): the pairs there that are not valid fail, with
    /// [`FailReason::Forbidden`]. One on which the peer is heard all the same is checked again; a permission that is granted
    /// later brings none back.
    pub fn forbid(&mut self, now: Instant, base: BaseId, peer: IpAddr) {
        let open = |pair: &&Pair| {
            (pair.ends.base, pair.ends.to.ip()) == (base, peer)
                && pair.is_listed()
                && !matches!(pair.state(), PairState::Succeeded | PairState::Failed)
        };
        let forbidden: Vec<_> = self.pairs.iter().filter(open).map(|pair| pair.id).collect();
        for id in forbidden {
            self.fail(now, id, FailReason::Forbidden);
        }
    }

    /// RFC 8445 7.2.5.4 and 8.1.2, RFC 8863 4: whether the list is completed, failed or runs on.
    pub(crate) fn update_list(&mut self, now: Instant, stream: StreamId) {
        self.settle_lite(now, stream);
        let Some(list) = self.lists.get(&stream) else { return };
        // What was selected may have been lost before the last component was.
        let holds = |(&id, component): (&ComponentId, &Component)| {
            component.selected.is_some_and(|selected| self.pairs.is_valid(stream, id, selected))
        };
        let concluded = !list.components.is_empty() && list.components.iter().all(holds);
        let next = match list.state {
            ListState::Running if concluded => ListState::Completed,
            ListState::Running if self.is_hopeless(now, stream) => ListState::Failed,
            ListState::Failed if !self.is_hopeless(now, stream) => ListState::Running,
            same => same,
        };
        self.set_list_state(stream, next);
    }

    fn set_list_state(&mut self, stream: StreamId, next: ListState) {
        let Some(list) = self.lists.get_mut(&stream) else { return };
        if std::mem::replace(&mut list.state, next) == next {
            return;
        }
        self.out.events.push_back(match next {
            ListState::Completed => Event::ListCompleted(stream),
            ListState::Failed => Event::ListFailed { stream, why: self.list_failure(stream) },
            ListState::Running => Event::ListResumed(stream),
        });
    }

    /// Whether some component has no valid pair and nothing can bring one: every check ended, patience as well. That
    /// patience also stands in for an end of candidates that never comes (RFC 8863 5).
    fn is_hopeless(&self, now: Instant, stream: StreamId) -> bool {
        let Some(list) = self.lists.get(&stream) else { return false };
        let over = list.patience.is_over(now);
        let open = [PairState::Frozen, PairState::Waiting, PairState::InProgress]
            .into_iter()
            .any(|state| self.pairs.count_in_state(stream, state) > 0);
        let has_valid = |component: &ComponentId| self.pairs.valid(stream, *component).next().is_some();
        let waits = self.waits_for_nomination(stream);
        over && !open && !waits && list.local_ended && !list.components.keys().all(has_valid)
    }

    /// Why the first component without a valid pair has none: other components' pairs say nothing of that.
    fn list_failure(&self, stream: StreamId) -> ListFailReason {
        let components = self.lists.get(&stream).into_iter().flat_map(|list| &list.components);
        let mut lacking = components.filter(|&(&id, _)| self.pairs.valid(stream, id).next().is_none());
        let Some((&id, component)) = lacking.next() else {
            return ListFailReason::NoPairs(self.config.patience);
        };
        let failed = self.pairs.in_state(stream, PairState::Failed).filter_map(|id| self.pairs.get(id));
        let pairs = failed.filter(|pair| pair.ends.component == id).count();
        match component.last_failure {
            Some(last) if pairs > 0 => ListFailReason::AllFailed { pairs, last },
            _ => ListFailReason::NoPairs(self.config.patience),
        }
    }
}
