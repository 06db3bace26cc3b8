//! The key of MESSAGE-INTEGRITY (RFC 8489 9.1.1, 14.5, 14.6).

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
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
    /// The password is taken as prepared by the OpaqueString profile (RFC 8265). Those of ICE, letters, digits, `+`
    /// and `/`, are so by nature.
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
