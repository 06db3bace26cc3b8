use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ErrorCode, ValueError, WriteAttribute, encode_text},
};

use super::AddressFamily;

/// ADDRESS-ERROR-CODE (RFC 8656 18.12): why one of two requested families was not allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressErrorCode<'a> {
    family: AddressFamily,
    error: ErrorCode<'a>,
}

impl<'a> AddressErrorCode<'a> {
    /// The attribute of this family, code and phrase; the latter two are checked when it is written.
    #[must_use]
    pub const fn new(family: AddressFamily, code: u16, reason: &'a str) -> Self {
        Self { family, error: ErrorCode::new(code, reason) }
    }

    /// Which family was not allocated.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        self.family
    }

    /// Why: 440 or 508.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.error.code()
    }

    /// Why, for people.
    #[must_use]
    pub const fn reason(&self) -> &'a str {
        self.error.reason()
    }
}

impl<'a> Attribute<'a> for AddressErrorCode<'a> {
    const TYPE: AttributeType = AttributeType::new(0x8001);

    fn decode(value: &'a [u8], id: TransactionId) -> Result<Self, ValueError> {
        // From the class on it is an ERROR-CODE, which ignores what stands before.
        let error = ErrorCode::decode(value, id)?;
        let family = value.first().copied().unwrap_or_default();
        AddressFamily::from_code(family).map(|family| Self { family, error })
    }
}

impl WriteAttribute for AddressErrorCode<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        let (class, number) = (self.code() / 100, self.code() % 100);
        let [class, number] = [class, number].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
        if !(3..=6).contains(&class) {
            return Err(value.refuse(ValueError::ErrorCode { class, number }));
        }
        value.put(&[self.family.code(), 0, class, number])?;
        encode_text(self.reason(), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip};

    #[test]
    fn family_code_and_phrase_round_trip() {
        for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
            for code in 300..=699 {
                round_trip(AddressErrorCode::new(family, code, "why"));
            }
        }
    }

    #[test]
    fn an_unknown_family_or_code_is_refused_and_reserved_bits_are_ignored() {
        assert_eq!(AddressErrorCode::decode(&[3, 0, 4, 40], ID), Err(ValueError::Family(3)));
        let no_code = ValueError::ErrorCode { class: 2, number: 40 };
        assert_eq!(AddressErrorCode::decode(&[1, 0, 2, 40], ID), Err(no_code));
        let expected = AddressErrorCode::new(AddressFamily::Ipv4, 440, "");
        assert_eq!(AddressErrorCode::decode(&[1, 0xFF, 0xFC, 40], ID), Ok(expected));
        for actual in 0..4 {
            let decoded = AddressErrorCode::decode(&[1, 0, 4, 40][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected: 4, actual }));
        }
    }
}
