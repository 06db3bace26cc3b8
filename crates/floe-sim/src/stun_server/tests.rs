use floe_stun::{
    TransactionId,
    attribute::{Attribute, RawAttribute, UnknownAttributes, WriteAttribute},
};

use super::*;

const CLIENT: &str = "198.51.100.7:40000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn now() -> Instant {
    Instant::now()
}

fn double() -> StunServer {
    StunServer::new(at("192.0.2.1:3478"), at("192.0.2.2:3479"))
}

fn request(attributes: &[&dyn WriteAttribute]) -> Vec<u8> {
    let mut buffer = vec![0; 4_096];
    let id = TransactionId::new([5; 12]);
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
    for attribute in attributes {
        writer = writer.attribute(attribute).unwrap();
    }
    let length = writer.finish();
    cut(buffer, length)
}

/// Asks the server at one of its addresses: from where and where to it answers, and what.
fn ask(
    server: &mut StunServer,
    local: SocketAddr,
    attributes: &[&dyn WriteAttribute],
) -> (SocketAddr, SocketAddr, Vec<u8>) {
    while server.poll_action().is_some() {}
    server.handle_datagram(now(), local, at(CLIENT), &request(attributes));
    match server.poll_action() {
        Some(Action::Send { from, to, payload }) => (from, to, payload.to_vec()),
        other => panic!("{other:?}"),
    }
}

fn read<'a, A: Attribute<'a>>(bytes: &'a [u8]) -> Option<A> {
    Message::parse(bytes).unwrap().attribute().unwrap()
}

// proves: 5780-6-a
#[test]
fn it_answers_from_the_address_and_port_that_the_flags_name() {
    let mut server = double();
    let (ips, ports) = (["192.0.2.1", "192.0.2.2"], [3_478, 3_479]);
    for (ip, port) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let place = |ip: usize, port: usize| SocketAddr::new(ips[ip].parse().unwrap(), ports[port]);
        for change in [(false, false), (false, true), (true, false), (true, true)] {
            let flags = ChangeRequest { ip: change.0, port: change.1 };
            let expected = place(ip ^ usize::from(change.0), port ^ usize::from(change.1));
            let (from, to, answer) = ask(&mut server, place(ip, port), &[&flags]);
            assert_eq!((from, to), (expected, at(CLIENT)), "{flags:?}");
            assert_eq!(read(&answer), Some(ResponseOrigin(expected)));
            // Whatever the flags are.
            assert_eq!(read(&answer), Some(OtherAddress(place(1 - ip, 1 - port))));
            assert_eq!(read(&answer), Some(XorMappedAddress(at(CLIENT))));
            assert_eq!(read(&answer), Some(MappedAddress(at(CLIENT))));
        }
    }
}

// proves: 5780-6-a
#[test]
fn with_one_address_it_has_no_other_one_and_refuses_to_change() {
    let mut server = StunServer::single(at("192.0.2.1:3478"));
    let (_, _, answer) = ask(&mut server, at("192.0.2.1:3478"), &[]);
    assert_eq!(read::<OtherAddress>(&answer), None);
    let (from, _, refusal) = ask(&mut server, at("192.0.2.1:3478"), &[&ChangeRequest::BOTH]);
    assert_eq!(from, at("192.0.2.1:3478"));
    assert_eq!(read::<ErrorCode<'_>>(&refusal).unwrap().code(), 420);
    let unknown: Vec<_> = read::<UnknownAttributes<'_>>(&refusal).unwrap().types().collect();
    assert_eq!(unknown, [AttributeType::CHANGE_REQUEST]);
}

// proves: 5780-6-a
#[test]
fn it_answers_to_another_port_or_with_padding_and_never_both() {
    let (mut server, local) = (double(), at("192.0.2.1:3478"));
    let (_, to, _) = ask(&mut server, local, &[&ResponsePort(41_000)]);
    assert_eq!(to, at("198.51.100.7:41000"));
    let (_, to, padded) = ask(&mut server, local, &[&Padding::new(4)]);
    assert_eq!((to, read(&padded)), (at(CLIENT), Some(Padding::new(1_500))));
    let (_, to, refusal) = ask(&mut server, local, &[&ResponsePort(41_000), &Padding::new(4)]);
    assert_eq!(to, at(CLIENT), "not to somebody who did not ask");
    assert_eq!(read::<ErrorCode<'_>>(&refusal).unwrap().code(), 400);

    let mut without = double().without_response_port();
    let (_, to, refusal) = ask(&mut without, local, &[&ResponsePort(41_000)]);
    assert_eq!((to, read::<ErrorCode<'_>>(&refusal).unwrap().code()), (at(CLIENT), 420));
}

#[test]
fn what_is_malformed_is_refused_and_what_is_no_request_not_answered() {
    let (mut server, local) = (double(), at("192.0.2.1:3478"));
    let short = RawAttribute { kind: AttributeType::CHANGE_REQUEST, value: &[6] };
    let (_, _, refusal) = ask(&mut server, local, &[&short]);
    assert_eq!(read::<ErrorCode<'_>>(&refusal).unwrap().code(), 400);
    for bytes in [&b"not STUN"[..], &refusal] {
        server.handle_datagram(now(), local, at(CLIENT), bytes);
        assert_eq!(server.poll_action(), None);
    }
}
