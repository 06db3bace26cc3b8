//! The 20-byte header (RFC 8489 5): class, method, transaction id.

use std::fmt;

use rand::CryptoRng;

/// Bytes of the header, which the length field does not count.
pub const HEADER_LENGTH: usize = 20;

/// What tells a STUN message from other traffic (RFC 8489 5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// What a message is to its transaction (RFC 8489 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Asks for a response.
    Request,
    /// Asks for nothing and is never answered.
    Indication,
    /// Answers a request with what it asked for.
    Success,
    /// Answers a request with an ERROR-CODE.
    Error,
}

impl Class {
    /// All four, in the order of their bits.
    pub const ALL: [Self; 4] = [Self::Request, Self::Indication, Self::Success, Self::Error];

    const fn bits(self) -> u16 {
        match self {
            Self::Request => 0x0000,
            Self::Indication => 0x0010,
            Self::Success => 0x0100,
            Self::Error => 0x0110,
        }
    }

    const fn from_bits(message_type: u16) -> Self {
        match (message_type & 0x0100 != 0, message_type & 0x0010 != 0) {
            (false, false) => Self::Request,
            (false, true) => Self::Indication,
            (true, false) => Self::Success,
            (true, true) => Self::Error,
        }
    }

    /// Whether it answers a request.
    #[must_use]
    pub const fn is_response(self) -> bool {
        matches!(self, Self::Success | Self::Error)
    }
}

/// What a transaction is about: 12 bits (RFC 8489 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(u16);

impl Method {
    /// Binding: tell me my address; with ICE, a connectivity check.
    pub const BINDING: Self = Self(0x001);

    /// The method of this number.
    ///
    /// `None` above 0xFFF: a method has 12 bits.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number <= 0x0FFF { Some(Self(number)) } else { None }
    }

    /// Its number, at most 0xFFF.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Interleaves class and method into the message type (RFC 8489 5, figure 3).
pub(crate) const fn message_type(class: Class, method: Method) -> u16 {
    let number = method.0;
    // The class bits sit at 0x0100 and 0x0010; the method flows around them.
    (number & 0x0F80) << 2 | (number & 0x0070) << 1 | (number & 0x000F) | class.bits()
}

/// Takes a message type apart; its two top bits, which must be zero, are not looked at.
pub(crate) const fn split_message_type(message_type: u16) -> (Class, Method) {
    let number = (message_type & 0x3E00) >> 2 | (message_type & 0x00E0) >> 1 | (message_type & 0x000F);
    (Class::from_bits(message_type), Method(number))
}

/// The 96 bits that tie a response to its request (RFC 8489 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId([u8; 12]);

impl TransactionId {
    /// A new one. The generator must be cryptographic: who can guess the id can forge an answer.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut id = [0; 12];
        rng.fill_bytes(&mut id);
        Self(id)
    }

    /// The id of these bytes, for instance one read from a log.
    #[must_use]
    pub const fn new(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as they stand in the message.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{SeedableRng as _, rngs::ChaCha20Rng};

    use super::*;
    use crate::{Message, MessageWriter};

    // proves: 8489-5-b
    #[test]
    fn every_class_and_method_survives_the_message_type_and_has_one_of_its_own() {
        let mut seen = BTreeSet::new();
        for number in 0..=0x0FFF {
            let method = Method::new(number).unwrap();
            for class in Class::ALL {
                let packed = message_type(class, method);
                assert_eq!(packed & 0xC000, 0, "{class:?} {number:#x}");
                assert_eq!(split_message_type(packed), (class, method));
                assert!(seen.insert(packed));
            }
        }
        assert_eq!(seen.len(), 4 * 4096);
        assert_eq!(Method::new(0x1000), None);

        let binding = Class::ALL.map(|class| message_type(class, Method::BINDING));
        assert_eq!(binding, [0x0001, 0x0011, 0x0101, 0x0111]);
    }

    // proves: 8489-5-c
    #[test]
    fn a_hundred_thousand_ids_from_the_given_generator_all_differ_and_responses_echo_them() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut seen = BTreeSet::new();
        let (mut request, mut response) = ([0; HEADER_LENGTH], [0; HEADER_LENGTH]);
        for _ in 0..100_000 {
            let id = TransactionId::random(&mut rng);
            assert!(seen.insert(id));
            MessageWriter::new(&mut request, Class::Request, Method::BINDING, id).unwrap();
            let request = Message::parse(&request).unwrap();
            MessageWriter::respond(&mut response, &request, Class::Success).unwrap();
            assert_eq!(Message::parse(&response).unwrap().transaction_id(), id);
        }
        // The same seed gives the same ids: nothing but the generator is drawn on.
        let mut again = ChaCha20Rng::seed_from_u64(5);
        assert!((0..1000).all(|_| seen.contains(&TransactionId::random(&mut again))));
    }

    #[test]
    fn an_id_is_shown_in_hexadecimal() {
        let id = TransactionId::new([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xAB, 0xFF]);
        assert_eq!(format!("{id:?}"), "TransactionId(00010203040506070809abff)");
    }
}
