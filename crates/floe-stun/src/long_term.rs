//! The client's part of the long-term credential mechanism (RFC 8489 9.2).
//!
//! The user has a name and a password, or an access token that somebody else has issued ([`Token`], RFC 7635).
//!
//! A server answers the first request with a challenge: a realm and a nonce, and perhaps the algorithms it knows.
//! [`LongTerm`] makes a [`Credential`] of it, which signs the requests that follow, and says of every response whether
//! it is an answer, another challenge, or nothing to believe.
//!
//! ```text
//!   request ──> 401: realm, nonce ──> LongTerm::receive ── Retry ──> Credential::sign ──> request
//!   response ─> LongTerm::receive ──> Answer | Retry | Refused, or a reason to drop it
//! ```

mod cookie;
mod credential;
mod token;

use std::{fmt, sync::Arc};

pub use cookie::SecurityFeatures;
pub use credential::Credential;
pub use token::Token;

use zeroize::Zeroizing;

use crate::{
    attribute::{AttributeType, ErrorCode, Nonce, PasswordAlgorithms, Realm, ThirdPartyAuthorization},
    credentials::{self, CredentialError},
    message::{IntegrityError, Message},
    rules::{self, Answer, BadResponse, SentIntegrity},
};

/// Which of the offered algorithms to use, where the server offers several that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The first on the server's list (RFC 8489 9.2.5).
    First,
    /// SHA-256 (RFC 8656 6: TURN takes it wherever it is offered).
    Strongest,
}

/// What a user has, and what the server has asked for so far. `Debug` shows nothing of the former.
pub struct LongTerm {
    user: User,
    choice: Choice,
    credential: Option<Arc<Credential>>,
    /// What the server calls itself, if it takes tokens (RFC 7635 6.1).
    third_party: Option<Arc<str>>,
}

/// What a user has.
#[derive(Clone)]
enum User {
    Password { username: String, password: Zeroizing<String> },
    Token(Arc<Token>),
}

impl LongTerm {
    /// The credential of a server that was not asked yet. Name and password are [prepared](crate::credentials::prepare)
    /// here.
    ///
    /// # Errors
    /// One of them cannot be prepared, or the name is too long to be sent.
    pub fn new(username: &str, password: &str, choice: Choice) -> Result<Self, CredentialError> {
        let username = credentials::prepare_username(username)?.into_owned();
        let password = Zeroizing::new(credentials::prepare_password(password)?.into_owned());
        Ok(Self::of(User::Password { username, password }, choice))
    }

    /// The same with an access token (RFC 7635), which any challenge of the server is answered with.
    #[must_use]
    pub fn with_token(token: Token) -> Self {
        Self::of(User::Token(Arc::new(token)), Choice::First)
    }

    fn of(user: User, choice: Choice) -> Self {
        Self { user, choice, credential: None, third_party: None }
    }

    /// From now on this token counts: the first one after [`Refusal::TokenWanted`], or another before or after the last one
    /// has expired (RFC 7635 8, 9). Requests that follow, those that refresh among them, are signed with it.
    pub fn set_token(&mut self, token: Token) {
        let token = Arc::new(token);
        self.credential = self.credential.take().map(|sent| Arc::new(sent.with_token(token.clone())));
        self.user = User::Token(token);
    }

    /// The same user before another server, which was not asked yet: to follow a [redirection](crate::redirect) with the same
    /// credentials (RFC 8489 10).
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self::of(self.user.clone(), self.choice)
    }

    /// What the server calls itself before whoever issues tokens; `None` before it has said so (RFC 7635 6.1).
    #[must_use]
    pub fn third_party(&self) -> Option<&str> {
        self.third_party.as_deref()
    }

    /// What to sign the next request with; `None` before the server's first challenge: that request carries nothing of
    /// all this (RFC 8489 9.2.3.1).
    #[must_use]
    pub const fn credential(&self) -> Option<&Arc<Credential>> {
        self.credential.as_ref()
    }

    /// Reads the response to a request that was signed with this, or with nothing. A challenge is taken over.
    ///
    /// How often a request is sent anew is the caller's to bound: a server may answer 438 for ever. That the
    /// transaction is open, and the addresses are those of the request, are the caller's to check before.
    ///
    /// # Errors
    /// The response is to be dropped as if it had not come, unless [`Unbelieved::ends_transaction`].
    pub fn receive<'a>(
        &mut self,
        response: &Message<'a>,
        sent: Option<&Credential>,
        known: &[AttributeType],
    ) -> Result<Reply<'a>, Unbelieved> {
        if !response.class().is_response() {
            return Err(Unbelieved::Bad(BadResponse::NotAResponse));
        }
        let code = response.attribute::<ErrorCode<'_>>().ok().flatten().map(|error| error.code());
        // RFC 8489 6.3.4: before anything else, it has to be understood.
        let challenge = matches!(code, Some(ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE));
        if challenge && let Some(kind) = response.unknown_required(known).next() {
            return Err(Unbelieved::Bad(BadResponse::UnknownAttribute(kind)));
        }
        match code {
            Some(ErrorCode::UNAUTHENTICATED) => return Ok(self.challenged(response, sent, false)),
            Some(ErrorCode::STALE_NONCE) => return Ok(self.challenged(response, sent, true)),
            _ if was_bid_down(response) && !is_vouched_for(response, sent) => {
                return Err(Unbelieved::BidDown);
            }
            _ => {}
        }
        let unsigned = response.integrity_kind().is_none();
        if code == Some(ErrorCode::BAD_REQUEST) && unsigned {
            return Err(Unbelieved::UnsignedBadRequest);
        }
        read(response, sent, known).map(Reply::Answer).map_err(Unbelieved::Bad)
    }

    /// A 401 or, if the nonce is stale, a 438.
    fn challenged<'a>(
        &mut self,
        response: &Message<'a>,
        sent: Option<&Credential>,
        stale: bool,
    ) -> Reply<'a> {
        if let Some(server) = third_party(response) {
            self.third_party = Some(server);
        }
        let offerless = stale && !response.has(AttributeType::PASSWORD_ALGORITHMS);
        let chosen = sent.filter(|sent| offerless && sent.has_algorithms());
        let answer = match chosen {
            // What was chosen stays chosen, so that nothing is bid down. RFC 8489 9.2.5 would end it here, and with it
            // every allocation on servers that forget to repeat their offer.
            Some(sent) => renew(response, sent),
            None => self.answer(response),
        };
        match answer {
            // RFC 8489 9.2.5: the same name in the same realm would only be rejected again.
            Ok(credential) if !stale && sent.is_some_and(|sent| sent.is_same_user(&credential)) => {
                Reply::Refused(self.rejected(response))
            }
            Ok(credential) => {
                self.credential = Some(Arc::new(credential));
                Reply::Retry
            }
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    /// What the second 401 means.
    fn rejected(&self, response: &Message<'_>) -> Refusal {
        match &self.user {
            User::Token(_) => Refusal::TokenRefused { server: self.third_party.clone() },
            // RFC 7635 6.1: who has no token tries what he has. It did not help.
            User::Password { .. } => third_party(response)
                .map_or(Refusal::Unauthenticated, |server| Refusal::TokenWanted { server }),
        }
    }

    /// The credential that this challenge asks for.
    fn answer(&self, response: &Message<'_>) -> Result<Credential, Refusal> {
        let realm = response.attribute::<Realm<'_>>().ok().flatten().map(|realm| realm.as_str());
        let nonce = response.attribute::<Nonce<'_>>().ok().flatten().ok_or(Refusal::NoChallenge)?;
        match &self.user {
            User::Password { username, password } => {
                let realm = realm.ok_or(Refusal::NoChallenge)?;
                let offered = self.offered(response)?;
                Credential::new(username, password, realm, nonce.as_str(), offered, self.choice)
            }
            // Its integrity is always the same: there is nothing to bid down.
            User::Token(token) => Ok(Credential::of_token(token.clone(), realm, nonce.as_str())),
        }
    }

    /// The algorithms of a challenge.
    fn offered<'a>(&self, response: &Message<'a>) -> Result<Option<PasswordAlgorithms<'a>>, Refusal> {
        let offered =
            response.attribute::<PasswordAlgorithms<'_>>().map_err(|_| Refusal::NoCommonAlgorithm)?;
        // Who has offered algorithms once and does so no more was not the same, or somebody took them away.
        let offered_before = self.credential.as_ref().is_some_and(|before| before.has_algorithms());
        if offered.is_none() && (offered_before || was_bid_down(response)) {
            return Err(Refusal::BidDown);
        }
        Ok(offered)
    }
}

impl fmt::Debug for LongTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LongTerm").field("credential", &self.credential).finish_non_exhaustive()
    }
}

/// What a server that takes tokens calls itself (RFC 7635 6.1); what cannot be read is as good as no name.
fn third_party(response: &Message<'_>) -> Option<Arc<str>> {
    match response.attribute::<ThirdPartyAuthorization<'_>>() {
        Ok(name) => name.map(|name| name.as_str().into()),
        Err(_) => Some("".into()),
    }
}

/// Whether the nonce says that algorithms are offered, and none are (RFC 8489 9.2.5): someone on the way took them out.
fn was_bid_down(response: &Message<'_>) -> bool {
    let nonce = response.attribute::<Nonce<'_>>().ok().flatten();
    let features = nonce.and_then(|nonce| SecurityFeatures::of_nonce(nonce.as_str())).unwrap_or_default();
    features.password_algorithms && !response.has(AttributeType::PASSWORD_ALGORITHMS)
}

/// The credential as it was, with the nonce of this 438.
fn renew(response: &Message<'_>, sent: &Credential) -> Result<Credential, Refusal> {
    let realm = response.attribute::<Realm<'_>>().ok().flatten().ok_or(Refusal::NoChallenge)?;
    let nonce = response.attribute::<Nonce<'_>>().ok().flatten().ok_or(Refusal::NoChallenge)?;
    sent.renewed(realm.as_str(), nonce.as_str()).ok_or(Refusal::BidDown)
}

/// Whether the response is signed with the algorithm that was chosen from an offer: then nobody has taken one out. With a
/// token nothing is chosen.
///
/// RFC 8489 9.2.5 would ignore it all the same. Some servers send a nonce with every response and the offer only with
/// the first, and nothing is gained by not talking to them.
fn is_vouched_for(response: &Message<'_>, sent: Option<&Credential>) -> bool {
    sent.filter(|sent| sent.has_algorithms() || sent.has_token())
        .is_some_and(|sent| response.verify_integrity(sent.key()) == Ok(sent.integrity()))
}

/// Reads what is no challenge.
fn read<'a>(
    response: &Message<'a>,
    sent: Option<&Credential>,
    known: &[AttributeType],
) -> Result<Answer<'a>, BadResponse> {
    match sent {
        Some(sent) => {
            let only = SentIntegrity::Only(sent.integrity());
            rules::check_response(response, known, only, sent.key())
        }
        // Nothing can vouch for it. An error is taken all the same, for a server may refuse before it challenges, and
        // who could forge it could as well suppress the answer. A success would be a lie worth telling.
        None => match rules::read_response(response, known)? {
            Answer::Success => Err(BadResponse::Integrity(IntegrityError::Missing)),
            error @ Answer::Error(_) => Ok(error),
        },
    }
}

/// What a response means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The server has dealt with the request. An error that answers a request without credentials is vouched for by
    /// nobody.
    Answer(Answer<'a>),
    /// Another credential is there, [`LongTerm::credential`]: send the request anew with it, in a new transaction.
    Retry,
    /// The server wants credentials that cannot be given; to ask again is of no use (RFC 8489 9.2.5).
    Refused(Refusal),
}

/// Why a 401 or a 438 must not be followed by another request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server does not know the name, or has another password for it.
    #[error("the server does not take name and password")]
    Unauthenticated,
    /// It lacks a realm or a nonce: a broken server.
    #[error("a challenge without realm or nonce")]
    NoChallenge,
    /// The offered algorithms were taken out on the way, so that a weaker one be used.
    #[error("the offered password algorithms were taken out on the way")]
    BidDown,
    /// Every offered algorithm is unknown.
    #[error("none of the offered password algorithms is known")]
    NoCommonAlgorithm,
    /// The server does not take name and password, and says that it takes access tokens: fetch one and hand it in with
    /// [`LongTerm::set_token`] (RFC 7635 3).
    #[error("the server wants an access token for {server:?}")]
    TokenWanted {
        /// What the server calls itself before whoever issues tokens. Nothing vouches for it.
        server: Arc<str>,
    },
    /// The server does not take the access token: it has expired, or is another server's. Fetch another and hand it in with
    /// [`LongTerm::set_token`] (RFC 7635 8).
    #[error("the server does not take the access token")]
    TokenRefused {
        /// What the server calls itself before whoever issues tokens, if it has said so. Nothing vouches for it.
        server: Option<Arc<str>>,
    },
}

/// Why a response counts as not received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unbelieved {
    /// Its nonce says that algorithms are offered, and they are missing.
    #[error("the offered password algorithms were taken out on the way")]
    BidDown,
    /// A 400 that nothing vouches for: anybody can send it.
    #[error("a 400 without integrity")]
    UnsignedBadRequest,
    /// The rules of every response refuse it.
    #[error("{0}")]
    Bad(BadResponse),
}

impl Unbelieved {
    /// Whether the transaction fails because of it; otherwise the wait goes on. See [`BadResponse::ends_transaction`].
    #[must_use]
    pub const fn ends_transaction(self, reliable: bool) -> bool {
        match self {
            Self::BidDown | Self::UnsignedBadRequest => false,
            Self::Bad(bad) => bad.ends_transaction(reliable),
        }
    }

    /// Whether integrity was violated: [`Transactions::note_forged`](crate::Transactions::note_forged) wants to know.
    #[must_use]
    pub const fn violates_integrity(self) -> bool {
        match self {
            Self::BidDown | Self::UnsignedBadRequest => true,
            Self::Bad(bad) => bad.violates_integrity(),
        }
    }
}

#[cfg(test)]
mod tests;
