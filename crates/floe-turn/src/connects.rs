//! The TCP connections to peers that are being made (RFC 6062 4.3, 4.4).

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{ConnectionId, event::ConnectError};

/// RFC 6062 4.3: how long a peer rests after it could not be reached.
const REST: Duration = Duration::from_secs(10);
/// RFC 6062 5.2, 5.3: how long the server keeps a connection that nobody binds.
const UNBOUND: Duration = Duration::from_secs(30);
/// Peers that are being connected to, or rest.
const MAX_PEERS: usize = 64;
/// Connections that wait to be bound.
const MAX_UNBOUND: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Asked for.
    UnderWay,
    /// Failed; not again before then.
    Resting(Instant),
}

/// What is being made, and what waits to be bound.
#[derive(Debug, Default)]
pub(crate) struct Connects {
    attempts: BTreeMap<SocketAddr, Attempt>,
    /// Until when each of them is there.
    unbound: BTreeMap<ConnectionId, Instant>,
}

impl Connects {
    /// A connection to this peer is wanted.
    pub(crate) fn want(&mut self, now: Instant, peer: SocketAddr) -> Result<(), ConnectError> {
        self.attempts.retain(|_, attempt| !matches!(attempt, Attempt::Resting(until) if *until <= now));
        match self.attempts.get(&peer) {
            Some(Attempt::UnderWay) => return Err(ConnectError::UnderWay),
            Some(Attempt::Resting(until)) => {
                return Err(ConnectError::TooSoon(until.saturating_duration_since(now)));
            }
            None if self.attempts.len() >= MAX_PEERS => return Err(ConnectError::TooMany),
            None => {}
        }
        self.attempts.insert(peer, Attempt::UnderWay);
        Ok(())
    }

    /// The server is connected to the peer.
    pub(crate) fn made(&mut self, now: Instant, peer: SocketAddr, connection: ConnectionId) {
        self.attempts.remove(&peer);
        // One that cannot be kept in mind the server closes.
        self.offer(now, connection);
    }

    /// It is not. The server may still be trying where it did not say so.
    pub(crate) fn failed(&mut self, now: Instant, peer: SocketAddr) {
        self.attempts.insert(peer, Attempt::Resting(now + REST));
    }

    /// A connection waits to be bound; whether there is room for it.
    pub(crate) fn offer(&mut self, now: Instant, connection: ConnectionId) -> bool {
        self.unbound.retain(|_, until| *until > now);
        let room = self.unbound.len() < MAX_UNBOUND;
        if room {
            self.unbound.insert(connection, now + UNBOUND);
        }
        room
    }

    /// It is being bound. Until when that has to be asked for.
    pub(crate) fn bind(&mut self, now: Instant, connection: ConnectionId) -> Result<Instant, ConnectError> {
        let until = self.unbound.remove(&connection).filter(|until| *until > now);
        until.ok_or(ConnectError::Unknown)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.attempts.len() + self.unbound.len()
    }
}
