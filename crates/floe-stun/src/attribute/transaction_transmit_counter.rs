use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// TRANSACTION-TRANSMIT-COUNTER (RFC 7982 3.1): the how-manieth sending of a request this is, and of its response.
///
/// A response repeats the number of the request that it answers, which tells the round trip even where the request was
/// resent: [`Completed::answering`](crate::Completed::answering).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionTransmitCounter {
    /// Req: how often the request was sent, 1 for the first.
    pub requests: u8,
    /// Resp: how often it was answered, 0 where the server does not count; in a request it means nothing.
    pub responses: u8,
}

impl TransactionTransmitCounter {
    /// That of a request: Resp is zero (RFC 7982 3.2).
    #[must_use]
    pub const fn request(requests: u8) -> Self {
        Self { requests, responses: 0 }
    }
}

impl Attribute<'_> for TransactionTransmitCounter {
    const TYPE: AttributeType = AttributeType::TRANSACTION_TRANSMIT_COUNTER;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        // RFC 7982 3.1: the first two bytes are reserved, and ignored.
        let &[_, _, requests, responses] = value else {
            return Err(ValueError::Length { expected: 4, actual: value.len() });
        };
        Ok(Self { requests, responses })
    }
}

impl WriteAttribute for TransactionTransmitCounter {
    fn kind(&self) -> AttributeType {
        AttributeType::TRANSACTION_TRANSMIT_COUNTER
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&[0, 0, self.requests, self.responses])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip};
    use crate::{Class, MessageWriter, Method};

    #[test]
    fn the_smallest_and_the_largest_round_trip() {
        round_trip(&TransactionTransmitCounter { requests: 0, responses: 0 });
        round_trip(&TransactionTransmitCounter { requests: u8::MAX, responses: 1 });
    }

    // proves: 7982-3-a
    #[test]
    fn two_zero_bytes_then_the_sends_then_the_answers() {
        let mut buffer = [0xFF; 64];
        let writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID).unwrap();
        let length = writer.attribute(&TransactionTransmitCounter::request(3)).unwrap().finish();
        assert_eq!(buffer[20..length], [0x80, 0x25, 0, 4, 0, 0, 3, 0]);
        // What is reserved may mean something one day, and nothing here.
        let decoded = TransactionTransmitCounter::decode(&[9, 9, 4, 2], ID);
        assert_eq!(decoded, Ok(TransactionTransmitCounter { requests: 4, responses: 2 }));
    }

    #[test]
    fn it_has_4_bytes_and_no_other_number() {
        for actual in (0..12).filter(|&length| length != 4) {
            let decoded = TransactionTransmitCounter::decode(&[0; 12][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected: 4, actual }));
        }
    }
}
