use std::fmt;

use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// USERHASH (RFC 8489 14.4): the user name and the realm as a SHA-256 digest, so that nobody on the way reads the name.
///
/// `Debug` shows nothing of it: who guesses the name can tell that it is the one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserHash(pub [u8; 32]);

impl fmt::Debug for UserHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserHash").finish_non_exhaustive()
    }
}

impl Attribute<'_> for UserHash {
    const TYPE: AttributeType = AttributeType::USERHASH;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        value.try_into().map(Self).map_err(|_| ValueError::Length { expected: 32, actual: value.len() })
    }
}

impl WriteAttribute for UserHash {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip};

    #[test]
    fn thirty_two_bytes_round_trip_and_no_other_number_is_read() {
        round_trip(&UserHash([7; 32]));
        for actual in (0..40).filter(|&length| length != 32) {
            let decoded = UserHash::decode(&[0; 40][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected: 32, actual }));
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", UserHash([7; 32])), "UserHash { .. }");
    }
}
