//! `ice-pacing` (RFC 8839 5.5, RFC 8445 14.2).

use std::{fmt, str::FromStr, time::Duration};

use super::line::number;

/// The Ta that an agent proposes: a number of milliseconds, of at most ten digits.
///
/// ```
/// use std::time::Duration;
///
/// use floe_core::Pacing;
///
/// let theirs: Pacing = "20".parse()?;
/// assert_eq!(Pacing::agreed(None, Some(theirs)), Duration::from_millis(50));
/// # Ok::<(), floe_core::PacingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pacing(u64);

impl Pacing {
    /// 50 ms: what an agent means that proposes nothing (RFC 8445 14.2).
    pub const DEFAULT: Self = Self(50);
    /// 5 ms: no agent sends new transactions faster, whatever was agreed (RFC 8445 14.2).
    pub const LEAST: Self = Self(5);
    /// 2 s: further no peer slows this agent down, whatever it proposes.
    pub const MOST_OF_PEER: Self = Self(2_000);
    /// The largest that can be written.
    pub const MAX: Self = Self(9_999_999_999);

    /// So many milliseconds; `None` where they need more than ten digits.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Option<Self> {
        if millis <= Self::MAX.0 { Some(Self(millis)) } else { None }
    }

    /// The milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The Ta that both agents use: the larger proposal, 50 ms for one who made none, and never less than 5 ms.
    ///
    /// Of the peer's proposal no more than [`MOST_OF_PEER`](Self::MOST_OF_PEER) is taken, against the letter of RFC 8445 14.2:
    /// the grammar lets a peer ask for 115 days, and a check that never has its turn never fails.
    #[must_use]
    pub fn agreed(local: Option<Self>, remote: Option<Self>) -> Duration {
        let proposed = local.unwrap_or_default().max(remote.unwrap_or_default().min(Self::MOST_OF_PEER));
        Duration::from_millis(proposed.max(Self::LEAST).0)
    }
}

impl Default for Pacing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Pacing {
    type Err = PacingError;

    fn from_str(text: &str) -> Result<Self, PacingError> {
        number(text, 10).map(Self).ok_or(PacingError)
    }
}

/// The text is not 1 to 10 digits (RFC 8839 5.5): write whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pacing is 1 to 10 digits")]
pub struct PacingError;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8839-5.5-a
    #[test]
    fn a_pacing_is_1_to_10_digits() {
        for (text, millis) in [("0", 0), ("50", 50), ("0000000007", 7), ("9999999999", 9_999_999_999)] {
            assert_eq!(text.parse::<Pacing>().unwrap().as_millis(), millis, "{text}");
        }
        for text in ["", "00000000001", "+5", "-5", "5 ", "5ms", "5.0", "\u{665}"] {
            assert_eq!(text.parse::<Pacing>(), Err(PacingError), "{text}");
        }
        assert_eq!(Pacing::from_millis(10_000_000_000), None);
        assert_eq!(Pacing::from_millis(9_999_999_999), Some(Pacing::MAX));
    }

    // proves: 8839-5.5-a
    #[test]
    fn both_use_the_larger_proposal_and_none_means_50() {
        let pacing = |millis| Pacing::from_millis(millis);
        for (local, remote, agreed) in [
            (None, None, 50),
            (pacing(20), None, 50),
            (None, pacing(20), 50),
            (pacing(20), pacing(30), 30),
            (pacing(80), pacing(30), 80),
            (None, pacing(80), 80),
            (pacing(1), pacing(0), 5),
        ] {
            assert_eq!(Pacing::agreed(local, remote), Duration::from_millis(agreed));
            assert_eq!(Pacing::agreed(remote, local), Duration::from_millis(agreed));
        }
    }

    #[test]
    fn a_peer_slows_this_agent_down_to_2_s_and_no_further_and_itself_as_far_as_it_likes() {
        let pacing = |millis| Pacing::from_millis(millis);
        for (local, remote, agreed) in [
            (None, pacing(2_000), 2_000),
            (None, pacing(2_001), 2_000),
            (pacing(20), Some(Pacing::MAX), 2_000),
            (pacing(3_000), Some(Pacing::MAX), 3_000),
            (pacing(60_000), None, 60_000),
        ] {
            assert_eq!(Pacing::agreed(local, remote), Duration::from_millis(agreed));
        }
    }
}
