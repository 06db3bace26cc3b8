//! Data both ways (RFC 8656 11, 12).

use floe_core::ServerTransport;

use super::*;
use crate::{DontFragment, Icmp};

// proves: 8656-11.1-a
#[test]
fn data_before_the_permission_waits_for_it_and_leaves_when_it_is_there() {
    let mut rig = Rig::allocated(600);
    assert_eq!(rig.client.send(rig.now, peer(), b"one"), Ok(Sent::Held));
    assert_eq!(rig.client.send(rig.now, peer(), b""), Ok(Sent::Held));
    assert!(rig.sent().is_empty());
    let request = rig.slot();
    assert_eq!(method_of(&request), method::CREATE_PERMISSION);
    assert!(!rig.client.has_next(), "one request for both");
    rig.run(300 * MS);
    assert!(rig.sent().is_empty());
    rig.succeed(&request, &[]);
    assert!(rig.sent().is_empty() && rig.client.has_next(), "one in each slot");
    let sent = [rig.slot(), rig.slot()];
    assert!(!rig.client.has_next());
    assert_eq!(indicated(&sent[0]), (peer(), b"one".as_slice()));
    assert_eq!(indicated(&sent[1]), (peer(), b"".as_slice()));
    assert_eq!(rig.client.send(rig.now, peer(), b"two"), Ok(Sent::Relayed));
    assert_eq!(indicated(&rig.sent()[0]), (peer(), b"two".as_slice()));
}

/// A check of this transaction, whose content names the attempt.
fn check(transaction: u8, attempt: u8) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend_from_slice(&[transaction; 12]);
    bytes.extend_from_slice(&[0x80, 0x99, 0, 4, 0, 0, 0, attempt]);
    bytes
}

/// A success response, likewise.
fn success(transaction: u8, attempt: u8) -> Vec<u8> {
    let mut bytes = check(transaction, attempt);
    bytes[0] = 1;
    bytes
}

#[test]
fn a_repetition_of_a_held_check_takes_its_place_and_overtakes_nothing() {
    let mut rig = Rig::allocated(600);
    let other_port = at("198.51.100.1:7");
    assert_eq!(rig.client.send(rig.now, peer(), &check(1, 1)), Ok(Sent::Held));
    assert_eq!(rig.client.send(rig.now, other_port, &check(1, 1)), Ok(Sent::Held));
    assert_eq!(rig.client.send(rig.now, peer(), &success(2, 1)), Ok(Sent::Held));
    assert_eq!(rig.client.send(rig.now, peer(), &success(3, 1)), Ok(Sent::Held));
    assert_eq!(rig.client.send(rig.now, peer(), &check(1, 2)), Ok(Sent::Held));
    let request = rig.slot();
    rig.succeed(&request, &[]);
    // The permission is there, and no slot was yet.
    assert_eq!(rig.client.send(rig.now, peer(), &success(3, 2)), Ok(Sent::Held));
    assert!(rig.sent().is_empty());
    assert_eq!(rig.event(), Some(Event::Permitted { ip: peer().ip() }));
    let expected =
        [(peer(), check(1, 2)), (other_port, check(1, 1)), (peer(), success(2, 1)), (peer(), success(3, 2))];
    for (to, bytes) in expected {
        assert_eq!(indicated(&rig.slot()), (to, bytes.as_slice()));
        let transaction = TransactionId::new([bytes[8]; 12]);
        assert_eq!(rig.event(), Some(Event::Departed { peer: to, transaction }));
    }
    assert!(!rig.client.has_next());
    assert_eq!(rig.client.send(rig.now, peer(), &success(3, 3)), Ok(Sent::Relayed));
}

#[test]
fn another_check_of_the_same_path_takes_the_place_of_one_that_is_held() {
    let mut rig = Rig::allocated(600);
    for transaction in 1..=9 {
        assert_eq!(rig.client.send(rig.now, peer(), &check(transaction, 1)), Ok(Sent::Held));
    }
    assert_eq!(rig.client.send(rig.now, peer(), &success(1, 1)), Ok(Sent::Held));
    let request = rig.slot();
    rig.succeed(&request, &[]);
    assert_eq!(rig.event(), Some(Event::Permitted { ip: peer().ip() }));
    assert_eq!(indicated(&rig.slot()), (peer(), check(9, 1).as_slice()));
    assert_eq!(indicated(&rig.slot()), (peer(), success(1, 1).as_slice()));
    assert!(!rig.client.has_next());
    assert_eq!(rig.client.held_dropped(), 0);
}

#[test]
fn one_that_comes_with_the_permission_leaves_in_its_own_slot_and_the_one_that_is_held_does_not() {
    let mut rig = Rig::allocated(600);
    let other_port = at("198.51.100.1:7");
    assert_eq!(rig.client.send(rig.now, peer(), &check(1, 1)), Ok(Sent::Held));
    assert_eq!(rig.client.send(rig.now, peer(), &success(2, 1)), Ok(Sent::Held));
    assert_eq!(rig.client.send(rig.now, other_port, &check(3, 1)), Ok(Sent::Held));
    let request = rig.slot();
    rig.succeed(&request, &[]);
    assert_eq!(rig.event(), Some(Event::Permitted { ip: peer().ip() }));
    // Where there is no room for it, nothing is given up.
    while rig.client.send(rig.now, peer(), b"data") == Ok(Sent::Relayed) {}
    assert_eq!(rig.client.send(rig.now, peer(), &check(4, 1)), Err(SendError::Full));
    assert_eq!((rig.sent().len(), rig.event()), (256, None));
    assert_eq!(rig.client.send(rig.now, peer(), &check(4, 1)), Ok(Sent::Relayed));
    let transaction = TransactionId::new([4; 12]);
    assert_eq!(rig.event(), Some(Event::Departed { peer: peer(), transaction }));
    assert_eq!(indicated(&rig.sent()[0]), (peer(), check(4, 1).as_slice()));
    assert_eq!(indicated(&rig.slot()), (peer(), success(2, 1).as_slice()));
    assert_eq!(indicated(&rig.slot()), (other_port, check(3, 1).as_slice()));
    assert!(!rig.client.has_next());
}

#[test]
fn what_waits_for_a_permission_that_nobody_wants_any_more_is_given_up_with_it() {
    let mut rig = Rig::allocated(600);
    assert_eq!(rig.client.send(rig.now, peer(), &check(1, 1)), Ok(Sent::Held));
    let request = rig.slot();
    rig.client.lapse(rig.now, peer().ip());
    rig.refuse(&request, 403);
    assert_eq!(rig.client.held_dropped(), 1);
    // It is asked for anew.
    assert_eq!(rig.client.send(rig.now, peer(), &check(1, 2)), Ok(Sent::Held));
    assert_eq!(method_of(&rig.slot()), method::CREATE_PERMISSION);
}

#[test]
fn what_waits_for_a_permission_is_bounded_and_given_up_when_it_is_refused() {
    let mut rig = Rig::allocated(600);
    for expected in [Ok(Sent::Held), Ok(Sent::Held), Ok(Sent::Held), Ok(Sent::Held), Err(SendError::Waiting)]
    {
        assert_eq!(rig.client.send(rig.now, peer(), b"check"), expected);
    }
    assert_eq!(rig.client.send(rig.now, peer(), &[0; 1501]), Err(SendError::Waiting));
    assert_eq!(rig.client.held_dropped(), 2);
    let request = rig.slot();
    rig.refuse(&request, 403);
    assert_eq!(rig.client.held_dropped(), 6);
    assert!(rig.sent().is_empty());
    assert_eq!(rig.client.send(rig.now, peer(), b"check"), Err(SendError::NotPermitted));
    assert!(!rig.client.has_next(), "sending does not ask for what was refused");
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let mut rig = Rig::new();
    assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::NotAllocated));
    assert_eq!(rig.client.permit(rig.now, peer().ip()), Err(PeerError::NotAllocated));
    assert_eq!(rig.client.bind_channel(rig.now, peer()), Err(PeerError::NotAllocated));
    let mut rig = Rig::permitted();
    for unreachable in ["[2001:db8::1]:1", "198.51.100.1:0", "224.0.0.1:5000", "0.0.0.0:5000"] {
        assert_eq!(rig.client.send(rig.now, at(unreachable), b"x"), Err(SendError::UnreachablePeer));
    }
    assert_eq!(rig.client.send(rig.now, peer(), &[0; 65_507 - 36]), Ok(Sent::Relayed));
    assert_eq!(rig.client.send(rig.now, peer(), &[0; 65_507 - 35]), Err(SendError::TooLong));
    rig.sent();
    let mut sent = 0;
    while rig.client.send(rig.now, peer(), b"x") == Ok(Sent::Relayed) {
        sent += 1;
    }
    assert_eq!(sent, 256);
    assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::Full));
}

// proves: 8656-11.4-a
#[test]
fn a_data_indication_is_taken_from_a_permitted_peer_with_all_its_attributes_only() {
    let mut rig = Rig::permitted();
    let whole = indication(&[&XorPeerAddress(peer()), &Data(b"hello")]);
    assert_eq!(rig.handle(&whole), Handled::Data { peer: peer(), payload: b"hello" });
    let other_port = at("198.51.100.1:7");
    let bytes = indication(&[&XorPeerAddress(other_port), &Data(b"")]);
    assert_eq!(rig.handle(&bytes), Handled::Data { peer: other_port, payload: b"" });

    let stranger = XorPeerAddress(at("198.51.100.2:6000"));
    let strange = RawAttribute { kind: AttributeType::new(0x7777), value: &[] };
    let cases: [(&[&dyn WriteAttribute], DropReason); 5] = [
        (&[&stranger, &Data(b"hello")], DropReason::NoPermission),
        (&[&Data(b"hello")], DropReason::Incomplete),
        (&[&XorPeerAddress(peer())], DropReason::Incomplete),
        (&[], DropReason::Incomplete),
        (&[&XorPeerAddress(peer()), &Data(b"hello"), &strange], DropReason::UnknownAttribute),
    ];
    for (attributes, reason) in cases {
        assert_eq!(rig.handle(&indication(attributes)), Handled::Dropped(reason));
    }
    assert_eq!(rig.client.dropped().get(&DropReason::Incomplete), Some(&3));
}

#[test]
fn data_that_overtakes_the_answer_about_its_permission_is_taken() {
    let mut rig = Rig::allocated(600);
    rig.client.permit(rig.now, peer().ip()).unwrap();
    rig.slot();
    let bytes = indication(&[&XorPeerAddress(peer()), &Data(b"early")]);
    assert_eq!(rig.handle(&bytes), Handled::Data { peer: peer(), payload: b"early" });
}

// proves: 8656-11.5-a
#[test]
fn an_icmp_error_about_a_permitted_peer_is_told() {
    let mut rig = Rig::permitted();
    let icmp = Icmp { kind: 3, code: 4, data: 1400 };
    assert_eq!(rig.handle(&indication(&[&XorPeerAddress(peer()), &icmp])), Handled::Consumed);
    assert_eq!(rig.event(), Some(Event::Icmp { peer: peer(), icmp }));
    let stranger = indication(&[&XorPeerAddress(at("198.51.100.2:6000")), &icmp]);
    assert_eq!(rig.handle(&stranger), Handled::Dropped(DropReason::NoPermission));
    assert_eq!(rig.event(), None);
}

#[test]
fn icmp_errors_that_nobody_reads_do_not_pile_up() {
    let mut rig = Rig::permitted();
    let bytes = indication(&[&XorPeerAddress(peer()), &Icmp { kind: 3, code: 3, data: 0 }]);
    for _ in 0..1000 {
        rig.handle(&bytes);
    }
    assert_eq!(rig.client.dropped().get(&DropReason::TooManyIcmp), Some(&936));
}

// proves: 8656-12-c
#[test]
fn a_channel_is_read_from_as_soon_as_it_is_asked_for_and_written_to_once_it_is_bound() {
    let mut rig = Rig::permitted();
    rig.client.bind_channel(rig.now, peer()).unwrap();
    let request = rig.slot();
    let ChannelNumberAttribute(channel) = attribute(&request).unwrap();
    let [n0, n1] = channel.get().to_be_bytes();
    // The server's answer is late.
    let early = [n0, n1, 0, 2, b'h', b'i'];
    assert_eq!(rig.handle(&early), Handled::Data { peer: peer(), payload: b"hi" });
    assert_eq!(rig.client.channel(peer()), None);
    rig.client.send(rig.now, peer(), b"by indication").unwrap();
    assert_eq!(indicated(&rig.sent()[0]), (peer(), b"by indication".as_slice()));
    rig.succeed(&request, &[]);
    assert_eq!(rig.event(), Some(Event::ChannelBound { peer: peer(), channel }));
    rig.client.send(rig.now, peer(), b"short").unwrap();
    let header = [n0, n1, 0, 5];
    assert_eq!(rig.sent(), [[&header[..], b"short"].concat()]);
    assert_eq!(rig.client.channel(peer()), Some(channel));
    assert_eq!(rig.client.channel(at("198.51.100.1:7000")), None, "a channel is for one port");
}

// proves: 8656-12.6-a
#[test]
fn data_on_no_channel_of_ours_is_dropped_in_silence_and_padding_is_none_of_it() {
    let (mut rig, channel) = Rig::bound();
    let [n0, n1] = channel.get().to_be_bytes();
    let before = rig.client.poll_timeout();
    for padding in 0..4 {
        let bytes = [&[n0, n1, 0, 1, 7][..], &[0; 3][..padding]].concat();
        assert_eq!(rig.handle(&bytes), Handled::Data { peer: peer(), payload: &[7] });
    }
    assert_eq!(rig.handle(&[n0, n1, 0, 0]), Handled::Data { peer: peer(), payload: &[] });
    for (bytes, expected) in [
        (&[n0, n1, 0, 2, 7][..], Handled::Dropped(DropReason::Malformed)),
        (&[n0, n1, 0], Handled::Dropped(DropReason::Malformed)),
        (&[n0], Handled::Dropped(DropReason::Malformed)),
        (&[0x4F, 0xFF, 0, 1, 7], Handled::Dropped(DropReason::UnboundChannel)),
        (&[0x50, 0x00, 0, 1, 7], Handled::NotMine),
    ] {
        assert_eq!(rig.handle(bytes), expected, "{bytes:?}");
    }
    assert!(rig.sent().is_empty() && rig.event().is_none());
    assert_eq!(rig.client.poll_timeout(), before, "data refreshes nothing");
}

#[test]
fn what_is_not_the_servers_or_no_turn_is_somebody_elses() {
    let mut rig = Rig::permitted();
    let bytes = indication(&[&XorPeerAddress(peer()), &Data(b"hello")]);
    for from in [peer(), at("192.0.2.1:3479"), at("192.0.2.2:3478")] {
        assert_eq!(rig.client.handle(rig.now, from, &bytes), Handled::NotMine);
    }
    for class in Class::ALL {
        let binding = write(class, Method::BINDING, TransactionId::new([1; 12]), &[], None);
        assert_eq!(rig.handle(&binding), Handled::NotMine);
    }
    for bytes in [&[][..], b"\x80media", b"\x16dtls", b"\xFF"] {
        assert_eq!(rig.handle(bytes), Handled::NotMine);
    }
    for (class, method) in [(Class::Request, method::ALLOCATE), (Class::Indication, method::SEND)] {
        let bytes = write(class, method, TransactionId::new([1; 12]), &[], None);
        assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::Unexpected));
    }
}

#[test]
fn an_answer_counts_once_and_only_for_its_request() {
    let mut rig = Rig::allocated(600);
    rig.client.permit(rig.now, peer().ip()).unwrap();
    let request = rig.slot();
    let id = Message::parse(&request).unwrap().transaction_id();
    let other = write(Class::Success, method::CHANNEL_BIND, id, &[], Some(&key()));
    assert_eq!(rig.handle(&other), Handled::Dropped(DropReason::NoTransaction));
    let bytes = answer(&request, Class::Success, &[], Some(&key()));
    assert_eq!(rig.handle(&bytes), Handled::Consumed);
    assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::NoTransaction));
}

// proves: 8656-3.7-a
#[test]
fn what_is_relayed_fits_into_1280_bytes_whichever_way_it_goes() {
    let mut rig = Rig::permitted();
    let by_indication = rig.client.max_payload(peer());
    rig.client.send(rig.now, peer(), &vec![0; by_indication]).unwrap();
    assert_eq!((by_indication, rig.sent()[0].len()), (1280 - 28 - 36, 1280 - 28));
    let (mut rig, _) = Rig::bound();
    let by_channel = rig.client.max_payload(peer());
    rig.client.send(rig.now, peer(), &vec![0; by_channel]).unwrap();
    assert_eq!((by_channel, rig.sent()[0].len()), (1280 - 28 - 4, 1280 - 28));

    let config = ClientConfig::new(BaseId(0), at("[2001:db8::1]:3478"), "ann", "secret");
    let rig = Rig::with(config);
    assert_eq!(rig.client.max_payload(at("[2001:db8::2]:1")), 1280 - 48 - 48);
}

/// One whose peer has permission, over this transport.
fn permitted_over(config: ClientConfig, peer: SocketAddr) -> Rig {
    let relayed = if peer.is_ipv4() { relayed() } else { at("[2001:db8::1]:50000") };
    let mut rig = Rig::with(config.family(Some(AddressFamily::of(peer.ip()))));
    let request = rig.challenged();
    rig.succeed(&request, &[&XorRelayedAddress(relayed), &Lifetime::from_seconds(600)]);
    rig.client.permit(rig.now, peer.ip()).unwrap();
    rig.grant();
    while rig.event().is_some() {}
    rig
}

/// What a Send indication of this transaction is, written the long way.
fn reference(id: TransactionId, peer: SocketAddr, dont_fragment: bool, data: &[u8]) -> Vec<u8> {
    let mut attributes: Vec<&dyn WriteAttribute> = Vec::new();
    let (to, data) = (XorPeerAddress(peer), Data(data));
    attributes.push(&to);
    if dont_fragment {
        attributes.push(&DontFragment);
    }
    attributes.push(&data);
    write(Class::Indication, method::SEND, id, &attributes, None)
}

#[test]
fn a_prefix_makes_what_send_makes_to_the_byte() {
    let payload = vec![0xA5; 1300];
    for transport in [ServerTransport::Udp, ServerTransport::Dtls, ServerTransport::Tcp, ServerTransport::Tls]
    {
        for (peer, dont_fragment) in [
            (peer(), false),
            (peer(), true),
            (at("[2001:db8:1::9]:6000"), false),
            (at("[2001:db8:1::9]:6000"), true),
        ] {
            let config = config().transport(transport).dont_fragment(dont_fragment);
            let mut rig = permitted_over(config, peer);
            for channel in [false, true] {
                if channel {
                    rig.client.bind_channel(rig.now, peer).unwrap();
                    rig.grant();
                    rig.event();
                }
                let prefix = rig.client.prefix(peer).unwrap();
                assert_eq!((prefix.base(), prefix.server()), (BaseId(0), server()));
                assert_eq!(prefix.channel(), rig.client.channel(peer));
                assert_eq!(prefix.channel().is_some(), channel);
                assert_eq!(prefix.max_payload(), rig.client.max_payload(peer));
                for length in (0..=9).chain([1200, 1300]) {
                    let data = &payload[..length];
                    rig.client.send(rig.now, peer, data).unwrap();
                    let sent = rig.sent().concat();
                    let id = Message::parse(&sent).ok().map(|message| message.transaction_id());
                    let header = prefix.header(length, || id.expect("for an indication only")).unwrap();
                    assert!(header.as_slice().len() <= crate::RelayHeader::MAX_LENGTH);
                    assert!(header.padding().len() <= crate::RelayHeader::MAX_PADDING);
                    assert_eq!([header.as_slice(), data, header.padding()].concat(), sent);
                    if let Some(id) = id {
                        assert_eq!(sent, reference(id, peer, dont_fragment, data));
                    }
                }
            }
        }
    }
}

#[test]
fn there_is_a_prefix_while_there_is_a_permission_and_only_to_what_fits() {
    let mut rig = Rig::new();
    assert_eq!(rig.client.prefix(peer()), None);
    let mut rig = {
        rig = Rig::allocated(600);
        assert_eq!(rig.client.prefix(peer()), None);
        rig
    };
    rig.client.permit(rig.now, peer().ip()).unwrap();
    assert_eq!(rig.client.prefix(peer()), None, "asked for and not there");
    rig.grant();
    let prefix = rig.client.prefix(peer()).unwrap();
    assert_eq!(rig.client.prefix(at("[::ffff:198.51.100.1]:6000")), Some(prefix));
    assert_eq!(rig.client.prefix(at("[2001:db8:1::9]:6000")), None);
    let id = || TransactionId::new([1; 12]);
    let most = prefix.max_length();
    assert_eq!(most, 65_507 - 36);
    assert!(prefix.header(most, id).is_some() && prefix.header(most + 1, id).is_none());
    assert!(!format!("{prefix:?}").contains("51.100"));
    rig.client.lapse(rig.now, peer().ip());
    while rig.now < rig.start + seconds(300) {
        rig.run_to(rig.start + seconds(300));
        rig.sent();
    }
    assert_eq!(rig.client.prefix(peer()), None);
}

#[test]
fn what_goes_by_send_indication_has_the_df_bit_where_that_was_agreed() {
    let mut rig = permitted_over(config().dont_fragment(true), peer());
    rig.client.send(rig.now, peer(), b"probe").unwrap();
    let sent = rig.sent();
    assert_eq!(attribute(&sent[0]), Some(DontFragment));
    assert_eq!(indicated(&sent[0]), (peer(), b"probe".as_slice()));
    // What is held until then has it as well.
    let other = at("198.51.100.2:6000");
    assert_eq!(rig.client.send(rig.now, other, b"held"), Ok(Sent::Held));
    rig.grant();
    assert_eq!(attribute(&rig.slot()), Some(DontFragment));
    let mut plain = Rig::permitted();
    plain.client.send(plain.now, peer(), b"x").unwrap();
    assert_eq!(attribute::<DontFragment>(&plain.sent()[0]), None);
}

// proves: 8656-12.6-a
#[test]
fn a_channel_whose_permission_has_ended_lets_nothing_in() {
    let (mut rig, channel) = Rig::bound();
    let mut bytes = [0; 8];
    let data = floe_stun::ChannelData { channel, data: b"data" };
    assert_eq!(data.write(&mut bytes), Some(8));
    assert_eq!(rig.handle(&bytes), Handled::Data { peer: peer(), payload: b"data" });
    // The renewal of the permission is refused, the channel lasts.
    rig.run_to(rig.start + seconds(240));
    let request = rig.slot();
    rig.refuse(&request, 403);
    let why = RequestError::Forbidden;
    assert_eq!(rig.event(), Some(Event::PermissionFailed { ip: peer().ip(), why }));
    assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::NoPermission));
    assert_eq!((rig.client.channel(peer()), rig.client.prefix(peer())), (None, None));
}

// proves: 8656-12-a
#[test]
fn of_all_first_bytes_only_stun_and_channels_are_the_clients() {
    let (mut rig, channel) = Rig::bound();
    let [own, _] = channel.get().to_be_bytes();
    for first in 0..=255_u8 {
        let [_, low] = channel.get().to_be_bytes();
        let bytes = [first, low, 0, 0];
        let handled = rig.handle(&bytes);
        let expected = match first {
            0..=3 => Handled::Dropped(DropReason::Malformed),
            _ if first == own => Handled::Data { peer: peer(), payload: b"" },
            64..=79 => Handled::Dropped(DropReason::UnboundChannel),
            _ => Handled::NotMine,
        };
        assert_eq!(handled, expected, "{first}");
    }
}
