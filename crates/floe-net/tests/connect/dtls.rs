//! STUN over DTLS (RFC 7350), with a server that the test plays.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use floe_core::ServerTransport::Dtls;
use floe_net::{ConnectError, SystemNet};
use rtc_dtls::{
    config::ConfigBuilder,
    crypto::Certificate,
    endpoint::{Endpoint, EndpointEvent},
};
use rtc_shared::TransportProtocol;
use tokio::{net::UdpSocket, task::JoinHandle, time::timeout_at};

use crate::common::{channel, connect, reason, receive, stun};

/// What the server saw.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    data: Vec<Vec<u8>>,
    closed: bool,
    failed: bool,
}

/// A server for one name, and what has to be trusted for it.
struct Server {
    address: SocketAddr,
    root: String,
    task: JoinHandle<Seen>,
}

/// What comes to the client before every datagram of the server's, in the server's name.
#[derive(Debug, Clone, Copy, Default)]
struct Noise {
    /// Until the first message has come.
    handshake: &'static [&'static [u8]],
    /// From then on.
    session: &'static [&'static [u8]],
}

/// Echoes until the client has closed, or the handshake has failed. Of what it sends in the handshake, those of these numbers
/// are lost.
async fn serve(name: &str, lost: &'static [usize]) -> Server {
    serve_with(name, lost, Noise::default()).await
}

async fn serve_with(name: &str, lost: &'static [usize], noise: Noise) -> Server {
    let provider = rtc_crypto::default_provider().unwrap();
    let certificate = Certificate::generate_self_signed(vec![name.to_owned()], provider.crypto()).unwrap();
    let root = pem(&certificate.certificate[0]);
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![certificate])
        .with_flight_interval(Duration::from_millis(100))
        .build(false, None)
        .unwrap();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = udp.local_addr().unwrap();
    let endpoint = Endpoint::new(address, TransportProtocol::UDP, Some(Arc::new(config)));
    Server { address, root, task: tokio::spawn(run(udp, endpoint, lost, noise)) }
}

async fn run(udp: UdpSocket, mut endpoint: Endpoint, lost: &'static [usize], noise: Noise) -> Seen {
    let (mut seen, mut peer, mut sent) = (Seen::default(), None, 0);
    let mut buffer = vec![0; 65_535];
    loop {
        while let Some(transmit) = endpoint.poll_transmit() {
            let noise = if seen.data.is_empty() { noise.handshake } else { noise.session };
            for junk in noise {
                udp.send_to(junk, transmit.transport.peer_addr).await.unwrap();
            }
            if !lost.contains(&sent) || !seen.data.is_empty() {
                let _ = udp.send_to(&transmit.message, transmit.transport.peer_addr).await;
            }
            sent += 1;
        }
        if seen.closed || seen.failed {
            return seen;
        }
        let far = Instant::now() + Duration::from_secs(60);
        let wake = peer.and_then(|peer| endpoint.poll_timeout(&peer)).unwrap_or(far);
        match timeout_at(wake.into(), udp.recv_from(&mut buffer)).await {
            Err(_) => {
                let Some(peer) = peer else { return seen };
                seen.failed |= endpoint.handle_timeout(peer, Instant::now()).is_err();
            }
            Ok(received) => {
                let (length, from) = received.unwrap();
                peer = Some(from);
                let events = endpoint.read(Instant::now(), from, None, BytesMut::from(&buffer[..length]));
                seen.failed |= events.is_err();
                for event in events.unwrap_or_default() {
                    match event {
                        EndpointEvent::ApplicationData(data) => {
                            endpoint.write(Instant::now(), from, &data).unwrap();
                            seen.data.push(data.to_vec());
                        }
                        EndpointEvent::PeerClosed => seen.closed = true,
                        _ => {}
                    }
                }
            }
        }
    }
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

impl Server {
    fn net(&self) -> SystemNet {
        SystemNet::new().trust(self.root.as_bytes()).unwrap()
    }
}

#[tokio::test]
async fn every_datagram_is_a_message_and_the_end_is_told() {
    let server = serve("turn.example.org", &[]).await;
    let socket = connect(&server.net(), server.address, Dtls, Some("turn.example.org")).await.unwrap();
    let all = vec![stun("floe"), channel(5, b'a'), channel(1200, b'b')];
    for message in &all {
        socket.try_send_to(message, server.address).unwrap();
        assert_eq!(receive(&*socket).await.unwrap(), *message);
    }
    let elsewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    assert_eq!(socket.try_send_to(&all[0], elsewhere).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    drop(socket);
    assert_eq!(server.task.await.unwrap(), Seen { data: all, closed: true, failed: false });
}

#[tokio::test]
async fn a_handshake_survives_what_is_lost_of_it() {
    let server = serve("turn.example.org", &[0, 2, 5]).await;
    let socket = connect(&server.net(), server.address, Dtls, Some("turn.example.org")).await.unwrap();
    // Whatever of the handshake the server still repeats is no message.
    socket.try_send_to(&stun("floe"), server.address).unwrap();
    assert_eq!(receive(&*socket).await.unwrap(), stun("floe"));
}

#[tokio::test]
async fn datagrams_that_are_no_records_change_nothing() {
    // Nothing, a byte, words, the beginning of a record, and one that ends too soon.
    const NO_RECORDS: &[&[u8]] = &[
        b"",
        b"\x16",
        b"this is not DTLS",
        b"\x16\xfe\xfd\0\0\0\0\0\0\0\0",
        b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\x02\0abc",
    ];
    // An alert that nobody vouches for, of the epoch of the handshake and of the session; data alike.
    const FORGED: &[&[u8]] = &[
        b"",
        b"this is not DTLS",
        b"\x15\xfe\xfd\0\0\0\0\0\0\0\x63\0\x02\x02\x28",
        b"\x15\xfe\xfd\0\x01\0\0\0\0\0\x63\0\x02\x02\x28",
        b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x64\0\x04data",
    ];
    let noise = Noise { handshake: NO_RECORDS, session: FORGED };
    let server = serve_with("turn.example.org", &[], noise).await;
    let socket = connect(&server.net(), server.address, Dtls, Some("turn.example.org")).await.unwrap();
    let all = vec![stun("floe"), channel(5, b'a'), channel(1200, b'b')];
    for message in &all {
        socket.try_send_to(message, server.address).unwrap();
        assert_eq!(receive(&*socket).await.unwrap(), *message);
    }
    drop(socket);
    assert_eq!(server.task.await.unwrap(), Seen { data: all, closed: true, failed: false });
}

// proves: 8489-6.2.3-a
#[tokio::test]
async fn nothing_is_sent_to_a_server_that_does_not_prove_its_name() {
    let server = serve("turn.example.org", &[]).await;
    let error = connect(&server.net(), server.address, Dtls, Some("turn.example.net")).await.unwrap_err();
    assert!(matches!(reason(&error), ConnectError::Handshake(_)), "{error}");
    assert_eq!(server.task.await.unwrap().data, Vec::<Vec<u8>>::new());

    let (server, other) = (serve("turn.example.org", &[]).await, serve("turn.example.org", &[]).await);
    let error = connect(&other.net(), server.address, Dtls, Some("turn.example.org")).await.unwrap_err();
    assert!(matches!(reason(&error), ConnectError::Handshake(_)), "{error}");
    assert_eq!(server.task.await.unwrap().data, Vec::<Vec<u8>>::new());
}

/// In simulated time: it passes when nothing else happens.
#[tokio::test(start_paused = true)]
async fn half_a_handshake_ends() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let root = serve("turn.example.org", &[]).await;
    let to = silent.local_addr().unwrap();
    let error = connect(&root.net(), to, Dtls, Some("turn.example.org")).await.unwrap_err();
    assert!(matches!(reason(&error), ConnectError::NoAnswer), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so() {
    let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let root = serve("turn.example.org", &[]).await;
    let error = connect(&root.net(), closed, Dtls, Some("turn.example.org")).await.unwrap_err();
    assert!(matches!(reason(&error), ConnectError::Network(_)), "{error}");
}
