//! RFC 8489 STUN: borrowed parsing, in-place writing, integrity and transactions
