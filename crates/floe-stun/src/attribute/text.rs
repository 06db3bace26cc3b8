//! The limits that all texts share (RFC 8489 14.3, 14.8 to 14.10, 14.14).

use super::ValueError;
use crate::writer::{ValueWriter, WriteError};

/// The most bytes that a receiver takes: RFC 5389 allowed so many.
const DECODE_LIMIT: usize = 763;
/// Fewer than 128 characters, of at most 4 bytes each, are sent.
const ENCODE_CHARACTERS: usize = 127;

/// Reads a text: UTF-8 of at most 763 bytes.
///
/// # Errors
/// It is longer, or not UTF-8.
pub fn decode_text(value: &[u8]) -> Result<&str, ValueError> {
    if value.len() > DECODE_LIMIT {
        return Err(ValueError::TooLong { limit: DECODE_LIMIT, actual: value.len() });
    }
    std::str::from_utf8(value).map_err(|_| ValueError::NotUtf8)
}

/// Writes a text of fewer than 128 characters.
///
/// # Errors
/// It has more, or the buffer is too small.
pub fn encode_text(text: &str, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
    let actual = text.chars().count();
    if actual > ENCODE_CHARACTERS {
        return Err(value.refuse(ValueError::TooManyCharacters { limit: ENCODE_CHARACTERS, actual }));
    }
    value.put(text.as_bytes())
}

/// Declares an attribute that is a text, with the limits above.
macro_rules! text_attribute {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(&'a str);

        impl<'a> $name<'a> {
            /// The attribute of this text; its length is checked when it is written.
            #[must_use]
            pub const fn new(text: &'a str) -> Self {
                Self(text)
            }

            /// The text.
            #[must_use]
            pub const fn as_str(&self) -> &'a str {
                self.0
            }
        }

        impl<'a> $crate::attribute::Attribute<'a> for $name<'a> {
            const TYPE: $crate::attribute::AttributeType = $crate::attribute::AttributeType::$kind;

            fn decode(
                value: &'a [u8],
                _id: $crate::header::TransactionId,
            ) -> Result<Self, $crate::attribute::ValueError> {
                $crate::attribute::text::decode_text(value).map(Self)
            }
        }

        impl $crate::attribute::WriteAttribute for $name<'_> {
            fn kind(&self) -> $crate::attribute::AttributeType {
                $crate::attribute::AttributeType::$kind
            }

            fn encode(
                &self,
                value: &mut $crate::writer::ValueWriter<'_>,
            ) -> Result<(), $crate::writer::WriteError> {
                $crate::attribute::text::encode_text(self.0, value)
            }
        }
    };
}

pub(super) use text_attribute;

#[cfg(test)]
mod tests {
    use crate::{
        WriteError,
        attribute::{
            Attribute as _, ErrorCode, Nonce, Realm, Software, Username, ValueError,
            tests::{ID, assert_text_limits, try_value_of},
        },
    };

    fn reason(text: &str) -> ErrorCode<'_> {
        ErrorCode::new(400, text)
    }

    // proves: 8489-14.3-a
    #[test]
    fn names_of_508_bytes_and_texts_of_127_characters_are_sent_and_763_bytes_are_read() {
        let name = "n".repeat(764);
        assert_eq!(try_value_of(&Username::new(&name[..508])).map(|value| value.len()), Ok(508));
        assert!(matches!(try_value_of(&Username::new(&name[..509])), Err(WriteError::Value { .. })));
        assert!(Username::decode(&name.as_bytes()[..763], ID).is_ok());
        let too_long = ValueError::TooLong { limit: 763, actual: 764 };
        assert_eq!(Username::decode(name.as_bytes(), ID), Err(too_long));

        assert_text_limits(Software::new, Software::as_str);
        assert_text_limits(Realm::new, Realm::as_str);
        assert_text_limits(Nonce::new, Nonce::as_str);
        assert_text_limits(reason, ErrorCode::reason);
    }
}
