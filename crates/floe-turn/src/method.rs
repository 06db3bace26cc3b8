//! The methods of TURN (RFC 8656 17).

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
    }
}
