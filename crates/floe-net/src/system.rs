//! The operating system's network, on tokio.

mod changes;
mod connect;
mod dns;
mod interfaces;
mod udp;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use floe_core::{
    Interface, Nat64Prefix,
    dns::{NaptrRecord, SrvRecord},
};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};

pub use connect::ConnectError;

use crate::{DatagramSocket, Dscp, Link, Net};

/// A name that has IPv4 addresses only: IPv6 ones come from a DNS64, and show the prefix that it uses (RFC 7050 2.2).
const WELL_KNOWN_NAME: &str = "ipv4only.arpa";

/// The network of the operating system. It needs a tokio runtime with the IO and time drivers
/// enabled.
///
/// Servers are [connected](Net::connect) to over TCP, and with the features `tls` and `dtls`, which are on by default, over
/// TLS and DTLS. A server proves its name to the system's trust, or to certificates that are [named](Self::trust) here.
/// A connection is given up when it is not there after 10 s. SRV and NAPTR records need the feature `dns`, on by default.
#[derive(Debug, Clone)]
pub struct SystemNet {
    receive_buffer: usize,
    send_buffer: usize,
    dscp: Dscp,
    watch: bool,
    #[cfg(any(feature = "tls", feature = "dtls"))]
    trust: connect::trust::Trust,
}

impl SystemNet {
    /// With receive and send buffers of 1 MiB per socket: some 80 ms of a stream of 100 Mbit/s.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            receive_buffer: 1 << 20,
            send_buffer: 1 << 20,
            dscp: Dscp::DEFAULT,
            watch: true,
            #[cfg(any(feature = "tls", feature = "dtls"))]
            trust: connect::trust::Trust::new(),
        }
    }

    /// How many bytes of datagrams the system may hold for a socket until they are read. The system may grant less:
    /// Linux caps it at `net.core.rmem_max`.
    #[must_use]
    pub const fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// How many bytes of datagrams the system may hold for a socket until they have left. The system may grant less:
    /// Linux caps it at `net.core.wmem_max`.
    #[must_use]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// How all datagrams are marked, so that checks and their answers are treated as the data is (RFC 8445 7.2.3). A system
    /// that refuses is only noted. On Windows the option has no effect, for there the choice is the administrators'; over
    /// IPv6 datagrams are marked on Linux, Android, macOS and the BSDs. Default: [`Dscp::DEFAULT`].
    #[must_use]
    pub const fn dscp(mut self, dscp: Dscp) -> Self {
        self.dscp = dscp;
        self
    }

    /// Whether [`interface_changes`](Net::interface_changes) tells anything. On Linux and Android each of its streams is a
    /// socket that the system wakes at every change; elsewhere, and where the system refuses the socket, it only says every
    /// 5 s that it is worth while to look. A server with thousands of agents, whose addresses stay, wants neither. Default:
    /// yes.
    #[must_use]
    pub const fn watch(mut self, watch: bool) -> Self {
        self.watch = watch;
        self
    }

    /// Believes these certificates, too, PEM-encoded: those of authorities, and those that a server shows itself and has
    /// made for itself. What the system trusts stays trusted, and the name has to be right in any case. Every call adds
    /// some.
    ///
    /// # Errors
    /// There is no certificate in it, or a broken one.
    #[cfg(any(feature = "tls", feature = "dtls"))]
    pub fn trust(mut self, pem: &[u8]) -> io::Result<Self> {
        self.trust.add(pem)?;
        Ok(self)
    }
}

impl Default for SystemNet {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Net for SystemNet {
    async fn interfaces(&self) -> io::Result<Vec<Interface>> {
        // The system calls behind it block, for milliseconds where there are many interfaces.
        tokio::task::spawn_blocking(interfaces::list).await?
    }

    fn interface_changes(&self) -> BoxStream<'static, ()> {
        if self.watch { changes::watch() } else { stream::pending().boxed() }
    }

    async fn nat64(&self) -> io::Result<Option<Nat64Prefix>> {
        let answers = tokio::net::lookup_host((WELL_KNOWN_NAME, 0)).await?;
        Ok(nat64_prefix(answers.map(|answer| answer.ip())))
    }

    async fn bind_udp(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        let socket = udp::SystemUdpSocket::bind(address, self)?;
        // Tokio takes a new socket for busy until the system has said otherwise: the first check would be lost.
        socket.writable().await?;
        Ok(Arc::new(socket))
    }

    async fn connect(&self, link: &Link) -> io::Result<Arc<dyn DatagramSocket>> {
        connect::connect(self, link).await
    }

    async fn lookup_addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        dns::addresses(name).await
    }

    async fn lookup_srv(&self, name: &str) -> io::Result<Vec<SrvRecord>> {
        dns::srv(name).await
    }

    async fn lookup_naptr(&self, name: &str) -> io::Result<Vec<NaptrRecord>> {
        dns::naptr(name).await
    }
}

/// The first of the answers to [`WELL_KNOWN_NAME`] that shows a prefix.
fn nat64_prefix(answers: impl IntoIterator<Item = IpAddr>) -> Option<Nat64Prefix> {
    answers.into_iter().find_map(|answer| match answer {
        IpAddr::V4(_) => None,
        IpAddr::V6(answer) => Nat64Prefix::from_answer(answer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8445-5.1.1.2-g
    #[test]
    fn a_dns64_shows_its_prefix_and_another_server_none() {
        let found = |answers: &[&str]| {
            nat64_prefix(answers.iter().map(|ip| ip.parse().unwrap())).map(|prefix| prefix.to_string())
        };
        assert_eq!(found(&["192.0.0.170", "192.0.0.171"]), None);
        assert_eq!(found(&["192.0.0.171", "64:ff9b::192.0.0.171"]).as_deref(), Some("64:ff9b::/96"));
        let two = ["2001:db8:64::192.0.0.170", "64:ff9b::192.0.0.170"];
        assert_eq!(found(&two).as_deref(), Some("2001:db8:64::/96"), "in the order of the answer");
        assert_eq!(found(&["2001:db8::bad"]), None, "a captive portal");
    }
}
