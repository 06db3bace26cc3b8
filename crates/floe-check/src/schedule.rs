//! Which check is next, when it is resent and when it has failed (RFC 8445 6.1.4.2, 14.3).

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;
use floe_core::{BaseId, CandidateKind, PairId, Priority, Role, StreamId, Transmit, TypePreference, address};
use floe_stun::{Due, Key, Transaction, TransactionId};

use crate::{
    CheckKind, CheckSet, ConsentLoss, Event, FailReason, ListState, codec, counter,
    list::Patience,
    pair::{Ends, PairState},
};

/// What an open transaction is for.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) pair: PairId,
    pub(crate) stream: StreamId,
    /// What the request is signed with, however often it is sent, and its answer.
    pub(crate) key: Key,
    /// The role the request claimed: a 487 is judged by it (RFC 8445 7.2.5.1).
    pub(crate) role: Role,
    pub(crate) use_candidate: bool,
    /// The value of its NOMINATION.
    pub(crate) nomination: Option<u32>,
    /// The PRIORITY the request held (RFC 8445 7.2.5.3.1).
    pub(crate) priority: Priority,
    pub(crate) base: BaseId,
    pub(crate) to: SocketAddr,
}

/// What becomes of a check that is sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Readiness {
    /// It leaves.
    Ready,
    /// It leaves, and there are signs that nothing gets there from this base.
    Doubtful,
    /// It waits for something else that needs a slot of its own: a relay holds what goes to a peer that is not permitted yet
    /// (RFC 8656 9).
    Held,
}

/// What becomes of a check from this base to this destination.
pub type Judge<'a> = dyn Fn(BaseId, SocketAddr) -> Readiness + 'a;

impl CheckSet {
    /// The next check, if one is to be sent: at most one new transaction. The session calls it once in each Ta.
    ///
    /// Requests for consent come first: there is one for each component in 4 s at most, and a late one puts a path at
    /// risk that carries data. Then come nominating checks, and those of pairs that data waits for
    /// ([`Command::Confirm`](crate::Command::Confirm)); then, going round the streams, triggered checks, then ordinary ones; and
    /// last those that keep valid pairs warm. Probes of pairs in use that have fallen silent take turns with all of these.
    pub fn start_next(&mut self, now: Instant) -> Option<Transmit> {
        self.start_next_by(now, Readiness::Ready, &|_, _| Readiness::Ready)
    }

    /// [`start_next`](Self::start_next), where not every slot would be well spent: `judge` says of a base and a destination
    /// what becomes of a check there. Nothing is started where it would only be held. Ordinary checks that are doubtful come
    /// after those that are ready, and are started only where `least` lets them; a check that answers the peer's is never
    /// doubted. What is left is for [`start_next`](Self::start_next), where nobody else wants the slot.
    pub fn start_next_by(&mut self, now: Instant, least: Readiness, judge: &Judge<'_>) -> Option<Transmit> {
        let judge = (least, judge);
        if self.config.lite {
            return None;
        }
        if let Some(consent) = self.start_consent(now) {
            return Some(consent);
        }
        if std::mem::take(&mut self.consents.probed_last)
            && let Some(check) = self.start_check(now, judge)
        {
            return Some(check);
        }
        if let Some(probe) = self.start_probe(now) {
            self.consents.probed_last = true;
            return Some(probe);
        }
        self.start_check(now, judge)
    }

    fn start_check(&mut self, now: Instant, judge: (Readiness, &Judge<'_>)) -> Option<Transmit> {
        while let Some((pair, kind)) = self.next_check(judge) {
            if self.is_spent(pair) {
                self.fail(now, pair, FailReason::Consent(ConsentLoss::Expired));
                continue;
            }
            match self.send_check(now, pair, kind) {
                Some(transmit) => return Some(transmit),
                None => self.fail(now, pair, FailReason::Unsendable),
            }
        }
        None
    }

    /// Whether [`start_next`](Self::start_next) has something to send.
    #[must_use]
    pub fn has_next(&self) -> bool {
        // RFC 8445 2.5, RFC 7675 1: of whatever kind it might be.
        if self.config.lite {
            return false;
        }
        self.consents.is_due()
            || !self.nominations.is_empty()
            || self.has_warm()
            || self.rotation().into_iter().any(|stream| self.has_next_of(stream))
    }

    /// Whether [`start_next_by`](Self::start_next_by) has something to send, where it is asked like this.
    #[must_use]
    pub fn has_next_by(&self, least: Readiness, judge: &Judge<'_>) -> bool {
        let has_ordinary = |stream: StreamId| self.next_ordinary(stream, (least, judge)).is_some();
        self.has_urgent(judge)
            || (!self.config.lite && (self.has_warm() || self.rotation().into_iter().any(has_ordinary)))
    }

    /// Whether what it has to send comes before ordinary checks: it is for consent, nominates, answers a check of the peer's or
    /// is a second try and would not be held, or data waits for it.
    #[must_use]
    pub fn has_urgent(&self, judge: &Judge<'_>) -> bool {
        let leaves = |id: PairId| self.readiness(id, judge) != Readiness::Held;
        let is_triggered =
            |stream: StreamId| self.lists.get(&stream).is_some_and(|list| list.triggered.iter().any(leaves));
        !self.config.lite
            && (self.consents.is_due()
                || !self.nominations.is_empty()
                || self.has_warm_urgent()
                || self.rotation().into_iter().any(is_triggered))
    }

    fn next_check(&mut self, judge: (Readiness, &Judge<'_>)) -> Option<(PairId, CheckKind)> {
        if let Some(pair) = self.nominations.pop() {
            return Some((pair, CheckKind::Nominating));
        }
        if let Some(pair) = self.next_urgent() {
            return Some((pair, CheckKind::Ordinary));
        }
        // RFC 8445 6.1.4.2: a list with nothing to send yields to the next within the same slot.
        for stream in self.rotation() {
            if let Some(next) = self.next_of(stream, judge) {
                self.last_turn = Some(stream);
                return Some(next);
            }
        }
        self.next_warm().map(|pair| (pair, CheckKind::Ordinary))
    }

    /// The lists that are checked, the one after the last turn first.
    pub(crate) fn rotation(&self) -> Vec<StreamId> {
        let live = |stream: &StreamId| {
            self.lists
                .get(stream)
                .is_some_and(|list| list.remote.is_some() && list.state != ListState::Failed)
        };
        let after = |stream: &StreamId| self.last_turn.is_none_or(|last| *stream > last);
        let (later, earlier): (Vec<_>, Vec<_>) = self.lists.keys().copied().filter(live).partition(after);
        later.into_iter().chain(earlier).collect()
    }

    pub(crate) fn has_next_of(&self, stream: StreamId) -> bool {
        let triggered = self.lists.get(&stream).is_some_and(|list| !list.triggered.is_empty());
        triggered
            || self.pairs.count_in_state(stream, PairState::Waiting) > 0
            || self.pairs.to_thaw(stream).next().is_some()
    }

    fn next_of(&mut self, stream: StreamId, judge: (Readiness, &Judge<'_>)) -> Option<(PairId, CheckKind)> {
        let mut triggered = self.lists.get(&stream)?.triggered.iter();
        if let Some(pair) = triggered.find(|&id| self.readiness(id, judge.1) != Readiness::Held) {
            drop(triggered);
            self.lists.get_mut(&stream)?.triggered.remove(pair);
            return Some((pair, CheckKind::Triggered));
        }
        drop(triggered);
        let pair = self.next_ordinary(stream, judge)?;
        self.pairs.set_state(pair, PairState::Waiting);
        Some((pair, CheckKind::Ordinary))
    }

    /// The next ordinary check of a list: of a pair that waits, or else of one that may be thawed.
    fn next_ordinary(&self, stream: StreamId, judge: (Readiness, &Judge<'_>)) -> Option<PairId> {
        let waiting = self.best_of(self.pairs.in_state(stream, PairState::Waiting), judge);
        waiting.or_else(|| self.best_of(self.pairs.to_thaw(stream), judge))
    }

    /// The first of these pairs that is ready; without one, the first that is doubtful, if such may be started.
    fn best_of(
        &self,
        pairs: impl Iterator<Item = PairId>,
        (least, judge): (Readiness, &Judge<'_>),
    ) -> Option<PairId> {
        let mut doubtful = None;
        for id in pairs {
            match self.readiness(id, judge) {
                Readiness::Ready => return Some(id),
                Readiness::Doubtful => doubtful = doubtful.or(Some(id)),
                Readiness::Held => {}
            }
        }
        doubtful.filter(|_| least >= Readiness::Doubtful)
    }

    fn readiness(&self, id: PairId, judge: &Judge<'_>) -> Readiness {
        self.pairs.get(id).map_or(Readiness::Ready, |pair| judge(pair.ends.base, pair.ends.to))
    }

    /// Writes and registers the check of a pair; `None` where it cannot be written.
    fn send_check(&mut self, now: Instant, id: PairId, kind: CheckKind) -> Option<Transmit> {
        let pair = self.pairs.get(id)?;
        let (ends, state, policy) = (pair.ends.clone(), pair.state(), self.schedule(pair));
        let check = self.check_of(id, &ends, kind)?;
        let transaction = TransactionId::random(&mut self.rng);
        let payload = self.write_check(&check, transaction)?;
        let transmit = self.transmit(ends.base, ends.to, payload.clone())?;
        self.transactions.start(now, transaction, policy, payload, check);
        // A nominating check repeats one that succeeded: the pair stays what it is until this one fails.
        if state != PairState::Succeeded {
            self.pairs.set_state(id, PairState::InProgress);
        }
        self.note_sent(now, id, transaction);
        let Ends { stream, component, .. } = ends;
        self.out.events.push_back(Event::Checking { stream, component, pair: id, kind });
        Some(transmit)
    }

    fn check_of(&mut self, id: PairId, ends: &Ends, kind: CheckKind) -> Option<Check> {
        let renomination = self.lists.get(&ends.stream)?.renomination;
        let nomination = (kind == CheckKind::Nominating && renomination).then(|| self.next_nomination());
        let local = self.locals.get(ends.local)?.candidate();
        // draft-thatcher-ice-renomination 3: who may nominate again does not nominate aggressively.
        let aggressive = self.config.aggressive && !renomination && self.role == Role::Controlling;
        Some(Check {
            pair: id,
            stream: ends.stream,
            key: self.lists.get(&ends.stream)?.remote.as_ref()?.key.clone(),
            role: self.role,
            use_candidate: kind == CheckKind::Nominating || aggressive,
            nomination,
            // RFC 8445 7.1.1: what the peer would give this address if it were new to it.
            priority: local
                .priority()
                .with_type_preference(TypePreference::from(CandidateKind::PeerReflexive)),
            base: ends.base,
            to: ends.to,
        })
    }

    fn write_check(&self, check: &Check, transaction: TransactionId) -> Option<Bytes> {
        let remote = self.lists.get(&check.stream)?.remote.as_ref()?;
        codec::CheckRequest {
            username: &remote.username,
            software: self.config.software.as_deref(),
            priority: check.priority,
            role: check.role,
            tie_breaker: self.tie_breaker,
            use_candidate: check.use_candidate,
            nomination: check.nomination,
            key: &check.key,
        }
        .write(transaction, check.to.ip())
    }

    fn note_sent(&mut self, now: Instant, id: PairId, transaction: TransactionId) {
        if let Some(pair) = self.pairs.get_mut(id) {
            let before = pair.transaction.replace(transaction);
            pair.measures.sent = Some(now);
            pair.first_sent.get_or_insert(now);
            pair.counts.requests_sent += 1;
            // One check of a pair at a time is resent: that which nominates, where a warm one is under way.
            if let Some(before) = before {
                self.transactions.stop_retransmitting(before);
            }
        }
    }

    /// A datagram for the wire; `None` once the base is gone.
    pub(crate) fn transmit(&self, base: BaseId, to: SocketAddr, payload: Bytes) -> Option<Transmit> {
        let address = self.locals.base(base)?.address;
        Some(Transmit { base, to: address::scoped(to, address), payload })
    }

    /// A check leaves only now, for its relay had held it until the peer was permitted: its round trip counts from here.
    pub fn note_departed(&mut self, now: Instant, id: TransactionId) {
        let is_first = self.transactions.note_departed(now, id);
        let pair = self.transactions.get(id).map(|check| check.key().pair);
        if let Some(pair) = pair.and_then(|pair| self.pairs.get_mut(pair)) {
            pair.measures.sent = Some(now);
            if is_first && pair.transaction == Some(id) {
                pair.first_sent = Some(now);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is next due: a retransmission, the end of a check, the end of
    /// the patience before a list may fail, or what consent and silence on the pairs in use ask for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let patience = self.lists.values().filter_map(|list| match list.patience {
            Patience::Until(at) => Some(at),
            Patience::Unset | Patience::Over => None,
        });
        let warm = self.warm.poll_timeout();
        let in_use = self.consent_timeout().into_iter().chain(self.liveness_timeout());
        patience.chain(self.transactions.poll_timeout()).chain(in_use).chain(warm).min()
    }

    /// Resends, gives up and fails what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.transactions.poll(now) {
            match due {
                Due::Resend { id, key, datagram } => {
                    self.note_resent(now, key.pair);
                    self.resend(id, &key, &datagram);
                }
                Due::TimedOut { id, key, integrity_violated, .. } => {
                    let why = if integrity_violated { FailReason::Forged } else { FailReason::Timeout };
                    self.check_timed_out(now, id, &key, why);
                }
            }
        }
        self.handle_consent_timeout(now);
        self.handle_warm_timeout(now);
        self.handle_liveness_timeout(now);
        let patient = |until: Patience| matches!(until, Patience::Until(at) if at <= now);
        let over: Vec<_> =
            self.lists.iter().filter(|(_, list)| patient(list.patience)).map(|(&stream, _)| stream).collect();
        for stream in over {
            if let Some(list) = self.lists.get_mut(&stream) {
                list.patience = Patience::Over;
            }
            self.update_list(now, stream);
        }
    }

    fn resend(&mut self, id: TransactionId, check: &Check, first: &[u8]) {
        let Some(sends) = self.transactions.get(id).map(Transaction::sends) else { return };
        let Some(datagram) = counter::renumbered(check, first, sends) else { return };
        if let Some(pair) = self.pairs.get_mut(check.pair) {
            pair.counts.requests_sent += 1;
            pair.counts.retransmissions_sent += 1;
        }
        let transmit = self.transmit(check.base, check.to, datagram);
        self.out.transmits.extend(transmit);
    }

    fn check_timed_out(&mut self, now: Instant, id: TransactionId, check: &Check, why: FailReason) {
        let current = self.pairs.get(check.pair).is_some_and(|pair| pair.transaction == Some(id));
        // RFC 8445 7.3.1.4: no answer to a check that was cancelled says nothing.
        if current {
            self.note_lost(now, check.pair);
            self.fail(now, check.pair, why);
        }
    }
}
