//! How good a path is, as measured.

use std::time::{Duration, Instant};

/// What the requests over a path have shown lately: checks and requests for consent, and the answers to them. Evidence
/// fades: only the latest requests count, and none that is older than two minutes.
///
/// `Default` is a path that nothing is known of.
///
/// ```
/// use floe_core::Quality;
///
/// let path = Quality { asked: 16, answered: 12, ..Quality::default() };
/// assert_eq!((path.lost(), path.loss()), (4, Some(250)));
/// assert_eq!(Quality::default().loss(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// The round trip, smoothed as RFC 6298 2 smooths it (SRTT). `None` before any was measured.
    pub round_trip: Option<Duration>,
    /// By how much round trips differ from the smoothed one (RTTVAR).
    pub variation: Duration,
    /// The shortest of the latest three round trips: what lies above it is more than one late answer. `None` before there
    /// were three.
    pub shortest: Option<Duration>,
    /// How many round trips were measured in all.
    pub samples: u32,
    /// How many of the latest requests were decided: answered, or not answered in time. At most 16.
    pub asked: u32,
    /// How many of these were answered.
    pub answered: u32,
    /// How many of the latest in a row were not.
    pub silence: u32,
    /// How many of the latest in a row were.
    pub streak: u32,
    /// When the latest was decided.
    pub latest: Option<Instant>,
}

impl Quality {
    /// How many of the latest requests were not answered.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.asked.saturating_sub(self.answered)
    }

    /// The share of these, in per mille; `None` where nothing was asked.
    #[must_use]
    pub const fn loss(&self) -> Option<u32> {
        self.lost().saturating_mul(1000).checked_div(self.asked)
    }
}
