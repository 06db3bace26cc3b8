//! Local preferences (RFC 8445 5.1.2.1).

use std::collections::{BTreeMap, BTreeSet};

use floe_core::CandidateKind;

use crate::{ServerId, place::Place};

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
        self.take(self.wish(above, below), above.unwrap_or(u16::MAX))
    }

    /// This value, else the next one down that is left, else any.
    fn give_about(&mut self, wish: u16) -> Option<u16> {
        self.take(None, wish)
    }

    fn take(&mut self, wish: Option<u16>, start: u16) -> Option<u16> {
        let value = wish.filter(|value| !self.given.contains(value)).or_else(|| {
            let start = start.max(1);
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

/// The local preferences of candidates that servers gave: unique for each kind (RFC 8445 5.1.2.1), hence for each TURN
/// server, too (5.1.2.2). All streams and components share them.
#[derive(Debug, Default)]
pub(crate) struct ServerPreferences {
    reflexive: Preferences,
    relayed: Preferences,
    known: BTreeMap<Source, u16>,
}

/// What a candidate that a server gave has come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) kind: CandidateKind,
    pub(crate) place: Place,
    pub(crate) server: ServerId,
    /// How many candidates a component has had of it before.
    pub(crate) before: u32,
}

impl ServerPreferences {
    /// Near below the preference of the host's address, by the rank of the server.
    pub(crate) fn of(&mut self, source: Source, host: u16, rank: u16) -> Option<u16> {
        if let Some(&known) = self.known.get(&source) {
            return Some(known);
        }
        let preferences = match source.kind {
            CandidateKind::Relayed => &mut self.relayed,
            _ => &mut self.reflexive,
        };
        let value = preferences.give_about(host.saturating_sub(rank))?;
        self.known.insert(source, value);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lone_address_gets_the_highest() {
        assert_eq!(Preferences::default().give(None, None), Some(65_535));
    }

    #[test]
    fn one_that_comes_later_fits_between() {
        let mut preferences = Preferences::default();
        let first = preferences.give(None, None);
        let second = preferences.give(first, None);
        let between = preferences.give(first, second);
        assert!(first > between && between > second, "{first:?} {between:?} {second:?}");
        let third = preferences.give(second, None);
        assert!(second > third);
        // Above the very first there is no room: the next best is right below it.
        assert_eq!(preferences.give(None, first), Some(65_534));
    }

    #[test]
    fn when_all_are_gone_there_is_none() {
        let mut preferences = Preferences::default();
        for value in (1..=u16::MAX).rev() {
            assert_eq!(preferences.give(value.checked_add(1), Some(value - 1)), Some(value));
        }
        assert_eq!(preferences.give(None, None), None);
        assert_eq!(preferences.give(Some(300), None), None);
    }

    proptest! {
        #[test]
        fn no_value_is_given_twice(asked in prop::collection::vec((any::<Option<u16>>(), any::<Option<u16>>()), 1..500)) {
            let mut preferences = Preferences::default();
            let given: Vec<_> = asked.iter().map(|&(above, below)| preferences.give(above, below)).collect();
            let different: BTreeSet<_> = given.iter().flatten().collect();
            prop_assert_eq!(different.len(), asked.len());
            prop_assert!(!different.contains(&0));
        }
    }
}
