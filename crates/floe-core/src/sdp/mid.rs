//! `mid` (RFC 5888 4): the name of a media section.

use std::{fmt, str::FromStr};

use super::line::is_token;

/// The identification tag of a media section: a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid(Box<str>);

impl Mid {
    /// The most bytes of a tag. Browsers take one or two digits.
    pub const MAX_LENGTH: usize = 256;

    /// The tag with this text.
    ///
    /// # Errors
    /// The text is empty, too long, or holds what cannot stand in a token.
    pub fn new(text: &str) -> Result<Self, MidError> {
        if is_token(text) && text.len() <= Self::MAX_LENGTH { Ok(Self(text.into())) } else { Err(MidError) }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mid {
    type Err = MidError;

    fn from_str(text: &str) -> Result<Self, MidError> {
        Self::new(text)
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no token of 1 to 256 characters: take letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mid is a token of 1 to {max} characters", max = Mid::MAX_LENGTH)]
pub struct MidError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mid_is_a_token() {
        for good in ["0", "audio", "a-b.c_d", &"x".repeat(256)] {
            assert_eq!(good.parse::<Mid>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\r\na=ice-lite", "\u{e4}", &"x".repeat(257)] {
            assert_eq!(bad.parse::<Mid>(), Err(MidError), "{bad}");
        }
    }
}
