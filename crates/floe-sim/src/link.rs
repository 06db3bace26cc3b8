//! What a link does to datagrams.

use std::time::Duration;

use rand::{RngExt as _, rngs::ChaCha20Rng};

/// One direction of a link. `Default` is a perfect one: no delay, nothing lost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Link {
    /// How long a datagram takes at least.
    pub delay: Duration,
    /// By how much it may be later, evenly spread. Datagrams keep their order all the same.
    pub jitter: Duration,
    /// How likely it is lost, 0 to 1, each on its own.
    pub loss: f64,
    /// How likely it arrives twice, 0 to 1. The copy has a jitter of its own.
    pub duplicate: f64,
    /// How likely it is held back, 0 to 1, so that later ones overtake it.
    pub reorder: f64,
    /// For how long it is held back then.
    pub reorder_by: Duration,
}

impl Link {
    /// A link with this delay that loses nothing.
    #[must_use]
    pub const fn new(delay: Duration) -> Self {
        Self {
            delay,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_by: Duration::ZERO,
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
}

/// What chance has in store for one datagram. Drawn whole for every datagram, whatever its link: so a link that is set
/// otherwise in one respect leaves chance as it was in the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Luck {
    loss: f64,
    duplicate: f64,
    reorder: f64,
    jitter: [f64; 2],
}

impl Luck {
    pub(crate) fn draw(rng: &mut ChaCha20Rng) -> Self {
        Self {
            loss: rng.random(),
            duplicate: rng.random(),
            reorder: rng.random(),
            jitter: [rng.random(), rng.random()],
        }
    }

    pub(crate) fn is_lost(&self, link: &Link) -> bool {
        self.loss < link.loss
    }

    pub(crate) fn is_duplicated(&self, link: &Link) -> bool {
        self.duplicate < link.duplicate
    }

    pub(crate) fn is_held_back(&self, link: &Link) -> bool {
        self.reorder < link.reorder
    }

    /// How late the datagram is, and how late its copy.
    pub(crate) fn delays(&self, link: &Link) -> [Duration; 2] {
        self.jitter.map(|share| link.delay + link.jitter.mul_f64(share))
    }
}
