//! Which check is next, when it is resent and when it has failed (RFC 8445 6.1.4.2, 14.3).

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::{BaseId, CandidateKind, PairId, Priority, Role, StreamId, Transmit, TypePreference, address};
use floe_stun::{Due, RetransmitPolicy, TransactionId};

use crate::{
    CheckKind, CheckSet, ConsentLoss, Event, FailReason, ListState, codec,
    list::Patience,
    pair::{Ends, PairState},
};

/// What an open transaction is for.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) pair: PairId,
    /// Whose password the answer is signed with.
    pub(crate) stream: StreamId,
    /// The role the request claimed: a 487 is judged by it (RFC 8445 7.2.5.1).
    pub(crate) role: Role,
    pub(crate) use_candidate: bool,
    /// The PRIORITY the request held (RFC 8445 7.2.5.3.1).
    pub(crate) priority: Priority,
    pub(crate) base: BaseId,
    pub(crate) to: SocketAddr,
}

/// No RTO is shorter (RFC 8445 14.3).
const MIN_RTO: Duration = Duration::from_millis(500);

impl CheckSet {
    /// The next check, if one is to be sent: at most one new transaction. The session calls it once in each Ta.
    ///
    /// Requests for consent come first: there is one for each component in 4 s at most, and a late one puts a path at
    /// risk that carries data. Then come nominating checks; then, going round the streams, triggered checks, then
    /// ordinary ones.
    pub fn start_next(&mut self, now: Instant) -> Option<Transmit> {
        if let Some(consent) = self.start_consent(now) {
            return Some(consent);
        }
        while let Some((pair, kind)) = self.next_check() {
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
        self.consents.is_due()
            || !self.nominations.is_empty()
            || self.rotation().into_iter().any(|stream| self.has_next_of(stream))
    }

    fn next_check(&mut self) -> Option<(PairId, CheckKind)> {
        if let Some(pair) = self.nominations.pop() {
            return Some((pair, CheckKind::Nominating));
        }
        // RFC 8445 6.1.4.2: a list with nothing to send yields to the next within the same slot.
        for stream in self.rotation() {
            if let Some(next) = self.next_of(stream) {
                self.last_turn = Some(stream);
                return Some(next);
            }
        }
        None
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
            || self.pairs.first_to_thaw(stream).is_some()
    }

    fn next_of(&mut self, stream: StreamId) -> Option<(PairId, CheckKind)> {
        if let Some(pair) = self.lists.get_mut(&stream)?.triggered.pop() {
            return Some((pair, CheckKind::Triggered));
        }
        if let Some(pair) = self.pairs.in_state(stream, PairState::Waiting).next() {
            return Some((pair, CheckKind::Ordinary));
        }
        let pair = self.pairs.first_to_thaw(stream)?;
        self.pairs.set_state(pair, PairState::Waiting);
        Some((pair, CheckKind::Ordinary))
    }

    /// Writes and registers the check of a pair; `None` where it cannot be written.
    fn send_check(&mut self, now: Instant, id: PairId, kind: CheckKind) -> Option<Transmit> {
        let pair = self.pairs.get(id)?;
        let (ends, state) = (pair.ends.clone(), pair.state());
        let check = self.check_of(id, &ends, kind)?;
        let transaction = TransactionId::random(&mut self.rng);
        let payload = self.write_check(&check, transaction)?;
        let transmit = self.transmit(ends.base, ends.to, payload.clone())?;
        let policy = within_transaction(self.rto());
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

    fn check_of(&self, id: PairId, ends: &Ends, kind: CheckKind) -> Option<Check> {
        let local = self.locals.get(ends.local)?.candidate();
        let aggressive = self.config.aggressive && self.role == Role::Controlling;
        Some(Check {
            pair: id,
            stream: ends.stream,
            role: self.role,
            use_candidate: kind == CheckKind::Nominating || aggressive,
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
            key: &remote.key,
        }
        .write(transaction, check.to.ip())
    }

    fn note_sent(&mut self, now: Instant, id: PairId, transaction: TransactionId) {
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.transaction = Some(transaction);
            pair.first_sent.get_or_insert(now);
            pair.counts.requests_sent += 1;
        }
    }

    /// A datagram for the wire; `None` once the base is gone.
    pub(crate) fn transmit(&self, base: BaseId, to: SocketAddr, payload: Bytes) -> Option<Transmit> {
        let address = self.locals.base(base)?.address;
        Some(Transmit { base, to: address::scoped(to, address), payload })
    }

    /// RFC 8445 14.3 multiplies by the number of all checks as well, which for a full list means minutes; it allows
    /// other ways. One pacing interval for each check that is under way leaves every one its turn.
    fn rto(&self) -> Duration {
        let active = u32::try_from(self.pairs.count_active()).unwrap_or(u32::MAX);
        self.config.ta.saturating_mul(active).clamp(MIN_RTO, TRANSACTION)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is next due: a retransmission, the end of a check, or the end of
    /// the patience before a list may fail.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let patience = self.lists.values().filter_map(|list| match list.patience {
            Patience::Until(at) => Some(at),
            Patience::Unset | Patience::Over => None,
        });
        patience.chain(self.transactions.poll_timeout()).chain(self.consent_timeout()).min()
    }

    /// Resends, gives up and fails what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.transactions.poll(now) {
            match due {
                Due::Resend { key, datagram, .. } => self.resend(&key, datagram),
                Due::TimedOut { id, key, integrity_violated, .. } => {
                    let why = if integrity_violated { FailReason::Forged } else { FailReason::Timeout };
                    self.check_timed_out(now, id, &key, why);
                }
            }
        }
        self.handle_consent_timeout(now);
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

    fn resend(&mut self, check: &Check, datagram: Bytes) {
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
            self.fail(now, check.pair, why);
        }
    }
}

/// The longest that a check is waited for: the whole transaction of RFC 8489 6.2.1 with its shortest RTO.
const TRANSACTION: Duration = Duration::from_millis(39_500);

/// The schedule of a check with this RTO: as many sends as leave at least four RTO to answer the last one, and never
/// longer than [`TRANSACTION`]. A full list has RTOs of seconds, and doubling those six times would keep a session from
/// failing for minutes after RFC 8863 4 lets it.
fn within_transaction(rto: Duration) -> RetransmitPolicy {
    let units = u32::try_from(TRANSACTION.as_millis() / rto.as_millis().max(1)).unwrap_or(u32::MAX);
    let spent = |sends: u32| (1_u32 << (sends - 1)) - 1;
    let sends = (1..=7).rev().find(|&sends| units >= spent(sends) + 4).unwrap_or(1);
    RetransmitPolicy::default().rto(rto).rc(sends).rm(units.saturating_sub(spent(sends)).min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_rto_means_fewer_sends_and_never_a_longer_wait() {
        let ms = Duration::from_millis;
        let policy = |rto: u64, rc, rm| RetransmitPolicy::default().rto(ms(rto)).rc(rc).rm(rm);
        assert_eq!(within_transaction(ms(500)), policy(500, 7, 16));
        assert_eq!(within_transaction(ms(1_000)), policy(1_000, 6, 8));
        assert_eq!(within_transaction(ms(5_000)), policy(5_000, 3, 4));
        // Whatever the cap on pairs and the pace are set to.
        assert_eq!(within_transaction(ms(39_500)), policy(39_500, 1, 1));
    }
}
