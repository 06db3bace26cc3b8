//! One component: what is known of it, and how a review moves it on.

use std::{borrow::Cow, time::Instant};

use floe_core::{Outlook, PairId, Role, ValidPair};

use crate::{
    Choice, Policy, Why,
    moves::Moves,
    phase::{Intent, Phase, Step},
    policy, score,
};

#[derive(Debug)]
pub(crate) struct Component {
    phase: Phase,
    /// Nominations that failed.
    refused: Vec<Intent>,
    moves: Moves,
}

/// What a review came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Nominate { pair: PairId, check: PairId, why: Why },
    Select { pair: PairId, why: Why },
}

impl Component {
    pub(crate) fn new(role: Role) -> Self {
        Self { phase: Phase::at_start(role), refused: Vec::new(), moves: Moves::default() }
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
            Phase::Selected(pair, _) | Phase::Moving(pair, _) => Some(pair),
            _ => None,
        }
    }

    pub(crate) const fn is_nominating(&self) -> bool {
        self.intent().is_some()
    }

    const fn intent(&self) -> Option<Intent> {
        match self.phase {
            Phase::Nominating(intent) | Phase::Moving(_, intent) => Some(intent),
            _ => None,
        }
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Deciding(until) | Phase::Selected(_, until) => until,
            _ => None,
        }
    }

    /// The time the policy named has come.
    pub(crate) const fn wake(&mut self) {
        self.step(Step::Wait(None));
    }

    /// The nominating check of this pair failed. Says whether that changed anything.
    pub(crate) fn refuse(&mut self, check: PairId) -> bool {
        let Some(intent) = self.intent() else { return false };
        if intent.check != check {
            return false;
        }
        self.refused.push(intent);
        self.step(Step::Refuse);
        true
    }

    pub(crate) fn review(
        &mut self,
        now: Instant,
        role: Role,
        policy: &mut dyn Policy,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) -> Option<Verdict> {
        self.refused.retain(|refused| valid.iter().any(|pair| refused.would_repeat(pair)));
        if let Some((pair, why)) = self.to_select(role, valid, outlook) {
            return Some(self.select(now, pair, why));
        }
        if let Some(intent) = self.intent()
            && !valid.iter().any(|pair| intent.is_of(pair))
        {
            self.step(Step::Refuse);
        }
        match self.phase {
            Phase::Deciding(_) => self.decide(now, policy, valid, outlook),
            Phase::Selected(held, _) if role == Role::Controlling && outlook.renomination => {
                self.reconsider(now, held, policy, valid, outlook)
            }
            _ => None,
        }
    }

    const fn select(&mut self, now: Instant, pair: PairId, why: Why) -> Verdict {
        if let Phase::Moving(..) = self.phase {
            self.moves.end(now);
        }
        self.step(Step::Select(pair));
        Verdict::Select { pair, why }
    }

    /// The nominated pair that is to be selected now, if it is another than before (RFC 8445 8.1.1). Where only the
    /// latest nomination counts no other pair is shown as nominated.
    fn to_select(&self, role: Role, valid: &[ValidPair], outlook: &Outlook) -> Option<(PairId, Why)> {
        let best = best_nominated(valid)?;
        let why = match self.phase {
            Phase::Following => Why::PeerNominated,
            Phase::Nominating(intent) | Phase::Moving(_, intent) if intent.pair == best.id => intent.why,
            Phase::Deciding(_) | Phase::Nominating(_) => Why::AlreadyNominated,
            Phase::Selected(held, _) | Phase::Moving(held, _) if held == best.id => return None,
            Phase::Selected(held, _) | Phase::Moving(held, _) => {
                match valid.iter().find(|pair| pair.id == held) {
                    None if role == Role::Controlling || !outlook.renomination => {
                        Why::SelectedLost { lost: held }
                    }
                    _ if outlook.renomination => match role {
                        Role::Controlling => Why::AlreadyNominated,
                        Role::Controlled => Why::PeerMoved { from: held },
                    },
                    // A later nomination has taken the place of its own.
                    Some(held) if role == Role::Controlled && !held.nominated => {
                        Why::PeerMoved { from: held.id }
                    }
                    Some(held) if best.priority > held.priority => Why::BetterNominated { than: held.id },
                    _ => return None,
                }
            }
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
        let chosen = self.chosen(now, choice, &open)?;
        let why = match self.phase {
            Phase::Selected(lost, _) => Why::Replaces { lost },
            _ => why_chosen(now, chosen, &open, outlook),
        };
        Some(self.nominate(chosen, why))
    }

    /// The pair that the policy wants; where it wants to wait, it is asked again when it says.
    fn chosen<'a>(&mut self, now: Instant, choice: Choice, open: &'a [ValidPair]) -> Option<&'a ValidPair> {
        let until = match choice {
            Choice::Nominate(id) => {
                let chosen = open.iter().find(|pair| pair.id == id);
                if chosen.is_some() {
                    return chosen;
                }
                tracing::warn!(pair = %id, "the policy chose a pair that is not valid: it is asked again later");
                None
            }
            Choice::WaitUntil(at) => Some(at).filter(|at| *at > now),
            Choice::Wait => None,
        };
        self.step(Step::Wait(until));
        None
    }

    /// Renomination: whether another pair takes the place of the selected one. Off a pair that was lost it moves at once,
    /// otherwise no more often than [`Moves`] lets it.
    fn reconsider(
        &mut self,
        now: Instant,
        held: PairId,
        policy: &mut dyn Policy,
        valid: &[ValidPair],
        outlook: &Outlook,
    ) -> Option<Verdict> {
        let Some(held) = valid.iter().find(|pair| pair.id == held) else {
            let verdict = self.decide(now, policy, valid, outlook)?;
            self.moves.begin(now);
            return Some(verdict);
        };
        let open = self.without_refused(valid);
        let choice = policy.reconsider(now, held, &open, outlook);
        let chosen = self.chosen(now, choice, &open).filter(|chosen| chosen.id != held.id)?;
        if let Some(next) = self.moves.next().filter(|next| *next > now) {
            self.step(Step::Wait(Some(next)));
            return None;
        }
        self.moves.begin(now);
        let gain = score::gain(now, chosen, held);
        Some(self.nominate(chosen, gain.map_or(Why::Policy, |gain| gain.over(held.id))))
    }

    fn without_refused<'a>(&self, valid: &'a [ValidPair]) -> Cow<'a, [ValidPair]> {
        if self.refused.is_empty() {
            return Cow::Borrowed(valid);
        }
        let open = |pair: &&ValidPair| !self.refused.iter().any(|refused| refused.would_repeat(pair));
        Cow::Owned(valid.iter().filter(open).cloned().collect())
    }

    const fn nominate(&mut self, pair: &ValidPair, why: Why) -> Verdict {
        let intent = Intent { pair: pair.id, since: pair.since, check: pair.checked, why };
        self.step(Step::Nominate(intent));
        Verdict::Nominate { pair: pair.id, check: pair.checked, why }
    }
}

fn best_nominated(valid: &[ValidPair]) -> Option<&ValidPair> {
    let nominated = valid.iter().filter(|pair| pair.nominated);
    nominated.max_by_key(|pair| (pair.priority, std::cmp::Reverse(pair.id)))
}

/// The reason that speaks for a choice, read from the evidence it was made on.
fn why_chosen(now: Instant, chosen: &ValidPair, valid: &[ValidPair], outlook: &Outlook) -> Why {
    if let Some(higher) = valid.iter().find(|pair| pair.priority > chosen.priority) {
        let advantage = score::advantage(chosen, higher);
        return advantage.map_or(Why::Policy, |advantage| advantage.over(higher.id));
    }
    let round_trip = policy::round_trip(valid, outlook);
    let over = policy::worth_waiting_for(outlook, chosen)
        .all(|contender| policy::end_of_wait(contender, round_trip) <= now);
    let gathering = policy::end_of_gathering(chosen, outlook, round_trip);
    match policy::worth_waiting_for(outlook, chosen).next() {
        None if gathering.is_some_and(|end| end <= now) => Why::NoneCame { round_trip },
        None => Why::NothingBetter,
        Some(contender) if over => Why::WaitEnded { contender: contender.pair, round_trip },
        Some(_) => Why::Policy,
    }
}
