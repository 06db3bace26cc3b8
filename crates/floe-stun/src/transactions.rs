//! The table of open transactions (RFC 8489 6.2): the one that gathering, checks and TURN share.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{attribute::TransactionTransmitCounter, header::TransactionId, retransmit::RetransmitPolicy};

/// The requests that wait for an answer, each with what the caller wants to know of it again.
///
/// Sans-IO: the caller sends the datagrams. The order of calls: [`start`](Self::start) when the request is sent for
/// the first time; [`poll`](Self::poll) until it gives nothing, whenever [`poll_timeout`](Self::poll_timeout) has
/// come; [`complete`](Self::complete) with the id of an answer that was found to be authentic. `now` never goes back.
///
/// What moves `poll_timeout`: every call that takes `&mut self`, but for [`note_forged`](Self::note_forged) and
/// [`note_departed`](Self::note_departed).
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use floe_stun::{Due, RetransmitPolicy, TransactionId, Transactions};
///
/// # #[allow(clippy::disallowed_methods)]
/// let start = Instant::now();
/// let id = TransactionId::new([1; 12]);
/// let mut transactions = Transactions::new();
/// transactions.start(start, id, RetransmitPolicy::default(), "the request".into(), "pair 1");
///
/// let now = start + Duration::from_millis(500);
/// assert_eq!(transactions.poll_timeout(), Some(now));
/// assert!(matches!(transactions.poll(now), Some(Due::Resend { key: "pair 1", .. })));
/// assert!(transactions.poll(now).is_none());
///
/// let done = transactions.complete(id).expect("it is open");
/// assert_eq!(done.rtt(now), None, "which of the two sends was answered, nobody knows");
/// # use floe_stun::attribute::TransactionTransmitCounter;
/// let told = done.answering(Some(TransactionTransmitCounter { requests: 2, responses: 1 }));
/// assert_eq!(told.rtt(now), Some(Duration::ZERO), "unless the answer tells");
/// ```
#[derive(Debug)]
pub struct Transactions<K> {
    open: BTreeMap<TransactionId, Transaction<K>>,
    deadlines: BTreeSet<(Instant, TransactionId)>,
}

/// When a request was sent, by the number of the send from 0 on. Places not used hold the first time.
type SendTimes = [Instant; RetransmitPolicy::MAX_RC as usize];

/// An open transaction.
pub struct Transaction<K> {
    key: K,
    policy: RetransmitPolicy,
    datagram: Bytes,
    started: Instant,
    last_sent: Instant,
    times: SendTimes,
    deadline: Instant,
    sends: u32,
    /// Of these so many never left, where that was told.
    unsent: Option<u32>,
    cancelled: bool,
    forged: bool,
}

impl<K> Transaction<K> {
    /// What the caller gave to know it again.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// How often the request was sent.
    #[must_use]
    pub fn sends(&self) -> u32 {
        self.sends
    }

    /// When the request was first sent, or left where it had been held back.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When it was sent, each time.
    #[must_use]
    pub fn times(&self) -> &[Instant] {
        self.times.get(..self.sends as usize).unwrap_or_default()
    }

    /// When it is sent again, or ends.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.deadline
    }

    /// Whether [`Transactions::stop_retransmitting`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }
}

impl<K: fmt::Debug> fmt::Debug for Transaction<K> {
    /// Leaves the datagram out, which holds addresses and names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("key", &self.key)
            .field("sends", &self.sends)
            .field("deadline", &self.deadline)
            .field("cancelled", &self.cancelled)
            .field("forged", &self.forged)
            .finish_non_exhaustive()
    }
}

/// A transaction that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed<K> {
    /// What the caller gave to know it again.
    pub key: K,
    /// When the request was first sent, or left where it had been held back.
    pub started: Instant,
    /// When the request was last sent.
    pub last_sent: Instant,
    /// How often the request was sent.
    pub sends: u32,
    /// Whether its retransmission had been stopped.
    pub cancelled: bool,
    unsent: Option<u32>,
    times: SendTimes,
    answered: Option<u8>,
}

impl<K> Completed<K> {
    /// Takes over what the answer tells of the send that it belongs to (RFC 7982 3.3). A number that was never sent is
    /// as good as none.
    #[must_use]
    pub fn answering(mut self, counter: Option<TransactionTransmitCounter>) -> Self {
        let sent = |requests: &u8| (1..=self.sends).contains(&u32::from(*requests));
        self.answered = counter.map(|counter| counter.requests).filter(sent);
        self
    }

    /// The round-trip time, for an answer that came `now`.
    ///
    /// `None` where the request was sent more than once and the answer does not tell which of the sends it belongs to:
    /// the sample would lie (Karn's rule, RFC 8489 6.2.1).
    #[must_use]
    pub fn rtt(&self, now: Instant) -> Option<Duration> {
        let only = || (self.sends == self.unsent.unwrap_or_default() + 1).then_some(self.sends);
        let answered = self.answered.map(u32::from).or_else(only)?;
        let sent = self.times.get((answered as usize).checked_sub(1)?)?;
        Some(now.saturating_duration_since(*sent))
    }
}

/// What has to happen now. `Debug` leaves the datagram out.
#[derive(Clone, PartialEq, Eq)]
pub enum Due<K> {
    /// Send the datagram again, from and to where it was sent before.
    Resend {
        /// Its transaction.
        id: TransactionId,
        /// What the caller gave to know it again.
        key: K,
        /// The bytes that [`start`](Transactions::start) was given. Where they hold TRANSACTION-TRANSMIT-COUNTER
        /// (RFC 7982), write them anew with [`MessageWriter::resend`](crate::MessageWriter::resend):
        /// [`Transaction::sends`] is the number of this send.
        datagram: Bytes,
    },
    /// No answer came in time. The transaction is closed.
    TimedOut {
        /// Its transaction.
        id: TransactionId,
        /// What the caller gave to know it again.
        key: K,
        /// Its retransmission had been stopped: that no answer came means nothing (RFC 8445 7.3.1.4).
        cancelled: bool,
        /// Answers came, and none was authentic: report a violation, not silence (RFC 8489 9.1.4).
        integrity_violated: bool,
    },
}

impl<K: fmt::Debug> fmt::Debug for Due<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resend { id, key, datagram } => {
                write!(f, "Resend({id}, {key:?}, {} bytes)", datagram.len())
            }
            Self::TimedOut { id, key, cancelled, integrity_violated } => f
                .debug_struct("TimedOut")
                .field("id", id)
                .field("key", key)
                .field("cancelled", cancelled)
                .field("integrity_violated", integrity_violated)
                .finish(),
        }
    }
}

impl<K> Transactions<K> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { open: BTreeMap::new(), deadlines: BTreeSet::new() }
    }

    /// Opens a transaction whose request is sent now, by the caller.
    ///
    /// An open transaction of the same id is replaced; a random id does not come twice.
    pub fn start(
        &mut self,
        now: Instant,
        id: TransactionId,
        policy: RetransmitPolicy,
        datagram: Bytes,
        key: K,
    ) {
        self.take(id);
        let transaction = Transaction {
            key,
            policy,
            datagram,
            started: now,
            last_sent: now,
            times: [now; RetransmitPolicy::MAX_RC as usize],
            deadline: now + policy.wait_after(1),
            sends: 1,
            unsent: None,
            cancelled: false,
            forged: false,
        };
        self.deadlines.insert((transaction.deadline, id));
        self.open.insert(id, transaction);
    }

    /// The open transaction of this id.
    #[must_use]
    pub fn get(&self, id: TransactionId) -> Option<&Transaction<K>> {
        self.open.get(&id)
    }

    /// The open transactions, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (TransactionId, &Transaction<K>)> {
        self.open.iter().map(|(id, transaction)| (*id, transaction))
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Closes the transaction: an authentic answer came. `None` if it is not open.
    ///
    /// A second answer to the same request finds nothing, which is how duplicates end.
    pub fn complete(&mut self, id: TransactionId) -> Option<Completed<K>> {
        let Transaction { key, started, last_sent, times, sends, unsent, cancelled, .. } = self.take(id)?;
        Some(Completed { key, started, last_sent, sends, unsent, cancelled, times, answered: None })
    }

    /// Closes the transaction and forgets it: its socket is gone, or nobody wants to know any more.
    pub fn remove(&mut self, id: TransactionId) -> Option<K> {
        self.take(id).map(|transaction| transaction.key)
    }

    /// Closes and forgets all for which the answer is no: a base was released, a connection broke (RFC 8489 6.2.2).
    ///
    /// They come back in the order of their ids.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) -> Vec<(TransactionId, K)> {
        let leaving: Vec<_> =
            self.open.iter().filter(|(_, open)| !keep(&open.key)).map(|(id, _)| *id).collect();
        leaving.into_iter().filter_map(|id| self.remove(id).map(|key| (id, key))).collect()
    }

    /// Sends no more, and still takes an answer until the transaction would have failed (RFC 8445 7.3.1.4).
    pub fn stop_retransmitting(&mut self, id: TransactionId) {
        let Some(open) = self.open.get_mut(&id) else { return };
        if open.cancelled {
            return;
        }
        open.cancelled = true;
        let end = open.last_sent + open.policy.wait_to_the_end(open.sends);
        let before = std::mem::replace(&mut open.deadline, end);
        self.deadlines.remove(&(before, id));
        self.deadlines.insert((end, id));
    }

    /// The latest send of the request leaves only now: whoever took it from the caller had held it back, as a TURN client
    /// does until a peer is permitted, and those before it as well, unless one has departed. Round trips count from here;
    /// the waits, and with them `poll_timeout`, stay as they are. Says whether it is the first to leave.
    pub fn note_departed(&mut self, now: Instant, id: TransactionId) -> bool {
        let Some(open) = self.open.get_mut(&id) else { return false };
        let latest = open.sends.saturating_sub(1);
        let is_first = open.unsent.is_none();
        if is_first {
            (open.started, open.unsent) = (now, Some(latest));
        }
        if let Some(time) = open.times.get_mut(latest as usize) {
            *time = now;
        }
        is_first
    }

    /// Remembers that an answer came which was not authentic (RFC 8489 9.1.4). The wait goes on.
    pub fn note_forged(&mut self, id: TransactionId) {
        if let Some(open) = self.open.get_mut(&id) {
            open.forged = true;
        }
    }

    /// When [`poll`](Self::poll) has something next; `None` while nothing is open.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    fn take(&mut self, id: TransactionId) -> Option<Transaction<K>> {
        let open = self.open.remove(&id)?;
        self.deadlines.remove(&(open.deadline, id));
        Some(open)
    }
}

impl<K: Clone> Transactions<K> {
    /// What is due, the earliest first; call it until it gives nothing.
    ///
    /// A poll that comes late sends once, however many sends were missed, and the waits count from then: no burst.
    pub fn poll(&mut self, now: Instant) -> Option<Due<K>> {
        let &(deadline, id) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        let open = self.open.get_mut(&id).expect("invariant: every deadline belongs to an open transaction");
        if open.cancelled || !open.policy.may_send(open.sends) {
            let Transaction { key, cancelled, forged, .. } = self.take(id)?;
            return Some(Due::TimedOut { id, key, cancelled, integrity_violated: forged });
        }
        if let Some(time) = open.times.get_mut(open.sends as usize) {
            *time = now;
        }
        open.sends += 1;
        open.last_sent = now;
        open.deadline = now + open.policy.wait_after(open.sends);
        let due = Due::Resend { id, key: open.key.clone(), datagram: open.datagram.clone() };
        self.deadlines.remove(&(deadline, id));
        self.deadlines.insert((open.deadline, id));
        Some(due)
    }
}

impl<K> Default for Transactions<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn epoch() -> Instant {
        Instant::now()
    }

    const ID: TransactionId = TransactionId::new([1; 12]);
    const OTHER: TransactionId = TransactionId::new([2; 12]);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn started(epoch: Instant, policy: RetransmitPolicy) -> Transactions<&'static str> {
        let mut transactions = Transactions::new();
        transactions.start(epoch, ID, policy, Bytes::from_static(b"request"), "key");
        transactions
    }

    #[test]
    fn the_round_trip_of_a_send_that_was_held_back_counts_from_when_it_left() {
        let start = epoch();
        // After the sends at 0.5 and 1.5 s one departs. When was the first, and how long took the answer that came at 3 s?
        let answered = |departures: &[u64], requests: Option<u8>| {
            let mut transactions = started(start, RetransmitPolicy::default());
            for (resend, departure) in [500, 1_500].into_iter().zip(departures) {
                assert!(transactions.poll(start + ms(resend)).is_some());
                let waits = transactions.poll_timeout();
                transactions.note_departed(start + ms(*departure), ID);
                transactions.note_departed(start + ms(*departure), OTHER);
                assert_eq!(transactions.poll_timeout(), waits);
            }
            let counter = requests.map(|requests| TransactionTransmitCounter { requests, responses: 1 });
            let done = transactions.complete(ID).unwrap().answering(counter);
            (done.started - start, done.rtt(start + ms(3_000)))
        };
        assert_eq!(answered(&[900], None), (ms(900), Some(ms(2_100))), "no other has left");
        assert_eq!(answered(&[900], Some(2)), (ms(900), Some(ms(2_100))));
        assert_eq!(answered(&[900, 2_900], None), (ms(900), None), "which of the two, nobody knows");
        assert_eq!(answered(&[900, 2_900], Some(3)), (ms(900), Some(ms(100))));
        assert_eq!(answered(&[900, 2_900], Some(2)), (ms(900), Some(ms(2_100))));
    }

    /// Runs from deadline to deadline; gives the times of the resends, and the end with its time.
    fn run(
        transactions: &mut Transactions<&'static str>,
        epoch: Instant,
    ) -> (Vec<u128>, u128, Due<&'static str>) {
        let mut resends = Vec::new();
        loop {
            let now = transactions.poll_timeout().expect("a transaction is open");
            assert_eq!(transactions.poll(now - ms(1)), None, "nothing is due before its time");
            let at = (now - epoch).as_millis();
            match transactions.poll(now).expect("something is due") {
                Due::Resend { id, key, datagram } => {
                    assert_eq!((id, key, &datagram[..]), (ID, "key", &b"request"[..]));
                    resends.push(at);
                }
                end => return (resends, at, end),
            }
        }
    }

    fn timed_out(cancelled: bool, integrity_violated: bool) -> Due<&'static str> {
        Due::TimedOut { id: ID, key: "key", cancelled, integrity_violated }
    }

    // proves: 8489-6.2.1-a
    #[test]
    fn seven_sends_double_from_half_a_second_and_fail_after_39_5_seconds() {
        let epoch = epoch();
        let mut transactions = started(epoch, RetransmitPolicy::default());
        let (resends, end, due) = run(&mut transactions, epoch);
        assert_eq!(resends, [500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!((end, due), (39_500, timed_out(false, false)));
        assert!(transactions.is_empty());
        assert_eq!((transactions.poll_timeout(), transactions.poll(epoch + ms(100_000))), (None, None));
        // An RTO below half a second is raised to it.
        let hasty = RetransmitPolicy::default().rto(ms(10));
        assert_eq!(run(&mut started(epoch, hasty), epoch).1, 39_500);
    }

    #[test]
    fn rto_rc_and_rm_shape_the_schedule() {
        let epoch = epoch();
        let policy = RetransmitPolicy::default().rto(ms(1000)).rc(3).rm(4);
        let (resends, end, _) = run(&mut started(epoch, policy), epoch);
        assert_eq!((resends, end), (vec![1000, 3000], 7000));
    }

    // proves: 8489-6.2.2-a
    #[test]
    fn over_a_stream_nothing_is_resent_and_a_broken_connection_ends_its_transactions_at_once() {
        let epoch = epoch();
        let reliable = RetransmitPolicy::reliable(RetransmitPolicy::RELIABLE_TIMEOUT);
        let (resends, end, due) = run(&mut started(epoch, reliable), epoch);
        assert_eq!((resends, end, due), (vec![], 39_500, timed_out(false, false)));

        let mut transactions = started(epoch, reliable);
        transactions.start(epoch, OTHER, reliable, Bytes::new(), "other connection");
        assert_eq!(transactions.retain(|key| *key != "key"), [(ID, "key")]);
        assert!(transactions.get(ID).is_none() && transactions.get(OTHER).is_some());
    }

    #[test]
    fn an_answer_ends_it_and_only_a_single_send_measures_the_round_trip() {
        let epoch = epoch();
        let mut transactions = started(epoch, RetransmitPolicy::default());
        let completed = transactions.complete(ID).unwrap();
        assert_eq!((completed.key, completed.sends, completed.rtt(epoch + ms(42))), ("key", 1, Some(ms(42))));
        assert_eq!(transactions.complete(ID), None, "a duplicate finds nothing");
        assert_eq!(transactions.poll_timeout(), None);

        let mut transactions = started(epoch, RetransmitPolicy::default());
        assert!(transactions.poll(epoch + ms(500)).is_some());
        let completed = transactions.complete(ID).unwrap();
        assert_eq!((completed.started, completed.last_sent), (epoch, epoch + ms(500)));
        assert_eq!((completed.sends, completed.rtt(epoch + ms(542))), (2, None));
    }

    // proves: 7982-3-a
    #[test]
    fn an_answer_that_tells_its_send_measures_the_round_trip_of_that_one() {
        let epoch = epoch();
        let policy = RetransmitPolicy::default().rc(16).rm(16);
        let mut transactions = started(epoch, policy);
        let mut sent = vec![epoch];
        for _ in 1..16 {
            sent.push(transactions.poll_timeout().unwrap());
            assert!(transactions.poll(sent[sent.len() - 1]).is_some());
        }
        let now = sent[15] + ms(30);
        let completed = transactions.complete(ID).unwrap();
        let rtt = |requests| {
            let counter = TransactionTransmitCounter { requests, responses: 1 };
            completed.answering(Some(counter)).rtt(now)
        };
        for (number, &at) in (1..).zip(&sent) {
            assert_eq!(rtt(number), Some(now - at), "send {number}");
        }
        // What was never sent cannot have been answered.
        assert_eq!([rtt(0), rtt(17), rtt(u8::MAX), completed.answering(None).rtt(now)], [None; 4]);

        let mut once = started(epoch, RetransmitPolicy::default());
        let lie = TransactionTransmitCounter { requests: 2, responses: 1 };
        let completed = once.complete(ID).unwrap().answering(Some(lie));
        assert_eq!(completed.rtt(epoch + ms(42)), Some(ms(42)), "there was but one");
    }

    #[test]
    fn stopped_it_sends_no_more_and_takes_an_answer_until_it_would_have_failed() {
        let epoch = epoch();
        for polls in 0..=6 {
            let mut transactions = started(epoch, RetransmitPolicy::default());
            for _ in 0..polls {
                let now = transactions.poll_timeout().unwrap();
                assert!(transactions.poll(now).is_some());
            }
            transactions.stop_retransmitting(ID);
            transactions.stop_retransmitting(ID);
            assert!(transactions.get(ID).unwrap().is_cancelled());
            let (resends, end, due) = run(&mut transactions, epoch);
            assert_eq!(
                (resends, end, due),
                (vec![], 39_500, timed_out(true, false)),
                "after {polls} resends"
            );
        }

        let mut transactions = started(epoch, RetransmitPolicy::default());
        transactions.stop_retransmitting(ID);
        assert!(transactions.complete(ID).unwrap().cancelled);
    }

    #[test]
    fn a_forged_answer_changes_only_how_silence_is_reported() {
        let epoch = epoch();
        let mut transactions = started(epoch, RetransmitPolicy::default());
        transactions.note_forged(ID);
        transactions.note_forged(OTHER);
        let (resends, end, due) = run(&mut transactions, epoch);
        assert_eq!((resends.len(), end, due), (6, 39_500, timed_out(false, true)));
    }

    #[test]
    fn a_late_poll_sends_once_and_waits_anew() {
        let epoch = epoch();
        let mut transactions = started(epoch, RetransmitPolicy::default());
        let late = epoch + ms(10_000);
        assert!(matches!(transactions.poll(late), Some(Due::Resend { .. })));
        assert_eq!(transactions.poll(late), None);
        assert_eq!(transactions.poll_timeout(), Some(late + ms(1000)));
    }

    #[test]
    fn the_earliest_of_many_comes_first_and_a_removed_one_never() {
        let epoch = epoch();
        let mut transactions = Transactions::new();
        for number in 0..100_u8 {
            // Ids and times run in opposite directions.
            let start = epoch + ms(u64::from(100 - number));
            let id = TransactionId::new([number; 12]);
            transactions.start(start, id, RetransmitPolicy::default(), Bytes::new(), number);
        }
        assert_eq!(transactions.len(), 100);
        assert_eq!(transactions.remove(TransactionId::new([50; 12])), Some(50));

        let mut order = Vec::new();
        let now = epoch + ms(600);
        while let Some(due) = transactions.poll(now) {
            let Due::Resend { key, .. } = due else { panic!("{due:?}") };
            order.push(key);
        }
        let expected: Vec<_> = (0..100).rev().filter(|&number| number != 50).collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn an_id_started_again_replaces_the_first() {
        let epoch = epoch();
        let mut transactions = started(epoch, RetransmitPolicy::default());
        transactions.start(epoch + ms(100), ID, RetransmitPolicy::default(), Bytes::new(), "second");
        assert_eq!(transactions.len(), 1);
        assert_eq!(transactions.poll_timeout(), Some(epoch + ms(600)));
        assert_eq!(transactions.get(ID).map(|open| *open.key()), Some("second"));
    }
}
