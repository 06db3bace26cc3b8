use std::net::SocketAddr;

use super::{Attribute, AttributeType, ValueError, WriteAttribute, decode_address, encode_address};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// MAPPED-ADDRESS (RFC 8489 14.1): where the server saw the request come from, as servers of RFC 3489 write it.
///
/// Some NATs rewrite it; [`XorMappedAddress`](super::XorMappedAddress) is what to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MappedAddress(pub SocketAddr);

impl Attribute<'_> for MappedAddress {
    const TYPE: AttributeType = AttributeType::MAPPED_ADDRESS;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        decode_address(value).map(Self)
    }
}

impl WriteAttribute for MappedAddress {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        encode_address(self.0, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{round_trip, value_of};

    #[test]
    fn both_families_round_trip() {
        round_trip(&MappedAddress("192.0.2.1:32853".parse().unwrap()));
        round_trip(&MappedAddress("[2001:db8::1]:1".parse().unwrap()));
    }

    #[test]
    fn it_is_written_as_it_is() {
        let address = MappedAddress("192.0.2.1:32853".parse().unwrap());
        assert_eq!(value_of(&address), [0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    }
}
