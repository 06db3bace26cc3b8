//! What the requests to one server are signed with.

use std::{borrow::Cow, fmt, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{Choice, Refusal, SecurityFeatures, Token};
use crate::{
    attribute::{AttributeType, PasswordAlgorithm, PasswordAlgorithms, RawAttribute, UserHash, Username},
    credentials,
    key::{Key, KeyDerivation, unquoted},
    message::IntegrityKind,
    writer::{MessageWriter, WriteError},
};

/// The most bytes of PASSWORD-ALGORITHMS that are kept to be sent back; two algorithms take eight.
const MAX_ALGORITHMS: usize = 256;

/// A name in a realm, its key, and the nonce that the server wants back.
///
/// `Debug` shows none of them.
#[derive(Clone)]
pub struct Credential {
    user: User,
    /// Only with a token there may be none (RFC 7635 4).
    realm: Option<String>,
    nonce: String,
    algorithms: Option<Algorithms>,
    key: Key,
}

/// How the user is named.
#[derive(Clone)]
enum User {
    Name(String),
    Hash(UserHash),
    /// By the id of a key.
    Token(Arc<Token>),
}

impl User {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(own), Self::Name(other)) => own == other,
            (Self::Hash(own), Self::Hash(other)) => own == other,
            // Another token of the same key counts as another: it may be that the first has expired.
            (Self::Token(own), Self::Token(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}

/// What was offered, to the byte, and what of it was chosen.
#[derive(Clone, PartialEq, Eq)]
struct Algorithms {
    offered: Vec<u8>,
    chosen: KeyDerivation,
}

impl Credential {
    pub(super) fn new(
        username: &str,
        password: &str,
        realm: &str,
        nonce: &str,
        offered: Option<PasswordAlgorithms<'_>>,
        choice: Choice,
    ) -> Result<Self, Refusal> {
        // RFC 8489 9.2.2, 14.4. What the profile does not allow the server has not prepared either: it counts as it came.
        let prepared = credentials::prepare(realm.trim_end_matches('\0')).unwrap_or(Cow::Borrowed(realm));
        let algorithms = offered.map(|offered| Algorithms::choose(offered, choice)).transpose()?;
        let derivation = algorithms.as_ref().map_or(KeyDerivation::Md5, |algorithms| algorithms.chosen);
        let features = SecurityFeatures::of_nonce(nonce).unwrap_or_default();
        let user = if features.username_anonymity {
            User::Hash(user_hash(username, &prepared))
        } else {
            User::Name(username.to_owned())
        };
        let key = Key::long_term(derivation, username, &prepared, password);
        Ok(Self { user, realm: Some(realm.to_owned()), nonce: nonce.to_owned(), algorithms, key })
    }

    /// With a token (RFC 7635 5).
    ///
    /// Its key is no password's digest and its integrity is MESSAGE-INTEGRITY, so that no algorithm has to be agreed on. Nor
    /// is the id of a key hidden, for it names nobody, and the server needs it to read the token.
    pub(super) fn of_token(token: Arc<Token>, realm: Option<&str>, nonce: &str) -> Self {
        let key = token.key().clone();
        let realm = realm.map(str::to_owned);
        Self { user: User::Token(token), realm, nonce: nonce.to_owned(), algorithms: None, key }
    }

    /// The same realm and nonce, with this token.
    pub(super) fn with_token(&self, token: Arc<Token>) -> Self {
        Self::of_token(token, self.realm.as_deref(), &self.nonce)
    }

    /// Appends the user, the realm, the nonce, and integrity (RFC 8489 9.2.3.2, 9.2.5). What comes back takes
    /// FINGERPRINT and nothing else.
    ///
    /// Where the server offered algorithms, they go back as they came, and integrity is MESSAGE-INTEGRITY-SHA256 only. An
    /// access token goes with Allocate and Refresh requests, and with no other (RFC 7635 9).
    ///
    /// # Errors
    /// The buffer is too small, the name too long, or integrity was already written.
    pub fn sign<'b>(&self, writer: MessageWriter<'b>) -> Result<MessageWriter<'b>, WriteError> {
        let writer = match &self.user {
            User::Name(name) => writer.attribute(&Username::new(name))?,
            User::Hash(hash) => writer.attribute(hash)?,
            User::Token(token) => {
                let method = writer.method();
                writer.attribute(&Username::new(token.kid()))?.optional(token.attribute(method).as_ref())?
            }
        };
        // As they came, even if longer than one may send of one's own accord: the server must know them again.
        let realm = self.realm.as_deref().map(|realm| raw(AttributeType::REALM, realm));
        let nonce = raw(AttributeType::NONCE, &self.nonce);
        let writer = writer.optional(realm.as_ref())?.attribute(&nonce)?;
        match &self.algorithms {
            Some(algorithms) => writer
                .attribute(&PasswordAlgorithms::from_bytes(&algorithms.offered))?
                .attribute(&algorithms.attribute())?
                .integrity_sha256(&self.key),
            None => writer.integrity(&self.key),
        }
    }

    /// The integrity attribute that a request signed with it has, and its response has to have.
    #[must_use]
    pub const fn integrity(&self) -> IntegrityKind {
        if self.algorithms.is_some() { IntegrityKind::Sha256 } else { IntegrityKind::Sha1 }
    }

    /// The key that requests are signed with and responses verified.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    pub(super) const fn has_algorithms(&self) -> bool {
        self.algorithms.is_some()
    }

    pub(super) const fn has_token(&self) -> bool {
        matches!(self.user, User::Token(_))
    }

    /// The same, with another nonce; `None` for another realm.
    pub(super) fn renewed(&self, realm: &str, nonce: &str) -> Option<Self> {
        (self.realm.as_deref() == Some(realm)).then(|| Self { nonce: nonce.to_owned(), ..self.clone() })
    }

    /// Whether it names the same user in the same realm, so that only the nonce differs.
    pub(super) fn is_same_user(&self, other: &Self) -> bool {
        let same = self.user.is(&other.user) && self.realm == other.realm;
        same && self.algorithms == other.algorithms
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("integrity", &self.integrity()).finish_non_exhaustive()
    }
}

impl Algorithms {
    fn choose(offered: PasswordAlgorithms<'_>, choice: Choice) -> Result<Self, Refusal> {
        if offered.as_bytes().len() > MAX_ALGORITHMS {
            return Err(Refusal::NoCommonAlgorithm);
        }
        let mut known = offered.iter().filter_map(derivation_of);
        let chosen = match choice {
            Choice::First => known.next(),
            Choice::Strongest => known.max(),
        };
        let chosen = chosen.ok_or(Refusal::NoCommonAlgorithm)?;
        Ok(Self { offered: offered.as_bytes().to_vec(), chosen })
    }

    const fn attribute(&self) -> PasswordAlgorithm<'static> {
        match self.chosen {
            KeyDerivation::Md5 => PasswordAlgorithm::MD5,
            KeyDerivation::Sha256 => PasswordAlgorithm::SHA256,
        }
    }
}

fn derivation_of(algorithm: PasswordAlgorithm<'_>) -> Option<KeyDerivation> {
    match algorithm {
        PasswordAlgorithm::MD5 => Some(KeyDerivation::Md5),
        PasswordAlgorithm::SHA256 => Some(KeyDerivation::Sha256),
        // Unknown, or with parameters that nobody has defined.
        _ => None,
    }
}

const fn raw(kind: AttributeType, text: &str) -> RawAttribute<'_> {
    RawAttribute { kind, value: text.as_bytes() }
}

/// RFC 8489 14.4.
fn user_hash(username: &str, realm: &str) -> UserHash {
    let digest = Sha256::new().chain_update(unquoted(username)).chain_update(":");
    UserHash(digest.chain_update(unquoted(realm)).finalize().into())
}
