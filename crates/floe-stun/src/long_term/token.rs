//! An access token as a credential (RFC 7635).

use std::fmt;

use crate::{
    attribute::AccessToken,
    credentials::{self, CredentialError},
    header::Method,
    key::Key,
};

/// What an authorization server gives a client instead of name and password: the id of a key, the key, and a token for the
/// server to find the key in.
///
/// How it is fetched, over OAuth 2.0 as a rule, is the caller's; so is fetching another before it expires. `Debug` shows
/// nothing of it.
#[derive(Clone)]
pub struct Token {
    kid: String,
    key: Key,
    token: Vec<u8>,
}

impl Token {
    /// TURN's Allocate (RFC 8656 17).
    const ALLOCATE: u16 = 0x003;
    /// TURN's Refresh (RFC 8656 17).
    const REFRESH: u16 = 0x004;

    /// The token of this key: `kid` goes out as USERNAME, `mac_key` signs as it is, and `token` is opaque.
    ///
    /// The key and the token are bytes: where they came as base64, decode them before.
    ///
    /// # Errors
    /// The id of the key is no user name, or key or token are empty.
    pub fn new(kid: &str, mac_key: &[u8], token: impl Into<Vec<u8>>) -> Result<Self, CredentialError> {
        let kid = credentials::prepare_username(kid)?.into_owned();
        let token = token.into();
        if mac_key.is_empty() {
            return Err(CredentialError::NoKey);
        }
        if token.is_empty() {
            return Err(CredentialError::NoToken);
        }
        Ok(Self { kid, key: Key::from_bytes(mac_key), token })
    }

    /// The id of the key, which is the user's name to the server.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// What a request of this method carries of it. RFC 7635 9: only an Allocate or a Refresh; after them the server knows
    /// the key.
    pub(super) fn attribute(&self, method: Method) -> Option<AccessToken<'_>> {
        matches!(method.get(), Self::ALLOCATE | Self::REFRESH).then(|| AccessToken::new(&self.token))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}
