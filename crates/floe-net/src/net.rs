//! What an agent asks of the world.

use std::{
    fmt,
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use floe_core::{
    Interface, Nat64Prefix, ServerTransport, address,
    dns::{NaptrRecord, SrvRecord},
};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};

/// The network of a host: its interfaces, and sockets on their addresses.
///
/// Beside [`interfaces`](Self::interfaces) and [`bind_udp`](Self::bind_udp) everything has a default, so that an
/// implementation goes on compiling when more is asked of a network.
#[async_trait]
pub trait Net: fmt::Debug + Send + Sync + 'static {
    /// The interfaces of the host with their addresses, as they are now.
    ///
    /// All of them, loopback and those that are down included: floe-gather decides what to use, and says why not.
    ///
    /// # Errors
    /// The system did not tell. The agent then gathers no host candidates, and says so.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    async fn interfaces(&self) -> io::Result<Vec<Interface>>;

    /// Tells when [`interfaces`](Self::interfaces) may have something new to say, from this call on: an address or an
    /// interface has come, gone or changed (RFC 8445 5.1.1.4).
    ///
    /// An item says only that it is worth while to list them again: not what has changed, nor that anything has. Changes
    /// that nobody has polled for yet may be told as one. The end of the stream means that no more will be told.
    ///
    /// It is called once by each agent that gathers, on its task, and must not block. Default: a stream that never tells
    /// anything. An implementation that wraps another one has to pass this on.
    ///
    /// # Cancel safety
    /// Dropping the future of an item loses no change. Dropping the stream frees what it holds.
    fn interface_changes(&self) -> BoxStream<'static, ()> {
        stream::pending().boxed()
    }

    /// What the network's NAT64 has hosts put before an IPv4 address, as its DNS tells (RFC 7050 3); `None` where there is
    /// no such thing. It is asked for where the host has no IPv4 address of its own, once for each network, and gathering and
    /// restarts wait for it for 2 s at most.
    ///
    /// Default: `None`. An implementation that wraps another one has to pass this on.
    ///
    /// # Errors
    /// It could not be found out. The agent does without then, or keeps what it knew.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    async fn nat64(&self) -> io::Result<Option<Nat64Prefix>> {
        Ok(None)
    }

    /// A UDP socket on exactly this address; port 0 lets the system choose one.
    ///
    /// A link-local IPv6 address comes with the index of its interface as scope. An IPv6 socket takes no IPv4
    /// datagrams, unless its address is an IPv4-mapped one.
    ///
    /// # Errors
    /// The address is not of this host, or the port is taken, or the system refuses.
    ///
    /// # Cancel safety
    /// Dropping the future closes a socket that was already made.
    async fn bind_udp(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>>;

    /// A connection to a STUN or TURN server; over UDP, a socket with a port of its own. What is sent and received over it are whole
    /// STUN messages and ChannelData, whatever the stream below cuts them into (RFC 8489 6.2.2, RFC 8656 12.5); all of it
    /// comes from [`Link::to`], and goes there. Nothing is sent to a server before it has proved its name (RFC 8489 6.2.3).
    ///
    /// Default: an error, [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// # Errors
    /// The server could not be reached, or is not the one that was asked for: the text says which and why.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up.
    async fn connect(&self, link: &Link) -> io::Result<Arc<dyn DatagramSocket>> {
        let transport = link.transport;
        let why = format!("this network has no connections to servers over {transport}");
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    /// The addresses of a host, IPv4 and IPv6, in the order in which they are to be tried; none, or an error, where there is no such host.
    /// A name without a dot at its end is as the user wrote it.
    ///
    /// Default: an error, [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// # Errors
    /// It could not be found out.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    async fn lookup_addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let _ = name;
        Err(no_lookup())
    }

    /// The SRV records of a name such as `_turn._udp.example.org`, in any order (RFC 2782); none where there are none.
    ///
    /// Default: an error, [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// # Errors
    /// It could not be found out.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    async fn lookup_srv(&self, name: &str) -> io::Result<Vec<SrvRecord>> {
        let _ = name;
        Err(no_lookup())
    }

    /// The NAPTR records of a domain, in any order (RFC 3403); none where there are none.
    ///
    /// Default: an error, [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// # Errors
    /// It could not be found out.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    async fn lookup_naptr(&self, name: &str) -> io::Result<Vec<NaptrRecord>> {
        let _ = name;
        Err(no_lookup())
    }
}

fn no_lookup() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this network resolves no names")
}

/// Which server to connect to, and how. `Debug` hides most of the addresses.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Link {
    /// The address to connect from, with port 0; a link-local one has its scope.
    pub from: SocketAddr,
    /// The server.
    pub to: SocketAddr,
    /// What to reach it by.
    pub transport: ServerTransport,
    /// What the certificate of the server has to be for: a host's name, or an IP address. Sent to the server where it is a
    /// name (RFC 6066 3). `None`: the address connected to.
    pub name: Option<String>,
}

impl Link {
    /// A connection from here to there.
    #[must_use]
    pub const fn new(from: SocketAddr, to: SocketAddr, transport: ServerTransport) -> Self {
        Self { from, to, transport, name: None }
    }

    /// Sets [`name`](Self::name).
    #[must_use]
    pub fn name(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, transport, name: _ } = self;
        write!(f, "Link({transport} from {} to {})", address::Redacted(*from), address::Redacted(*to))
    }
}

/// Something that sends and receives whole datagrams: a bound UDP socket, or a [connection](Net::connect) to a server, which
/// knows one address only. Dropping the last reference closes it.
///
/// Several tasks may send; one task at a time reads. Errors that come from the path to one peer, such as an ICMP
/// message, are of no concern to the other peers of the socket, so [`poll_recv`](Self::poll_recv) never returns them.
///
/// Batches of datagrams will come as further methods with a default.
#[async_trait]
pub trait DatagramSocket: fmt::Debug + Send + Sync + 'static {
    /// The address the socket is bound to, with its port.
    ///
    /// # Errors
    /// The system does not tell, because the socket is no longer any good.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Takes the next datagram into `buffer`, from its start. A datagram longer than the buffer is cut or dropped;
    /// 65,535 bytes hold every one.
    ///
    /// Only the task that polled last is woken: let one task read at a time.
    ///
    /// # Errors
    /// The socket is no longer any good: close it. An error that passes is not returned, see [`trouble`](crate::trouble).
    fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Arrival>>;

    /// Sends one datagram if the system takes it at once.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): the send buffer is full; drop the datagram, as a network would, or
    /// wait for [`writable`](Self::writable). Anything else: this datagram was not sent;
    /// [`trouble`](crate::trouble) tells whether the socket is still good.
    fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()>;

    /// The same with a datagram that lies in several parts, one behind the other: what is put before the data of an
    /// application needs no copy of it. Default: copies them into one.
    ///
    /// # Errors
    /// As [`try_send_to`](Self::try_send_to).
    fn try_send_parts_to(&self, parts: &[IoSlice<'_>], to: SocketAddr) -> io::Result<()> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        self.try_send_to(&parts.concat(), to)
    }

    /// Waits until the socket may take a datagram again. A `try_send_to` after it may still find the buffer full: wait
    /// again then. Any number of tasks may wait.
    ///
    /// # Errors
    /// The socket is no longer any good.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    async fn writable(&self) -> io::Result<()>;
}

/// A datagram that [`DatagramSocket::poll_recv`] has put into the buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// How many bytes it has.
    pub len: usize,
    /// Where it came from. From a link-local IPv6 address with the scope it came in by.
    pub from: SocketAddr,
}

impl Arrival {
    /// A datagram of `len` bytes from this address.
    #[must_use]
    pub const fn new(len: usize, from: SocketAddr) -> Self {
        Self { len, from }
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrival({} bytes from {})", self.len, address::Redacted(self.from))
    }
}
