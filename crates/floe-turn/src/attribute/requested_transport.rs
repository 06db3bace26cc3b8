use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::exactly;

/// REQUESTED-TRANSPORT (RFC 8656 18.8): how the server shall reach the peers, as an IP protocol number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedTransport(pub u8);

impl RequestedTransport {
    /// UDP: the only one that RFC 8656 has.
    pub const UDP: Self = Self(17);
    /// TCP (RFC 6062).
    pub const TCP: Self = Self(6);
}

impl Attribute<'_> for RequestedTransport {
    const TYPE: AttributeType = AttributeType::new(0x0019);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // The other three bytes are reserved and ignored.
        let [protocol, ..] = exactly::<4>(value)?;
        Ok(Self(protocol))
    }
}

impl WriteAttribute for RequestedTransport {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&[self.0, 0, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, assert_length_is, round_trip};

    #[test]
    fn every_protocol_is_read_and_the_reserved_bytes_are_ignored() {
        for protocol in 0..=255 {
            round_trip(RequestedTransport(protocol));
            let decoded = RequestedTransport::decode(&[protocol, 0xFF, 0xFF, 0xFF], ID);
            assert_eq!(decoded, Ok(RequestedTransport(protocol)));
        }
        assert_length_is::<RequestedTransport>(4);
    }
}
