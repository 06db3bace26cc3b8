//! Connections to STUN and TURN servers (RFC 8489 6.2.2 and 6.2.3, RFC 7350).

#[cfg(feature = "dtls")]
mod dtls;
mod error;
mod layer;
mod outgoing;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(any(feature = "tls", feature = "dtls"))]
pub(super) mod trust;

use std::{io, sync::Arc, time::Duration};

use floe_core::{
    ServerTransport,
    address::{self, Redacted},
};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

pub use error::ConnectError;

use super::{SystemNet, udp};
use crate::{DatagramSocket, Link};
use layer::Layer;
use stream::StreamSocket;

/// How long a connection may take, from the first packet until the server has proved its name. TCP sends its first packet
/// again after 1, 3 and 7 s: a path that lost all four of them is none to rely on. Half a handshake ends by it, too.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn connect(net: &SystemNet, link: &Link) -> io::Result<Arc<dyn DatagramSocket>> {
    let outcome = match tokio::time::timeout(CONNECT_TIMEOUT, attempt(net, link)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConnectError::Timeout(CONNECT_TIMEOUT)),
    };
    outcome.map_err(|error| {
        let Link { to, transport, .. } = link;
        tracing::debug!(%error, %transport, to = %Redacted(*to), "no connection");
        error.into()
    })
}

async fn attempt(net: &SystemNet, link: &Link) -> Result<Arc<dyn DatagramSocket>, ConnectError> {
    match link.transport {
        // A port of its own, and no more (RFC 8656 7.4: where another one is taken).
        ServerTransport::Udp => {
            let socket = udp::SystemUdpSocket::bind(link.from, net).map_err(ConnectError::Network)?;
            socket.writable().await.map_err(ConnectError::Network)?;
            Ok(Arc::new(socket))
        }
        ServerTransport::Tcp => {
            let tcp = tcp(net, link).await.map_err(ConnectError::Network)?;
            let socket = StreamSocket::new(tcp, Layer::plain()).map_err(ConnectError::Network)?;
            Ok(Arc::new(socket))
        }
        #[cfg(feature = "tls")]
        ServerTransport::Tls => tls::connect(net, link).await,
        #[cfg(feature = "dtls")]
        ServerTransport::Dtls => dtls::connect(net, link).await,
        #[allow(unreachable_patterns, reason = "without the features")]
        transport => Err(ConnectError::Unsupported(transport)),
    }
}

/// A TCP connection from where the link says. Messages leave at once: each is one that somebody waits for.
async fn tcp(net: &SystemNet, link: &Link) -> io::Result<TcpStream> {
    let socket = if link.to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    udp::mark(&SockRef::from(&socket), link.from.ip(), net.dscp);
    socket.set_nodelay(true)?;
    socket.bind(link.from)?;
    socket.connect(address::scoped(link.to, link.from)).await
}
