//! Where the nomination of one component stands: the state machine and its transition table (RFC 8445 8.1.1).

use std::time::Instant;

use floe_core::{PairId, ValidPair};

use crate::Why;

/// Where the nomination of one component stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Controlled: the peer's nomination is awaited.
    Following,
    /// Controlling: no pair is chosen. The policy is asked again when something changes, and at this time.
    Deciding(Option<Instant>),
    /// Controlling: a pair is chosen, and the answer to its nominating check is awaited.
    Nominating(Intent),
    /// A nominated pair is selected. No other is chosen any more (RFC 8445 8.1.1), but where renomination is agreed on:
    /// then the selection is looked at again when something changes, and at this time.
    Selected(PairId, Option<Instant>),
    /// Controlling: a pair is selected, and another one was chosen to take its place.
    Moving(PairId, Intent),
}

/// A nomination under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) pair: PairId,
    /// Since when the pair is valid: one that failed and became valid again is another matter.
    pub(crate) since: Instant,
    /// The pair that is checked again for it.
    pub(crate) check: PairId,
    pub(crate) why: Why,
}

impl Intent {
    /// Whether this is its pair, valid ever since.
    pub(crate) fn is_of(&self, pair: &ValidPair) -> bool {
        (pair.id, pair.since) == (self.pair, self.since)
    }

    /// Whether nominating this pair would be the same once more.
    pub(crate) fn would_repeat(&self, pair: &ValidPair) -> bool {
        self.is_of(pair) && pair.checked == self.check
    }
}

/// What moves a component on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// This agent controls now.
    Control,
    /// The peer controls now.
    Follow,
    /// The policy wants to wait: for a change, or until this time at the latest.
    Wait(Option<Instant>),
    /// The policy chose.
    Nominate(Intent),
    /// The nominating check failed, or its pair is gone.
    Refuse,
    /// A pair is nominated and the best of those that are.
    Select(PairId),
}

impl Phase {
    /// The phase a component begins in.
    pub(crate) const fn at_start(role: floe_core::Role) -> Self {
        match role {
            floe_core::Role::Controlling => Self::Deciding(None),
            floe_core::Role::Controlled => Self::Following,
        }
    }

    /// The transition table. What is not in it changes nothing.
    ///
    /// ```text
    ///   phase \ step  Control   Follow     Wait      Nominate    Refuse    Select
    ///   Following     Deciding    -          -          -          -       Selected
    ///   Deciding         -     Following  Deciding  Nominating     -       Selected
    ///   Nominating       -     Following     -          -       Deciding   Selected
    ///   Selected         -     Selected   Selected    Moving       -       Selected
    ///   Moving           -     Selected      -          -       Selected   Selected
    /// ```
    pub(crate) const fn after(self, step: Step) -> Self {
        match (self, step) {
            (_, Step::Select(pair)) => Self::Selected(pair, None),
            (Self::Selected(held, _), Step::Follow)
            | (Self::Moving(held, _), Step::Follow | Step::Refuse) => Self::Selected(held, None),
            (Self::Selected(held, _), Step::Wait(until)) => Self::Selected(held, until),
            (Self::Selected(held, _), Step::Nominate(intent)) => Self::Moving(held, intent),
            (Self::Following, Step::Control) | (Self::Nominating(_), Step::Refuse) => Self::Deciding(None),
            (Self::Deciding(_) | Self::Nominating(_), Step::Follow) => Self::Following,
            (Self::Deciding(_), Step::Wait(until)) => Self::Deciding(until),
            (Self::Deciding(_), Step::Nominate(intent)) => Self::Nominating(intent),
            (same, _) => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use floe_core::Role;

    use super::*;
    use crate::fixture::epoch;

    #[test]
    fn the_transition_table_is_the_documented_one() {
        let old = Intent { pair: PairId(1), since: epoch(), check: PairId(101), why: Why::NothingBetter };
        let new = Intent { pair: PairId(2), since: epoch(), check: PairId(102), why: Why::Policy };
        let (soon, later) = (Some(epoch()), Some(epoch() + Duration::from_secs(1)));
        let (deciding, nominating) = (Phase::Deciding(soon), Phase::Nominating(old));
        let held = |until| Phase::Selected(PairId(1), until);
        let (selected, moving) = (held(soon), Phase::Moving(PairId(1), old));

        let steps = [
            Step::Control,
            Step::Follow,
            Step::Wait(later),
            Step::Nominate(new),
            Step::Refuse,
            Step::Select(PairId(3)),
        ];
        let chosen = Phase::Selected(PairId(3), None);
        let following = Phase::Following;
        let table = [
            (following, [Phase::Deciding(None), following, following, following, following, chosen]),
            (
                deciding,
                [deciding, following, Phase::Deciding(later), Phase::Nominating(new), deciding, chosen],
            ),
            (nominating, [nominating, following, nominating, nominating, Phase::Deciding(None), chosen]),
            (selected, [selected, held(None), held(later), Phase::Moving(PairId(1), new), selected, chosen]),
            (moving, [moving, held(None), moving, moving, held(None), chosen]),
        ];
        for (from, row) in table {
            assert_eq!(steps.map(|step| from.after(step)), row, "from {from:?}");
        }
    }

    #[test]
    fn a_component_begins_as_its_role_demands() {
        assert_eq!(Phase::at_start(Role::Controlling), Phase::Deciding(None));
        assert_eq!(Phase::at_start(Role::Controlled), Phase::Following);
    }
}
