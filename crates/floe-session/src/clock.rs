//! The time, as the callers have told it.

use std::time::Instant;

/// The latest time that any call has named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    latest: Option<Instant>,
    /// Whether something happened since that only the next call with a time can follow up.
    unsettled: bool,
}

impl Clock {
    /// A call names a time. One that goes back is taken for the latest: a session must not come out of order by it.
    pub(crate) fn tick(&mut self, now: Instant) -> Instant {
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        now
    }

    pub(crate) const fn latest(&self) -> Option<Instant> {
        self.latest
    }

    /// Something happened at the latest time, without a call that says how late it is.
    pub(crate) fn unsettle(&mut self) {
        self.unsettled = true;
    }

    pub(crate) fn settle(&mut self) {
        self.unsettled = false;
    }

    /// When the session wants to be called for what happened since: at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.latest.filter(|_| self.unsettled)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_never_goes_back() {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut clock = Clock::default();
        assert_eq!((clock.latest(), clock.tick(later)), (None, later));
        assert_eq!((clock.tick(start), clock.latest()), (later, Some(later)));
    }

    #[test]
    fn what_is_unsettled_is_due_at_once_and_only_until_it_is_settled() {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let now = Instant::now();
        let mut clock = Clock::default();
        clock.tick(now);
        assert_eq!(clock.due(), None);
        clock.unsettle();
        assert_eq!(clock.due(), Some(now));
        clock.settle();
        assert_eq!(clock.due(), None);
    }
}
