use std::time::Duration;

use floe_stun::{
    TransactionId, ValueWriter, WriteError,
    attribute::{Attribute, AttributeType, ValueError, WriteAttribute, decode_u32},
};

/// LIFETIME (RFC 8656 18.2): how long the allocation lives without a refresh, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(u32);

impl Lifetime {
    /// Nothing: the allocation ends (RFC 8656 8).
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    #[must_use]
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds)
    }

    /// How long.
    #[must_use]
    pub const fn duration(self) -> Duration {
        // Lossless: 32 bits of seconds.
        Duration::from_secs(self.0 as u64)
    }
}

impl Attribute<'_> for Lifetime {
    const TYPE: AttributeType = AttributeType::new(0x000D);

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        decode_u32(value).map(Self)
    }
}

impl WriteAttribute for Lifetime {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&self.0.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_length_is, round_trip};

    #[test]
    fn seconds_round_trip_from_none_to_the_most() {
        for seconds in [0, 600, u32::MAX] {
            round_trip(Lifetime::from_seconds(seconds));
            assert_eq!(Lifetime::from_seconds(seconds).duration(), Duration::from_secs(seconds.into()));
        }
        assert_length_is::<Lifetime>(4);
    }
}
