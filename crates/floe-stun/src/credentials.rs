//! User names and passwords as the protocol wants them: the OpaqueString profile (RFC 8265 4.2, RFC 8489 9.2.2, 14.3).

use std::borrow::Cow;

use precis_core::{
    CodepointInfo, DerivedPropertyValue, Error, UnexpectedError, profile::PrecisFastInvocation,
};
use precis_profiles::OpaqueString;

/// Prepares a user name, realm or password: other spaces become U+0020, and what can be written in several ways is
/// written in one (NFC). Case, width and direction stay. Printable ASCII is returned as it is, without a look at tables.
///
/// It is what both sides do to the same text, so that it does not matter how a keyboard has put it together.
///
/// ```
/// use floe_stun::credentials::{PrepareError, prepare};
///
/// assert_eq!(prepare("Ame\u{301}lie\u{a0}1"), Ok("Am\u{e9}lie 1".into()));
/// assert_eq!(prepare("a\tb"), Err(PrepareError::Disallowed { position: 1 }));
/// ```
///
/// # Errors
/// The text is no such string; which see. The tables are those of Unicode 6.3, which is what the registry of RFC 8264
/// has: of what came later, such as many emoji, nobody could be sure that the other side knows it.
pub fn prepare(text: &str) -> Result<Cow<'_, str>, PrepareError> {
    if is_plain(text) {
        return Ok(Cow::Borrowed(text));
    }
    OpaqueString::enforce(text).map_err(|error| PrepareError::of(&error, text))
}

/// What the profile never changes: some characters of ASCII, and none that control.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Why a text is no user name, realm or password. It tells where, and never what: the text may be a secret.
///
/// Positions count characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// It has no characters (RFC 8265 4.3): there has to be one.
    #[error("an empty text")]
    Empty,
    /// A character is never allowed, such as one that controls, or one that is not seen (RFC 8264 9): take it out.
    #[error("character {position} is not allowed")]
    Disallowed {
        /// Which character.
        position: usize,
    },
    /// A character is unknown to Unicode 6.3: choose another.
    #[error("character {position} is not known")]
    Unassigned {
        /// Which character.
        position: usize,
    },
    /// A character is allowed beside others only, such as a joiner (RFC 5892 A): take it out.
    #[error("character {position} is not allowed where it stands")]
    OutOfContext {
        /// Which character.
        position: usize,
    },
}

impl PrepareError {
    fn of(error: &Error, text: &str) -> Self {
        match error {
            Error::Invalid => Self::Empty,
            Error::BadCodepoint(at) => Self::of_character(at),
            Error::Unexpected(
                UnexpectedError::ContextRuleNotApplicable(at) | UnexpectedError::MissingContextRule(at),
            ) => Self::OutOfContext { position: at.position },
            Error::Unexpected(_) => Self::OutOfContext { position: at_the_edge(text) },
        }
    }

    const fn of_character(at: &CodepointInfo) -> Self {
        let position = at.position;
        match at.property {
            DerivedPropertyValue::Unassigned => Self::Unassigned { position },
            DerivedPropertyValue::ContextJ | DerivedPropertyValue::ContextO => {
                Self::OutOfContext { position }
            }
            _ => Self::Disallowed { position },
        }
    }
}

/// Which character wants another beyond the edge of the text: the last one, or, if the text is no better without it, the
/// first.
fn at_the_edge(text: &str) -> usize {
    let mut characters = text.chars();
    characters.next_back();
    let undefined = Err(Error::Unexpected(UnexpectedError::Undefined));
    if OpaqueString::enforce(characters.as_str()) == undefined { 0 } else { characters.count() }
}

/// Why nothing can be made of what a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The user name is none (RFC 8489 14.3).
    #[error("user name: {0}")]
    Username(PrepareError),
    /// No server knows such a name (RFC 8489 14.3): shorten it to 508 bytes.
    #[error("a user name of {0} bytes, where at most 508 are sent")]
    UsernameTooLong(usize),
    /// The password is none (RFC 8489 9.2.2).
    #[error("password: {0}")]
    Password(PrepareError),
    /// The key of an access token has no bytes (RFC 7635 4.1): nothing can be signed with it.
    #[error("an access token without a key")]
    NoKey,
    /// An access token has no bytes (RFC 7635 6.2): there is nothing to show the server.
    #[error("an empty access token")]
    NoToken,
}

/// The most bytes of a user name that is sent (RFC 8489 14.3).
const MAX_USERNAME: usize = 508;

/// Prepares a user name, and looks that it can be sent. Trailing NULs, which some have, do not count (RFC 8489 9.2.2).
pub(crate) fn prepare_username(username: &str) -> Result<Cow<'_, str>, CredentialError> {
    let name = prepare(username.trim_end_matches('\0')).map_err(CredentialError::Username)?;
    if name.len() > MAX_USERNAME { Err(CredentialError::UsernameTooLong(name.len())) } else { Ok(name) }
}

/// Prepares a password. Trailing NULs do not count (RFC 8489 9.2.2).
pub(crate) fn prepare_password(password: &str) -> Result<Cow<'_, str>, CredentialError> {
    prepare(password.trim_end_matches('\0')).map_err(CredentialError::Password)
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8489-9.2.2-a
    #[test]
    fn the_samples_of_the_profile_come_out_as_they_should() {
        // RFC 8265 4.3, table 3.
        for (text, prepared) in [
            ("correct horse battery staple", "correct horse battery staple"),
            ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
            ("\u{3c0}\u{df}\u{e5}", "\u{3c0}\u{df}\u{e5}"),
            ("Jack of \u{2666}s", "Jack of \u{2666}s"),
            ("foo\u{1680}bar", "foo bar"),
            // Width and case stay (4.2.2), a compatibility character too, for it is NFC and not NFKC.
            ("\u{ff21}\u{ff71}", "\u{ff21}\u{ff71}"),
            ("\u{2168}", "\u{2168}"),
            (
                "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}",
                "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}",
            ),
            // One letter of two ways to write it; a sign that is a letter.
            ("e\u{301}", "\u{e9}"),
            ("\u{212b}", "\u{c5}"),
            ("\u{3000}\u{a0}", "  "),
        ] {
            assert_eq!(prepare(text).as_deref(), Ok(prepared), "{text:?}");
            assert_eq!(prepare(prepared).as_deref(), Ok(prepared), "what was prepared stays");
        }
    }

    #[test]
    fn what_is_no_such_string_is_told_by_its_place() {
        use PrepareError::{Disallowed, Empty, OutOfContext, Unassigned};
        for (text, error) in [
            // RFC 8265 4.3, table 4.
            ("", Empty),
            ("my cat is a \tby", Disallowed { position: 12 }),
            ("\u{7f}", Disallowed { position: 0 }),
            ("a\0b", Disallowed { position: 1 }),
            // What is not seen, and what is for nobody to see.
            ("\u{e9}\u{e9}\u{200b}", Disallowed { position: 2 }),
            ("a\u{ad}b", Disallowed { position: 1 }),
            ("\u{e000}", Disallowed { position: 0 }),
            // Unicode 11.
            ("ab\u{1f970}", Unassigned { position: 2 }),
            // A joiner that joins nothing, and a middle dot between other letters than two l.
            ("\u{200d}", OutOfContext { position: 0 }),
            ("a\u{200d}b", OutOfContext { position: 1 }),
            ("a\u{b7}b", OutOfContext { position: 1 }),
            ("l\u{b7}", OutOfContext { position: 1 }),
            ("\u{b7}ll", OutOfContext { position: 0 }),
            ("\u{e9}\u{375}", OutOfContext { position: 1 }),
            ("\u{375}\u{3b1}l\u{b7}", OutOfContext { position: 3 }),
        ] {
            assert_eq!(prepare(text), Err(error), "{text:?}");
        }
        assert_eq!(prepare("l\u{b7}l").as_deref(), Ok("l\u{b7}l"));
    }

    // RFC 8489 B.1 prints the password of RFC 5769 2.4, as SASLprep had it: OpaqueString allows no soft hyphen, and leaves
    // the other signs as they are.
    #[test]
    fn the_password_of_rfc_8489_b_1_is_none() {
        let printed = "The\u{ad}M\u{aa}tr\u{2168}";
        assert_eq!(prepare(printed), Err(PrepareError::Disallowed { position: 3 }));
        let without = "TheM\u{aa}tr\u{2168}";
        assert_eq!(prepare(without).as_deref(), Ok(without));
    }

    #[test]
    fn a_name_is_measured_as_it_is_sent_and_nuls_behind_it_do_not_count() {
        // Three bytes each that become two.
        let name = "e\u{301}".repeat(254);
        assert_eq!(prepare_username(&name).map(|name| name.len()), Ok(508));
        let longer = format!("{name}a\0");
        assert_eq!(prepare_username(&longer), Err(CredentialError::UsernameTooLong(509)));
        assert_eq!(prepare_username("ann\0\0").as_deref(), Ok("ann"));
        assert_eq!(prepare_username("\0"), Err(CredentialError::Username(PrepareError::Empty)));
        assert_eq!(prepare_password("a b\0").as_deref(), Ok("a b"));
        let inside = PrepareError::Disallowed { position: 1 };
        assert_eq!(prepare_password("a\0b"), Err(CredentialError::Password(inside)));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn the_short_way_of_ascii_ends_where_the_long_one_does(text in "[ -~]{0,40}") {
            let long = OpaqueString::enforce(text.as_str()).map_err(|error| PrepareError::of(&error, &text));
            proptest::prop_assert_eq!(prepare(&text), long);
        }

        #[test]
        fn every_byte_of_ascii_goes_the_same_way(text in "[\\x00-\\x7f]{0,4}") {
            let long = OpaqueString::enforce(text.as_str()).map_err(|error| PrepareError::of(&error, &text));
            proptest::prop_assert_eq!(prepare(&text), long);
        }

        #[test]
        fn no_text_does_harm_and_what_was_prepared_stays(text in "\\PC{0,20}|[\u{80}-\u{2ff}\u{300}-\u{36f}]{0,20}") {
            if let Ok(prepared) = prepare(&text) {
                proptest::prop_assert_eq!(prepare(&prepared), Ok(std::borrow::Cow::Borrowed(&*prepared)));
            }
        }
    }
}
