use super::text::text_attribute;

text_attribute! {
    /// SOFTWARE (RFC 8489 14.14): what wrote the message, with its version; for people only.
    Software, SOFTWARE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_text_limits, round_trip};

    #[test]
    fn texts_of_every_padding_round_trip() {
        for text in ["", "a", "ab", "abc", "STUN test client"] {
            round_trip(&Software::new(text));
        }
    }

    #[test]
    fn it_keeps_the_limits_of_a_text() {
        assert_text_limits(Software::new, Software::as_str);
    }
}
