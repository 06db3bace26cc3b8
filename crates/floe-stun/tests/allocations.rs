//! What touches every datagram does not touch the heap.

use std::net::SocketAddr;

use floe_stun::{
    Class, Key, Message, MessageWriter, Method, TransactionId, WriteError,
    attribute::{AttributeType, IceControlling, Priority, UnknownAttributes, Username, XorMappedAddress},
    demux, rules,
};

const ID: TransactionId = TransactionId::new([4; 12]);

/// The request of a connectivity check, as a peer sends it.
fn write_check(buffer: &mut [u8], key: &Key) -> Result<usize, WriteError> {
    let writer = MessageWriter::new(buffer, Class::Request, Method::BINDING, ID)?
        .attribute(&Username::new("local:remote"))?
        .attribute(&Priority::new(1_862_270_975))?
        .attribute(&IceControlling::new(0x0123_4567_89AB_CDEF))?
        .integrity(key)?
        .fingerprint()?;
    Ok(writer.finish())
}

/// How often the heap was asked for memory meanwhile.
fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0_u8; 100]))), 1);
}

#[test]
fn parsing_verifying_and_answering_a_binding_request_allocates_nothing() {
    let key = Key::short_term("a password of 22 chars");
    let source: SocketAddr = "[2001:db8::1]:4242".parse().unwrap();
    let (mut request, mut response) = ([0; 548], [0; 548]);
    let counted = allocations(|| {
        let length = write_check(&mut request, &key).unwrap();
        let datagram = &request[..length];
        assert_eq!(demux::classify(datagram), demux::Kind::Stun);
        let message = Message::parse(datagram).unwrap();
        message.verify_fingerprint().unwrap();
        let known = |name: &str| name.starts_with("local:").then_some(&key);
        let integrity = rules::check_request(&message, AttributeType::ICE, known).unwrap();
        assert_eq!(message.attribute(), Ok(Some(Priority::new(1_862_270_975))));
        assert_eq!(message.attribute(), Ok(Some(IceControlling::new(0x0123_4567_89AB_CDEF))));

        let length = rules::write_success(&mut response, &message, source, Some((integrity, &key))).unwrap();
        let answer = Message::parse(&response[..length]).unwrap();
        answer.verify_fingerprint().unwrap();
        let sent = rules::SentIntegrity::Only(integrity);
        assert_eq!(
            rules::check_response(&answer, AttributeType::ICE, sent, &key),
            Ok(rules::Answer::Success)
        );
        assert_eq!(answer.attribute(), Ok(Some(XorMappedAddress(source))));
    });
    assert_eq!(counted, 0);
}

#[test]
fn refusing_a_request_allocates_nothing() {
    let (key, other) = (Key::short_term("one password"), Key::short_term("another password"));
    let (mut request, mut response) = ([0; 548], [0; 548]);
    let counted = allocations(|| {
        let length = write_check(&mut request, &other).unwrap();
        let message = Message::parse(&request[..length]).unwrap();
        let unauthenticated = rules::check_request(&message, AttributeType::ICE, |_| Some(&key)).unwrap_err();
        assert!(unauthenticated.answer(&mut response, &message, AttributeType::ICE, Some(&key)).is_ok());

        let unknown =
            rules::check_request(&message, &[AttributeType::USERNAME], |_| Some(&other)).unwrap_err();
        let length = unknown
            .answer(&mut response, &message, &[AttributeType::USERNAME], Some(&other))
            .unwrap()
            .unwrap();
        let answer = Message::parse(&response[..length]).unwrap();
        let expected = [AttributeType::PRIORITY];
        assert_eq!(answer.attribute(), Ok(Some(UnknownAttributes::new(&expected))));
    });
    assert_eq!(counted, 0);
}
