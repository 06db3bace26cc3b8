//! What waits for a permission, and then for its slot.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use floe_stun::{Class, Message, TransactionId};

use crate::AddressFamily;

/// Datagrams that may wait.
const MAX_HELD: usize = 64;
/// The most bytes of one of them: an ICE check is shorter than any MTU.
pub(crate) const MAX_HELD_BYTES: usize = 1500;

/// What a datagram is, as far as others may take its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A STUN request: a check.
    Request(TransactionId),
    /// Another STUN message.
    Message(TransactionId),
    /// Anything else.
    Data,
}

/// Datagrams to peers, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Held {
    waiting: VecDeque<Waiting>,
    dropped: u64,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) peer: SocketAddr,
    pub(crate) what: What,
    /// Ready to be sent.
    pub(crate) datagram: Bytes,
    /// Whether the permission is there: what waited together for it was not paced, so it waits for a slot.
    free: bool,
}

impl Held {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether another one to this peer may be held.
    pub(crate) fn has_room(&self, peer: SocketAddr, max: usize) -> bool {
        let of_peer = self.waiting.iter().filter(|waiting| waiting.peer == peer).count();
        of_peer < max && self.len() < MAX_HELD
    }

    pub(crate) fn hold(&mut self, peer: SocketAddr, what: What, datagram: Bytes) {
        self.waiting.push_back(Waiting { peer, what, datagram, free: false });
    }

    /// Whether the very message waits for this peer.
    pub(crate) fn has(&self, peer: SocketAddr, what: What) -> bool {
        what != What::Data && self.waiting.iter().any(|waiting| waiting.peer == peer && waiting.what == what)
    }

    /// Whether something waits for this peer whose place this takes: see [`What::replaces`].
    pub(crate) fn has_place(&self, peer: SocketAddr, what: What) -> bool {
        self.waiting.iter().any(|waiting| waiting.peer == peer && what.replaces(waiting.what))
    }

    /// Takes the place of what waits for the same peer, where there [is one](Self::has_place).
    pub(crate) fn replace(&mut self, peer: SocketAddr, what: What, datagram: Bytes) {
        let mut waiting = self.waiting.iter_mut();
        if let Some(waiting) = waiting.find(|waiting| waiting.peer == peer && what.replaces(waiting.what)) {
            (waiting.what, waiting.datagram) = (what, datagram);
        }
    }

    /// What this would take the place of leaves no more. Whether there was any.
    pub(crate) fn give_up_replaced(&mut self, peer: SocketAddr, what: What) -> bool {
        let before = self.len();
        self.waiting.retain(|waiting| waiting.peer != peer || !what.replaces(waiting.what));
        self.len() < before
    }

    /// Those to this address may go, one in each slot.
    pub(crate) fn free(&mut self, ip: IpAddr) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.peer.ip() == ip) {
            waiting.free = true;
        }
    }

    /// The next of them.
    pub(crate) fn pop_free(&mut self) -> Option<Waiting> {
        let first = self.waiting.iter().position(|waiting| waiting.free)?;
        self.waiting.remove(first)
    }

    pub(crate) fn has_free(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.free)
    }

    /// Gives those to this address up.
    pub(crate) fn give_up(&mut self, ip: IpAddr) {
        let before = self.len();
        self.waiting.retain(|waiting| waiting.free || waiting.peer.ip() != ip);
        self.count_dropped(before - self.len());
    }

    /// Gives those up that go to this family.
    pub(crate) fn give_up_family(&mut self, family: AddressFamily) {
        let before = self.len();
        self.waiting.retain(|waiting| AddressFamily::of(waiting.peer.ip()) != family);
        self.count_dropped(before - self.len());
    }

    pub(crate) fn clear(&mut self) {
        self.count_dropped(self.len());
        self.waiting.clear();
    }

    pub(crate) fn count_dropped(&mut self, lost: usize) {
        self.dropped = self.dropped.saturating_add(u64::try_from(lost).unwrap_or(u64::MAX));
    }

    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl What {
    pub(crate) fn of(payload: &[u8]) -> Self {
        match Message::parse(payload) {
            Ok(message) if message.class() == Class::Request => Self::Request(message.transaction_id()),
            Ok(message) => Self::Message(message.transaction_id()),
            Err(_) => Self::Data,
        }
    }

    /// Whether it makes the earlier one to the same address needless: it repeats it, or both are requests. An agent has one
    /// check under way on a path that it has no permission for, and a later one cancels the one before (RFC 8445 7.3.1.4).
    fn replaces(self, earlier: Self) -> bool {
        match (self, earlier) {
            (Self::Request(_), Self::Request(_)) => true,
            (Self::Message(new), Self::Message(old)) => new == old,
            _ => false,
        }
    }
}
