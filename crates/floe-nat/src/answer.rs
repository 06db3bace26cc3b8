//! Responses: which are taken for an answer, and what they say.

use std::net::SocketAddr;

use floe_core::{
    Received,
    address::{check_destination, unscoped},
};
use floe_stun::{
    Message,
    attribute::{AttributeType, MappedAddress, OtherAddress},
    rules::{self, Answer as Verdict},
};

use crate::{
    BadAnswer,
    question::{Answer, Failure, Other, Outcome, QUIET, Question, Shape, Step, WITNESS},
};

/// Whether a response may come to this socket and from this address, as the question stands.
pub(crate) fn is_expected(question: &Question, received: &Received<'_>, other: Option<SocketAddr>) -> bool {
    let on = match question.step {
        // RFC 5780 4.6: to the port that was named, or to who asked where that port is its own by now.
        Step::LifetimeAsk => received.base == QUIET || received.base == WITNESS,
        _ => received.base == question.base,
    };
    let from = unscoped(received.from);
    // A server that ignores CHANGE-REQUEST answers from where it was asked: that is an answer, too.
    let changed = match question.shape {
        Shape::Change(_) => other.map(|other| changed_source(question, other)),
        _ => None,
    };
    on && (from == unscoped(question.to) || changed == Some(from))
}

/// Where the answer to a request with CHANGE-REQUEST comes from (RFC 5780 6.1, table 1).
pub(crate) fn changed_source(question: &Question, other: SocketAddr) -> SocketAddr {
    let Shape::Change(change) = question.shape else { return unscoped(question.to) };
    let ip = if change.ip { other.ip() } else { question.to.ip() };
    let port = if change.port { other.port() } else { question.to.port() };
    unscoped(SocketAddr::new(ip, port))
}

/// What a response says. `None` where it is none and the wait goes on.
pub(crate) fn read(message: &Message<'_>, received: &Received<'_>) -> Option<Outcome> {
    match rules::read_response(message, AttributeType::RFC_5780) {
        Ok(Verdict::Success) => Some(read_success(message, received)),
        // RFC 5780 5: an ALTERNATE-SERVER is not followed; another server knows nothing of this one's bindings.
        Ok(Verdict::Error(error)) => {
            let (code, reason) = (error.code(), error.reason().to_owned());
            Some(Outcome::Failed(Failure::Refused { code, reason }))
        }
        Err(bad) => bad.ends_transaction(false).then(|| failed(BadAnswer::NotStun)),
    }
}

const fn failed(problem: BadAnswer) -> Outcome {
    Outcome::Failed(Failure::Bad(problem))
}

fn read_success(message: &Message<'_>, received: &Received<'_>) -> Outcome {
    let mapped = match rules::mapped_address(message) {
        Ok(Some(mapped)) => mapped,
        Ok(None) => return failed(BadAnswer::NoXorMappedAddress),
        Err(_) => return failed(BadAnswer::XorMappedAddress),
    };
    // Nobody sends from there, and nothing may be sent to there.
    if check_destination(mapped).is_err() {
        return failed(BadAnswer::XorMappedAddress);
    }
    let other = match message.attribute::<OtherAddress>() {
        Ok(None) => Other::Missing,
        Ok(Some(OtherAddress(other))) => Other::At(other),
        Err(_) => Other::Malformed,
    };
    Outcome::Success(Answer {
        on: received.base,
        from: unscoped(received.from),
        mapped,
        // One that cannot be read says nothing.
        plain: message.attribute::<MappedAddress>().ok().flatten().map(|MappedAddress(plain)| plain),
        other,
        padded: message.has(AttributeType::PADDING),
        size: received.payload.len(),
    })
}
