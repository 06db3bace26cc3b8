//! The operating system's network, on tokio.

mod changes;
mod interfaces;
mod udp;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use floe_core::{Interface, Nat64Prefix};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};

use crate::{DatagramSocket, Dscp, Net};

/// A name that has IPv4 addresses only: IPv6 ones come from a DNS64, and show the prefix that it uses (RFC 7050 2.2).
const WELL_KNOWN_NAME: &str = "ipv4only.arpa";

/// The network of the operating system. It needs a tokio runtime with the IO and time drivers
/// enabled.
#[derive(Debug, Clone)]
pub struct SystemNet {
    receive_buffer: usize,
    send_buffer: usize,
    dscp: Dscp,
    watch: bool,
}

impl SystemNet {
    /// With receive and send buffers of 1 MiB per socket: some 80 ms of a stream of 100 Mbit/s.
    #[must_use]
    pub const fn new() -> Self {
        Self { receive_buffer: 1 << 20, send_buffer: 1 << 20, dscp: Dscp::DEFAULT, watch: true }
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
