use super::text::text_attribute;

text_attribute! {
    /// NONCE (RFC 8489 14.10): what the server wants back in the next request.
    Nonce, NONCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_text_limits, round_trip};

    #[test]
    fn texts_of_every_padding_round_trip() {
        for text in ["", "a", "ab", "abc", "f//499k954d6OL34oL9FSTvy64sA"] {
            round_trip(&Nonce::new(text));
        }
    }

    #[test]
    fn it_keeps_the_limits_of_a_text() {
        assert_text_limits(Nonce::new, Nonce::as_str);
    }
}
