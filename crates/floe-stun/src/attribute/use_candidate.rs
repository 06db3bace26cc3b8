use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// USE-CANDIDATE (RFC 8445 7.1.2): the controlling agent nominates the pair. It has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UseCandidate;

impl Attribute<'_> for UseCandidate {
    const TYPE: AttributeType = AttributeType::USE_CANDIDATE;

    fn decode(value: &[u8], _id: TransactionId) -> Result<Self, ValueError> {
        match value.len() {
            0 => Ok(Self),
            actual => Err(ValueError::Length { expected: 0, actual }),
        }
    }
}

impl WriteAttribute for UseCandidate {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, _value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip};

    #[test]
    fn a_flag_round_trips_and_has_no_value() {
        round_trip(&UseCandidate);
        let with_value = UseCandidate::decode(&[0; 4], ID);
        assert_eq!(with_value, Err(ValueError::Length { expected: 0, actual: 4 }));
    }
}
