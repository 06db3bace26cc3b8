//! The servers, asked with messages made by hand.

use floe_stun::{
    ChannelData, ChannelNumber, Class, Key, Message, MessageWriter, Method, TransactionId,
    attribute::{ErrorCode, Nonce, Realm as RealmAttribute, Username, XorMappedAddress},
};
use floe_turn::{
    ChannelNumberAttribute, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress, method,
};
use md5::{Digest as _, Md5};

use super::*;
use crate::{Dependence, Fate, Host, HostId, Nat, Realm, Simulation};

const SERVER: &str = "192.0.2.1:3478";

/// A host of the test: it keeps what comes, or it is the server.
#[derive(Debug)]
enum Machine {
    Server(Server),
    Client(Vec<(SocketAddr, Vec<u8>)>),
}

impl Node for Machine {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        match self {
            Self::Server(server) => server.handle_datagram(now, local, from, payload),
            Self::Client(inbox) => inbox.push((from, payload.to_vec())),
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        if let Self::Server(server) = self { server.poll_action() } else { None }
    }

    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        if let Self::Server(server) = self {
            server.handle_bound(now, tag, result);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if let Self::Server(server) = self { server.poll_timeout() } else { None }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Server(server) = self {
            server.handle_timeout(now);
        }
    }
}

struct Lab {
    simulation: Simulation<Machine>,
    server: HostId,
    client: HostId,
    at: SocketAddr,
    peer: HostId,
    peer_at: SocketAddr,
    nonce: String,
    transactions: u8,
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Lab {
    /// A client behind a NAT, a server, and a peer.
    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    fn new() -> Self {
        let mut simulation = Simulation::new(Instant::now(), 1);
        let nat = Nat::new(["203.0.113.1".parse().unwrap()])
            .behaving(Dependence::AddressAndPort, Dependence::AddressAndPort);
        let home = simulation.network_mut().add_realm(Realm::INTERNET, nat).unwrap();
        let server = Server::new(at(SERVER), "floe.example").user("ann", "secret");
        let server = simulation.add(host(Realm::INTERNET, "192.0.2.1"), Machine::Server(server)).unwrap();
        let client = simulation.add(host(home, "10.0.0.1"), Machine::Client(Vec::new())).unwrap();
        let peer = host(Realm::INTERNET, "198.51.100.1");
        let peer = simulation.add(peer, Machine::Client(Vec::new())).unwrap();
        let own = simulation.network_mut().bind(client, at("10.0.0.1:5000")).unwrap();
        let peer_at = simulation.network_mut().bind(peer, at("198.51.100.1:6000")).unwrap();
        let mut lab = Self {
            simulation,
            server,
            client,
            at: own,
            peer,
            peer_at,
            nonce: String::new(),
            transactions: 0,
        };
        lab.run(1);
        lab
    }

    /// Not until nothing happens any more: an allocation would expire.
    fn run(&mut self, seconds: u64) {
        self.simulation.run_for(Duration::from_secs(seconds)).unwrap();
    }

    fn server(&self) -> &Server {
        match self.simulation.node(self.server).unwrap() {
            Machine::Server(server) => server,
            Machine::Client(_) => panic!("a client"),
        }
    }

    fn inbox(&mut self, host: HostId) -> Vec<(SocketAddr, Vec<u8>)> {
        match self.simulation.node_mut(host).unwrap() {
            Machine::Client(inbox) => std::mem::take(inbox),
            Machine::Server(_) => panic!("a server"),
        }
    }

    fn send(&mut self, payload: &[u8]) {
        self.simulation.network_mut().send_by(self.client, self.at, at(SERVER), payload.to_vec().into());
        self.run(1);
    }

    /// Sends a request with credentials, if there is a nonce, and returns the answer.
    fn ask(&mut self, method: Method, write: impl FnOnce(MessageWriter<'_>) -> MessageWriter<'_>) -> Vec<u8> {
        self.transactions += 1;
        let id = TransactionId::new([self.transactions; 12]);
        let mut buffer = [0; 548];
        let mut writer = write(MessageWriter::new(&mut buffer, Class::Request, method, id).unwrap());
        if !self.nonce.is_empty() {
            let key = Key::from_bytes(&Md5::digest("ann:floe.example:secret"));
            writer = writer.attribute(&Username::new("ann")).unwrap();
            writer = writer.attribute(&RealmAttribute::new("floe.example")).unwrap();
            writer = writer.attribute(&Nonce::new(&self.nonce)).unwrap().integrity(&key).unwrap();
        }
        let length = writer.finish();
        self.send(&buffer[..length]);
        let mut inbox = self.inbox(self.client);
        assert_eq!(inbox.len(), 1, "one answer");
        let (from, answer) = inbox.remove(0);
        assert_eq!(from, at(SERVER));
        assert_eq!(Message::parse(&answer).unwrap().transaction_id(), id);
        answer
    }

    fn succeed(
        &mut self,
        method: Method,
        write: impl FnOnce(MessageWriter<'_>) -> MessageWriter<'_>,
    ) -> Vec<u8> {
        let answer = self.ask(method, write);
        let message = Message::parse(&answer).unwrap();
        let error = message.attribute::<ErrorCode<'_>>().unwrap().map(|error| error.code());
        assert_eq!((message.class(), error), (Class::Success, None));
        answer
    }

    /// Allocates, with the challenge that comes first.
    fn allocate(&mut self) -> SocketAddr {
        fn request(writer: MessageWriter<'_>) -> MessageWriter<'_> {
            writer.attribute(&RequestedTransport::UDP).unwrap()
        }
        let challenge = self.ask(method::ALLOCATE, request);
        let challenge = Message::parse(&challenge).unwrap();
        assert_eq!(challenge.attribute::<ErrorCode<'_>>().unwrap().unwrap().code(), 401);
        self.nonce = challenge.attribute::<Nonce<'_>>().unwrap().unwrap().as_str().to_owned();
        let answer = self.succeed(method::ALLOCATE, request);
        let answer = Message::parse(&answer).unwrap();
        answer.verify_integrity(&Key::from_bytes(&Md5::digest("ann:floe.example:secret"))).unwrap();
        answer.attribute::<XorRelayedAddress>().unwrap().unwrap().0
    }

    fn permit(&mut self) {
        let peer = XorPeerAddress(self.peer_at);
        self.succeed(method::CREATE_PERMISSION, |writer| writer.attribute(&peer).unwrap());
    }

    fn peer_sends(&mut self, to: SocketAddr, payload: &'static str) {
        self.simulation.network_mut().send(self.peer_at, to, payload.into());
        self.run(1);
    }
}

fn host(realm: Realm, ip: &str) -> Host {
    Host::new().within(realm).address(ip.parse().unwrap())
}

#[test]
fn a_binding_request_is_answered_with_the_address_that_the_nat_gave() {
    let mut lab = Lab::new();
    assert_eq!(lab.server().failure(), None);
    let answer = lab.succeed(Method::BINDING, |writer| writer);
    let mapped = Message::parse(&answer).unwrap().attribute().unwrap();
    assert_eq!(mapped, Some(XorMappedAddress(at("203.0.113.1:5000"))));
    assert_eq!(lab.simulation.next_step(), Ok(None), "a server without allocations waits for nothing");
}

#[test]
fn a_relay_takes_in_only_whom_it_has_permission_for() {
    let mut lab = Lab::new();
    let relayed = lab.allocate();
    assert_eq!(lab.server().relayed().collect::<Vec<_>>(), [relayed]);
    lab.peer_sends(relayed, "early");
    assert!(lab.inbox(lab.client).is_empty());
    lab.permit();
    lab.peer_sends(relayed, "hello");
    let inbox = lab.inbox(lab.client);
    let message = Message::parse(&inbox[0].1).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Indication, method::DATA));
    assert_eq!(message.attribute::<Data<'_>>().unwrap(), Some(Data(b"hello")));
    assert_eq!(message.attribute::<XorPeerAddress>().unwrap(), Some(XorPeerAddress(lab.peer_at)));
    lab.run(301);
    lab.peer_sends(relayed, "late");
    assert!(lab.inbox(lab.client).is_empty(), "the permission has expired");
}

#[test]
fn data_goes_through_a_relay_both_ways_by_indication_and_by_channel() {
    let mut lab = Lab::new();
    let relayed = lab.allocate();
    lab.permit();
    let mut buffer = [0; 548];
    let id = TransactionId::new([99; 12]);
    let length = MessageWriter::new(&mut buffer, Class::Indication, method::SEND, id)
        .and_then(|writer| writer.attribute(&XorPeerAddress(lab.peer_at))?.attribute(&Data(b"one")))
        .unwrap()
        .finish();
    lab.send(&buffer[..length]);
    assert_eq!(lab.inbox(lab.peer), [(relayed, b"one".to_vec())]);
    let channel = ChannelNumber::new(0x4001).unwrap();
    let peer = XorPeerAddress(lab.peer_at);
    lab.succeed(method::CHANNEL_BIND, |writer| {
        writer.attribute(&ChannelNumberAttribute(channel)).unwrap().attribute(&peer).unwrap()
    });
    lab.send(&[0x40, 0x01, 0, 3, b't', b'w', b'o', 0]);
    assert_eq!(lab.inbox(lab.peer), [(relayed, b"two".to_vec())]);
    lab.peer_sends(relayed, "three");
    let inbox = lab.inbox(lab.client);
    let data = ChannelData::parse(&inbox[0].1).unwrap();
    assert_eq!((data.channel, data.data), (channel, b"three".as_slice()));
}

#[test]
fn a_relay_goes_when_it_is_given_up_or_expires() {
    let mut lab = Lab::new();
    let relayed = lab.allocate();
    lab.succeed(method::REFRESH, |writer| writer.attribute(&Lifetime::from_seconds(0)).unwrap());
    assert_eq!(lab.server().relayed().count(), 0);
    lab.peer_sends(relayed, "gone");
    let fate = lab.simulation.network().log().last().unwrap().fate;
    assert!(matches!(fate, Fate::NoSocket { .. }), "{fate:?}");

    let mut lab = Lab::new();
    lab.allocate();
    lab.run(598);
    assert_eq!(lab.server().relayed().count(), 1);
    lab.run(4);
    assert_eq!(lab.server().relayed().count(), 0, "after ten minutes");
    assert_eq!(lab.simulation.next_step(), Ok(None));
}

#[test]
fn a_server_on_the_wrong_host_says_so() {
    let mut lab = Lab::new();
    let elsewhere = Machine::Server(Server::new(at("192.0.2.8:3478"), "floe.example"));
    let id = lab.simulation.add(host(Realm::INTERNET, "192.0.2.7"), elsewhere).unwrap();
    lab.run(1);
    let Machine::Server(server) = lab.simulation.node(id).unwrap() else { panic!("a client") };
    assert_eq!(server.failure(), Some(BindError::NotMine(at("192.0.2.8:3478").ip())));
}
