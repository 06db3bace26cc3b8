use super::address::{address_attribute, decode_address};

address_attribute! {
    /// MAPPED-ADDRESS (RFC 8489 14.1): where the server saw the request come from, as servers of RFC 3489 write it.
    ///
    /// Some NATs rewrite it; [`XorMappedAddress`](super::XorMappedAddress) is what to believe.
    MappedAddress, MAPPED_ADDRESS, |value, _| decode_address(value), encode_address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{round_trip, value_of};

    #[test]
    fn both_families_round_trip() {
        round_trip(&MappedAddress("192.0.2.1:32853".parse().unwrap()));
        round_trip(&MappedAddress("[2001:db8::1]:1".parse().unwrap()));
    }

    #[test]
    fn it_is_written_as_it_is() {
        let address = MappedAddress("192.0.2.1:32853".parse().unwrap());
        assert_eq!(value_of(&address), [0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    }
}
