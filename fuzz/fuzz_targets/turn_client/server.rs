//! A server that knows the password, and lies.

use floe_stun::{
    Class, Key, KeyDerivation, Message, MessageWriter, Method, TransactionId,
    attribute::{ErrorCode, Nonce, Realm, WriteAttribute},
};
use floe_turn::{
    AddressErrorCode, AddressFamily, ConnectionId, Data, Icmp, Lifetime, MobilityTicket, ReservationToken,
    XorPeerAddress, XorRelayedAddress, method,
};

use crate::{input::Input, world::peer};

const REALM: &str = "floe.example";
/// Of an error; 0 is success, which comes more often.
const CODES: [u16; 32] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 300, 400, 401, 401, 401, 403, 405, 420, 437, 438, 438, 440, 441,
    443, 446, 447, 486, 500, 508,
];
const LIFETIMES: [u32; 8] = [600, 600, 600, 60, 3600, 1, 0, u32::MAX];

/// An answer of some kind.
pub fn answer(request: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    let Ok(request) = Message::parse(request) else { return vec![0; 20] };
    let code = CODES[usize::from(input.byte()) % CODES.len()];
    let (signed, which) = (input.byte() < 240, input.byte());
    let key = Key::long_term(KeyDerivation::Md5, "ann", REALM, "secret");
    let (relayed, relayed6) = (address("192.0.2.1:50000"), address("[2001:db8::1]:50000"));
    let lifetime = Lifetime::from_seconds(LIFETIMES[usize::from(which & 7)]);
    let nonce = format!("n{}", which & 3);
    let (realm, nonce, error) = (Realm::new(REALM), Nonce::new(&nonce), ErrorCode::new(code, ""));
    let ticket = [which; 16];
    let (ticket, id) = (MobilityTicket(&ticket), ConnectionId(u32::from(which % 16)));
    let token = ReservationToken([which; 8]);
    let refused = AddressErrorCode::new(AddressFamily::Ipv6, 440, "");
    let attributes: Vec<&dyn WriteAttribute> = match code {
        0 if which & 0x60 == 0x60 => vec![&relayed, &relayed6, &lifetime, &ticket, &id, &token],
        0 if which & 0x60 == 0x40 => vec![&relayed6, &lifetime, &id],
        0 => vec![&relayed, &lifetime, &ticket, &id, &refused],
        401 | 438 => vec![&error, &realm, &nonce],
        _ => vec![&error],
    };
    let challenges = matches!(code, 401 | 438);
    let class = if code == 0 { Class::Success } else { Class::Error };
    let key = (signed && !challenges).then_some(&key);
    write(class, request.method(), request.transaction_id(), &attributes, key)
}

/// Something that nobody has asked for.
pub fn indication(input: &mut Input<'_>) -> Vec<u8> {
    let to = XorPeerAddress(peer(input.byte()));
    let (id, icmp) = (ConnectionId(u32::from(input.byte() % 16)), Icmp { kind: 3, code: 3, data: 0 });
    let (method, attributes): (Method, [&dyn WriteAttribute; 2]) = match input.byte() % 3 {
        0 => (method::DATA, [&to, &Data(b"data")]),
        1 => (method::DATA, [&to, &icmp]),
        _ => (method::CONNECTION_ATTEMPT, [&to, &id]),
    };
    write(Class::Indication, method, TransactionId::new([3; 12]), &attributes, None)
}

fn address(text: &str) -> XorRelayedAddress {
    XorRelayedAddress(text.parse().expect("an address"))
}

fn write(
    class: Class,
    method: Method,
    id: TransactionId,
    attributes: &[&dyn WriteAttribute],
    key: Option<&Key>,
) -> Vec<u8> {
    let mut buffer = vec![0; 1024];
    let mut writer = MessageWriter::new(&mut buffer, class, method, id).expect("room");
    for attribute in attributes {
        writer = writer.attribute(attribute).expect("room");
    }
    if let Some(key) = key {
        writer = writer.integrity(key).expect("room");
    }
    let length = writer.finish();
    buffer.truncate(length);
    buffer
}
