//! The sockets of an agent, and reading from all of them in one task.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use floe_net::DatagramSocket;
use floe_session::SocketId;

/// The longest datagram that UDP carries.
const MAX_DATAGRAM: usize = 65_535;

/// The open sockets, and one buffer for whichever of them has something.
pub(super) struct Sockets {
    open: BTreeMap<SocketId, Arc<dyn DatagramSocket>>,
    buffer: Box<[u8]>,
    /// Where the last datagram came from: reading goes on behind it, so that a flood on one socket does not keep the
    /// others from being read.
    last: Option<SocketId>,
}

/// What a socket had to say.
pub(super) enum Heard {
    /// A datagram of this length is in the buffer.
    Datagram { socket: SocketId, from: SocketAddr, length: usize },
    /// The socket is no longer any good. It is closed already.
    Broken { socket: SocketId, error: io::Error },
}

impl Sockets {
    pub(super) fn new() -> Self {
        Self { open: BTreeMap::new(), buffer: vec![0; MAX_DATAGRAM].into(), last: None }
    }

    pub(super) fn insert(&mut self, id: SocketId, socket: Arc<dyn DatagramSocket>) {
        self.open.insert(id, socket);
    }

    pub(super) fn close(&mut self, id: SocketId) {
        self.open.remove(&id);
    }

    pub(super) fn get(&self, id: SocketId) -> Option<&Arc<dyn DatagramSocket>> {
        self.open.get(&id)
    }

    /// The datagram that [`Heard::Datagram`] announced.
    pub(super) fn datagram(&self, length: usize) -> &[u8] {
        self.buffer.get(..length).unwrap_or_default()
    }

    /// The next datagram of any socket. Cancel safe: a datagram is taken only when it is returned.
    pub(super) async fn hear(&mut self) -> Heard {
        std::future::poll_fn(|cx| self.poll_hear(cx)).await
    }

    /// The next datagram, if one is there already.
    ///
    /// It takes the waker away: [`hear`](Self::hear) has to be awaited before anything else is.
    pub(super) fn hear_now(&mut self) -> Option<Heard> {
        match self.poll_hear(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(heard) => Some(heard),
            Poll::Pending => None,
        }
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        let last = self.last;
        let behind = self.open.iter().filter(|(id, _)| Some(**id) > last);
        let before = self.open.iter().filter(|(id, _)| Some(**id) <= last);
        for (&socket, open) in behind.chain(before) {
            let Poll::Ready(heard) = open.poll_recv(cx, &mut self.buffer) else { continue };
            self.last = Some(socket);
            return Poll::Ready(match heard {
                Ok(arrival) => Heard::Datagram { socket, from: arrival.from, length: arrival.len },
                Err(error) => {
                    self.open.remove(&socket);
                    Heard::Broken { socket, error }
                }
            });
        }
        Poll::Pending
    }
}
