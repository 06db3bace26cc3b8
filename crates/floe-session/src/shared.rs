//! One pace for many sessions (RFC 8445 14.2): no two transactions of a process start within 5 ms.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The shortest time between two new transactions, whosoever they are (RFC 8445 14.2).
const SLOT: Duration = Duration::from_millis(5);
/// Nothing has started yet.
const NEVER: i64 = i64::MIN;

/// The pace of all sessions that were given a copy of it: over all of them, one new transaction starts in 5 ms
/// (RFC 8445 14.2). Each session keeps its own Ta besides.
///
/// Whoever wants to start one lines up, and has its turn 5 ms after whoever was there before: with more than ten sessions
/// of 50 ms each has less than its Ta allows, and none waits longer than for one of all others.
///
/// It has no clock and no lock, and takes the times of the sessions for those of one clock. What lies more than 5 ms in
/// the future is another's time, as where tests have paused their clocks, and holds nobody up.
#[derive(Clone)]
pub struct SharedPace(Arc<Shared>);

struct Shared {
    epoch: Instant,
    /// When the latest transaction started: in nanoseconds from the epoch, or `NEVER`.
    latest: AtomicI64,
    /// How many are in line.
    waiting: AtomicU32,
}

impl SharedPace {
    /// A pace of its own. Any time will do for the epoch that is within 290 years of the sessions' times.
    #[must_use]
    pub fn new(epoch: Instant) -> Self {
        Self(Arc::new(Shared { epoch, latest: AtomicI64::new(NEVER), waiting: AtomicU32::new(0) }))
    }

    fn nanos(&self, at: Instant) -> i64 {
        let epoch = self.0.epoch;
        let (after, before) = (at.saturating_duration_since(epoch), epoch.saturating_duration_since(at));
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        if before.is_zero() { nanos(after) } else { nanos(before).saturating_neg() }
    }

    fn instant(&self, nanos: i64) -> Option<Instant> {
        let time = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { self.0.epoch.checked_sub(time) } else { self.0.epoch.checked_add(time) }
    }

    /// The start that this one has to keep its distance from, and that distance's end. A start of another clock is none.
    fn latest(&self, now: Instant) -> Option<Instant> {
        let nanos = self.0.latest.load(Relaxed);
        let latest = self.instant(nanos).filter(|_| nanos != NEVER)?;
        (latest.saturating_duration_since(now) <= SLOT).then_some(latest)
    }

    /// When the next one may start; now where nobody has just started.
    fn free_at(&self, now: Instant) -> Instant {
        self.latest(now).and_then(|latest| latest.checked_add(SLOT)).map_or(now, |free| free.max(now))
    }

    /// Lines up behind all who wait.
    fn line_up(&self, now: Instant) -> Instant {
        let before = self.0.waiting.fetch_add(1, Relaxed);
        let turn = self.latest(now).and_then(|latest| {
            let slots = before.saturating_add(1);
            latest.checked_add(SLOT.checked_mul(slots)?)
        });
        // Without a start to count from, the first of those in line is about to make it.
        let turn = turn.or_else(|| now.checked_add(SLOT.checked_mul(before)?));
        turn.map_or(now, |turn| turn.max(now))
    }

    fn leave(&self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }

    /// Starts a transaction now, where no other has started within 5 ms.
    fn start(&self, now: Instant) -> bool {
        let before = self.0.latest.load(Relaxed);
        // Whoever changes it in between has started one.
        self.free_at(now) <= now
            && self.0.latest.compare_exchange(before, self.nanos(now), Relaxed, Relaxed).is_ok()
    }
}

impl fmt::Debug for SharedPace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.0.waiting.load(Relaxed);
        f.debug_struct("SharedPace").field("waiting", &waiting).finish_non_exhaustive()
    }
}

/// A session's place in the line.
///
/// ```text
///   out of it ──take──> in line, until its time ──take──> out of it: one transaction starts
///             <────────────────leave──────────────
/// ```
pub(crate) struct Turn {
    shared: Option<SharedPace>,
    /// When it is this session's turn; `None` out of the line.
    at: Option<Instant>,
}

impl Turn {
    pub(crate) const fn new(shared: Option<SharedPace>) -> Self {
        Self { shared, at: None }
    }

    /// Whether a transaction starts now. One has to, or the turn is lost.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let Some(shared) = &self.shared else { return true };
        let at = *self.at.get_or_insert_with(|| shared.line_up(now));
        if at > now || !shared.start(now) {
            return false;
        }
        self.leave();
        true
    }

    /// When to try again, as seen from the latest time that is known; `None` out of the line.
    pub(crate) fn next(&self, latest: Option<Instant>) -> Option<Instant> {
        let (shared, at) = (self.shared.as_ref()?, self.at?);
        // Somebody who came late may have started in between.
        Some(latest.filter(|latest| at <= *latest).map_or(at, |latest| shared.free_at(latest)))
    }

    /// Gives way to the others.
    pub(crate) fn leave(&mut self) {
        if self.at.take().is_some()
            && let Some(shared) = &self.shared
        {
            shared.leave();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Turn {
    /// Without what is not the session's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn shared() -> (Instant, SharedPace) {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let epoch = Instant::now();
        (epoch, SharedPace::new(epoch))
    }

    #[test]
    fn one_starts_in_5_ms_and_in_the_order_in_which_they_came() {
        let (start, shared) = shared();
        let mut turns: Vec<_> = (0..4).map(|_| Turn::new(Some(shared.clone()))).collect();
        let taken: Vec<_> = turns.iter_mut().map(|turn| turn.take(start)).collect();
        assert_eq!(taken, [true, false, false, false]);
        // The first comes again: its turn is after that of all others.
        assert!(!turns[0].take(start));
        let next: Vec<_> = turns.iter().map(|turn| turn.next(Some(start)).unwrap() - start).collect();
        assert_eq!(next, [ms(20), ms(5), ms(10), ms(15)]);
        for (turn, at) in [(1, 5), (2, 10), (3, 15), (0, 20)] {
            let now = start + ms(at);
            assert!(!turns[turn].take(now - ms(1)), "{turn} before its time");
            assert!(turns[turn].take(now), "{turn} at {at} ms");
            assert_eq!(turns[turn].next(Some(now)), None);
        }
    }

    #[test]
    fn who_comes_late_moves_those_behind() {
        let (start, shared) = shared();
        let [mut first, mut second, mut third] = [(); 3].map(|()| Turn::new(Some(shared.clone())));
        assert!(first.take(start) && !second.take(start) && !third.take(start));
        let late = start + ms(8);
        assert!(second.take(late));
        let now = start + ms(10);
        assert!(!third.take(now));
        assert_eq!(third.next(Some(now)), Some(late + SLOT));
        assert!(third.take(late + SLOT));
    }

    #[test]
    fn who_is_gone_is_waited_for_by_nobody_who_comes_later() {
        let (start, shared) = shared();
        let [mut first, mut second, mut third] = [(); 3].map(|()| Turn::new(Some(shared.clone())));
        assert!(first.take(start) && !second.take(start));
        drop(second);
        assert!(!third.take(start));
        assert_eq!(third.next(Some(start)), Some(start + SLOT));
    }

    #[test]
    fn a_clock_that_is_ahead_holds_nobody_up() {
        let (start, shared) = shared();
        let [mut ahead, mut other] = [(); 2].map(|()| Turn::new(Some(shared.clone())));
        assert!(ahead.take(start + Duration::from_secs(3_600)));
        assert!(other.take(start));
        // A time before the epoch is one as any other.
        let mut behind = Turn::new(Some(SharedPace::new(start + ms(7))));
        assert!(behind.take(start) && !behind.take(start + ms(4)) && behind.take(start + ms(5)));
    }

    #[test]
    fn alone_nobody_waits() {
        let (start, _) = shared();
        let mut turn = Turn::new(None);
        assert!(turn.take(start) && turn.take(start) && turn.next(Some(start)).is_none());
    }
}
