//! The answers to a request, once its credentials were looked at (RFC 8489 9.2.5), and how often it is sent anew.

use std::time::Duration;

use floe_core::ServerTransport;
use floe_stun::{
    Message,
    attribute::ErrorCode,
    credentials::CredentialError,
    long_term::{Choice, Credential, LongTerm, Refusal, Reply, Token},
    rules::{Answer, SERVER_ERROR_RETRIES},
};

use crate::{
    KNOWN,
    config::ClientConfig,
    reason::{RequestError, is_server_trouble},
    request::{Flight, Request},
};

/// How many challenges of one request are answered: the first 401, and a nonce that went stale while the answer was
/// on its way, with some to spare.
const MAX_CHALLENGES: u8 = 4;
/// The first wait after a 5xx; it doubles.
const TROUBLE_WAIT: Duration = Duration::from_secs(1);

/// What follows a response.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The request succeeded.
    Success,
    /// Send it anew, at once or after a while.
    Again(Request, Option<Duration>),
    /// It failed.
    Failed(RequestError),
    /// Drop the response and wait on; it may be that somebody forges.
    Ignore { forged: bool },
}

/// The credentials of a client, and their rules.
#[derive(Debug)]
pub(crate) struct Auth {
    long_term: LongTerm,
    transport: ServerTransport,
}

impl Auth {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, CredentialError> {
        let long_term = match &config.access_token {
            Some(token) => LongTerm::with_token(token.clone()),
            None => LongTerm::new(&config.username, &config.password, Choice::Strongest)?,
        };
        Ok(Self { long_term, transport: config.transport })
    }

    /// Another token takes the place of one that was refused, or is about to be.
    pub(crate) fn set_token(&mut self, token: Token) {
        self.long_term.set_token(token);
    }

    /// What to sign the next request with.
    pub(crate) const fn credential(&self) -> Option<&std::sync::Arc<Credential>> {
        self.long_term.credential()
    }

    /// Judges the response to a request under way.
    pub(crate) fn judge(&mut self, response: &Message<'_>, flight: &Flight) -> Verdict {
        match self.long_term.receive(response, flight.credential.as_deref(), KNOWN) {
            Ok(Reply::Retry) => challenged(response, flight.request),
            Ok(Reply::Refused(refusal)) => Verdict::Failed(RequestError::Refused(refusal)),
            Ok(Reply::Answer(Answer::Success)) => Verdict::Success,
            Ok(Reply::Answer(Answer::Error(error))) => {
                // Of a request without credentials nothing vouches for the answer but the transport, whatever it holds.
                let vouched = self.transport.is_secure() || flight.credential.is_some();
                failed(response, error, flight.request, vouched)
            }
            // RFC 8489 9.2.5: on a stream nobody else can write, so that there is nothing to wait for.
            Err(reason) if reason.ends_transaction(self.transport.is_reliable()) => {
                let forged = reason.violates_integrity();
                Verdict::Failed(if forged {
                    RequestError::IntegrityViolated
                } else {
                    RequestError::Malformed
                })
            }
            Err(reason) => Verdict::Ignore { forged: reason.violates_integrity() },
        }
    }
}

fn challenged(response: &Message<'_>, request: Request) -> Verdict {
    let challenges = request.challenges + 1;
    if challenges <= MAX_CHALLENGES {
        return Verdict::Again(Request { challenges, ..request }, None);
    }
    let code = response.attribute::<ErrorCode<'_>>().ok().flatten().map(|error| error.code());
    Verdict::Failed(match code {
        Some(ErrorCode::STALE_NONCE) => RequestError::StaleNonce,
        _ => RequestError::Refused(Refusal::Unauthenticated),
    })
}

fn failed(response: &Message<'_>, error: ErrorCode<'_>, request: Request, vouched: bool) -> Verdict {
    // RFC 8489 6.3.4: the server's trouble may pass.
    if is_server_trouble(error.code()) && request.troubles < SERVER_ERROR_RETRIES {
        let wait = TROUBLE_WAIT.saturating_mul(1 << request.troubles);
        let again = Request { troubles: request.troubles + 1, in_doubt: true, ..request };
        return Verdict::Again(again, Some(wait));
    }
    Verdict::Failed(RequestError::of_response(error.code(), response, vouched))
}
