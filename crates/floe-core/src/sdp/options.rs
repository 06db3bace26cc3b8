//! `ice-options` (RFC 8839 5.6).

use std::{fmt, str::FromStr};

use crate::foundation::is_ice_char;

/// The extensions an agent supports: tokens of ice-chars, each once, in the order they came. Unknown ones are kept and
/// mean nothing.
///
/// ```
/// use floe_core::IceOptions;
///
/// let options: IceOptions = "ice2 trickle rtp+ecn".parse()?;
/// assert!(options.contains(IceOptions::TRICKLE) && !options.contains(IceOptions::RENOMINATION));
/// # Ok::<(), floe_core::IceOptionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IceOptions {
    tokens: Vec<Box<str>>,
}

impl IceOptions {
    /// The peer speaks RFC 8445 and not only RFC 5245.
    pub const ICE2: &'static str = "ice2";
    /// The peer takes candidates after the description (RFC 8838 3).
    pub const TRICKLE: &'static str = "trickle";
    /// The peer takes a second nomination (draft-thatcher-ice-renomination).
    pub const RENOMINATION: &'static str = "renomination";

    /// The most tokens that are kept; the registry of RFC 8839 10.2 has fewer than ten.
    pub const MAX_TOKENS: usize = 64;

    /// No options.
    #[must_use]
    pub const fn new() -> Self {
        Self { tokens: Vec::new() }
    }

    /// These options and one more, if it is not there yet.
    ///
    /// # Errors
    /// The token is empty or holds something else than ice-chars, or there are too many already.
    pub fn with(mut self, token: &str) -> Result<Self, IceOptionsError> {
        self.add(token)?;
        Ok(self)
    }

    /// Whether this option is there.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.tokens.iter().any(|have| &**have == token)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|token| &**token)
    }

    /// Takes in every good token of the value of an attribute.
    ///
    /// # Errors
    /// What is wrong with the first of the others.
    pub(super) fn take(&mut self, value: &str) -> Result<(), IceOptionsError> {
        value.split_ascii_whitespace().map(|token| self.add(token)).fold(Ok(()), Result::and)
    }

    /// These and the others.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.tokens.extend(other.tokens.iter().filter(|token| !self.contains(token)).cloned());
        all
    }

    fn add(&mut self, token: &str) -> Result<(), IceOptionsError> {
        if token.is_empty() || !token.chars().all(is_ice_char) {
            return Err(IceOptionsError::Token);
        }
        if self.contains(token) {
            return Ok(());
        }
        if self.tokens.len() >= Self::MAX_TOKENS {
            return Err(IceOptionsError::TooMany);
        }
        self.tokens.push(token.into());
        Ok(())
    }
}

impl fmt::Display for IceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tokens.join(" "))
    }
}

impl FromStr for IceOptions {
    type Err = IceOptionsError;

    /// Reads the value of the attribute; more than one space between the tokens does no harm.
    fn from_str(text: &str) -> Result<Self, IceOptionsError> {
        let mut options = Self::new();
        text.split_ascii_whitespace().try_for_each(|token| options.add(token))?;
        Ok(options)
    }
}

/// Why a text is no list of options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IceOptionsError {
    /// A token is empty or holds something else than letters, digits, `+` and `/`: leave it out.
    #[error("an option is not made of ice-chars")]
    Token,
    /// There are more than [`IceOptions::MAX_TOKENS`]: leave some out.
    #[error("there are more than {max} options", max = IceOptions::MAX_TOKENS)]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_in_order_and_each_is_there_once() {
        let options: IceOptions = "ice2  rtp+ecn trickle ice2".parse().unwrap();
        assert_eq!(options.to_string(), "ice2 rtp+ecn trickle");
        assert_eq!(options.iter().collect::<Vec<_>>(), ["ice2", "rtp+ecn", "trickle"]);
        // RFC 8839 5.6: tokens are compared as they are.
        assert!(options.contains("rtp+ecn") && !options.contains("ICE2") && !options.contains("ice"));
        assert!("".parse::<IceOptions>().unwrap().is_empty());
    }

    #[test]
    fn bad_tokens_and_floods_are_refused() {
        assert_eq!("ice2 google-ice".parse::<IceOptions>(), Err(IceOptionsError::Token));
        assert_eq!(IceOptions::new().with("a b"), Err(IceOptionsError::Token));
        assert_eq!(IceOptions::new().with(""), Err(IceOptionsError::Token));
        let tokens = |count: u32| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(tokens(64).parse::<IceOptions>().unwrap().iter().count(), 64);
        assert_eq!(tokens(65).parse::<IceOptions>(), Err(IceOptionsError::TooMany));
    }
}
