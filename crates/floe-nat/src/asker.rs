//! Sends the questions at a pace and keeps them open (RFC 8489 6.2.1, RFC 5780 5).

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use floe_core::{BaseId, Transmit};
use floe_stun::{Due, RetransmitPolicy, TransactionId, Transactions};
use rand::rngs::ChaCha20Rng;

use crate::{Test, question::Question};

/// Between two new transactions: fewer than ten a second, and no multiple of it is soon one of the RTO, so that no two
/// transactions are sent again at the same time (RFC 5780 5).
pub(crate) const PACE: Duration = Duration::from_millis(110);

/// The questions that wait, and those that wait for an answer.
#[derive(Debug)]
pub(crate) struct Asker {
    policy: RetransmitPolicy,
    open: Transactions<Question>,
    /// By the time from which on each may be sent, and then in their order.
    waiting: BTreeMap<(Instant, u64), Question>,
    sequence: u64,
    next_slot: Option<Instant>,
    out: VecDeque<Transmit>,
}

impl Asker {
    pub(crate) const fn new(policy: RetransmitPolicy) -> Self {
        Self {
            policy,
            open: Transactions::new(),
            waiting: BTreeMap::new(),
            sequence: 0,
            next_slot: None,
            out: VecDeque::new(),
        }
    }

    /// Queues a question.
    pub(crate) fn ask(&mut self, now: Instant, question: Question) {
        self.sequence += 1;
        self.waiting.insert((now + question.after, self.sequence), question);
    }

    /// The open question of this transaction.
    pub(crate) fn question(&self, id: TransactionId) -> Option<Question> {
        self.open.get(id).map(|open| *open.key())
    }

    /// It was answered.
    pub(crate) fn close(&mut self, id: TransactionId) {
        self.open.remove(id);
    }

    /// Nobody wants to know any more what this test asks.
    pub(crate) fn forget(&mut self, test: Test) {
        self.waiting.retain(|_, question| question.step.test() != test);
        self.open.retain(|question| question.step.test() != test);
    }

    /// Takes out the questions of a socket that is not there.
    pub(crate) fn take_of(&mut self, base: BaseId) -> Vec<Question> {
        let waiting = std::mem::take(&mut self.waiting);
        let (taken, rest) = waiting.into_iter().partition(|(_, question)| question.base == base);
        self.waiting = rest;
        let taken: BTreeMap<_, _> = taken;
        taken.into_values().collect()
    }

    /// Sends a question if there is one whose time has come, its socket is there, and the pace allows it.
    pub(crate) fn send_next(
        &mut self,
        now: Instant,
        rng: &mut ChaCha20Rng,
        is_bound: impl Fn(BaseId) -> bool,
    ) {
        if self.next_slot.is_some_and(|slot| now < slot) {
            return;
        }
        let due = self.waiting.range(..=(now, u64::MAX)).find(|(_, question)| is_bound(question.base));
        let Some((&place, &question)) = due else { return };
        self.waiting.remove(&place);
        let id = TransactionId::random(rng);
        let payload = question.write(id).expect("invariant: the buffer is larger than the question");
        tracing::trace!(step = ?question.step, %id, "asks");
        self.out.push_back(Transmit { base: question.base, to: question.to, payload: payload.clone() });
        self.open.start(now, id, self.policy, payload, question);
        self.next_slot = Some(now + PACE);
    }

    /// Sends again what is due, and gives the questions that got no answer.
    pub(crate) fn poll_silence(&mut self, now: Instant) -> Option<Question> {
        while let Some(due) = self.open.poll(now) {
            match due {
                Due::Resend { key, datagram, .. } => {
                    self.out.push_back(Transmit { base: key.base, to: key.to, payload: datagram });
                }
                Due::TimedOut { key, .. } => return Some(key),
            }
        }
        None
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    pub(crate) fn poll_timeout(&self, is_bound: impl Fn(BaseId) -> bool) -> Option<Instant> {
        let next = self.waiting.iter().find(|(_, question)| is_bound(question.base));
        let next = next.map(|((due, _), _)| self.next_slot.map_or(*due, |slot| slot.max(*due)));
        next.into_iter().chain(self.open.poll_timeout()).min()
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.open.retain(|_| false);
        self.out.clear();
    }
}
