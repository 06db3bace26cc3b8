//! The published test vectors (RFC 5769, RFC 8489 B.1), read and written.

use std::net::SocketAddr;

use crate::{
    Class, FingerprintError, IntegrityError, IntegrityKind, Key, KeyDerivation, Message, MessageWriter,
    Method, ParseError, TransactionId,
    attribute::{
        AttributeType, IceControlled, Nonce, Priority, RawAttribute, Realm, Software, Username,
        XorMappedAddress,
    },
};

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
/// Senders of then padded with spaces.
const SPACE: u8 = 0x20;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.split_whitespace().collect::<String>().into();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn id(hex: &str) -> TransactionId {
    TransactionId::new(bytes(hex).try_into().unwrap())
}

/// The id of the three messages with short-term credentials.
fn short_term_id() -> TransactionId {
    id("b7e7a701bc34d686fa87dfae")
}

/// Integrity and FINGERPRINT vouch for the message and for no other, down to the bit.
fn assert_protected(message: &[u8], key: &Key) {
    let parsed = Message::parse(message).unwrap();
    assert_eq!(parsed.verify_integrity(key), Ok(IntegrityKind::Sha1));
    assert_eq!(parsed.verify_fingerprint(), Ok(()));
    assert_eq!(parsed.verify_integrity(&Key::short_term("another")), Err(IntegrityError::Mismatch));
    for bit in 0..message.len() * 8 {
        let mut damaged = message.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(parsed) = Message::parse(&damaged) {
            assert_ne!(parsed.verify_fingerprint(), Ok(()), "bit {bit}");
            // MESSAGE-INTEGRITY does not cover the 8 bytes of FINGERPRINT.
            let covered = bit / 8 < message.len() - 8;
            assert_eq!(parsed.verify_integrity(key).is_err(), covered, "bit {bit}");
        }
    }
}

// proves: 5769-2.1-a, 8489-14.5-a, 8489-7-a
#[test]
fn the_sample_request() {
    let expected = bytes(
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20746573
         7420636c69656e74002400046e0001ff80290008932ff9b151263b3600060009
         6576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249
         c1b571a280280004e57a3bcf",
    );
    let key = Key::short_term(PASSWORD);
    let software = Software::new("STUN test client");
    let priority = Priority::new(0x6e00_01ff);
    let controlled = IceControlled::new(0x932f_f9b1_5126_3b36);
    let username = Username::new("evtj:h6vY");

    let message = Message::parse(&expected).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(message.transaction_id(), short_term_id());
    assert_eq!(message.attribute(), Ok(Some(software)));
    assert_eq!(message.attribute(), Ok(Some(priority)));
    assert_eq!(message.attribute(), Ok(Some(controlled)));
    assert_eq!(message.attribute(), Ok(Some(username)));
    assert_eq!(message.attributes().count(), 6);
    assert_protected(&expected, &key);
    // FINGERPRINT is the last 8 bytes, and nothing may follow it.
    assert_eq!(expected[100..104], [0x80, 0x28, 0, 4]);
    let mut longer = [&expected[..], &[0x80, 0, 0, 0]].concat();
    longer[3] += 4;
    assert_eq!(Message::parse(&longer).err(), Some(ParseError::FingerprintNotLast));

    let mut buffer = [0; 548];
    let length = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, short_term_id())
        .map(|writer| writer.padded_with(SPACE))
        .and_then(|writer| writer.attribute(&software)?.attribute(&priority)?.attribute(&controlled))
        .and_then(|writer| writer.attribute(&username)?.integrity(&key)?.fingerprint())
        .unwrap()
        .finish();
    assert_eq!(buffer[..length], expected);
}

/// A response: what it is, with which address, and the same bytes when written.
fn assert_response(expected: &[u8], address: &str) {
    let key = Key::short_term(PASSWORD);
    let software = Software::new("test vector");
    let mapped = XorMappedAddress(address.parse::<SocketAddr>().unwrap());

    let message = Message::parse(expected).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Success, Method::BINDING));
    assert_eq!(message.transaction_id(), short_term_id());
    assert_eq!(message.attribute(), Ok(Some(software)));
    assert_eq!(message.attribute(), Ok(Some(mapped)));
    assert_eq!(message.attributes().count(), 4);
    assert_protected(expected, &key);

    let mut buffer = [0; 548];
    let length = MessageWriter::new(&mut buffer, Class::Success, Method::BINDING, short_term_id())
        .map(|writer| writer.padded_with(SPACE))
        .and_then(|writer| writer.attribute(&software)?.attribute(&mapped)?.integrity(&key)?.fingerprint())
        .unwrap()
        .finish();
    assert_eq!(buffer[..length], *expected);
}

// proves: 5769-2.2-a
#[test]
fn the_sample_ipv4_response() {
    let expected = bytes(
        "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563
         746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f9
         2af9ba53f06be7d780280004c07d4c96",
    );
    assert_response(&expected, "192.0.2.1:32853");
}

// proves: 5769-2.3-a
#[test]
fn the_sample_ipv6_response() {
    let expected = bytes(
        "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563
         746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014
         a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c",
    );
    assert_response(&expected, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

/// The user of the samples, in Katakana.
const MATRIX: &str = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";

// proves: 5769-2.4-a
#[test]
fn the_sample_request_with_a_long_term_credential() {
    let expected = bytes(
        "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383
         aae38383e382afe382b900000015001c662f2f3439396b39353464364f4c3334
         6f4c394653547679363473410014000b6578616d706c652e6f72670000080014
         f67024656dd64a3e02b8e0712e85c9a28ca89666",
    );
    let key = Key::long_term(KeyDerivation::Md5, MATRIX, "example.org", "TheMatrIX");
    let username = Username::new(MATRIX);
    let nonce = Nonce::new("f//499k954d6OL34oL9FSTvy64sA");
    let realm = Realm::new("example.org");

    let message = Message::parse(&expected).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(message.attribute(), Ok(Some(username)));
    assert_eq!(message.attribute(), Ok(Some(nonce)));
    assert_eq!(message.attribute(), Ok(Some(realm)));
    assert_eq!(message.attribute::<Software<'_>>(), Ok(None));
    assert_eq!(message.verify_integrity(&key), Ok(IntegrityKind::Sha1));
    assert_eq!(message.verify_fingerprint(), Err(FingerprintError::Missing));

    let mut buffer = [0xAA; 548];
    let length =
        MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id("78ad3433c6ad72c029da412e"))
            .and_then(|writer| writer.attribute(&username)?.attribute(&nonce)?.attribute(&realm))
            .and_then(|writer| writer.integrity(&key))
            .unwrap()
            .finish();
    assert_eq!(buffer[..length], expected);
}

/// RFC 8489 B.1 with the length field and the HMAC mended: as printed, the header announces 20 bytes too many.
const B_1: &str = "000100882112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bd
     a952c6780417da0f24819415569e60b205c46e41407f1704001500296f624d61
     744a6f733241414143662f2f3439396b39353464364f4c33346f4c3946535476
     79363473410000000014000b6578616d706c652e6f726700001c0020234112fb
     d4e27f983eb4032836f998216f5b23f8d927753fbc4f882bfbdf0dec";

// proves: 8489-B.1-a
#[test]
fn the_sample_request_with_sha256() {
    let expected = bytes(B_1);
    let key = Key::long_term(KeyDerivation::Sha256, MATRIX, "example.org", "TheMatrIX");
    let hash = bytes("4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704");
    let userhash = RawAttribute { kind: AttributeType::USERHASH, value: &hash };
    let nonce = Nonce::new("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA");
    let realm = Realm::new("example.org");

    let message = Message::parse(&expected).unwrap();
    assert_eq!(message.raw(AttributeType::USERHASH), Some(userhash));
    assert_eq!(message.attribute(), Ok(Some(nonce)));
    assert_eq!(message.attribute(), Ok(Some(realm)));
    assert_eq!(message.verify_integrity(&key), Ok(IntegrityKind::Sha256));

    let mut buffer = [0xAA; 548];
    let length =
        MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id("78ad3433c6ad72c029da412e"))
            .and_then(|writer| writer.attribute(&userhash)?.attribute(&nonce)?.attribute(&realm))
            .and_then(|writer| writer.integrity_sha256(&key))
            .unwrap()
            .finish();
    assert_eq!(buffer[..length], expected);
}

#[test]
fn the_length_printed_in_rfc_8489_b_1_is_refused() {
    let mut printed = bytes(B_1);
    printed[3] = 0x9c;
    assert_eq!(Message::parse(&printed).err(), Some(ParseError::Length { announced: 156, present: 136 }));
}
