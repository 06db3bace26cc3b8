//! Several nominations, one after the other: the last one counts, where that is agreed on
//! (draft-thatcher-ice-renomination), and with a peer of RFC 8445, which nominates a second pair only after the first failed.

use floe_core::{PairId, Role, StreamId};

use crate::{CheckSet, codec::MAX_NOMINATION, pair::Validity};

/// The nomination that counts for a component: the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InForce {
    /// The pair that was checked.
    pair: PairId,
    /// Its NOMINATION; `None` where the check held none.
    value: Option<u32>,
}

impl InForce {
    /// Whether a nomination takes the place of this one (section 4): by the larger value, and any value beats none. Of
    /// two without, the last one counts; `again` tells that its check is a copy of one that has come before.
    fn gives_way_to(self, new: Self, again: bool) -> bool {
        match (self.value, new.value) {
            (Some(held), Some(value)) if new.pair == self.pair => value >= held,
            (Some(held), Some(value)) => value > held,
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (None, None) => new.pair == self.pair || !again,
        }
    }
}

impl CheckSet {
    /// Whether another pair of this stream may be nominated after the first: both sides have announced the option
    /// `renomination`. To be said before the peer's description is set. From then on
    /// - nominating checks carry the attribute NOMINATION, and of those that come the largest counts;
    /// - pairs that are not selected stay on the check list, and the best of the valid ones are kept warm;
    /// - aggressive nomination is off.
    pub fn set_renomination(&mut self, stream: StreamId, agreed: bool) {
        if let Some(list) = self.lists.get_mut(&stream) {
            list.renomination = agreed;
        }
    }

    /// Whether that was said.
    #[must_use]
    pub fn may_renominate(&self, stream: StreamId) -> bool {
        self.lists.get(&stream).is_some_and(|list| list.renomination)
    }

    /// Whether the peer is one of RFC 8445: it has announced the option `ice2`. To be said before its description is set.
    ///
    /// Such a peer brings exactly one nomination of a component to success (RFC 8445 8.1.1). If it nominates another pair
    /// all the same, the one before has failed on its side, so the latest counts. Of those of an older peer, which may
    /// nominate all it checks, the best does.
    pub fn set_ice2(&mut self, stream: StreamId, ice2: bool) {
        if let Some(list) = self.lists.get_mut(&stream) {
            list.ice2 = ice2;
        }
    }

    /// Whether of several nominations only the latest counts. What the peer is says nothing of our own.
    pub(crate) fn latest_counts(&self, stream: StreamId) -> bool {
        let Some(list) = self.lists.get(&stream) else { return false };
        list.renomination || (list.ice2 && self.role == Role::Controlled)
    }

    /// The value of the next NOMINATION: larger than all before. After 16 million of them it stays the same.
    pub(crate) const fn next_nomination(&mut self) -> u32 {
        if self.nomination < MAX_NOMINATION {
            self.nomination += 1;
        }
        self.nomination
    }

    /// Whether an authentic check of the controlling peer nominates. libwebrtc sends NOMINATION in the place of
    /// USE-CANDIDATE.
    pub(crate) fn is_nomination(&self, stream: StreamId, use_candidate: bool, value: Option<u32>) -> bool {
        use_candidate || (value.is_some() && self.may_renominate(stream))
    }

    /// Whether a nomination counts, and from now on no other before it. Where several may count every one does.
    pub(crate) fn supersedes(&mut self, checked: PairId, value: Option<u32>, again: bool) -> bool {
        let Some(ends) = self.pairs.get(checked).map(|pair| pair.ends.clone()) else { return false };
        if !self.latest_counts(ends.stream) {
            return true;
        }
        let Some(list) = self.lists.get_mut(&ends.stream) else { return false };
        // A value says something only where it was agreed on.
        let value = value.filter(|_| list.renomination);
        let Some(component) = list.components.get_mut(&ends.component) else { return false };
        let new = InForce { pair: checked, value };
        if component.in_force.is_some_and(|held| !held.gives_way_to(new, again)) {
            return false;
        }
        component.in_force = Some(new);
        // What was nominated before and is not valid yet is not waited for any more.
        let waiting: Vec<_> = self
            .pairs
            .iter()
            .filter(|pair| (pair.ends.stream, pair.ends.component) == (ends.stream, ends.component))
            .filter(|pair| pair.id != checked && pair.nominate_when_valid)
            .map(|pair| pair.id)
            .collect();
        for id in waiting {
            if let Some(pair) = self.pairs.get_mut(id) {
                pair.nominate_when_valid = false;
            }
        }
        true
    }

    /// This pair is about to be nominated: where the last nomination counts no other of its component is any more.
    pub(crate) fn release_nominations(&mut self, valid: PairId) {
        let Some(ends) = self.pairs.get(valid).map(|pair| pair.ends.clone()) else { return };
        if !self.latest_counts(ends.stream) {
            return;
        }
        let others: Vec<_> =
            self.pairs.valid(ends.stream, ends.component).filter(|&id| id != valid).collect();
        for id in others {
            let validity = self.pairs.get(id).and_then(crate::pair::Pair::validity);
            if let Some(validity) = validity.filter(|validity| validity.nominated) {
                self.pairs.set_validity(id, Some(Validity { nominated: false, ..validity }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: renom-3-a
    #[test]
    fn the_larger_value_counts_a_value_beats_none_and_of_none_the_last_counts() {
        let nomination = |pair, value| InForce { pair: PairId(pair), value };
        let held = |value| nomination(1, value);
        // Another pair's with no value, a smaller, the same and a larger one; new, and as a copy.
        let values = [None, Some(4), Some(5), Some(6)];
        let by_others =
            |held: InForce, again| values.map(|value| held.gives_way_to(nomination(2, value), again));
        assert_eq!(by_others(held(Some(5)), false), [false, false, false, true]);
        assert_eq!(by_others(held(None), false), [true; 4]);
        assert_eq!(by_others(held(None), true), [false, true, true, true]);
        // The same pair's: what is sent again holds again.
        let by_itself = |held: InForce| values.map(|value| held.gives_way_to(nomination(1, value), true));
        assert_eq!(by_itself(held(Some(5))), [false, false, true, true]);
        assert_eq!(by_itself(held(None)), [true; 4]);
    }
}
