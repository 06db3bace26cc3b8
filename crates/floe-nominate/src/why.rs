//! Reasons.

use std::{fmt, time::Duration};

/// Why a pair was nominated or selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Nothing that may still become valid has a higher priority.
    Best,
    /// Better pairs had their turn and two round trips to answer, and did not.
    BetterPairsSilent {
        /// How many better pairs are still without an answer.
        pairs: usize,
        /// The round trip that they were measured by.
        round_trip: Duration,
    },
    /// A policy of the embedder chose it.
    Policy,
    /// The peer controls, and nominated it.
    NominatedByPeer,
    /// The peer confirmed our nomination.
    Confirmed,
    /// Of several nominated pairs it has the highest priority (RFC 8445 8.1.1).
    BestNominated,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("nothing still possible can beat it"),
            Self::BetterPairsSilent { pairs, round_trip } => {
                let s = if *pairs == 1 { "" } else { "s" };
                write!(f, "{pairs} better pair{s} did not answer within two round trips of {round_trip:?}")
            }
            Self::Policy => f.write_str("the embedder's policy chose it"),
            Self::NominatedByPeer => f.write_str("the peer nominated it"),
            Self::Confirmed => f.write_str("the peer confirmed its nomination"),
            Self::BestNominated => f.write_str("the best of several nominated pairs"),
        }
    }
}
