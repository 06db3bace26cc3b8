//! Local preferences (RFC 8445 5.1.2.1).

use std::collections::BTreeSet;

/// The distance between neighbours, so that an address that comes later finds room between two that are there.
const STEP: u16 = 256;

/// Gives out local preferences. One value is never given out twice in a generation, not even for an address that went
/// and came back: the peer still knows the priority of the candidate that was.
#[derive(Debug, Default)]
pub(crate) struct Preferences {
    given: BTreeSet<u16>,
}

impl Preferences {
    /// A value below `above` and above `below` if there is one left, else the next one down that is left, else any.
    /// The first one is 65535. `None` when all 65,535 are gone.
    pub(crate) fn give(&mut self, above: Option<u16>, below: Option<u16>) -> Option<u16> {
        let value = self.wish(above, below).filter(|value| !self.given.contains(value)).or_else(|| {
            let start = above.unwrap_or(u16::MAX);
            let free = |value: &u16| !self.given.contains(value);
            (1..=start).rev().find(free).or_else(|| (start..=u16::MAX).find(free))
        })?;
        self.given.insert(value);
        Some(value)
    }

    fn wish(&self, above: Option<u16>, below: Option<u16>) -> Option<u16> {
        match (above, below) {
            (None, None) => Some(u16::MAX),
            (Some(above), None) => above.checked_sub(STEP).filter(|&value| value > 0),
            (above, Some(below)) => {
                let room = above.unwrap_or(u16::MAX).checked_sub(below)?;
                Some(below + room / 2).filter(|&value| value != below)
            }
        }
    }
}
