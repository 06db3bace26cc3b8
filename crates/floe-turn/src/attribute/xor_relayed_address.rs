use super::xor_address::xor_address_attribute;

xor_address_attribute! {
    /// XOR-RELAYED-ADDRESS (RFC 8656 18.5): the address at which the server relays for the client.
    XorRelayedAddress = 0x0016
}
