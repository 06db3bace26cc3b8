//! Why something was dropped, refused or failed: typed, in words, and counted.

use std::{collections::BTreeMap, time::Duration};

use floe_core::{ComponentId, StreamId, address::Unusable};

/// Why a datagram changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// The bytes are no well-formed STUN message.
    #[error("no well-formed STUN message")]
    Malformed,
    /// The base is not known, or was closed.
    #[error("nothing is bound to this base")]
    UnknownBase,
    /// The message lacks a FINGERPRINT that fits: it is no ICE check (RFC 8445 7.2.4).
    #[error("no matching FINGERPRINT")]
    Fingerprint,
    /// The method is not Binding.
    #[error("not a Binding message")]
    Method,
    /// The request lacks MESSAGE-INTEGRITY or USERNAME (answered 400).
    #[error("a request without credentials")]
    NoCredentials,
    /// The request's USERNAME is not for this agent (answered 401).
    #[error("a request for another ufrag")]
    Username,
    /// The MESSAGE-INTEGRITY does not fit the password.
    #[error("MESSAGE-INTEGRITY does not fit the password")]
    Integrity,
    /// The request holds an attribute that must be understood and is not (answered 420).
    #[error("an unknown comprehension-required attribute")]
    UnknownAttribute,
    /// An authenticated check lacks what every check has, or holds it malformed (answered 400).
    #[error("a check without a well-formed PRIORITY or role")]
    Check,
    /// The answer belongs to no open transaction.
    #[error("an answer to no open check")]
    UnknownTransaction,
    /// An authentic answer to a request for consent that came by another path (RFC 7675 5.1).
    #[error("an answer about consent from another path")]
    Path,
    /// A role conflict that the peer has to repair (answered 487).
    #[error("a role conflict, answered 487")]
    RoleConflict,
    /// A nominating check of a pair that there is no room for, or a copy of one that came on another path before (answered
    /// 400, RFC 8445 7.3.1.5).
    #[error("a nomination of a pair that there is no room for, or one copied from another path")]
    Nomination,
}

/// Why consent to send ended (RFC 7675).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentLoss {
    /// No authentic answer to a request for it came within 30 seconds (RFC 7675 5.1): the peer or the path is gone.
    #[error("the peer has not answered for 30 s")]
    Expired,
    /// The peer took it back with an authentic 403 (RFC 7675 5.2).
    #[error("the peer has revoked its consent")]
    Revoked,
}

/// Why a pair failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FailReason {
    /// No answer to any of its checks (RFC 8445 7.2.5.2.3).
    #[error("no answer")]
    Timeout,
    /// The answer came from, or to, another address than the check went to, or from (RFC 8445 7.2.5.2.1).
    #[error("the answer took another path than the check")]
    Asymmetric,
    /// The peer answered with an error (RFC 8445 7.2.5.2.4).
    #[error("the peer answered {0}")]
    Error(u16),
    /// Answers came, and none was from one who knows the password (RFC 8489 9.1.4).
    #[error("no authentic answer")]
    Forged,
    /// The answer made no sense.
    #[error("a malformed answer")]
    Malformed,
    /// Its base was closed.
    #[error("its socket was closed")]
    BaseClosed,
    /// The check could not be written: the user names are too long for one datagram.
    #[error("the check does not fit into a datagram")]
    Unsendable,
    /// Its TURN server relays nothing to the peer: it refused the permission, or did not answer (RFC 8656 10.3). Another server
    /// may allow it.
    #[error("the TURN server gives no permission for the peer")]
    Forbidden,
    /// Consent to send on its path was lost, and is not sought again without a restart (RFC 7675 5.1).
    #[error("consent is lost: {0}")]
    Consent(ConsentLoss),
}

/// Why a check list failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListFailReason {
    /// For some component there was no pair to check: no candidates on one of the sides, or none that go together.
    #[error("no candidates to pair within {0:?}")]
    NoPairs(Duration),
    /// Every pair of some component failed.
    #[error("all {pairs} pairs failed, the last one because of: {last}")]
    AllFailed {
        /// How many: of the first component that has no valid pair.
        pairs: usize,
        /// Why the last of them did.
        last: FailReason,
    },
}

/// Why a local candidate was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddLocalError {
    /// The stream is not there: add it first.
    #[error("stream {0} is not there")]
    UnknownStream(StreamId),
    /// The stream has no such component.
    #[error("stream {0} has no component {1}")]
    UnknownComponent(StreamId, u16),
    /// A reflexive candidate came before the host candidate that is its base, or that is another component's.
    #[error("the component has no such base")]
    UnknownBase,
    /// The base belongs to another candidate already: each host or relayed candidate has one of its own.
    #[error("the base is another candidate's")]
    BaseTaken,
    /// Local candidates were declared complete (RFC 8838 13).
    #[error("after the end of candidates")]
    Ended,
    /// The candidate is an mDNS name: give the address here and the name to the peer.
    #[error("a local candidate needs its address")]
    NoAddress,
}

/// Why the peer's description was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetRemoteError {
    /// The stream is not there: add it first.
    #[error("stream {0} is not there")]
    UnknownStream(StreamId),
    /// The peer has none of the components of this stream: its description says fewer than 1, or the stream was added
    /// without component 1.
    #[error("no component of stream {0} is left")]
    NoComponent(StreamId),
    /// Other credentials are set already; only a restart changes them (RFC 8445 9).
    #[error("stream {0} has other remote credentials; only a restart changes them")]
    AlreadySet(StreamId),
}

/// Why the outcome of an updated candidate exchange between lite agents was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The stream is not there.
    #[error("stream {0} is not there")]
    UnknownStream(StreamId),
    /// One of the sides is a full agent, or the peer's description is still to come: checks decide, and nominations.
    #[error("stream {0} is not between two lite agents")]
    Checked(StreamId),
    /// Other pairs are selected already; only a restart changes that (RFC 8445 9).
    #[error("stream {0} has other selected pairs; only a restart changes them")]
    Completed(StreamId),
    /// A component is left out.
    #[error("component {0} is left out")]
    Missing(ComponentId),
    /// The two candidates of a component are not those of the candidate exchange, or do not go together.
    #[error("component {0} has no such pair")]
    NoSuchPair(ComponentId),
}

/// What became of a remote candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddedRemote {
    /// It is new.
    New,
    /// It was known already; nothing changed.
    Duplicate,
    /// A check had come from it before: it takes the place of the peer-reflexive candidate (RFC 8838 11).
    Replaced,
}

/// Why a remote candidate was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddRemoteError {
    /// The stream is not there: add it first.
    #[error("stream {0} is not there")]
    UnknownStream(StreamId),
    /// The stream has no such component.
    #[error("stream {0} has no component {1}")]
    UnknownComponent(StreamId, u16),
    /// The peer declared its candidates complete before (RFC 8838 14).
    #[error("after the end of candidates")]
    Ended,
    /// The address is one nothing may be sent to.
    #[error("{0} cannot be checked")]
    Unusable(Unusable),
    /// The candidate is an mDNS name: resolve it first.
    #[error("an mDNS name has to be resolved first")]
    NoAddress,
    /// The peer has signalled as many as are taken.
    #[error("more than {0} candidates")]
    TooMany(usize),
}

/// Counts of what the check set saw and did not use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Error responses to unauthenticated requests that were not sent, because too many were asked for.
    pub errors_withheld: u64,
    /// Checks from new addresses that were answered and not learnt, because too many were learnt before.
    pub peer_reflexive_over_cap: u64,
    /// Pairs that were not formed or dropped to keep within the cap.
    pub pairs_over_cap: u64,
    /// Checks that came before the peer's description and found no room to be remembered.
    pub early_over_cap: u64,
    /// Keepalive indications received (RFC 8445 11).
    pub indications: u64,
}
