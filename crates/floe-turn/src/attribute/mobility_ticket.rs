use std::fmt;

use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

/// MOBILITY-TICKET (RFC 8016 3.3): stands for an allocation that is to go along to another address. Empty, it asks for
/// one. What it holds is the server's own.
///
/// `Debug` shows nothing of it: with it the allocation can be taken elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MobilityTicket<'a>(pub &'a [u8]);

impl fmt::Debug for MobilityTicket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MobilityTicket({} bytes)", self.0.len())
    }
}

impl<'a> Attribute<'a> for MobilityTicket<'a> {
    const TYPE: AttributeType = AttributeType::new(0x8030);

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        Ok(Self(value))
    }
}

impl WriteAttribute for MobilityTicket<'_> {
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
    fn every_length_round_trips_and_debug_shows_nothing() {
        for length in 0..9 {
            round_trip(MobilityTicket(&[7; 9][..length]));
        }
        assert_eq!(format!("{:?}", MobilityTicket(b"secret")), "MobilityTicket(6 bytes)");
    }
}
