use super::address::{address_attribute, decode_address};

address_attribute! {
    /// ALTERNATE-SERVER (RFC 8489 14.15): the address of a server to try instead.
    ///
    /// With a response 300 it may only be followed where integrity vouches for it (RFC 8489 10).
    AlternateServer, ALTERNATE_SERVER, |value, _| decode_address(value), encode_address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{round_trip, value_of};

    #[test]
    fn both_families_round_trip() {
        round_trip(&AlternateServer("192.0.2.1:32853".parse().unwrap()));
        round_trip(&AlternateServer("[2001:db8::1]:1".parse().unwrap()));
    }

    #[test]
    fn it_is_written_as_it_is() {
        let address = AlternateServer("192.0.2.1:32853".parse().unwrap());
        assert_eq!(value_of(&address), [0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    }
}
