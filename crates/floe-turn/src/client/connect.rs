//! TCP connections to peers (RFC 6062 4.3, 4.4).

use std::{net::SocketAddr, time::Instant};

use floe_stun::Message;
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use super::{Client, canonical};
use crate::{
    ConnectionId, DataConnection, XorPeerAddress,
    config::RelayTransport,
    event::{ConnectError, Event, Handled, PeerError},
    reason::{DropReason, RequestError, lacks_understanding},
    request::{Ask, Request},
};

impl Client {
    /// Asks for a TCP connection from the relayed address to this peer. [`Event::Connected`] or
    /// [`Event::ConnectFailed`] follows. For what the peer opens towards the relayed address [`permit`](Self::permit) it.
    ///
    /// # Errors
    /// There can be no such connection, or not yet.
    pub fn connect(&mut self, now: Instant, peer: SocketAddr) -> Result<(), ConnectError> {
        let peer = canonical(peer);
        if self.config.relay == RelayTransport::Udp {
            return Err(ConnectError::UdpRelay);
        }
        self.check_peer(peer).map_err(|error| match error {
            PeerError::NotAllocated => ConnectError::NotAllocated,
            _ => ConnectError::UnreachablePeer,
        })?;
        self.connects.want(now, peer)?;
        self.queue.push(Request::patient(Ask::Connect(peer)));
        self.settle(now);
        Ok(())
    }

    /// What makes another TCP or TLS connection to the server that to the peer, once it is open: with the same
    /// credentials (RFC 6062 4.3). Each connection can be bound once.
    ///
    /// # Errors
    /// No such connection waits to be bound.
    pub fn data_connection(
        &mut self,
        now: Instant,
        connection: ConnectionId,
    ) -> Result<DataConnection, ConnectError> {
        let until = self.connects.bind(now, connection)?;
        let rng = ChaCha20Rng::from_rng(&mut self.rng);
        let credential = self.auth.credential().cloned();
        // It is no longer than the request that allocated.
        DataConnection::new(self.config.clone(), rng, credential, connection, until)
            .map_err(|_| ConnectError::Unknown)
    }

    pub(super) fn connected(&mut self, now: Instant, peer: SocketAddr, response: &Message<'_>) {
        let Ok(Some(connection)) = response.attribute::<ConnectionId>() else {
            return self.connect_failed(now, peer, RequestError::Malformed);
        };
        self.connects.made(now, peer, connection);
        self.out.tell(Event::Connected { peer, connection });
    }

    pub(super) fn connect_failed(&mut self, now: Instant, peer: SocketAddr, why: RequestError) {
        self.connects.failed(now, peer);
        self.out.tell(Event::ConnectFailed { peer, why });
    }

    pub(super) fn handle_attempt(&mut self, now: Instant, message: &Message<'_>) -> Handled<'static> {
        if lacks_understanding(message) {
            return Handled::Dropped(DropReason::UnknownAttribute);
        }
        if self.config.relay == RelayTransport::Udp {
            return Handled::Dropped(DropReason::Unexpected);
        }
        let (Ok(Some(XorPeerAddress(peer))), Ok(Some(connection))) =
            (message.attribute(), message.attribute::<ConnectionId>())
        else {
            return Handled::Dropped(DropReason::Incomplete);
        };
        if !self.permissions.lets_in(peer.ip()) {
            return Handled::Dropped(DropReason::NoPermission);
        }
        if !self.out.has_room_for_hints() || !self.connects.offer(now, connection) {
            return Handled::Dropped(DropReason::TooManyConnections);
        }
        self.out.tell(Event::ConnectionAttempt { peer, connection });
        Handled::Consumed
    }
}
