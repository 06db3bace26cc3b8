use std::fmt;

use super::{AttributeType, WriteAttribute};
use crate::writer::{ValueWriter, WriteError};

/// An attribute as it stands in the message, or one that this crate has no type for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Its type.
    pub kind: AttributeType,
    /// Its value, without padding.
    pub value: &'a [u8],
}

impl WriteAttribute for RawAttribute<'_> {
    fn kind(&self) -> AttributeType {
        self.kind
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(self.value)
    }
}

impl fmt::Debug for RawAttribute<'_> {
    /// Shows type and length: values may be addresses and names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawAttribute({}, {} bytes)", self.kind, self.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::round_trip_with;

    #[test]
    fn an_unknown_type_keeps_its_value() {
        let raw = RawAttribute { kind: AttributeType::new(0xC057), value: &[1, 2, 3, 4, 5] };
        round_trip_with(&raw, |message| assert_eq!(message.raw(raw.kind), Some(raw)));
    }

    #[test]
    fn debug_shows_no_value() {
        let raw = RawAttribute { kind: AttributeType::USERNAME, value: b"alice" };
        assert_eq!(format!("{raw:?}"), "RawAttribute(USERNAME, 5 bytes)");
    }
}
