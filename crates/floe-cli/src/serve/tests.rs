//! The server without sockets, asked by a client of this file.

use std::time::{Duration, Instant};

use floe_stun::{
    Class, Key, KeyDerivation, Message, MessageWriter, Method, TransactionId,
    attribute::{Attribute, ErrorCode, Nonce, Realm, Username},
};
use floe_turn::{
    Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
    method::{ALLOCATE, CREATE_PERMISSION, REFRESH, SEND},
};
use turn_server_proto::stun::types::TransportType;

use super::{
    options::Settings,
    server::{Action, ListenerId, Server},
};

const CLIENT: &str = "198.51.100.1:40000";
const PEER: &str = "198.51.100.2:50000";
const RELAY: &str = "192.0.2.7:60000";

struct World {
    server: Server,
    now: Instant,
    nonce: String,
    next_id: u8,
}

/// What a request is signed with.
#[derive(Clone, Copy)]
struct Credentials {
    user: Option<&'static str>,
    realm: bool,
    nonce: bool,
    password: &'static str,
}

const GOOD: Credentials = Credentials { user: Some("ann"), realm: true, nonce: true, password: "secret" };

impl World {
    fn new(max_allocations: usize) -> Self {
        let now = Instant::now();
        let listen = "192.0.2.7:3478".parse().unwrap();
        let settings = Settings {
            listen: vec![listen],
            relay_ips: vec![listen.ip()],
            own: Vec::new(),
            realm: "floe".to_owned(),
            user: "ann".to_owned(),
            password: "secret".to_owned(),
            max_allocations,
            allow_loopback_peers: false,
        };
        let server = Server::new(&settings, &[(TransportType::Udp, listen)], now);
        let mut world = Self { server, now, nonce: String::new(), next_id: 0 };
        let challenge = world.ask(CLIENT, ALLOCATE, None, |writer| writer).unwrap();
        world.nonce = text::<Nonce<'_>>(&challenge, |nonce| nonce.as_str().to_owned());
        world
    }

    /// Sends a request; the answer. Relays that are wanted meanwhile are bound.
    fn ask(
        &mut self,
        client: &str,
        method: Method,
        credentials: Option<Credentials>,
        write: impl for<'b> FnOnce(MessageWriter<'b>) -> MessageWriter<'b>,
    ) -> Option<Vec<u8>> {
        self.next_id += 1;
        let mut bytes = [0; 512];
        let id = TransactionId::new([self.next_id; 12]);
        let writer = MessageWriter::new(&mut bytes, Class::Request, method, id).unwrap();
        let mut writer =
            write(writer.optional((method == ALLOCATE).then_some(&RequestedTransport::UDP)).unwrap());
        if let Some(Credentials { user, realm, nonce, password }) = credentials {
            writer = writer.optional(user.map(Username::new).as_ref()).unwrap();
            writer = writer.optional(realm.then(|| Realm::new("floe")).as_ref()).unwrap();
            writer = writer.optional(nonce.then(|| Nonce::new(&self.nonce)).as_ref()).unwrap();
            let key = Key::long_term(KeyDerivation::Md5, user.unwrap_or("ann"), "floe", password);
            writer = writer.integrity(&key).unwrap();
        }
        let length = writer.finish();
        self.server.handle_client(self.now, ListenerId(0), client.parse().unwrap(), &bytes[..length]);
        self.answer()
    }

    fn answer(&mut self) -> Option<Vec<u8>> {
        let mut answer = None;
        while let Some(action) = self.server.poll_action() {
            match action {
                Action::ToClient { payload, .. } => answer = Some(payload),
                Action::Bind { relay, .. } => {
                    self.server.handle_bound(self.now, relay, Some(RELAY.parse().unwrap()));
                }
                Action::FromRelay { .. } | Action::Close(_) => {}
            }
        }
        answer
    }

    fn allocate(&mut self, client: &str, seconds: Option<u32>) -> Vec<u8> {
        let lifetime = seconds.map(Lifetime::from_seconds);
        self.ask(client, ALLOCATE, Some(GOOD), |writer| writer.optional(lifetime.as_ref()).unwrap()).unwrap()
    }

    fn permit(&mut self, peer: &str) -> Vec<u8> {
        let peer = XorPeerAddress(peer.parse().unwrap());
        self.ask(CLIENT, CREATE_PERMISSION, Some(GOOD), |writer| writer.attribute(&peer).unwrap()).unwrap()
    }

    /// Whether what the client sends in a Send indication leaves the relay.
    fn sends_to(&mut self, peer: &str) -> bool {
        let mut bytes = [0; 128];
        let id = TransactionId::new([99; 12]);
        let writer = MessageWriter::new(&mut bytes, Class::Indication, SEND, id).unwrap();
        let writer = writer.attribute(&XorPeerAddress(peer.parse().unwrap())).unwrap();
        let length = writer.attribute(&floe_turn::Data(b"data")).unwrap().finish();
        self.server.handle_client(self.now, ListenerId(0), CLIENT.parse().unwrap(), &bytes[..length]);
        let sent = std::iter::from_fn(|| self.server.poll_action()).collect::<Vec<_>>();
        sent.iter().any(|action| matches!(action, Action::FromRelay { .. }))
    }
}

fn text<'a, A: Attribute<'a>>(response: &'a [u8], read: impl FnOnce(A) -> String) -> String {
    read(Message::parse(response).unwrap().attribute::<A>().unwrap().unwrap())
}

fn code(response: &[u8]) -> Option<u16> {
    let message = Message::parse(response).unwrap();
    message.attribute::<ErrorCode<'_>>().unwrap().map(|error| error.code())
}

fn granted(response: &[u8]) -> Duration {
    Message::parse(response).unwrap().attribute::<Lifetime>().unwrap().unwrap().duration()
}

#[test]
fn an_allocation_is_at_the_address_that_was_bound() {
    let response = World::new(1).allocate(CLIENT, None);
    let relayed = Message::parse(&response).unwrap().attribute::<XorRelayedAddress>().unwrap();
    assert_eq!(relayed, Some(XorRelayedAddress(RELAY.parse().unwrap())));
}

// proves: 8656-7.2-b
#[test]
fn a_lifetime_is_between_the_default_and_the_longest() {
    let lifetime = |asked| granted(&World::new(1).allocate(CLIENT, asked)).as_secs();
    let table = [(None, 600), (Some(1), 600), (Some(600), 600), (Some(601), 601), (Some(3_600), 3_600)];
    for (asked, expected) in table {
        assert_eq!(lifetime(asked), expected, "{asked:?}");
    }
    assert_eq!(lifetime(Some(u32::MAX)), 3_600);
}

#[test]
fn there_are_only_so_many_allocations() {
    let mut world = World::new(1);
    world.allocate(CLIENT, None);
    let other = "198.51.100.9:40000";
    let challenge = world.ask(other, ALLOCATE, None, |writer| writer).unwrap();
    world.nonce = text::<Nonce<'_>>(&challenge, |nonce| nonce.as_str().to_owned());
    assert_eq!(code(&world.allocate(other, None)), Some(508));
}

#[test]
fn a_relay_is_closed_when_its_allocation_expires() {
    let mut world = World::new(1);
    world.allocate(CLIENT, None);
    world.now += Duration::from_secs(601);
    world.server.handle_timeout(world.now);
    let closed = std::iter::from_fn(|| world.server.poll_action());
    assert!(closed.into_iter().any(|action| matches!(action, Action::Close(_))));
}

// proves: 8489-9.2.4-a
#[test]
fn a_request_that_is_not_authentic_is_refused_by_its_reason() {
    let ask = |credentials: Option<Credentials>| {
        let mut world = World::new(1);
        world.ask(CLIENT, ALLOCATE, credentials, |writer| writer).unwrap()
    };
    let challenge = ask(None);
    assert_eq!(code(&challenge), Some(401));
    assert_eq!(text::<Realm<'_>>(&challenge, |realm| realm.as_str().to_owned()), "floe");
    assert!(!text::<Nonce<'_>>(&challenge, |nonce| nonce.as_str().to_owned()).is_empty());
    for incomplete in [
        Credentials { user: None, ..GOOD },
        Credentials { realm: false, ..GOOD },
        Credentials { nonce: false, ..GOOD },
    ] {
        assert_eq!(code(&ask(Some(incomplete))), Some(400));
    }
    assert_eq!(code(&ask(Some(Credentials { user: Some("bob"), ..GOOD }))), Some(401));
    assert_eq!(code(&ask(Some(Credentials { password: "guess", ..GOOD }))), Some(401));
    let mut world = World::new(1);
    world.now += Duration::from_secs(24 * 3_600);
    let stale = world.allocate(CLIENT, None);
    assert_eq!(code(&stale), Some(438));
    assert_ne!(text::<Nonce<'_>>(&stale, |nonce| nonce.as_str().to_owned()), world.nonce);
}

#[test]
fn who_has_no_allocation_has_nothing_to_refresh() {
    let mut world = World::new(1);
    let refused = world.ask(CLIENT, REFRESH, Some(GOOD), |writer| writer).unwrap();
    assert_eq!(code(&refused), Some(437));
    assert!(!world.sends_to(PEER));
}

// proves: 8656-21.4-a
#[test]
fn loopback_own_and_tunnelled_addresses_are_neither_peers_nor_clients() {
    let mut world = World::new(1);
    world.allocate(CLIENT, None);
    for forbidden in ["127.0.0.1:53", "[::1]:53", "[2002:c000:207::1]:53", "[2001:0:c000:207::1]:53"] {
        assert_eq!(code(&world.permit(forbidden)), Some(403), "{forbidden}");
        assert!(!world.sends_to(forbidden), "{forbidden}");
    }
    assert_eq!(code(&world.permit(PEER)), None);
    assert!(world.sends_to(PEER));
    // A permission has no port: the server's own address may have one, for relays, and its services are not reached.
    assert_eq!(code(&world.permit("192.0.2.7:22")), None);
    assert!(!world.sends_to("192.0.2.7:22"));
    assert!(world.sends_to(RELAY));
    for client in ["[2002:c000:207::1]:40000", "[2001:0:c000:207::1]:40000"] {
        assert_eq!(world.ask(client, ALLOCATE, None, |writer| writer), None, "{client}");
    }
}

#[test]
fn what_a_forbidden_peer_sends_does_not_reach_the_client() {
    let mut world = World::new(1);
    world.allocate(CLIENT, None);
    world.permit("192.0.2.7:1");
    world.permit(PEER);
    let relay = RELAY.parse().unwrap();
    world.server.handle_peer(world.now, relay, "192.0.2.7:22".parse().unwrap(), b"data");
    assert_eq!(world.answer(), None);
    world.server.handle_peer(world.now, relay, PEER.parse().unwrap(), b"data");
    assert!(world.answer().is_some());
    assert_eq!(world.server.dropped(), 1);
}
