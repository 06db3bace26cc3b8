use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::exactly;

/// ICMP (RFC 8656 18.13): why a datagram to a peer was dropped on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// The ICMP or ICMPv6 type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// The MTU of the next hop in bytes, where the datagram was too long for it; otherwise 0.
    pub data: u32,
}

impl Attribute<'_> for Icmp {
    const TYPE: AttributeType = AttributeType::new(0x8004);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // The first two bytes are reserved and ignored.
        let [_, _, kind, code, data @ ..] = exactly::<8>(value)?;
        Ok(Self { kind, code, data: u32::from_be_bytes(data) })
    }
}

impl WriteAttribute for Icmp {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&[0, 0, self.kind, self.code])?;
        value.put(&self.data.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, assert_length_is, round_trip};

    #[test]
    fn type_code_and_mtu_round_trip_and_the_reserved_bytes_are_ignored() {
        round_trip(Icmp { kind: 3, code: 4, data: 1400 });
        round_trip(Icmp { kind: 255, code: 255, data: u32::MAX });
        let decoded = Icmp::decode(&[0xFF, 0xFF, 2, 0, 0, 0, 5, 0], ID);
        assert_eq!(decoded, Ok(Icmp { kind: 2, code: 0, data: 1280 }));
        assert_length_is::<Icmp>(8);
    }
}
