use super::number::number_attribute;

number_attribute! {
    /// PRIORITY (RFC 8445 7.1.1): what a peer-reflexive candidate learned from this check would have.
    Priority(u32), PRIORITY, decode_u32
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
        round_trip(&Priority::new(0));
        round_trip(&Priority::new(u32::MAX));
    }

    #[test]
    fn it_has_4_bytes_and_no_other_number() {
        for actual in (0..12).filter(|&length| length != 4) {
            let decoded = Priority::decode(&[0; 12][..actual], ID);
            assert_eq!(decoded, Err(ValueError::Length { expected: 4, actual }));
        }
    }
}
