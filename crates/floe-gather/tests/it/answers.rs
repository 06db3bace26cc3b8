//! What a STUN server answers, and what pretends to be an answer.

use std::time::Duration;

use floe_core::{BaseId, Transmit};
use floe_gather::{BadAddress, Event, ServerError};
use floe_stun::{
    Class, Message, MessageWriter, Method, TransactionId,
    attribute::{ErrorCode, MappedAddress, Software, XorMappedAddress},
    rules,
};

use crate::common::*;

#[test]
fn a_server_that_sees_the_host_address_or_a_known_one_tells_nothing_new() {
    let mut bench = Bench::lone(&[stun(STUN), stun("198.51.100.3:3478"), stun("198.51.100.4:3478")]);
    for mapped in ["192.0.2.1:50000", MAPPED, MAPPED] {
        let request = bench.request();
        bench.answer(&request, mapped);
    }
    let told = bench.told();
    let once = ["host 192.0.2.1:50000 on b0", "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"];
    assert_eq!(told, once);
    bench.advance(Duration::from_secs(15));
    assert_eq!(bench.starts().len(), 1, "one binding is kept alive");
}

// proves: sec-gather-a
#[test]
fn what_a_server_names_is_no_candidate_unless_a_peer_could_send_to_it() {
    let bad = [
        "0.0.0.0:5000",
        "203.0.113.1:0",
        "224.0.0.1:5000",
        "239.255.255.250:1900",
        "255.255.255.255:5000",
        "127.0.0.1:5000",
        "[2001:db8::1]:5000",
        "[ff02::1]:5000",
    ];
    for mapped in bad {
        let mut bench = Bench::lone(&[stun(STUN)]);
        let request = bench.request();
        bench.answer(&request, mapped);
        let events = bench.events();
        assert!(
            matches!(
                &events[1..],
                [Event::ServerFailed { why: ServerError::BadAddress(_), .. }, Event::EndOfCandidates { .. }]
            ),
            "{mapped}: {events:?}"
        );
        assert_eq!((bench.next(), bench.gatherer.poll_timeout()), (None, None), "{mapped}");
    }
    let mut bench = Bench::ready(with(&[stun("[2001:db8:f::1]:3478")]), &[(S0, RTP)], &["2001:db8::1"]);
    let request = bench.request();
    bench.answer(&request, "203.0.113.1:5000");
    let why = ServerError::BadAddress(BadAddress::Family);
    assert_eq!(bench.events()[1..], [failed(0, 0, why), end(S0, G0)]);
}

// proves: sec-gather-a
#[test]
fn only_the_server_that_was_asked_answers_and_only_to_the_base_it_was_asked_from() {
    let mut bench = Bench::ready(with(&[stun(STUN)]), &[(S0, RTP)], &["192.0.2.1", "192.0.2.2"]);
    let request = bench.request();
    bench.candidates();
    let fake = success(&request, address("203.0.113.66:6666"));
    let elsewhere = address("198.51.100.66:3478");
    assert!(!bench.handle(request.base, elsewhere, &fake), "another source");
    assert!(!bench.handle(request.base, address("198.51.100.1:3479"), &fake), "another port");
    assert!(!bench.handle(BaseId(1), request.to, &fake), "another base");
    let guess = Transmit { payload: other_id(&request), ..request.clone() };
    let guessed = success(&guess, address("203.0.113.66:6666"));
    assert!(!bench.handle(request.base, request.to, &guessed), "another transaction");
    assert!(!bench.handle(request.base, request.to, &request.payload), "a request");
    assert!(!bench.handle(request.base, request.to, b"not STUN at all, but long enough"));
    assert!(!bench.handle(request.base, request.to, &fake[..fake.len() - 1]), "cut off");
    assert_eq!(bench.events(), []);

    bench.answer(&request, MAPPED);
    assert_eq!(bench.told(), ["srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000"]);
    assert!(!bench.handle(request.base, request.to, &fake), "it is answered already");
    assert_eq!(bench.events(), []);
}

fn other_id(request: &Transmit) -> bytes::Bytes {
    let mut buffer = [0; 28];
    let id = TransactionId::new([9; 12]);
    assert_ne!(Message::parse(&request.payload).unwrap().transaction_id(), id);
    let writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
    assert_eq!(writer.fingerprint().unwrap().finish(), 28);
    bytes::Bytes::copy_from_slice(&buffer)
}

#[test]
fn an_old_server_that_knows_mapped_address_only_is_understood() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    let old = response(&request, |writer| writer.attribute(&MappedAddress(address(MAPPED))));
    assert!(bench.handle(request.base, request.to, &old));
    assert_eq!(bench.candidates().len(), 2);

    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    let both = response(&request, |writer| {
        let writer = writer.attribute(&MappedAddress(address("10.0.0.1:1")))?;
        writer.attribute(&XorMappedAddress(address(MAPPED)))
    });
    assert!(bench.handle(request.base, request.to, &both));
    assert_eq!(bench.told()[1], "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000", "the one to believe");
}

/// A success response to the request with whatever `write` puts in.
fn response(
    request: &Transmit,
    write: impl FnOnce(MessageWriter<'_>) -> Result<MessageWriter<'_>, floe_stun::WriteError>,
) -> Vec<u8> {
    let mut buffer = [0; 548];
    let request = Message::parse(&request.payload).unwrap();
    let writer = MessageWriter::respond(&mut buffer, &request, Class::Success).unwrap();
    let length = write(writer).unwrap().finish();
    buffer[..length].to_vec()
}

#[test]
fn an_answer_without_an_address_or_with_an_error_is_a_failure() {
    let mut bench = Bench::lone(&[stun(STUN)]);
    let request = bench.request();
    let empty = response(&request, |writer| writer.attribute(&Software::new("odd")));
    assert!(bench.handle(request.base, request.to, &empty));
    let events = bench.events();
    assert!(matches!(&events[1], Event::ServerFailed { why: ServerError::BadAnswer(_), .. }), "{events:?}");

    // ALTERNATE-SERVER is not followed: an error is an error.
    for code in [300, 400, 420, 500] {
        let mut bench = Bench::lone(&[stun(STUN)]);
        let request = bench.request();
        assert!(bench.handle(request.base, request.to, &error(&request, code)));
        assert_eq!(bench.events()[1..], [failed(0, 0, ServerError::Refused(code)), end(S0, G0)]);
        assert_eq!(bench.next(), None);
    }
}

fn error(request: &Transmit, code: u16) -> Vec<u8> {
    let request = Message::parse(&request.payload).unwrap();
    let mut buffer = [0; 548];
    let length = rules::write_error(&mut buffer, &request, ErrorCode::standard(code), None).unwrap();
    buffer[..length].to_vec()
}
