//! What may still become valid: the evidence that nomination decides on.

use std::time::{Duration, Instant};

use crate::{CandidateKind, PairId, PairPriority};

/// What the checks of one component may still bring (RFC 8445 8.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// The pairs that are neither valid nor failed, best first; without those that nobody waits for, since they seldom lead
    /// anywhere: of link-local addresses, and from a public relay to a private address.
    pub contenders: Vec<Contender>,
    /// How long an answer takes on this component: the shortest round trip of each valid pair, and of these the longest.
    /// What is longer than the shortest was held up on its way. Where none of them was measured it is the longest round trip
    /// that was, on whatever pair; where only checks that were resent were answered, the shortest time from first sending
    /// to answer, which is at least the round trip of that path. `None` before any answer.
    pub round_trip: Option<Duration>,
    /// Whether this agent may still find candidates.
    pub local_gathering: bool,
    /// Whether the peer may still signal candidates.
    pub remote_gathering: bool,
    /// Whether another pair may be nominated after the first: both sides have announced that they can
    /// (draft-thatcher-ice-renomination 3).
    pub renomination: bool,
}

/// A pair that may still become valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contender {
    /// The pair.
    pub pair: PairId,
    /// Its priority.
    pub priority: PairPriority,
    /// The kinds of its local and its remote candidate. A local one that stands for a reflexive one is that one's base.
    pub kinds: (CandidateKind, CandidateKind),
    /// Whether its check was sent, or when it will be.
    pub turn: Turn,
}

/// Where a contender stands in the paced order of checks (RFC 8445 6.1.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Its check went out at this time; the answer is awaited.
    Sent(Instant),
    /// Its check goes out at about this time, by its place in the queues.
    Expected(Instant),
}

impl Turn {
    /// The time of sending, past or expected.
    #[must_use]
    pub const fn at(self) -> Instant {
        match self {
            Self::Sent(at) | Self::Expected(at) => at,
        }
    }
}
