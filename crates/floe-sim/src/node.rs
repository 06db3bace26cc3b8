//! What runs on a host.

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;

use crate::BindError;

/// What a node wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a datagram.
    Send {
        /// From this socket. Nothing keeps a node from naming a socket of another host: so attackers can be played.
        from: SocketAddr,
        /// To this address.
        to: SocketAddr,
        /// These bytes.
        payload: Bytes,
    },
    /// Bind a socket; [`Node::handle_bound`] tells what came of it.
    Bind {
        /// What the node calls it.
        tag: u64,
        /// The address; port 0 stands for any free one.
        address: SocketAddr,
    },
    /// Close a socket. What is on its way to it finds nobody.
    Close(SocketAddr),
}

/// A program without sockets and clock, as it runs on a host.
///
/// After each call it is polled for actions until there are none, and then asked for its next deadline.
pub trait Node {
    /// A datagram came in on a socket of the host.
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]);

    /// What it wants done; `None` when there is nothing more.
    fn poll_action(&mut self) -> Option<Action>;

    /// What came of [`Action::Bind`].
    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        let _ = (now, tag, result);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None`: not at all.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The time has come.
    fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }
}
