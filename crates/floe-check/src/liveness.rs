//! Silence on the pairs in use: while data is sent and nothing comes back it is noticed within a second, and told.
//!
//! Consent says whether data may be sent, and takes 30 s to end (RFC 7675 5.1). This says earlier that something is
//! wrong, and decides nothing: data goes on, no pair fails, and the first sign of life takes it back.
//!
//! ```text
//!   heard ── data ──────── 1 RTT + 200 ms ─────── one RTT more ── each 40 ms ─────── 3 RTT + 500 ms
//!             │                  │                                    │                    │
//!        silence begins     first probe: answered, all is well   further probes     Silent; probes go on, slower
//! ```
//!
//! Media that goes one way only is no silence: the answer to a probe is heard as well. A probe is an ordinary check of
//! the pair, sent once, in the session's pace.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, ComponentId, StreamId, Transmit, address};

use crate::{CheckSet, Event, consent::Request};

/// What is waited for beside three round trips before silence is told.
const GRACE: Duration = Duration::from_millis(500);
/// What the first probe waits for beside a round trip: whatever answers data has come by then.
const FIRST_PROBE: Duration = Duration::from_millis(200);
/// From one further probe to the next, and what the first of them waits for beside the answer to the one before. It
/// leaves six of them the time to be answered at the usual pace of 50 ms, however long the round trip is: of a path that
/// loses 5 % each way one verdict in ten million is false.
const NEXT_PROBE: Duration = Duration::from_millis(40);
/// From the verdict to the next probe; doubled from then on, up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// No earlier than so long before data was told of it is taken to have been sent: who tells of it each 100 ms, and not
/// of every datagram, is as exact as one who does.
const TOLD_LATE: Duration = Duration::from_millis(150);
/// For as long as no round trip was measured: what RFC 8489 6.2.1 begins with.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(500);

/// When a pair in use was last heard, and what follows from that.
#[derive(Debug)]
pub(crate) struct Liveness {
    round_trip: Option<Duration>,
    heard: Instant,
    /// Since data was sent that nothing was heard after.
    silence: Option<Silence>,
}

#[derive(Debug, Clone, Copy)]
struct Silence {
    since: Instant,
    probes: u32,
    /// When the second probe was sent: there is no verdict before it could be answered.
    second: Option<Instant>,
    /// Whether a probe waits for its slot.
    queued: bool,
    /// When the next one may go.
    next: Instant,
    /// How long the one after it waits, once silence was told.
    pause: Duration,
    /// Whether data was sent after the latest probe.
    data: bool,
    /// How long it had lasted when it was told.
    told: Option<Duration>,
}

impl Liveness {
    pub(crate) const fn new(now: Instant, round_trip: Option<Duration>) -> Self {
        Self { round_trip, heard: now, silence: None }
    }

    /// A round trip, smoothed as in RFC 6298 2.
    pub(crate) fn measure(&mut self, round_trip: Duration) {
        let smoothed = |known: Duration| (known * 7 + round_trip) / 8;
        self.round_trip = Some(self.round_trip.map_or(round_trip, smoothed));
    }

    fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(UNKNOWN_ROUND_TRIP)
    }

    /// Data was sent, now or a little before.
    pub(crate) fn note_data(&mut self, now: Instant) {
        if let Some(silence) = &mut self.silence {
            silence.data = true;
            return;
        }
        let since = now.checked_sub(TOLD_LATE).map_or(self.heard, |sent| sent.max(self.heard));
        self.silence = Some(Silence {
            since,
            probes: 0,
            second: None,
            queued: false,
            next: since + self.round_trip() + FIRST_PROBE,
            pause: PAUSE,
            data: true,
            told: None,
        });
    }

    /// Something was heard: the silence that ends with it, if there was one.
    fn note_heard(&mut self, now: Instant) -> Option<Silence> {
        self.heard = self.heard.max(now);
        self.silence.take()
    }

    fn timeout(&self) -> Option<Instant> {
        self.verdict_at().into_iter().chain(self.probe_at()).min()
    }

    fn deadline(&self, silence: &Silence) -> Instant {
        silence.since + self.round_trip() * 3 + GRACE
    }

    /// When silence is to be told. Where the pace lets no probe through in time that is later: nobody is silent who was
    /// not asked.
    fn verdict_at(&self) -> Option<Instant> {
        let silence = self.silence.as_ref().filter(|silence| silence.told.is_none())?;
        Some(self.deadline(silence).max(silence.second? + self.round_trip()))
    }

    fn probe_at(&self) -> Option<Instant> {
        let silence = self.silence.as_ref().filter(|silence| !silence.queued)?;
        let wanted = match silence.told {
            Some(_) => silence.data,
            // Not where the answer could only come too late.
            None => silence.second.is_none() || silence.next + self.round_trip() < self.deadline(silence),
        };
        wanted.then_some(silence.next)
    }

    /// A probe is about to be sent.
    fn note_probe(&mut self, now: Instant) {
        let round_trip = self.round_trip();
        let Some(silence) = &mut self.silence else { return };
        silence.probes = silence.probes.saturating_add(1);
        silence.second = silence.second.or((silence.probes == 2).then_some(now));
        (silence.queued, silence.data) = (false, false);
        silence.next = now
            + match (silence.told, silence.probes) {
                (Some(_), _) => silence.lengthen(),
                (None, 1) => round_trip + NEXT_PROBE,
                (None, _) => NEXT_PROBE,
            };
    }

    /// Silence is told; says how long it has lasted.
    fn tell(&mut self, now: Instant) -> Option<Duration> {
        let silence = self.silence.as_mut()?;
        silence.told = Some(now.saturating_duration_since(silence.since));
        silence.next = now + silence.lengthen();
        silence.told
    }
}

impl Silence {
    /// The pause now; the next one is longer.
    fn lengthen(&mut self) -> Duration {
        let longer = (self.pause * 2).min(MAX_PAUSE);
        std::mem::replace(&mut self.pause, longer)
    }
}

impl CheckSet {
    /// How long nothing had been heard on the pair in use of this component when [`Event::Silent`] told of it; `None`
    /// while it is alive, or nobody sends.
    #[must_use]
    pub fn silence(&self, stream: StreamId, component: ComponentId) -> Option<Duration> {
        self.consents.in_use.get(&(stream, component))?.life.silence?.told
    }

    /// Data that was accepted has come in from this address on this base. Where the pair in use goes there, it is alive;
    /// says whether that is news, which is then to be polled. It proves nothing: consent is not renewed by it.
    pub fn note_heard(&mut self, now: Instant, base: BaseId, from: SocketAddr) -> bool {
        let Some(known) = self.locals.base(base) else { return false };
        let key = (known.stream, known.component);
        let Some(known) = self.consents.in_use.get_mut(&key) else { return false };
        if (known.base, known.to) != (base, address::unscoped(from)) {
            return false;
        }
        let Some(silence) = known.life.note_heard(now) else { return false };
        let (pair, (stream, component)) = (known.pair, key);
        if silence.queued {
            self.consents.probes.retain(|due| *due != key);
        }
        if silence.told.is_some() {
            self.out.events.push_back(Event::Heard { stream, component, pair });
        }
        silence.told.is_some()
    }

    pub(crate) fn liveness_timeout(&self) -> Option<Instant> {
        self.consents.in_use.values().filter_map(|known| known.life.timeout()).min()
    }

    pub(crate) fn handle_liveness_timeout(&mut self, now: Instant) {
        for (&key, known) in &mut self.consents.in_use {
            let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            if due(known.life.verdict_at())
                && let Some(silence) = known.life.tell(now)
            {
                let ((stream, component), pair) = (key, known.pair);
                self.out.events.push_back(Event::Silent { stream, component, pair, silence });
            }
            if due(known.life.probe_at())
                && let Some(silence) = &mut known.life.silence
            {
                silence.queued = true;
                if !self.consents.probes.contains(&key) {
                    self.consents.probes.push_back(key);
                }
            }
        }
    }

    /// The next probe, if one is due.
    pub(crate) fn start_probe(&mut self, now: Instant) -> Option<Transmit> {
        while let Some(key) = self.consents.probes.pop_front() {
            let Some(known) = self.consents.in_use.get_mut(&key) else { continue };
            known.life.note_probe(now);
            let pair = known.pair;
            let Some(transmit) = self.request_in_use(now, key, Request::Probe) else { continue };
            if let Some(pair) = self.pairs.get_mut(pair) {
                pair.counts.requests_sent += 1;
            }
            return Some(transmit);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn alive(round_trip: Option<Duration>) -> (Liveness, Instant) {
        #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
        let start = Instant::now();
        (Liveness::new(start, round_trip), start)
    }

    /// When probes go, and when silence is told, if every probe has its slot at once and nothing is ever heard.
    fn course(life: &mut Liveness, start: Instant, until: Duration) -> (Vec<Duration>, Option<Duration>) {
        let (mut probes, mut verdict) = (Vec::new(), None);
        while let Some(at) = life.timeout().filter(|&at| at <= start + until) {
            if life.verdict_at() == Some(at) {
                life.tell(at);
                verdict = Some(at - start);
            }
            if life.probe_at() == Some(at) {
                life.note_probe(at);
                probes.push(at - start);
            }
            life.note_data(at);
        }
        (probes, verdict)
    }

    #[test]
    fn eight_probes_can_be_answered_before_the_verdict_whatever_the_round_trip() {
        for round_trip in [0, 1, 20, 50, 200, 700].map(ms) {
            let (mut life, start) = alive(Some(round_trip));
            life.note_data(start);
            let deadline = round_trip * 3 + ms(500);
            let (probes, verdict) = course(&mut life, start, deadline);
            assert_eq!(verdict, Some(deadline));
            assert_eq!(probes[..2], [round_trip + ms(200), round_trip * 2 + ms(240)]);
            assert_eq!((probes.len(), probes[7] + round_trip), (8, deadline - ms(20)));
        }
    }

    #[test]
    fn after_the_verdict_probes_become_rare_and_stop_with_the_data() {
        let (mut life, start) = alive(Some(ms(50)));
        life.note_data(start);
        let (probes, _) = course(&mut life, start, ms(9_000));
        assert_eq!(probes[8..], [1_150, 2_150, 4_150, 6_150, 8_150].map(ms));
        assert_eq!(life.timeout(), Some(start + ms(10_150)));
        life.silence.as_mut().unwrap().data = false;
        assert_eq!(life.timeout(), None);
        life.note_data(start + ms(60_000));
        assert_eq!(life.timeout(), Some(start + ms(10_150)), "at once");
    }

    #[test]
    fn silence_begins_with_what_was_last_heard_or_with_the_data_where_that_is_long_ago() {
        let (mut life, start) = alive(Some(ms(50)));
        assert_eq!(life.timeout(), None, "nobody sends");
        life.note_data(start + ms(150));
        assert_eq!(life.timeout(), Some(start + ms(250)));
        assert!(life.note_heard(start + ms(200)).is_some_and(|silence| silence.told.is_none()));
        assert_eq!(life.timeout(), None);
        life.note_data(start + ms(10_000));
        assert_eq!(life.timeout(), Some(start + ms(9_850 + 250)));
    }

    #[test]
    fn there_is_no_verdict_before_two_probes_could_be_answered() {
        let (mut life, start) = alive(Some(ms(50)));
        life.note_data(start);
        life.note_probe(start + ms(900));
        assert_eq!((life.verdict_at(), life.probe_at()), (None, Some(start + ms(990))));
        life.note_probe(start + ms(1_200));
        assert_eq!((life.verdict_at(), life.probe_at()), (Some(start + ms(1_250)), None));
    }

    #[test]
    fn round_trips_are_smoothed() {
        let (mut life, _) = alive(None);
        assert_eq!(life.round_trip(), ms(500));
        life.measure(ms(80));
        assert_eq!(life.round_trip(), ms(80));
        life.measure(ms(160));
        assert_eq!(life.round_trip(), ms(90));
    }
}
