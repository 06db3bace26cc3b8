//! How often and how long a check is sent (RFC 8445 14.3, RFC 8489 6.2.1).

use std::time::Duration;

use floe_stun::{RetransmitPolicy, RttEstimate};

use crate::{CheckSet, pair::Pair};

/// No RTO is shorter (RFC 8445 14.3).
const MIN_RTO: Duration = Duration::from_millis(500);
/// No measured round trip makes it longer: an answer that a peer had held back, until its relay let it through, is no
/// reason to repeat the next check after half a minute. RFC 6298 2.5 has no bound below 60 s; RFC 8445 14.3 allows other
/// ways.
const MAX_MEASURED_RTO: Duration = Duration::from_secs(3);
/// The longest that a check is waited for: the whole transaction of RFC 8489 6.2.1 with its shortest RTO.
const TRANSACTION: Duration = Duration::from_millis(39_500);
/// So many waits for the answer of a peer that is there do not double.
const STEADY: u32 = 6;

impl CheckSet {
    /// The schedule of a check of this pair that is sent now.
    pub(crate) fn schedule(&self, pair: &Pair) -> RetransmitPolicy {
        let rto = self.rto(pair.rtt);
        // RFC 8489 6.2.1 doubles the waits for a server that may be gone, or for a path that may be full. Where the
        // peer was heard on this very path, a missing answer means that a datagram was lost.
        if pair.heard { steady(rto) } else { doubling(rto) }
    }

    /// RFC 8445 14.3 multiplies by the number of all checks as well, which for a full list means minutes; it allows
    /// other ways. One pacing interval for each check that is under way leaves every one its turn, and keeps resends as
    /// far apart as new checks are. Where round trips of the path were measured, an answer is given the time to come, up to
    /// 3 s.
    fn rto(&self, measured: Option<RttEstimate>) -> Duration {
        let active = u32::try_from(self.pairs.count_active()).unwrap_or(u32::MAX);
        let turns = self.config.ta.saturating_mul(active);
        let measured = measured.map_or(MIN_RTO, |measured| measured.rto().min(MAX_MEASURED_RTO));
        turns.max(measured).clamp(MIN_RTO, TRANSACTION)
    }
}

/// How many RTOs a check is waited for.
fn units(rto: Duration) -> u32 {
    u32::try_from(TRANSACTION.as_millis() / rto.as_millis().max(1)).unwrap_or(u32::MAX)
}

/// As many sends, seven at most, as leave at least four RTO to answer the last one, and never longer than
/// [`TRANSACTION`]. A full list has RTOs of seconds, and doubling those six times would keep a session from failing for
/// minutes after RFC 8863 4 lets it.
fn doubling(rto: Duration) -> RetransmitPolicy {
    let units = units(rto);
    let spent = |sends: u32| (1_u32 << (sends - 1)) - 1;
    let sends = (1..=7).rev().find(|&sends| units >= spent(sends) + 4).unwrap_or(1);
    RetransmitPolicy::default().rto(rto).rc(sends).rm(units.saturating_sub(spent(sends)).min(16))
}

/// Six waits of one RTO before they double: twelve sends at most, over no less time than [`doubling`] takes for seven.
fn steady(rto: Duration) -> RetransmitPolicy {
    let units = units(rto);
    let spent = |sends: u32| match (sends - 1).checked_sub(STEADY) {
        Some(doubled) => STEADY + (2_u32 << doubled) - 2,
        None => sends - 1,
    };
    let sends = (1..=STEADY + 6).rev().find(|&sends| units >= spent(sends) + 4).unwrap_or(1);
    let last = units.saturating_sub(spent(sends));
    RetransmitPolicy::default().rto(rto).steady(STEADY).rc(sends).rm(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_longer_rto_means_fewer_sends_and_never_a_longer_wait() {
        let policy = |rto: u64, rc, rm| RetransmitPolicy::default().rto(MS(rto)).rc(rc).rm(rm);
        assert_eq!(doubling(MS(500)), policy(500, 7, 16));
        assert_eq!(doubling(MS(1_000)), policy(1_000, 6, 8));
        assert_eq!(doubling(MS(5_000)), policy(5_000, 3, 4));
        // Whatever the cap on pairs and the pace are set to.
        assert_eq!(doubling(MS(39_500)), policy(39_500, 1, 1));
        let policy = |rto: u64, rc, rm| policy(rto, rc, rm).steady(6);
        assert_eq!(steady(MS(500)), policy(500, 12, 11));
        assert_eq!(steady(MS(1_000)), policy(1_000, 10, 19));
        assert_eq!(steady(MS(5_000)), policy(5_000, 4, 4));
        assert_eq!(steady(MS(39_500)), policy(39_500, 1, 1));
    }

    #[test]
    fn the_rto_follows_the_measured_round_trip_up_to_3_s() {
        let rng = rand::SeedableRng::seed_from_u64(1);
        let set = CheckSet::new(crate::CheckConfig::default(), rng);
        let rto = |round_trip| set.rto(Some(RttEstimate::first(MS(round_trip))));
        assert_eq!([10, 400, 14_000].map(rto), [MS(500), MS(1_200), MS(3_000)]);
        assert_eq!(set.rto(None), MS(500));
    }

    #[test]
    fn a_peer_that_was_heard_is_given_up_no_sooner_than_one_that_was_not() {
        for rto in (500..=39_500).map(MS) {
            let [patient, usual] = [steady(rto), doubling(rto)].map(|policy| policy.total());
            assert!(usual <= patient && patient <= TRANSACTION, "{rto:?}: {patient:?} and {usual:?}");
        }
    }
}
