use super::text::text_attribute;

text_attribute! {
    /// THIRD-PARTY-AUTHORIZATION (RFC 7635 6.1): the server takes access tokens, and this is its name, which whoever issues
    /// them wants to know.
    ThirdPartyAuthorization, THIRD_PARTY_AUTHORIZATION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{assert_text_limits, round_trip};

    #[test]
    fn names_of_every_padding_round_trip() {
        for name in ["", "a", "ab", "abc", "turn1@example.com"] {
            round_trip(&ThirdPartyAuthorization::new(name));
        }
    }

    #[test]
    fn it_keeps_the_limits_of_a_text() {
        assert_text_limits(ThirdPartyAuthorization::new, ThirdPartyAuthorization::as_str);
    }
}
