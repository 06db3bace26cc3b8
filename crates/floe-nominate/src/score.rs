//! Which of two valid pairs is better, by what is known of them: the class of the path first, then what was measured,
//! with hysteresis against the priority.

use std::time::{Duration, Instant};

use floe_core::{CandidateKind, Contender, PairPriority, Quality, ValidPair};

use crate::Why;

/// How direct a path is, from the worst to the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// Measured to lose half of all requests or more: whatever its candidates are, it is the last choice.
    Broken,
    /// Over a TURN server.
    Relayed,
    /// Through a NAT.
    Reflexive,
    /// From host to host.
    Direct,
}

impl Class {
    pub(crate) const fn of((local, remote): (CandidateKind, CandidateKind)) -> Self {
        use CandidateKind::{Host, Relayed};
        match (local, remote) {
            (Relayed, _) | (_, Relayed) => Self::Relayed,
            (Host, Host) => Self::Direct,
            _ => Self::Reflexive,
        }
    }

    fn now(pair: &ValidPair) -> Self {
        if is_broken(&pair.quality) { Self::Broken } else { Self::of(pair.kinds) }
    }
}

/// How many relays are on the way.
pub(crate) fn relays((local, remote): (CandidateKind, CandidateKind)) -> usize {
    [local, remote].into_iter().filter(|&kind| kind == CandidateKind::Relayed).count()
}

/// How many requests have to be decided before loss is taken for measured.
const ENOUGH_ASKED: u32 = 8;
/// How many round trips have to be measured before a selected pair is left for a faster one.
const ENOUGH_SAMPLES: u32 = 3;
/// What is faster by less is not really faster.
const MIN_GAIN: Duration = Duration::from_millis(10);
/// So many more of a thousand requests are lost on a path that is left for its loss.
const LOSSIER: u32 = 250;
/// And so many at least.
const MIN_LOST: u32 = 5;
/// After so many unanswered requests in a row a path is silent.
const SILENT: u32 = 3;
/// So many answers in a row tell that a more direct path, which has lost requests before, may be gone to.
const RECOVERED: u32 = 4;
/// Fewer lost of a thousand than by this more is as good for a more direct path.
const NEARLY_AS_GOOD: u32 = LOSSIER / 2;
/// Evidence that is older says nothing of now: warm pairs are checked every 6 s at the latest.
const FRESH: Duration = Duration::from_secs(15);

fn is_broken(quality: &Quality) -> bool {
    quality.asked >= ENOUGH_ASKED && quality.loss() >= Some(500)
}

/// What one pair has over another of higher priority, or over the selected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advantage {
    Class,
    Speed { round_trip: Duration, before: Duration },
    Loss { lost: u32, before: u32 },
    Answers { unanswered: u32 },
}

impl Advantage {
    pub(crate) const fn over(self, than: floe_core::PairId) -> Why {
        match self {
            Self::Class => Why::MoreDirect { than },
            Self::Speed { round_trip, before } => Why::Faster { than, round_trip, before },
            Self::Loss { lost, before } => Why::LessLoss { than, lost, before },
            Self::Answers { unanswered } => Why::OtherSilent { silent: than, unanswered },
        }
    }
}

/// The best of these pairs, which come by priority. Of one class a pair of lower priority wins only where it is really
/// better.
pub(crate) fn best(valid: &[ValidPair]) -> Option<&ValidPair> {
    valid.iter().reduce(|best, pair| if advantage(pair, best).is_some() { pair } else { best })
}

/// What a pair has over one of higher priority.
pub(crate) fn advantage(pair: &ValidPair, other: &ValidPair) -> Option<Advantage> {
    let (mine, theirs) = (Class::now(pair), Class::now(other));
    if mine != theirs {
        let broken = theirs == Class::Broken;
        return (mine > theirs).then(|| if broken { loss(pair, other) } else { Advantage::Class });
    }
    let times = round_trip(pair).zip(round_trip(other));
    times
        .and_then(|times| faster(times, Duration::ZERO))
        .filter(|_| !is_lossier(pair, other))
        .or_else(|| (is_lossier(other, pair) && pair.quality.asked > 0).then(|| loss(pair, other)))
}

/// What a pair has over the selected one that makes it worth a move, from evidence of several samples.
pub(crate) fn gain(now: Instant, pair: &ValidPair, held: &ValidPair) -> Option<Advantage> {
    if !is_alive(now, pair) {
        return None;
    }
    if held.quality.silence >= SILENT {
        return Some(Advantage::Answers { unanswered: held.quality.silence });
    }
    let (mine, theirs) = (Class::now(pair), Class::now(held));
    if mine != theirs {
        return advantage(pair, held).filter(|_| has_recovered(pair, held) || theirs == Class::Broken);
    }
    let lossier = is_lossier(held, pair) && pair.quality.asked >= ENOUGH_ASKED;
    // One that was left for its loss looks nearly good by chance now and then.
    let faster = if pair.quality.lost() == 0 { speed_gain(pair, held) } else { None };
    faster.or_else(|| lossier.then(|| loss(pair, held)))
}

/// Whether a path works now, as far as anybody can tell: its latest request was answered, not long ago.
fn is_alive(now: Instant, pair: &ValidPair) -> bool {
    let Quality { silence, latest, .. } = pair.quality;
    silence == 0 && latest.is_some_and(|at| now.saturating_duration_since(at) < FRESH)
}

/// Whether a more direct path may be gone to in spite of what it lost. In a network where all paths lose some, one that
/// lost a few requests early is as good as any; one that goes on losing many seldom comes past both conditions.
fn has_recovered(pair: &ValidPair, held: &ValidPair) -> bool {
    let recovered = pair.quality.streak >= RECOVERED && excess_loss(pair, held) < NEARLY_AS_GOOD;
    pair.quality.lost() == 0 || recovered
}

/// Three round trips of the selected pair in a row have to be longer, and the difference must be no chance.
fn speed_gain(pair: &ValidPair, held: &ValidPair) -> Option<Advantage> {
    if pair.quality.samples.min(held.quality.samples) < ENOUGH_SAMPLES {
        return None;
    }
    let mine = pair.quality.round_trip?;
    let spread = pair.quality.variation.saturating_mul(2);
    faster((mine, held.quality.shortest?), spread)?;
    faster((mine, held.quality.round_trip?), spread)
}

/// Really faster: by a fifth, by 10 ms, and by this.
fn faster((mine, theirs): (Duration, Duration), least: Duration) -> Option<Advantage> {
    let gain = theirs.checked_sub(mine)?;
    let really = gain >= MIN_GAIN.max(theirs / 5).max(least);
    really.then_some(Advantage::Speed { round_trip: mine, before: theirs })
}

fn round_trip(pair: &ValidPair) -> Option<Duration> {
    pair.quality.round_trip.or(pair.rtt)
}

/// Whether a pair measurably loses more than another.
fn is_lossier(pair: &ValidPair, than: &ValidPair) -> bool {
    let measured = pair.quality.asked >= ENOUGH_ASKED && pair.quality.lost() >= MIN_LOST;
    measured && excess_loss(pair, than) >= LOSSIER
}

/// By how many more of a thousand requests that one pair loses than another.
fn excess_loss(pair: &ValidPair, than: &ValidPair) -> u32 {
    loss_of(pair).saturating_sub(loss_of(than))
}

/// How many of a thousand requests it has lost.
fn loss_of(pair: &ValidPair) -> u32 {
    pair.quality.loss().unwrap_or_default()
}

fn loss(pair: &ValidPair, other: &ValidPair) -> Advantage {
    Advantage::Loss { lost: loss_of(pair), before: loss_of(other) }
}

/// What contenders are compared by: nothing is measured of them yet.
pub(crate) const fn rank_of_contender(contender: &Contender) -> (Class, PairPriority) {
    (Class::of(contender.kinds), contender.priority)
}

pub(crate) fn rank(pair: &ValidPair) -> (Class, PairPriority) {
    // What a contender makes valid may be a pair of lower priority than itself: so it is with the pair that was checked.
    (Class::now(pair), pair.priority.max(pair.checked_priority))
}

#[cfg(test)]
mod tests;
