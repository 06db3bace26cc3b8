//! Policies: when to nominate, and which pair (RFC 8445 8.1.1 leaves both open).

use std::{
    fmt,
    time::{Duration, Instant},
};

use floe_core::{Contender, Outlook, PairId, ValidPair};

/// What a policy wants for a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Nominate this pair: one of the valid pairs it was shown, by [`ValidPair::id`].
    Nominate(PairId),
    /// Ask again at this time at the latest, or as soon as something changes. A time that is not after `now` counts
    /// as [`Wait`](Self::Wait), since asking again at once would bring nothing new.
    WaitUntil(Instant),
    /// Ask again when something changes.
    Wait,
}

/// Decides on the controlling side which valid pair of a component is nominated, and when.
///
/// It is asked whenever something changed for a component that has a valid pair and no nomination yet, and when the
/// time it named has come. One policy serves all components of a session: `valid` says which one is asked about. After
/// a nomination failed it is asked again, without the pair that failed. Once one succeeded it is never asked again.
///
/// What it answers is taken at once, so it must come to a decision in the end: every agent has to nominate some pair.
///
/// # Examples
/// A policy of an embedder: the fastest pair rather than the one of highest priority, after a short look around.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use floe_core::{Outlook, Role, ValidPair};
/// use floe_nominate::{Choice, Nominator, Policy};
///
/// /// Looks on for this long after the first pair became valid.
/// #[derive(Debug)]
/// struct Fastest(Duration);
///
/// impl Policy for Fastest {
///     fn choose(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
///         let fastest = valid.iter().min_by_key(|pair| pair.rtt.unwrap_or(Duration::MAX));
///         let first = valid.iter().map(|pair| pair.since).min();
///         let (Some(fastest), Some(first)) = (fastest, first) else { return Choice::Wait };
///         let end = first + self.0;
///         if now < end && !outlook.contenders.is_empty() {
///             return Choice::WaitUntil(end);
///         }
///         Choice::Nominate(fastest.id)
///     }
/// }
///
/// let policy: Box<dyn Policy> = Box::new(Fastest(Duration::from_millis(300)));
/// let nominator = Nominator::new(Role::Controlling, policy);
/// # let _ = nominator;
/// ```
pub trait Policy: fmt::Debug + Send {
    /// Chooses for one component.
    ///
    /// `valid` holds at least one pair, best first by priority; `outlook` tells what may still become valid.
    fn choose(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice;
}

/// The policies that come with floe.
///
/// None of them waits for candidates that are still to come: a policy of your own may, by
/// [`Outlook::local_gathering`] and [`Outlook::remote_gathering`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Nomination {
    /// Nominates the best valid pair once no pair of higher priority is left to be checked. That takes as long as the
    /// checks of dead pairs take to time out: 39.5 s and more where a better pair never answers.
    Regular,
    /// Nominates the best valid pair as soon as nothing still possible can beat it. A pair of higher priority is
    /// possible until its check has had its turn and two round trips to answer; the measure is the largest round trip
    /// seen on the component, never a fixed time. Default.
    #[default]
    Eager,
    /// Every check nominates, and the best pair that answered is selected: RFC 5245's way, for peers that know no
    /// other. RFC 8445 forbids it to agents that offer the option `ice2`. The connectivity checks have to be told to
    /// send USE-CANDIDATE always; what is left to do here is to nominate pairs that became valid before, in the other
    /// role.
    Aggressive,
}

impl Nomination {
    /// The policy.
    #[must_use]
    pub fn policy(self) -> Box<dyn Policy> {
        match self {
            Self::Regular => Box::new(Regular),
            Self::Eager => Box::new(Eager),
            Self::Aggressive => Box::new(Aggressive),
        }
    }
}

impl From<Nomination> for Box<dyn Policy> {
    fn from(nomination: Nomination) -> Self {
        nomination.policy()
    }
}

#[derive(Debug)]
struct Regular;

impl Policy for Regular {
    fn choose(&mut self, _now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
        match valid.first() {
            Some(best) if better(outlook, best).next().is_none() => Choice::Nominate(best.id),
            _ => Choice::Wait,
        }
    }
}

#[derive(Debug)]
struct Eager;

impl Policy for Eager {
    fn choose(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
        let Some(best) = valid.first() else { return Choice::Wait };
        let round_trip = round_trip(valid, outlook);
        let ends = better(outlook, best).map(|contender| end_of_wait(contender, round_trip));
        match ends.max() {
            Some(end) if end > now => Choice::WaitUntil(end),
            _ => Choice::Nominate(best.id),
        }
    }
}

#[derive(Debug)]
struct Aggressive;

impl Policy for Aggressive {
    fn choose(&mut self, _now: Instant, valid: &[ValidPair], _outlook: &Outlook) -> Choice {
        valid.first().map_or(Choice::Wait, |best| Choice::Nominate(best.id))
    }
}

/// The pairs that would beat this one, best first.
pub(crate) fn better<'a>(outlook: &'a Outlook, pair: &ValidPair) -> impl Iterator<Item = &'a Contender> {
    let priority = pair.priority;
    outlook.contenders.iter().filter(move |contender| contender.priority > priority)
}

/// The round trip that waits are measured by. A valid pair was answered, so some measure there always is but where an
/// embedder's checks give none; then nobody is waited for once his turn has come.
pub(crate) fn round_trip(valid: &[ValidPair], outlook: &Outlook) -> Duration {
    let of_pairs = valid.iter().filter_map(|pair| pair.rtt).max();
    outlook.round_trip.or(of_pairs).unwrap_or_default()
}

/// Until when a contender may still answer: its turn, and two round trips.
pub(crate) fn end_of_wait(contender: &Contender, round_trip: Duration) -> Instant {
    contender.turn.at() + round_trip.saturating_mul(2)
}
