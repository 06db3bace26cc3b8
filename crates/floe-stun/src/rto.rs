//! The first wait for an answer, from what earlier transactions measured (RFC 8489 6.2.1, RFC 6298 2).

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use floe_core::address::Redacted;

use crate::retransmit::RetransmitPolicy;

/// How long a measurement is worth something after the last transaction with its server (RFC 8489 6.2.1).
const STALE_AFTER: Duration = Duration::from_secs(10 * 60);
/// To what the clock is exact (RFC 8489 6.2.1): the G of RFC 6298.
const ACCURACY: Duration = Duration::from_millis(1);
/// More servers than any configuration names; the one unused for longest makes place.
const CAPACITY: usize = 64;

/// What round trips on one way were measured so far (RFC 6298 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RttEstimate {
    smoothed: Duration,
    variation: Duration,
}

impl RttEstimate {
    /// From the first round trip measured (RFC 6298 2.2).
    #[must_use]
    pub fn first(sample: Duration) -> Self {
        let sample = sample.min(RetransmitPolicy::MAX_RTO);
        Self { smoothed: sample, variation: sample / 2 }
    }

    /// With one more round trip (RFC 6298 2.3, with its alpha of 1/8 and beta of 1/4).
    #[must_use]
    pub fn then(self, sample: Duration) -> Self {
        let sample = sample.min(RetransmitPolicy::MAX_RTO);
        let variation = self.variation * 3 / 4 + self.smoothed.abs_diff(sample) / 4;
        Self { smoothed: self.smoothed * 7 / 8 + sample / 8, variation }
    }

    /// The wait for an answer that follows from it, never less than 500 ms (RFC 8489 6.2.1, RFC 8445 14.3).
    #[must_use]
    pub fn rto(self) -> Duration {
        // RFC 8489 6.2.1: not rounded up to whole seconds, as RFC 6298 would have it for TCP.
        let rto = self.smoothed + (self.variation * 4).max(ACCURACY);
        rto.clamp(RetransmitPolicy::MIN_RTO, RetransmitPolicy::MAX_RTO)
    }
}

/// The RTO of each server, by its IP address (RFC 8489 6.2.1).
///
/// Sans-IO: `now` never goes back. Feed it with [`Completed::rtt`](crate::Completed::rtt), which knows Karn's rule.
#[derive(Clone, Default)]
pub struct RtoCache {
    servers: BTreeMap<IpAddr, (Instant, RttEstimate)>,
}

impl RtoCache {
    /// An empty one: every server starts with 500 ms.
    #[must_use]
    pub const fn new() -> Self {
        Self { servers: BTreeMap::new() }
    }

    /// The RTO for a transaction that starts now: at least 500 ms, for
    /// [`RetransmitPolicy::rto`](crate::RetransmitPolicy::rto).
    pub fn start(&mut self, now: Instant, server: IpAddr) -> Duration {
        self.servers.retain(|_, (used, _)| now.saturating_duration_since(*used) < STALE_AFTER);
        match self.servers.get_mut(&server) {
            Some((used, estimate)) => {
                *used = now;
                estimate.rto()
            }
            None => RetransmitPolicy::MIN_RTO,
        }
    }

    /// Takes the round-trip time of a transaction that was answered, as [`Completed::rtt`](crate::Completed::rtt) gives it.
    pub fn sample(&mut self, now: Instant, server: IpAddr, rtt: Duration) {
        let known = self.servers.get(&server).map(|(_, estimate)| estimate.then(rtt));
        if known.is_none() && self.servers.len() >= CAPACITY {
            self.forget_oldest();
        }
        self.servers.insert(server, (now, known.unwrap_or(RttEstimate::first(rtt))));
    }

    fn forget_oldest(&mut self) {
        let oldest = self.servers.iter().min_by_key(|(_, (used, _))| *used).map(|(server, _)| *server);
        if let Some(server) = oldest {
            self.servers.remove(&server);
        }
    }
}

impl fmt::Debug for RtoCache {
    /// Hides most of the addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rtos = self.servers.iter().map(|(server, (_, estimate))| (Redacted(*server), estimate.rto()));
        f.debug_map().entries(rtos).finish()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{TransactionId, Transactions};

    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn epoch() -> Instant {
        Instant::now()
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn server(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    // proves: 8489-6.2.1-b
    #[test]
    fn the_rto_follows_single_sends_per_server_to_the_millisecond_and_is_forgotten_after_ten_idle_minutes() {
        let epoch = epoch();
        let mut cache = RtoCache::new();
        assert_eq!(cache.start(epoch, server(1)), ms(500));

        // One transaction answered after its first send, one after a resend: only the first is a sample.
        let mut transactions = Transactions::new();
        for (number, polls) in [(1, 0), (2, 1)] {
            let id = TransactionId::new([number; 12]);
            transactions.start(epoch, id, RetransmitPolicy::default(), Bytes::new(), ());
            for _ in 0..polls {
                assert!(transactions.poll(epoch + ms(500)).is_some());
            }
            let answered = epoch + ms(803);
            if let Some(rtt) = transactions.complete(id).unwrap().rtt(answered) {
                assert_eq!((number, rtt), (1, ms(803)));
                cache.sample(answered, server(1), rtt);
            }
        }
        let after = epoch + ms(803);
        // 803 + 4 * 803 / 2, exact to the millisecond.
        assert_eq!(cache.start(after, server(1)), ms(2409));
        assert_eq!(cache.start(after, server(2)), ms(500), "another address is another server");

        // Every transaction keeps it; ten minutes without one lose it.
        let later = after + STALE_AFTER - ms(1);
        assert_eq!(cache.start(later, server(1)), ms(2409));
        assert_eq!(cache.start(later + STALE_AFTER, server(1)), ms(500));
    }

    #[test]
    fn steady_samples_draw_it_down_to_half_a_second_and_no_further() {
        let epoch = epoch();
        let mut cache = RtoCache::new();
        cache.sample(epoch, server(1), ms(2000));
        assert_eq!(cache.start(epoch, server(1)), ms(6000));
        cache.sample(epoch, server(1), ms(1000));
        // Smoothed 1875, variation 750 + 250.
        assert_eq!(cache.start(epoch, server(1)), ms(5875));
        for _ in 0..100 {
            cache.sample(epoch, server(1), ms(20));
        }
        assert_eq!(cache.start(epoch, server(1)), ms(500));
    }

    #[test]
    fn it_holds_64_servers_and_drops_the_one_unused_for_longest() {
        let epoch = epoch();
        let mut cache = RtoCache::new();
        for number in 0..=64 {
            cache.sample(epoch + ms(u64::from(number)), server(number), ms(400));
        }
        assert_eq!(cache.servers.len(), 64);
        let now = epoch + ms(100);
        assert_eq!((cache.start(now, server(0)), cache.start(now, server(1))), (ms(500), ms(1200)));
    }

    #[test]
    fn an_absurd_sample_stays_within_bounds() {
        let epoch = epoch();
        let mut cache = RtoCache::new();
        cache.sample(epoch, server(1), Duration::MAX);
        cache.sample(epoch, server(1), Duration::MAX);
        assert_eq!(cache.start(epoch, server(1)), RetransmitPolicy::MAX_RTO);
    }
}
