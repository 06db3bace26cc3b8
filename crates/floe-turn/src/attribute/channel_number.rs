use floe_stun::{
    ChannelNumber, TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::exactly;

/// CHANNEL-NUMBER (RFC 8656 18.1): the channel that a ChannelBind is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelNumberAttribute(pub ChannelNumber);

impl Attribute<'_> for ChannelNumberAttribute {
    const TYPE: AttributeType = AttributeType::new(0x000C);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // The other two bytes are reserved and ignored.
        let [n0, n1, _, _] = exactly(value)?;
        let number = u16::from_be_bytes([n0, n1]);
        ChannelNumber::new(number).map(Self).ok_or(ValueError::OutOfRange(number.into()))
    }
}

impl WriteAttribute for ChannelNumberAttribute {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&self.0.get().to_be_bytes())?;
        value.put(&[0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, assert_length_is, round_trip};

    #[test]
    fn only_0x4000_to_0x4fff_are_read_and_the_reserved_bytes_are_ignored() {
        for number in 0..=u16::MAX {
            let [n0, n1] = number.to_be_bytes();
            let decoded = ChannelNumberAttribute::decode(&[n0, n1, 0xFF, 0xFF], ID);
            let expected = ChannelNumber::new(number).map(ChannelNumberAttribute);
            assert_eq!(decoded, expected.ok_or(ValueError::OutOfRange(number.into())));
        }
        assert_length_is::<ChannelNumberAttribute>(4);
        round_trip(ChannelNumberAttribute(ChannelNumber::MIN));
        round_trip(ChannelNumberAttribute(ChannelNumber::MAX));
    }
}
