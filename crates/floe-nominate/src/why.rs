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
    /// It is a relayed pair, and no candidate that makes a better one has come while there was time for one.
    NoneCame {
        /// The round-trip time by which the wait was measured: four of them.
        round_trip: Duration,
    },
    /// Its path is more direct: between hosts rather than through NATs, through NATs rather than over a relay.
    MoreDirect {
        /// The pair of higher priority, or the one selected before.
        than: PairId,
    },
    /// Of two equally direct paths it is really the faster one.
    Faster {
        /// The pair of higher priority, or the one selected before.
        than: PairId,
        /// Its smoothed round-trip time.
        round_trip: Duration,
        /// That of the other.
        before: Duration,
    },
    /// It loses much less than the other does.
    LessLoss {
        /// The pair of higher priority, or the one selected before.
        than: PairId,
        /// How many of a thousand requests it lost lately.
        lost: u32,
        /// How many the other did.
        before: u32,
    },
    /// The pair selected before does not answer any more, and this one does.
    OtherSilent {
        /// The pair selected before.
        silent: PairId,
        /// How many requests in a row it did not answer.
        unanswered: u32,
    },
    /// The pair selected before has failed, and this is the best that is left.
    Replaces {
        /// The pair selected before.
        lost: PairId,
    },
    /// The controlling peer nominated it after another.
    PeerMoved {
        /// The pair selected before.
        from: PairId,
    },
}

/// A time in milliseconds, with microseconds where there are some: three digits, without zeros at the end.
struct Ms(Duration);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.3}", self.0.as_secs_f64() * 1e3);
        write!(f, "{} ms", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Per mille as per cent.
struct PerCent(u32);

impl fmt::Display for PerCent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 + 5) / 10)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingBetter => f.write_str("nothing still possible can beat it"),
            Self::WaitEnded { contender, round_trip } if round_trip.is_zero() => {
                write!(f, "the wait for {contender} ended: no answer by the time of a round trip")
            }
            Self::WaitEnded { contender, round_trip } => {
                let ms = Ms(*round_trip);
                write!(f, "the wait for {contender} ended: two round trips of {ms} without an answer")
            }
            Self::Policy => f.write_str("the policy chose it"),
            Self::AlreadyNominated => f.write_str("it is nominated already"),
            Self::PeerNominated => f.write_str("the peer nominated it"),
            Self::BetterNominated { than } => {
                write!(f, "it is nominated as {than} is, and has the higher priority")
            }
            Self::SelectedLost { lost } => write!(f, "it is nominated, and {lost} is valid no more"),
            Self::NoneCame { round_trip } => {
                write!(f, "no better candidate came in four round trips of {}", Ms(*round_trip))
            }
            Self::MoreDirect { than } => write!(f, "its path is more direct than that of {than}"),
            Self::Faster { than, round_trip, before } => {
                let (mine, theirs) = (Ms(*round_trip), Ms(*before));
                write!(f, "it is faster than {than}: {mine} there and back instead of {theirs}")
            }
            Self::LessLoss { than, lost, before } => {
                write!(f, "it loses less than {than}: {} instead of {}", PerCent(*lost), PerCent(*before))
            }
            Self::OtherSilent { silent, unanswered } => {
                write!(f, "it answers, and {silent} has left the last {unanswered} requests unanswered")
            }
            Self::Replaces { lost } => write!(f, "{lost} has failed, and it is the best that is left"),
            Self::PeerMoved { from } => write!(f, "the peer moved to it from {from}"),
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
        let ms = Duration::from_millis;
        let table = [
            (Why::NoneCame { round_trip: ms(40) }, "no better candidate came in four round trips of 40 ms"),
            (Why::MoreDirect { than }, "its path is more direct than that of p1"),
            (
                Why::Faster { than, round_trip: ms(20), before: Duration::from_micros(300_500) },
                "it is faster than p1: 20 ms there and back instead of 300.5 ms",
            ),
            (Why::LessLoss { than, lost: 0, before: 375 }, "it loses less than p1: 0 % instead of 38 %"),
            (
                Why::OtherSilent { silent: than, unanswered: 4 },
                "it answers, and p1 has left the last 4 requests unanswered",
            ),
            (Why::Replaces { lost: than }, "p1 has failed, and it is the best that is left"),
            (Why::PeerMoved { from: than }, "the peer moved to it from p1"),
        ];
        for (why, words) in table {
            assert_eq!(why.to_string(), words);
        }
    }
}
