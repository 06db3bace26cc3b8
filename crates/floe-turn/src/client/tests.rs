//! A client and a server made by hand, in virtual time.

mod allocate;
mod bounds;
mod connect;
mod data;
mod dual;
mod errors;
mod keep;
mod keepalive;
mod migrate;
mod permit;
mod reclaim;
mod stream;

use floe_stun::{
    ChannelNumber, Class, Key, KeyDerivation, Message, MessageWriter, Method, RetransmitPolicy,
    attribute::{
        Attribute, AttributeType, ErrorCode, Nonce, RawAttribute, Realm, WriteAttribute, XorMappedAddress,
    },
};
use rand::SeedableRng as _;

use super::*;
use crate::{
    ChannelNumberAttribute, Data, Handled, Lifetime, PeerError, SendError, Sent, XorPeerAddress,
    XorRelayedAddress, method,
};

const REALM: &str = "floe.example";
const MS: Duration = Duration::from_millis(1);

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn server() -> SocketAddr {
    at("192.0.2.1:3478")
}

fn relayed() -> SocketAddr {
    at("192.0.2.1:50000")
}

fn peer() -> SocketAddr {
    at("198.51.100.1:6000")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn key() -> Key {
    Key::long_term(KeyDerivation::Md5, "ann", REALM, "secret")
}

fn config() -> ClientConfig {
    // Without keepalives, which have tests of their own.
    ClientConfig::new(BaseId(0), server(), "ann", "secret")
        .keepalive(Duration::MAX)
        .renew_permissions(Duration::MAX)
        .renew_channels(Duration::MAX)
}

/// The client, and the time.
struct Rig {
    now: Instant,
    start: Instant,
    client: Client,
    /// What left through `poll_transmit` and was not looked at yet.
    sent: Vec<Vec<u8>>,
}

impl Rig {
    fn with(config: ClientConfig) -> Self {
        Self::with_seed(config, 7)
    }

    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    fn with_seed(config: ClientConfig, seed: u8) -> Self {
        let now = Instant::now();
        let client = Client::start(now, config, ChaCha20Rng::from_seed([seed; 32])).unwrap();
        Self { now, start: now, client, sent: Vec::new() }
    }

    fn new() -> Self {
        Self::with(config())
    }

    /// One that has allocated, for so many seconds.
    fn allocated(lifetime: u32) -> Self {
        Self::allocated_with(config(), lifetime)
    }

    /// The same, configured so.
    fn allocated_with(config: ClientConfig, lifetime: u32) -> Self {
        let mut rig = Self::with(config);
        let request = rig.challenged();
        rig.succeed(&request, &[&XorRelayedAddress(relayed()), &Lifetime::from_seconds(lifetime)]);
        assert!(matches!(rig.event(), Some(Event::Allocated(_))));
        rig
    }

    /// One whose peer has permission.
    fn permitted() -> Self {
        let mut rig = Self::allocated(600);
        rig.client.permit(rig.now, peer().ip()).unwrap();
        rig.grant();
        assert_eq!(rig.event(), Some(Event::Permitted { ip: peer().ip() }));
        rig
    }

    /// One whose peer has a channel.
    fn bound() -> (Self, ChannelNumber) {
        let mut rig = Self::permitted();
        rig.client.bind_channel(rig.now, peer()).unwrap();
        rig.grant();
        let Some(Event::ChannelBound { peer: bound, channel }) = rig.event() else { panic!("no channel") };
        assert_eq!(bound, peer());
        (rig, channel)
    }

    /// Sends the first Allocate, challenges it, and returns the second.
    fn challenged(&mut self) -> Vec<u8> {
        let request = self.slot();
        self.challenge(&request, ErrorCode::UNAUTHENTICATED, "n1");
        self.slot()
    }

    /// What one slot sends.
    fn slot(&mut self) -> Vec<u8> {
        let transmit = self.client.start_next(self.now).expect("something for the slot");
        assert_eq!((transmit.base, transmit.to), (BaseId(0), server()));
        transmit.payload.to_vec()
    }

    /// Grants what the next slot asks for.
    fn grant(&mut self) -> Vec<u8> {
        let request = self.slot();
        self.succeed(&request, &[]);
        request
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.client.poll_transmit() {
            assert_eq!(transmit.to, server());
            self.sent.push(transmit.payload.to_vec());
        }
    }

    /// What left without a slot.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        self.drain();
        std::mem::take(&mut self.sent)
    }

    fn event(&mut self) -> Option<Event> {
        self.client.poll_event()
    }

    fn handle<'a>(&mut self, bytes: &'a [u8]) -> Handled<'a> {
        self.client.handle(self.now, server(), bytes)
    }

    fn succeed(&mut self, request: &[u8], attributes: &[&dyn WriteAttribute]) {
        let answer = answer(request, Class::Success, attributes, Some(&key()));
        assert_eq!(self.handle(&answer), Handled::Consumed);
    }

    /// An error with a signature.
    fn refuse(&mut self, request: &[u8], code: u16) {
        let answer = answer(request, Class::Error, &[&ErrorCode::new(code, "")], Some(&key()));
        assert_eq!(self.handle(&answer), Handled::Consumed);
    }

    fn challenge(&mut self, request: &[u8], code: u16, nonce: &str) {
        let attributes: [&dyn WriteAttribute; 3] =
            [&ErrorCode::standard(code), &Realm::new(REALM), &Nonce::new(nonce)];
        let answer = answer(request, Class::Error, &attributes, None);
        assert_eq!(self.handle(&answer), Handled::Consumed);
    }

    /// Runs the clock up to this time, and stops where something left, was told, or waits for a slot.
    fn run_to(&mut self, end: Instant) {
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.client.handle_timeout(due);
            assert!(self.client.poll_timeout().is_none_or(|next| next > due), "the clock stands still");
            self.drain();
            if !self.sent.is_empty() || self.client.has_next() || self.client.out.len() > 0 {
                return;
            }
        }
        self.now = end;
    }

    /// The same, for so long.
    fn run(&mut self, time: Duration) {
        self.run_to(self.now + time);
    }

    /// Runs until the event comes, and gives no slots.
    fn run_to_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.event() {
                return event;
            }
            let due = self.client.poll_timeout().expect("something to wait for");
            self.now = due;
            self.client.handle_timeout(due);
            self.drain();
        }
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}

/// A message to the client that answers this one.
fn answer(request: &[u8], class: Class, attributes: &[&dyn WriteAttribute], key: Option<&Key>) -> Vec<u8> {
    let request = Message::parse(request).unwrap();
    write(class, request.method(), request.transaction_id(), attributes, key)
}

fn write(
    class: Class,
    method: Method,
    id: TransactionId,
    attributes: &[&dyn WriteAttribute],
    key: Option<&Key>,
) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let mut writer = MessageWriter::new(&mut buffer, class, method, id).unwrap();
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

fn indication(attributes: &[&dyn WriteAttribute]) -> Vec<u8> {
    write(Class::Indication, method::DATA, TransactionId::new([3; 12]), attributes, None)
}

fn method_of(bytes: &[u8]) -> Method {
    Message::parse(bytes).unwrap().method()
}

fn attribute<'a, A: Attribute<'a>>(bytes: &'a [u8]) -> Option<A> {
    Message::parse(bytes).unwrap().attribute().unwrap()
}

fn has(bytes: &[u8], kind: AttributeType) -> bool {
    Message::parse(bytes).unwrap().has(kind)
}

/// What a Send indication carries.
fn indicated(bytes: &[u8]) -> (SocketAddr, &[u8]) {
    let message = Message::parse(bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Indication, method::SEND));
    assert_eq!(message.integrity_kind(), None, "indications are not authenticated");
    let XorPeerAddress(peer) = message.attribute().unwrap().unwrap();
    let Data(data) = message.attribute().unwrap().unwrap();
    (peer, data)
}
