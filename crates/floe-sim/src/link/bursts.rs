//! Loss in bursts: the model of Gilbert and Elliott, by datagrams or by time.

use std::time::Duration;

/// A link that is now good, now bad (Gilbert and Elliott). While it is bad it loses everything; while it is good only
/// what [`Link::loss`](crate::Link::loss) says. It begins good or bad as chance has it.
///
/// ```
/// use std::time::Duration;
///
/// use floe_sim::{Bursts, Link};
///
/// // One datagram in five is lost, five in a row on average.
/// let by_count = Link::new(Duration::from_millis(20)).bursts(Bursts::counted(0.2, 5.0));
/// // The link is bad for a fifth of the time, for 100 ms on average.
/// let by_time = Link::new(Duration::from_millis(20)).bursts(Bursts::timed(0.2, Duration::from_millis(100)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    share: f64,
    length: Length,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Length {
    /// Of a burst, in datagrams.
    Counted(f64),
    /// Of a burst.
    Timed(Duration),
}

impl Bursts {
    /// So great a share of the datagrams is lost, 0 to 1, and so many in a row on average, at least one. However long
    /// the pauses between them, a burst goes on until so many were lost: a peer that sends rarely suffers long.
    #[must_use]
    pub const fn counted(share: f64, length: f64) -> Self {
        Self { share, length: Length::Counted(length) }
    }

    /// The link is bad for so great a share of the time, 0 to 1, and for so long on average.
    #[must_use]
    pub const fn timed(share: f64, length: Duration) -> Self {
        Self { share, length: Length::Timed(length) }
    }

    /// Whether the link is bad now, if it was so a while ago; `draw` is chance, 0 to 1.
    pub(super) fn is_bad(&self, before: Option<(bool, Duration)>, draw: f64) -> bool {
        let Some((was_bad, elapsed)) = before else { return draw < self.share };
        // How much of the former state is left: the chain forgets it by this factor in a step, or steadily with time.
        let memory = match self.length {
            Length::Counted(length) => 1.0 - 1.0 / (length.max(1.0) * (1.0 - self.share)),
            Length::Timed(length) => {
                (-elapsed.as_secs_f64() / (length.as_secs_f64() * (1.0 - self.share))).exp()
            }
        };
        let was_bad = if was_bad { 1.0 } else { 0.0 };
        draw < self.share + (was_bad - self.share) * memory
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha20Rng};

    use super::*;

    /// The share of bad ones, and how many were bad in a row on average.
    fn measure(bursts: Bursts, step: Duration) -> (f64, f64) {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let (mut before, mut bad, mut runs) = (None, 0.0, 0.0);
        let count = 200_000;
        for _ in 0..count {
            let is_bad = bursts.is_bad(before, rng.random());
            if is_bad {
                bad += 1.0;
                runs += if before.is_some_and(|(was_bad, _)| was_bad) { 0.0 } else { 1.0 };
            }
            before = Some((is_bad, step));
        }
        (bad / f64::from(count), bad / runs)
    }

    #[test]
    fn counted_bursts_are_as_frequent_and_as_long_as_they_should_be() {
        for (share, length) in [(0.05, 3.0), (0.2, 5.0), (0.5, 2.0)] {
            let (seen_share, seen_length) = measure(Bursts::counted(share, length), Duration::ZERO);
            assert!((seen_share - share).abs() < 0.01, "{seen_share} for {share}");
            assert!((seen_length - length).abs() < 0.15, "{seen_length} for {length}");
        }
    }

    #[test]
    fn timed_bursts_last_as_long_however_often_one_looks() {
        let bursts = Bursts::timed(0.2, Duration::from_millis(100));
        for step in [5, 10] {
            let (share, looks) = measure(bursts, Duration::from_millis(step));
            let length = looks * f64::from(u32::try_from(step).unwrap());
            assert!((share - 0.2).abs() < 0.02, "{share}");
            assert!((length - 100.0).abs() < 12.0, "{length} ms");
        }
        let (_, looks) = measure(bursts, Duration::from_secs(10));
        assert!((looks - 1.25).abs() < 0.02, "long after, the past is forgotten: {looks}");
    }
}
