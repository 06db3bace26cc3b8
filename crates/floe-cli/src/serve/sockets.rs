//! The sockets: what comes in goes to one channel, what goes out never waits.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use floe_stun::stream::{StreamDecoder, padding};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream, UdpSocket,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::timeout,
};

use super::server::ListenerId;

/// RFC 8656 7.2: the ports of relays.
const PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;
/// How many ports are tried before a relay is refused.
const TRIES: usize = 20;
/// How much is read from a connection at once.
const PIECE: usize = 16_384;
/// The longest datagram.
const DATAGRAM: usize = 65_535;
/// How many clients may be connected over TCP.
const CONNECTIONS: usize = 256;
/// How many messages a client that does not read may have waiting before it is cut off.
const UNREAD: usize = 256;
/// How long a connection may be silent: an allocation is refreshed more often.
const SILENCE: Duration = Duration::from_secs(900);

/// What came in.
#[derive(Debug)]
pub(super) enum Input {
    /// A message or ChannelData from a client.
    Client { listener: ListenerId, from: SocketAddr, payload: Vec<u8> },
    /// A client connected; what is sent to it goes in here.
    Connected { listener: ListenerId, from: SocketAddr, sink: mpsc::Sender<Vec<u8>> },
    /// It is gone.
    Gone { listener: ListenerId, from: SocketAddr },
    /// A datagram to a relay.
    Peer { relay: SocketAddr, from: SocketAddr, payload: Vec<u8> },
}

/// Where inputs go. When it is full, sockets are not read.
pub(super) type Inputs = mpsc::Sender<Input>;

/// A socket and the task that reads it, which ends with it.
#[derive(Debug)]
pub(super) struct Reading {
    socket: Arc<UdpSocket>,
    task: JoinHandle<()>,
}

impl Reading {
    fn new(
        socket: UdpSocket,
        inputs: Inputs,
        input: impl Fn(SocketAddr, Vec<u8>) -> Input + Send + 'static,
    ) -> Self {
        let socket = Arc::new(socket);
        let task = tokio::spawn(read_datagrams(Arc::clone(&socket), inputs, input));
        Self { socket, task }
    }

    /// Sends if the system takes it at once; a datagram may be lost.
    pub(super) fn send(&self, to: SocketAddr, payload: &[u8]) {
        if let Err(error) = self.socket.try_send_to(payload, to) {
            tracing::debug!(%error, "a datagram was not sent");
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read_datagrams(
    socket: Arc<UdpSocket>,
    inputs: Inputs,
    input: impl Fn(SocketAddr, Vec<u8>) -> Input + Send,
) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let payload = buffer.get(..length).unwrap_or_default().to_vec();
                if inputs.send(input(from, payload)).await.is_err() {
                    return;
                }
            }
            // An ICMP error about something sent before; the socket goes on.
            Err(error) => tracing::debug!(%error, "a socket reports"),
        }
    }
}

/// Listens for datagrams.
pub(super) fn listen_udp(
    at: SocketAddr,
    listener: ListenerId,
    inputs: Inputs,
) -> io::Result<(SocketAddr, Reading)> {
    let socket = bound(at, Type::DGRAM, Protocol::UDP)?;
    let socket = UdpSocket::from_std(socket.into())?;
    let at = socket.local_addr()?;
    let input = move |from, payload| Input::Client { listener, from, payload };
    Ok((at, Reading::new(socket, inputs, input)))
}

/// Binds a relay, at one of the ports that are for relays.
pub(super) fn bind_relay(ip: IpAddr, inputs: &Inputs) -> io::Result<(SocketAddr, Reading)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        match bound(SocketAddr::new(ip, random_port()?), Type::DGRAM, Protocol::UDP) {
            Ok(socket) => {
                let socket = UdpSocket::from_std(socket.into())?;
                let relay = socket.local_addr()?;
                let input = move |from, payload| Input::Peer { relay, from, payload };
                return Ok((relay, Reading::new(socket, inputs.clone(), input)));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// RFC 8656 7.2: so that nobody off the path can guess it.
fn random_port() -> io::Result<u16> {
    let random = getrandom::u32().map_err(io::Error::other)?;
    let (first, count) = (u32::from(*PORTS.start()), u32::try_from(PORTS.len()).unwrap_or(1));
    u16::try_from(first + random % count).map_err(io::Error::other)
}

/// A socket bound there. One for IPv6 is for IPv6 only, so that there can be one for IPv4 beside it.
fn bound(at: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // The port of a server that ended a moment ago is free.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

/// Listens for connections, until it is dropped.
#[derive(Debug)]
pub(super) struct Accepting(JoinHandle<()>);

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens for connections.
pub(super) fn listen_tcp(
    at: SocketAddr,
    listener: ListenerId,
    inputs: Inputs,
) -> io::Result<(SocketAddr, Accepting)> {
    let socket = bound(at, Type::STREAM, Protocol::TCP)?;
    socket.listen(64)?;
    let socket = TcpListener::from_std(socket.into())?;
    let at = socket.local_addr()?;
    Ok((at, Accepting(tokio::spawn(accept(socket, listener, inputs)))))
}

async fn accept(socket: TcpListener, listener: ListenerId, inputs: Inputs) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, from)) => {
                let inputs = inputs.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, from, listener, &inputs).await {
                        tracing::debug!(%error, "a connection ends");
                    }
                    let _ = inputs.send(Input::Gone { listener, from }).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                // As when there are no descriptors left: it will not be better at once.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Reads from a client and writes to it, until one of both ends.
async fn converse(
    stream: TcpStream,
    from: SocketAddr,
    listener: ListenerId,
    inputs: &Inputs,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let (sink, outgoing) = mpsc::channel(UNREAD);
    inputs.send(Input::Connected { listener, from, sink }).await.map_err(|_| over())?;
    tokio::select! {
        end = listen_to(read, from, listener, inputs) => end,
        end = write_all(write, outgoing) => end,
    }
}

/// Whoever serves has ended.
fn over() -> io::Error {
    io::Error::from(io::ErrorKind::BrokenPipe)
}

async fn listen_to(
    mut stream: OwnedReadHalf,
    from: SocketAddr,
    listener: ListenerId,
    inputs: &Inputs,
) -> io::Result<()> {
    let (mut decoder, mut buffer) = (StreamDecoder::new(), vec![0; PIECE]);
    loop {
        let length = timeout(SILENCE, stream.read(&mut buffer)).await??;
        if length == 0 {
            return decoder.end().map_err(io::Error::other);
        }
        decoder.extend(buffer.get(..length).unwrap_or_default());
        while let Some(message) = decoder.next().map_err(io::Error::other)? {
            let payload = padded(message.to_vec());
            inputs.send(Input::Client { listener, from, payload }).await.map_err(|_| over())?;
        }
    }
}

async fn write_all(mut stream: OwnedWriteHalf, mut outgoing: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(payload) = outgoing.recv().await {
        stream.write_all(&padded(payload)).await?;
    }
    Ok(())
}

/// As it is on a stream (RFC 8656 12.5).
fn padded(mut message: Vec<u8>) -> Vec<u8> {
    message.resize(message.len() + padding(&message), 0);
    message
}
