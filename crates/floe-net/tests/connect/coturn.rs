//! A real server: coturn, where it is installed. Where it is not, these tests say so; under `CI=true` that is a failure.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use floe_core::ServerTransport::{self, Dtls, Tcp, Tls};
use floe_net::{ConnectError, SystemNet};
use floe_stun::{Class, Message, attribute::XorMappedAddress};

use crate::{
    common::{connect, reason, receive, stun},
    identity::{Identity, net, self_signed, signed},
};

/// A server that ends with the test.
struct Coturn {
    process: Child,
    folder: PathBuf,
    plain: SocketAddr,
    secure: SocketAddr,
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that is free over UDP and TCP.
fn free_port() -> u16 {
    let free = || {
        let tcp = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let port = tcp.local_addr().ok()?.port();
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|_| port)
    };
    (0..100).find_map(|_| free()).expect("a port is free")
}

impl Coturn {
    /// `None` where it is not installed.
    fn start(test: &str, identity: &Identity) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("floe-coturn-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        fs::write(file("cert.pem"), &identity.pem.0).unwrap();
        fs::write(file("key.pem"), &identity.pem.1).unwrap();
        let (plain, secure) = (free_port(), free_port());
        let mut command = Command::new("turnserver");
        command.args(["-n", "--no-cli", "--log-file", "stdout", "--simple-log", "-L", "127.0.0.1"]);
        command.args(["-p", &plain.to_string(), "--tls-listening-port", &secure.to_string()]);
        command.args(["-a", "-u", "ice:icepass", "-r", "lab.test", "--fingerprint"]);
        command.args(["--cert", &file("cert.pem"), "--pkey", &file("key.pem")]);
        command.args(["--userdb", &file("userdb"), "--pidfile", &file("pid")]);
        command.args(["--no-multicast-peers", "--allow-loopback-peers"]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = match process {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: coturn is not installed");
                eprintln!("skipped: {test}: coturn is not installed");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = Self { process, folder, plain: at(plain), secure: at(secure) };
        server.wait();
        Some(server)
    }

    /// Until it listens over TCP; over UDP it does so before.
    fn wait(&self) {
        let up = |to| TcpStream::connect(to).is_ok();
        let ready = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            up(self.plain) && up(self.secure)
        });
        assert!(ready, "coturn listens");
    }

    async fn answers(&self, net: &SystemNet, transport: ServerTransport, name: Option<&str>) {
        let to = if transport.is_secure() { self.secure } else { self.plain };
        let socket =
            connect(net, to, transport, name).await.unwrap_or_else(|error| panic!("{transport}: {error}"));
        for _ in 0..3 {
            socket.try_send_to(&stun("floe"), to).unwrap();
            let answer = receive(&*socket).await.unwrap();
            let answer = Message::parse(&answer).unwrap();
            assert_eq!(answer.class(), Class::Success, "{transport}");
            let mapped = answer.attribute::<XorMappedAddress>().unwrap().unwrap();
            assert_eq!(mapped.0, socket.local_addr().unwrap(), "{transport}");
        }
    }
}

#[tokio::test]
async fn coturn_answers_over_tcp_tls_and_dtls() {
    // With an authority between the server's and the root, as public ones have: the server sends it along.
    let identity = signed(&["turn.lab.test", "127.0.0.1"]);
    let Some(coturn) = Coturn::start("answers", &identity) else { return };
    let net = net(&identity);
    coturn.answers(&net, Tcp, None).await;
    for transport in [Tls, Dtls] {
        coturn.answers(&net, transport, Some("turn.lab.test")).await;
        coturn.answers(&net, transport, None).await;
    }
}

#[tokio::test]
async fn coturn_with_a_certificate_of_its_own_is_believed_for_its_name_only() {
    let identity = self_signed("turn.lab.test");
    let Some(coturn) = Coturn::start("own", &identity) else { return };
    let net = net(&identity);
    for transport in [Tls, Dtls] {
        coturn.answers(&net, transport, Some("turn.lab.test")).await;
        for name in [Some("turn.other.test"), None] {
            let error = connect(&net, coturn.secure, transport, name).await.unwrap_err();
            assert!(matches!(reason(&error), ConnectError::Handshake(_)), "{transport} {error}");
        }
    }
}
