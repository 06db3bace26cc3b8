//! Whatever comes: no panic, bounded memory, and a clock that moves.

use floe_core::ServerTransport;
use proptest::prelude::*;

use super::*;
use crate::{Broken, ConnectionId, Icmp, MobilityTicket, RelayTransport};

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Slot,
    Permit(u8),
    Bind(u8),
    Send(u8, usize),
    Lapse(u8),
    /// Answers one of the latest requests, with this code and nonce, signed or not.
    Answer {
        which: usize,
        code: u16,
        nonce: u8,
        signed: bool,
        lifetime: u32,
    },
    Data(u8),
    Icmp(u8),
    Bytes(Vec<u8>),
    /// A request with one byte changed comes back.
    Echo {
        which: usize,
        at: usize,
        to: u8,
    },
    LapseChannel(u8),
    Retain(u8),
    Release(bool),
    Migrate(u8),
    Broken(u8),
    Connect(u8),
    Attempt(u8, u32),
    BindConnection(u32),
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    let codes = prop::sample::select(vec![
        0_u16, 0, 0, 0, 0, 0, 0, 300, 400, 401, 403, 405, 437, 438, 438, 441, 443, 446, 447, 486, 500, 508,
    ]);
    prop_oneof![
        4 => (0_u64..400_000).prop_map(Op::Wait),
        8 => Just(Op::Slot),
        2 => any::<u8>().prop_map(Op::Permit),
        2 => any::<u8>().prop_map(Op::Bind),
        3 => (any::<u8>(), 0_usize..2000).prop_map(|(peer, length)| Op::Send(peer, length)),
        1 => any::<u8>().prop_map(Op::Lapse),
        10 => (0_usize..4, codes, 0_u8..4, prop::bool::weighted(0.9), prop::sample::select(vec![0_u32, 1, 5, 600, u32::MAX]))
            .prop_map(|(which, code, nonce, signed, lifetime)| Op::Answer { which, code, nonce, signed, lifetime }),
        1 => any::<u8>().prop_map(Op::Data),
        1 => any::<u8>().prop_map(Op::Icmp),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Op::Bytes),
        1 => (0_usize..4, any::<usize>(), any::<u8>()).prop_map(|(which, at, to)| Op::Echo { which, at, to }),
        1 => any::<u8>().prop_map(Op::LapseChannel),
        1 => any::<u8>().prop_map(Op::Retain),
        1 => prop::bool::weighted(0.5).prop_map(Op::Release),
        2 => (0_u8..4).prop_map(Op::Migrate),
        1 => (0_u8..40).prop_map(Op::Broken),
        2 => any::<u8>().prop_map(Op::Connect),
        1 => (any::<u8>(), 0_u32..200).prop_map(|(peer, id)| Op::Attempt(peer, id)),
        1 => (0_u32..200).prop_map(Op::BindConnection),
        1 => prop::bool::weighted(0.1).prop_map(|close| if close { Op::Close } else { Op::Slot }),
    ]
}

fn numbered(peer: u8) -> SocketAddr {
    let port = 6000 + u16::from(peer % 3);
    if peer >= 200 {
        return SocketAddr::from(([0x2001, 0xDB8, 0, 0, 0, 0, 0, u16::from(peer % 24)], port));
    }
    SocketAddr::from(([198, 51, 100, peer % 24], port))
}

/// A family or two, datagrams or a stream, datagrams or connections to the peers.
fn configured(kind: u8) -> ClientConfig {
    match kind {
        0 => small(),
        1 => small().dual(true).mobility(true).dont_fragment(true),
        2 => small().transport(ServerTransport::Tls).mobility(true),
        _ => small().transport(ServerTransport::Tcp).relay(RelayTransport::Tcp).dual(true).mobility(true),
    }
}

fn reply(request: &[u8], code: u16, nonce: u8, signed: bool, lifetime: u32) -> Vec<u8> {
    let key = key();
    let nonce = format!("n{nonce}");
    let (realm, nonce) = (Realm::new(REALM), Nonce::new(&nonce));
    let key = signed.then_some(&key);
    match code {
        0 => {
            let id = ConnectionId(lifetime % 200);
            let lifetime = Lifetime::from_seconds(lifetime);
            let (first, second) =
                (XorRelayedAddress(relayed()), XorRelayedAddress(at("[2001:db8::1]:50000")));
            let all: [&dyn WriteAttribute; 5] = [&first, &lifetime, &MobilityTicket(b"ticket"), &id, &second];
            // A server that gives a second address unasked is not worth many tries.
            let asked = has(request, <crate::AdditionalAddressFamily as Attribute<'_>>::TYPE);
            answer(request, Class::Success, &all[..if asked { 5 } else { 4 }], key)
        }
        401 | 438 => answer(request, Class::Error, &[&ErrorCode::standard(code), &realm, &nonce], None),
        _ => answer(request, Class::Error, &[&ErrorCode::new(code, "")], key),
    }
}

fn apply(rig: &mut Rig, requests: &mut Vec<Vec<u8>>, op: &Op) {
    let pick = |requests: &[Vec<u8>], which: usize| requests.iter().rev().nth(which).cloned();
    match op {
        Op::Wait(milliseconds) => {
            let end = rig.now + Duration::from_millis(*milliseconds);
            // At most some steps one by one, then a driver that was asleep.
            for _ in 0..20 {
                let Some(due) = rig.client.poll_timeout().filter(|due| *due <= end) else { break };
                rig.now = due.max(rig.now);
                rig.client.handle_timeout(rig.now);
                assert!(rig.client.poll_timeout().is_none_or(|next| next > rig.now));
            }
            rig.now = end;
            rig.client.handle_timeout(end);
            assert!(rig.client.poll_timeout().is_none_or(|next| next > end));
        }
        Op::Slot => requests.extend(rig.client.start_next(rig.now).map(|transmit| transmit.payload.to_vec())),
        Op::Permit(peer) => drop(rig.client.permit(rig.now, numbered(*peer).ip())),
        Op::Bind(peer) => drop(rig.client.bind_channel(rig.now, numbered(*peer))),
        Op::Send(peer, length) => drop(rig.client.send(rig.now, numbered(*peer), &vec![0; *length])),
        Op::Lapse(peer) => rig.client.lapse(rig.now, numbered(*peer).ip()),
        Op::Answer { which, code, nonce, signed, lifetime } => {
            let Some(request) = pick(requests, *which) else { return };
            rig.handle(&reply(&request, *code, *nonce, *signed, *lifetime));
        }
        Op::Data(peer) => drop(rig.handle(&indication(&[&XorPeerAddress(numbered(*peer)), &Data(b"x")]))),
        Op::Icmp(peer) => {
            let icmp = Icmp { kind: 3, code: 3, data: 0 };
            rig.handle(&indication(&[&XorPeerAddress(numbered(*peer)), &icmp]));
        }
        Op::Bytes(bytes) => drop(rig.handle(bytes)),
        Op::Echo { which, at, to } => {
            let Some(mut request) = pick(requests, *which) else { return };
            let length = request.len();
            request[at % length] = *to;
            rig.handle(&request);
        }
        Op::LapseChannel(peer) => rig.client.lapse_channel(rig.now, numbered(*peer)),
        Op::Retain(peer) => {
            let kept = numbered(*peer).ip();
            rig.client.retain(rig.now, |ip| ip == kept);
            assert!(rig.client.wanted().all(|ip| ip == kept));
        }
        Op::Release(ipv6) => {
            let family = if *ipv6 { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
            rig.client.release_family(rig.now, family);
        }
        Op::Migrate(base) => drop(rig.client.migrate(rig.now, BaseId(u32::from(*base)))),
        Op::Broken(base) => rig.client.broken(rig.now, BaseId(u32::from(*base)), Broken::Closed),
        Op::Connect(peer) => drop(rig.client.connect(rig.now, numbered(*peer))),
        Op::Attempt(peer, id) => {
            let attributes: [&dyn WriteAttribute; 2] = [&XorPeerAddress(numbered(*peer)), &ConnectionId(*id)];
            let id = TransactionId::new([3; 12]);
            rig.handle(&write(Class::Indication, method::CONNECTION_ATTEMPT, id, &attributes, None));
        }
        Op::BindConnection(id) => drop(rig.client.data_connection(rig.now, ConnectionId(*id))),
        Op::Close => rig.client.close(rig.now),
    }
}

fn small() -> ClientConfig {
    config()
        .keepalive(Duration::ZERO)
        .max_permissions(8)
        .max_channels(8)
        .retransmit(RetransmitPolicy::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_sequence_of_calls_and_datagrams_breaks_it(
        ops in prop::collection::vec(op(), 0..200),
        reads in any::<bool>(),
        kind in 0_u8..4,
    ) {
        let mut rig = Rig::with(configured(kind));
        let mut requests = Vec::new();
        let mut told_end = 0;
        for op in &ops {
            apply(&mut rig, &mut requests, op);
            // A caller who never polls is bounded as well.
            if reads {
                while let Some(transmit) = rig.client.poll_transmit() {
                    let bytes = transmit.payload.to_vec();
                    if Message::parse(&bytes).is_ok_and(|message| message.class() == Class::Request) {
                        requests.push(bytes);
                    }
                }
                while let Some(event) = rig.client.poll_event() {
                    told_end += u32::from(matches!(event, Event::Lost(_) | Event::AllocateFailed(_)));
                }
            }
            let limit = 8 + 8 + 64 + 4 * 20 + 3 * 64 + if reads { 0 } else { 1024 + 1024 };
            prop_assert!(rig.client.size() <= limit, "{} entries", rig.client.size());
            prop_assert!(told_end <= 1, "it ends once");
            if rig.client.is_closed() {
                prop_assert_eq!(rig.client.poll_timeout(), None);
                prop_assert!(!rig.client.has_next());
            }
        }
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0_u8..4) {
        let (mut rig, channel) = Rig::bound();
        let mut bytes = bytes;
        // Most random bytes are no STUN; make some of them so.
        if kind > 0 && bytes.len() >= 20 {
            let length = u16::try_from((bytes.len() - 20) / 4 * 4).unwrap();
            bytes.truncate(20 + usize::from(length));
            let head: [u8; 8] = match kind {
                1 => [0x00, 0x17, 0, 0, 0x21, 0x12, 0xA4, 0x42],
                2 => [0x01, 0x03, 0, 0, 0x21, 0x12, 0xA4, 0x42],
                _ => { let [n0, n1] = channel.get().to_be_bytes(); [n0, n1, 0, 4, 1, 2, 3, 4] }
            };
            bytes[..8].copy_from_slice(&head);
            if kind < 3 {
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
            }
        }
        let before = rig.client.poll_timeout();
        rig.handle(&bytes);
        prop_assert_eq!(rig.client.poll_timeout(), before);
    }
}

#[test]
fn there_are_no_more_permissions_and_channels_than_configured() {
    let mut rig = Rig::with(small());
    let request = rig.challenged();
    rig.succeed(&request, &[&XorRelayedAddress(relayed()), &Lifetime::from_seconds(600)]);
    rig.event();
    for number in 0..8 {
        rig.client.bind_channel(rig.now, SocketAddr::from(([198, 51, 100, number], 6000))).unwrap();
    }
    let ninth = at("198.51.100.9:6000");
    assert_eq!(rig.client.permit(rig.now, ninth.ip()), Err(PeerError::TooManyPeers));
    assert_eq!(rig.client.send(rig.now, ninth, b"x"), Err(SendError::TooManyPeers));
    let another_port = at("198.51.100.1:7000");
    assert_eq!(rig.client.bind_channel(rig.now, another_port), Err(PeerError::TooManyPeers));
    // A refused one makes place: first all of them together, then one by itself.
    for _ in 0..2 {
        let request = rig.slot();
        rig.refuse(&request, 403);
    }
    rig.client.permit(rig.now, ninth.ip()).unwrap();
}

#[test]
fn debug_shows_neither_credentials_nor_peers() {
    let (mut rig, _) = Rig::bound();
    rig.client.send(rig.now, at("198.51.100.77:6000"), b"hidden").unwrap();
    let relay = *rig.client.relay().unwrap();
    let event = Event::PermissionFailed { ip: peer().ip(), why: RequestError::TimedOut };
    let handled = Handled::Data { peer: peer(), payload: b"hidden" };
    let shown = format!("{:?}{relay:?}{event:?}{handled:?}{:?}", rig.client, Event::Allocated(relay));
    for secret in ["\"ann", "secret", "51.100", "0.2.1", "hidden", "104, 105"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
