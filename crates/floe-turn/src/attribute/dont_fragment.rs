use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::exactly;

/// DONT-FRAGMENT (RFC 8656 18.9): the server shall set the DF bit towards the peer. It has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DontFragment;

impl Attribute<'_> for DontFragment {
    const TYPE: AttributeType = AttributeType::new(0x001A);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        exactly::<0>(value).map(|[]| Self)
    }
}

impl WriteAttribute for DontFragment {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, _value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_length_is, round_trip};

    #[test]
    fn a_flag_round_trips_and_has_no_value() {
        round_trip(DontFragment);
        assert_length_is::<DontFragment>(0);
    }
}
