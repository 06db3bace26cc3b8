//! What the tests of this crate are made of.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use floe_core::{
    CandidateKind, ComponentId, Contender, Outlook, PairId, PairPriority, Priority, Quality, StreamId, Turn,
    ValidPair,
};

use crate::{Decision, Nominator};

pub(crate) const STREAM: StreamId = StreamId(0);
pub(crate) const RTP: ComponentId = ComponentId::RTP;

/// The time that all tests count from.
#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
pub(crate) fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

pub(crate) fn at(ms: u64) -> Instant {
    epoch() + Duration::from_millis(ms)
}

pub(crate) fn rank(priority: u32) -> PairPriority {
    let priority = Priority::from_raw(priority).unwrap();
    PairPriority::new(priority, priority)
}

/// A valid pair; the pair that made it valid has the id 100 higher.
pub(crate) fn valid(id: u32, priority: u32) -> ValidPair {
    ValidPair {
        id: PairId(id),
        checked: PairId(id + 100),
        stream: STREAM,
        component: RTP,
        priority: rank(priority),
        checked_priority: rank(priority),
        kinds: (CandidateKind::Host, CandidateKind::Host),
        rtt: None,
        quality: Quality::default(),
        since: epoch(),
        nominated: false,
    }
}

pub(crate) fn nominated(id: u32, priority: u32) -> ValidPair {
    ValidPair { nominated: true, ..valid(id, priority) }
}

pub(crate) fn contender(id: u32, priority: u32, turn: Turn) -> Contender {
    let kinds = (CandidateKind::Host, CandidateKind::Host);
    Contender { pair: PairId(id), priority: rank(priority), kinds, turn }
}

pub(crate) fn outlook(round_trip_ms: u64, contenders: &[Contender]) -> Outlook {
    Outlook {
        contenders: contenders.to_vec(),
        round_trip: Some(Duration::from_millis(round_trip_ms)),
        ..Outlook::default()
    }
}

pub(crate) fn nothing_else() -> Outlook {
    outlook(10, &[])
}

impl Nominator {
    /// Reviews component 1 and gives what was decided.
    pub(crate) fn look(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Vec<Decision> {
        self.review(now, STREAM, RTP, valid, outlook);
        std::iter::from_fn(|| self.poll_decision()).collect()
    }
}
