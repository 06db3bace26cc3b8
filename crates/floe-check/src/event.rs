//! What the check set tells, and what it is told.

use std::{fmt, net::SocketAddr, time::Duration};

use floe_core::{BaseId, Candidate, ComponentId, PairId, PairPriority, Role, StreamId};

use crate::{ConsentLoss, DropReason, FailReason, ListFailReason, PairCounters, PairState};

/// Why a check was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckKind {
    /// It was the pair's turn (RFC 8445 6.1.4.2).
    Ordinary,
    /// A check of the peer came in on the pair, or a role conflict was repaired (RFC 8445 7.3.1.4).
    Triggered,
    /// It nominates the pair (RFC 8445 8.1.1).
    Nominating,
}

impl fmt::Display for CheckKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinary => "ordinary",
            Self::Triggered => "triggered",
            Self::Nominating => "nominating",
        })
    }
}

/// Something happened to the checks.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The first datagram of a check was handed out.
    Checking {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair checked.
        pair: PairId,
        /// Why.
        kind: CheckKind,
    },
    /// A pair joined the valid list, or its round-trip time was measured anew (RFC 8445 7.2.5.3.2).
    Validated {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The valid pair.
        pair: PairId,
        /// The pair whose check made it valid.
        checked: PairId,
        /// The round-trip time, where the answer told it.
        rtt: Option<Duration>,
    },
    /// A valid pair was nominated, by this side or the peer (RFC 8445 7.2.5.3.4, 7.3.1.5).
    Nominated {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The valid pair.
        pair: PairId,
    },
    /// A nominating check failed: what it had made valid left the valid list, unless another check has made it valid since.
    NominationFailed {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair that was checked again, as [`Command::Nominate`] had named it.
        check: PairId,
        /// Why.
        why: FailReason,
    },
    /// A pair failed.
    Failed {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// Why.
        why: FailReason,
    },
    /// Consent to send over the pair in use has ended (RFC 7675 5): no more data goes over it, and the pair has failed.
    /// Only a restart can bring it back.
    ConsentLost {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// Why.
        why: ConsentLoss,
    },
    /// Data is sent over the pair in use and nothing is heard there: no data that was accepted, no check of the peer's and
    /// no answer to a probe. Consent still holds, and data still goes; see [`silence`](crate::CheckSet::silence).
    Silent {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// How long so far.
        silence: Duration,
    },
    /// Something was heard again. It is not told where another pair is used meanwhile, or none.
    Heard {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
    },
    /// A peer-reflexive candidate was learnt.
    PeerReflexive {
        /// The stream.
        stream: StreamId,
        /// The candidate.
        candidate: Candidate,
        /// Whether it is one of this agent's (RFC 8445 7.2.5.3.1) or of the peer's (7.3.1.3).
        local: bool,
    },
    /// An authentic check was refused because of a role conflict (487): nothing follows from it, but that the peer sends
    /// from this address.
    Conflict {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// Where the check came from.
        from: SocketAddr,
    },
    /// A role conflict was settled by taking the other role (RFC 8445 7.3.1.1).
    RoleChanged(Role),
    /// Every component of the stream has its selected pair (RFC 8445 8.1.2).
    ListCompleted(StreamId),
    /// The check list of the stream failed.
    ListFailed {
        /// The stream.
        stream: StreamId,
        /// Why.
        why: ListFailReason,
    },
    /// A failed check list came back to life (RFC 8445 7.3.1.4).
    ListResumed(StreamId),
    /// Between two lite agents there are several possible pairs, and this one controls: it has chosen, its
    /// [valid](crate::CheckSet::valid) pairs are what the peer is to be told in an updated candidate exchange, and
    /// [`reconcile`](crate::CheckSet::reconcile) ends that (RFC 8445 8.2).
    Undecided(StreamId),
    /// The outlook of this component changed in a way no other event tells.
    Changed {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
    },
}

/// What nomination, or the use of a pair, wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Check this pair again with USE-CANDIDATE (RFC 8445 8.1.1): the one whose check made the pair that is meant valid,
    /// [`ValidPair::checked`](floe_core::ValidPair::checked). One pair may be valid by another's check and have made a
    /// third valid by its own; so the valid pair's own id would not say which is meant.
    Nominate(PairId),
    /// This valid pair is selected: take all other pairs of the component off the check list (RFC 8445 8.1.2). Where
    /// another may be nominated later they stay on it.
    Retire {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The selected pair.
        keep: PairId,
    },
    /// Data of the component goes over this pair from now on, or over none. Consent is kept up on it, and on no other
    /// (RFC 7675 5.1); [`may_send`](crate::CheckSet::may_send) tells whether it is there.
    Use {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: Option<PairId>,
    },
    /// Check this valid pair again, before all that is not yet valid: data is to go over it, and the peer's latest consent
    /// there is too old ([`has_consent`](crate::CheckSet::has_consent)). One that a check is under way for needs none.
    Confirm(PairId),
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It was a check or an answer, and was used.
    Handled,
    /// It was an indication, as keepalives are (RFC 8445 11). Anybody can send one, and nothing follows from it.
    Keepalive,
    /// It changed nothing, but for an error response that may have been written.
    Dropped(DropReason),
}

/// Where the datagrams of a pair go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// What they leave from.
    pub base: BaseId,
    /// Where to; with the scope of the base where the address is link-local.
    pub to: SocketAddr,
}

/// A pair as statistics and events show it.
#[derive(Debug, Clone)]
pub struct PairView {
    /// The pair.
    pub id: PairId,
    /// Its stream.
    pub stream: StreamId,
    /// Its component.
    pub component: ComponentId,
    /// Its local candidate.
    pub local: Candidate,
    /// Its remote candidate.
    pub remote: Candidate,
    /// Its priority.
    pub priority: PairPriority,
    /// Its state.
    pub state: PairState,
    /// Whether it is on the valid list.
    pub valid: bool,
    /// Whether it is nominated.
    pub nominated: bool,
    /// Whether another pair of its component was selected.
    pub retired: bool,
    /// What it has sent, received and measured.
    pub counters: PairCounters,
}
