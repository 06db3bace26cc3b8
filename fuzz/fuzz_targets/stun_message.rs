//! Any bytes as a STUN message: no accessor panics, whatever can be read can be written and reads back as the same, and
//! a message that was written proves who wrote it.
#![no_main]

use floe_stun::attribute::{
    AlternateDomain, AlternateServer, AttributeType, ErrorCode, IceControlled, IceControlling, MappedAddress,
    Nomination, Nonce, Priority, RawAttribute, Realm, Software, UnknownAttributes, UseCandidate, Username,
    XorMappedAddress,
};
use floe_stun::demux::{Kind, classify};
use floe_stun::{Key, MAGIC_COOKIE, Message, MessageWriter, WriteError};
use libfuzzer_sys::fuzz_target;

/// The password of the RFC 5769 vectors, which are among the seeds.
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

fuzz_target!(|bytes: &[u8]| {
    explore(bytes);
    // Few inputs come with a fitting header; with one, each of them gets as far as the attributes.
    let mut framed = bytes.to_vec();
    framed.resize(bytes.len().max(20).next_multiple_of(4), 0);
    if let Ok(length) = u16::try_from(framed.len() - 20) {
        framed[0] &= 0x3F;
        framed[2..4].copy_from_slice(&length.to_be_bytes());
        framed[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        explore(&framed);
    }
});

fn explore(bytes: &[u8]) {
    let kind = classify(bytes);
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    // The highest methods begin like ZRTP or DTLS (RFC 7983 7); on a port of its own the parser takes them too.
    assert!(matches!(kind, Kind::Stun | Kind::Zrtp | Kind::Dtls | Kind::Other), "{kind:?}");
    assert_eq!(message.as_bytes(), bytes);
    assert!(message.attributes().count() <= bytes.len() / 4);
    for attribute in message.attributes() {
        assert!(message.has(attribute.kind), "{attribute:?}");
    }
    assert!(message.unknown_required(&[]).all(AttributeType::is_comprehension_required));
    let key = Key::short_term(PASSWORD);
    let _ = message.verify_fingerprint();
    if message.verify_integrity(&key).is_ok() {
        let other = Key::short_term("another");
        assert!(message.verify_integrity(&other).is_err(), "two keys fit one message");
    }
    typed_attributes(&message);
    write_again(&message, &key);
}

/// Writes one attribute into a message of its own, reads it, and compares.
macro_rules! reads_back {
    ($message:expr, $($name:ident),* $(,)?) => {$(
        if let Ok(Some(attribute)) = $message.attribute::<$name>() {
            let mut buffer = vec![0xAA; $message.as_bytes().len() + 64];
            let writer = MessageWriter::new(
                &mut buffer, $message.class(), $message.method(), $message.transaction_id(),
            );
            match writer.and_then(|writer| writer.attribute(&attribute)) {
                Ok(writer) => {
                    let length = writer.finish();
                    let again = Message::parse(&buffer[..length]).expect("what was written is a message");
                    assert_eq!(again.attribute::<$name>(), Ok(Some(attribute)));
                }
                // More is read than may be sent (RFC 8489 14.3).
                Err(WriteError::Value { .. }) => {}
                Err(error) => panic!("{attribute:?}: {error}"),
            }
        }
    )*};
}

fn typed_attributes(message: &Message<'_>) {
    reads_back!(
        message,
        AlternateDomain,
        AlternateServer,
        ErrorCode,
        IceControlled,
        IceControlling,
        MappedAddress,
        Nomination,
        Nonce,
        Priority,
        Realm,
        Software,
        UnknownAttributes,
        UseCandidate,
        Username,
        XorMappedAddress,
    );
}

/// The same attributes again, signed by us where the message was signed at all.
fn write_again(message: &Message<'_>, key: &Key) {
    let plain = |attribute: &RawAttribute<'_>| {
        !attribute.kind.is_integrity() && attribute.kind != AttributeType::FINGERPRINT
    };
    let mut buffer = vec![0xAA; message.as_bytes().len() + 64];
    let class = message.class();
    let mut writer = match MessageWriter::new(&mut buffer, class, message.method(), message.transaction_id())
    {
        Ok(writer) => writer,
        Err(error) => panic!("a header fits: {error}"),
    };
    for attribute in message.attributes().filter(plain) {
        writer = writer.attribute(&attribute).expect("what was read fits where it came from");
    }
    let signed = message.integrity_kind();
    if let Some(kind) = signed {
        // 64 KiB are full at some point; the length field ends there.
        let Ok(with_integrity) = writer.integrity_of(kind, key) else { return };
        writer = with_integrity;
    }
    let Ok(writer) = writer.fingerprint() else { return };
    let length = writer.finish();
    let again = Message::parse(&buffer[..length]).expect("what was written is a message");
    assert_eq!(again.class(), class);
    assert_eq!(again.method(), message.method());
    assert_eq!(again.transaction_id(), message.transaction_id());
    assert!(again.attributes().filter(plain).eq(message.attributes().filter(plain)));
    assert_eq!(again.verify_fingerprint(), Ok(()));
    assert_eq!(again.verify_integrity(key).ok(), signed);
}
