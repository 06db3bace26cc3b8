//! Role conflicts (RFC 8445 7.3.1.1).

use floe_core::{Role, TieBreaker};

use crate::{CheckSet, Event};

/// What a claimed role means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The roles differ, or none is claimed.
    None,
    /// This agent takes the other role.
    Switch,
    /// The peer is told to: 487.
    PeerMustSwitch,
}

/// Both claim one role: the larger tie-breaker controls, and this agent wins a draw.
fn conflict(role: Role, mine: TieBreaker, claim: Option<(Role, TieBreaker)>) -> Conflict {
    match claim {
        Some((claimed, theirs)) if claimed == role => match (role, mine >= theirs) {
            (Role::Controlling, true) | (Role::Controlled, false) => Conflict::PeerMustSwitch,
            (Role::Controlling, false) | (Role::Controlled, true) => Conflict::Switch,
        },
        _ => Conflict::None,
    }
}

/// How often conflicts may change the role. Two agents that keep to the rules need one change, two with the same
/// tie-breaker a few; a peer that asks for more would have both of them turn for ever.
const MAX_ROLE_CHANGES: u32 = 16;

impl CheckSet {
    /// What a claimed role means for this agent now.
    pub(crate) fn conflict_with(&self, claim: Option<(Role, TieBreaker)>) -> Conflict {
        // RFC 8445 7.3.1.1 is for full agents; what a lite one is follows from what the other is (6.1.1).
        if self.config.lite {
            return Conflict::None;
        }
        match conflict(self.role, self.tie_breaker, claim) {
            Conflict::Switch if !self.may_switch_role() => Conflict::PeerMustSwitch,
            conflict => conflict,
        }
    }

    pub(crate) const fn may_switch_role(&self) -> bool {
        self.role_changes < MAX_ROLE_CHANGES
    }

    /// Takes a role that signalling has made clear, such as that the peer is a lite agent (RFC 8445 6.1.1). This does
    /// not count as a conflict.
    pub fn set_role(&mut self, role: Role) {
        if role != self.role {
            self.take_role(role);
        }
    }

    /// Takes the other role: there was a conflict.
    pub(crate) fn switch_role(&mut self) {
        self.role_changes += 1;
        self.take_role(self.role.opposite());
    }

    /// Priorities of pairs depend on the role (RFC 8445 6.1.2.3), and so does who nominates.
    fn take_role(&mut self, role: Role) {
        self.role = role;
        self.nominations.clear();
        self.pairs.forget_nominations();
        // The numbers of nominations were the other side's.
        for component in self.lists.values_mut().flat_map(|list| list.components.values_mut()) {
            component.in_force = None;
        }
        let all: Vec<_> = self.pairs.iter().map(|pair| pair.id).collect();
        for pair in all {
            self.rerank(pair);
        }
        self.out.events.push_back(Event::RoleChanged(role));
        let streams: Vec<_> = self.lists.keys().copied().collect();
        for stream in streams {
            self.tell_changed(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8445-7.3.1.1-a, 8445-7.3.1.1-b
    #[test]
    fn the_larger_tie_breaker_controls_and_a_draw_is_ours() {
        use Conflict::{None, PeerMustSwitch, Switch};
        use Role::{Controlled, Controlling};
        let table = [
            (Controlling, Controlling, [PeerMustSwitch, PeerMustSwitch, Switch]),
            (Controlled, Controlled, [Switch, Switch, PeerMustSwitch]),
            (Controlling, Controlled, [None, None, None]),
            (Controlled, Controlling, [None, None, None]),
        ];
        for (mine, claimed, results) in table {
            // Theirs is smaller, equal, larger.
            let found =
                [4, 5, 6].map(|theirs| conflict(mine, TieBreaker(5), Some((claimed, TieBreaker(theirs)))));
            assert_eq!(found, results, "{mine} against {claimed}");
        }
        assert_eq!(conflict(Controlling, TieBreaker(0), Option::None), None);
    }
}
