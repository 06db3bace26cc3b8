//! One component: what is known of it, and how a review moves it on.

use std::{borrow::Cow, time::Instant};

use floe_core::{Outlook, PairId, Role, ValidPair};

use crate::{
    Choice, Policy, Why,
    phase::{Intent, Phase, Step},
    policy,
};

#[derive(Debug)]
pub(crate) struct Component {
    phase: Phase,
    /// Nominations that failed: the pair, and since when it was valid.
    refused: Vec<(PairId, Instant)>,
}

/// What a review came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Nominate { pair: PairId, check: PairId, why: Why },
    Select { pair: PairId, why: Why },
}

impl Component {
    pub(crate) const fn new(role: Role) -> Self {
        Self { phase: Phase::at_start(role), refused: Vec::new() }
    }

    pub(crate) const fn take(&mut self, role: Role) {
        self.step(match role {
            Role::Controlling => Step::Control,
            Role::Controlled => Step::Follow,
        });
    }

    const fn step(&mut self, step: Step) {
        self.phase = self.phase.after(step);
    }

    pub(crate) const fn selected(&self) -> Option<PairId> {
        match self.phase {
            Phase::Selected(pair) => Some(pair),
            _ => None,
        }
    }

    pub(crate) const fn is_nominating(&self) -> bool {
        matches!(self.phase, Phase::Nominating(_))
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Deciding(until) => until,
            _ => None,
        }
    }

    /// The time the policy named has come.
    pub(crate) const fn wake(&mut self) {
        self.step(Step::Wait(None));
    }

    /// The nominating check of this pair failed. Says whether that changed anything.
    pub(crate) fn refuse(&mut self, pair: PairId) -> bool {
        let Phase::Nominating(intent) = self.phase else { return false };
        if intent.pair != pair {
            return false;
        }
        self.refused.push((intent.pair, intent.since));
        self.step(Step::Refuse);
        true
    }

    pub(crate) fn review(
        &mut self,
        now: Instant,
        policy: &mut dyn Policy,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) -> Option<Verdict> {
        self.refused.retain(|&refused| valid.iter().any(|pair| is(pair, refused)));
        if let Some((pair, why)) = self.to_select(valid) {
            self.step(Step::Select(pair));
            return Some(Verdict::Select { pair, why });
        }
        if let Phase::Nominating(intent) = self.phase
            && !valid.iter().any(|pair| is(pair, (intent.pair, intent.since)))
        {
            self.step(Step::Refuse);
        }
        match self.phase {
            Phase::Deciding(_) => self.decide(now, policy, valid, outlook),
            _ => None,
        }
    }

    /// The nominated pair that is to be selected now, if it is another than before (RFC 8445 8.1.1).
    fn to_select(&self, valid: &[ValidPair]) -> Option<(PairId, Why)> {
        let best = best_nominated(valid)?;
        let why = match self.phase {
            Phase::Following => Why::PeerNominated,
            Phase::Nominating(intent) if intent.pair == best.id => intent.why,
            Phase::Deciding(_) | Phase::Nominating(_) => Why::AlreadyNominated,
            Phase::Selected(held) => match valid.iter().find(|pair| pair.id == held) {
                Some(held) if best.priority > held.priority => Why::BetterNominated { than: held.id },
                Some(_) => return None,
                None => Why::SelectedLost { lost: held },
            },
        };
        Some((best.id, why))
    }

    fn decide(
        &mut self,
        now: Instant,
        policy: &mut dyn Policy,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) -> Option<Verdict> {
        let open = self.without_refused(valid);
        // Nothing to choose from: whatever deadline there was is void.
        let choice = if open.is_empty() { Choice::Wait } else { policy.choose(now, &open, outlook) };
        let until = match choice {
            Choice::Nominate(id) => match open.iter().find(|pair| pair.id == id) {
                Some(pair) => return Some(self.nominate(now, pair, &open, outlook)),
                None => {
                    tracing::warn!(pair = %id, "the policy chose a pair that is not valid: it is asked again later");
                    None
                }
            },
            Choice::WaitUntil(at) => Some(at).filter(|at| *at > now),
            Choice::Wait => None,
        };
        self.step(Step::Wait(until));
        None
    }

    fn without_refused<'a>(&self, valid: &'a [ValidPair]) -> Cow<'a, [ValidPair]> {
        if self.refused.is_empty() {
            return Cow::Borrowed(valid);
        }
        let open = |pair: &&ValidPair| !self.refused.iter().any(|&refused| is(pair, refused));
        Cow::Owned(valid.iter().filter(open).cloned().collect())
    }

    fn nominate(
        &mut self,
        now: Instant,
        pair: &ValidPair,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) -> Verdict {
        let why = why_chosen(now, pair, valid, outlook);
        self.step(Step::Nominate(Intent { pair: pair.id, since: pair.since, why }));
        Verdict::Nominate { pair: pair.id, check: pair.checked, why }
    }
}

fn is(pair: &ValidPair, (id, since): (PairId, Instant)) -> bool {
    pair.id == id && pair.since == since
}

fn best_nominated(valid: &[ValidPair]) -> Option<&ValidPair> {
    let nominated = valid.iter().filter(|pair| pair.nominated);
    nominated.max_by_key(|pair| (pair.priority, std::cmp::Reverse(pair.id)))
}

/// The reason that speaks for a choice, read from the evidence it was made on.
fn why_chosen(now: Instant, chosen: &ValidPair, valid: &[ValidPair], outlook: &Outlook) -> Why {
    if valid.iter().any(|pair| pair.priority > chosen.priority) {
        return Why::Policy;
    }
    let round_trip = policy::round_trip(valid, outlook);
    let over =
        policy::better(outlook, chosen).all(|contender| policy::end_of_wait(contender, round_trip) <= now);
    match policy::better(outlook, chosen).next() {
        None => Why::NothingBetter,
        Some(contender) if over => Why::WaitEnded { contender: contender.pair, round_trip },
        Some(_) => Why::Policy,
    }
}
