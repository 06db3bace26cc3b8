//! A valid pair, as nomination sees it.

use std::time::{Duration, Instant};

use crate::{CandidateKind, ComponentId, PairId, PairPriority, Quality, StreamId};

/// A pair of the valid list (RFC 8445 7.2.5.3.2): a read-only view for nomination.
///
/// The pair that became valid need not be the one that was checked: its local candidate is built from the mapped
/// address of the response. So it carries both ids.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidPair {
    /// The valid pair: the one that data goes over.
    pub id: PairId,
    /// The pair whose check made it valid: the one that is checked again to nominate it.
    pub checked: PairId,
    /// Its stream.
    pub stream: StreamId,
    /// Its component.
    pub component: ComponentId,
    /// Its pair priority (RFC 8445 6.1.2.3).
    pub priority: PairPriority,
    /// The pair priority of the pair that was checked: what the priorities of pairs that are not valid yet compare with.
    pub checked_priority: PairPriority,
    /// The kinds of its local and its remote candidate.
    pub kinds: (CandidateKind, CandidateKind),
    /// The latest measured round-trip time; `None` where only retransmitted checks were answered, since their answer
    /// cannot be told to its request (RFC 8489 6.2.1).
    pub rtt: Option<Duration>,
    /// What its path has shown lately.
    pub quality: Quality,
    /// Since when it is valid.
    pub since: Instant,
    /// Whether it is nominated.
    pub nominated: bool,
}
