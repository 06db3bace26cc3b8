//! What is asked, and how patiently.

use std::time::Duration;

use floe_stun::RetransmitPolicy;

/// What a [`Discovery`](crate::Discovery) asks. `Default` asks everything but for the lifetime of bindings, which takes
/// minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How often and how long each request is sent. Default: RFC 8489 6.2.1, 39.5 s until silence is an answer; where
    /// that is too long, fewer sends make it shorter.
    pub retransmit: RetransmitPolicy,
    /// Up to which lifetime of a binding is searched (RFC 5780 4.6), at least a second; `None`, the default: not at all.
    /// The search takes at least this long, and again for each time that it has to be halved to come down to the precision.
    pub lifetime: Option<Duration>,
    /// How close the two ends of the lifetime are to be, at least a second. Default: 10 s.
    pub precision: Duration,
    /// How many bytes a packet may have on the outgoing interface, IP header counted in: larger ones are sent to see
    /// whether fragments get through (RFC 5780 7.6). Default: 1,500; taken from 576 to 9,000.
    pub mtu: u16,
}

impl Config {
    /// The shortest lifetime and precision that make sense.
    const SECOND: Duration = Duration::from_secs(1);

    /// The same with what lies outside moved to the nearer end: the fields can be set to anything.
    pub(crate) fn within_bounds(self) -> Self {
        let bounded = self.precision(self.precision).mtu(self.mtu);
        bounded.lifetime.map_or(bounded, |bound| bounded.lifetime(bound))
    }

    /// Sets [`retransmit`](Self::retransmit).
    #[must_use]
    pub const fn retransmit(mut self, policy: RetransmitPolicy) -> Self {
        self.retransmit = policy;
        self
    }

    /// Sets [`lifetime`](Self::lifetime).
    #[must_use]
    pub fn lifetime(mut self, bound: Duration) -> Self {
        self.lifetime = Some(bound.max(Self::SECOND));
        self
    }

    /// Sets [`precision`](Self::precision).
    #[must_use]
    pub fn precision(mut self, precision: Duration) -> Self {
        self.precision = precision.max(Self::SECOND);
        self
    }

    /// Sets [`mtu`](Self::mtu).
    #[must_use]
    pub fn mtu(mut self, bytes: u16) -> Self {
        self.mtu = bytes.clamp(576, 9_000);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retransmit: RetransmitPolicy::default(),
            lifetime: None,
            precision: Duration::from_secs(10),
            mtu: 1_500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_moved_to_the_nearer_end() {
        let least = Config::default().lifetime(Duration::ZERO).precision(Duration::ZERO).mtu(0);
        assert_eq!((least.lifetime, least.precision), (Some(Config::SECOND), Config::SECOND));
        assert_eq!((least.mtu, Config::default().mtu(u16::MAX).mtu), (576, 9_000));
        let zero = Duration::ZERO;
        let set = Config { lifetime: Some(zero), precision: zero, mtu: u16::MAX, ..Config::default() };
        assert_eq!(set.within_bounds(), least.mtu(u16::MAX));
    }
}
