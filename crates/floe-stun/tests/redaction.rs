//! No `Debug` of any type tells an address, a user name, a key, or what an application sends.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests need a first instant; their helpers may panic too"
)]

use std::{
    fmt::Debug,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_stun::{
    ChannelData, ChannelNumber, Class, Key, Message, MessageWriter, Method, RetransmitPolicy, RtoCache,
    TransactionId, Transactions, ValueWriter, WriteError,
    attribute::{
        AlternateServer, AttributeType, MappedAddress, RawAttribute, Username, WriteAttribute,
        XorMappedAddress,
    },
    framing::FrameDecoder,
    stream::StreamDecoder,
};

/// What must not be seen: parts of the addresses below, and the text of this constant as text or as numbers.
const SECRET: &[u8] = b"secretsecret";
const SECRETS: [&str; 7] = ["0.2.77", ".77", "db8", "cafe", "secret", "115, 101, 99", "73, 65, 63"];
const ADDRESSES: [&str; 2] = ["192.0.2.77:5000", "[2001:db8::cafe]:5000"];

#[track_caller]
fn hides<T: Debug>(value: T) -> T {
    for shown in [format!("{value:?}"), format!("{value:#?}"), format!("{value:x?}")] {
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret:?} is seen in {shown}");
        }
    }
    value
}

/// Looks at the place it writes to.
struct Looks;

impl WriteAttribute for Looks {
    fn kind(&self) -> AttributeType {
        AttributeType::SOFTWARE
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        value.put(SECRET)?;
        hides(value);
        Ok(())
    }
}

fn request(address: SocketAddr) -> Vec<u8> {
    let mut buffer = [0; 548];
    let raw = RawAttribute { kind: AttributeType::new(0x8888), value: SECRET };
    let writer =
        MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, TransactionId::new([1; 12]))
            .and_then(|writer| writer.attribute(&XorMappedAddress(address))?.attribute(&hides(raw)))
            .and_then(|writer| writer.attribute(&hides(Username::new("secret")))?.attribute(&Looks))
            .unwrap();
    let length = hides(writer).finish();
    buffer[..length].to_vec()
}

#[test]
fn messages_and_attributes_hide_addresses_and_values() {
    for address in ADDRESSES.map(|text| text.parse::<SocketAddr>().unwrap()) {
        hides(MappedAddress(address));
        hides(XorMappedAddress(address));
        hides(AlternateServer(address));
        hides(Message::parse(&request(address)).unwrap());
        let mut cache = RtoCache::new();
        cache.sample(Instant::now(), address.ip(), Duration::from_millis(9));
        hides(cache);
    }
    hides(Key::from_bytes(SECRET));
}

#[test]
fn what_is_on_its_way_is_hidden() {
    let now = Instant::now();
    let mut transactions = Transactions::new();
    let datagram = Bytes::from(request("192.0.2.77:5000".parse().unwrap()));
    transactions.start(now, TransactionId::new([1; 12]), RetransmitPolicy::default(), datagram, "key");
    let mut transactions = hides(transactions);
    hides(transactions.poll(now + RetransmitPolicy::MIN_RTO).unwrap());

    hides(ChannelData { channel: ChannelNumber::MIN, data: SECRET });
    let mut decoder = FrameDecoder::new();
    decoder.push(&[0, 99]);
    decoder.push(SECRET);
    hides(decoder);
    let mut decoder = StreamDecoder::new();
    decoder.extend(&[0x40, 0, 0, 99]);
    decoder.extend(SECRET);
    hides(decoder);
}
