use super::{Attribute, AttributeType, ValueError, WriteAttribute, text};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// ERROR-CODE (RFC 8489 14.8): why a request failed, as a number from 300 to 699 and a phrase for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode<'a> {
    code: u16,
    reason: &'a str,
}

impl<'a> ErrorCode<'a> {
    /// 300: ask another server (RFC 8489 10).
    pub const TRY_ALTERNATE: u16 = 300;
    /// 400: the request was malformed.
    pub const BAD_REQUEST: u16 = 400;
    /// 401: the credentials are missing or wrong.
    pub const UNAUTHENTICATED: u16 = 401;
    /// 420: a comprehension-required attribute was not understood.
    pub const UNKNOWN_ATTRIBUTE: u16 = 420;
    /// 438: the nonce is too old.
    pub const STALE_NONCE: u16 = 438;
    /// 487: both agents claim the same role (RFC 8445 7.3.1.1).
    pub const ROLE_CONFLICT: u16 = 487;
    /// 500: the server is in trouble, for a while.
    pub const SERVER_ERROR: u16 = 500;

    /// The attribute of this code and phrase; both are checked when it is written.
    #[must_use]
    pub const fn new(code: u16, reason: &'a str) -> Self {
        Self { code, reason }
    }

    /// The attribute of this code with the phrase that its RFC recommends; of an unknown code, with none.
    #[must_use]
    pub const fn standard(code: u16) -> ErrorCode<'static> {
        let reason = match code {
            Self::TRY_ALTERNATE => "Try Alternate",
            Self::BAD_REQUEST => "Bad Request",
            Self::UNAUTHENTICATED => "Unauthenticated",
            Self::UNKNOWN_ATTRIBUTE => "Unknown Attribute",
            Self::STALE_NONCE => "Stale Nonce",
            Self::ROLE_CONFLICT => "Role Conflict",
            Self::SERVER_ERROR => "Server Error",
            _ => "",
        };
        ErrorCode { code, reason }
    }

    /// The code, from 300 to 699.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The phrase, for people.
    #[must_use]
    pub const fn reason(&self) -> &'a str {
        self.reason
    }
}

impl<'a> Attribute<'a> for ErrorCode<'a> {
    const TYPE: AttributeType = AttributeType::ERROR_CODE;

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        let (&[_, _, class, number], reason) =
            value.split_first_chunk().ok_or(ValueError::Length { expected: 4, actual: value.len() })?;
        // The class has three bits; those beside it are reserved and ignored.
        let class = class & 0x07;
        if !(3..=6).contains(&class) || number > 99 {
            return Err(ValueError::ErrorCode { class, number });
        }
        Ok(Self { code: u16::from(class) * 100 + u16::from(number), reason: text::decode_text(reason)? })
    }
}

impl WriteAttribute for ErrorCode<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        let class = u8::try_from(self.code / 100).unwrap_or(u8::MAX);
        let number = u8::try_from(self.code % 100).unwrap_or(u8::MAX);
        if !(3..=6).contains(&class) {
            return Err(value.refuse(ValueError::ErrorCode { class, number }));
        }
        value.put(&[0, 0, class, number])?;
        text::encode_text(self.reason, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, assert_text_limits, round_trip, try_value_of};

    #[test]
    fn every_code_round_trips() {
        for code in 300..=699 {
            round_trip(&ErrorCode::new(code, "why"));
        }
    }

    // proves: 8489-14.8-a
    #[test]
    fn only_classes_3_to_6_and_numbers_to_99_are_codes_and_reserved_bits_are_ignored() {
        for class in 0..=7 {
            for number in 0..=255 {
                let expected = if (3..=6).contains(&class) && number <= 99 {
                    Ok(u16::from(class) * 100 + u16::from(number))
                } else {
                    Err(ValueError::ErrorCode { class, number })
                };
                for value in [[0, 0, class, number], [0xFF, 0xFF, class | 0xF8, number]] {
                    assert_eq!(ErrorCode::decode(&value, ID).map(|error| error.code()), expected);
                }
            }
        }
        assert_eq!(ErrorCode::decode(&[0, 0, 4], ID), Err(ValueError::Length { expected: 4, actual: 3 }));
    }

    #[test]
    fn a_code_outside_300_to_699_is_not_sent() {
        for code in [0, 200, 299, 700, 800, u16::MAX] {
            assert!(try_value_of(&ErrorCode::new(code, "")).is_err(), "{code}");
        }
    }

    #[test]
    fn the_phrase_keeps_the_limits_of_a_text() {
        fn with(reason: &str) -> ErrorCode<'_> {
            ErrorCode::new(400, reason)
        }
        assert_text_limits(with, ErrorCode::reason);
    }
}
