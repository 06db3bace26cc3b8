//! What a relayed datagram costs whoever sends it: no allocation, and no copy of the data.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests need a first instant; their helpers may panic too"
)]

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, ServerTransport};
use floe_stun::{
    ChannelData, Class, Key, KeyDerivation, Message, MessageWriter, TransactionId,
    attribute::{ErrorCode, Nonce, Realm, WriteAttribute},
};
use floe_turn::{
    Client, ClientConfig, Data, Handled, Lifetime, Prefix, RelayHeader, XorPeerAddress, XorRelayedAddress,
};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

const SERVER: &str = "192.0.2.1:3478";
const PEER: &str = "198.51.100.1:6000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn answer(request: &[u8], class: Class, attributes: &[&dyn WriteAttribute], key: Option<&Key>) -> Vec<u8> {
    let request = Message::parse(request).unwrap();
    let mut buffer = vec![0; 1024];
    let mut writer =
        MessageWriter::new(&mut buffer, class, request.method(), request.transaction_id()).unwrap();
    for attribute in attributes {
        writer = writer.attribute(attribute).unwrap();
    }
    if let Some(key) = key {
        writer = writer.integrity(key).unwrap();
    }
    let length = writer.finish();
    buffer.truncate(length);
    buffer
}

/// A client whose peer has permission, and a channel where that is wanted.
fn client(transport: ServerTransport, channel: bool) -> Client {
    let now = Instant::now();
    let config = ClientConfig::new(BaseId(0), at(SERVER), "ann", "secret").transport(transport);
    let mut client = Client::start(now, config, ChaCha20Rng::from_seed([7; 32])).unwrap();
    let first = client.start_next(now).unwrap().payload;
    let challenge: [&dyn WriteAttribute; 3] =
        [&ErrorCode::standard(401), &Realm::new("floe.example"), &Nonce::new("n")];
    client.handle(now, at(SERVER), &answer(&first, Class::Error, &challenge, None));
    let key = Key::long_term(KeyDerivation::Md5, "ann", "floe.example", "secret");
    let granted: [&dyn WriteAttribute; 2] =
        [&XorRelayedAddress(at("192.0.2.1:50000")), &Lifetime::from_seconds(600)];
    let grant = |client: &mut Client| {
        let request = client.start_next(now).unwrap().payload;
        let bytes = answer(&request, Class::Success, &granted, Some(&key));
        assert_eq!(client.handle(now, at(SERVER), &bytes), Handled::Consumed);
    };
    grant(&mut client);
    client.permit(now, at(PEER).ip()).unwrap();
    grant(&mut client);
    if channel {
        client.bind_channel(now, at(PEER)).unwrap();
        grant(&mut client);
    }
    client
}

/// Puts what belongs around the data around it, where it lies. The data begins behind the room for the longest header.
fn wrap<'b>(prefix: &Prefix, rng: &mut ChaCha20Rng, buffer: &'b mut [u8], length: usize) -> &'b [u8] {
    let header = prefix.header(length, || TransactionId::random(rng)).unwrap();
    let (start, end) = (RelayHeader::MAX_LENGTH - header.as_slice().len(), RelayHeader::MAX_LENGTH + length);
    buffer[start..RelayHeader::MAX_LENGTH].copy_from_slice(header.as_slice());
    buffer[end..end + header.padding().len()].copy_from_slice(header.padding());
    &buffer[start..end + header.padding().len()]
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
fn a_datagram_that_is_relayed_by_its_prefix_allocates_nothing_and_stays_where_it_is() {
    for transport in [ServerTransport::Udp, ServerTransport::Tcp] {
        for channel in [false, true] {
            let client = client(transport, channel);
            let mut rng = ChaCha20Rng::from_seed([8; 32]);
            let mut buffer = [0; RelayHeader::MAX_LENGTH + 1201 + RelayHeader::MAX_PADDING];
            let data = [0x5A; 1201];
            buffer[RelayHeader::MAX_LENGTH..][..data.len()].copy_from_slice(&data);
            let counted = allocations(|| {
                let prefix = client.prefix(at(PEER)).unwrap();
                for length in 0..=data.len() {
                    let message = wrap(&prefix, &mut rng, &mut buffer, length);
                    std::hint::black_box(message);
                    buffer[RelayHeader::MAX_LENGTH..][..data.len()].copy_from_slice(&data);
                }
            });
            assert_eq!(counted, 0, "{transport}, channel: {channel}");
            let message = wrap(&client.prefix(at(PEER)).unwrap(), &mut rng, &mut buffer, data.len());
            if channel {
                assert_eq!(ChannelData::parse(message).unwrap().data, data);
            } else {
                let message = Message::parse(message).unwrap();
                assert_eq!(message.attribute(), Ok(Some(XorPeerAddress(at(PEER)))));
                assert_eq!(message.attribute(), Ok(Some(Data(&data))));
            }
        }
    }
}

#[test]
fn taking_a_datagram_of_a_peer_allocates_nothing() {
    let mut client = client(ServerTransport::Udp, true);
    let now = Instant::now();
    let channel = client.channel(at(PEER)).unwrap();
    let mut message = [0; 104];
    let length = ChannelData { channel, data: &[7; 100] }.write(&mut message).unwrap();
    let counted = allocations(|| {
        let handled = client.handle(now, at(SERVER), &message[..length]);
        assert_eq!(handled, Handled::Data { peer: at(PEER), payload: &[7; 100] });
    });
    assert_eq!(counted, 0);
}
