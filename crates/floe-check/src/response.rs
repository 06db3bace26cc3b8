//! Answers to our checks (RFC 8445 7.2.5).

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, PairId, Role, TieBreaker, address};
use floe_stun::{
    Completed, IntegrityKind, Message,
    attribute::{AttributeType, ErrorCode},
    rules::{self, Answer, BadResponse, SentIntegrity},
};

use crate::{
    CheckSet, DropReason, Event, FailReason, Outcome,
    candidates::LocalId,
    counter,
    pair::{Membership, PairState, Validity},
    schedule::Check,
};

/// What an authentic answer means.
enum Verdict {
    Success(SocketAddr),
    RoleConflict,
    Failure(FailReason),
}

impl CheckSet {
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        base: BaseId,
        from: SocketAddr,
        message: &Message<'_>,
    ) -> Outcome {
        let id = message.transaction_id();
        let Some(check) = self.transactions.get(id).map(|open| open.key().clone()) else {
            let consent = self.handle_consent(now, base, from, message);
            return consent.unwrap_or(Outcome::Dropped(DropReason::UnknownTransaction));
        };
        let answer = match authentic(&check, message) {
            // RFC 8489 9.1.4: dropped, and the true answer still awaited.
            Err(bad) if !bad.ends_transaction(false) => {
                self.transactions.note_forged(id);
                return Outcome::Dropped(DropReason::Integrity);
            }
            answer => answer,
        };
        let Some(completed) = self.transactions.complete(id) else { return Outcome::Handled };
        let completed = completed.answering(counter::of(message));
        let symmetric = (base, from) == (check.base, check.to);
        self.note_heard(now, base, from);
        let mut current = false;
        if let Some(pair) = self.pairs.get_mut(check.pair) {
            current = pair.transaction.take_if(|open| *open == id).is_some();
            pair.counts.responses_received += 1;
            pair.heard |= symmetric;
            if let Some(rtt) = completed.rtt(now).filter(|_| symmetric) {
                pair.note_round_trip(rtt);
            }
        }
        // RFC 8445 7.2.5.2.1: an answer by another way proves nothing of this one. That the roles conflict it says all the
        // same (7.2.5.1): the peer has not followed the check up, and does so only once it comes again in the other role.
        let verdict = match judge(answer, message) {
            Verdict::RoleConflict => Verdict::RoleConflict,
            verdict if symmetric => verdict,
            _ => Verdict::Failure(FailReason::Asymmetric),
        };
        match verdict {
            Verdict::Success(mapped) => self.succeed(now, &check, mapped, &completed),
            Verdict::RoleConflict => self.repair_role(now, &check, current),
            // RFC 8445 7.3.1.4: a cancelled check may still succeed, and can no longer fail.
            Verdict::Failure(why) if current => self.fail(now, check.pair, why),
            Verdict::Failure(_) => {}
        }
        Outcome::Handled
    }

    /// RFC 8445 7.2.5.3, in its order.
    fn succeed(&mut self, now: Instant, check: &Check, mapped: SocketAddr, completed: &Completed<Check>) {
        let Some(pair) = self.pairs.get(check.pair) else { return };
        let (stream, component, retired) = (pair.ends.stream, pair.ends.component, pair.is_retired());
        let rtt = self.measure(now, check.pair, completed);
        if retired {
            return;
        }
        let Some(local) = self.mapped_local(check, mapped) else { return };
        let Some(valid) = self.valid_pair(check.pair, local) else { return };
        // The data of what it makes valid takes the path that was checked, whatever that of the other base is worth.
        if self.is_spent(check.pair) {
            return;
        }
        self.make_valid(now, check.pair, valid);
        self.try_again(check.pair);
        let nominated = self.update_nominated(check, valid);
        self.out.events.push_back(Event::Validated {
            stream,
            component,
            pair: valid,
            checked: check.pair,
            rtt,
        });
        if nominated {
            self.tell_nominated(valid);
        }
        self.update_list(now, stream);
    }

    /// Notes the round trip; the answer to a check that was resent tells none (Karn, RFC 8489 6.2.1), unless it says
    /// which of the sends it answers (RFC 7982).
    fn measure(&mut self, now: Instant, id: PairId, completed: &Completed<Check>) -> Option<Duration> {
        let rtt = completed.rtt(now);
        let pair = self.pairs.get_mut(id)?;
        if let Some(rtt) = rtt {
            pair.counts.current_round_trip = Some(rtt);
            pair.counts.total_round_trip += rtt;
        }
        let took = now.saturating_duration_since(completed.started);
        let (stream, component) = (pair.ends.stream, pair.ends.component);
        self.note_answered(now, id, rtt);
        let component = self.lists.get_mut(&stream)?.components.get_mut(&component)?;
        component.round_trip = component.round_trip.max(rtt);
        if rtt.is_none() {
            component.bound = Some(component.bound.map_or(took, |bound| bound.min(took)));
        }
        rtt
    }

    /// RFC 8445 7.2.5.3.1: the local candidate the peer saw, learnt where it is new.
    fn mapped_local(&mut self, check: &Check, mapped: SocketAddr) -> Option<LocalId> {
        if let Some(known) = self.locals.find(check.base, mapped) {
            return Some(known);
        }
        let stream = self.locals.base(check.base)?.stream;
        if self.locals.count_peer_reflexive(stream) >= self.config.max_peer_reflexive {
            self.out.counters.peer_reflexive_over_cap += 1;
            // The path works whatever it looks like from there: it stands for itself.
            return self.locals.base(check.base).map(|base| base.local);
        }
        let local = self.locals.learn(check.base, mapped, check.priority)?;
        let candidate = self.locals.get(local)?.candidate().clone();
        self.out.events.push_back(Event::PeerReflexive { stream, candidate, local: true });
        Some(local)
    }

    /// RFC 8445 7.2.5.3.2: the checked pair itself, another one that is known, or a new one.
    fn valid_pair(&mut self, checked: PairId, local: LocalId) -> Option<PairId> {
        let ends = self.pairs.get(checked)?.ends.clone();
        if ends.local == local {
            return Some(checked);
        }
        if let Some(known) = self.pairs.with_ends(local, ends.remote) {
            // The checked pair counts again after it was retired, and so does what it makes valid. Where there is no room
            // for that the path works all the same: it stands for itself.
            let valid = if self.revive(known).is_some() { known } else { checked };
            return Some(valid);
        }
        let valid = self.ends(local, ends.remote)?;
        self.insert_pair(valid, Membership::ValidOnly, PairState::Succeeded)
    }

    /// RFC 8445 7.2.5.3.3.
    pub(crate) fn make_valid(&mut self, now: Instant, checked: PairId, valid: PairId) {
        for id in [checked, valid] {
            self.settle(id);
            self.pairs.set_state(id, PairState::Succeeded);
            if let Some(column) = self.pairs.get(id).map(|pair| pair.ranked.column) {
                self.thaw(column);
            }
        }
        let round_trip = self.pairs.get(checked).and_then(|pair| pair.counts.current_round_trip);
        if let Some(pair) = self.pairs.get_mut(checked) {
            pair.made = Some(valid);
        }
        self.note_checked(now, checked);
        let Some(base) = self.pairs.get(checked).map(|pair| pair.ends.base) else { return };
        let Some(pair) = self.pairs.get_mut(valid) else { return };
        pair.counts.current_round_trip = round_trip;
        pair.base = base;
        let fresh = Validity { checked, since: now, nominated: false };
        let validity = Validity { checked, ..pair.validity().unwrap_or(fresh) };
        self.pairs.set_validity(valid, Some(validity));
    }

    /// The pair is found to work: other checks of it are needed no more, but for the one that nominates.
    fn settle(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get_mut(id) else { return };
        let stream = pair.ends.stream;
        if !pair.nominating
            && let Some(transaction) = pair.transaction.take()
        {
            self.transactions.stop_retransmitting(transaction);
        }
        if let Some(list) = self.lists.get_mut(&stream) {
            list.triggered.remove(id);
        }
    }

    /// RFC 8445 7.2.5.3.4: our nominating check was answered, or the peer had nominated the pair before.
    fn update_nominated(&mut self, check: &Check, valid: PairId) -> bool {
        let role = self.role;
        let Some(checked) = self.pairs.get_mut(check.pair) else { return false };
        let confirmed = role == Role::Controlling && check.role == Role::Controlling && check.use_candidate;
        let followed = role == Role::Controlled && checked.nominate_when_valid;
        if confirmed {
            checked.nominating = false;
        }
        let holds = followed || (confirmed && self.supersedes(check.pair, check.nomination, false));
        holds && self.mark_nominated(valid)
    }

    fn mark_nominated(&mut self, valid: PairId) -> bool {
        self.release_nominations(valid);
        self.pairs.get_mut(valid).is_some_and(crate::pair::Pair::nominate)
    }

    /// The valid pair is nominated; tells it the first time.
    pub(crate) fn set_nominated(&mut self, valid: PairId) {
        if self.mark_nominated(valid) {
            self.tell_nominated(valid);
        }
    }

    fn tell_nominated(&mut self, valid: PairId) {
        if let Some(pair) = self.pairs.get(valid) {
            let (stream, component) = (pair.ends.stream, pair.ends.component);
            self.out.events.push_back(Event::Nominated { stream, component, pair: valid });
        }
    }

    /// RFC 8445 7.2.5.1: judged by the role the request claimed, so that a second 487 to an older request changes
    /// nothing. The check is made again in the new role.
    fn repair_role(&mut self, now: Instant, check: &Check, current: bool) {
        if self.role == check.role {
            if !self.may_switch_role() {
                if current {
                    self.fail(now, check.pair, FailReason::Error(ErrorCode::ROLE_CONFLICT));
                }
                return;
            }
            self.switch_role();
            self.tie_breaker = TieBreaker::random(&mut self.rng);
        }
        // An older, cancelled check has been repeated already, unless that has failed.
        let failed = self.pairs.get(check.pair).is_some_and(|pair| pair.state() == PairState::Failed);
        if current || failed {
            self.recheck(check.pair);
        }
    }

    /// RFC 8445 7.2.5.1: the check is made again. A pair that is valid already stays so meanwhile.
    fn recheck(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get(id).filter(|pair| pair.is_listed()) else { return };
        let (stream, state) = (pair.ends.stream, pair.state());
        if state != PairState::Succeeded {
            self.pairs.set_state(id, PairState::Waiting);
        }
        if let Some(list) = self.lists.get_mut(&stream) {
            list.triggered.push(id);
        }
        self.resume_list(stream);
    }
}

fn authentic<'a>(check: &Check, message: &Message<'a>) -> Result<Answer<'a>, BadResponse> {
    let sent = SentIntegrity::Only(IntegrityKind::Sha1);
    rules::check_response(message, AttributeType::ICE, sent, &check.key)
}

fn judge(answer: Result<Answer<'_>, BadResponse>, message: &Message<'_>) -> Verdict {
    match answer {
        Ok(Answer::Success) => match rules::mapped_address(message) {
            Ok(Some(mapped)) if address::check_destination(mapped).is_ok() => {
                Verdict::Success(address::unscoped(mapped))
            }
            _ => Verdict::Failure(FailReason::Malformed),
        },
        Ok(Answer::Error(error)) if error.code() == ErrorCode::ROLE_CONFLICT => Verdict::RoleConflict,
        Ok(Answer::Error(error)) => Verdict::Failure(FailReason::Error(error.code())),
        Err(_) => Verdict::Failure(FailReason::Malformed),
    }
}
