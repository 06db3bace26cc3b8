//! Attributes that are an address, mixed with cookie and transaction id (RFC 8489 14.2).

/// Declares an attribute that is such an address. `Debug` hides most of it.
macro_rules! xor_address_attribute {
    ($(#[$doc:meta])* $name:ident = $number:literal) => {
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

        impl floe_stun::attribute::Attribute<'_> for $name {
            const TYPE: floe_stun::attribute::AttributeType =
                floe_stun::attribute::AttributeType::new($number);

            fn decode(
                value: &[u8],
                id: floe_stun::TransactionId,
            ) -> Result<Self, floe_stun::attribute::ValueError> {
                floe_stun::attribute::decode_xor_address(value, id).map(Self)
            }
        }

        impl floe_stun::attribute::WriteAttribute for $name {
            fn kind(&self) -> floe_stun::attribute::AttributeType {
                <Self as floe_stun::attribute::Attribute<'_>>::TYPE
            }

            fn encode(
                &self,
                value: &mut floe_stun::ValueWriter<'_>,
            ) -> Result<(), floe_stun::WriteError> {
                floe_stun::attribute::encode_xor_address(self.0, value)
            }
        }

        #[cfg(test)]
        mod tests {
            use floe_stun::attribute::{Attribute as _, ValueError};

            use super::*;
            use crate::attribute::tests::{ID, round_trip};

            #[test]
            fn both_families_round_trip_and_a_third_is_refused() {
                round_trip($name("192.0.2.1:32853".parse().unwrap()));
                round_trip($name("[2001:db8::1]:1".parse().unwrap()));
                assert_eq!($name::decode(&[0, 3, 0, 0, 0, 0, 0, 0], ID), Err(ValueError::Family(3)));
            }

            #[test]
            fn debug_hides_the_address() {
                let shown = format!("{:?}", $name("192.0.2.77:5000".parse().unwrap()));
                assert_eq!(shown, concat!(stringify!($name), "(192.x.x.x:5000)"));
            }
        }
    };
}

pub(super) use xor_address_attribute;
