use std::net::SocketAddr;

use super::{Attribute, AttributeType, ValueError, WriteAttribute, decode_address, encode_address};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// ALTERNATE-SERVER (RFC 8489 14.15): the address of a server to try instead.
///
/// With a response 300 it may only be followed where integrity vouches for it (RFC 8489 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlternateServer(pub SocketAddr);

impl Attribute<'_> for AlternateServer {
    const TYPE: AttributeType = AttributeType::ALTERNATE_SERVER;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        decode_address(value).map(Self)
    }
}

impl WriteAttribute for AlternateServer {
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
        round_trip(&AlternateServer("192.0.2.1:32853".parse().unwrap()));
        round_trip(&AlternateServer("[2001:db8::1]:1".parse().unwrap()));
    }

    #[test]
    fn it_is_written_as_it_is() {
        let address = AlternateServer("192.0.2.1:32853".parse().unwrap());
        assert_eq!(value_of(&address), [0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    }
}
