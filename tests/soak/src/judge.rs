//! The rules, and whether a call has kept them.

use std::{fmt, time::Duration};

use floe_session::{IceState, ListFailReason, Reason};
use floe_sim::PathClass;

use crate::{Call, wire};

/// The pace of the agents (RFC 8445 14.2).
const TA: Duration = Duration::from_millis(50);
/// From when all was told a list may take so long to fail: patience, or a check that began at the end of it, and the
/// slots of a full list before that (RFC 8863 4, RFC 8489 6.2.1).
const FAILURE: Duration = Duration::from_millis(39_500 + 39_500 + 100 * 50);
/// How many datagrams both agents together may send within a call.
const DATAGRAMS: usize = 6_000;

/// What a call came to that kept all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The class of the path; `None` where there is none.
    pub class: Option<PathClass>,
    /// How many datagrams both agents sent.
    pub datagrams: usize,
    /// When both sides had a valid pair.
    pub connected: Option<Duration>,
    /// When both sides had selected a pair, the first time.
    pub selected: Option<Duration>,
    /// How often the controlling side moved its selection.
    pub moves: usize,
    /// How long they were away from the best class in the end, which they had left or avoided because it lost what was sent,
    /// until they came to stay.
    pub away: Duration,
    /// When both sides had failed.
    pub failed: Option<Duration>,
}

/// A rule that was broken, and where.
#[derive(Debug)]
#[non_exhaustive]
pub struct Broken {
    /// The rule, and how it was broken.
    pub rule: String,
    /// The world, in words.
    pub world: String,
    /// How the sides ended, in words.
    pub ends: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.rule)?;
        write!(f, "{}{}", self.world, self.ends)
    }
}

impl std::error::Error for Broken {}

/// Holds a call against the rules.
///
/// # Errors
/// The first rule that it broke.
pub fn judge(call: &Call) -> Result<Outcome, Box<Broken>> {
    let datagrams = wire::count(call.simulation.network(), call.hosts);
    check(call, datagrams).map_err(|rule| {
        let mut ends =
            format!("  the oracle: {:?}; {datagrams} datagrams; all told at {:?}\n", call.best, call.told);
        for (name, end) in ["a", "b"].iter().zip(&call.ends) {
            ends += &format!("  {name}: {end:?}\n");
        }
        Box::new(Broken { rule, world: call.world.to_string(), ends })
    })?;
    let both = |of: fn(&crate::Ending) -> Option<Duration>| {
        let [a, b] = &call.ends;
        Some(of(a)?.max(of(b)?))
    };
    Ok(Outcome {
        class: call.best.and_then(|_| class(call)),
        away: call.away,
        datagrams,
        connected: both(|end| end.connected),
        selected: both(|end| end.selected.first().copied()),
        moves: call.ends[0].selected.len().saturating_sub(1),
        failed: both(|end| end.failed),
    })
}

fn check(call: &Call, datagrams: usize) -> Result<(), String> {
    match call.best {
        Some(best) => {
            check_agreement(call)?;
            check_class(call, best)?;
        }
        None => check_failure(call)?,
    }
    if datagrams > DATAGRAMS {
        return Err(format!("{datagrams} datagrams are more than {DATAGRAMS}"));
    }
    for host in call.hosts {
        if let Some(close) = wire::too_close(call.simulation.network(), host, TA) {
            let [first, second] = close.map(|at| at - call.start);
            return Err(format!(
                "new transactions of {host} at {first:?} and {second:?}: less than Ta apart"
            ));
        }
    }
    Ok(())
}

fn check_agreement(call: &Call) -> Result<(), String> {
    for (name, end) in ["a", "b"].iter().zip(&call.ends) {
        if end.state != IceState::Completed {
            return Err(format!("there is a path, and {name} is {}", end.state));
        }
    }
    let [a, b] = &call.ends;
    let mirrored = b.pair.map(|[local, remote]| [remote, local]);
    if a.pair != mirrored {
        return Err(format!("they end on different pairs: {:?} and {:?}", a.pair, b.pair));
    }
    Ok(())
}

/// The path is of the best class that there is.
fn check_class(call: &Call, best: PathClass) -> Result<(), String> {
    match class(call) {
        Some(class) if class == best && call.stayed => Ok(()),
        Some(class) if class == best => {
            Err(format!("they left or avoided {best:?} for its loss, and do not stay there"))
        }
        class => Err(format!("the best path is {best:?}, and they ended on {class:?}")),
    }
}

/// The class of the path that they ended on.
fn class(call: &Call) -> Option<PathClass> {
    let [a, b] = call.ends.each_ref().map(|end| end.choices.last().map(|(class, _)| *class));
    // Each side sees its own half best: what one takes for a reflexive address the other knows to be a relay.
    a.min(b)
}

fn check_failure(call: &Call) -> Result<(), String> {
    for (name, end) in ["a", "b"].iter().zip(&call.ends) {
        if end.state != IceState::Failed {
            return Err(format!("there is no path, and {name} is {}", end.state));
        }
        if !is_true(end) {
            return Err(format!("{name} failed, and the reason is not true: {:?}", end.reason));
        }
        let bound = call.told + FAILURE;
        if end.failed.is_none_or(|at| at > bound) {
            return Err(format!("{name} failed at {:?}, after {bound:?}", end.failed));
        }
    }
    Ok(())
}

/// Whether the reason of a failure is what happened: there was nothing to check, or no check was answered as it should be.
fn is_true(end: &crate::Ending) -> bool {
    match &end.reason {
        Some(Reason::ListFailed { why: ListFailReason::NoPairs(_), .. }) => !end.checked,
        Some(Reason::ListFailed { why: ListFailReason::AllFailed { pairs, .. }, .. }) => {
            end.checked && *pairs > 0
        }
        _ => false,
    }
}
