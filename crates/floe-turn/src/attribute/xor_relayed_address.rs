use std::net::SocketAddr;

use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{
        Attribute, AttributeType, ValueError, WriteAttribute, decode_xor_address, encode_xor_address,
    },
};

/// XOR-RELAYED-ADDRESS (RFC 8656 18.5): the address at which the server relays for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct XorRelayedAddress(pub SocketAddr);

impl Attribute<'_> for XorRelayedAddress {
    const TYPE: AttributeType = AttributeType::new(0x0016);

    fn decode(value: &[u8], id: TransactionId) -> Result<Self, ValueError> {
        decode_xor_address(value, id).map(Self)
    }
}

impl WriteAttribute for XorRelayedAddress {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        encode_xor_address(self.0, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip};

    #[test]
    fn both_families_round_trip_and_a_third_is_refused() {
        round_trip(XorRelayedAddress("192.0.2.1:32853".parse().unwrap()));
        round_trip(XorRelayedAddress("[2001:db8::1]:1".parse().unwrap()));
        assert_eq!(XorRelayedAddress::decode(&[0, 3, 0, 0, 0, 0, 0, 0], ID), Err(ValueError::Family(3)));
    }
}
