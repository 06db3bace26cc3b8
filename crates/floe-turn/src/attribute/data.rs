use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

/// DATA (RFC 8656 18.4): what the client sends to a peer, or the peer to the client. It may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Data<'a>(pub &'a [u8]);

impl std::fmt::Debug for Data<'_> {
    /// Shows the length: what is relayed is the application's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Data({} bytes)", self.0.len())
    }
}

impl<'a> Attribute<'a> for Data<'a> {
    const TYPE: AttributeType = AttributeType::new(0x0013);

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        Ok(Self(value))
    }
}

impl WriteAttribute for Data<'_> {
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
    use crate::attribute::tests::round_trip;

    #[test]
    fn every_padding_round_trips() {
        for length in 0..9 {
            round_trip(Data(&[7; 9][..length]));
        }
        assert_eq!(format!("{:?}", Data(b"secret")), "Data(6 bytes)");
    }
}
