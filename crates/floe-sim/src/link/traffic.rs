//! The passage of datagrams over one direction of a link.

use std::time::{Duration, Instant};

use rand::{RngExt as _, rngs::ChaCha20Rng};

use super::Link;

/// What chance has in store for one datagram. Drawn whole for every datagram, whatever its link: so a link that is set
/// otherwise in one respect leaves chance as it was in the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Luck {
    loss: f64,
    duplicate: f64,
    reorder: f64,
    jitter: [f64; 2],
    burst: f64,
}

impl Luck {
    pub(crate) fn draw(rng: &mut ChaCha20Rng) -> Self {
        Self {
            loss: rng.random(),
            duplicate: rng.random(),
            reorder: rng.random(),
            jitter: [rng.random(), rng.random()],
            burst: rng.random(),
        }
    }

    /// How late the datagram is, and how late its copy.
    fn delays(&self, link: &Link) -> [Duration; 2] {
        self.jitter.map(|share| link.delay + link.jitter.mul_f64(share))
    }
}

/// What lasts from one datagram to the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    /// When the latest datagram arrives that keeps its place: none behind it comes before.
    latest: Option<Instant>,
    /// Until when the link is busy with those that came before.
    busy: Option<Instant>,
    /// Whether a burst of loss was on, and when.
    bad: Option<(bool, Instant)>,
}

/// A datagram that got over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) due: Instant,
    pub(crate) held_back: bool,
    /// When its copy arrives, if it has one.
    pub(crate) copy: Option<Instant>,
}

/// Why one did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    Lost,
    TooLarge,
    QueueFull,
}

impl Traffic {
    /// Sends a packet of `size` bytes over the link.
    pub(crate) fn pass(
        &mut self,
        link: &Link,
        luck: Luck,
        now: Instant,
        size: usize,
    ) -> Result<Passage, Dropped> {
        if link.mtu.is_some_and(|mtu| size > usize::from(mtu)) {
            return Err(Dropped::TooLarge);
        }
        let sent = self.serialize(link, now, size)?;
        // Lost on the way: it took its time on the link all the same.
        if self.is_in_burst(link, luck, now) || luck.loss < link.loss {
            return Err(Dropped::Lost);
        }
        let [delay, delay_of_copy] = luck.delays(link);
        let held_back = luck.reorder < link.reorder;
        let due = if held_back { sent + delay + link.reorder_by } else { self.in_order(sent + delay) };
        let copy = (luck.duplicate < link.duplicate).then(|| self.in_order(sent + delay_of_copy));
        Ok(Passage { due, held_back, copy })
    }

    /// When its last bit is on the link.
    fn serialize(&mut self, link: &Link, now: Instant, size: usize) -> Result<Instant, Dropped> {
        let Some(rate) = link.rate else { return Ok(now) };
        let begin = self.busy.map_or(now, |busy| busy.max(now));
        let size = size as u64;
        // What is being sent counts as waiting, too.
        let waiting = (begin - now).as_nanos() * u128::from(rate.get()) / 8_000_000_000;
        if begin > now && waiting + u128::from(size) > u128::from(link.queue) {
            return Err(Dropped::QueueFull);
        }
        let nanoseconds = u128::from(size) * 8_000_000_000 / u128::from(rate.get());
        let end = begin + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.busy = Some(end);
        Ok(end)
    }

    fn is_in_burst(&mut self, link: &Link, luck: Luck, now: Instant) -> bool {
        let Some(bursts) = link.bursts else { return false };
        let before = self.bad.map(|(bad, since)| (bad, now - since));
        let bad = bursts.is_bad(before, luck.burst);
        self.bad = Some((bad, now));
        bad
    }

    fn in_order(&mut self, due: Instant) -> Instant {
        let due = self.latest.map_or(due, |latest| due.max(latest));
        self.latest = Some(due);
        due
    }
}
