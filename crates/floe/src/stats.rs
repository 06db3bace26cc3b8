//! What an agent has seen and done, with the names of webrtc-stats where it has one.

use std::{collections::BTreeMap, time::Duration};

use floe_core::{ComponentId, Role};
use floe_session::{Counters, DropReason, IceState, PairView, Refusal};

use crate::path::TrafficCounts;

/// What an agent has seen and done so far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stats {
    /// The state.
    pub state: IceState,
    /// The role.
    pub role: Role,
    /// The pacing interval that both agents have agreed on (RFC 8445 14.2).
    pub ta: Duration,
    /// The candidate pairs, those that were given up among them.
    pub pairs: Vec<PairStats>,
    /// The components, in order.
    pub components: Vec<ConnectionStats>,
    /// Datagrams that were dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// What the checks saw and did not use.
    pub checks: Counters,
    /// Candidates of the peer that were refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Candidates of this agent that were found too late to be of use, and not told (RFC 8838 13).
    pub withheld: u64,
    /// Datagrams of ICE's own that the system did not take.
    pub unsent: u64,
}

/// A candidate pair.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PairStats {
    /// Its candidates, its state, and what its checks have sent, received and measured.
    pub pair: PairView,
    /// Whether data goes over it.
    pub in_use: bool,
    /// The application's data that went over it.
    pub traffic: TrafficCounts,
}

/// A component.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// The component.
    pub component: ComponentId,
    /// The application's data, over all pairs.
    pub traffic: TrafficCounts,
    /// Datagrams that wait to be received.
    pub inbox_waiting: usize,
    /// Datagrams that were dropped because too many waited already.
    pub inbox_dropped: u64,
}

impl Stats {
    /// What went over this component.
    #[must_use]
    pub fn connection(&self, component: ComponentId) -> Option<ConnectionStats> {
        self.components.iter().find(|stats| stats.component == component).copied()
    }
}
