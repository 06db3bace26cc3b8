//! The allocation itself (RFC 8656 6 to 8).

use std::time::{Duration, Instant};

use crate::event::Relay;

/// RFC 8656 8: about so long before its end an allocation is refreshed.
const EARLY: Duration = Duration::from_secs(60);

/// The state of the allocation.
///
/// | from \ on | allocated | taken | delete sent | returned | refresh is due | refreshed | its end, or lost | close | deleted |
/// |---|---|---|---|---|---|---|---|---|---|
/// | Allocating | Allocated | Taken | - | - | - | - | Ended | Closing | - |
/// | Taken | Allocated | - | Reclaiming | - | - | - | Ended | Closing | - |
/// | Reclaiming | - | - | - | Allocating | - | - | Ended | Closing | - |
/// | Allocated | - | - | - | - | Refreshing | Allocated | Ended | Closing | - |
/// | Refreshing | - | - | - | - | - | Allocated | Ended | Closing | - |
/// | Closing | - | - | - | - | - | - | Ended | - | Ended |
/// | Ended | - | - | - | - | - | - | - | - | - |
///
/// Taken and Reclaiming: the server says that it has an allocation of this 5-tuple, and it must be ours, although we
/// never heard of it. A success that comes late is the truth until the delete is sent, and no more from then on.
///
/// A close of what the server cannot have yet goes straight on to Ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allocation {
    /// Asked for.
    Allocating,
    /// There already, unknown to us: to be given back.
    Taken,
    /// There already, and the request that gives it back is under way.
    Reclaiming,
    /// There.
    Allocated { relay: Relay, refresh_at: Instant, until: Instant },
    /// There, and a refresh is under way.
    Refreshing { relay: Relay, until: Instant },
    /// Being given back.
    Closing,
    /// Not there, and never again.
    Ended,
}

/// How long to wait with a refresh: until a minute before the end, and no longer than half the lifetime where that is
/// short.
pub(crate) fn refresh_after(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(EARLY).max(lifetime / 2)
}

impl Allocation {
    /// The server has allocated, to a request sent at that time.
    pub(crate) fn allocated(&mut self, relay: Relay, asked_at: Instant) {
        if matches!(self, Self::Allocating | Self::Taken) {
            *self = Self::granted(relay, asked_at);
        }
    }

    /// The server has it already, and we do not know it.
    pub(crate) fn taken(&mut self) {
        if *self == Self::Allocating {
            *self = Self::Taken;
        }
    }

    /// What we do not know is being given back.
    pub(crate) fn delete_sent(&mut self) {
        if *self == Self::Taken {
            *self = Self::Reclaiming;
        }
    }

    /// What we did not know is gone.
    pub(crate) fn returned(&mut self) {
        if *self == Self::Reclaiming {
            *self = Self::Allocating;
        }
    }

    /// The server has refreshed, to a request sent at that time.
    pub(crate) fn refreshed(&mut self, lifetime: Duration, asked_at: Instant) {
        if let Self::Allocated { relay, .. } | Self::Refreshing { relay, .. } = *self {
            *self = Self::granted(Relay { lifetime, ..relay }, asked_at);
        }
    }

    fn granted(relay: Relay, asked_at: Instant) -> Self {
        let refresh_at = asked_at + refresh_after(relay.lifetime);
        Self::Allocated { relay, refresh_at, until: asked_at + relay.lifetime }
    }

    /// Whether a refresh has to be sent by now, and since when.
    pub(crate) fn refresh_due(&mut self, now: Instant) -> Option<Instant> {
        match *self {
            Self::Allocated { relay, refresh_at, until } if refresh_at <= now => {
                *self = Self::Refreshing { relay, until };
                Some(refresh_at)
            }
            _ => None,
        }
    }

    /// One of its families was given back.
    pub(crate) fn narrow(&mut self, narrowed: Relay) {
        if let Self::Allocated { relay, .. } | Self::Refreshing { relay, .. } = self {
            *relay = narrowed;
        }
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    const fn until(&self) -> Option<Instant> {
        match *self {
            Self::Allocated { until, .. } | Self::Refreshing { until, .. } => Some(until),
            _ => None,
        }
    }

    /// It is given back; `at_server`: the server may have it.
    pub(crate) fn close(&mut self, at_server: bool) {
        match self {
            Self::Closing | Self::Ended => {}
            _ if at_server => *self = Self::Closing,
            _ => *self = Self::Ended,
        }
    }

    /// It is gone.
    pub(crate) const fn end(&mut self) {
        *self = Self::Ended;
    }

    /// What is allocated.
    pub(crate) const fn relay(&self) -> Option<&Relay> {
        match self {
            Self::Allocated { relay, .. } | Self::Refreshing { relay, .. } => Some(relay),
            _ => None,
        }
    }

    /// When there is something to do.
    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        match *self {
            Self::Allocated { refresh_at, .. } => Some(refresh_at),
            Self::Refreshing { until, .. } => Some(until),
            _ => None,
        }
    }

    /// The state's name.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Allocating => "Allocating",
            Self::Taken => "Taken",
            Self::Reclaiming => "Reclaiming",
            Self::Allocated { .. } => "Allocated",
            Self::Refreshing { .. } => "Refreshing",
            Self::Closing => "Closing",
            Self::Ended => "Ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn epoch() -> Instant {
        Instant::now()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn relay(lifetime: u64) -> Relay {
        let relayed = "192.0.2.1:50000".parse().unwrap();
        Relay { relayed, additional: None, mapped: None, lifetime: seconds(lifetime), token: None }
    }

    #[test]
    fn every_transition_is_that_of_the_table() {
        let epoch = epoch();
        let (refresh_at, until) = (epoch + seconds(540), epoch + seconds(600));
        let allocated = Allocation::Allocated { relay: relay(600), refresh_at, until };
        let refreshing = Allocation::Refreshing { relay: relay(600), until };
        let (taken, reclaiming) = (Allocation::Taken, Allocation::Reclaiming);
        // Allocated, due, refreshed, lost, close with and without a trace at the server; taken, delete sent, returned.
        let table = [
            (
                Allocation::Allocating,
                "Allocated Allocating Allocating Ended Closing Ended Taken Allocating Allocating",
            ),
            (taken, "Allocated Taken Taken Ended Closing Ended Taken Reclaiming Taken"),
            (
                reclaiming,
                "Reclaiming Reclaiming Reclaiming Ended Closing Ended Reclaiming Reclaiming Allocating",
            ),
            (allocated, "Allocated Refreshing Allocated Ended Closing Ended Allocated Allocated Allocated"),
            (
                refreshing,
                "Refreshing Refreshing Allocated Ended Closing Ended Refreshing Refreshing Refreshing",
            ),
            (Allocation::Closing, "Closing Closing Closing Ended Closing Closing Closing Closing Closing"),
            (Allocation::Ended, "Ended Ended Ended Ended Ended Ended Ended Ended Ended"),
        ];
        for (from, expected) in table {
            let after = |on: &dyn Fn(&mut Allocation)| {
                let mut state = from;
                on(&mut state);
                state.name()
            };
            let actual = [
                after(&|state| state.allocated(relay(600), epoch)),
                after(&|state| assert_eq!(state.refresh_due(refresh_at).is_some(), from == allocated)),
                after(&|state| state.refreshed(seconds(600), epoch)),
                after(&Allocation::end),
                after(&|state| state.close(true)),
                after(&|state| state.close(false)),
                after(&Allocation::taken),
                after(&Allocation::delete_sent),
                after(&Allocation::returned),
            ];
            assert_eq!(actual.join(" "), expected, "from {}", from.name());
        }
    }

    #[test]
    fn a_refresh_comes_a_minute_early_and_in_short_lives_at_half_time() {
        for (lifetime, wait) in [(3600, 3540), (600, 540), (121, 61), (120, 60), (100, 50), (10, 5), (0, 0)] {
            assert_eq!(refresh_after(seconds(lifetime)), seconds(wait), "{lifetime}");
        }
    }

    #[test]
    fn it_is_over_at_its_end_and_not_a_millisecond_before() {
        let epoch = epoch();
        let mut state = Allocation::Allocating;
        assert!(!state.is_over(epoch + seconds(1_000_000)));
        state.allocated(relay(600), epoch);
        assert!(!state.is_over(epoch + seconds(600) - Duration::from_millis(1)));
        assert!(state.is_over(epoch + seconds(600)));
    }
}
