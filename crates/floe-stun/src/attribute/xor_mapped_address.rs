use super::address::{address_attribute, decode_xor_address};

address_attribute! {
    /// XOR-MAPPED-ADDRESS (RFC 8489 14.2): where the server saw the request come from.
    ///
    /// On the wire it is mixed with cookie and transaction id, since some NATs rewrite any address of theirs they see.
    XorMappedAddress, XOR_MAPPED_ADDRESS, decode_xor_address, encode_xor_address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::tests::{ID, round_trip, value_of};

    #[test]
    fn both_families_round_trip() {
        round_trip(&XorMappedAddress("192.0.2.1:32853".parse().unwrap()));
        round_trip(&XorMappedAddress("[2001:db8::1]:1".parse().unwrap()));
    }

    // proves: 8489-14.2-a
    #[test]
    fn port_and_address_are_mixed_with_the_cookie_and_ipv6_with_the_id_too() {
        let ipv4 = XorMappedAddress("0.0.0.0:0".parse().unwrap());
        assert_eq!(value_of(&ipv4), [0, 1, 0x21, 0x12, 0x21, 0x12, 0xA4, 0x42]);

        let ipv6 = XorMappedAddress("[::]:0".parse().unwrap());
        let expected = [&[0, 2, 0x21, 0x12, 0x21, 0x12, 0xA4, 0x42], &ID.as_bytes()[..]].concat();
        assert_eq!(value_of(&ipv6), expected);
    }
}
