//! What a link does to datagrams.

mod bursts;
mod traffic;

use std::{num::NonZeroU64, time::Duration};

pub use bursts::Bursts;
pub(crate) use traffic::{Dropped, Luck, Passage, Traffic};

/// One direction of a link. `Default` is a perfect one: no delay, nothing lost.
///
/// A datagram is first measured against the MTU, then waits for its turn, then may get lost, late, or double. What lasts
/// from one datagram to the next, as a burst of loss or a queue, each pair of addresses has for itself; at a gateway
/// all share it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Link {
    /// How long a datagram takes at least.
    pub delay: Duration,
    /// By how much it may be later, evenly spread. Datagrams keep their order all the same.
    pub jitter: Duration,
    /// How likely it is lost, 0 to 1, each on its own.
    pub loss: f64,
    /// Loss that comes in bursts, besides.
    pub bursts: Option<Bursts>,
    /// How likely it arrives twice, 0 to 1. The copy has a jitter of its own.
    pub duplicate: f64,
    /// How likely it is held back, 0 to 1, so that later ones overtake it.
    pub reorder: f64,
    /// For how long it is held back then.
    pub reorder_by: Duration,
    /// How many bits a second it carries, headers counted in; `None`: any number at once. Datagrams wait for each other.
    pub rate: Option<NonZeroU64>,
    /// How many bytes may wait where there is a rate. A datagram that finds no room is dropped.
    pub queue: u64,
    /// The largest packet in bytes, IP and UDP headers counted in; `None`: any. Larger ones are dropped: nothing is
    /// fragmented, and nobody is told.
    pub mtu: Option<u16>,
}

impl Link {
    /// A link with this delay that loses nothing.
    #[must_use]
    pub const fn new(delay: Duration) -> Self {
        Self {
            delay,
            jitter: Duration::ZERO,
            loss: 0.0,
            bursts: None,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_by: Duration::ZERO,
            rate: None,
            queue: 0,
            mtu: None,
        }
    }

    /// A link that loses everything.
    #[must_use]
    pub const fn cut() -> Self {
        Self::new(Duration::ZERO).loss(1.0)
    }

    /// This link with this jitter.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// This link with this probability of loss.
    #[must_use]
    pub const fn loss(mut self, probability: f64) -> Self {
        self.loss = probability;
        self
    }

    /// This link with this probability of duplication.
    #[must_use]
    pub const fn duplicate(mut self, probability: f64) -> Self {
        self.duplicate = probability;
        self
    }

    /// This link with this probability that a datagram is held back, and for how long.
    #[must_use]
    pub const fn reorder(mut self, probability: f64, by: Duration) -> Self {
        self.reorder = probability;
        self.reorder_by = by;
        self
    }
    /// This link with this loss in bursts.
    #[must_use]
    pub const fn bursts(mut self, bursts: Bursts) -> Self {
        self.bursts = Some(bursts);
        self
    }

    /// This link with this rate in bits a second, and room for so many bytes to wait. A rate of 0 is none.
    #[must_use]
    pub const fn rate(mut self, bits_per_second: u64, queue: u64) -> Self {
        self.rate = NonZeroU64::new(bits_per_second);
        self.queue = queue;
        self
    }

    /// This link with this MTU in bytes.
    #[must_use]
    pub const fn mtu(mut self, bytes: u16) -> Self {
        self.mtu = Some(bytes);
        self
    }
}
