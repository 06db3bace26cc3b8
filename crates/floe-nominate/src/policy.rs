//! Policies: when the controlling side nominates which valid pair (RFC 8445 8.1.1).

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use floe_core::{Contender, Outlook, PairId, ValidPair};

use crate::Why;

/// What a policy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Nominate this valid pair.
    Nominate(PairId),
    /// Ask again at this time, or when something changes before.
    WaitUntil(Instant),
    /// Ask again when something changes.
    Wait,
}

/// Decides for the controlling side which valid pair is nominated, and when.
///
/// It is asked about one component at a time, with at least one valid pair, until its nomination is confirmed; and
/// again after one that failed. `valid` is sorted, best first.
pub trait Policy: Debug + Send {
    /// The choice for now. A pair that is not in `valid` counts as [`Choice::Wait`].
    fn choose(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice;

    /// Why the latest choice was made.
    fn why(&self) -> Why {
        Why::Policy
    }
}

/// The built-in policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nomination {
    /// Nominates the best valid pair once every better one has been checked to its end (RFC 8445 8.1.1).
    Regular,
    /// Nominates the best valid pair as soon as nothing still possible can beat it. A better pair stays possible until
    /// its check has had its turn and two round trips to answer, as measured on this component. The default.
    #[default]
    Eager,
    /// Every check nominates, and the best nominated pair is selected: the aggressive nomination of RFC 5245, for peers
    /// that know no other. RFC 8445 removed it; floe-check has to be told as well.
    Aggressive,
}

impl Nomination {
    /// The policy.
    #[must_use]
    pub fn policy(self) -> Box<dyn Policy> {
        match self {
            Self::Regular => Box::new(Regular),
            Self::Eager => Box::new(Eager { why: Why::Best }),
            Self::Aggressive => Box::new(Aggressive),
        }
    }
}

/// How many measured round trips a better pair is given to answer.
const ROUND_TRIPS: u32 = 2;

/// The contenders that would beat the best valid pair.
fn better<'a>(valid: &[ValidPair], outlook: &'a Outlook) -> impl Iterator<Item = &'a Contender> {
    let best = valid.first().map(|pair| pair.priority);
    outlook.contenders.iter().filter(move |contender| Some(contender.priority) > best)
}

#[derive(Debug)]
struct Regular;

impl Policy for Regular {
    fn choose(&mut self, _now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
        match valid.first() {
            Some(best) if better(valid, outlook).next().is_none() => Choice::Nominate(best.id),
            _ => Choice::Wait,
        }
    }

    fn why(&self) -> Why {
        Why::Best
    }
}

#[derive(Debug)]
struct Eager {
    why: Why,
}

impl Policy for Eager {
    fn choose(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
        let Some(best) = valid.first() else { return Choice::Wait };
        let round_trip = outlook.round_trip.unwrap_or(Duration::ZERO);
        let pairs = better(valid, outlook).count();
        let last =
            better(valid, outlook).map(|contender| contender.turn.at() + round_trip * ROUND_TRIPS).max();
        match last {
            Some(at) if at > now => Choice::WaitUntil(at),
            _ => {
                let silent = Why::BetterPairsSilent { pairs, round_trip };
                self.why = if pairs == 0 { Why::Best } else { silent };
                Choice::Nominate(best.id)
            }
        }
    }

    fn why(&self) -> Why {
        self.why
    }
}

/// Every check has nominated already.
#[derive(Debug)]
struct Aggressive;

impl Policy for Aggressive {
    fn choose(&mut self, _now: Instant, _valid: &[ValidPair], _outlook: &Outlook) -> Choice {
        Choice::Wait
    }
}
