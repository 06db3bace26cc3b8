//! The client against a real server library, turn-server-proto, over TCP: the stream arrives in pieces of any size, and
//! time is virtual.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests need a first instant; their helpers may panic too"
)]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, ServerTransport};
use floe_stun::stream::StreamDecoder;
use floe_turn::{
    AddressFamily, Client, ClientConfig, ConnectionId, Event, Handled, Progress, Relay, RelayTransport, Sent,
};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};
use turn_server_proto::{
    api::{TurnServerApi as _, TurnServerPollRet},
    server::TurnServer,
    stun::{Instant as ServerInstant, agent::Transmit, types::TransportType},
    types::AddressFamily as ServerFamily,
};

const SERVER: &str = "192.0.2.1:3478";
const CLIENT: &str = "192.0.2.2:5000";
/// Where the client's data connection comes from.
const DATA: &str = "192.0.2.2:5001";
const PEER: &str = "198.51.100.1:6000";
const PEER6: &str = "[2001:db8:1::9]:6000";
const RELAYED: &str = "192.0.2.1:50000";
const RELAYED6: &str = "[2001:db8::1]:50000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A message: from where, to where, and what.
type Message = (SocketAddr, SocketAddr, Vec<u8>);

struct Lab {
    start: Instant,
    now: Instant,
    server: TurnServer,
    client: Client,
    stream: StreamDecoder,
    events: Vec<Event>,
    /// What came out of the relay, on its other side and for the client.
    peers: Vec<Message>,
    data: Vec<(SocketAddr, Vec<u8>)>,
    /// What came on the data connection.
    raw: Vec<u8>,
}

impl Lab {
    fn new(config: impl FnOnce(ClientConfig) -> ClientConfig) -> Self {
        let now = Instant::now();
        let mut server = TurnServer::new(TransportType::Tcp, at(SERVER), "floe.example".to_owned());
        server.add_user("ann".to_owned(), "secret".to_owned());
        server.set_nonce_expiry_duration(Duration::from_secs(120));
        let config =
            config(ClientConfig::new(BaseId(0), at(SERVER), "ann", "secret").transport(ServerTransport::Tcp));
        let client = Client::start(now, config, ChaCha20Rng::from_seed([7; 32])).unwrap();
        let stream = StreamDecoder::new();
        let (events, peers, data, raw) = Default::default();
        Self { start: now, now, server, client, stream, events, peers, data, raw }
    }

    fn clock(&self) -> ServerInstant {
        ServerInstant::from_nanos(i64::try_from((self.now - self.start).as_nanos()).unwrap())
    }

    /// Something reaches the server, on a socket of its.
    fn reach_server(&mut self, transport: TransportType, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let clock = self.clock();
        let out = self.server.recv(Transmit::new(bytes.to_vec(), transport, from, to), clock);
        if let Some(out) = out.map(turn_server_proto::types::transmit::TransmitBuild::build) {
            self.leave_server(out.from, out.to, &out.data);
        }
    }

    fn leave_server(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if to == at(DATA) {
            self.raw.extend_from_slice(bytes);
            return;
        }
        if to != at(CLIENT) {
            self.peers.push((from, to, bytes.to_vec()));
            return;
        }
        for piece in bytes.chunks(7) {
            self.stream.extend(piece);
            while let Some(frame) = self.stream.next().unwrap() {
                match self.client.handle(self.now, at(SERVER), frame) {
                    Handled::Consumed => {}
                    Handled::Data { peer, payload } => self.data.push((peer, payload.to_vec())),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Until nobody has anything to say.
    fn pump(&mut self) {
        loop {
            let next = self.client.start_next(self.now).or_else(|| self.client.poll_transmit());
            self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
            match next {
                // The stream is cut anywhere.
                Some(transmit) => {
                    for piece in transmit.payload.chunks(33) {
                        self.reach_server(TransportType::Tcp, at(CLIENT), at(SERVER), piece);
                    }
                }
                None if !self.pump_server() => return,
                None => {}
            }
        }
    }

    fn pump_server(&mut self) -> bool {
        let clock = self.clock();
        let wanted = self.server.poll(clock);
        let out = self.server.poll_transmit(clock);
        let said = out.is_some();
        if let Some(out) = out {
            self.leave_server(out.from, out.to, &out.data);
        }
        match wanted {
            TurnServerPollRet::AllocateSocket {
                transport,
                listen_addr,
                client_addr,
                allocation_transport,
                family,
            } => {
                let relayed = at(if family == ServerFamily::IPV4 { RELAYED } else { RELAYED6 });
                self.server.allocated_socket(
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                    Ok(relayed),
                    clock,
                );
            }
            TurnServerPollRet::TcpConnect { relayed_addr, peer_addr, listen_addr, client_addr } => {
                let made = Ok(relayed_addr);
                self.server.tcp_connected(relayed_addr, peer_addr, listen_addr, client_addr, made, clock);
            }
            TurnServerPollRet::WaitUntil(_) => return said,
            TurnServerPollRet::TcpClose { .. } | TurnServerPollRet::SocketClose { .. } => {}
        }
        true
    }

    /// Time passes for the client and the server, a second at a time.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.client.handle_timeout(self.now);
            self.pump();
        }
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn allocated(&mut self) -> Relay {
        self.pump();
        match self.events()[..] {
            [Event::Allocated(relay)] => relay,
            ref other => panic!("{other:?}"),
        }
    }

    /// Sends both ways and expects both to arrive.
    fn assert_data_flows(&mut self, relayed: &str, peer: &str, payload: &[u8]) {
        assert_eq!(self.client.send(self.now, at(peer), payload), Ok(Sent::Relayed));
        self.pump();
        assert_eq!(std::mem::take(&mut self.peers), [(at(relayed), at(peer), payload.to_vec())]);
        self.reach_server(TransportType::Udp, at(peer), at(relayed), payload);
        assert_eq!(std::mem::take(&mut self.data), [(at(peer), payload.to_vec())]);
    }
}

#[test]
fn both_families_are_relayed_over_one_stream_for_an_hour_and_then_one_is_given_back() {
    let mut lab = Lab::new(|config| config.dual(true));
    let relay = lab.allocated();
    assert_eq!((relay.relayed, relay.additional), (at(RELAYED), Some(at(RELAYED6))));
    lab.client.bind_channel(lab.now, at(PEER)).unwrap();
    lab.client.permit(lab.now, at(PEER6).ip()).unwrap();
    lab.pump();
    assert_eq!(lab.events().len(), 3, "two permissions and a channel");
    assert!(lab.client.channel(at(PEER)).is_some());
    // Nonces go stale, permissions, channel and allocation are renewed. Of padding this server knows nothing, neither
    // reads nor writes it (turn-server-proto 0.7.3), so that only lengths without it can be tried.
    for minute in 0..60 {
        let payload = &[0xA5; 16][..minute % 5 * 4];
        lab.assert_data_flows(RELAYED, PEER, payload);
        lab.assert_data_flows(RELAYED6, PEER6, payload);
        lab.run(60);
        assert_eq!(lab.events(), []);
    }
    lab.client.release_family(lab.now, AddressFamily::Ipv6);
    lab.run(3600);
    assert_eq!(lab.events(), []);
    lab.assert_data_flows(RELAYED, PEER, b"still here!!");
    lab.reach_server(TransportType::Udp, at(PEER6), at(RELAYED6), b"nobody is there");
    assert_eq!(lab.data, []);
    lab.client.close(lab.now);
    lab.pump();
    assert!(lab.client.is_closed());
}

/// Binds the connection, and carries a word both ways.
fn assert_connection_carries(lab: &mut Lab, connection: ConnectionId) {
    let mut data = lab.client.data_connection(lab.now, connection).unwrap();
    while !data.is_bound() {
        let request = data.poll_transmit().expect("something to ask");
        lab.reach_server(TransportType::Tcp, at(DATA), at(SERVER), &request);
        while lab.pump_server() {}
        let answer = std::mem::take(&mut lab.raw);
        // Byte by byte.
        for byte in answer.chunks(1) {
            assert!(matches!(data.handle(byte), Ok(Progress::Asking | Progress::Bound { consumed: 1 })));
        }
    }
    lab.reach_server(TransportType::Tcp, at(DATA), at(SERVER), b"to the peer");
    let peers = std::mem::take(&mut lab.peers);
    assert_eq!(peers, [(at(RELAYED), at(PEER), b"to the peer".to_vec())]);
    lab.reach_server(TransportType::Tcp, at(PEER), at(RELAYED), b"and back");
    assert_eq!(data.handle(b"and back"), Ok(Progress::Bound { consumed: 0 }));
    assert_eq!(std::mem::take(&mut lab.raw), b"and back");
}

// proves: 6062-4.3-a
#[test]
fn a_connection_to_a_peer_is_made_bound_and_carries_bytes() {
    let mut lab = Lab::new(|config| config.relay(RelayTransport::Tcp));
    assert_eq!(lab.allocated().relayed, at(RELAYED));
    lab.client.permit(lab.now, at(PEER).ip()).unwrap();
    lab.client.connect(lab.now, at(PEER)).unwrap();
    lab.pump();
    let events = lab.events();
    let [Event::Permitted { .. }, Event::Connected { peer, connection }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(peer, at(PEER));
    assert_connection_carries(&mut lab, connection);
}
