//! TCP connections to peers (RFC 6062).

use floe_core::ServerTransport;
use floe_stun::{attribute::PasswordAlgorithms, long_term::Refusal};

use super::*;
use crate::{
    Broken, ConnectError, ConnectionId, DataConnection, DontFragment, EvenPort, Progress, RelayTransport,
    RequestedTransport, ReservationToken,
};

const ID: ConnectionId = ConnectionId(0xC0FF_EE01);

fn tcp() -> ClientConfig {
    config().transport(ServerTransport::Tcp).relay(RelayTransport::Tcp)
}

fn rig() -> Rig {
    Rig::allocated_with(tcp(), 600)
}

/// One to whose peer the server has connected.
fn connected() -> Rig {
    let mut rig = rig();
    rig.client.connect(rig.now, peer()).unwrap();
    let request = rig.slot();
    rig.succeed(&request, &[&ID]);
    assert_eq!(rig.event(), Some(Event::Connected { peer: peer(), connection: ID }));
    rig
}

fn attempt(attributes: &[&dyn WriteAttribute]) -> Vec<u8> {
    write(Class::Indication, method::CONNECTION_ATTEMPT, TransactionId::new([3; 12]), attributes, None)
}

// proves: 6062-4.1-a
#[test]
fn a_tcp_allocation_asks_for_tcp_and_nothing_that_is_of_udp() {
    for transport in [ServerTransport::Tcp, ServerTransport::Tls] {
        let mut rig = Rig::with(tcp().transport(transport).lifetime(Some(seconds(900))));
        let first = rig.slot();
        rig.challenge(&first, 401, "n1");
        for request in [first, rig.slot()] {
            assert_eq!(attribute(&request), Some(RequestedTransport(6)));
            assert_eq!(attribute(&request), Some(Lifetime::from_seconds(900)));
            for kind in [EvenPort::TYPE, DontFragment::TYPE, ReservationToken::TYPE] {
                assert!(!has(&request, kind), "{kind}");
            }
        }
    }
    let mut rig = rig();
    rig.client.permit(rig.now, peer().ip()).unwrap();
    rig.grant();
    assert_eq!(rig.client.bind_channel(rig.now, peer()), Err(PeerError::TcpRelay));
    assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::TcpRelay));
    assert_eq!(rig.client.prefix(peer()), None);
    let mut udp = Rig::allocated(600);
    assert_eq!(udp.client.connect(udp.now, peer()), Err(ConnectError::UdpRelay));
}

/// The server's side of a data connection: what it reads, and what it answers.
fn bind(connection: &mut DataConnection) -> Vec<u8> {
    let request = connection.poll_transmit().unwrap().to_vec();
    assert_eq!(connection.poll_transmit(), None);
    assert_eq!(method_of(&request), method::CONNECTION_BIND);
    assert_eq!(attribute(&request), Some(ID));
    request
}

// proves: 6062-4.3-a
#[test]
fn a_connection_is_bound_by_its_id_with_the_same_credentials_and_then_the_bytes_are_the_peers() {
    let mut rig = rig();
    rig.client.connect(rig.now, peer()).unwrap();
    let request = rig.slot();
    assert_eq!((method_of(&request), attribute(&request)), (method::CONNECT, Some(XorPeerAddress(peer()))));
    Message::parse(&request).unwrap().verify_integrity(&key()).unwrap();
    rig.succeed(&request, &[&ID]);
    assert_eq!(rig.event(), Some(Event::Connected { peer: peer(), connection: ID }));

    // However the stream is cut: the answer, and the peer's first bytes, which look like more of the server's.
    let peers = [&[0, 1, 0, 0][..], b"of the peer"].concat();
    let mut data = rig.client.data_connection(rig.now, ID).unwrap();
    let request = bind(&mut data);
    Message::parse(&request).unwrap().verify_integrity(&key()).unwrap();
    assert_eq!(attribute(&request), Some(Nonce::new("n1")));
    let answer = answer(&request, Class::Success, &[], Some(&key()));
    let stream = [&answer[..], &peers].concat();
    for first in 0..=stream.len() {
        for second in [first, (first + stream.len()) / 2, stream.len()] {
            let mut rig = connected();
            let mut data = rig.client.data_connection(rig.now, ID).unwrap();
            let request = bind(&mut data);
            let answer = super::answer(&request, Class::Success, &[], Some(&key()));
            let stream = [&answer[..], &peers].concat();
            let mut raw = Vec::new();
            for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                match data.handle(piece).unwrap() {
                    Progress::Asking => {}
                    Progress::Bound { consumed } => raw.extend_from_slice(&piece[consumed..]),
                }
            }
            assert_eq!((raw, data.is_bound()), (peers.clone(), true), "cut at {first} and {second}");
            assert_eq!((data.poll_timeout(), data.handle_timeout(rig.now + seconds(60))), (None, Ok(())));
        }
    }
    // Each connection is bound once.
    assert_eq!(rig.client.data_connection(rig.now, ID).map(drop), Err(ConnectError::Unknown));
}

// proves: 6062-4.3-a
#[test]
fn what_is_not_bound_within_thirty_seconds_cannot_be_any_more() {
    let mut rig = connected();
    let start = rig.now;
    rig.now = start + seconds(30) - MS;
    let mut data = rig.client.data_connection(rig.now, ID).unwrap();
    assert_eq!(data.poll_timeout(), Some(start + seconds(30)));
    assert_eq!(data.handle_timeout(rig.now), Ok(()));
    assert_eq!(data.handle_timeout(start + seconds(30)), Err(RequestError::TimedOut));
    assert_eq!((data.poll_transmit(), data.handle(b"x")), (None, Err(RequestError::TimedOut)));
    let mut rig = connected();
    rig.now += seconds(30);
    assert_eq!(rig.client.data_connection(rig.now, ID).map(drop), Err(ConnectError::Unknown));
}

#[test]
fn a_stale_nonce_is_survived_by_a_data_connection_and_refusals_are_told() {
    let mut rig = connected();
    let mut data = rig.client.data_connection(rig.now, ID).unwrap();
    let request = bind(&mut data);
    let attributes: [&dyn WriteAttribute; 3] =
        [&ErrorCode::standard(438), &Realm::new(REALM), &Nonce::new("n2")];
    let stale = answer(&request, Class::Error, &attributes, None);
    assert_eq!(data.handle(&stale), Ok(Progress::Asking));
    let again = bind(&mut data);
    assert_eq!(attribute(&again), Some(Nonce::new("n2")));
    assert_ne!(
        Message::parse(&request).unwrap().transaction_id(),
        Message::parse(&again).unwrap().transaction_id()
    );
    let bound = answer(&again, Class::Success, &[], Some(&key()));
    assert_eq!(data.handle(&bound), Ok(Progress::Bound { consumed: bound.len() }));

    let refused = |answer_to: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut rig = connected();
        let mut data = rig.client.data_connection(rig.now, ID).unwrap();
        let request = bind(&mut data);
        let why = data.handle(&answer_to(&request)).unwrap_err();
        assert_eq!(data.handle(b"more"), Err(why.clone()), "it stays");
        why
    };
    let key = key();
    let signed = |code| {
        let key = key.clone();
        move |request: &[u8]| answer(request, Class::Error, &[&ErrorCode::new(code, "")], Some(&key))
    };
    assert_eq!(refused(&signed(400)), RequestError::BadRequest);
    assert_eq!(refused(&signed(403)), RequestError::Forbidden);
    assert_eq!(refused(&signed(500)), RequestError::Other(500));
    let challenge = |code, nonce: &'static str, offer: bool| {
        move |request: &[u8]| {
            let list = PasswordAlgorithms::from_bytes(&[0, 9, 0, 0]);
            let attributes: [&dyn WriteAttribute; 4] =
                [&ErrorCode::standard(code), &Realm::new(REALM), &Nonce::new(nonce), &list];
            answer(request, Class::Error, &attributes[..if offer { 4 } else { 3 }], None)
        }
    };
    assert_eq!(refused(&challenge(401, "n2", false)), RequestError::Refused(Refusal::Unauthenticated));
    assert_eq!(refused(&challenge(438, "n2", true)), RequestError::Refused(Refusal::NoCommonAlgorithm));
    assert_eq!(
        refused(&|request| answer(request, Class::Success, &[], None)),
        RequestError::IntegrityViolated
    );
    // What is no answer at all, what is another's, and what is longer than any answer.
    assert_eq!(refused(&|_| b"HTTP/1.1 400 Bad Request".to_vec()), RequestError::Malformed);
    assert_eq!(refused(&|request| request.to_vec()), RequestError::Malformed);
    assert_eq!(refused(&|_| attempt(&[&ID])), RequestError::Malformed);
    let endless = [0x01, 0x0B, 0xFF, 0xFC, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(refused(&|_| endless.to_vec()), RequestError::Malformed);
}

#[test]
fn nonces_that_are_stale_without_end_end_a_data_connection() {
    let mut rig = connected();
    let mut data = rig.client.data_connection(rig.now, ID).unwrap();
    for nonce in 2..10 {
        let request = bind(&mut data);
        let nonce = format!("n{nonce}");
        let attributes: [&dyn WriteAttribute; 3] =
            [&ErrorCode::standard(438), &Realm::new(REALM), &Nonce::new(&nonce)];
        if let Err(why) = data.handle(&answer(&request, Class::Error, &attributes, None)) {
            assert_eq!(why, RequestError::StaleNonce);
            return;
        }
    }
    panic!("without end");
}

// proves: 6062-4.3-b
#[test]
fn a_peer_is_not_connected_to_twice_at_once_and_rests_ten_seconds_after_a_failure() {
    let mut rig = rig();
    let other = at("198.51.100.1:6001");
    rig.client.connect(rig.now, peer()).unwrap();
    assert_eq!(rig.client.connect(rig.now, peer()), Err(ConnectError::UnderWay));
    rig.client.connect(rig.now, other).unwrap();
    let [first, second] = [rig.slot(), rig.slot()];
    assert_eq!(rig.client.connect(rig.now, peer()), Err(ConnectError::UnderWay));
    rig.refuse(&first, 447);
    let why = RequestError::PeerUnreachable;
    assert_eq!(rig.event(), Some(Event::ConnectFailed { peer: peer(), why }));
    rig.refuse(&second, 446);
    let why = RequestError::ConnectionExists;
    assert_eq!(rig.event(), Some(Event::ConnectFailed { peer: other, why }));

    assert_eq!(rig.client.connect(rig.now, peer()), Err(ConnectError::TooSoon(seconds(10))));
    rig.now += seconds(10) - MS;
    assert_eq!(rig.client.connect(rig.now, peer()), Err(ConnectError::TooSoon(MS)));
    rig.now += MS;
    assert_eq!(rig.client.connect(rig.now, peer()), Ok(()));
    assert_eq!(method_of(&rig.slot()), method::CONNECT);
    // Nobody answers: the server may still be at it.
    let why = RequestError::TimedOut;
    assert_eq!(rig.run_to_event(), Event::ConnectFailed { peer: peer(), why });
    assert_eq!(rig.client.connect(rig.now, peer()), Err(ConnectError::TooSoon(seconds(10))));
}

// proves: 6062-4.4-a
#[test]
fn a_permitted_peer_that_connects_is_told_of_and_can_be_bound() {
    let mut rig = rig();
    let bytes = attempt(&[&XorPeerAddress(peer()), &ID]);
    assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::NoPermission));
    assert_eq!(rig.client.data_connection(rig.now, ID).map(drop), Err(ConnectError::Unknown));
    rig.client.permit(rig.now, peer().ip()).unwrap();
    rig.grant();
    rig.event();
    for incomplete in [attempt(&[]), attempt(&[&ID]), attempt(&[&XorPeerAddress(peer())])] {
        assert_eq!(rig.handle(&incomplete), Handled::Dropped(DropReason::Incomplete));
    }
    assert_eq!(rig.handle(&bytes), Handled::Consumed);
    assert_eq!(rig.event(), Some(Event::ConnectionAttempt { peer: peer(), connection: ID }));
    let mut data = rig.client.data_connection(rig.now, ID).unwrap();
    let request = bind(&mut data);
    let bound = answer(&request, Class::Success, &[], Some(&key()));
    assert_eq!(data.handle(&bound), Ok(Progress::Bound { consumed: bound.len() }));

    // A client of datagrams is sent no such thing.
    let mut udp = Rig::permitted();
    assert_eq!(udp.handle(&bytes), Handled::Dropped(DropReason::Unexpected));
}

#[test]
fn attempts_that_nobody_binds_do_not_pile_up() {
    let mut rig = rig();
    rig.client.permit(rig.now, peer().ip()).unwrap();
    rig.grant();
    rig.event();
    let offer = |rig: &mut Rig, id: u32| {
        let bytes = attempt(&[&XorPeerAddress(peer()), &ConnectionId(id)]);
        let handled = rig.handle(&bytes);
        while rig.event().is_some() {}
        handled == Handled::Consumed
    };
    let taken = (0..1000).filter(|id| offer(&mut rig, *id)).count();
    assert_eq!((taken, rig.client.dropped()[&DropReason::TooManyConnections]), (64, 936));
    rig.now += seconds(30);
    assert!(offer(&mut rig, 1000), "their time is over");
    let peers = (0..100)
        .filter(|port| rig.client.connect(rig.now, at(&format!("198.51.100.1:{}", port + 1))).is_ok());
    assert_eq!(peers.count(), 64);
    assert_eq!(rig.client.connect(rig.now, at("198.51.100.1:999")), Err(ConnectError::TooMany));
    rig.client.broken(rig.now, BaseId(0), Broken::Closed);
    rig.event();
    assert_eq!(rig.client.size(), 0);
}

#[test]
fn a_connect_without_an_id_in_its_answer_fails_and_a_437_loses_the_allocation() {
    let mut rig = rig();
    rig.client.connect(rig.now, peer()).unwrap();
    let request = rig.slot();
    rig.succeed(&request, &[]);
    let why = RequestError::Malformed;
    assert_eq!(rig.event(), Some(Event::ConnectFailed { peer: peer(), why }));
    rig.client.connect(rig.now, at("198.51.100.1:1")).unwrap();
    let request = rig.slot();
    rig.refuse(&request, 437);
    assert_eq!(rig.event(), Some(Event::Lost(RequestError::AllocationMismatch)));
    assert_eq!(rig.client.connect(rig.now, peer()), Err(ConnectError::NotAllocated));
    assert_eq!(rig.client.size(), 0);
}
