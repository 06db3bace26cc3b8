//! The key of MESSAGE-INTEGRITY (RFC 8489 9.1.1, 14.5, 14.6).

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// What proves that a message comes from one who knows the password.
///
/// It keeps the HMAC states that the password leads to, so that a message costs only its own bytes: make one per
/// credential and keep it. Those states are overwritten when it is dropped; `Debug` shows nothing of them.
#[derive(Clone)]
pub struct Key {
    sha1: Hmac<Sha1>,
    sha256: Hmac<Sha256>,
}

impl Key {
    /// The key of a short-term credential (RFC 8489 9.1.1).
    ///
    /// The password is taken as [prepared](crate::credentials::prepare). Those of ICE, letters, digits, `+` and `/`, are
    /// so by nature.
    #[must_use]
    pub fn short_term(password: &str) -> Self {
        Self::from_bytes(password.as_bytes())
    }

    /// The key of these bytes, such as a digest of a long-term credential (RFC 8489 9.2.2).
    #[must_use]
    pub fn from_bytes(key: &[u8]) -> Self {
        Self {
            sha1: Hmac::new_from_slice(key).expect("invariant: HMAC takes keys of any length"),
            sha256: Hmac::new_from_slice(key).expect("invariant: HMAC takes keys of any length"),
        }
    }

    /// The key of a long-term credential (RFC 8489 9.2.2): the digest of name, realm and password.
    ///
    /// The texts are taken as [prepared](crate::credentials::prepare). Quotes around name and realm and trailing NULs, which
    /// some send, do not count.
    #[must_use]
    pub fn long_term(derivation: KeyDerivation, username: &str, realm: &str, password: &str) -> Self {
        let password = password.trim_end_matches('\0');
        let parts = [unquoted(username), ":", unquoted(realm), ":", password];
        match derivation {
            KeyDerivation::Md5 => {
                let digest = parts.iter().fold(Md5::new(), Md5::chain_update);
                Self::from_bytes(&digest.finalize())
            }
            KeyDerivation::Sha256 => {
                let digest = parts.iter().fold(Sha256::new(), Sha256::chain_update);
                Self::from_bytes(&digest.finalize())
            }
        }
    }

    /// HMAC-SHA1 over the parts in a row.
    pub(crate) fn sha1(&self, parts: &[&[u8]]) -> [u8; 20] {
        let mut mac = self.sha1.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// HMAC-SHA256 over the parts in a row.
    pub(crate) fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.sha256.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// How the key of a long-term credential is made of its password (RFC 8489 18.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyDerivation {
    /// By MD5, as before RFC 8489.
    Md5,
    /// By SHA-256.
    Sha256,
}

/// Without the quotes around it and NULs behind it (RFC 8489 9.2.2).
pub(crate) fn unquoted(text: &str) -> &str {
    let text = text.trim_end_matches('\0');
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // The second cases of RFC 2202 and RFC 4231, which share key and text.
    #[test]
    fn both_hmacs_give_the_published_digests_however_the_text_is_cut() {
        let key = Key::from_bytes(b"Jefe");
        let text = b"what do ya want for nothing?";
        for cut in 0..=text.len() {
            let (head, tail) = text.split_at(cut);
            assert_eq!(hex(&key.sha1(&[head, tail])), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
            assert_eq!(
                hex(&key.sha256(&[head, tail])),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            );
        }
    }

    // proves: 8489-9.2.2-a
    #[test]
    fn a_long_term_key_is_the_digest_of_name_realm_and_password() {
        let digest =
            [0x84, 0x93, 0xfb, 0xc5, 0x3b, 0xa5, 0x82, 0xfb, 0x4c, 0x04, 0x4c, 0x45, 0x6b, 0xdc, 0x40, 0xeb];
        let expected = Key::from_bytes(&digest).sha1(&[b"x"]);
        let texts = [("user", "realm", "pass"), ("\"user\"\0", "\"realm\"\0\0", "pass\0")];
        for (username, realm, password) in texts {
            let key = Key::long_term(KeyDerivation::Md5, username, realm, password);
            assert_eq!(key.sha1(&[b"x"]), expected);
        }
        let digest = Sha256::digest("user:realm:pass");
        let key = Key::long_term(KeyDerivation::Sha256, "user", "realm", "pass");
        assert_eq!(key.sha256(&[b"x"]), Key::from_bytes(&digest).sha256(&[b"x"]));
    }

    #[test]
    fn a_key_longer_than_a_block_is_taken() {
        let long = "p".repeat(200);
        assert_ne!(Key::short_term(&long).sha1(&[b"x"]), Key::short_term(&long[1..]).sha1(&[b"x"]));
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Key::short_term("secret")), "Key { .. }");
    }
}
