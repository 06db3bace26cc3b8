//! What the paths have shown: round trips and loss (RFC 6298 2).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use floe_core::{PairId, Quality};

use crate::{CheckSet, Event, list::CheckList};

/// How many decided requests count.
const WINDOW: usize = 16;
/// For how long they do.
const MEMORY: Duration = Duration::from_secs(120);
/// The least time that an answer is given before its request counts as lost.
const MIN_WAIT: Duration = Duration::from_millis(500);

/// The measurements of a path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measures {
    smoothed: Option<Duration>,
    variation: Duration,
    /// The shortest round trip.
    least: Option<Duration>,
    /// The latest round trips, the newest first.
    latest: [Option<Duration>; 3],
    samples: u32,
    /// The requests that were decided: when, and whether an answer came.
    decided: VecDeque<(Instant, bool)>,
    /// When the check under way was last sent.
    pub(crate) sent: Option<Instant>,
}

impl Measures {
    fn decide(&mut self, now: Instant, answered: bool) {
        let fresh = |at: Instant| now.saturating_duration_since(at) < MEMORY;
        self.decided.retain(|&(at, _)| fresh(at));
        if self.decided.len() >= WINDOW {
            self.decided.pop_front();
        }
        self.decided.push_back((now, answered));
    }

    /// RFC 6298 2.2 and 2.3.
    fn sample(&mut self, rtt: Duration) {
        (self.smoothed, self.variation) = match self.smoothed {
            None => (Some(rtt), rtt / 2),
            Some(smoothed) => {
                let variation = self.variation * 3 / 4 + smoothed.abs_diff(rtt) / 4;
                (Some(smoothed * 7 / 8 + rtt / 8), variation)
            }
        };
        self.least = Some(self.least.map_or(rtt, |least| least.min(rtt)));
        self.latest.rotate_right(1);
        if let Some(newest) = self.latest.first_mut() {
            *newest = Some(rtt);
        }
        self.samples = self.samples.saturating_add(1);
    }

    /// How long an answer may take before its request counts as lost.
    fn patience(&self) -> Duration {
        let twice = self.smoothed.unwrap_or_default().saturating_mul(2);
        twice.saturating_add(self.variation).max(MIN_WAIT)
    }

    fn view(&self) -> Quality {
        let count = |answered: Option<bool>| {
            let counted = self.decided.iter().filter(|(_, was)| answered.is_none_or(|which| *was == which));
            u32::try_from(counted.count()).unwrap_or(u32::MAX)
        };
        let in_a_row = |which: bool| {
            let latest = self.decided.iter().rev().take_while(|(_, answered)| *answered == which);
            u32::try_from(latest.count()).unwrap_or(u32::MAX)
        };
        let three: Option<Vec<_>> = self.latest.iter().copied().collect();
        Quality {
            round_trip: self.smoothed,
            variation: self.variation,
            shortest: three.and_then(|three| three.into_iter().min()),
            samples: self.samples,
            asked: count(None),
            answered: count(Some(true)),
            silence: in_a_row(false),
            streak: in_a_row(true),
            latest: self.decided.back().map(|&(at, _)| at),
        }
    }
}

impl CheckSet {
    /// The pair that keeps the measurements of a pair's path: the one that is checked there. A valid pair whose local
    /// candidate is reflexive takes the same way.
    pub(crate) fn measured(&self, id: PairId) -> PairId {
        let path = self.pairs.get(id).map(|pair| (pair.path_base(), pair.ends.to));
        path.and_then(|(base, to)| self.pairs.on_path(base, to)).unwrap_or(id)
    }

    /// What the path of a pair has shown.
    pub(crate) fn quality_of(&self, id: PairId) -> Quality {
        self.pairs.get(self.measured(id)).map(|pair| pair.measures.view()).unwrap_or_default()
    }

    /// The shortest round trip that was measured on the path of a pair.
    pub(crate) fn least_round_trip(&self, id: PairId) -> Option<Duration> {
        self.pairs.get(self.measured(id)).and_then(|pair| pair.measures.least)
    }

    /// How long an answer on the path of a pair may take.
    pub(crate) fn patience_for(&self, id: PairId) -> Duration {
        self.pairs.get(self.measured(id)).map_or(MIN_WAIT, |pair| pair.measures.patience())
    }

    /// A check of this pair was answered; with its round trip where that can be told.
    pub(crate) fn note_answered(&mut self, now: Instant, id: PairId, rtt: Option<Duration>) {
        let Some(pair) = self.pairs.get_mut(id) else { return };
        pair.measures.decide(now, true);
        if let Some(rtt) = rtt {
            pair.measures.sample(rtt);
        }
    }

    /// A check of this pair was not answered.
    pub(crate) fn note_lost(&mut self, now: Instant, id: PairId) {
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.measures.decide(now, false);
        }
    }

    /// The check of this pair is sent again: what was sent before counts as lost where its answer should have come. While
    /// no round trip is known of the path nobody can tell.
    pub(crate) fn note_resent(&mut self, now: Instant, id: PairId) {
        let Some(pair) = self.pairs.get_mut(id) else { return };
        let before = pair.measures.sent.replace(now);
        let waited = before.map(|before| now.saturating_duration_since(before));
        if pair.measures.smoothed.is_some() && waited >= Some(pair.measures.patience()) {
            pair.measures.decide(now, false);
            self.tell_measured(id);
        }
    }

    /// What is measured may move a selection, where it can be moved; and before there is one it may shorten the wait for a
    /// better pair.
    pub(crate) fn tell_measured(&mut self, id: PairId) {
        let Some(ends) = self.pairs.get(id).map(|pair| &pair.ends) else { return };
        let (stream, component) = (ends.stream, ends.component);
        let waits =
            |list: &CheckList| list.components.get(&component).is_some_and(|of| of.selected.is_none());
        if self.may_renominate(stream) || self.lists.get(&stream).is_some_and(waits) {
            self.out.events.push_back(Event::Changed { stream, component });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn epoch() -> Instant {
        Instant::now()
    }

    #[test]
    fn round_trips_are_smoothed_as_rfc_6298_says() {
        let mut measures = Measures::default();
        measures.sample(ms(80));
        assert_eq!((measures.view().round_trip, measures.view().variation), (Some(ms(80)), ms(40)));
        measures.sample(ms(160));
        assert_eq!((measures.view().round_trip, measures.view().variation), (Some(ms(90)), ms(50)));
        assert_eq!((measures.view().samples, measures.view().shortest), (2, None));
        measures.sample(ms(90));
        assert_eq!(measures.view().shortest, Some(ms(80)));
        measures.sample(ms(100));
        assert_eq!(measures.view().shortest, Some(ms(90)), "of the latest three");
    }

    #[test]
    fn only_the_latest_requests_count_and_none_that_is_old() {
        let start = epoch();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut measures = Measures::default();
        for second in 0..10 {
            measures.decide(at(second), false);
        }
        let view = measures.view();
        assert_eq!((view.asked, view.lost(), view.silence, view.streak), (10, 10, 10, 0));
        assert_eq!(view.latest, Some(at(9)));
        for second in 10..20 {
            measures.decide(at(second), true);
        }
        let view = measures.view();
        assert_eq!((view.asked, view.lost(), view.silence, view.streak), (16, 6, 0, 10));
        assert_eq!(view.loss(), Some(375));
        measures.decide(at(135), true);
        assert_eq!(measures.view().asked, 5, "what is two minutes old has faded");
    }
}
