//! Checks of the peer: authenticated, answered, or refused (RFC 8445 7.3). What follows from them is in
//! [`follow`](crate::follow).

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, Received, Role, StreamId, address};
use floe_stun::{
    Class, IntegrityKind, Key, Message, Method, TransactionId,
    attribute::{AttributeType, ErrorCode, Username},
    rules::{self, Rejection},
};

use crate::{
    CheckSet, DropReason, Event, Outcome,
    codec::{self, CheckFields},
    role::Conflict,
};

/// A check as it came, authenticated.
pub(crate) struct Incoming<'a> {
    pub(crate) stream: StreamId,
    pub(crate) base: BaseId,
    pub(crate) from: SocketAddr,
    pub(crate) id: TransactionId,
    pub(crate) fields: CheckFields,
    /// The peer's ufrag: what stands behind the colon of USERNAME.
    pub(crate) peer: &'a str,
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
                Outcome::Keepalive
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
        let (stream, integrity) = match self.authenticate(base, message) {
            Ok(authentic) => authentic,
            Err(rejection) => return self.reject(now, base, from, message, &rejection),
        };
        self.note_heard(now, base, from);
        let (code, why) = match self.accept(now, stream, (base, from), message) {
            Ok(()) => (None, None),
            Err((code, why)) => (Some(code), Some(why)),
        };
        let counter = self.answer_counter(stream, (base, from), message);
        let sign = self.key_named(stream, message).map(|key| (integrity, key));
        let answer = codec::CheckAnswer { source: from, error: code.map(ErrorCode::standard), counter, sign };
        let payload = answer.write(message);
        let transmit = payload.and_then(|payload| self.transmit(base, from, payload));
        self.out.transmits.extend(transmit);
        self.note_answer(now, base, from);
        why.map_or(Outcome::Handled, Outcome::Dropped)
    }

    /// The key of the name that a request calls this agent by.
    fn key_named(&self, stream: StreamId, message: &Message<'_>) -> Option<&Key> {
        let name = message.attribute::<Username<'_>>().ok()??;
        let (mine, _) = name.as_str().split_once(':')?;
        self.lists.get(&stream)?.key_of(mine)
    }

    /// RFC 8489 9.1.3 and 6.3.1, RFC 8445 7.3.
    fn authenticate(
        &self,
        base: BaseId,
        message: &Message<'_>,
    ) -> Result<(StreamId, IntegrityKind), Rejection> {
        let stream = self.locals.base(base).map(|known| known.stream).unwrap_or_default();
        let key_of = |name: &str| -> Option<&Key> {
            let (mine, _) = name.split_once(':')?;
            self.lists.get(&stream)?.key_of(mine)
        };
        rules::check_request(message, AttributeType::ICE, key_of).map(|integrity| (stream, integrity))
    }

    /// Answers what was not authenticated, or not understood. Strangers draw only so many errors, and none of theirs is
    /// signed.
    fn reject(
        &mut self,
        now: Instant,
        base: BaseId,
        from: SocketAddr,
        message: &Message<'_>,
        rejection: &Rejection,
    ) -> Outcome {
        let (why, authentic) = match rejection {
            Rejection::NoIntegrity | Rejection::NoUsername => (DropReason::NoCredentials, false),
            Rejection::UnknownUsername => (DropReason::Username, false),
            Rejection::WrongIntegrity(_) => (DropReason::Integrity, false),
            Rejection::UnknownAttributes { .. } => (DropReason::UnknownAttribute, true),
            _ => return Outcome::Dropped(DropReason::Malformed),
        };
        if !authentic && !self.out.errors.take(now) {
            self.out.counters.errors_withheld += 1;
            return Outcome::Dropped(why);
        }
        let key = self.locals.base(base).and_then(|base| self.key_named(base.stream, message));
        let payload = codec::written(from.ip(), |buffer| {
            rejection.answer(buffer, message, AttributeType::ICE, key).map(Option::unwrap_or_default)
        });
        let transmit = payload.and_then(|payload| self.transmit(base, from, payload));
        self.out.transmits.extend(transmit);
        Outcome::Dropped(why)
    }

    /// An authentic check: settles a role conflict and follows it up; or says with which error it is answered, and why.
    fn accept(
        &mut self,
        now: Instant,
        stream: StreamId,
        (base, from): (BaseId, SocketAddr),
        message: &Message<'_>,
    ) -> Result<(), (u16, DropReason)> {
        let (fields, [mine, peer]) =
            CheckFields::read(message).ok_or((ErrorCode::BAD_REQUEST, DropReason::Check))?;
        // RFC 8445 9: a path of the generation before is kept up until the peer has left it, and that is all.
        if let Some(former) = self.lists.get_mut(&stream).and_then(|list| list.former_named(mine)) {
            former.hear(base, from);
            return Ok(());
        }
        match self.conflict_with(fields.claim) {
            Conflict::None => {}
            Conflict::Switch => self.switch_role(),
            Conflict::PeerMustSwitch => {
                self.tell_conflict(stream, base, from);
                return Err((ErrorCode::ROLE_CONFLICT, DropReason::RoleConflict));
            }
        }
        let incoming = Incoming { stream, base, from, id: message.transaction_id(), fields, peer };
        let followed = self.follow_up(now, &incoming);
        // RFC 8445 7.3.1.5: a success would tell the peer that its nomination holds here as well. Neither does that of a
        // copy from elsewhere: should the copy have overtaken the check, the peer nominates anew.
        let nominates = self.is_nomination(stream, fields.use_candidate, fields.nomination);
        if nominates && self.role == Role::Controlled && !followed {
            return Err((ErrorCode::BAD_REQUEST, DropReason::Nomination));
        }
        Ok(())
    }

    fn tell_conflict(&mut self, stream: StreamId, base: BaseId, from: SocketAddr) {
        if let Some(component) = self.locals.base(base).map(|base| base.component) {
            self.out.events.push_back(Event::Conflict { stream, component, from });
        }
    }
}
