use std::fmt;

use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// ACCESS-TOKEN (RFC 7635 6.2): what somebody whom the server trusts has issued to the client, who does not look into it.
///
/// `Debug` shows its length only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessToken<'a>(&'a [u8]);

impl<'a> AccessToken<'a> {
    /// The attribute of this token.
    #[must_use]
    pub const fn new(token: &'a [u8]) -> Self {
        Self(token)
    }

    /// The token.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for AccessToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({} bytes)", self.0.len())
    }
}

impl<'a> Attribute<'a> for AccessToken<'a> {
    const TYPE: AttributeType = AttributeType::ACCESS_TOKEN;

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        Ok(Self(value))
    }
}

impl WriteAttribute for AccessToken<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::round_trip;

    #[test]
    fn tokens_of_every_padding_round_trip_whatever_is_in_them() {
        for length in 0..9 {
            round_trip(&AccessToken::new(&[0xFF; 9][..length]));
        }
    }
}
