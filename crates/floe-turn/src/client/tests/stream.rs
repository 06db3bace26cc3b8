//! A server that is reached by TCP or TLS (RFC 8489 6.2.2, RFC 8656 12.5).

use std::io::ErrorKind;

use floe_core::ServerTransport;
use floe_stun::{
    ChannelData,
    stream::{StreamDecoder, StreamError},
};

use super::*;
use crate::{Broken, Remedy};

const STREAMS: [ServerTransport; 2] = [ServerTransport::Tcp, ServerTransport::Tls];
const OTHER_BASE: BaseId = BaseId(9);

fn over(transport: ServerTransport) -> ClientConfig {
    config().transport(transport)
}

fn all_broken() -> [Broken; 7] {
    [
        Broken::Unreachable(ErrorKind::ConnectionRefused),
        Broken::Encryption,
        Broken::Closed,
        Broken::Cut,
        Broken::Framing(StreamError::FirstByte(0xFF)),
        Broken::Stalled,
        Broken::Io(ErrorKind::ConnectionReset),
    ]
}

// proves: 8489-6.2.2-a
#[test]
fn nothing_is_sent_again_and_every_request_fails_after_39_5_seconds() {
    for transport in STREAMS {
        let mut rig = Rig::with(over(transport));
        let first = rig.slot();
        let failed = rig.run_to_event();
        assert_eq!((failed, rig.elapsed()), (Event::AllocateFailed(RequestError::TimedOut), 39_500 * MS));
        assert!(rig.sent().is_empty() && method_of(&first) == method::ALLOCATE);

        let mut rig = Rig::allocated_with(over(transport), 600);
        rig.client.permit(rig.now, peer().ip()).unwrap();
        rig.slot();
        rig.run_to(rig.start + 39_500 * MS - MS);
        assert_eq!((rig.event(), rig.sent().len()), (None, 0));
        rig.run(MS);
        let why = RequestError::TimedOut;
        assert_eq!(rig.event(), Some(Event::PermissionFailed { ip: peer().ip(), why }));
    }
    // Over DTLS it is as over UDP.
    let mut rig = Rig::with(over(ServerTransport::Dtls));
    rig.slot();
    rig.run_to_event();
    assert_eq!((rig.sent().len(), rig.elapsed()), (6, 39_500 * MS));
}

// proves: 8489-6.2.2-a
#[test]
fn a_broken_connection_ends_an_allocate_under_way_at_once() {
    for why in all_broken() {
        for answered in [false, true] {
            let mut rig = Rig::with(over(ServerTransport::Tls));
            if answered {
                rig.challenged();
            } else {
                rig.slot();
            }
            rig.client.broken(rig.now, OTHER_BASE, why);
            assert_eq!(rig.event(), None, "another connection is no matter of ours");
            rig.client.broken(rig.now, BaseId(0), why);
            rig.client.broken(rig.now, BaseId(0), why);
            let reason = RequestError::ConnectionBroken(why);
            assert_eq!(reason.remedy(), Remedy::OtherTransport);
            assert_eq!(rig.event(), Some(Event::AllocateFailed(reason)));
            assert_eq!(rig.event(), None, "it ends once");
            assert!(rig.client.is_closed() && rig.client.poll_timeout().is_none());
            assert_eq!((rig.client.size(), rig.client.has_next()), (0, false));
        }
    }
}

// proves: 8489-6.2.2-a
#[test]
fn a_broken_connection_loses_the_allocation_and_all_that_was_asked_for() {
    let (mut rig, _) = bound(over(ServerTransport::Tcp));
    rig.client.permit(rig.now, "198.51.100.2".parse().unwrap()).unwrap();
    rig.slot();
    rig.client.send(rig.now, peer(), b"never sent").unwrap();
    rig.client.broken(rig.now, BaseId(0), Broken::Cut);
    assert_eq!(rig.event(), Some(Event::Lost(RequestError::ConnectionBroken(Broken::Cut))));
    assert_eq!((rig.event(), rig.client.size()), (None, 0));
    assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::NotAllocated));
    assert_eq!(rig.client.prefix(peer()), None);

    // What was being given back is given back by it.
    let mut rig = Rig::allocated_with(over(ServerTransport::Tcp), 600);
    rig.client.close(rig.now);
    assert!(!rig.client.is_closed());
    rig.client.broken(rig.now, BaseId(0), Broken::Closed);
    assert_eq!((rig.client.is_closed(), rig.event()), (true, None));
}

/// One whose peer has a channel, configured so.
fn bound(config: ClientConfig) -> (Rig, ChannelNumber) {
    let mut rig = Rig::allocated_with(config, 600);
    rig.client.bind_channel(rig.now, peer()).unwrap();
    rig.grant();
    rig.grant();
    while rig.event().is_some() {}
    let channel = rig.client.channel(peer()).unwrap();
    (rig, channel)
}

#[test]
fn a_delete_over_a_stream_is_sent_once_and_not_waited_for_longer_than_over_udp() {
    let mut rig = Rig::allocated_with(over(ServerTransport::Tcp), 600);
    rig.client.close(rig.now);
    assert_eq!(rig.sent().len(), 1);
    while !rig.client.is_closed() {
        let due = rig.client.poll_timeout().unwrap();
        rig.run_to(due);
    }
    assert_eq!((rig.elapsed(), rig.sent().len()), (3500 * MS, 0));
}

#[test]
fn a_forgery_on_a_stream_ends_the_transaction_and_one_among_datagrams_does_not() {
    let forged = Key::long_term(KeyDerivation::Md5, "ann", REALM, "guess");
    let success: [&dyn WriteAttribute; 2] = [&XorRelayedAddress(relayed()), &Lifetime::from_seconds(600)];
    for transport in [ServerTransport::Udp, ServerTransport::Dtls, ServerTransport::Tcp, ServerTransport::Tls]
    {
        for key in [None, Some(&forged)] {
            let mut rig = Rig::with(over(transport));
            let request = rig.challenged();
            let bytes = answer(&request, Class::Success, &success, key);
            let handled = rig.handle(&bytes);
            if transport.is_reliable() {
                assert_eq!(handled, Handled::Consumed);
                let why = RequestError::IntegrityViolated;
                assert_eq!(rig.event(), Some(Event::AllocateFailed(why)), "{transport}");
            } else {
                assert_eq!(handled, Handled::Dropped(DropReason::Unbelieved));
                assert_eq!(rig.event(), None, "{transport}");
            }
        }
    }
}

#[test]
fn a_437_over_a_stream_is_taken_at_its_word_for_nothing_was_sent_twice() {
    let mut rig = Rig::with(over(ServerTransport::Tcp));
    let request = rig.challenged();
    rig.refuse(&request, 437);
    let why = RequestError::AllocationMismatch;
    assert_eq!(why.remedy(), Remedy::OtherPort { tries: 3, rest: seconds(120) });
    assert_eq!(rig.event(), Some(Event::AllocateFailed(why)));
    assert!(rig.client.is_closed() && !rig.client.has_next());
}

// proves: 8656-12.5-a
#[test]
fn channel_data_is_padded_on_a_stream_and_taken_with_padding_from_everywhere() {
    for transport in [ServerTransport::Udp, ServerTransport::Dtls, ServerTransport::Tcp, ServerTransport::Tls]
    {
        let (mut rig, channel) = bound(over(transport));
        let mut stream = Vec::new();
        for length in 0..=8 {
            let data = &b"01234567"[..length];
            rig.client.send(rig.now, peer(), data).unwrap();
            let sent = rig.sent().concat();
            let padded = 4 + length.next_multiple_of(4);
            assert_eq!(sent.len(), if transport.is_reliable() { padded } else { 4 + length });
            assert_eq!(ChannelData::parse(&sent), Ok(ChannelData { channel, data }));
            assert_eq!(usize::from(u16::from_be_bytes([sent[2], sent[3]])), length, "padding does not count");
            stream.extend_from_slice(&sent);

            // The other way with padding, without, and with more than there should be.
            for extra in 0..=5 {
                let bytes = [&sent[..4 + length], &[0; 5][..extra]].concat();
                assert_eq!(rig.handle(&bytes), Handled::Data { peer: peer(), payload: data });
            }
        }
        if transport.is_reliable() {
            let mut decoder = StreamDecoder::new();
            decoder.extend(&stream);
            let mut frames = 0;
            while decoder.next().unwrap().is_some() {
                frames += 1;
            }
            assert_eq!((frames, decoder.end()), (9, Ok(())));
        }
    }
}
