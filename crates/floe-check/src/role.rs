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
pub(crate) fn conflict(role: Role, mine: TieBreaker, claim: Option<(Role, TieBreaker)>) -> Conflict {
    match claim {
        Some((claimed, theirs)) if claimed == role => match (role, mine >= theirs) {
            (Role::Controlling, true) | (Role::Controlled, false) => Conflict::PeerMustSwitch,
            (Role::Controlling, false) | (Role::Controlled, true) => Conflict::Switch,
        },
        _ => Conflict::None,
    }
}

impl CheckSet {
    /// Takes a role that signalling has made clear, such as that the peer is a lite agent (RFC 8445 6.1.1).
    pub fn set_role(&mut self, role: Role) {
        self.switch_role(role);
    }

    /// Takes a role: priorities of pairs depend on it (RFC 8445 6.1.2.3), and so does who nominates.
    pub(crate) fn switch_role(&mut self, role: Role) {
        if role == self.role {
            return;
        }
        self.role = role;
        self.nominations.clear();
        self.pairs.forget_nominations();
        self.rerank_of(|_| true);
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
