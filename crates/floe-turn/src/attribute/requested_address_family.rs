use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute},
};

use super::{AddressFamily, exactly};

/// REQUESTED-ADDRESS-FAMILY (RFC 8656 18.6): what the relayed address shall be, or which one a Refresh is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedAddressFamily(pub AddressFamily);

impl Attribute<'_> for RequestedAddressFamily {
    const TYPE: AttributeType = AttributeType::new(0x0017);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // The other three bytes are reserved and ignored.
        let [family, ..] = exactly::<4>(value)?;
        AddressFamily::from_code(family).map(Self)
    }
}

impl WriteAttribute for RequestedAddressFamily {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&[self.0.code(), 0, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, assert_length_is, round_trip};

    #[test]
    fn there_are_two_families_and_the_reserved_bytes_are_ignored() {
        round_trip(RequestedAddressFamily(AddressFamily::Ipv4));
        round_trip(RequestedAddressFamily(AddressFamily::Ipv6));
        for family in 0..=255 {
            let decoded = RequestedAddressFamily::decode(&[family, 0xFF, 0xFF, 0xFF], ID);
            assert_eq!(decoded.is_ok(), matches!(family, 1 | 2), "{family}");
        }
        assert_length_is::<RequestedAddressFamily>(4);
    }
}
