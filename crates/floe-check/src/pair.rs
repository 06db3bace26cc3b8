//! A candidate pair and its state (RFC 8445 6.1.2.6).

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, ComponentId, PairId, PairPriority, StreamId};
use floe_stun::{RttEstimate, TransactionId};

use crate::{
    candidates::{LocalId, RemoteId},
    consent::PairConsent,
    counter::RecentRequests,
    quality::Measures,
};

/// The state of a pair (RFC 8445 6.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PairState {
    /// Its check waits until another of its foundation has had its turn.
    Frozen,
    /// Its check may be sent.
    Waiting,
    /// Its check was sent and is not answered yet.
    InProgress,
    /// A check of it, or one that made it valid, was answered.
    Succeeded,
    /// Its check brought an error, the wrong answer or none.
    Failed,
}

impl PairState {
    /// All states, in the order of the transition table.
    pub const ALL: [Self; 5] = [Self::Frozen, Self::Waiting, Self::InProgress, Self::Succeeded, Self::Failed];

    /// The transition table: whether a pair in this state may go to `next`.
    ///
    /// ```text
    ///   from \ to    Frozen  Waiting  InProgress  Succeeded  Failed
    ///   Frozen         -     thawed       -       made valid base gone, forbidden
    ///   Waiting        -       -        sent      late / valid base gone, forbidden
    ///   InProgress     - triggered, anew  -       answered   timeout, error, forbidden
    ///   Succeeded      -       -          -           -      nomination failed
    ///   Failed         -   triggered      -       made valid    -
    /// ```
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use PairState::{Failed, Frozen, InProgress, Succeeded, Waiting};
        match self {
            Frozen => matches!(next, Waiting | Succeeded | Failed),
            Waiting => matches!(next, InProgress | Succeeded | Failed),
            InProgress => matches!(next, Waiting | Succeeded | Failed),
            Succeeded => matches!(next, Failed),
            Failed => matches!(next, Waiting | Succeeded),
        }
    }

    /// Its name in the statistics of WebRTC (`RTCStatsIceCandidatePairState`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Waiting => "waiting",
            Self::InProgress => "in-progress",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for PairState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the check list holds a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    /// It is on the check list: scheduled, thawed, counted against the cap.
    Listed,
    /// It is on the valid list only: its local candidate is reflexive (RFC 8445 7.2.5.3.2, third case).
    ValidOnly,
    /// Another pair of its component was selected (RFC 8445 8.1.2). It is answered, never checked.
    Retired,
    /// Its generation ended with a restart, and data still goes over it (RFC 8445 9). No list and no path knows it.
    Former,
}

/// A foundation of pairs: what a local and a remote foundation make together, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ColumnId(pub(crate) u32);

/// What two candidates make together.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    pub(crate) stream: StreamId,
    pub(crate) component: ComponentId,
    pub(crate) local: LocalId,
    pub(crate) remote: RemoteId,
    pub(crate) base: BaseId,
    pub(crate) to: SocketAddr,
}

/// A pair. What the indexes of the table depend on changes only through [`PairTable`](crate::table::PairTable).
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) id: PairId,
    pub(crate) ends: Ends,
    /// What its data leaves from, and its requests for consent: where it was valid, the base that the check left from which
    /// made it so. Where the peer sees this agent as another base of its own, nobody knows whether that one leads there.
    pub(crate) base: BaseId,
    pub(crate) ranked: Ranked,
    /// The transaction whose failure is the pair's; an older, cancelled one may only still succeed.
    pub(crate) transaction: Option<TransactionId>,
    /// When a check was first sent, or left where a relay had held it; anew when the peer's first check on it came, which
    /// makes an answer likely.
    pub(crate) first_sent: Option<Instant>,
    /// The peer's latest checks on it.
    pub(crate) requests: RecentRequests,
    /// Whether the peer, who knows the password, was heard on this path: its data is taken.
    pub(crate) heard: bool,
    /// The peer nominated it before it was valid (RFC 8445 7.3.1.5).
    pub(crate) nominate_when_valid: bool,
    /// A nominating check of it is queued or on its way.
    pub(crate) nominating: bool,
    /// The valid pair that its checks made.
    pub(crate) made: Option<PairId>,
    validity: Option<Validity>,
    pub(crate) consent: PairConsent,
    /// What the round trips of its checks say of the next one's.
    pub(crate) rtt: Option<RttEstimate>,
    /// What its path has shown: see [`CheckSet::quality_of`](crate::CheckSet::quality_of) on whose it is.
    pub(crate) measures: Measures,
    pub(crate) counts: PairCounters,
}

/// The fields that the table's indexes are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranked {
    pub(crate) state: PairState,
    pub(crate) priority: PairPriority,
    pub(crate) column: ColumnId,
    pub(crate) membership: Membership,
}

/// A pair's place on the valid list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) checked: PairId,
    pub(crate) since: Instant,
    pub(crate) nominated: bool,
}

/// What a pair has sent, received and measured, under the names of `RTCIceCandidatePairStats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairCounters {
    /// Checks sent, retransmissions counted in.
    pub requests_sent: u64,
    /// Of these, retransmissions.
    pub retransmissions_sent: u64,
    /// Authenticated answers received.
    pub responses_received: u64,
    /// Authenticated checks received.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Requests for consent sent (`consentRequestsSent`). They are not counted among the checks.
    pub consent_requests_sent: u64,
    /// Authentic answers to them.
    pub consent_responses_received: u64,
    /// The latest round-trip time.
    pub current_round_trip: Option<Duration>,
    /// The sum of all round-trip times measured.
    pub total_round_trip: Duration,
}

impl Pair {
    pub(crate) fn new(id: PairId, ends: Ends, ranked: Ranked) -> Self {
        Self {
            id,
            base: ends.base,
            ends,
            ranked,
            transaction: None,
            first_sent: None,
            requests: RecentRequests::default(),
            heard: false,
            nominate_when_valid: false,
            nominating: false,
            made: None,
            validity: None,
            consent: PairConsent::default(),
            rtt: None,
            measures: Measures::default(),
            counts: PairCounters::default(),
        }
    }

    /// One more round trip was measured on it.
    pub(crate) fn note_round_trip(&mut self, rtt: Duration) {
        self.rtt = Some(self.rtt.map_or_else(|| RttEstimate::first(rtt), |known| known.then(rtt)));
    }

    /// The base that its path begins at: of a valid pair the one it was proven on, of any other the one it is checked on.
    pub(crate) fn path_base(&self) -> BaseId {
        self.validity.map_or(self.ends.base, |_| self.base)
    }

    /// Whether it falls with this base.
    pub(crate) fn rests_on(&self, base: BaseId) -> bool {
        base == self.path_base()
    }

    /// Its place on the valid list.
    pub(crate) const fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Only the table calls this: see [`PairTable::set_validity`](crate::table::PairTable::set_validity).
    pub(crate) const fn set_validity(&mut self, validity: Option<Validity>) {
        self.validity = validity;
    }

    /// Sets the nominated flag; says whether that is news. A pair that is not valid has none.
    pub(crate) const fn nominate(&mut self) -> bool {
        match &mut self.validity {
            Some(validity) => !std::mem::replace(&mut validity.nominated, true),
            None => false,
        }
    }

    pub(crate) const fn state(&self) -> PairState {
        self.ranked.state
    }

    pub(crate) const fn priority(&self) -> PairPriority {
        self.ranked.priority
    }

    pub(crate) fn is_listed(&self) -> bool {
        self.ranked.membership == Membership::Listed
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.ranked.membership == Membership::Retired
    }

    /// Whether it is of the generation before a restart.
    pub(crate) fn is_former(&self) -> bool {
        self.ranked.membership == Membership::Former
    }

    /// Whether it may still become valid.
    pub(crate) fn is_open(&self) -> bool {
        self.is_listed()
            && matches!(self.state(), PairState::Frozen | PairState::Waiting | PairState::InProgress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_table_is_the_documented_one() {
        let row = |from: PairState| PairState::ALL.map(|to| u8::from(from.may_become(to)));
        let table = PairState::ALL.map(row);
        assert_eq!(
            table,
            [[0, 1, 0, 1, 1], [0, 0, 1, 1, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 1], [0, 1, 0, 1, 0]]
        );
    }
}
