use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// PASSWORD-ALGORITHM (RFC 8489 14.12): how the server shall derive the key from the password. An entry of
/// [`PasswordAlgorithms`] is one, too.
///
/// The parameters are part of it; those of MD5 and SHA-256 are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordAlgorithm<'a> {
    /// The registered number (RFC 8489 18.5).
    pub number: u16,
    /// What belongs to the algorithm, without padding.
    pub parameters: &'a [u8],
}

impl<'a> PasswordAlgorithm<'a> {
    /// 0x0001: MD5 of name, realm and password.
    pub const MD5: PasswordAlgorithm<'static> = PasswordAlgorithm { number: 0x0001, parameters: &[] };
    /// 0x0002: SHA-256 of the same.
    pub const SHA256: PasswordAlgorithm<'static> = PasswordAlgorithm { number: 0x0002, parameters: &[] };

    /// The algorithm in front and what follows its padding; `None` where it does not fit.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[n0, n1, l0, l1], rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let parameters = rest.get(..length)?;
        // The padding of the last one may be the attribute's own, which is not part of the value.
        let next = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((Self { number: u16::from_be_bytes([n0, n1]), parameters }, next))
    }
}

impl<'a> Attribute<'a> for PasswordAlgorithm<'a> {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHM;

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        let wrong = ValueError::Length { expected: 4, actual: value.len() };
        let (algorithm, _) = Self::split(value).ok_or(wrong)?;
        Ok(algorithm)
    }
}

impl WriteAttribute for PasswordAlgorithm<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        let limit = usize::from(u16::MAX) - 8;
        let actual = self.parameters.len();
        let length =
            u16::try_from(actual).map_err(|_| value.refuse(ValueError::TooLong { limit, actual }))?;
        value.put(&self.number.to_be_bytes())?;
        value.put(&length.to_be_bytes())?;
        value.put(self.parameters)
    }
}

/// PASSWORD-ALGORITHMS (RFC 8489 14.11): those that the server knows, the preferred ones first.
///
/// It is kept as it came: a client sends it back byte for byte (RFC 8489 9.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordAlgorithms<'a>(&'a [u8]);

impl<'a> PasswordAlgorithms<'a> {
    /// The attribute of this value, such as one that was received.
    #[must_use]
    pub const fn from_bytes(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// Its value.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The algorithms, in their order.
    pub fn iter(&self) -> impl Iterator<Item = PasswordAlgorithm<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (algorithm, next) = PasswordAlgorithm::split(rest)?;
            rest = next;
            Some(algorithm)
        })
    }
}

impl<'a> Attribute<'a> for PasswordAlgorithms<'a> {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHMS;

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        let mut rest = value;
        while !rest.is_empty() {
            let wrong = ValueError::Length { expected: 4, actual: rest.len() };
            (_, rest) = PasswordAlgorithm::split(rest).ok_or(wrong)?;
        }
        Ok(Self(value))
    }
}

impl WriteAttribute for PasswordAlgorithms<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip};

    #[test]
    fn algorithms_with_and_without_parameters_round_trip() {
        round_trip(&PasswordAlgorithm::MD5);
        round_trip(&PasswordAlgorithm::SHA256);
        for length in 0..5 {
            round_trip(&PasswordAlgorithm { number: 0xBEEF, parameters: &[1, 2, 3, 4, 5][..length] });
        }
    }

    #[test]
    fn a_list_keeps_its_order_and_its_bytes_whatever_the_padding() {
        let value = [0, 9, 0, 2, 7, 8, 0xEE, 0xEE, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 1, 5];
        let list = PasswordAlgorithms::decode(&value, ID).unwrap();
        round_trip(&list);
        let first = PasswordAlgorithm { number: 9, parameters: &[7, 8] };
        let last = PasswordAlgorithm { number: 9, parameters: &[5] };
        let expected = [first, PasswordAlgorithm::SHA256, PasswordAlgorithm::MD5, last];
        assert_eq!(list.iter().collect::<Vec<_>>(), expected);
        assert_eq!(PasswordAlgorithms::decode(&[], ID).unwrap().iter().count(), 0);
    }

    #[test]
    fn what_reaches_over_the_end_is_refused() {
        for value in [&[0][..], &[0, 1, 0], &[0, 1, 0, 1], &[0, 1, 0, 0, 0, 2]] {
            let whole = PasswordAlgorithms::decode(value, ID);
            assert!(matches!(whole, Err(ValueError::Length { .. })), "{value:?}");
        }
        assert!(PasswordAlgorithm::decode(&[0, 1, 0, 1], ID).is_err());
    }
}
