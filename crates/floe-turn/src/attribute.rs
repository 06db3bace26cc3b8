//! The attributes of TURN (RFC 8656 18, RFC 6062 6.2, RFC 8016 3.3), one type each.

mod additional_address_family;
mod address_error_code;
mod channel_number;
mod connection_id;
mod data;
mod dont_fragment;
mod even_port;
mod family;
mod icmp;
mod lifetime;
mod mobility_ticket;
mod requested_address_family;
mod requested_transport;
mod reservation_token;
mod xor_address;
mod xor_peer_address;
mod xor_relayed_address;

pub use additional_address_family::AdditionalAddressFamily;
pub use address_error_code::AddressErrorCode;
pub use channel_number::ChannelNumberAttribute;
pub use connection_id::ConnectionId;
pub use data::Data;
pub use dont_fragment::DontFragment;
pub use even_port::EvenPort;
pub use family::AddressFamily;
pub use icmp::Icmp;
pub use lifetime::Lifetime;
pub use mobility_ticket::MobilityTicket;
pub use requested_address_family::RequestedAddressFamily;
pub use requested_transport::RequestedTransport;
pub use reservation_token::ReservationToken;
pub use xor_peer_address::XorPeerAddress;
pub use xor_relayed_address::XorRelayedAddress;

use floe_stun::attribute::{Attribute, AttributeType, ValueError};

/// The comprehension-required types that a TURN client or server understands: those of RFC 8489 18.3, RFC 8656 18 and
/// RFC 6062 6.2.
///
/// For [`Message::unknown_required`](floe_stun::Message::unknown_required) and the rules that lead there.
pub const KNOWN: &[AttributeType] = &[
    AttributeType::MAPPED_ADDRESS,
    AttributeType::USERNAME,
    AttributeType::MESSAGE_INTEGRITY,
    AttributeType::ERROR_CODE,
    AttributeType::UNKNOWN_ATTRIBUTES,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::MESSAGE_INTEGRITY_SHA256,
    AttributeType::PASSWORD_ALGORITHM,
    AttributeType::USERHASH,
    AttributeType::XOR_MAPPED_ADDRESS,
    ChannelNumberAttribute::TYPE,
    Lifetime::TYPE,
    XorPeerAddress::TYPE,
    Data::TYPE,
    XorRelayedAddress::TYPE,
    RequestedAddressFamily::TYPE,
    EvenPort::TYPE,
    RequestedTransport::TYPE,
    DontFragment::TYPE,
    ReservationToken::TYPE,
    ConnectionId::TYPE,
];

/// The value as so many bytes.
fn exactly<const N: usize>(value: &[u8]) -> Result<[u8; N], ValueError> {
    value.try_into().map_err(|_| ValueError::Length { expected: N, actual: value.len() })
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use floe_stun::{
        Class, Message, MessageWriter, TransactionId,
        attribute::{RawAttribute, WriteAttribute},
    };

    use super::*;
    use crate::{error, method};

    pub(crate) const ID: TransactionId = TransactionId::new(*b"0123456789AB");

    /// The attribute as it stands in a message, type and padding included.
    pub(crate) fn wire(attribute: &dyn WriteAttribute) -> Vec<u8> {
        let mut buffer = [0xAA; 512];
        let length = MessageWriter::new(&mut buffer, Class::Request, method::ALLOCATE, ID)
            .and_then(|writer| writer.attribute(&attribute))
            .unwrap()
            .finish();
        buffer[20..length].to_vec()
    }

    /// What was written is read again.
    pub(crate) fn round_trip<'a, T>(attribute: T)
    where
        T: Attribute<'a> + WriteAttribute + PartialEq + Debug,
    {
        assert_eq!(attribute.kind(), T::TYPE);
        let bytes = wire(&attribute).leak();
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!(T::decode(&bytes[4..4 + length], ID), Ok(attribute));
    }

    /// No other length than this one is read.
    pub(crate) fn assert_length_is<T: for<'a> Attribute<'a> + Debug + PartialEq>(expected: usize) {
        for actual in (0..24).filter(|&length| length != expected) {
            let decoded = T::decode(&[1; 24][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected, actual }));
        }
    }

    // proves: 8656-18.9-a
    #[test]
    fn every_attribute_has_its_registered_code_and_its_value_on_the_wire() {
        let channel = ChannelNumberAttribute(floe_stun::ChannelNumber::MIN);
        let peer = XorPeerAddress("192.0.2.1:32853".parse().unwrap());
        let relayed = XorRelayedAddress("192.0.2.1:32853".parse().unwrap());
        let no_ipv6 = AddressErrorCode::new(AddressFamily::Ipv6, error::ADDRESS_FAMILY_NOT_SUPPORTED, "none");
        let expected: [(&dyn WriteAttribute, &[u8]); 16] = [
            (&channel, b"\x00\x0C\x00\x04\x40\x00\x00\x00"),
            (&Lifetime::from_seconds(600), b"\x00\x0D\x00\x04\x00\x00\x02\x58"),
            (&peer, b"\x00\x12\x00\x08\x00\x01\xA1\x47\xE1\x12\xA6\x43"),
            (&Data(b"hello"), b"\x00\x13\x00\x05hello\x00\x00\x00"),
            (&relayed, b"\x00\x16\x00\x08\x00\x01\xA1\x47\xE1\x12\xA6\x43"),
            (&RequestedAddressFamily(AddressFamily::Ipv6), b"\x00\x17\x00\x04\x02\x00\x00\x00"),
            (&EvenPort { reserve_next: true }, b"\x00\x18\x00\x01\x80\x00\x00\x00"),
            (&RequestedTransport::UDP, b"\x00\x19\x00\x04\x11\x00\x00\x00"),
            (&DontFragment, b"\x00\x1A\x00\x00"),
            (&ReservationToken(*b"a token."), b"\x00\x22\x00\x08a token."),
            (&RequestedTransport::TCP, b"\x00\x19\x00\x04\x06\x00\x00\x00"),
            (&ConnectionId(0x0102_0304), b"\x00\x2A\x00\x04\x01\x02\x03\x04"),
            (&MobilityTicket(b"tick"), b"\x80\x30\x00\x04tick"),
            (&AdditionalAddressFamily, b"\x80\x00\x00\x04\x02\x00\x00\x00"),
            (&no_ipv6, b"\x80\x01\x00\x08\x02\x00\x04\x28none"),
            (&Icmp { kind: 3, code: 4, data: 1400 }, b"\x80\x04\x00\x08\x00\x00\x03\x04\x00\x00\x05\x78"),
        ];
        for (attribute, bytes) in expected {
            assert_eq!(wire(attribute), bytes, "{}", attribute.kind());
        }
    }

    #[test]
    fn what_is_known_is_understood_and_the_rest_is_not() {
        let unknown = RawAttribute { kind: AttributeType::new(0x0010), value: &[] };
        let mut buffer = [0; 256];
        let length = MessageWriter::new(&mut buffer, Class::Request, method::ALLOCATE, ID)
            .and_then(|writer| writer.attribute(&RequestedTransport::UDP)?.attribute(&DontFragment))
            .and_then(|writer| writer.attribute(&unknown))
            .unwrap()
            .finish();
        let message = Message::parse(&buffer[..length]).unwrap();
        assert_eq!(message.unknown_required(KNOWN).collect::<Vec<_>>(), [unknown.kind]);
        assert!(AttributeType::RFC_8489.iter().all(|kind| KNOWN.contains(kind)));
        assert!(KNOWN.iter().all(|kind| kind.is_comprehension_required()));
    }
}
