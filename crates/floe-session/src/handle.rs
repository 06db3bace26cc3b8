//! What comes in: interfaces, sockets, datagrams, time.

use std::{net::SocketAddr, time::Instant};

use floe_check::Outcome;
use floe_core::{Interface, Received};
use floe_stun::{
    MAGIC_COOKIE,
    demux::{Kind, classify},
};

use crate::{Disposition, DropReason, IceState, Output, Reason, Session, SocketId};

impl Session {
    /// The interfaces of the host, and again whenever they change.
    pub fn handle_interfaces(&mut self, now: Instant, interfaces: &[Interface]) {
        if self.state == IceState::Closed {
            return;
        }
        self.gatherer.update_interfaces(now, interfaces);
        self.drive(now);
    }

    /// What came of [`Output::Bind`](crate::Output::Bind): the socket's address with its port, or what the system said.
    /// An answer that nobody waits for any more closes the socket again.
    pub fn handle_bound(&mut self, now: Instant, socket: SocketId, result: Result<SocketAddr, String>) {
        match self.sockets.answered(socket) {
            Some(job) => {
                let result = result.map(|address| (self.sockets.open(socket), address));
                self.gatherer.bound(now, job, result);
            }
            None if result.is_ok() && self.sockets.base(socket).is_none() => {
                self.outputs.push_back(Output::Close { socket });
            }
            None => {}
        }
        self.drive(now);
    }

    /// A socket was closed by the system.
    pub fn handle_socket_closed(&mut self, now: Instant, socket: SocketId, why: &str) {
        let Some(base) = self.sockets.base(socket) else { return };
        self.sockets.close(base);
        self.gatherer.forget(base);
        self.lost = Some(Reason::SocketLost(why.into()));
        self.check.close_base(now, base);
        self.drive(now);
    }

    /// A datagram that came in on a socket from an address. Data is the caller's: it holds the bytes already.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Disposition {
        let disposition = self.demultiplex(now, socket, from, datagram);
        if let Disposition::Dropped(why) = disposition {
            *self.dropped.entry(why).or_default() += 1;
        }
        disposition
    }

    fn demultiplex(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Disposition {
        if self.state == IceState::Closed {
            return Disposition::Dropped(DropReason::Closed);
        }
        let Some(base) = self.sockets.base(socket) else {
            return Disposition::Dropped(DropReason::UnknownSocket);
        };
        if is_stun(datagram) {
            let outcome = self.check.handle(now, Received { base, from, payload: datagram });
            self.drive(now);
            return match outcome {
                Outcome::Handled => Disposition::Consumed,
                Outcome::Dropped(why) => Disposition::Dropped(DropReason::Check(why)),
            };
        }
        match self.check.accepts(base, from) {
            Some((stream, component)) => Disposition::Data { stream, component },
            None => Disposition::Dropped(DropReason::Stranger),
        }
    }

    /// Time has come to [`poll_timeout`](Self::poll_timeout), or somewhere behind it.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == IceState::Closed {
            return;
        }
        self.gatherer.handle_timeout(now);
        self.check.handle_timeout(now);
        self.nominator.handle_timeout(now);
        if self.release_at.is_some_and(|at| at <= now) {
            self.release_at = None;
            self.release(now);
        }
        self.drive(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` where nothing is.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == IceState::Closed {
            return None;
        }
        let slot = self.pace.next_slot().filter(|_| self.check.has_next());
        [
            self.gatherer.poll_timeout(),
            self.check.poll_timeout(),
            self.nominator.poll_timeout(),
            self.release_at,
            slot,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// Whether this is STUN and not data that merely begins alike: the magic cookie decides (RFC 7983 7, RFC 8489 5).
fn is_stun(datagram: &[u8]) -> bool {
    classify(datagram) == Kind::Stun && datagram.get(4..8) == Some(MAGIC_COOKIE.to_be_bytes().as_slice())
}
