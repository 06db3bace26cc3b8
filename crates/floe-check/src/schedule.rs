//! Which check is next, when it is resent and when it has failed (RFC 8445 6.1.4.2, 14.3).

use std::time::{Duration, Instant};

use bytes::Bytes;
use floe_core::{
    BaseId, CandidateKind, ComponentId, Contender, Outlook, PairId, Priority, Role, StreamId, Transmit, Turn,
    TypePreference, address,
};
use floe_stun::{Due, RetransmitPolicy, TransactionId};

use crate::{
    CheckKind, CheckSet, Event, FailReason, ListState, codec,
    list::Patience,
    pair::{Pair, PairState},
};

/// What an open transaction is for.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) pair: PairId,
    /// The role the request claimed: a 487 is judged by it (RFC 8445 7.2.5.1).
    pub(crate) role: Role,
    pub(crate) use_candidate: bool,
    /// The PRIORITY the request held (RFC 8445 7.2.5.3.1).
    pub(crate) priority: Priority,
    pub(crate) base: BaseId,
    pub(crate) to: std::net::SocketAddr,
}

/// No RTO is shorter (RFC 8445 14.3).
const MIN_RTO: Duration = Duration::from_millis(500);

impl CheckSet {
    /// The next check, if one is to be sent: at most one new transaction. The session calls it once in each Ta.
    ///
    /// Nominating checks come first, then, going round the streams, triggered checks, then ordinary ones.
    pub fn start_next(&mut self, now: Instant) -> Option<Transmit> {
        while let Some((pair, kind)) = self.next_check() {
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
        !self.nominations.is_empty() || self.rotation().into_iter().any(|stream| self.has_next_of(stream))
    }

    fn next_check(&mut self) -> Option<(PairId, CheckKind)> {
        if let Some(pair) = self.nominations.pop_front() {
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
    fn rotation(&self) -> Vec<StreamId> {
        let live = |stream: &StreamId| {
            self.lists
                .get(stream)
                .is_some_and(|list| list.remote.is_some() && list.state != ListState::Failed)
        };
        let after = |stream: &StreamId| self.last_turn.is_none_or(|last| *stream > last);
        let (later, earlier): (Vec<_>, Vec<_>) = self.lists.keys().copied().filter(live).partition(after);
        later.into_iter().chain(earlier).collect()
    }

    fn has_next_of(&self, stream: StreamId) -> bool {
        let triggered = self.lists.get(&stream).is_some_and(|list| !list.triggered.is_empty());
        triggered
            || self.pairs.count_in_state(stream, PairState::Waiting) > 0
            || self.pairs.first_to_thaw(stream).is_some()
    }

    fn next_of(&mut self, stream: StreamId) -> Option<(PairId, CheckKind)> {
        if let Some(pair) = self.lists.get_mut(&stream)?.triggered.pop_front() {
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
        let local = self.locals.get(ends.local)?.candidate();
        let remote = self.lists.get(&ends.stream)?.remote.as_ref()?;
        // RFC 8445 7.1.1: what the peer would give this address if it were new to it.
        let priority =
            local.priority().with_type_preference(TypePreference::from(CandidateKind::PeerReflexive));
        let aggressive = self.config.aggressive && self.role == Role::Controlling;
        let use_candidate = kind == CheckKind::Nominating || aggressive;
        let transaction = TransactionId::random(&mut self.rng);
        let payload = codec::CheckRequest {
            username: &remote.username,
            software: self.config.software.as_deref(),
            priority,
            role: self.role,
            tie_breaker: self.tie_breaker,
            use_candidate,
            key: &remote.key,
        }
        .write(transaction)?;
        let check =
            Check { pair: id, role: self.role, use_candidate, priority, base: ends.base, to: ends.to };
        let policy = RetransmitPolicy::default().rto(self.rto());
        self.transactions.start(now, transaction, policy, payload.clone(), check);
        // A nominating check repeats one that succeeded: the pair stays what it is until this one fails.
        if state != PairState::Succeeded {
            self.pairs.set_state(id, PairState::InProgress);
        }
        self.note_sent(now, id, transaction);
        self.out.events.push_back(Event::Checking {
            stream: ends.stream,
            component: ends.component,
            pair: id,
            kind,
        });
        self.transmit(ends.base, ends.to, payload)
    }

    fn note_sent(&mut self, now: Instant, id: PairId, transaction: TransactionId) {
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.transaction = Some(transaction);
            pair.first_sent.get_or_insert(now);
            pair.counts.requests_sent += 1;
        }
    }

    /// A datagram for the wire; `None` once the base is gone.
    pub(crate) fn transmit(
        &self,
        base: BaseId,
        to: std::net::SocketAddr,
        payload: Bytes,
    ) -> Option<Transmit> {
        let address = self.locals.base(base)?.address;
        Some(Transmit { base, to: address::scoped(to, address), payload })
    }

    /// RFC 8445 14.3 multiplies by the number of all checks as well, which for a full list means minutes; it allows
    /// other ways. One pacing interval for each check that is under way leaves every one its turn.
    fn rto(&self) -> Duration {
        let active = u32::try_from(self.pairs.count_active()).unwrap_or(u32::MAX);
        MIN_RTO.max(self.config.ta.saturating_mul(active))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is next due: a retransmission, the end of a check, or the end of
    /// the patience before a list may fail.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let patience = self.lists.values().filter_map(|list| match list.patience {
            Patience::Until(at) => Some(at),
            Patience::Unset | Patience::Over => None,
        });
        patience.chain(self.transactions.poll_timeout()).min()
    }

    /// Resends, gives up and fails what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.transactions.poll(now) {
            match due {
                Due::Resend { key, datagram, .. } => self.resend(&key, datagram),
                Due::TimedOut { id, key, .. } => self.check_timed_out(now, id, &key),
            }
        }
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

    fn check_timed_out(&mut self, now: Instant, id: TransactionId, check: &Check) {
        let current = self.pairs.get(check.pair).is_some_and(|pair| pair.transaction == Some(id));
        // RFC 8445 7.3.1.4: no answer to a check that was cancelled says nothing.
        if current {
            self.fail(now, check.pair, FailReason::Timeout);
        }
    }

    /// What the checks of a component may still bring.
    #[must_use]
    pub fn outlook(&self, now: Instant, stream: StreamId, component: ComponentId) -> Outlook {
        let Some(list) = self.lists.get(&stream) else { return Outlook::default() };
        let mut contenders: Vec<_> = self
            .pairs
            .iter()
            .filter(|pair| pair.ends.stream == stream && pair.ends.component == component && pair.is_open())
            .map(|pair| Contender { pair: pair.id, priority: pair.priority(), turn: self.turn(now, pair) })
            .collect();
        contenders.sort_by_key(|contender| std::cmp::Reverse((contender.priority, contender.pair)));
        Outlook {
            contenders,
            round_trip: list.components.get(&component).and_then(|component| component.round_trip),
            local_gathering: !list.local_ended,
            remote_gathering: !list.remote_ended,
        }
    }

    /// When the check of an open pair went out, or about when it will: one slot for each check before it, times the
    /// lists that take turns.
    fn turn(&self, now: Instant, pair: &Pair) -> Turn {
        if pair.state() == PairState::InProgress {
            return Turn::Sent(self.pairs.first_sent(pair.id).unwrap_or(now));
        }
        let stream = pair.ends.stream;
        let before = self.checks_before(pair);
        let lists =
            self.rotation().into_iter().filter(|&s| s == stream || self.has_next_of(s)).count().max(1);
        let slots = u32::try_from((before + 1) * lists + self.nominations.len()).unwrap_or(u32::MAX);
        Turn::Expected(now + self.config.ta.saturating_mul(slots))
    }

    fn checks_before(&self, pair: &Pair) -> usize {
        let triggered = self.lists.get(&pair.ends.stream).map(|list| &list.triggered);
        if let Some(place) = triggered.and_then(|queue| queue.iter().position(|&id| id == pair.id)) {
            return place;
        }
        let stream = pair.ends.stream;
        let waiting = self.pairs.in_state(stream, PairState::Waiting);
        let ahead = |ids: &mut dyn Iterator<Item = PairId>| ids.take_while(|&id| id != pair.id).count();
        let queue = triggered.map_or(0, std::collections::VecDeque::len);
        match pair.state() {
            PairState::Frozen => {
                let frozen = ahead(&mut self.pairs.in_state(stream, PairState::Frozen));
                queue + self.pairs.count_in_state(stream, PairState::Waiting) + frozen
            }
            _ => queue + ahead(&mut waiting.into_iter()),
        }
    }
}
