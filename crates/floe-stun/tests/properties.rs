//! What holds for every message: what was written is read again, and no bytes do harm.

#![allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]

use std::{net::SocketAddr, time::Instant};

use floe_stun::{
    ChannelData, Class, IntegrityKind, Key, Message, MessageWriter, Method, TransactionId, WriteError,
    attribute::{
        AlternateDomain, AlternateServer, Attribute, AttributeType, ErrorCode, IceControlled, IceControlling,
        MappedAddress, Nomination, Nonce, Priority, RawAttribute, Realm, Software, ThirdPartyAuthorization,
        TransactionTransmitCounter, UnknownAttributes, UseCandidate, Username, WriteAttribute,
        XorMappedAddress,
    },
    demux,
    framing::FrameDecoder,
    long_term::{Choice, LongTerm},
    redirect::Redirects,
    rules,
    stream::StreamDecoder,
};
use proptest::{collection::vec, prelude::*};

/// An attribute that owns its value.
#[derive(Debug, Clone)]
enum Any {
    Address(AttributeType, SocketAddr),
    ErrorCode(u16, String),
    Number32(AttributeType, u32),
    Number64(AttributeType, u64),
    Text(AttributeType, String),
    Unknown(Vec<u16>),
    UseCandidate,
    Raw(u16, Vec<u8>),
}

impl Any {
    fn write<'b>(&self, writer: MessageWriter<'b>) -> Result<MessageWriter<'b>, WriteError> {
        match self {
            Self::Address(AttributeType::MAPPED_ADDRESS, address) => {
                writer.attribute(&MappedAddress(*address))
            }
            Self::Address(AttributeType::ALTERNATE_SERVER, address) => {
                writer.attribute(&AlternateServer(*address))
            }
            Self::Address(_, address) => writer.attribute(&XorMappedAddress(*address)),
            Self::ErrorCode(code, reason) => writer.attribute(&ErrorCode::new(*code, reason)),
            Self::Number32(AttributeType::PRIORITY, number) => writer.attribute(&Priority::new(*number)),
            Self::Number32(_, number) => writer.attribute(&Nomination::new(*number)),
            Self::Number64(AttributeType::ICE_CONTROLLED, number) => {
                writer.attribute(&IceControlled::new(*number))
            }
            Self::Number64(_, number) => writer.attribute(&IceControlling::new(*number)),
            Self::Text(AttributeType::USERNAME, text) => writer.attribute(&Username::new(text)),
            Self::Text(AttributeType::REALM, text) => writer.attribute(&Realm::new(text)),
            Self::Text(AttributeType::NONCE, text) => writer.attribute(&Nonce::new(text)),
            Self::Text(_, text) => writer.attribute(&Software::new(text)),
            Self::Unknown(types) => {
                let types: Vec<_> = types.iter().copied().map(AttributeType::new).collect();
                writer.attribute(&UnknownAttributes::new(&types))
            }
            Self::UseCandidate => writer.attribute(&UseCandidate),
            Self::Raw(kind, value) => {
                writer.attribute(&RawAttribute { kind: AttributeType::new(*kind), value })
            }
        }
    }

    /// Reads the raw attribute as the type it has, and writes what was read.
    fn rewrite<'b>(
        raw: RawAttribute<'_>,
        id: TransactionId,
        writer: MessageWriter<'b>,
    ) -> Result<MessageWriter<'b>, WriteError> {
        fn again<'a, 'b, A: Attribute<'a> + WriteAttribute>(
            raw: RawAttribute<'a>,
            id: TransactionId,
            writer: MessageWriter<'b>,
        ) -> Result<MessageWriter<'b>, WriteError> {
            writer.attribute(&A::decode(raw.value, id).expect("it was written"))
        }
        match raw.kind {
            AttributeType::MAPPED_ADDRESS => again::<MappedAddress>(raw, id, writer),
            AttributeType::ALTERNATE_SERVER => again::<AlternateServer>(raw, id, writer),
            AttributeType::XOR_MAPPED_ADDRESS => again::<XorMappedAddress>(raw, id, writer),
            AttributeType::ERROR_CODE => again::<ErrorCode<'_>>(raw, id, writer),
            AttributeType::PRIORITY => again::<Priority>(raw, id, writer),
            AttributeType::NOMINATION => again::<Nomination>(raw, id, writer),
            AttributeType::ICE_CONTROLLED => again::<IceControlled>(raw, id, writer),
            AttributeType::ICE_CONTROLLING => again::<IceControlling>(raw, id, writer),
            AttributeType::USERNAME => again::<Username<'_>>(raw, id, writer),
            AttributeType::REALM => again::<Realm<'_>>(raw, id, writer),
            AttributeType::NONCE => again::<Nonce<'_>>(raw, id, writer),
            AttributeType::SOFTWARE => again::<Software<'_>>(raw, id, writer),
            AttributeType::UNKNOWN_ATTRIBUTES => again::<UnknownAttributes<'_>>(raw, id, writer),
            AttributeType::USE_CANDIDATE => again::<UseCandidate>(raw, id, writer),
            _ => writer.attribute(&raw),
        }
    }
}

fn any_attribute() -> impl Strategy<Value = Any> {
    use AttributeType as T;
    let address = any::<SocketAddr>().prop_map(|address| SocketAddr::new(address.ip(), address.port()));
    let addresses = prop::sample::select(vec![T::MAPPED_ADDRESS, T::XOR_MAPPED_ADDRESS, T::ALTERNATE_SERVER]);
    let numbers = prop::sample::select(vec![T::PRIORITY, T::NOMINATION]);
    let tie_breakers = prop::sample::select(vec![T::ICE_CONTROLLED, T::ICE_CONTROLLING]);
    let texts = prop::sample::select(vec![T::USERNAME, T::REALM, T::NONCE, T::SOFTWARE]);
    // At most 127 characters, as every text allows.
    let text = || vec(any::<char>(), 0..=127).prop_map(String::from_iter);
    prop_oneof![
        (addresses, address).prop_map(|(kind, address)| Any::Address(kind, address)),
        (300..=699_u16, text()).prop_map(|(code, reason)| Any::ErrorCode(code, reason)),
        (numbers, any::<u32>()).prop_map(|(kind, number)| Any::Number32(kind, number)),
        (tie_breakers, any::<u64>()).prop_map(|(kind, number)| Any::Number64(kind, number)),
        (texts, text()).prop_map(|(kind, text)| Any::Text(kind, text)),
        vec(any::<u16>(), 0..20).prop_map(Any::Unknown),
        Just(Any::UseCandidate),
        // From a range in which nothing has a name.
        (0xC100..=0xFFFF_u16, vec(any::<u8>(), 0..50)).prop_map(|(kind, value)| Any::Raw(kind, value)),
    ]
}

/// What a message is made of.
#[derive(Debug, Clone)]
struct Parts {
    class: Class,
    method: Method,
    id: TransactionId,
    attributes: Vec<Any>,
    sha1: bool,
    sha256: bool,
    fingerprint: bool,
}

fn parts() -> impl Strategy<Value = Parts> {
    let class = prop::sample::select(Class::ALL.to_vec());
    let method = (0..=0x0FFF_u16).prop_map(|number| Method::new(number).expect("12 bits"));
    let id = any::<[u8; 12]>().prop_map(TransactionId::new);
    let head = (class, method, id, vec(any_attribute(), 0..8));
    (head, any::<[bool; 3]>()).prop_map(|((class, method, id, attributes), [sha1, sha256, fingerprint])| {
        Parts { class, method, id, attributes, sha1, sha256, fingerprint }
    })
}

impl Parts {
    fn write(&self, key: &Key) -> Vec<u8> {
        let mut buffer = vec![0xAA; 8192];
        let writer = MessageWriter::new(&mut buffer, self.class, self.method, self.id).expect("it fits");
        let writer = self
            .attributes
            .iter()
            .try_fold(writer, |writer, any| any.write(writer))
            .expect("all may be sent");
        let length = self.protect(writer, key).expect("it fits").finish();
        buffer.truncate(length);
        buffer
    }

    fn protect<'b>(&self, mut writer: MessageWriter<'b>, key: &Key) -> Result<MessageWriter<'b>, WriteError> {
        if self.sha1 {
            writer = writer.integrity(key)?;
        }
        if self.sha256 {
            writer = writer.integrity_sha256(key)?;
        }
        if self.fingerprint { writer.fingerprint() } else { Ok(writer) }
    }

    fn integrity(&self) -> Option<IntegrityKind> {
        let sha256 = self.sha256.then_some(IntegrityKind::Sha256);
        sha256.or(self.sha1.then_some(IntegrityKind::Sha1))
    }
}

/// Calls whatever there is to call.
fn exercise(bytes: &[u8], key: &Key) {
    let _ = (demux::classify(bytes), ChannelData::parse(bytes));
    let mut decoder = FrameDecoder::new();
    decoder.push(bytes);
    let frames: usize = std::iter::from_fn(|| decoder.next_frame()).map(|frame| 2 + frame.len()).sum();
    assert!(frames <= bytes.len(), "nothing comes out that did not go in");
    let mut decoder = StreamDecoder::new();
    decoder.extend(bytes);
    let mut messages = 0;
    while let Ok(Some(message)) = decoder.next() {
        messages += message.len();
    }
    assert!(messages <= bytes.len(), "nothing comes out that did not go in");
    let Ok(message) = Message::parse(bytes) else { return };
    let _ = (message.class(), message.method(), message.transaction_id(), format!("{message:?}"));
    let _ = (message.verify_fingerprint(), message.verify_integrity(key), message.integrity_kind());
    for raw in message.attributes() {
        let _ = format!("{raw:?} {}", raw.kind);
    }
    let _ = message.attribute::<ThirdPartyAuthorization<'_>>();
    let _ = Redirects::new(Instant::now(), SocketAddr::from(([192, 0, 2, 1], 1)), None).follow(
        Instant::now(),
        &message,
        None,
    );
    let mut user = LongTerm::new("ann", "secret", Choice::First).expect("plain");
    let _ = user.receive(&message, None, AttributeType::RFC_8489);
    let _ = message.attribute::<AlternateDomain<'_>>();
    let _ = message.attribute::<AlternateServer>();
    let _ = message.attribute::<ErrorCode<'_>>();
    let _ = message.attribute::<IceControlled>();
    let _ = message.attribute::<IceControlling>();
    let _ = message.attribute::<MappedAddress>();
    let _ = message.attribute::<Nomination>();
    let _ = message.attribute::<TransactionTransmitCounter>();
    let _ = message.attribute::<Nonce<'_>>();
    let _ = message.attribute::<Priority>();
    let _ = message.attribute::<Realm<'_>>();
    let _ = message.attribute::<Software<'_>>();
    let _ = message.attribute::<UnknownAttributes<'_>>().map(|list| list.map(|list| list.types().count()));
    let _ = message.attribute::<UseCandidate>();
    let _ = message.attribute::<Username<'_>>();
    let _ = message.attribute::<XorMappedAddress>();
    let mut buffer = [0; 548];
    if let Err(rejection) = rules::check_request(&message, AttributeType::ICE, |_| Some(key)) {
        rejection.answer(&mut buffer, &message, AttributeType::ICE, Some(key)).expect("every answer fits");
    }
    let _ = rules::check_response(&message, AttributeType::ICE, rules::SentIntegrity::Both, key);
    let _ = rules::read_response(&message, AttributeType::ICE);
    let _ = rules::mapped_address(&message);
}

fn key() -> Key {
    Key::short_term("a password of 22 chars")
}

// proves: sec-parse-a
#[test]
fn a_parsed_message_owns_no_memory_but_its_own() {
    // What is `Copy` has nothing on the heap, whatever lengths the datagram claims.
    const fn bytes<T: Copy>() -> usize {
        size_of::<T>()
    }
    assert!(bytes::<Message<'_>>() <= 256);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_was_written_is_read_and_written_again_to_the_same_bytes(parts in parts()) {
        let key = key();
        let bytes = parts.write(&key);
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.class(), parts.class);
        prop_assert_eq!(message.method(), parts.method);
        prop_assert_eq!(message.transaction_id(), parts.id);
        prop_assert_eq!(message.verify_integrity(&key).ok(), parts.integrity());
        prop_assert_eq!(message.verify_fingerprint().is_ok(), parts.fingerprint);

        let mut buffer = vec![0x55; bytes.len()];
        let writer = MessageWriter::new(&mut buffer, message.class(), message.method(), message.transaction_id()).unwrap();
        let plain = message.attributes().filter(|raw| !raw.kind.is_integrity() && raw.kind != AttributeType::FINGERPRINT);
        let writer = plain.fold(writer, |writer, raw| Any::rewrite(raw, parts.id, writer).unwrap());
        let length = parts.protect(writer, &key).unwrap().finish();
        prop_assert_eq!(&buffer[..length], &bytes[..]);
    }

    // proves: sec-parse-a
    #[test]
    fn no_bytes_do_harm(bytes in vec(any::<u8>(), 0..600)) {
        exercise(&bytes, &key());
    }

    #[test]
    fn no_attributes_behind_a_good_header_do_harm(
        body in vec((prop_oneof![0..0x30_u16, 0x8020..0x8030_u16, any::<u16>()], vec(any::<u8>(), 0..40)), 0..12),
        response in any::<bool>(),
    ) {
        let mut bytes = vec![u8::from(response), 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        bytes.extend([7; 12]);
        for (kind, value) in body {
            bytes.extend(kind.to_be_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(&value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let length = u16::try_from(bytes.len() - 20).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        exercise(&bytes, &key());
    }

    #[test]
    fn damage_is_seen_and_does_no_harm(parts in parts(), damage in vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4)) {
        let key = key();
        let parts = Parts { sha1: true, fingerprint: true, ..parts };
        let mut bytes = parts.write(&key);
        let original = bytes.clone();
        for (index, change) in damage {
            bytes[index.index(original.len())] ^= change;
        }
        exercise(&bytes, &key);
        // Up to 32 bits in a row a CRC-32 sees for certain; these lie apart, and HMAC sees them all but for the CRC's.
        if bytes != original {
            let vouched = Message::parse(&bytes)
                .is_ok_and(|message| message.verify_fingerprint().is_ok() && message.verify_integrity(&key).is_ok());
            prop_assert!(!vouched);
        }
    }
}
