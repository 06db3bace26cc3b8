use std::fmt;

use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::exactly;

/// RESERVATION-TOKEN (RFC 8656 18.10): stands for a relayed address that the server keeps.
///
/// `Debug` shows nothing of it: who has the token may ask for that address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReservationToken(pub [u8; 8]);

impl fmt::Debug for ReservationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReservationToken(8 bytes)")
    }
}

impl Attribute<'_> for ReservationToken {
    const TYPE: AttributeType = AttributeType::new(0x0022);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        exactly(value).map(Self)
    }
}

impl WriteAttribute for ReservationToken {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_length_is, round_trip};

    #[test]
    fn eight_bytes_round_trip() {
        round_trip(ReservationToken(*b"\x00\x01\x02\x03\xFC\xFD\xFE\xFF"));
        assert_length_is::<ReservationToken>(8);
        assert!(!format!("{:?}", ReservationToken([77; 8])).contains("77"));
    }
}
