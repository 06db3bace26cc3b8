use std::{
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use floe_core::ServerTransport;
use floe_net::{ConnectError, DatagramSocket, Link, Net as _, SystemNet};
use floe_stun::{Class, MessageWriter, Method, TransactionId, attribute::Software};

/// A test that waits for longer than this waits for ever.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn link(to: SocketAddr, transport: ServerTransport) -> Link {
    Link::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), to, transport)
}

pub async fn connect(
    net: &SystemNet,
    to: SocketAddr,
    transport: ServerTransport,
    name: Option<&str>,
) -> io::Result<Arc<dyn DatagramSocket>> {
    net.connect(&link(to, transport).name(name.map(str::to_owned))).await
}

/// The next message.
pub async fn receive(socket: &dyn DatagramSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 70_000];
    let arrival = tokio::time::timeout(PATIENCE, poll_fn(|cx| socket.poll_recv(cx, &mut buffer)));
    let arrival = arrival.await.expect("something comes")?;
    buffer.truncate(arrival.len);
    Ok(buffer)
}

/// The error within an error.
pub fn reason(error: &io::Error) -> &ConnectError {
    error.get_ref().and_then(|error| error.downcast_ref()).unwrap_or_else(|| panic!("{error:?} has a type"))
}

pub fn stun(software: &str) -> Vec<u8> {
    let mut buffer = [0; 1024];
    let writer =
        MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, TransactionId::new([7; 12]));
    let length = writer.and_then(|writer| writer.attribute(&Software::new(software))).unwrap().finish();
    buffer[..length].to_vec()
}

pub fn channel(length: u16, filling: u8) -> Vec<u8> {
    [&[0x40, 0x01][..], &length.to_be_bytes(), &vec![filling; usize::from(length)]].concat()
}

/// As they lie on a stream.
pub fn on_stream(messages: &[Vec<u8>]) -> Vec<u8> {
    let padded = |message: &Vec<u8>| [&message[..], &[0; 3][..message.len().wrapping_neg() % 4]].concat();
    messages.iter().flat_map(padded).collect()
}

/// Takes a stream apart again.
pub fn messages(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = floe_stun::stream::StreamDecoder::new();
    decoder.extend(stream);
    let mut messages = Vec::new();
    while let Some(message) = decoder.next().unwrap() {
        messages.push(message.to_vec());
    }
    decoder.end().unwrap();
    messages
}

/// Sends messages of all sizes until the socket takes no more, a few hundred MB at most; gives those that it took.
pub fn flood(socket: &dyn DatagramSocket, to: SocketAddr) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for at in 0..10_000_u16 {
        let message = channel(40_000 + at % 1000, at.to_be_bytes()[1]);
        match socket.try_send_to(&message, to) {
            Ok(()) => sent.push(message),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it takes everything");
}
