//! Policies: when to nominate, and which pair (RFC 8445 8.1.1 leaves both open).

use std::{
    fmt,
    time::{Duration, Instant},
};

use floe_core::{Contender, Outlook, PairId, ValidPair};

use crate::score::{self, Class};

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
/// a nomination failed it is asked again, without the pair that failed. Once one succeeded it is asked only where both
/// sides have agreed on renomination ([`Outlook::renomination`]): whether to [move](Self::reconsider), and for another
/// pair when the selected one was lost.
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

    /// Whether another pair is to take the place of the selected one, `held`, which is among the valid ones. Asked where
    /// renomination is agreed on, whenever something changed or was measured. Anything but another valid pair means to
    /// stay, and that is the default.
    ///
    /// However it answers, a selection moves only so often: after the first move the next ones are 10, 20, 40, 80 and then
    /// 160 s apart, until five minutes have passed without one.
    fn reconsider(
        &mut self,
        now: Instant,
        held: &ValidPair,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) -> Choice {
        let _ = (now, held, valid, outlook);
        Choice::Wait
    }
}

/// The policies that come with floe.
///
/// Where renomination is agreed on, [`Regular`](Self::Regular) and [`Eager`](Self::Eager) move a selection to another
/// pair that is really better: one whose path is more direct, or as direct and faster in every one of three round trips,
/// by a fifth and by 10 ms, or that loses far less; or to any that answers where the selected one has fallen silent.
/// Moves are spaced, those off a silent pair as well: only a pair that has failed is left at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Nomination {
    /// Nominates the best valid pair once no pair of higher priority is left to be checked. That takes as long as the
    /// checks of dead pairs take to time out: 39.5 s and more where a better pair never answers.
    Regular,
    /// Nominates the best valid pair as soon as nothing still possible can beat it. Default.
    ///
    /// Better is what is more direct: a pair of host candidates before one through a NAT, and that before a relayed one. Of
    /// equally direct pairs the one of higher priority is better, unless the other one is really faster (by a fifth, and by
    /// 10 ms) or it is measurably lossy. A pair that loses every second request is the last choice.
    ///
    /// A better pair is possible until its check has had its turn and two round trips to answer; the measure is
    /// [`Outlook::round_trip`](floe_core::Outlook::round_trip), never a fixed time. A relayed pair waits for no other that has as
    /// many relays on its way: what counts between them is their speed, and that is measured later. While only a relayed pair is valid,
    /// candidates that are still gathered or signalled are waited for as well, on either side (RFC 8863 4), for four
    /// round trips from when it became valid: two for a candidate to be asked for and to come, two for its check. A direct
    /// pair waits for none, and neither does one through a NAT: what could still come is seldom better, and would be moved
    /// to.
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

    fn reconsider(
        &mut self,
        now: Instant,
        held: &ValidPair,
        valid: &[ValidPair],
        _outlook: &Outlook,
    ) -> Choice {
        move_to_better(now, held, valid)
    }
}

#[derive(Debug)]
struct Eager;

impl Policy for Eager {
    fn choose(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
        let Some(best) = score::best(valid) else { return Choice::Wait };
        let round_trip = round_trip(valid, outlook);
        let ends = worth_waiting_for(outlook, best).map(|contender| end_of_wait(contender, round_trip));
        match ends.chain(end_of_gathering(best, outlook, round_trip)).max() {
            Some(end) if end > now => Choice::WaitUntil(end),
            _ => Choice::Nominate(best.id),
        }
    }

    fn reconsider(
        &mut self,
        now: Instant,
        held: &ValidPair,
        valid: &[ValidPair],
        _outlook: &Outlook,
    ) -> Choice {
        move_to_better(now, held, valid)
    }
}

/// The best of the pairs that are worth a move.
fn move_to_better(now: Instant, held: &ValidPair, valid: &[ValidPair]) -> Choice {
    let others: Vec<_> = valid
        .iter()
        .filter(|pair| pair.id != held.id && score::gain(now, pair, held).is_some())
        .cloned()
        .collect();
    score::best(&others).map_or(Choice::Wait, |best| Choice::Nominate(best.id))
}

#[derive(Debug)]
struct Aggressive;

impl Policy for Aggressive {
    fn choose(&mut self, _now: Instant, valid: &[ValidPair], _outlook: &Outlook) -> Choice {
        valid.first().map_or(Choice::Wait, |best| Choice::Nominate(best.id))
    }
}

/// The pairs that would beat this one, by class and priority.
pub(crate) fn better<'a>(outlook: &'a Outlook, pair: &ValidPair) -> impl Iterator<Item = &'a Contender> {
    let rank = score::rank(pair);
    outlook.contenders.iter().filter(move |contender| score::rank_of_contender(contender) > rank)
}

/// Those of them that are worth waiting for. Of two relayed pairs with as many relays on the way neither is more direct, and
/// which of the relays is nearer nobody knows before both are measured: then there may be a move to the faster one.
pub(crate) fn worth_waiting_for<'a>(
    outlook: &'a Outlook,
    pair: &ValidPair,
) -> impl Iterator<Item = &'a Contender> {
    let ((class, _), relays) = (score::rank(pair), score::relays(pair.kinds));
    better(outlook, pair).filter(move |contender| {
        class != Class::Relayed
            || Class::of(contender.kinds) != class
            || score::relays(contender.kinds) < relays
    })
}

/// Until when a candidate may still come that makes a better pair than this relayed one (RFC 8863 4).
pub(crate) fn end_of_gathering(pair: &ValidPair, outlook: &Outlook, round_trip: Duration) -> Option<Instant> {
    let gathering = outlook.local_gathering || outlook.remote_gathering;
    let relayed = Class::of(pair.kinds) == Class::Relayed;
    (gathering && relayed).then(|| pair.since + round_trip.saturating_mul(4))
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
