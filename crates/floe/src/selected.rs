//! The selected pair.

use std::time::Duration;

use floe_core::{Candidate, ComponentId, PairId};
use floe_session::{Event, Why};

/// The pair that was selected for a component (RFC 8445 8.1.2).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SelectedPair {
    /// The component.
    pub component: ComponentId,
    /// The pair's id, as in events and statistics.
    pub pair: PairId,
    /// The local candidate.
    pub local: Candidate,
    /// The remote candidate.
    pub remote: Candidate,
    /// The latest round-trip time at selection; `None` where none was measured.
    pub rtt: Option<Duration>,
    /// From the time the remote credentials were set to selection.
    pub elapsed: Duration,
    /// Why this pair.
    pub why: Why,
}

impl SelectedPair {
    pub(crate) fn from_event(event: &Event) -> Option<Self> {
        let Event::Selected { component, local, remote, pair, rtt, elapsed, why, .. } = event else {
            return None;
        };
        Some(Self {
            component: *component,
            pair: *pair,
            local: local.clone(),
            remote: remote.clone(),
            rtt: *rtt,
            elapsed: *elapsed,
            why: *why,
        })
    }
}
