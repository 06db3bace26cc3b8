use super::address::{address_attribute, decode_address};

address_attribute! {
    /// OTHER-ADDRESS (RFC 5780 7.4): what a response would be sent from if both address and port were changed.
    ///
    /// Only a server with a second IP address has it.
    OtherAddress, OTHER_ADDRESS, |value, _| decode_address(value), encode_address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{
        AttributeType,
        tests::{round_trip, value_of},
    };

    // proves: 5780-7.2-a
    #[test]
    fn it_is_written_as_it_is_in_both_families() {
        assert_eq!(AttributeType::OTHER_ADDRESS.get(), 0x802C);
        round_trip(&OtherAddress("[2001:db8::1]:1".parse().unwrap()));
        let address = OtherAddress("192.0.2.1:32853".parse().unwrap());
        round_trip(&address);
        assert_eq!(value_of(&address), [0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    }
}
