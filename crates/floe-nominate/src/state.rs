//! The selection state of one component.

use floe_core::PairId;

/// How far the selection of a component is.
///
/// ```text
///   from        on            to
///   Undecided   nominate      Nominating   the policy chose (controlling side)
///   Undecided   nominated     Selected     the peer nominated
///   Nominating  nominated     Selected     the peer confirmed
///   Nominating  failed        Undecided    the nominating check failed
///   Nominating  role change   Undecided    nominating is the peer's business now
///   Selected    nominated     Selected     a better pair was nominated too (RFC 5245 peers)
///   Selected    lost          Undecided    the selected pair is valid no more
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Selection {
    /// Nothing is nominated.
    #[default]
    Undecided,
    /// Our nomination of this valid pair is on its way.
    Nominating(PairId),
    /// This pair is selected.
    Selected(PairId),
}

/// What moves a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nominate(PairId),
    Nominated(PairId),
    Failed(PairId),
    RoleChanged,
    Lost(PairId),
}

impl Selection {
    /// The transition table above. `None` where a step means nothing.
    pub(crate) fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Undecided, Step::Nominate(pair)) => Some(Self::Nominating(pair)),
            (Self::Undecided | Self::Nominating(_), Step::Nominated(pair)) => Some(Self::Selected(pair)),
            (Self::Selected(old), Step::Nominated(pair)) if old != pair => Some(Self::Selected(pair)),
            (Self::Nominating(pair), Step::Failed(failed)) if pair == failed => Some(Self::Undecided),
            (Self::Nominating(_), Step::RoleChanged) => Some(Self::Undecided),
            (Self::Selected(pair), Step::Lost(lost)) if pair == lost => Some(Self::Undecided),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_transitions() {
        use Selection::{Nominating, Selected, Undecided};
        let (a, b) = (PairId(1), PairId(2));
        let states = [Undecided, Nominating(a), Selected(a)];
        let table = [
            (Step::Nominate(b), [Some(Nominating(b)), None, None]),
            (Step::Nominated(a), [Some(Selected(a)), Some(Selected(a)), None]),
            (Step::Nominated(b), [Some(Selected(b)), Some(Selected(b)), Some(Selected(b))]),
            (Step::Failed(a), [None, Some(Undecided), None]),
            (Step::Failed(b), [None, None, None]),
            (Step::RoleChanged, [None, Some(Undecided), None]),
            (Step::Lost(a), [None, None, Some(Undecided)]),
            (Step::Lost(b), [None, None, None]),
        ];
        for (step, after) in table {
            assert_eq!(states.map(|state| state.after(step)), after, "{step:?}");
        }
    }
}
