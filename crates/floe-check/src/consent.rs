//! Consent to send on the pairs in use (RFC 7675), and keepalives on them where consent is off (RFC 8445 11).

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use floe_core::{
    BaseId, CandidateKind, ComponentId, PairId, Priority, Role, StreamId, TieBreaker, Transmit,
    TypePreference,
};
use floe_stun::{
    Class, IntegrityKind, Key, Message, MessageWriter, Method, TransactionId,
    attribute::{AttributeType, ErrorCode},
    rules::{self, Answer, SentIntegrity},
};
use rand::RngExt as _;

use crate::{
    CheckSet, ConsentLoss, DropReason, Event, FailReason, Outcome, PairState, codec, liveness::Liveness,
    pair::Pair,
};

/// So long after the latest answer consent ends (RFC 7675 5.1).
const EXPIRY: Duration = Duration::from_secs(30);
/// From one request for consent to the next, in nanoseconds: 5 s, a fifth more or less (RFC 7675 5.1).
const INTERVAL: RangeInclusive<u64> = 4_000_000_000..=6_000_000_000;
/// So long after the latest answer consent is in doubt: two requests for it were lost, or more. From then on the pair is
/// checked as well, each so often, for a path that loses a third of all datagrams is no reason to end a call. These are
/// connectivity checks in the session's pace, which RFC 7675 5.1 permits; its own requests come as rarely as it demands.
const DOUBT: Duration = Duration::from_secs(15);
const IN_DOUBT: Duration = Duration::from_secs(1);
/// Consent that has less left when data is to go over a pair is not relied on.
const IN_HASTE: Duration = Duration::from_secs(5);
/// The response that takes consent back (RFC 7675 5.2).
const FORBIDDEN: u16 = 403;

type Purpose = (StreamId, ComponentId);

/// What a pair remembers of consent while it is not in use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PairConsent {
    /// When the peer last gave it: an authentic answer came by this path.
    pub(crate) given: Option<Instant>,
    /// When it was last asked for.
    asked: Option<Instant>,
}

/// The pairs in use, at most one for each component.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    pub(crate) in_use: BTreeMap<Purpose, InUse>,
    /// Whose request waits for a slot.
    due: VecDeque<Purpose>,
    /// Whose probe waits for one.
    pub(crate) probes: VecDeque<Purpose>,
    /// Whether a probe was the latest to have one.
    pub(crate) probed_last: bool,
    /// Paths whose consent was lost, and with which user names: those are not used there again (RFC 7675 5.1).
    pub(crate) spent: BTreeMap<(BaseId, SocketAddr), Box<str>>,
}

/// A pair that data goes over.
#[derive(Debug)]
pub(crate) struct InUse {
    pub(crate) pair: PairId,
    pub(crate) base: BaseId,
    pub(crate) to: SocketAddr,
    /// The credentials it became valid with. They stay when a restart changes those of the stream.
    username: Box<str>,
    key: Key,
    priority: Priority,
    granted: bool,
    /// When consent was last given; before it is, since when it is sought.
    since: Instant,
    /// When it is asked for again; `None` while that waits for a slot.
    next: Option<Instant>,
    /// When the pair is checked because consent is in doubt.
    doubt: Instant,
    /// The requests that an answer may still come to: none is older than [`EXPIRY`].
    asked: Vec<Asked>,
    /// When anything was last sent.
    sent: Instant,
    pub(crate) life: Liveness,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    id: TransactionId,
    at: Instant,
    role: Role,
    /// Whether it was counted as unanswered.
    missed: bool,
    what: Request,
}

/// What a request on a pair in use is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Consent.
    Consent,
    /// A sign of life; see [`liveness`](crate::liveness).
    Probe,
}

impl Consents {
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty() || !self.probes.is_empty()
    }

    pub(crate) fn close(&mut self, base: BaseId) {
        self.spent.retain(|&(of, _), _| of != base);
    }

    /// The pairs in use of a stream.
    pub(crate) fn in_use(&self, stream: StreamId) -> impl Iterator<Item = PairId> + '_ {
        self.in_use.iter().filter(move |((of, _), _)| *of == stream).map(|(_, known)| known.pair)
    }

    /// Whether a pair in use became valid with this ufrag of ours.
    pub(crate) fn uses(&self, ufrag: &str) -> bool {
        let mine = |known: &InUse| known.username.split_once(':').is_some_and(|(_, mine)| mine == ufrag);
        self.in_use.values().any(mine)
    }

    fn stop(&mut self, key: Purpose) -> Option<InUse> {
        self.due.retain(|due| *due != key);
        self.probes.retain(|due| *due != key);
        self.in_use.remove(&key)
    }
}

impl CheckSet {
    /// Data of the component goes over this pair from now on, or over none: consent is kept up on it, and only on it.
    pub(crate) fn use_pair(
        &mut self,
        now: Instant,
        stream: StreamId,
        component: ComponentId,
        pair: Option<PairId>,
    ) {
        let key = (stream, component);
        let base = pair.and_then(|pair| self.pairs.get(pair)).map(|pair| pair.base);
        // By another pair's check it may have become valid over another base.
        let same = |known: &InUse| Some(known.pair) == pair && base.is_none_or(|base| base == known.base);
        if self.consents.in_use.get(&key).map_or(pair.is_none(), same) {
            return;
        }
        let before = self.consents.stop(key);
        if let Some(begun) = pair.and_then(|pair| self.begin_use(now, key, pair)) {
            self.consents.in_use.insert(key, begun);
        }
        if let Some(before) = before {
            self.forget_former(before.pair);
        }
    }

    fn begin_use(&mut self, now: Instant, (stream, component): Purpose, id: PairId) -> Option<InUse> {
        let interval = self.interval();
        let pair = self.pairs.get(id)?;
        let ends = &pair.ends;
        let remote = self.lists.get(&stream)?.remote.as_ref()?;
        let spent = self.is_path_spent(stream, (pair.base, ends.to));
        if (ends.stream, ends.component) != (stream, component) || spent {
            return None;
        }
        // RFC 7675 5.1: consent that nobody kept up meanwhile has to be regained before data goes; and so has what would end
        // before a few questions could be answered, since with it the path would be lost.
        let given = self.consent_given(id).filter(|&given| now < given + EXPIRY - IN_HASTE);
        let latest = pair.consent.asked.max(given);
        Some(InUse {
            pair: id,
            base: pair.base,
            to: ends.to,
            username: remote.username.clone(),
            key: remote.key.clone(),
            priority: self.priority_of_check(ends.local)?,
            granted: given.is_some(),
            since: given.unwrap_or(now),
            next: Some(latest.map_or(now, |latest| latest + interval)),
            doubt: given.map_or(now, |given| given + DOUBT),
            asked: Vec::new(),
            sent: now,
            life: Liveness::new(now, pair.counts.current_round_trip),
        })
    }

    fn priority_of_check(&self, local: crate::candidates::LocalId) -> Option<Priority> {
        let local = self.locals.get(local)?.candidate();
        Some(local.priority().with_type_preference(TypePreference::from(CandidateKind::PeerReflexive)))
    }

    /// Whether data may be sent over the pair in use of its component (RFC 7675 5.1).
    #[must_use]
    pub fn may_send(&self, pair: PairId) -> bool {
        let in_use = self.pairs.get(pair).map(|pair| (pair.ends.stream, pair.ends.component));
        let in_use = in_use.and_then(|key| self.consents.in_use.get(&key));
        in_use.is_some_and(|known| known.pair == pair && (known.granted || !self.seeks_consent()))
    }

    /// Whether consent on this pair is fresh enough to move data to it: the peer's latest answer there is less than 15 s old,
    /// or consent is off. RFC 7675 5.1 allows 30 s; but a way that works is not left for one that is in doubt.
    #[must_use]
    pub fn has_consent(&self, now: Instant, pair: PairId) -> bool {
        !self.seeks_consent() || self.consent_given(pair).is_some_and(|given| now < given + DOUBT)
    }

    /// When the peer last consented on the path that data of this pair takes: by an answer to a request for it, or to a
    /// check.
    fn consent_given(&self, id: PairId) -> Option<Instant> {
        let pair = self.pairs.get(id)?;
        let path = (pair.base, pair.ends.to);
        if self.is_path_spent(pair.ends.stream, path) {
            return None;
        }
        self.pairs.get(self.consenting(id, path))?.consent.given
    }

    /// The pair that remembers consent on a path: the one that is checked there, as with what is measured. One of the
    /// generation before has credentials of its own, and stands for itself.
    fn consenting(&self, id: PairId, path: (BaseId, SocketAddr)) -> PairId {
        let former = self.pairs.get(id).is_some_and(Pair::is_former);
        self.pairs.on_path(path.0, path.1).filter(|_| !former).unwrap_or(id)
    }

    /// The peer has consented on this path now, as it does by each authentic answer (RFC 7675 5).
    fn note_consent(&mut self, now: Instant, id: PairId, path: (BaseId, SocketAddr)) {
        let id = self.consenting(id, path);
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.consent.given = Some(now);
        }
    }

    /// The application has sent data over this pair: now something should be heard there, or [`Event::Silent`] is told.
    /// Where consent is off, it also puts off the keepalive. It need not be told of every datagram: once in 100 ms is
    /// enough.
    pub fn note_data(&mut self, now: Instant, pair: PairId) {
        if let Some(known) = self.consents.in_use.values_mut().find(|known| known.pair == pair) {
            known.sent = known.sent.max(now);
            // A lite agent could not ask before it tells.
            if self.config.liveness && !self.config.lite {
                known.life.note_data(now);
            }
        }
    }

    /// An answer has gone to whoever proved to know the password: a datagram like any other (RFC 8445 11).
    pub(crate) fn note_answer(&mut self, now: Instant, base: BaseId, to: SocketAddr) {
        for known in self.consents.in_use.values_mut().filter(|known| (known.base, known.to) == (base, to)) {
            known.sent = known.sent.max(now);
        }
    }

    fn interval(&mut self) -> Duration {
        Duration::from_nanos(self.rng.random_range(INTERVAL))
    }

    /// When the next request, the end of consent or the next keepalive is due.
    pub(crate) fn consent_timeout(&self) -> Option<Instant> {
        let in_use = self.consents.in_use.values();
        if self.seeks_consent() {
            in_use
                .flat_map(|known| [Some(known.since + EXPIRY), known.next, Some(known.doubt)])
                .flatten()
                .min()
        } else {
            in_use.map(|known| known.sent + self.config.tr()).min()
        }
    }

    pub(crate) fn handle_consent_timeout(&mut self, now: Instant) {
        if self.consent_timeout().is_none_or(|at| at > now) {
            return;
        }
        let keys: Vec<_> = self.consents.in_use.keys().copied().collect();
        for key in keys {
            if self.seeks_consent() {
                self.consent_due(now, key);
            } else {
                self.keepalive_due(now, key);
            }
        }
    }

    fn consent_due(&mut self, now: Instant, key: Purpose) {
        let Some(known) = self.consents.in_use.get_mut(&key) else { return };
        if known.since + EXPIRY <= now {
            self.lose_consent(now, key, ConsentLoss::Expired);
            return;
        }
        if known.next.take_if(|at| *at <= now).is_some() {
            self.consents.due.push_back(key);
        }
        if known.doubt <= now {
            known.doubt = now + IN_DOUBT;
            if !self.consents.probes.contains(&key) {
                self.consents.probes.push_back(key);
            }
        }
    }

    /// RFC 8445 11: no request, so no pace; FINGERPRINT and nothing else.
    fn keepalive_due(&mut self, now: Instant, key: Purpose) {
        let (tr, id) = (self.config.tr(), TransactionId::random(&mut self.rng));
        let Some(known) = self.consents.in_use.get_mut(&key).filter(|known| known.sent + tr <= now) else {
            return;
        };
        known.sent = now;
        let (base, to) = (known.base, known.to);
        let payload = codec::written(to.ip(), |buffer| {
            let writer = MessageWriter::new(buffer, Class::Indication, Method::BINDING, id)?;
            Ok(writer.fingerprint()?.finish())
        });
        let transmit = payload.and_then(|payload| self.transmit(base, to, payload));
        self.out.transmits.extend(transmit);
    }

    /// The next request for consent, if one is due: a new transaction each, sent once (RFC 7675 5.1).
    pub(crate) fn start_consent(&mut self, now: Instant) -> Option<Transmit> {
        while let Some(key) = self.consents.due.pop_front() {
            let transmit = self.ask(now, key);
            if transmit.is_some() {
                return transmit;
            }
        }
        None
    }

    fn ask(&mut self, now: Instant, key: Purpose) -> Option<Transmit> {
        self.count_missed(now, key);
        let next = now + self.interval();
        let known = self.consents.in_use.get_mut(&key)?;
        known.next = Some(next);
        let pair = known.pair;
        let transmit = self.request_in_use(now, key, Request::Consent)?;
        if let Some(pair) = self.pairs.get_mut(pair) {
            pair.consent.asked = Some(now);
            pair.counts.consent_requests_sent += 1;
        }
        Some(transmit)
    }

    /// A request on the pair in use, with the credentials it became valid with; a new transaction, sent once.
    pub(crate) fn request_in_use(&mut self, now: Instant, key: Purpose, what: Request) -> Option<Transmit> {
        let id = TransactionId::random(&mut self.rng);
        let known = self.consents.in_use.get_mut(&key)?;
        known.asked.retain(|asked| now < asked.at + EXPIRY);
        known.asked.push(Asked { id, at: now, role: self.role, missed: false, what });
        known.sent = now;
        let (base, to) = (known.base, known.to);
        let request = codec::CheckRequest {
            username: &known.username,
            software: self.config.software.as_deref(),
            priority: known.priority,
            role: self.role,
            tie_breaker: self.tie_breaker,
            // RFC 5245 8.1.1.2: every one nominates. A peer may have forgotten what came before its own check succeeded.
            use_candidate: self.config.aggressive && self.role == Role::Controlling,
            nomination: None,
            key: &known.key,
        };
        let payload = request.write(id, to.ip())?;
        self.transmit(base, to, payload)
    }

    /// Requests that were not answered in time speak against the path.
    fn count_missed(&mut self, now: Instant, key: Purpose) {
        let Some(pair) = self.consents.in_use.get(&key).map(|known| known.pair) else { return };
        let Some(before) = now.checked_sub(self.patience_for(pair)) else { return };
        let Some(known) = self.consents.in_use.get_mut(&key) else { return };
        let late = known.asked.iter_mut().filter(|asked| !asked.missed && asked.at <= before);
        let missed = late.map(|asked| asked.missed = true).count();
        let measured = self.measured(pair);
        for _ in 0..missed {
            self.note_lost(now, measured);
        }
        if missed > 0 {
            self.tell_measured(pair);
        }
    }

    /// What may be the answer to a request on a pair in use: any that is open counts, not only the latest.
    ///
    /// That to a probe renews consent as well. Consent is an authentic answer from where the data goes (RFC 7675 5.1);
    /// it does not matter why the question was asked, and a probe is as fresh, as unforeseeable and as paced.
    pub(crate) fn handle_consent(
        &mut self,
        now: Instant,
        base: BaseId,
        from: SocketAddr,
        message: &Message<'_>,
    ) -> Option<Outcome> {
        let id = message.transaction_id();
        let (&key, known) =
            self.consents.in_use.iter_mut().find(|(_, known)| {
                known.asked.iter().any(|asked| asked.id == id && now < asked.at + EXPIRY)
            })?;
        let sent = SentIntegrity::Only(IntegrityKind::Sha1);
        let answer = match rules::check_response(message, AttributeType::ICE, sent, &known.key) {
            Ok(answer) => answer,
            // The true answer is still awaited.
            Err(_) => return Some(Outcome::Dropped(DropReason::Integrity)),
        };
        // RFC 7675 5.1: consent is for the way the data takes.
        if (known.base, known.to) != (base, from) {
            return Some(Outcome::Dropped(DropReason::Path));
        }
        let at = known.asked.iter().position(|asked| asked.id == id)?;
        let asked = known.asked.swap_remove(at);
        self.note_heard(now, base, from);
        match answer {
            Answer::Success => self.renew_consent(now, key, asked),
            Answer::Error(error) if error.code() == FORBIDDEN => {
                self.lose_consent(now, key, ConsentLoss::Revoked);
            }
            Answer::Error(error) if error.code() == ErrorCode::ROLE_CONFLICT => self.yield_role(asked.role),
            Answer::Error(_) => {}
        }
        Some(Outcome::Handled)
    }

    /// The check of this pair was answered: a path that succeeds has the peer's consent (RFC 7675 5). Where data goes that
    /// way it is renewed, but not on a pair of the generation before: the answer has other credentials.
    pub(crate) fn note_checked(&mut self, now: Instant, checked: PairId) {
        let Some(ends) = self.pairs.get(checked).map(|pair| &pair.ends) else { return };
        let (path, key) = ((ends.base, ends.to), (ends.stream, ends.component));
        self.note_consent(now, checked, path);
        let same = |known: &&InUse| (known.base, known.to) == path;
        let used = self.consents.in_use.get(&key).filter(same).and_then(|known| self.pairs.get(known.pair));
        if used.is_some_and(|pair| !pair.is_former()) {
            self.grant(now, key);
        }
    }

    fn grant(&mut self, now: Instant, (stream, component): Purpose) {
        let Some(known) = self.consents.in_use.get_mut(&(stream, component)) else { return };
        known.since = now;
        known.doubt = now + DOUBT;
        if !std::mem::replace(&mut known.granted, true) {
            self.out.events.push_back(Event::Changed { stream, component });
        }
    }

    fn renew_consent(&mut self, now: Instant, key: Purpose, asked: Asked) {
        self.grant(now, key);
        let Some(known) = self.consents.in_use.get_mut(&key) else { return };
        let rtt = now.saturating_duration_since(asked.at);
        known.life.measure(rtt);
        let (used, path) = (known.pair, (known.base, known.to));
        self.note_consent(now, used, path);
        if let Some(pair) = self.pairs.get_mut(used) {
            pair.heard = true;
            match asked.what {
                Request::Consent => pair.counts.consent_responses_received += 1,
                Request::Probe => pair.counts.responses_received += 1,
            }
            pair.counts.current_round_trip = Some(rtt);
            pair.counts.total_round_trip += rtt;
            self.note_answered(now, self.measured(used), Some(rtt));
            self.tell_measured(used);
        }
    }

    /// RFC 8445 7.2.5.1, as for any other check; nothing is repeated, the next request comes by itself.
    fn yield_role(&mut self, claimed: Role) {
        if self.role == claimed && self.may_switch_role() {
            self.switch_role();
            self.tie_breaker = TieBreaker::random(&mut self.rng);
        }
    }

    fn lose_consent(&mut self, now: Instant, (stream, component): Purpose, why: ConsentLoss) {
        let Some(lost) = self.consents.stop((stream, component)) else { return };
        let path = (lost.base, lost.to);
        self.consents.spent.insert(path, lost.username);
        self.out.events.push_back(Event::ConsentLost { stream, component, pair: lost.pair, why });
        // A restart has new credentials, and the way may well be open to those.
        let former = self.pairs.get(lost.pair).is_some_and(Pair::is_former);
        let on_path = self.pairs.on_path(path.0, path.1).filter(|_| !former);
        for id in on_path.into_iter().filter(|&id| id != lost.pair).chain([lost.pair]) {
            let Some(pair) = self.pairs.get_mut(id) else { continue };
            pair.consent.given = None;
            // What rests on a pair fails with it.
            if pair.state() != PairState::Failed {
                self.fail(now, id, FailReason::Consent(why));
            }
        }
        self.forget_former(lost.pair);
    }

    /// Whether consent was lost on the path that this pair is checked on, so that the credentials of its stream are not
    /// used there again: only a restart helps (RFC 7675 5.1).
    pub(crate) fn is_spent(&self, pair: PairId) -> bool {
        let ends = self.pairs.get(pair).map(|pair| &pair.ends);
        ends.is_some_and(|ends| self.is_path_spent(ends.stream, (ends.base, ends.to)))
    }

    fn is_path_spent(&self, stream: StreamId, path: (BaseId, SocketAddr)) -> bool {
        let lost_with = self.consents.spent.get(&path);
        let remote = self.lists.get(&stream).and_then(|list| list.remote.as_ref());
        lost_with.zip(remote).is_some_and(|(username, remote)| *username == remote.username)
    }
}
