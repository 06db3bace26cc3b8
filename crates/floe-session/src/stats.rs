//! Statistics.

use std::collections::BTreeMap;

use floe_check::{Counters, PairView};
use floe_core::Role;

use crate::{DropReason, IceState};

/// What a session has done and seen so far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stats {
    /// The state.
    pub state: IceState,
    /// The role.
    pub role: Role,
    /// All pairs, those that were given up among them.
    pub pairs: Vec<PairView>,
    /// Datagrams dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// What the checks saw and did not use.
    pub checks: Counters,
}
