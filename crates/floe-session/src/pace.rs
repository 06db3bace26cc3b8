//! The pace of new transactions (RFC 8445 14.2): one for the whole session, whoever starts them.

use std::time::{Duration, Instant};

/// No agent is faster (RFC 8445 14.2).
pub(crate) const MIN_TA: Duration = Duration::from_millis(5);

/// Says when the next new transaction may start: at once if none did within the last Ta.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    ta: Duration,
    last: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(ta: Duration) -> Self {
        Self { ta: ta.max(MIN_TA), last: None }
    }

    /// Both sides' proposals are known now. A slot that is under way takes the new length.
    pub(crate) fn set_ta(&mut self, ta: Duration) {
        self.ta = ta.max(MIN_TA);
    }

    /// When the next transaction may start; `None`: at any time.
    pub(crate) fn next_slot(&self) -> Option<Instant> {
        self.last.map(|last| last + self.ta)
    }

    pub(crate) fn may_start(&self, now: Instant) -> bool {
        self.next_slot().is_none_or(|slot| slot <= now)
    }

    /// A transaction started.
    pub(crate) fn started(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_starts_at_once_and_each_further_one_ta_later() {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(Duration::from_millis(50));
        assert!(pace.may_start(at(7)) && pace.next_slot().is_none());
        pace.started(at(7));
        assert!(!pace.may_start(at(56)) && pace.may_start(at(57)));
        // A late one moves those behind it: two never come within Ta.
        pace.started(at(90));
        assert_eq!(pace.next_slot(), Some(at(140)));
        pace.set_ta(Duration::from_millis(20));
        assert_eq!(pace.next_slot(), Some(at(110)));
    }

    #[test]
    fn no_pace_is_faster_than_5_ms() {
        assert_eq!(Pace::new(Duration::ZERO).ta, MIN_TA);
        let mut pace = Pace::new(MIN_TA);
        pace.set_ta(Duration::from_millis(4));
        assert_eq!(pace.ta, MIN_TA);
    }
}
