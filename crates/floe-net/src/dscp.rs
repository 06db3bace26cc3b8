//! Marks of datagrams.

use std::fmt;

/// A differentiated services code point: how routers are asked to treat a datagram (RFC 2474 3). RFC 8837 5 says which
/// ones fit audio, video and data.
///
/// ```
/// use floe_net::Dscp;
///
/// assert_eq!(Dscp::new(46), Some(Dscp::EXPEDITED));
/// assert_eq!(Dscp::new(64), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dscp(u8);

impl Dscp {
    /// Best effort, as for all that is not marked. Default.
    pub const DEFAULT: Self = Self(0);
    /// EF (RFC 3246): low loss, low latency, low jitter. For interactive audio.
    pub const EXPEDITED: Self = Self(46);

    /// `None` above 63: a code point has six bits.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value < 64 { Some(Self(value)) } else { None }
    }

    /// The code point, at most 63.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The byte of the IP header: the code point above the two bits of ECN, which are left at zero.
    pub(crate) const fn octet(self) -> u32 {
        (self.0 as u32) << 2
    }
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
