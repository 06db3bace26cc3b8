use super::{Attribute, AttributeType, ValueError, WriteAttribute};
use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// ALTERNATE-DOMAIN (RFC 8489 14.16): the name that the certificate of an alternate server must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlternateDomain<'a>(&'a str);

/// As long as a DNS name may be.
const LIMIT: usize = 255;

impl<'a> AlternateDomain<'a> {
    /// The attribute of this name; it is checked when it is written.
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

fn check(name: &str) -> Result<(), ValueError> {
    if name.len() > LIMIT {
        return Err(ValueError::TooLong { limit: LIMIT, actual: name.len() });
    }
    if name.is_ascii() { Ok(()) } else { Err(ValueError::NotAscii) }
}

impl<'a> Attribute<'a> for AlternateDomain<'a> {
    const TYPE: AttributeType = AttributeType::ALTERNATE_DOMAIN;

    fn decode(value: &'a [u8], _id: TransactionId) -> Result<Self, ValueError> {
        let name = std::str::from_utf8(value).map_err(|_| ValueError::NotUtf8)?;
        check(name).map(|()| Self(name))
    }
}

impl WriteAttribute for AlternateDomain<'_> {
    fn kind(&self) -> AttributeType {
        Self::TYPE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        check(self.0).map_err(|problem| value.refuse(problem))?;
        value.put(self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip, try_value_of};

    #[test]
    fn names_round_trip() {
        round_trip(&AlternateDomain::new("turn.example.org"));
        round_trip(&AlternateDomain::new(&"d".repeat(255)));
    }

    #[test]
    fn what_is_no_dns_name_is_neither_read_nor_sent() {
        let long = "d".repeat(256);
        let too_long = ValueError::TooLong { limit: 255, actual: 256 };
        for (name, problem) in [(long.as_str(), too_long), ("bücher.example", ValueError::NotAscii)] {
            assert_eq!(AlternateDomain::decode(name.as_bytes(), ID), Err(problem));
            let refused = WriteError::Value { attribute: AttributeType::ALTERNATE_DOMAIN, problem };
            assert_eq!(try_value_of(&AlternateDomain::new(name)), Err(refused));
        }
    }
}
