use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    attribute::decode_u32,
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// CHANGE-REQUEST (RFC 5780 7.2): the server is to answer from another of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeRequest {
    /// From its other IP address.
    pub ip: bool,
    /// From its other port.
    pub port: bool,
}

impl ChangeRequest {
    /// From its other IP address and its other port.
    pub const BOTH: Self = Self { ip: true, port: true };
    /// From the same IP address and its other port.
    pub const PORT: Self = Self { ip: false, port: true };

    const IP_FLAG: u32 = 0x4;
    const PORT_FLAG: u32 = 0x2;
}

impl Attribute<'_> for ChangeRequest {
    const TYPE: AttributeType = AttributeType::CHANGE_REQUEST;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // RFC 5780 7.2: the other bits are not used.
        let flags = decode_u32(value)?;
        Ok(Self { ip: flags & Self::IP_FLAG != 0, port: flags & Self::PORT_FLAG != 0 })
    }
}

impl WriteAttribute for ChangeRequest {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        let flag = |set: bool, flag| if set { flag } else { 0 };
        let flags = flag(self.ip, Self::IP_FLAG) | flag(self.port, Self::PORT_FLAG);
        value.put(&flags.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip, value_of};

    // proves: 5780-7.2-a
    #[test]
    fn change_ip_is_bit_4_and_change_port_bit_2_of_the_last_byte() {
        assert_eq!(AttributeType::CHANGE_REQUEST.get(), 0x0003);
        for (ip, port, flags) in [(false, false, 0), (false, true, 2), (true, false, 4), (true, true, 6)] {
            let change = ChangeRequest { ip, port };
            round_trip(&change);
            assert_eq!(value_of(&change), [0, 0, 0, flags]);
        }
    }

    #[test]
    fn the_other_bits_mean_nothing_and_another_length_is_wrong() {
        assert_eq!(ChangeRequest::decode(&[0xFF, 0xFF, 0xFF, 0xFB], ID), Ok(ChangeRequest::PORT));
        for actual in (0..8).filter(|&length| length != 4) {
            let decoded = ChangeRequest::decode(&[0; 8][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected: 4, actual }));
        }
    }
}
