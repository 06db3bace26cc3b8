use super::text::text_attribute;

text_attribute! {
    /// REALM (RFC 8489 14.9): where a long-term credential is valid, prepared by the OpaqueString profile.
    Realm, REALM
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_text_limits, round_trip};

    #[test]
    fn texts_of_every_padding_round_trip() {
        for text in ["", "a", "ab", "abc", "example.org"] {
            round_trip(&Realm::new(text));
        }
    }

    #[test]
    fn it_keeps_the_limits_of_a_text() {
        assert_text_limits(Realm::new, Realm::as_str);
    }
}
