//! UDP sockets.

use std::{
    fmt,
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr},
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use floe_core::address::Redacted;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::{
    io::{Interest, ReadBuf},
    net::UdpSocket as TokioUdpSocket,
};

use super::SystemNet;
use crate::{Arrival, DatagramSocket, Dscp, Trouble, trouble};

/// A socket of the system.
pub(super) struct SystemUdpSocket {
    socket: TokioUdpSocket,
    /// The address bound to. Known from the start, and it never changes.
    local: SocketAddr,
}

impl SystemUdpSocket {
    pub(super) fn bind(address: SocketAddr, net: &SystemNet) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if let IpAddr::V6(ip) = address.ip() {
            // An IPv4 peer on an IPv6 socket would show up as ::ffff:a.b.c.d, an address no candidate has.
            socket.set_only_v6(ip.to_ipv4_mapped().is_none())?;
        }
        enlarge(&socket, net.receive_buffer, net.send_buffer);
        mark(&socket, address.ip(), net.dscp);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = TokioUdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        Ok(Self { socket, local })
    }
}

/// Asks for larger buffers; a socket with the system's usual ones is still good, so a refusal is only noted.
pub(super) fn enlarge(socket: &Socket, receive_buffer: usize, send_buffer: usize) {
    if let Err(error) = socket.set_recv_buffer_size(receive_buffer) {
        tracing::debug!(%error, receive_buffer, "the receive buffer keeps its size");
    }
    if let Err(error) = socket.set_send_buffer_size(send_buffer) {
        tracing::debug!(%error, send_buffer, "the send buffer keeps its size");
    }
}

/// Marks what leaves; a socket that cannot be marked is still good, so a refusal is only noted.
pub(super) fn mark(socket: &Socket, ip: IpAddr, dscp: Dscp) {
    if dscp == Dscp::DEFAULT {
        return;
    }
    let marked = match ip {
        IpAddr::V4(_) => socket.set_tos_v4(dscp.octet()),
        IpAddr::V6(_) => mark_v6(socket, dscp),
    };
    if let Err(error) = marked {
        tracing::debug!(%error, %dscp, "datagrams are not marked");
    }
}

/// socket2 knows the option of these systems.
fn mark_v6(socket: &Socket, dscp: Dscp) -> io::Result<()> {
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    return socket.set_tclass_v6(dscp.octet());
    #[allow(unreachable_code, reason = "on the systems above")]
    {
        let _ = (socket, dscp);
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[async_trait]
impl DatagramSocket for SystemUdpSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Arrival>> {
        skip_passing(|| {
            let mut buffer = ReadBuf::new(buffer);
            let from = ready!(self.socket.poll_recv_from(cx, &mut buffer))?;
            Poll::Ready(Ok(Arrival::new(buffer.filled().len(), from)))
        })
    }

    fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.socket.try_send_to(payload, to) {
            Ok(_) => Ok(()),
            // The echo of an earlier datagram to a closed port can be reported here; this one has not left then.
            Err(error) if is_echo(&error) => self.socket.try_send_to(payload, to).map(drop),
            Err(error) => Err(error),
        }
    }

    fn try_send_parts_to(&self, parts: &[IoSlice<'_>], to: SocketAddr) -> io::Result<()> {
        let to = SockAddr::from(to);
        let send = || {
            let sent = SockRef::from(&self.socket).send_to_vectored(parts, &to);
            sent.map(drop)
        };
        match self.socket.try_io(Interest::WRITABLE, send) {
            Err(error) if is_echo(&error) => self.socket.try_io(Interest::WRITABLE, send),
            outcome => outcome,
        }
    }

    async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }
}

/// Reads until there is something else than an error that passes.
///
/// Each such error was one message, which is taken by then, so this comes to an end; tokio's budget for a task ends it
/// before, if a flood of them comes.
fn skip_passing(mut poll: impl FnMut() -> Poll<io::Result<Arrival>>) -> Poll<io::Result<Arrival>> {
    loop {
        match ready!(poll()) {
            Err(error) if passes(&error) => {
                tracing::trace!(%error, "an error of an earlier datagram came back");
            }
            outcome => return Poll::Ready(outcome),
        }
    }
}

/// Whether reading goes on after this error. Reading names no destination, so that errors about one would come again
/// and again here.
pub(super) fn passes(error: &io::Error) -> bool {
    let lasting = matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::AddrNotAvailable);
    trouble(error) != Trouble::Socket && !lasting
}

fn is_echo(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

impl fmt::Debug for SystemUdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemUdpSocket({})", Redacted(self.local))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading gives when the system gives these, one after the other.
    fn read(outcomes: Vec<Poll<io::Result<Arrival>>>) -> (Poll<io::Result<Arrival>>, usize) {
        let mut outcomes = outcomes.into_iter();
        let outcome = skip_passing(|| outcomes.next().expect("it reads no further"));
        (outcome, outcomes.len())
    }

    fn error(kind: io::ErrorKind) -> Poll<io::Result<Arrival>> {
        Poll::Ready(Err(kind.into()))
    }

    #[test]
    fn icmp_errors_do_not_end_reading() {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable};
        let arrival = Arrival::new(4, ([192, 0, 2, 1], 9).into());
        let echoes = || vec![error(ConnectionRefused), error(ConnectionReset), error(HostUnreachable)];
        let then = |last| echoes().into_iter().chain([last]).collect();
        assert!(
            matches!(read(then(Poll::Ready(Ok(arrival)))), (Poll::Ready(Ok(found)), 0) if found == arrival)
        );
        assert!(matches!(read(then(Poll::Pending)), (Poll::Pending, 0)));
    }

    #[test]
    fn an_error_that_would_come_again_ends_reading() {
        use io::ErrorKind::{AddrNotAvailable, ConnectionAborted, InvalidInput, NotConnected};
        for kind in [AddrNotAvailable, ConnectionAborted, InvalidInput, NotConnected] {
            let (outcome, left) = read(vec![error(kind), error(kind)]);
            assert!(matches!(outcome, Poll::Ready(Err(found)) if found.kind() == kind));
            assert_eq!(left, 1);
        }
    }

    fn bound(ip: &str) -> io::Result<SystemUdpSocket> {
        let address = SocketAddr::new(ip.parse().unwrap(), 0);
        SystemUdpSocket::bind(address, &SystemNet::new().dscp(Dscp::EXPEDITED))
    }

    // proves: 8445-7.2.3-a
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn all_that_leaves_has_the_mark() {
        use std::{io::Read as _, time::Duration};

        let socket = bound("127.0.0.1").unwrap();
        assert_eq!(SockRef::from(&socket.socket).tos_v4().unwrap(), 46 << 2);
        match bound("::1") {
            Ok(v6) => assert_eq!(SockRef::from(&v6.socket).tclass_v6().unwrap(), 46 << 2),
            // Not every host has IPv6.
            Err(error) => assert!(
                matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
                    || error.raw_os_error() == Some(97),
                "{error}"
            ),
        }
        // Who may look at whole packets sees it on the wire as well.
        let Ok(mut wire) = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) else { return };
        wire.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let unmarked = SocketAddr::from(([127, 0, 0, 1], 0));
        let unmarked = SystemUdpSocket::bind(unmarked, &SystemNet::new()).unwrap();
        for (from, to, octet) in [(&socket, &unmarked, 46 << 2), (&unmarked, &socket, 0)] {
            from.socket.send_to(b"floe", to.local).await.unwrap();
            let ports = [from.local.port(), to.local.port()].map(u16::to_be_bytes).concat();
            let mut packet = [0; 1500];
            // Other tests may send as well.
            let ours = (0..10_000).any(|_| wire.read(&mut packet).unwrap() > 0 && packet[20..24] == ports);
            assert!(ours);
            assert_eq!(packet[1], octet);
        }
    }
}
