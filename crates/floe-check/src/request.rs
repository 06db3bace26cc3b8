//! Checks of the peer: answered, learnt from, followed up (RFC 8445 7.3).

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, PairId, Priority, Received, Role, StreamId, address};
use floe_stun::{
    Class, Key, Message, Method, TransactionId,
    attribute::{AttributeType, ErrorCode, Username},
};

use crate::{
    CheckSet, DropReason, Event, Outcome,
    codec::{self, CheckFields},
    form::Claim,
    list::Early,
    pair::{Membership, PairState},
    role::{Conflict, conflict},
};

/// A check as it came, authenticated.
struct Incoming<'a> {
    stream: StreamId,
    base: BaseId,
    from: SocketAddr,
    id: TransactionId,
    fields: CheckFields,
    /// The peer's ufrag: what stands behind the colon of USERNAME.
    peer: &'a str,
}

/// Why a request is refused, with what is answered.
struct Refusal {
    why: DropReason,
    error: ErrorCode<'static>,
    unknown: Vec<AttributeType>,
}

impl CheckSet {
    /// A STUN datagram that came in on a base. It is authenticated before anything changes; whatever it holds, it is
    /// used or dropped for a counted reason.
    pub fn handle(&mut self, now: Instant, received: Received<'_>) -> Outcome {
        let outcome = self.dispatch(now, received);
        if let Outcome::Dropped(why) = outcome {
            *self.out.counters.dropped.entry(why).or_default() += 1;
        }
        outcome
    }

    fn dispatch(&mut self, now: Instant, received: Received<'_>) -> Outcome {
        let Ok(message) = Message::parse(received.payload) else {
            return Outcome::Dropped(DropReason::Malformed);
        };
        if message.method() != Method::BINDING {
            return Outcome::Dropped(DropReason::Method);
        }
        if self.locals.base(received.base).is_none() {
            return Outcome::Dropped(DropReason::UnknownBase);
        }
        // RFC 8445 7.2.4: all checks carry FINGERPRINT, so what lacks it is none.
        if message.verify_fingerprint().is_err() {
            return Outcome::Dropped(DropReason::Fingerprint);
        }
        let from = address::unscoped(received.from);
        match message.class() {
            Class::Request => self.handle_request(now, received.base, from, &message),
            Class::Success | Class::Error => self.handle_response(now, received.base, from, &message),
            Class::Indication => {
                // RFC 8445 11: a keepalive; it has done its work at the NATs on its way.
                self.out.counters.indications += 1;
                Outcome::Handled
            }
        }
    }

    fn handle_request(
        &mut self,
        now: Instant,
        base: BaseId,
        from: SocketAddr,
        message: &Message<'_>,
    ) -> Outcome {
        let incoming = match self.authenticate(base, from, message) {
            Ok(incoming) => incoming,
            Err((refusal, authentic)) => return self.refuse(now, base, from, message, &refusal, authentic),
        };
        match conflict(self.role, self.tie_breaker, incoming.fields.claim) {
            Conflict::None => {}
            Conflict::Switch => self.switch_role(self.role.opposite()),
            Conflict::PeerMustSwitch => {
                let error = ErrorCode::new(ErrorCode::ROLE_CONFLICT, "Role Conflict");
                let refusal = Refusal { why: DropReason::RoleConflict, error, unknown: Vec::new() };
                return self.refuse(now, base, from, message, &refusal, true);
            }
        }
        self.answer(&incoming);
        self.follow_up(&incoming);
        Outcome::Handled
    }

    /// RFC 8489 9.1.3 and 6.3.1, RFC 8445 7.3. The error says whether the request was authentic all the same.
    fn authenticate<'a>(
        &self,
        base: BaseId,
        from: SocketAddr,
        message: &Message<'a>,
    ) -> Result<Incoming<'a>, (Refusal, bool)> {
        let refused = |why, code, reason, unknown, authentic| {
            Err((Refusal { why, error: ErrorCode::new(code, reason), unknown }, authentic))
        };
        let bad_request =
            |authentic, why| refused(why, ErrorCode::BAD_REQUEST, "Bad Request", Vec::new(), authentic);
        let stranger = |why| refused(why, ErrorCode::UNAUTHENTICATED, "Unauthenticated", Vec::new(), false);
        let username = message.attribute::<Username<'_>>();
        let (Ok(Some(username)), Some(_)) = (username, message.integrity_kind()) else {
            return bad_request(false, DropReason::NoCredentials);
        };
        let known =
            self.locals.base(base).and_then(|known| Some((known.stream, self.lists.get(&known.stream)?)));
        let names = username.as_str().split_once(':');
        let (Some((stream, list)), Some((mine, peer))) = (known, names) else {
            return stranger(DropReason::Username);
        };
        if mine != list.local.ufrag() {
            return stranger(DropReason::Username);
        }
        if message.verify_integrity(&list.local_key).is_err() {
            return stranger(DropReason::Integrity);
        }
        let unknown: Vec<_> = message.unknown_required(AttributeType::ICE).collect();
        if !unknown.is_empty() {
            let (code, reason) = (ErrorCode::UNKNOWN_ATTRIBUTE, "Unknown Attribute");
            return refused(DropReason::UnknownAttribute, code, reason, unknown, true);
        }
        let Some(fields) = CheckFields::read(message) else { return bad_request(true, DropReason::Check) };
        Ok(Incoming { stream, base, from, id: message.transaction_id(), fields, peer })
    }

    /// Answers with an error. Strangers draw only so many, and none of theirs is signed.
    fn refuse(
        &mut self,
        now: Instant,
        base: BaseId,
        from: SocketAddr,
        message: &Message<'_>,
        refusal: &Refusal,
        authentic: bool,
    ) -> Outcome {
        if !authentic && !self.out.errors.take(now) {
            self.out.counters.errors_withheld += 1;
            return Outcome::Dropped(refusal.why);
        }
        let key = authentic.then(|| self.local_key(base)).flatten();
        let payload = codec::write_error(message.transaction_id(), refusal.error, &refusal.unknown, key);
        let transmit = payload.and_then(|payload| self.transmit(base, from, payload));
        self.out.transmits.extend(transmit);
        Outcome::Dropped(refusal.why)
    }

    fn local_key(&self, base: BaseId) -> Option<&Key> {
        let stream = self.locals.base(base)?.stream;
        Some(&self.lists.get(&stream)?.local_key)
    }

    fn answer(&mut self, incoming: &Incoming<'_>) {
        let payload = self
            .local_key(incoming.base)
            .and_then(|key| codec::write_success(incoming.id, incoming.from, key));
        let transmit = payload.and_then(|payload| self.transmit(incoming.base, incoming.from, payload));
        self.out.transmits.extend(transmit);
    }

    /// RFC 8445 7.3.1.3 to 7.3.1.5; for checks that come before the peer's description, once that is there.
    fn follow_up(&mut self, incoming: &Incoming<'_>) {
        let Some(list) = self.lists.get_mut(&incoming.stream) else { return };
        let early = Early {
            base: incoming.base,
            from: incoming.from,
            priority: incoming.fields.priority,
            use_candidate: incoming.fields.use_candidate,
            id: incoming.id,
        };
        let described = list.remote.as_ref().map(|remote| remote.credentials.ufrag() == incoming.peer);
        if described == Some(true) {
            self.note_authenticated(incoming.base, incoming.from, incoming.stream);
            self.trigger(incoming.stream, early);
        } else if list.remember(incoming.peer, early) {
            // RFC 8445 5.3: once our answer is there the peer may send data, whatever its description takes.
            if described.is_none() {
                self.note_authenticated(incoming.base, incoming.from, incoming.stream);
            }
        } else {
            self.out.counters.early_over_cap += 1;
        }
    }

    /// The peer's description is there: what its early checks asked for is made up for (RFC 8445 7.3).
    pub(crate) fn follow_up_early(&mut self, stream: StreamId) {
        let Some(list) = self.lists.get_mut(&stream) else { return };
        let Some(remote) = &list.remote else { return };
        let ufrag = remote.credentials.ufrag();
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut list.early).into_iter().partition(|(peer, _)| &**peer == ufrag);
        // The description is another's (forking): who sent these is not the peer.
        let strangers: Vec<_> = others.iter().map(|(_, early)| (early.base, early.from)).collect();
        list.early = others;
        self.authenticated.retain(|path, _| !strangers.contains(path));
        for (_, early) in mine {
            self.note_authenticated(early.base, early.from, stream);
            self.trigger(stream, early);
        }
    }

    /// A check of the peer came in on this path: RFC 8445 7.3.1.3 to 7.3.1.5.
    fn trigger(&mut self, stream: StreamId, check: Early) {
        let Some(id) = self.pair_of_check(stream, &check) else { return };
        let Some(pair) = self.pairs.get_mut(id) else { return };
        pair.counts.requests_received += 1;
        pair.counts.responses_sent += 1;
        let first = pair.last_request.is_none();
        let resent = pair.last_request.replace(check.id) == Some(check.id);
        if first {
            pair.first_sent = None;
        }
        if check.use_candidate {
            self.peer_nominates(id);
        }
        if !resent {
            self.trigger_pair(id);
        }
    }

    /// The pair of a received check, made where it is new; `None` where caps or a concluded component forbid it.
    fn pair_of_check(&mut self, stream: StreamId, check: &Early) -> Option<PairId> {
        let base = self.locals.base(check.base)?.clone();
        if let Some(pair) = self.pairs.on_path(check.base, check.from) {
            return Some(pair);
        }
        let list = self.lists.get(&stream)?;
        if list.is_concluded(base.component) && !check.use_candidate {
            return None;
        }
        address::check_destination(check.from).ok()?;
        let transport = self.locals.get(base.local)?.candidate().transport();
        let known = self.remotes.find(stream, base.component, transport, check.from);
        let remote = match known {
            Some(remote) => remote,
            None => self.learn_remote(stream, check, &base, transport)?,
        };
        let ends = self.ends(base.local, remote)?;
        if !self.make_room(stream, Claim::Triggered) {
            return None;
        }
        self.insert_pair(ends, Membership::Listed, PairState::Waiting)
    }

    fn learn_remote(
        &mut self,
        stream: StreamId,
        check: &Early,
        base: &crate::candidates::Base,
        transport: floe_core::Transport,
    ) -> Option<crate::candidates::RemoteId> {
        if self.remotes.count(stream, false) >= self.config.max_peer_reflexive {
            self.out.counters.peer_reflexive_over_cap += 1;
            return None;
        }
        let priority: Priority = check.priority;
        let remote = self.remotes.learn(base, transport, check.from, priority);
        if let Some(learnt) = self.remotes.get(remote) {
            let candidate = learnt.candidate.clone();
            self.out.events.push_back(Event::PeerReflexive { stream, candidate, local: false });
        }
        Some(remote)
    }

    /// RFC 8445 12.2: whoever has proven to know the password may send data.
    pub(crate) fn note_authenticated(&mut self, base: BaseId, from: SocketAddr, stream: StreamId) {
        let Some(component) = self.locals.base(base).map(|known| known.component) else { return };
        let room = self.authenticated.len() < self.max_authenticated();
        if room {
            self.authenticated.entry((base, from)).or_insert((stream, component));
        }
    }

    /// RFC 8445 7.3.1.4: what a received check does to its pair.
    fn trigger_pair(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get(id) else { return };
        let (stream, component) = (pair.ends.stream, pair.ends.component);
        if !pair.is_listed() || pair.state() == PairState::Succeeded {
            return;
        }
        if pair.state() == PairState::InProgress
            && let Some(transaction) = pair.transaction
        {
            self.transactions.stop_retransmitting(transaction);
        }
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.transaction = None;
        }
        self.pairs.set_state(id, PairState::Waiting);
        if let Some(list) = self.lists.get_mut(&stream) {
            list.trigger(id);
        }
        self.resume_list(stream);
        self.out.events.push_back(Event::Changed { stream, component });
    }

    /// RFC 8445 7.3.1.5: the peer nominates the pair; it holds once the pair is valid.
    fn peer_nominates(&mut self, id: PairId) {
        if self.role != Role::Controlled {
            return;
        }
        self.revive(id);
        let Some(pair) = self.pairs.get_mut(id) else { return };
        pair.nominate_when_valid = true;
        if let (PairState::Succeeded, Some(valid)) = (pair.state(), pair.made) {
            self.revive(valid);
            self.set_nominated(valid);
        }
    }

    /// A peer of RFC 5245 may nominate one more pair after the first is selected (RFC 8445 8.1.1): it counts again.
    fn revive(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get(id).filter(|pair| pair.is_retired()) else { return };
        let (stream, path) = (pair.ends.stream, (pair.ends.base, pair.ends.to));
        let membership = if self.pairs.on_path(path.0, path.1) == Some(id) {
            Membership::Listed
        } else {
            Membership::ValidOnly
        };
        if membership == Membership::ValidOnly || self.make_room(stream, Claim::Triggered) {
            self.pairs.set_membership(id, membership);
        }
    }
}
