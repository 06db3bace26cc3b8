use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::{AddressFamily, exactly};

/// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 18.11): an IPv6 address, too. There is no other value than IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdditionalAddressFamily;

impl Attribute<'_> for AdditionalAddressFamily {
    const TYPE: AttributeType = AttributeType::new(0x8000);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // The other three bytes are reserved and ignored.
        let [family, ..] = exactly::<4>(value)?;
        if family == AddressFamily::Ipv6.code() { Ok(Self) } else { Err(ValueError::Family(family)) }
    }
}

impl WriteAttribute for AdditionalAddressFamily {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&[AddressFamily::Ipv6.code(), 0, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, assert_length_is, round_trip};

    #[test]
    fn only_ipv6_can_be_additional() {
        round_trip(AdditionalAddressFamily);
        for family in (0..=255).filter(|&family| family != 2) {
            let decoded = AdditionalAddressFamily::decode(&[family, 0, 0, 0], ID);
            assert_eq!(decoded, Err(ValueError::Family(family)));
        }
        assert_eq!(AdditionalAddressFamily::decode(&[2, 0xFF, 0xFF, 0xFF], ID), Ok(AdditionalAddressFamily));
        assert_length_is::<AdditionalAddressFamily>(4);
    }
}
