//! What the requests to one server are signed with.

use std::{borrow::Cow, fmt};

use sha2::{Digest as _, Sha256};

use super::{Choice, Refusal, SecurityFeatures};
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
    realm: String,
    nonce: String,
    algorithms: Option<Algorithms>,
    key: Key,
}

/// How the user is named.
#[derive(Clone, PartialEq, Eq)]
enum User {
    Name(String),
    Hash(UserHash),
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
        Ok(Self { user, realm: realm.to_owned(), nonce: nonce.to_owned(), algorithms, key })
    }

    /// Appends the user, the realm, the nonce, and integrity (RFC 8489 9.2.3.2, 9.2.5). What comes back takes
    /// FINGERPRINT and nothing else.
    ///
    /// Where the server offered algorithms, they go back as they came, and integrity is MESSAGE-INTEGRITY-SHA256 only.
    ///
    /// # Errors
    /// The buffer is too small, the name too long, or integrity was already written.
    pub fn sign<'b>(&self, writer: MessageWriter<'b>) -> Result<MessageWriter<'b>, WriteError> {
        let writer = match &self.user {
            User::Name(name) => writer.attribute(&Username::new(name))?,
            User::Hash(hash) => writer.attribute(hash)?,
        };
        // As they came, even if longer than one may send of one's own accord: the server must know them again.
        let realm = RawAttribute { kind: AttributeType::REALM, value: self.realm.as_bytes() };
        let nonce = RawAttribute { kind: AttributeType::NONCE, value: self.nonce.as_bytes() };
        let writer = writer.attribute(&realm)?.attribute(&nonce)?;
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

    /// The same, with another nonce; `None` for another realm.
    pub(super) fn renewed(&self, realm: &str, nonce: &str) -> Option<Self> {
        (self.realm == realm).then(|| Self { nonce: nonce.to_owned(), ..self.clone() })
    }

    /// Whether it names the same user in the same realm, so that only the nonce differs.
    pub(super) fn is_same_user(&self, other: &Self) -> bool {
        let same = self.user == other.user && self.realm == other.realm;
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

/// RFC 8489 14.4.
fn user_hash(username: &str, realm: &str) -> UserHash {
    let digest = Sha256::new().chain_update(unquoted(username)).chain_update(":");
    UserHash(digest.chain_update(unquoted(realm)).finalize().into())
}
