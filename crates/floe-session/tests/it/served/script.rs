//! What servers say.

use std::net::SocketAddr;

use floe_session::IceServer;
use floe_stun::{
    Class, Key, KeyDerivation, Message, MessageWriter, Method, TransactionId,
    attribute::{ErrorCode, Nonce, Realm, WriteAttribute, XorMappedAddress},
};
use floe_turn::{Lifetime, XorRelayedAddress, method};

/// What a server answers to a message, if anything.
pub(super) type Script = Box<dyn FnMut(&Message<'_>) -> Vec<Vec<u8>>>;

pub(super) const REALM: &str = "floe.example";
pub(super) const MAPPED: &str = "203.0.113.1:61000";

pub(super) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A user that [`turn`] knows.
pub(super) fn known(server: IceServer) -> IceServer {
    server.user("ann", "secret")
}

/// What the user and [`turn`] share.
pub(super) fn key() -> Key {
    Key::long_term(KeyDerivation::Md5, "ann", REALM, "secret")
}

pub(super) fn write(
    class: Class,
    method: Method,
    id: TransactionId,
    attributes: &[&dyn WriteAttribute],
    key: Option<&Key>,
) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let mut writer = MessageWriter::new(&mut buffer, class, method, id).unwrap();
    for attribute in attributes {
        writer = writer.attribute(attribute).unwrap();
    }
    if let Some(key) = key {
        writer = writer.integrity(key).unwrap();
    }
    let length = writer.finish();
    buffer.truncate(length);
    buffer
}

pub(super) fn refuse(request: &Message<'_>, code: u16, attributes: &[&dyn WriteAttribute]) -> Vec<u8> {
    let code = ErrorCode::standard(code);
    let all: Vec<&dyn WriteAttribute> =
        std::iter::once(&code as &dyn WriteAttribute).chain(attributes.iter().copied()).collect();
    write(Class::Error, request.method(), request.transaction_id(), &all, None)
}

/// A 401 or 438.
pub(super) fn challenge(request: &Message<'_>, code: u16, realm: &str, nonce: &str) -> Vec<u8> {
    refuse(request, code, &[&Realm::new(realm), &Nonce::new(nonce)])
}

/// A success of which the key vouches.
pub(super) fn grant(request: &Message<'_>, attributes: &[&dyn WriteAttribute]) -> Vec<u8> {
    write(Class::Success, request.method(), request.transaction_id(), attributes, Some(&key()))
}

/// A TURN server as it should be: it relays from this address, and tells that of a NAT.
pub(super) fn turn(relayed: &str, mapped: &str) -> Script {
    let (relayed, mapped) = (at(relayed), at(mapped));
    Box::new(move |request| {
        if request.class() != Class::Request {
            return Vec::new();
        }
        if request.method() == Method::BINDING {
            let (method, id) = (request.method(), request.transaction_id());
            return vec![write(Class::Success, method, id, &[&XorMappedAddress(mapped)], None)];
        }
        if request.verify_integrity(&key()).is_err() {
            return vec![challenge(request, 401, REALM, "n")];
        }
        let attributes: [&dyn WriteAttribute; 3] =
            [&XorRelayedAddress(relayed), &XorMappedAddress(mapped), &Lifetime::from_seconds(600)];
        let attributes =
            if request.method() == method::ALLOCATE { &attributes[..] } else { &attributes[2..] };
        vec![grant(request, attributes)]
    })
}

/// A server that refuses what is asked for by this method.
pub(super) fn refuses(refused: Method, code: u16, attributes: Vec<Box<dyn WriteAttribute>>) -> Script {
    let mut works = turn("198.51.100.1:49152", MAPPED);
    Box::new(move |request| {
        if request.method() != refused {
            return works(request);
        }
        if request.verify_integrity(&key()).is_err() {
            return vec![challenge(request, 401, REALM, "n")];
        }
        let code = ErrorCode::standard(code);
        let all: Vec<&dyn WriteAttribute> =
            std::iter::once(&code as &dyn WriteAttribute).chain(attributes.iter().map(|a| &**a)).collect();
        vec![write(Class::Error, request.method(), request.transaction_id(), &all, Some(&key()))]
    })
}
