//! Statistics.

use std::{collections::BTreeMap, time::Duration};

use floe_check::{Counters, PairView};
use floe_core::{ComponentId, PairId, Role, StreamId};

use crate::{DropReason, IceState, Refusal, Route, Session, sockets::Purpose};

/// What a session has done and seen so far. The names are those of webrtc-stats where it has one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stats {
    /// The state (`RTCTransportStats.iceState`).
    pub state: IceState,
    /// The role (`RTCTransportStats.iceRole`).
    pub role: Role,
    /// The pacing interval (RFC 8445 14.2).
    pub ta: Duration,
    /// The components.
    pub components: Vec<ComponentStats>,
    /// All pairs, those that were given up among them (`RTCIceCandidatePairStats`).
    pub pairs: Vec<PairView>,
    /// Datagrams dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Remote candidates refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Local candidates that were not signalled, because their component was concluded or given up before (RFC 8838 13).
    pub withheld: u64,
    /// Answers about sockets that nobody had asked for, or twice: a mistake of the driver.
    pub stray_answers: u64,
    /// What the checks saw and did not use.
    pub checks: Counters,
}

/// A component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentStats {
    /// Its stream.
    pub stream: StreamId,
    /// Its number.
    pub component: ComponentId,
    /// Where its data goes now.
    pub route: Option<Route>,
    /// Its selected pair (`selectedCandidatePairId`).
    pub selected: Option<PairId>,
    /// How often a pair was selected (`selectedCandidatePairChanges`).
    pub selections: u64,
}

/// What the session counts itself.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) dropped: BTreeMap<DropReason, u64>,
    pub(crate) refused: BTreeMap<Refusal, u64>,
    pub(crate) withheld: u64,
    pub(crate) stray_answers: u64,
    pub(crate) selections: BTreeMap<Purpose, u64>,
}

impl Tally {
    pub(crate) fn drop(&mut self, why: DropReason) {
        *self.dropped.entry(why).or_default() += 1;
    }

    pub(crate) fn refuse(&mut self, why: Refusal) {
        *self.refused.entry(why).or_default() += 1;
    }

    pub(crate) fn select(&mut self, component: Purpose) {
        *self.selections.entry(component).or_default() += 1;
    }
}

impl Session {
    /// Statistics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            state: self.state(),
            role: self.role(),
            ta: self.pace.ta(),
            components: self.components().map(|key| self.component_stats(key)).collect(),
            pairs: self.check.pairs().collect(),
            dropped: self.tally.dropped.clone(),
            refused: self.tally.refused.clone(),
            withheld: self.tally.withheld,
            stray_answers: self.tally.stray_answers,
            checks: self.check.counters().clone(),
        }
    }

    fn component_stats(&self, (stream, component): Purpose) -> ComponentStats {
        ComponentStats {
            stream,
            component,
            route: self.route(stream, component),
            selected: self.selected(stream, component),
            selections: self.tally.selections.get(&(stream, component)).copied().unwrap_or_default(),
        }
    }
}
