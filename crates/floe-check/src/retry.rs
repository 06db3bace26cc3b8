//! A second try of checks that were too early: what was sent before the peer had opened its NAT is lost.
//!
//! The first check towards a NAT that filters is lost where the peer has not sent yet, and is repeated only half a second
//! later (RFC 8445 14.3). Behind a NAT with a mapping for each destination there is no check of the peer's that would bring it
//! back sooner (7.3.1.4): what the peer sends goes to another port. What comes over a relay tells as much, that the peer is
//! sending by now. A relay of the peer's lets nobody in either before it has a permission: where there is no NAT to try, the same
//! holds for a check towards the one that the peer is heard over.
//!
//! Where our own address outside was found late, the peer could send nothing at all until it was signalled, and what is
//! under way has used up most of its requests; the next one may be eight or sixteen seconds away (RFC 8489 6.2.1).

use std::time::{Duration, Instant};

use floe_core::{BaseId, CandidateKind, ComponentId, PairId, StreamId, address};
use floe_stun::Transaction;

use crate::{
    CheckSet, Event,
    pair::{Ends, PairState},
};

/// A check is made anew that has sent so many requests, and whose next one is so far away: at the shortest waits that is two
/// seconds after the third.
const MANY: u32 = 3;
const FAR: Duration = Duration::from_millis(1_500);

impl CheckSet {
    /// The peer was heard on this pair. Where that is relayed and nothing direct is valid, checks from sockets that have left
    /// once are made again: those towards its NAT, once for a component, or, where none of these is under way or to come and
    /// it was heard on a relay of ours, those towards the relay that it was heard over. They go before those that answer the
    /// peer's where it has answered ours, for then there is a path already, and behind them where it has not.
    pub(crate) fn try_again(&mut self, heard: PairId) {
        let Some(pair) = self.pairs.get(heard) else { return };
        let Ends { stream, component, .. } = pair.ends.clone();
        let has_path = pair.state() == PairState::Succeeded;
        if !self.kinds(&pair.ends).is_some_and(is_relayed)
            || self.may_try_again(stream, component) != Some(true)
            || self.has_direct(stream, component)
        {
            return;
        }
        let in_progress = self.pairs.in_state(stream, PairState::InProgress);
        let mut lost: Vec<_> = in_progress.filter(|&id| self.is_lost(id, heard)).collect();
        if lost.is_empty() {
            return;
        }
        if self.has_nat_ahead(stream, component) {
            lost.retain(|&id| self.is_to_nat(id));
            if lost.is_empty() {
                return;
            }
            let list = self.lists.get_mut(&stream);
            if let Some(component) = list.and_then(|list| list.components.get_mut(&component)) {
                component.retried = true;
            }
        }
        if has_path {
            // Of those that go to the front the last is the first.
            lost.reverse();
        }
        self.out.events.push_back(Event::Changed { stream, component });
        for id in lost {
            self.withdraw(id);
            let Some(list) = self.lists.get_mut(&stream) else { continue };
            if has_path { list.triggered.push_first(id) } else { list.triggered.push(id) }
        }
    }

    /// Whether a component has had no second try towards the peer's NAT, and no pair was selected for it.
    fn may_try_again(&self, stream: StreamId, component: ComponentId) -> Option<bool> {
        let component = self.lists.get(&stream)?.components.get(&component)?;
        Some(!component.retried && component.selected.is_none())
    }

    /// A reflexive candidate of this base was found: from now on the peer can send to it. Checks under way towards where a NAT
    /// or a relay may be, whose next request is far away, are made anew, while there is no direct path.
    pub(crate) fn retry_from(&mut self, now: Instant, base: BaseId) {
        let Some((stream, component)) = self.locals.base(base).map(|base| (base.stream, base.component))
        else {
            return;
        };
        if self.has_direct(stream, component) {
            return;
        }
        let in_progress = self.pairs.in_state(stream, PairState::InProgress);
        let late: Vec<_> = in_progress.filter(|&id| self.is_late(now, id, base)).collect();
        for id in late {
            self.withdraw(id);
            if let Some(list) = self.lists.get_mut(&stream) {
                list.triggered.push(id);
            }
        }
    }

    /// The check under way is sent no more; its answer still counts.
    fn withdraw(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get_mut(id) else { return };
        // It counts as sent from the second try on, for those who wait for its answer.
        pair.first_sent = None;
        if let Some(transaction) = pair.transaction.take() {
            self.transactions.stop_retransmitting(transaction);
        }
        self.pairs.set_state(id, PairState::Waiting);
    }

    /// Whether a direct path is valid already.
    fn has_direct(&self, stream: StreamId, component: ComponentId) -> bool {
        let kinds = |id| self.pairs.get(id).and_then(|pair| self.kinds(&pair.ends));
        self.pairs.valid(stream, component).filter_map(kinds).any(|kinds| !is_relayed(kinds))
    }

    /// Whether the check of this pair comes from this base, may lead through a NAT, and is not sent again for long.
    fn is_late(&self, now: Instant, id: PairId, base: BaseId) -> bool {
        let Some(pair) = self.pairs.get(id).filter(|pair| pair.ends.base == base) else { return false };
        let to = pair.ends.to.ip();
        let check = pair.transaction.and_then(|id| self.transactions.get(id));
        let is_far = |check: &Transaction<_>| check.sends() >= MANY && check.due() >= now + FAR;
        check.is_some_and(is_far)
            && !pair.nominating
            && !address::is_private(to)
            && !address::is_link_local(to)
    }

    /// Whether the check of this pair may have come too early for the peer that was heard on the other one.
    fn is_lost(&self, id: PairId, heard: PairId) -> bool {
        let (Some(pair), Some(heard)) = (self.pairs.get(id), self.pairs.get(heard)) else { return false };
        // Where the peer was heard on the pair itself, it lets us in: what is lost there is resent as any other check is.
        if pair.ends.component != heard.ends.component || pair.counts.requests_sent != 1 || pair.heard {
            return false;
        }
        let was_shut = match self.kinds(&pair.ends) {
            None | Some((CandidateKind::Relayed, _)) => false,
            Some((_, CandidateKind::ServerReflexive)) => true,
            Some((_, CandidateKind::Relayed)) => {
                let heard_on = self.kinds(&heard.ends).map(|(local, _)| local);
                pair.ends.remote == heard.ends.remote && heard_on == Some(CandidateKind::Relayed)
            }
            Some(_) => false,
        };
        was_shut && self.may_come_back(pair.ends.base)
    }

    /// Whether a check from a socket to a NAT of the peer's, to which something may come back, is under way or to come.
    fn has_nat_ahead(&self, stream: StreamId, component: ComponentId) -> bool {
        let open = [PairState::Frozen, PairState::Waiting, PairState::InProgress];
        let mut open = open.into_iter().flat_map(|state| self.pairs.in_state(stream, state));
        open.any(|id| {
            let pair = self.pairs.get(id).filter(|pair| pair.ends.component == component);
            self.is_to_nat(id) && pair.is_some_and(|pair| self.may_come_back(pair.ends.base))
        })
    }

    fn is_to_nat(&self, id: PairId) -> bool {
        let kinds = self.pairs.get(id).and_then(|pair| self.kinds(&pair.ends));
        kinds.is_some_and(|(local, remote)| {
            local != CandidateKind::Relayed && remote == CandidateKind::ServerReflexive
        })
    }

    /// Whether anything may come back to this base from outside. In a network of its own to which the peer has not come and of
    /// which no address outside is known, UDP may get nowhere, and what is sent from there in vain holds up others.
    fn may_come_back(&self, base: BaseId) -> bool {
        let address = self.locals.base(base).map(|base| base.address.ip());
        address.is_some_and(|ip| !address::is_private(ip))
            || self.locals.is_known_outside(base)
            || self.pairs.iter().any(|pair| pair.rests_on(base) && pair.heard)
    }
}

const fn is_relayed((local, remote): (CandidateKind, CandidateKind)) -> bool {
    matches!((local, remote), (CandidateKind::Relayed, _) | (_, CandidateKind::Relayed))
}
