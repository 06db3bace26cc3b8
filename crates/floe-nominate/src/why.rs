//! Why a pair was chosen or selected.

use std::{fmt, time::Duration};

use floe_core::PairId;

/// Why a pair was nominated or selected. `Display` says it in words that follow on "because".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It is the best valid pair, and no known pair of higher priority can become valid any more. A candidate that is
    /// still to come might make one.
    NothingBetter,
    /// It is the best valid pair, and the pairs of higher priority had their turn and two round trips to answer.
    WaitEnded {
        /// The best of the pairs that did not answer.
        contender: PairId,
        /// The round-trip time of the outlook, by which the wait was measured. Zero where there was none.
        round_trip: Duration,
    },
    /// The policy chose it while a better pair was valid or still possible: for reasons of its own.
    Policy,
    /// It was nominated when it was first seen: by the check that made it valid, as with the aggressive nomination of
    /// RFC 5245, or before the roles changed.
    AlreadyNominated,
    /// The controlling peer nominated it.
    PeerNominated,
    /// It has a higher priority than the pair selected before, and is nominated as well: the peer nominates more than
    /// one (RFC 8445 8.1.1).
    BetterNominated {
        /// The pair selected before.
        than: PairId,
    },
    /// The pair selected before is not valid any more, and this one is nominated as well.
    SelectedLost {
        /// The pair selected before.
        lost: PairId,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingBetter => f.write_str("nothing still possible can beat it"),
            Self::WaitEnded { contender, round_trip } if round_trip.is_zero() => {
                write!(f, "the wait for {contender} ended: no answer by the time of a round trip")
            }
            Self::WaitEnded { contender, round_trip } => {
                let ms = round_trip.as_secs_f64() * 1e3;
                // Microseconds where there are some: three digits, without zeros at the end.
                let digits = format!("{ms:.3}");
                let ms = digits.trim_end_matches('0').trim_end_matches('.');
                write!(f, "the wait for {contender} ended: two round trips of {ms} ms without an answer")
            }
            Self::Policy => f.write_str("the policy chose it"),
            Self::AlreadyNominated => f.write_str("it is nominated already"),
            Self::PeerNominated => f.write_str("the peer nominated it"),
            Self::BetterNominated { than } => {
                write!(f, "it is nominated as {than} is, and has the higher priority")
            }
            Self::SelectedLost { lost } => write!(f, "it is nominated, and {lost} is valid no more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_as_words() {
        let waited =
            |us| Why::WaitEnded { contender: PairId(4), round_trip: Duration::from_micros(us) }.to_string();
        assert_eq!(waited(12_000), "the wait for p4 ended: two round trips of 12 ms without an answer");
        assert_eq!(waited(12_345), "the wait for p4 ended: two round trips of 12.345 ms without an answer");
        assert_eq!(waited(100_000), "the wait for p4 ended: two round trips of 100 ms without an answer");
        assert_eq!(waited(0), "the wait for p4 ended: no answer by the time of a round trip");
        let than = PairId(1);
        assert_eq!(
            Why::BetterNominated { than }.to_string(),
            "it is nominated as p1 is, and has the higher priority"
        );
    }
}
