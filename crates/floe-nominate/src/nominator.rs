//! The nominator: all components of a session.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use floe_core::{ComponentId, Outlook, PairId, Role, StreamId, ValidPair};

use crate::{
    Policy, Why,
    component::{Component, Verdict},
};

/// What the nominator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Check this pair again with USE-CANDIDATE (RFC 8445 8.1.1). Only the controlling side decides this.
    Nominate {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The valid pair that is to be selected if all goes well.
        pair: PairId,
        /// The pair to check again: the one whose check made it valid.
        check: PairId,
        /// Why this one, and why now.
        why: Why,
    },
    /// This nominated pair is the selected one from now on.
    Select {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The valid pair.
        pair: PairId,
        /// Why this one.
        why: Why,
    },
}

/// Decides for every component which valid pair is nominated and which is selected.
///
/// There are four kinds of methods. Told what happened: [`review`](Self::review), [`set_role`](Self::set_role),
/// [`nomination_failed`](Self::nomination_failed), [`handle_timeout`](Self::handle_timeout), [`forget`](Self::forget).
/// Asked what follows, until they give `None`: [`poll_decision`](Self::poll_decision), [`due`](Self::due). The next
/// deadline: [`poll_timeout`](Self::poll_timeout). Looked at: [`selected`](Self::selected), [`role`](Self::role).
///
/// After any call of the first kind, review what [`due`](Self::due) names and carry out the decisions.
/// [`poll_timeout`](Self::poll_timeout) moves with a review and with the loss of the controlling role. `now` never
/// goes back.
///
/// For each component at most one nomination is under way at a time. Once one has succeeded no other is decided on
/// (RFC 8445 8.1.1), unless both sides have agreed on renomination ([`Outlook::renomination`]): then the policy may
/// move the selection, and [`Decision::Nominate`] comes again for another pair. There the pair nominated last is the one
/// selected. Without, a selection moves only to a nominated pair of higher priority, or off a pair that is not valid any
/// more; and on the controlled side off one that is shown as nominated no longer, because the peer nominated another. Each time it moves there is a [`Decision::Select`] with the reason.
///
/// Moves to a better pair are bounded, whatever the policy wants: after the first the next ones are 10, 20, 40, 80 and
/// then 160 s apart, until five minutes have passed without one. So there are three in a minute at most.
#[derive(Debug)]
pub struct Nominator {
    role: Role,
    policy: Box<dyn Policy>,
    components: BTreeMap<(StreamId, ComponentId), Component>,
    decisions: VecDeque<Decision>,
    due: BTreeSet<(StreamId, ComponentId)>,
}

impl Nominator {
    /// A nominator in this role, with a policy for the case that it controls: a [`Nomination`](crate::Nomination) or
    /// the embedder's own.
    #[must_use]
    pub fn new(role: Role, policy: impl Into<Box<dyn Policy>>) -> Self {
        Self {
            role,
            policy: policy.into(),
            components: BTreeMap::new(),
            decisions: VecDeque::new(),
            due: BTreeSet::new(),
        }
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The selected pair of a component, once there is one: the valid pair's id.
    #[must_use]
    pub fn selected(&self, stream: StreamId, component: ComponentId) -> Option<PairId> {
        self.components.get(&(stream, component))?.selected()
    }

    /// A role conflict was settled by taking this role (RFC 8445 7.3.1.1). Who does not control any more drops the
    /// nominations under way; pairs that the peer has nominated are selected at the next review. What is selected
    /// stays selected. All components become due.
    pub fn set_role(&mut self, role: Role) {
        if role == self.role {
            return;
        }
        self.role = role;
        for component in self.components.values_mut() {
            component.take(role);
        }
        self.decisions.retain(|decision| matches!(decision, Decision::Select { .. }));
        self.due.extend(self.components.keys());
    }

    /// Looks at a component again: its valid pairs, best first, and what may still become valid. To be called whenever
    /// the checks changed something there, and for what [`due`](Self::due) names.
    pub fn review(
        &mut self,
        now: Instant,
        stream: StreamId,
        component: ComponentId,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) {
        let key = (stream, component);
        self.due.remove(&key);
        let role = self.role;
        let state = self.components.entry(key).or_insert_with(|| Component::new(role));
        let was_nominating = state.is_nominating();
        let verdict = state.review(now, role, &mut *self.policy, valid, outlook);
        if was_nominating {
            // The intent may be gone, or replaced: what was decided and not fetched is not wanted any more.
            self.withdraw(key, verdict);
        }
        if let Some(verdict) = verdict {
            self.decide(key, verdict);
        }
    }

    /// Takes back the nomination of this component that was not fetched yet, unless it still stands.
    fn withdraw(&mut self, key: (StreamId, ComponentId), verdict: Option<Verdict>) {
        let stands = verdict.is_none() && self.components.get(&key).is_some_and(Component::is_nominating);
        if !stands {
            self.decisions.retain(|decision| match decision {
                Decision::Nominate { stream, component, .. } => (*stream, *component) != key,
                Decision::Select { .. } => true,
            });
        }
    }

    fn decide(&mut self, (stream, component): (StreamId, ComponentId), verdict: Verdict) {
        let decision = match verdict {
            Verdict::Nominate { pair, check, why } => {
                tracing::debug!(%stream, %component, %pair, %check, %why, "nominate");
                Decision::Nominate { stream, component, pair, check, why }
            }
            Verdict::Select { pair, why } => {
                tracing::debug!(%stream, %component, %pair, %why, "select");
                Decision::Select { stream, component, pair, why }
            }
        };
        self.decisions.push_back(decision);
    }

    /// What to do next; `None` when there is nothing.
    pub fn poll_decision(&mut self) -> Option<Decision> {
        self.decisions.pop_front()
    }

    /// The nominating check of this pair, [`Decision::Nominate`]'s `check`, failed or was refused: the component becomes
    /// due, and another valid pair may be chosen. The one that was meant may be chosen again only after it became valid
    /// anew, or by another check.
    pub fn nomination_failed(&mut self, stream: StreamId, component: ComponentId, check: PairId) {
        let key = (stream, component);
        if self.components.get_mut(&key).is_some_and(|state| state.refuse(check)) {
            tracing::debug!(%stream, %component, %check, "nomination failed");
            self.withdraw(key, None);
            self.due.insert(key);
        }
    }

    /// When the next component is due by itself; `None` if none is.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.components.values().filter_map(Component::deadline).min()
    }

    /// Makes the components due whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (&key, component) in &mut self.components {
            if component.deadline().is_some_and(|at| at <= now) {
                component.wake();
                self.due.insert(key);
            }
        }
    }

    /// A component to review again; `None` when there is none. Each is named once.
    pub fn due(&mut self) -> Option<(StreamId, ComponentId)> {
        self.due.pop_first()
    }

    /// Forgets all about a stream: it was removed, or begins anew.
    pub fn forget(&mut self, stream: StreamId) {
        self.components.retain(|&(of, _), _| of != stream);
        self.due.retain(|&(of, _)| of != stream);
        self.decisions.retain(|decision| match decision {
            Decision::Nominate { stream: of, .. } | Decision::Select { stream: of, .. } => *of != stream,
        });
    }
}

#[cfg(test)]
mod moving;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
