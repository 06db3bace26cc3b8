use std::fmt;

use super::{Attribute, AttributeType, ValueError, WriteAttribute, text};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// USERNAME (RFC 8489 14.3): whose password is the key.
///
/// The text is taken as prepared by the OpaqueString profile (RFC 8265); those of ICE are so by nature.
///
/// `Debug` shows its length only: with TURN it may name a person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Username<'a>(&'a str);

/// Fewer than 509 bytes are sent.
const ENCODE_LIMIT: usize = 508;

impl<'a> Username<'a> {
    /// The attribute of this name; its length is checked when it is written.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for Username<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Username({} bytes)", self.0.len())
    }
}

impl<'a> Attribute<'a> for Username<'a> {
    const TYPE: AttributeType = AttributeType::USERNAME;

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        text::decode_text(value).map(Self)
    }
}

impl WriteAttribute for Username<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        if self.0.len() > ENCODE_LIMIT {
            return Err(value.refuse(ValueError::TooLong { limit: ENCODE_LIMIT, actual: self.0.len() }));
        }
        value.put(self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip, try_value_of};

    #[test]
    fn names_of_every_padding_round_trip() {
        for name in ["", "a", "ab", "abc", "evtj:h6vY", "マトリックス"] {
            round_trip(&Username::new(name));
        }
    }

    #[test]
    fn up_to_508_bytes_are_sent_and_up_to_763_are_read() {
        let name = "n".repeat(764);
        let write = |length| try_value_of(&Username::new(&name[..length])).map(|value| value.len());
        let problem = ValueError::TooLong { limit: 508, actual: 509 };
        assert_eq!(write(508), Ok(508));
        assert_eq!(write(509), Err(WriteError::Value { attribute: AttributeType::USERNAME, problem }));

        let read = |length| Username::decode(&name.as_bytes()[..length], ID).map(|name| name.as_str().len());
        assert_eq!(read(763), Ok(763));
        assert_eq!(read(764), Err(ValueError::TooLong { limit: 763, actual: 764 }));
        assert_eq!(Username::decode(&[0xFF], ID), Err(ValueError::NotUtf8));
    }
}
