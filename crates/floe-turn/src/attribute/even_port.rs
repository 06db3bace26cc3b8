use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::exactly;

/// EVEN-PORT (RFC 8656 18.7): the relayed port shall be even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvenPort {
    /// The next port shall be kept for an allocation to come, for which the server gives a token.
    pub reserve_next: bool,
}

/// The one bit that is not reserved.
const RESERVE: u8 = 0x80;

impl Attribute<'_> for EvenPort {
    const TYPE: AttributeType = AttributeType::new(0x0018);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        let [flags] = exactly(value)?;
        Ok(Self { reserve_next: flags & RESERVE != 0 })
    }
}

impl WriteAttribute for EvenPort {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&[if self.reserve_next { RESERVE } else { 0 }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, assert_length_is, round_trip};

    #[test]
    fn only_the_first_bit_counts() {
        for flags in 0..=255 {
            let expected = EvenPort { reserve_next: flags >= 0x80 };
            assert_eq!(EvenPort::decode(&[flags], ID), Ok(expected));
        }
        round_trip(EvenPort { reserve_next: false });
        round_trip(EvenPort { reserve_next: true });
        assert_length_is::<EvenPort>(1);
    }
}
