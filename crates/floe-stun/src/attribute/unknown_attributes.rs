use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// UNKNOWN-ATTRIBUTES (RFC 8489 14.13): the types that a server did not understand, with a response 420.
#[derive(Debug, Clone, Copy)]
pub struct UnknownAttributes<'a>(List<'a>);

#[derive(Debug, Clone, Copy)]
enum List<'a> {
    Received(&'a [u8]),
    Own(&'a [AttributeType]),
}

impl<'a> UnknownAttributes<'a> {
    /// The attribute of these types.
    #[must_use]
    pub const fn new(types: &'a [AttributeType]) -> Self {
        Self(List::Own(types))
    }

    /// The types, in their order.
    pub fn types(&self) -> impl Iterator<Item = AttributeType> + use<'a> {
        let (received, own) = match self.0 {
            List::Received(bytes) => (bytes, [].as_slice()),
            List::Own(types) => ([].as_slice(), types),
        };
        let (pairs, _) = received.as_chunks();
        pairs.iter().map(|&pair| AttributeType::new(u16::from_be_bytes(pair))).chain(own.iter().copied())
    }
}

impl PartialEq for UnknownAttributes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.types().eq(other.types())
    }
}

impl Eq for UnknownAttributes<'_> {}

impl<'a> Attribute<'a> for UnknownAttributes<'a> {
    const TYPE: AttributeType = AttributeType::UNKNOWN_ATTRIBUTES;

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        if value.len().is_multiple_of(2) {
            Ok(Self(List::Received(value)))
        } else {
            Err(ValueError::OddLength(value.len()))
        }
    }
}

impl WriteAttribute for UnknownAttributes<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        self.types().try_for_each(|kind| value.put(&kind.get().to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip, value_of};

    #[test]
    fn lists_with_and_without_padding_round_trip() {
        let types = [0x0003, 0x7FFF, 0x0030].map(AttributeType::new);
        for length in 0..=types.len() {
            round_trip(&UnknownAttributes::new(&types[..length]));
        }
        assert_eq!(value_of(&UnknownAttributes::new(&types)), [0, 3, 0x7F, 0xFF, 0, 0x30]);
    }

    #[test]
    fn half_a_type_is_refused() {
        assert_eq!(UnknownAttributes::decode(&[0, 3, 0], ID), Err(ValueError::OddLength(3)));
    }
}
