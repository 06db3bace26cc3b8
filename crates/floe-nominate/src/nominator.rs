//! The nominator: one selection for each component.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use floe_core::{ComponentId, Outlook, PairId, Role, StreamId, ValidPair};

use crate::{
    Choice, Policy, Why,
    state::{Selection, Step},
};

/// What the nominator wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Check the pair again with USE-CANDIDATE (RFC 8445 8.1.1).
    Nominate {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The valid pair.
        pair: PairId,
        /// The pair whose check made it valid: the one to check.
        check: PairId,
        /// Why.
        why: Why,
    },
    /// The pair is selected: data goes over it.
    Select {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The valid pair.
        pair: PairId,
        /// Why.
        why: Why,
    },
}

type Key = (StreamId, ComponentId);

/// Selects one pair for each component (RFC 8445 8).
///
/// Call [`review`](Self::review) whenever something changed for a component, and after
/// [`handle_timeout`](Self::handle_timeout) for each one that [`due`](Self::due) names; then
/// [`poll_decision`](Self::poll_decision) until `None`. `now` never goes back. `review`, `set_role` and `handle_timeout`
/// move [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Nominator {
    role: Role,
    policy: Box<dyn Policy>,
    selections: BTreeMap<Key, Component>,
    decisions: VecDeque<Decision>,
    due: VecDeque<Key>,
}

#[derive(Debug, Default)]
struct Component {
    selection: Selection,
    /// Why the pair that is nominated was chosen: told again when it is selected.
    chosen: Option<Why>,
    ask_again: Option<Instant>,
}

impl Nominator {
    /// A nominator in this role with this policy; see [`Nomination::policy`](crate::Nomination::policy).
    #[must_use]
    pub fn new(role: Role, policy: Box<dyn Policy>) -> Self {
        Self { role, policy, selections: BTreeMap::new(), decisions: VecDeque::new(), due: VecDeque::new() }
    }

    /// Takes a role. What was nominated and not confirmed is forgotten; what is selected stays.
    pub fn set_role(&mut self, role: Role) {
        if self.role == role {
            return;
        }
        self.role = role;
        for (&key, component) in &mut self.selections {
            if let Some(next) = component.selection.after(Step::RoleChanged) {
                component.selection = next;
            }
            component.ask_again = None;
            self.due.push_back(key);
        }
    }

    /// Looks at a component: `valid` holds its valid pairs, best first.
    pub fn review(
        &mut self,
        now: Instant,
        stream: StreamId,
        component: ComponentId,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) {
        let key = (stream, component);
        let state = self.selections.entry(key).or_default();
        state.ask_again = None;
        state.drop_what_is_gone(valid);
        if let Some(nominated) = valid.iter().find(|pair| pair.nominated) {
            self.select(key, nominated, valid);
        } else if self.role == Role::Controlling && !valid.is_empty() {
            self.consult(now, key, valid, outlook);
        }
    }

    /// A pair is nominated, by the peer or confirmed by it; the best of several counts (RFC 8445 8.1.1).
    fn select(&mut self, (stream, component): Key, nominated: &ValidPair, valid: &[ValidPair]) {
        let Some(state) = self.selections.get_mut(&(stream, component)) else { return };
        let Some(next) = state.selection.after(Step::Nominated(nominated.id)) else { return };
        state.selection = next;
        let several = valid.iter().filter(|pair| pair.nominated).count() > 1;
        let why = match (several, self.role) {
            (true, _) => Why::BestNominated,
            (false, Role::Controlled) => Why::NominatedByPeer,
            (false, Role::Controlling) => state.chosen.unwrap_or(Why::Confirmed),
        };
        self.decisions.push_back(Decision::Select { stream, component, pair: nominated.id, why });
    }

    fn consult(&mut self, now: Instant, (stream, component): Key, valid: &[ValidPair], outlook: &Outlook) {
        let Some(state) = self.selections.get_mut(&(stream, component)) else { return };
        if state.selection != Selection::Undecided {
            return;
        }
        match self.policy.choose(now, valid, outlook) {
            Choice::Nominate(id) => {
                let Some(pair) = valid.iter().find(|pair| pair.id == id) else { return };
                let Some(next) = state.selection.after(Step::Nominate(id)) else { return };
                let why = self.policy.why();
                state.chosen = Some(why);
                state.selection = next;
                let check = pair.checked;
                self.decisions.push_back(Decision::Nominate { stream, component, pair: id, check, why });
            }
            Choice::WaitUntil(at) => state.ask_again = Some(at),
            Choice::Wait => {}
        }
    }

    /// The nominating check of this valid pair failed: the policy chooses anew at the next review.
    pub fn nomination_failed(&mut self, stream: StreamId, component: ComponentId, pair: PairId) {
        let Some(state) = self.selections.get_mut(&(stream, component)) else { return };
        if let Some(next) = state.selection.after(Step::Failed(pair)) {
            state.selection = next;
            state.chosen = None;
        }
    }

    /// Decisions that are to be carried out; poll until `None`.
    pub fn poll_decision(&mut self) -> Option<Decision> {
        self.decisions.pop_front()
    }

    /// The selected pair of a component.
    #[must_use]
    pub fn selected(&self, stream: StreamId, component: ComponentId) -> Option<PairId> {
        match self.selections.get(&(stream, component))?.selection {
            Selection::Selected(pair) => Some(pair),
            Selection::Undecided | Selection::Nominating(_) => None,
        }
    }

    /// When a policy wants to be asked again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.selections.values().filter_map(|component| component.ask_again).min()
    }

    /// Finds the components whose time has come; [`due`](Self::due) gives them.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (&key, component) in &mut self.selections {
            if component.ask_again.is_some_and(|at| at <= now) {
                component.ask_again = None;
                self.due.push_back(key);
            }
        }
    }

    /// A component that wants to be reviewed; poll until `None`.
    pub fn due(&mut self) -> Option<(StreamId, ComponentId)> {
        self.due.pop_front()
    }
}

impl Component {
    /// What was nominated or selected and is valid no more starts over.
    fn drop_what_is_gone(&mut self, valid: &[ValidPair]) {
        let step = match self.selection {
            Selection::Nominating(pair) => Step::Failed(pair),
            Selection::Selected(pair) => Step::Lost(pair),
            Selection::Undecided => return,
        };
        let (Step::Failed(pair) | Step::Lost(pair)) = step else { return };
        if !valid.iter().any(|known| known.id == pair)
            && let Some(next) = self.selection.after(step)
        {
            self.selection = next;
        }
    }
}
