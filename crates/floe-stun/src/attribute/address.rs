//! The address format that several attributes share, plain and XORed (RFC 8489 14.1, 14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ValueError;
use crate::{
    header::{MAGIC_COOKIE, TransactionId},
    writer::{ValueWriter, WriteError},
};

const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// Reads an address that is written as it is (RFC 8489 14.1).
///
/// # Errors
/// The family is unknown, or the length is not the family's.
pub fn decode_address(value: &[u8]) -> Result<SocketAddr, ValueError> {
    // The first byte only aligns the rest and is ignored.
    let (&[_, family, p0, p1], address) =
        value.split_first_chunk().ok_or(ValueError::Length { expected: 8, actual: value.len() })?;
    let wrong_length = |expected| ValueError::Length { expected, actual: value.len() };
    let ip = match family {
        IPV4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(address).map_err(|_| wrong_length(8))?)),
        IPV6 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(address).map_err(|_| wrong_length(20))?)),
        other => return Err(ValueError::Family(other)),
    };
    Ok(SocketAddr::new(ip, u16::from_be_bytes([p0, p1])))
}

/// Writes an address as it is (RFC 8489 14.1).
///
/// # Errors
/// The buffer is too small.
pub fn encode_address(address: SocketAddr, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
    let family = if address.is_ipv4() { IPV4 } else { IPV6 };
    value.put(&[0, family])?;
    value.put(&address.port().to_be_bytes())?;
    match address.ip() {
        IpAddr::V4(ip) => value.put(&ip.octets()),
        IpAddr::V6(ip) => value.put(&ip.octets()),
    }
}

/// Reads an address that is mixed with cookie and transaction id (RFC 8489 14.2).
///
/// # Errors
/// The family is unknown, or the length is not the family's.
pub fn decode_xor_address(value: &[u8], id: TransactionId) -> Result<SocketAddr, ValueError> {
    decode_address(value).map(|address| xor(address, id))
}

/// Writes an address mixed with cookie and transaction id, so that no NAT rewrites it (RFC 8489 14.2).
///
/// # Errors
/// The buffer is too small.
pub fn encode_xor_address(address: SocketAddr, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
    encode_address(xor(address, value.transaction_id()), value)
}

/// Mixes or unmixes: it is its own inverse.
fn xor(address: SocketAddr, id: TransactionId) -> SocketAddr {
    let [c0, c1, ..] = MAGIC_COOKIE.to_be_bytes();
    let port = address.port() ^ u16::from_be_bytes([c0, c1]);
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() ^ ipv6_mask(id))),
    };
    SocketAddr::new(ip, port)
}

fn ipv6_mask(id: TransactionId) -> u128 {
    let low = id.as_bytes().iter().fold(0, |bits: u128, &byte| bits << 8 | u128::from(byte));
    u128::from(MAGIC_COOKIE) << 96 | low
}

/// Declares an attribute that is an address. `Debug` hides most of it.
macro_rules! address_attribute {
    ($(#[$doc:meta])* $name:ident, $kind:ident, $decode:expr, $encode:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` hides most of the address.
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub std::net::SocketAddr);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), floe_core::address::Redacted(self.0))
            }
        }

        impl $crate::attribute::Attribute<'_> for $name {
            const TYPE: $crate::attribute::AttributeType = $crate::attribute::AttributeType::$kind;

            fn decode(
                value: &[u8],
                id: $crate::header::TransactionId,
            ) -> Result<Self, $crate::attribute::ValueError> {
                $decode(value, id).map(Self)
            }
        }

        impl $crate::attribute::WriteAttribute for $name {
            fn kind(&self) -> $crate::attribute::AttributeType {
                $crate::attribute::AttributeType::$kind
            }

            fn encode(
                &self,
                value: &mut $crate::writer::ValueWriter<'_>,
            ) -> Result<(), $crate::writer::WriteError> {
                $crate::attribute::address::$encode(self.0, value)
            }
        }
    };
}

pub(super) use address_attribute;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TransactionId = TransactionId::new([0; 12]);

    // proves: 8489-14.1-a
    #[test]
    fn only_the_two_families_with_their_own_lengths_are_addresses() {
        for family in 0..=255 {
            for length in 0..40 {
                let mut value = vec![0xEE; length];
                if let Some(byte) = value.get_mut(1) {
                    *byte = family;
                }
                let decoded = decode_address(&value);
                match (family, length) {
                    (1, 8) | (2, 20) => assert!(decoded.is_ok(), "the first byte is ignored"),
                    (_, 0..4) | (1, _) => {
                        assert_eq!(decoded, Err(ValueError::Length { expected: 8, actual: length }));
                    }
                    (2, _) => assert_eq!(decoded, Err(ValueError::Length { expected: 20, actual: length })),
                    _ => assert_eq!(decoded, Err(ValueError::Family(family))),
                }
            }
        }
    }

    #[test]
    fn mixing_twice_gives_the_address_back() {
        for text in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853", "[::]:0"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_ne!(xor(address, ID), address);
            assert_eq!(xor(xor(address, ID), ID), address);
        }
    }
}
