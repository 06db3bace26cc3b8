//! The error codes of TURN (RFC 8656 19, RFC 6062 6.3, RFC 8016 3.4), beside those of RFC 8489.

/// 403: the server's policy forbids it.
pub const FORBIDDEN: u16 = 403;
/// 405: the server takes no clients along to another address (RFC 8016).
pub const MOBILITY_FORBIDDEN: u16 = 405;
/// 437: there is no allocation where one is needed, or one where none may be.
pub const ALLOCATION_MISMATCH: u16 = 437;
/// 440: the server has no such addresses.
pub const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
/// 441: other credentials than the allocation was made with.
pub const WRONG_CREDENTIALS: u16 = 441;
/// 442: the server does not relay to peers over this transport.
pub const UNSUPPORTED_TRANSPORT_PROTOCOL: u16 = 442;
/// 443: the peer's address is of another family than the relayed one.
pub const PEER_ADDRESS_FAMILY_MISMATCH: u16 = 443;
/// 446: there is a connection to this peer already (RFC 6062).
pub const CONNECTION_ALREADY_EXISTS: u16 = 446;
/// 447: the server cannot connect to the peer (RFC 6062).
pub const CONNECTION_TIMEOUT_OR_FAILURE: u16 = 447;
/// 486: this user has as many allocations as it may.
pub const ALLOCATION_QUOTA_REACHED: u16 = 486;
/// 508: the server has no room, for a while.
pub const INSUFFICIENT_CAPACITY: u16 = 508;
