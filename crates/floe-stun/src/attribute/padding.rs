use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// PADDING (RFC 5780 7.6): bytes without meaning that make a message so large that IP divides it into fragments.
///
/// A request with it asks for a response with it. It must not stand beside RESPONSE-PORT (RFC 5780 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Padding {
    length: u16,
}

impl Padding {
    /// Padding of so many bytes, rounded up to a multiple of four; at most 65,532, of which a datagram holds less.
    #[must_use]
    pub const fn new(length: u16) -> Self {
        // Where rounding up would leave the 16 bits, down is what is left.
        match length.checked_next_multiple_of(4) {
            Some(length) => Self { length },
            None => Self { length: u16::MAX - 3 },
        }
    }

    /// How many bytes of padding.
    #[must_use]
    pub const fn length(self) -> u16 {
        self.length
    }
}

impl Attribute<'_> for Padding {
    const TYPE: AttributeType = AttributeType::PADDING;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        let too_long = |_| ValueError::TooLong { limit: usize::from(u16::MAX), actual: value.len() };
        // As it came: what its sender did not round is not rounded here.
        u16::try_from(value.len()).map(|length| Self { length }).map_err(too_long)
    }
}

impl WriteAttribute for Padding {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        for _ in 0..self.length / 4 {
            value.put(&[0; 4])?;
        }
        value.put([0; 4].get(..usize::from(self.length % 4)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip, try_value_of, value_of};

    // proves: 5780-7.2-a
    #[test]
    fn it_is_so_many_bytes_in_whole_words() {
        assert_eq!(AttributeType::PADDING.get(), 0x0026);
        for (wanted, written) in [(0, 0), (1, 4), (1_500, 1_500), (1_501, 1_504)] {
            let padding = Padding::new(wanted);
            round_trip(&padding);
            assert_eq!(value_of(&padding), vec![0; written]);
        }
        assert_eq!(Padding::new(u16::MAX).length(), 65_532);
    }

    #[test]
    fn what_it_holds_does_not_matter_and_an_odd_length_stays_one() {
        let padding = Padding::decode(b"whatever...", ID).unwrap();
        assert_eq!(padding.length(), 11);
        assert_eq!(value_of(&padding), [0; 11]);
    }

    #[test]
    fn a_buffer_that_is_too_small_refuses_it() {
        assert_eq!(try_value_of(&Padding::new(4_000)), Err(WriteError::BufferTooSmall));
    }
}
