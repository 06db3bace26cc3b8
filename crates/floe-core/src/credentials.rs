//! ICE credentials (RFC 8445 5.3, RFC 8839 5.4).

use std::fmt;

use rand::{CryptoRng, RngExt as _};
use zeroize::Zeroizing;

use crate::foundation::is_ice_char;

/// A user name fragment and password: what a peer must know to be answered.
///
/// `Debug` shows the fragment, which every check carries in the clear, and never the password; what a dropped one held
/// of the password is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: Box<str>,
    pwd: Zeroizing<Box<str>>,
}

/// Characters of a generated fragment: 8 of 64 make 48 bits, where RFC 8445 5.3 asks for 24.
const UFRAG_LENGTH: usize = 8;
/// Characters of a generated password: 24 of 64 make 144 bits, where RFC 8445 5.3 asks for 128.
const PWD_LENGTH: usize = 24;

impl Credentials {
    /// New ones from a cryptographic generator: 48 and 144 random bits.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self { ufrag: random_text(rng, UFRAG_LENGTH), pwd: Zeroizing::new(random_text(rng, PWD_LENGTH)) }
    }

    /// These ones, checked.
    ///
    /// # Errors
    /// The fragment is not 4 to 256, or the password not 22 to 256 ice-chars (RFC 8839 5.4).
    pub fn new(ufrag: &str, pwd: &str) -> Result<Self, CredentialsError> {
        check_ufrag(ufrag)?;
        check_pwd(pwd)?;
        Ok(Self { ufrag: ufrag.into(), pwd: Zeroizing::new(pwd.into()) })
    }

    /// These ones, chosen for this agent rather than received: like [`new`](Self::new), with what holds for sending.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and the fragment has more than 32 characters (RFC 8839 5.4).
    pub fn for_sending(ufrag: &str, pwd: &str) -> Result<Self, CredentialsError> {
        if ufrag.len() > 32 {
            return Err(CredentialsError::UfragTooLongToSend(ufrag.len()));
        }
        Self::new(ufrag, pwd)
    }

    /// The user name fragment.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password. A secret: it belongs into signalling and nowhere else.
    #[must_use]
    pub fn pwd(&self) -> &str {
        &self.pwd
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Text of so many random ice-chars; each of the 64 is equally likely.
fn random_text(rng: &mut impl CryptoRng, length: usize) -> Box<str> {
    const CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // In one piece from the start: a text that grows leaves copies of a secret behind.
    let mut text = String::with_capacity(length);
    text.extend(
        (0..length)
            .filter_map(|_| CHARS.get(usize::from(rng.random::<u8>() & 63)))
            .map(|&byte| char::from(byte)),
    );
    text.into()
}

/// Checks a user name fragment alone.
pub(crate) fn check_ufrag(ufrag: &str) -> Result<(), CredentialsError> {
    if !(4..=256).contains(&ufrag.len()) {
        return Err(CredentialsError::UfragLength(ufrag.len()));
    }
    ufrag.chars().find(|&c| !is_ice_char(c)).map_or(Ok(()), |c| Err(CredentialsError::UfragCharacter(c)))
}

/// Checks a password alone.
pub(crate) fn check_pwd(pwd: &str) -> Result<(), CredentialsError> {
    if !(22..=256).contains(&pwd.len()) {
        return Err(CredentialsError::PwdLength(pwd.len()));
    }
    // A character of a secret is not repeated in an error that may be logged.
    if pwd.chars().all(is_ice_char) { Ok(()) } else { Err(CredentialsError::PwdCharacter) }
}

/// Why texts are no ICE credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The fragment is too short or too long.
    #[error("a ufrag has 4 to 256 characters, this one {0}")]
    UfragLength(usize),
    /// The fragment is good to receive and too long to send: take at most 32 characters.
    #[error("a ufrag that is sent has at most 32 characters, this one {0}")]
    UfragTooLongToSend(usize),
    /// The fragment holds something that is no letter, digit, `+` or `/`.
    #[error("{0:?} in the ufrag is no ice-char")]
    UfragCharacter(char),
    /// The password is too short or too long.
    #[error("a password has 22 to 256 characters, this one {0}")]
    PwdLength(usize),
    /// The password holds something that is no letter, digit, `+` or `/`.
    #[error("the password holds a character that is no ice-char")]
    PwdCharacter,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{SeedableRng as _, rngs::ChaCha20Rng};

    use super::*;

    // proves: 8445-5.3-a
    #[test]
    fn a_hundred_thousand_credentials_are_long_enough_and_all_different() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut seen = BTreeSet::new();
        for _ in 0..100_000 {
            let made = Credentials::random(&mut rng);
            assert_eq!(Credentials::new(made.ufrag(), made.pwd()).as_ref(), Ok(&made));
            // 6 bits a character.
            assert!(made.ufrag().len() * 6 >= 24 && made.pwd().len() * 6 >= 128);
            assert!(seen.insert(made.ufrag.clone()) && seen.insert(made.pwd().into()));
        }
    }

    #[test]
    fn lengths_and_characters_are_checked() {
        let pwd = "x".repeat(22);
        let new = |ufrag: &str, pwd: &str| Credentials::new(ufrag, pwd).map(|_| ());
        assert_eq!(new("abcd", &pwd), Ok(()));
        assert_eq!(new(&"u".repeat(256), &"p".repeat(256)), Ok(()));
        assert_eq!(new("abc", &pwd), Err(CredentialsError::UfragLength(3)));
        assert_eq!(new(&"u".repeat(257), &pwd), Err(CredentialsError::UfragLength(257)));
        assert_eq!(new("ab:d", &pwd), Err(CredentialsError::UfragCharacter(':')));
        assert_eq!(new("abcd", &"p".repeat(21)), Err(CredentialsError::PwdLength(21)));
        assert_eq!(new("abcd", &"p".repeat(257)), Err(CredentialsError::PwdLength(257)));
        assert_eq!(new("abcd", &format!("{pwd} ")), Err(CredentialsError::PwdCharacter));
    }

    #[test]
    fn what_is_sent_has_a_shorter_ufrag() {
        let pwd = "x".repeat(22);
        let sending = |length| Credentials::for_sending(&"u".repeat(length), &pwd).map(|_| ());
        assert_eq!(sending(32), Ok(()));
        assert_eq!(sending(33), Err(CredentialsError::UfragTooLongToSend(33)));
        assert_eq!(sending(3), Err(CredentialsError::UfragLength(3)));
    }

    #[test]
    fn debug_never_shows_the_password() {
        let credentials = Credentials::new("frag", "secretsecretsecretsecret").unwrap();
        let shown = format!("{credentials:?}");
        assert!(shown.contains("frag") && !shown.contains("secret"), "{shown}");
    }
}
