//! How often and how long a request is sent (RFC 8489 6.2.1, 6.2.2).

use std::time::Duration;

/// The retransmission policy of one transaction.
///
/// `Default` is RFC 8489 6.2.1: sends at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, and failure at 39.5 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetransmitPolicy {
    rto: Duration,
    rc: u32,
    rm: u32,
    steady: u32,
}

impl RetransmitPolicy {
    /// The smallest RTO, and the one without a measurement (RFC 8489 6.2.1).
    pub const MIN_RTO: Duration = Duration::from_millis(500);
    /// The largest RTO taken; a longer wait is no wait for an answer.
    pub const MAX_RTO: Duration = Duration::from_secs(60 * 60);
    /// How long an answer over TCP or TLS is waited for (Ti, RFC 8489 6.2.2).
    pub const RELIABLE_TIMEOUT: Duration = Duration::from_millis(39_500);
    /// The most sends; the waits double, so that more would take days.
    pub(crate) const MAX_RC: u32 = 16;
    /// The longest last wait, in RTOs.
    const MAX_RM: u32 = 1024;

    /// For TCP, TLS and DTLS' like: one send, and this wait for the answer (RFC 8489 6.2.2: 39.5 s, see
    /// [`RELIABLE_TIMEOUT`](Self::RELIABLE_TIMEOUT)).
    #[must_use]
    pub fn reliable(timeout: Duration) -> Self {
        Self { rto: timeout.min(Self::MAX_RTO), rc: 1, rm: 1, steady: 1 }
    }

    /// The first wait, from 0.5 s to one hour; what lies outside is moved to the nearer end. Default: 0.5 s.
    #[must_use]
    pub fn rto(mut self, rto: Duration) -> Self {
        self.rto = rto.clamp(Self::MIN_RTO, Self::MAX_RTO);
        self
    }

    /// How often the request is sent, 1 to 16; what lies outside is moved to the nearer end. Default: 7.
    #[must_use]
    pub fn rc(mut self, rc: u32) -> Self {
        self.rc = rc.clamp(1, Self::MAX_RC);
        self
    }

    /// How many RTOs an answer is waited for after the last send, 1 to 1024; what lies outside is moved to the
    /// nearer end. Default: 16.
    #[must_use]
    pub fn rm(mut self, rm: u32) -> Self {
        self.rm = rm.clamp(1, Self::MAX_RM);
        self
    }

    /// How many waits are one RTO long before they double, 1 to 16; what lies outside is moved to the nearer end.
    /// Default: 1, so that each wait is twice the one before (RFC 8489 6.2.1).
    #[must_use]
    pub fn steady(mut self, waits: u32) -> Self {
        self.steady = waits.clamp(1, Self::MAX_RC);
        self
    }

    /// How long a request that is never answered is waited for, from its first send to failure.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.wait_to_the_end(1)
    }

    /// The wait after so many sends: doubling once the steady ones are over, and after the last one Rm RTOs.
    pub(crate) fn wait_after(&self, sends: u32) -> Duration {
        if self.may_send(sends) {
            self.rto.saturating_mul(1 << sends.saturating_sub(self.steady).min(Self::MAX_RC))
        } else {
            self.rto.saturating_mul(self.rm)
        }
    }

    /// The wait from the send of this number to failure, if the others follow or not.
    pub(crate) fn wait_to_the_end(&self, sends: u32) -> Duration {
        (sends..=self.rc).map(|sent| self.wait_after(sent)).sum()
    }

    /// Whether another send follows so many.
    pub(crate) fn may_send(&self, sends: u32) -> bool {
        sends < self.rc
    }
}

impl Default for RetransmitPolicy {
    fn default() -> Self {
        Self { rto: Self::MIN_RTO, rc: 7, rm: 16, steady: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_moved_to_the_nearer_end() {
        let least = RetransmitPolicy::default().rto(Duration::ZERO).rc(0).rm(0).steady(0);
        assert_eq!(least, RetransmitPolicy { rto: Duration::from_millis(500), rc: 1, rm: 1, steady: 1 });
        let most = RetransmitPolicy::default().rto(Duration::MAX).rc(u32::MAX).rm(u32::MAX);
        assert_eq!(most, RetransmitPolicy { rto: Duration::from_secs(3600), rc: 16, rm: 1024, steady: 1 });
        assert_eq!(most.steady(u32::MAX).steady, 16);
        assert!(most.wait_to_the_end(1) < Duration::from_secs(3600 * (1 << 17)));
    }

    #[test]
    fn steady_waits_come_first_and_the_doubling_goes_on_from_them() {
        let policy = RetransmitPolicy::default().steady(3).rm(5);
        let waits: Vec<_> = (1..=7).map(|sends| policy.wait_after(sends).as_millis()).collect();
        assert_eq!(waits, [500, 500, 500, 1000, 2000, 4000, 2500]);
        assert_eq!(policy.wait_to_the_end(1), Duration::from_millis(11_000));
    }

    #[test]
    fn a_reliable_transport_sends_once_and_waits_as_long_as_a_datagram_would() {
        let reliable = RetransmitPolicy::reliable(RetransmitPolicy::RELIABLE_TIMEOUT);
        assert!(!reliable.may_send(1));
        assert_eq!(reliable.wait_after(1), RetransmitPolicy::default().wait_to_the_end(1));
    }
}
