use super::address::{address_attribute, decode_address};

address_attribute! {
    /// RESPONSE-ORIGIN (RFC 5780 7.3): the address that a response was sent from.
    ///
    /// It differs from the source that is seen where a NAT stands before the server.
    ResponseOrigin, RESPONSE_ORIGIN, |value, _| decode_address(value), encode_address
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
        assert_eq!(AttributeType::RESPONSE_ORIGIN.get(), 0x802B);
        round_trip(&ResponseOrigin("[2001:db8::1]:1".parse().unwrap()));
        let address = ResponseOrigin("192.0.2.1:32853".parse().unwrap());
        round_trip(&address);
        assert_eq!(value_of(&address), [0, 1, 0x80, 0x55, 192, 0, 2, 1]);
    }
}
