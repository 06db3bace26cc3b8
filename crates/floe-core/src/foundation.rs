//! Foundations (RFC 8445 5.1.1.3, RFC 8839 5.1).

use std::{fmt, str::FromStr};

/// What candidates have in common whose checks tend to end alike: 1 to 32 ice-chars.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Foundation(Box<str>);

impl Foundation {
    /// The foundation with this text.
    ///
    /// # Errors
    /// The text is empty, longer than 32 characters, or holds something that is no ice-char.
    pub fn new(text: &str) -> Result<Self, FoundationError> {
        if text.is_empty() || text.len() > 32 {
            return Err(FoundationError::Length(text.len()));
        }
        match text.chars().find(|&c| !is_ice_char(c)) {
            Some(c) => Err(FoundationError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u32> for Foundation {
    fn from(number: u32) -> Self {
        Self(number.to_string().into())
    }
}

impl FromStr for Foundation {
    type Err = FoundationError;

    fn from_str(text: &str) -> Result<Self, FoundationError> {
        Self::new(text)
    }
}

impl fmt::Debug for Foundation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Foundation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no foundation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoundationError {
    /// It is empty or too long: take 1 to 32 characters.
    #[error("a foundation has 1 to 32 characters, this one {0}")]
    Length(usize),
    /// It holds a character that is not a letter, a digit, `+` or `/`.
    #[error("{0:?} is no ice-char")]
    Character(char),
}

/// Whether this is an ice-char (RFC 8839 5.1): a letter, a digit, `+` or `/`.
pub(crate) fn is_ice_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foundation_is_1_to_32_ice_chars() {
        for good in ["1", "aZ9+/", &"x".repeat(32)] {
            assert_eq!(Foundation::new(good).unwrap().as_str(), good);
        }
        assert_eq!(Foundation::new(""), Err(FoundationError::Length(0)));
        assert_eq!(Foundation::new(&"x".repeat(33)), Err(FoundationError::Length(33)));
        assert_eq!(Foundation::new("a-b"), Err(FoundationError::Character('-')));
        assert_eq!(Foundation::new("ä"), Err(FoundationError::Character('ä')));
    }
}
