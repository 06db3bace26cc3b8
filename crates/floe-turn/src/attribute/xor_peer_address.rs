use super::xor_address::xor_address_attribute;

xor_address_attribute! {
    /// XOR-PEER-ADDRESS (RFC 8656 18.3): the peer, as the server sees it.
    XorPeerAddress = 0x0012
}
