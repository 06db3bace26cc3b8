//! Answers to our checks (RFC 8445 7.2.5).

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, PairId, Role, TieBreaker, address};
use floe_stun::{
    Class, Completed, Message,
    attribute::{AttributeType, ErrorCode, XorMappedAddress},
};

use crate::{
    CheckSet, DropReason, Event, FailReason, Outcome,
    candidates::LocalId,
    pair::{Membership, PairState, Validity},
    schedule::Check,
};

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
            return Outcome::Dropped(DropReason::UnknownTransaction);
        };
        if !self.is_authentic(&check, message) {
            self.transactions.note_forged(id);
            // RFC 8489 9.1.4: dropped, and the true answer still awaited.
            return Outcome::Dropped(DropReason::Integrity);
        }
        let current = self.pairs.get(check.pair).is_some_and(|pair| pair.transaction == Some(id));
        let Some(completed) = self.transactions.complete(id) else { return Outcome::Handled };
        if let Some(pair) = self.pairs.get_mut(check.pair) {
            pair.counts.responses_received += 1;
        }
        match self.judge(&check, base, from, message) {
            Verdict::Success(mapped) => self.succeed(now, &check, mapped, &completed),
            Verdict::RoleConflict => self.repair_role(&check),
            // RFC 8445 7.3.1.4: a cancelled check may still succeed, and can no longer fail.
            Verdict::Failure(why) if current => self.fail(now, check.pair, why),
            Verdict::Failure(_) => {}
        }
        Outcome::Handled
    }

    fn is_authentic(&self, check: &Check, message: &Message<'_>) -> bool {
        let stream = self.pairs.get(check.pair).map(|pair| pair.ends.stream);
        let remote = stream.and_then(|stream| self.lists.get(&stream)?.remote.as_ref());
        remote.is_some_and(|remote| message.verify_integrity(&remote.key).is_ok())
    }

    fn judge(&self, check: &Check, base: BaseId, from: SocketAddr, message: &Message<'_>) -> Verdict {
        // RFC 8445 7.2.5.2.1: an answer by another way proves nothing of this one.
        if (base, from) != (check.base, check.to) {
            return Verdict::Failure(FailReason::Asymmetric);
        }
        if message.unknown_required(AttributeType::ICE).next().is_some() {
            return Verdict::Failure(FailReason::Malformed);
        }
        if message.class() == Class::Error {
            return match message.attribute::<ErrorCode<'_>>() {
                Ok(Some(error)) if error.code() == ErrorCode::ROLE_CONFLICT => Verdict::RoleConflict,
                Ok(Some(error)) => Verdict::Failure(FailReason::Error(error.code())),
                _ => Verdict::Failure(FailReason::Malformed),
            };
        }
        match message.attribute() {
            Ok(Some(XorMappedAddress(mapped))) if is_plausible(mapped, from) => {
                Verdict::Success(address::unscoped(mapped))
            }
            _ => Verdict::Failure(FailReason::Malformed),
        }
    }

    /// RFC 8445 7.2.5.3, in its order.
    fn succeed(&mut self, now: Instant, check: &Check, mapped: SocketAddr, completed: &Completed<Check>) {
        let Some(pair) = self.pairs.get(check.pair) else { return };
        let ends = pair.ends.clone();
        self.note_authenticated(check.base, check.to, ends.stream);
        let rtt = self.measure(now, check.pair, completed);
        let retired = self.pairs.get(check.pair).is_some_and(crate::pair::Pair::is_retired);
        if retired {
            return;
        }
        let Some(local) = self.mapped_local(check, mapped) else { return };
        let Some(valid) = self.valid_pair(check.pair, local) else { return };
        self.make_valid(now, check.pair, valid);
        let nominated = self.update_nominated(check, valid);
        self.out.events.push_back(Event::Validated {
            stream: ends.stream,
            component: ends.component,
            pair: valid,
            checked: check.pair,
            rtt,
        });
        if nominated {
            self.tell_nominated(valid);
        }
        self.update_list(now, ends.stream);
    }

    /// Notes the round trip; the answer to a check that was resent tells none (Karn, RFC 8489 6.2.1).
    fn measure(&mut self, now: Instant, id: PairId, completed: &Completed<Check>) -> Option<Duration> {
        let rtt = completed.rtt(now);
        let pair = self.pairs.get_mut(id)?;
        if let Some(rtt) = rtt {
            pair.counts.current_round_trip = Some(rtt);
            pair.counts.total_round_trip += rtt;
        }
        let bound = rtt.unwrap_or_else(|| now.saturating_duration_since(completed.started));
        let (stream, component) = (pair.ends.stream, pair.ends.component);
        let component = self.lists.get_mut(&stream)?.components.get_mut(&component)?;
        component.round_trip = component.round_trip.max(Some(bound));
        rtt
    }

    /// RFC 8445 7.2.5.3.1: the local candidate the peer saw, learnt where it is new.
    fn mapped_local(&mut self, check: &Check, mapped: SocketAddr) -> Option<LocalId> {
        let has_base = |&local: &LocalId| {
            self.locals.get(local).is_some_and(|known| self.locals.base(known.local.base).is_some())
        };
        // One whose socket is closed leads nowhere, whatever the peer says it saw.
        if let Some(known) = self.locals.find(check.base, mapped).filter(has_base) {
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
        let same = |pair: &&crate::pair::Pair| pair.ends.local == local && pair.ends.remote == ends.remote;
        if let Some(known) = self.pairs.iter().find(same) {
            return Some(known.id);
        }
        let valid = self.ends(local, ends.remote)?;
        self.insert_pair(valid, Membership::ValidOnly, PairState::Succeeded)
    }

    /// RFC 8445 7.2.5.3.3.
    fn make_valid(&mut self, now: Instant, checked: PairId, valid: PairId) {
        for id in [checked, valid] {
            self.settle(id);
            self.pairs.set_state(id, PairState::Succeeded);
            if let Some(column) = self.pairs.get(id).map(|pair| pair.ranked.column) {
                self.thaw(column);
            }
        }
        let checked_rtt = self.pairs.get(checked).map(|pair| pair.counts);
        if let Some(pair) = self.pairs.get_mut(checked) {
            pair.made = Some(valid);
        }
        if let Some(pair) = self.pairs.get_mut(valid) {
            pair.validity.get_or_insert(Validity { checked, since: now, nominated: false }).checked = checked;
            if let Some(counts) = checked_rtt {
                pair.counts.current_round_trip = counts.current_round_trip;
            }
        }
    }

    /// Its check is done: no triggered check is needed any more.
    fn settle(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get_mut(id) else { return };
        pair.transaction = None;
        let stream = pair.ends.stream;
        if let Some(list) = self.lists.get_mut(&stream) {
            list.untrigger(id);
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
        (confirmed || followed) && self.mark_nominated(valid)
    }

    fn mark_nominated(&mut self, valid: PairId) -> bool {
        let validity = self.pairs.get_mut(valid).and_then(|pair| pair.validity.as_mut());
        validity.is_some_and(|validity| !std::mem::replace(&mut validity.nominated, true))
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
    /// nothing.
    fn repair_role(&mut self, check: &Check) {
        if self.role == check.role {
            self.switch_role(check.role.opposite());
        }
        self.tie_breaker = TieBreaker::random(&mut self.rng);
        self.recheck(check);
    }

    /// RFC 8445 7.2.5.1: the check is made again in the new role. A pair that is valid already stays so meanwhile.
    fn recheck(&mut self, check: &Check) {
        let Some(pair) = self.pairs.get_mut(check.pair) else { return };
        pair.transaction = None;
        let (stream, listed, state) = (pair.ends.stream, pair.is_listed(), pair.state());
        if !listed {
            return;
        }
        // The 487 may answer an older check, and the pair have failed since.
        if state != PairState::Succeeded {
            self.pairs.set_state(check.pair, PairState::Waiting);
        }
        if let Some(list) = self.lists.get_mut(&stream) {
            list.trigger(check.pair);
        }
        self.resume_list(stream);
    }
}

/// What an authentic answer means.
enum Verdict {
    Success(SocketAddr),
    RoleConflict,
    Failure(FailReason),
}

/// Whether a peer can have seen us at this address.
fn is_plausible(mapped: SocketAddr, from: SocketAddr) -> bool {
    mapped.is_ipv4() == from.is_ipv4() && address::check_destination(mapped).is_ok()
}
