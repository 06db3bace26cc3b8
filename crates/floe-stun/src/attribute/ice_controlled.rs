use super::number::number_attribute;

number_attribute! {
    /// ICE-CONTROLLED (RFC 8445 7.1.3): the sender is controlled, and this is its tie-breaker.
    IceControlled(u64), ICE_CONTROLLED, decode_u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{
        Attribute as _, ValueError,
        tests::{ID, round_trip},
    };

    #[test]
    fn the_smallest_and_the_largest_round_trip() {
        round_trip(&IceControlled::new(0));
        round_trip(&IceControlled::new(u64::MAX));
    }

    #[test]
    fn it_has_8_bytes_and_no_other_number() {
        for actual in (0..12).filter(|&length| length != 8) {
            let decoded = IceControlled::decode(&[0; 12][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected: 8, actual }));
        }
    }
}
