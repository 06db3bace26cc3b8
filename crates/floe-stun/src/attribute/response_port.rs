use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// RESPONSE-PORT (RFC 5780 7.5): the server is to answer to this port of the address that the request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponsePort(pub u16);

impl Attribute<'_> for ResponsePort {
    const TYPE: AttributeType = AttributeType::RESPONSE_PORT;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // RFC 5780 7.5 does not say whether the two bytes of padding count as value; senders differ.
        match *value {
            [high, low] | [high, low, _, _] => Ok(Self(u16::from_be_bytes([high, low]))),
            _ => Err(ValueError::Length { expected: 4, actual: value.len() }),
        }
    }
}

impl WriteAttribute for ResponsePort {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&self.0.to_be_bytes())?;
        value.put(&[0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip, value_of};

    // proves: 5780-7.2-a
    #[test]
    fn a_port_and_two_bytes_of_padding() {
        assert_eq!(AttributeType::RESPONSE_PORT.get(), 0x0027);
        round_trip(&ResponsePort(0));
        round_trip(&ResponsePort(u16::MAX));
        assert_eq!(value_of(&ResponsePort(0x1234)), [0x12, 0x34, 0, 0]);
    }

    #[test]
    fn padding_may_be_left_out_and_its_content_does_not_matter() {
        assert_eq!(ResponsePort::decode(&[1, 2], ID), Ok(ResponsePort(0x0102)));
        assert_eq!(ResponsePort::decode(&[1, 2, 9, 9], ID), Ok(ResponsePort(0x0102)));
        for actual in [0, 1, 3, 5, 8] {
            let decoded = ResponsePort::decode(&[0; 8][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected: 4, actual }));
        }
    }
}
