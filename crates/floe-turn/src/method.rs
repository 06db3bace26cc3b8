//! The methods of TURN (RFC 8656 17, RFC 6062 6.1).

use floe_stun::Method;

/// Allocate: give me a relayed address. Requests only.
pub const ALLOCATE: Method = method(0x003);
/// Refresh: keep or end my allocation. Requests only.
pub const REFRESH: Method = method(0x004);
/// Send: relay this to a peer. Indications only.
pub const SEND: Method = method(0x006);
/// Data: a peer sent this. Indications only.
pub const DATA: Method = method(0x007);
/// CreatePermission: let these peers send to me. Requests only.
pub const CREATE_PERMISSION: Method = method(0x008);
/// ChannelBind: let a channel stand for this peer. Requests only.
pub const CHANNEL_BIND: Method = method(0x009);
/// Connect: open a TCP connection to this peer (RFC 6062). Requests only.
pub const CONNECT: Method = method(0x00A);
/// ConnectionBind: this connection is for that peer's (RFC 6062). Requests only.
pub const CONNECTION_BIND: Method = method(0x00B);
/// ConnectionAttempt: a peer has opened a TCP connection (RFC 6062). Indications only.
pub const CONNECTION_ATTEMPT: Method = method(0x00C);

const fn method(number: u16) -> Method {
    Method::new(number).expect("invariant: a method has 12 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_registered_ones() {
        let numbers = [ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND].map(Method::get);
        assert_eq!(numbers, [3, 4, 6, 7, 8, 9]);
        assert_eq!([CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT].map(Method::get), [10, 11, 12]);
    }
}
