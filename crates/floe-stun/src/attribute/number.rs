//! Attributes that are one number.

use super::ValueError;

/// Reads a value of 4 bytes.
///
/// # Errors
/// It has another length.
pub fn decode_u32(value: &[u8]) -> Result<u32, ValueError> {
    exactly(value).map(u32::from_be_bytes)
}

/// Reads a value of 8 bytes.
///
/// # Errors
/// It has another length.
pub fn decode_u64(value: &[u8]) -> Result<u64, ValueError> {
    exactly(value).map(u64::from_be_bytes)
}

fn exactly<const N: usize>(value: &[u8]) -> Result<[u8; N], ValueError> {
    value.try_into().map_err(|_| ValueError::Length { expected: N, actual: value.len() })
}

/// Declares an attribute that is one number.
macro_rules! number_attribute {
    ($(#[$doc:meta])* $name:ident($number:ty), $kind:ident, $decode:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($number);

        impl $name {
            /// The attribute of this number.
            #[must_use]
            pub const fn new(number: $number) -> Self {
                Self(number)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> $number {
                self.0
            }
        }

        impl $crate::attribute::Attribute<'_> for $name {
            const TYPE: $crate::attribute::AttributeType = $crate::attribute::AttributeType::$kind;

            fn decode(
                value: &[u8],
                _id: $crate::header::TransactionId,
            ) -> Result<Self, $crate::attribute::ValueError> {
                $crate::attribute::number::$decode(value).map(Self)
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
                value.put(&self.0.to_be_bytes())
            }
        }
    };
}

pub(super) use number_attribute;
