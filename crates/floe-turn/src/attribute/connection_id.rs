use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute, decode_u32},
};

/// CONNECTION-ID (RFC 6062 6.2.1): a TCP connection between the server and a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

impl Attribute<'_> for ConnectionId {
    const TYPE: AttributeType = AttributeType::new(0x002A);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        decode_u32(value).map(Self)
    }
}

impl WriteAttribute for ConnectionId {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&self.0.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_length_is, round_trip};

    #[test]
    fn four_bytes_round_trip() {
        for id in [0, 0x0102_0304, u32::MAX] {
            round_trip(ConnectionId(id));
        }
        assert_length_is::<ConnectionId>(4);
    }
}
