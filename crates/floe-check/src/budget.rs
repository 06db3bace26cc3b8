//! How many error responses strangers may draw.

use std::time::{Duration, Instant};

/// Error responses in one go.
const BURST: u32 = 20;
/// One more is allowed after each such time.
const REFILL: Duration = Duration::from_millis(100);

/// A token bucket. Whoever does not know the password gets few answers from this agent: it shall neither amplify nor
/// reflect (RFC 8445 19.5).
#[derive(Debug)]
pub(crate) struct ErrorBudget {
    tokens: u32,
    refilled: Option<Instant>,
}

impl Default for ErrorBudget {
    fn default() -> Self {
        Self { tokens: BURST, refilled: None }
    }
}

impl ErrorBudget {
    /// Whether one more error may be sent.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(*self.refilled.get_or_insert(now));
        let new = u32::try_from(since.as_millis() / REFILL.as_millis()).unwrap_or(u32::MAX);
        if new > 0 {
            self.tokens = self.tokens.saturating_add(new).min(BURST);
            self.refilled = Some(now);
        }
        let allowed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_and_then_ten_a_second() {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let start = Instant::now();
        let mut budget = ErrorBudget::default();
        let mut granted = |at: u64, asked: u32| {
            (0..asked).filter(|_| budget.take(start + Duration::from_millis(at))).count()
        };
        assert_eq!(granted(0, 1000), 20);
        assert_eq!(granted(99, 1000), 0);
        assert_eq!(granted(100, 1000), 1);
        assert_eq!(granted(1100, 1000), 10);
        assert_eq!(granted(1_000_000, 1000), 20);
    }
}
