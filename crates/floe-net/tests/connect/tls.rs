//! STUN over TLS (RFC 8489 6.2.3).

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use floe_core::ServerTransport::Tls;
use floe_net::{ConnectError, SystemNet};
use floe_stun::stream::StreamError;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{channel, connect, flood, messages, on_stream, reason, receive, stun};
use crate::identity::{Identity, net, self_signed, signed};

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// A server for one connection, on a thread of its own.
fn serve<T: Send + 'static>(
    identity: &Identity,
    serve: impl FnOnce(Stream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        serve(StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp))
    });
    (address, server)
}

/// Reads so many bytes, sends them back, and tells the name that the client sent.
fn echo(length: usize) -> impl FnOnce(Stream) -> Option<String> {
    move |mut stream| {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.flush().unwrap();
        stream.conn.server_name().map(str::to_owned)
    }
}

#[tokio::test]
async fn a_server_that_proves_its_name_is_talked_to() {
    let identity = signed(&["turn.example.org", "127.0.0.1"]);
    let message = stun("floe");
    let cases = [
        (Some("turn.example.org"), Some("turn.example.org")),
        (Some("turn.example.org."), Some("turn.example.org")),
    ];
    // RFC 6066 3: an address is no name to be sent.
    for (name, sent) in cases.into_iter().chain([(Some("127.0.0.1"), None), (None, None)]) {
        let (to, server) = serve(&identity, echo(message.len()));
        let socket = connect(&net(&identity), to, Tls, name).await.unwrap();
        socket.try_send_to(&message, to).unwrap();
        assert_eq!(receive(&*socket).await.unwrap(), message);
        assert_eq!(server.join().unwrap().as_deref(), sent);
    }
}

#[tokio::test]
async fn a_certificate_that_is_trusted_itself_needs_no_authority() {
    let identity = self_signed("turn.example.org");
    let message = stun("floe");
    let (to, server) = serve(&identity, echo(message.len()));
    let socket = connect(&net(&identity), to, Tls, Some("turn.example.org")).await.unwrap();
    socket.try_send_to(&message, to).unwrap();
    assert_eq!(receive(&*socket).await.unwrap(), message);
    server.join().unwrap();
}

// proves: 8489-6.2.3-a
#[tokio::test]
async fn nothing_is_sent_to_a_server_that_does_not_prove_its_name() {
    let (ours, other) = (signed(&["turn.example.org"]), signed(&["turn.example.org"]));
    let pinned = self_signed("turn.example.org");
    let cases = [
        ("another name", &ours, net(&ours), Some("turn.example.net")),
        ("a part of the name", &ours, net(&ours), Some("example.org")),
        ("the address instead", &ours, net(&ours), None),
        ("another authority", &other, net(&ours), Some("turn.example.org")),
        ("no authority", &ours, SystemNet::new(), Some("turn.example.org")),
        ("trusted itself, for another name", &pinned, net(&pinned), Some("turn.example.net")),
    ];
    for (case, identity, net, name) in cases {
        let (to, server) = serve(identity, |mut stream| {
            let mut received = Vec::new();
            let ended = stream.read_to_end(&mut received);
            (received, ended.is_err())
        });
        let error = connect(&net, to, Tls, name).await.unwrap_err();
        // A machine without any certificates says so before it connects.
        if matches!(reason(&error), ConnectError::Trust(_)) {
            drop(TcpStream::connect(to));
        } else {
            assert!(matches!(reason(&error), ConnectError::Handshake(_)), "{case}: {error}");
        }
        assert_eq!(server.join().unwrap(), (Vec::new(), true), "{case}");
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_said_so() {
    let identity = signed(&["turn.example.org"]);
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let error = connect(&net(&identity), to, Tls, Some("no name")).await.unwrap_err();
    assert!(matches!(reason(&error), ConnectError::Name(_)), "{error}");
}

/// In simulated time: it passes when nothing else happens.
#[tokio::test(start_paused = true)]
async fn half_a_handshake_ends() {
    let identity = signed(&["turn.example.org"]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let error = connect(&net(&identity), to, Tls, Some("turn.example.org")).await.unwrap_err();
    let ten = Duration::from_secs(10);
    assert!(matches!(reason(&error), ConnectError::Timeout(limit) if *limit == ten), "{error}");
}

#[tokio::test]
async fn a_server_of_another_protocol_or_one_that_hangs_up_is_no_server() {
    let identity = signed(&["turn.example.org"]);
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"", b"\x16\x03\x03\x40\x00half"] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut tcp, _) = listener.accept().unwrap();
            let _ = tcp.read(&mut [0; 4096]);
            tcp.write_all(answer).unwrap();
        });
        let error = connect(&net(&identity), to, Tls, Some("turn.example.org")).await.unwrap_err();
        let known = matches!(reason(&error), ConnectError::Handshake(_) | ConnectError::Network(_));
        assert!(known, "{answer:?}: {error}");
        server.join().unwrap();
    }
}

#[tokio::test]
async fn a_stream_cut_anywhere_gives_whole_messages() {
    let identity = signed(&["turn.example.org"]);
    let all = [stun("floe"), channel(5, b'a'), channel(40_000, b'b'), channel(0, 0), stun("end")];
    let stream = on_stream(&all);
    let (to, server) = serve(&identity, move |mut tls| {
        let (small, large) = stream.split_at(60);
        for byte in small {
            tls.write_all(&[*byte]).unwrap();
            tls.flush().unwrap();
        }
        for piece in large.chunks(777) {
            tls.write_all(piece).unwrap();
            tls.flush().unwrap();
        }
        tls.conn.send_close_notify();
        tls.flush().unwrap();
    });
    let socket = connect(&net(&identity), to, Tls, Some("turn.example.org")).await.unwrap();
    for message in &all {
        assert!(receive(&*socket).await.unwrap() == *message);
    }
    let end = receive(&*socket).await.unwrap_err();
    assert!(matches!(reason(&end), ConnectError::Closed), "{end}");
    server.join().unwrap();
}

#[tokio::test]
async fn a_stream_that_is_cut_inside_a_message_says_so() {
    let identity = signed(&["turn.example.org"]);
    let (to, server) = serve(&identity, |mut tls| {
        tls.write_all(&channel(65_535, b'a')[..1000]).unwrap();
        tls.flush().unwrap();
    });
    let socket = connect(&net(&identity), to, Tls, Some("turn.example.org")).await.unwrap();
    let error = receive(&*socket).await.unwrap_err();
    assert!(matches!(reason(&error), ConnectError::Stream(StreamError::Cut { present: 1000 })), "{error}");
    server.join().unwrap();
}

#[tokio::test]
async fn a_message_that_was_begun_is_finished_and_one_that_was_not_is_nowhere() {
    let identity = signed(&["turn.example.org"]);
    let (go, wait) = std::sync::mpsc::channel();
    let (to, server) = serve(&identity, move |mut tls| {
        tls.conn.complete_io(&mut tls.sock).unwrap();
        let length: usize = wait.recv().unwrap();
        let mut stream = vec![0; length];
        tls.read_exact(&mut stream).unwrap();
        tls.write_all(&stun("")).unwrap();
        tls.flush().unwrap();
        stream
    });
    let socket = connect(&net(&identity), to, Tls, Some("turn.example.org")).await.unwrap();
    let sent = flood(&*socket, to);
    go.send(on_stream(&sent).len()).unwrap();
    assert_eq!(receive(&*socket).await.unwrap(), stun(""));
    assert!(messages(&server.join().unwrap()) == sent, "all of them, whole");
}

#[test]
fn what_is_no_certificate_is_not_trusted() {
    for pem in [&b""[..], b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(SystemNet::new().trust(pem).is_err());
    }
}
