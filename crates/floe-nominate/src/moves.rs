//! How often a selection may move: the bound that no evidence gets past.

use std::time::{Duration, Instant};

/// From one move to the next at least.
const FIRST_SPACING: Duration = Duration::from_secs(10);
/// Each move doubles that, up to here.
const LAST_SPACING: Duration = Duration::from_secs(160);
/// After so long without a move it begins anew.
const CALM: Duration = Duration::from_secs(300);

/// The moves of one component. The first is free; after it the next ones wait 10, 20, 40, 80 and then 160 s each, until
/// five minutes have passed without one. So there are at most three in any minute, and where the evidence never comes to
/// rest one in 160 s.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moves {
    latest: Option<Instant>,
    spacing: Option<Duration>,
}

impl Moves {
    /// From when on another move is allowed.
    pub(crate) fn next(&self) -> Option<Instant> {
        Some(self.latest? + self.spacing?)
    }

    /// A move begins. One that is forced, because the selected pair was lost, counts as well.
    pub(crate) fn begin(&mut self, now: Instant) {
        let calm = self.latest.is_none_or(|latest| now.saturating_duration_since(latest) >= CALM);
        let spacing = match self.spacing {
            Some(before) if !calm => (before * 2).min(LAST_SPACING),
            _ => FIRST_SPACING,
        };
        (self.latest, self.spacing) = (Some(now), Some(spacing));
    }

    /// It is done: the time to the next counts from here.
    pub(crate) const fn end(&mut self, now: Instant) {
        self.latest = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::at;

    #[test]
    fn moves_are_spaced_ever_wider_until_all_is_calm() {
        let mut moves = Moves::default();
        assert_eq!(moves.next(), None);
        let mut now = 0;
        for spacing in [10, 20, 40, 80, 160, 160] {
            moves.begin(at(now));
            assert_eq!(moves.next(), Some(at(now + spacing * 1000)));
            now += spacing * 1000;
        }
        // What takes long to be answered puts the next off.
        moves.begin(at(now));
        moves.end(at(now + 5_000));
        assert_eq!(moves.next(), Some(at(now + 165_000)));
        moves.begin(at(now + 305_000));
        assert_eq!(moves.next(), Some(at(now + 315_000)));
    }
}
