//! The state of the session, and what follows from it.

use std::{collections::BTreeSet, time::Instant};

use floe_check::ListState;
use floe_core::BaseId;

use crate::{
    Event, IceState, Reason, Session,
    error::RELEASE_AFTER,
    state::{Facts, derive},
};

impl Session {
    /// Derives the state anew, and tells it if it changed.
    pub(crate) fn update_state(&mut self, now: Instant) {
        let lists: Vec<_> = self.streams.keys().filter_map(|&stream| self.check.list_state(stream)).collect();
        let facts = Facts {
            closed: self.state == IceState::Closed,
            described: self.streams.values().any(|stream| stream.remote.is_some()),
            lists: &lists,
            routed: self.is_routed(),
        };
        let next = derive(&facts);
        if next == self.state {
            return;
        }
        self.enter(next, self.reason_for(next));
        self.release_at = (next == IceState::Completed).then(|| now + RELEASE_AFTER);
    }

    /// Whether every component of the streams that have not failed has somewhere to send to.
    fn is_routed(&self) -> bool {
        let live = |stream: &&floe_core::StreamId| self.check.list_state(**stream) != Some(ListState::Failed);
        let mut components = self
            .streams
            .keys()
            .filter(live)
            .flat_map(|&stream| self.check.components(stream).map(move |component| (stream, component)));
        components.all(|(stream, component)| self.route(stream, component).is_some())
    }

    fn reason_for(&self, state: IceState) -> Option<Reason> {
        match state {
            IceState::Failed => self.failure.clone(),
            IceState::Disconnected => self.lost.clone(),
            _ => None,
        }
    }

    pub(crate) fn enter(&mut self, state: IceState, reason: Option<Reason>) {
        debug_assert!(self.state.may_become(state), "{} to {state}", self.state);
        self.state = state;
        self.reason.clone_from(&reason);
        self.tell(Event::State { state, reason });
    }

    /// RFC 8445 8.3.1: three seconds after everything is selected, sockets that no selected pair uses are closed.
    pub(crate) fn release(&mut self, now: Instant) {
        let used: BTreeSet<BaseId> = self
            .streams
            .keys()
            .flat_map(|&stream| self.check.components(stream).map(move |component| (stream, component)))
            .filter_map(|(stream, component)| self.nominator.selected(stream, component))
            .filter_map(|pair| self.check.route(pair).map(|route| route.base))
            .collect();
        let unused: Vec<_> = self.sockets.bases().filter(|base| !used.contains(base)).collect();
        for base in unused {
            self.close_socket(base);
            self.check.close_base(now, base);
        }
    }
}
