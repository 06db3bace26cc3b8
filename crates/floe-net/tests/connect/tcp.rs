//! STUN over TCP (RFC 8489 6.2.2): whatever the stream is cut into, messages come and go whole.

use std::{
    io::{self, IoSlice},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use floe_core::ServerTransport::{Tcp, Udp};
use floe_net::{ConnectError, DatagramSocket, SystemNet, Trouble, trouble};
use floe_stun::stream::StreamError;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::common::{channel, connect, flood, messages, on_stream, reason, receive, stun};

async fn pair() -> (Arc<dyn DatagramSocket>, TcpStream, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let net = SystemNet::new();
    let (client, server) = tokio::join!(connect(&net, address, Tcp, None), listener.accept());
    let (server, _) = server.unwrap();
    server.set_nodelay(true).unwrap();
    (client.unwrap(), server, address)
}

#[tokio::test]
async fn a_stream_cut_anywhere_gives_whole_messages() {
    let (client, mut server, _) = pair().await;
    let all = [stun("floe"), channel(5, b'a'), channel(0, 0), stun(""), channel(1, b'b'), stun("end")];
    let stream = on_stream(&all);
    for cut in 0..=stream.len() {
        server.write_all(&stream[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        let (write, read) = tokio::join!(server.write_all(&stream[cut..]), async {
            let mut read = Vec::new();
            for _ in &all {
                read.push(receive(&*client).await.unwrap());
            }
            read
        });
        write.unwrap();
        assert_eq!(read, all, "cut at {cut}");
    }
    for byte in &stream {
        server.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    for message in &all {
        assert_eq!(receive(&*client).await.unwrap(), *message);
    }
}

#[tokio::test]
async fn what_is_sent_is_padded_and_in_order() {
    let (client, mut server, to) = pair().await;
    assert_eq!(client.local_addr().unwrap(), server.peer_addr().unwrap());
    let all = [channel(5, b'a'), stun("floe"), channel(65_535, b'b'), channel(2, b'c')];
    client.try_send_parts_to(&[IoSlice::new(&all[0][..4]), IoSlice::new(&all[0][4..])], to).unwrap();
    for message in &all[1..] {
        client.try_send_to(message, to).unwrap();
    }
    let mut stream = vec![0; on_stream(&all).len()];
    server.read_exact(&mut stream).await.unwrap();
    assert_eq!(stream, on_stream(&all));
}

#[tokio::test]
async fn a_message_that_was_begun_is_finished_and_one_that_was_not_is_nowhere() {
    let (client, mut server, to) = pair().await;
    let sent = flood(&*client, to);
    // Nobody sends any more: who waits to read, or to write, hands on the rest.
    let reader = client.clone();
    let reader = tokio::spawn(async move { receive(&*reader).await });
    let mut stream = vec![0; on_stream(&sent).len()];
    server.read_exact(&mut stream).await.unwrap();
    assert!(messages(&stream) == sent, "all of them, whole");

    client.writable().await.unwrap();
    let last = channel(3, b'z');
    client.try_send_to(&last, to).unwrap();
    let mut stream = vec![0; 8];
    server.read_exact(&mut stream).await.unwrap();
    assert_eq!(stream, on_stream(&[last]));
    server.write_all(&stun("")).await.unwrap();
    assert_eq!(reader.await.unwrap().unwrap(), stun(""));
}

#[tokio::test]
async fn who_waits_to_write_hands_on_the_rest() {
    let (client, mut server, to) = pair().await;
    let sent = flood(&*client, to);
    let writer = client.clone();
    let writer = tokio::spawn(async move { writer.writable().await });
    let mut stream = vec![0; on_stream(&sent).len()];
    server.read_exact(&mut stream).await.unwrap();
    assert!(messages(&stream) == sent, "all of them, whole");
    writer.await.unwrap().unwrap();
}

/// What reading ends with when the server sends this and closes.
async fn end_of(stream: &[u8]) -> io::Error {
    let (client, mut server, to) = pair().await;
    server.write_all(stream).await.unwrap();
    drop(server);
    loop {
        let Err(error) = receive(&*client).await else { continue };
        assert_eq!(trouble(&error), Trouble::Socket);
        let again = receive(&*client).await.unwrap_err();
        assert_eq!(again.to_string(), error.to_string(), "it stays so");
        assert_eq!(client.try_send_to(&stun(""), to).unwrap_err().to_string(), error.to_string());
        assert_eq!(client.writable().await.unwrap_err().to_string(), error.to_string());
        return error;
    }
}

#[tokio::test]
async fn a_stream_that_ends_says_how() {
    let whole = on_stream(&[stun("floe"), channel(5, b'a')]);
    let closed = end_of(&whole).await;
    assert!(matches!(reason(&closed), ConnectError::Closed), "{closed}");
    assert!(matches!(reason(&end_of(&[]).await), ConnectError::Closed));

    let cut = end_of(&whole[..whole.len() - 4]).await;
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    assert!(matches!(reason(&cut), ConnectError::Stream(StreamError::Cut { present: 8 })), "{cut}");

    let announced = end_of(&channel(65_535, b'a')[..1000]).await;
    assert!(matches!(reason(&announced), ConnectError::Stream(StreamError::Cut { present: 1000 })));

    for garbage in [&b"SSH-2.0-OpenSSH_9.7\r\n"[..], &[0xFF; 4096], &[0, 1, 0, 0, 1, 2, 3, 4]] {
        let garbage = end_of(garbage).await;
        assert_eq!(garbage.kind(), io::ErrorKind::InvalidData, "{garbage}");
        assert!(matches!(reason(&garbage), ConnectError::Stream(_)), "{garbage}");
    }
}

#[tokio::test]
async fn a_message_that_is_announced_and_never_sent_holds_up_nothing_that_is_sent() {
    let (client, mut server, to) = pair().await;
    server.write_all(&channel(65_535, b'a')[..4]).await.unwrap();
    let reader = client.clone();
    let reader = tokio::spawn(async move { receive(&*reader).await });
    client.try_send_to(&stun("floe"), to).unwrap();
    let mut stream = vec![0; stun("floe").len()];
    server.read_exact(&mut stream).await.unwrap();
    assert_eq!(stream, stun("floe"));
    assert!(!reader.is_finished());
    reader.abort();
}

#[tokio::test]
async fn what_cannot_go_there_is_refused_and_the_connection_goes_on() {
    let (client, mut server, to) = pair().await;
    let elsewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let refused = [
        client.try_send_to(&stun(""), elsewhere).unwrap_err(),
        client.try_send_to(b"data", to).unwrap_err(),
        client.try_send_to(&stun("")[..12], to).unwrap_err(),
        client.try_send_to(&[], to).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(trouble(&error), Trouble::Path, "{error}");
    }
    client.try_send_to(&stun(""), to).unwrap();
    let mut stream = vec![0; stun("").len()];
    server.read_exact(&mut stream).await.unwrap();
    assert_eq!(stream, stun(""));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let error = connect(&SystemNet::new(), closed, Tcp, None).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(matches!(reason(&error), ConnectError::Network(_)), "{error}");
    // Over UDP nobody can say so yet: it is a socket with a port of its own.
    let socket = connect(&SystemNet::new(), closed, Udp, None).await.unwrap();
    assert_ne!(socket.local_addr().unwrap().port(), 0);
}
