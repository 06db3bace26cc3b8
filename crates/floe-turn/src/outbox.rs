//! What waits to be polled, and what waits for a permission.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;

use crate::{event::Event, reason::DropReason};

/// Datagrams that may wait to be polled before data is refused.
const MAX_DATA: usize = 256;
/// Datagrams that may wait to be polled at all; a caller who lets them lie loses the newest, as a network would.
const MAX_DATAGRAMS: usize = 1024;
/// Events that may wait to be polled.
const MAX_EVENTS: usize = 1024;
/// Of these, those that the network can make at will.
const MAX_ICMP: usize = 64;
/// Datagrams that wait for permissions.
const MAX_HELD: usize = 64;
/// The most bytes of one of them: an ICE check is shorter than any MTU.
const MAX_HELD_BYTES: usize = 1500;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    datagrams: VecDeque<Bytes>,
    events: VecDeque<Event>,
    dropped: BTreeMap<DropReason, u64>,
}

impl Outbox {
    pub(crate) fn has_room_for_data(&self) -> bool {
        self.datagrams.len() < MAX_DATA
    }

    pub(crate) fn send(&mut self, datagram: Bytes) {
        if self.datagrams.len() < MAX_DATAGRAMS {
            self.datagrams.push_back(datagram);
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    /// Whether another ICMP error may be told.
    pub(crate) fn has_room_for_icmp(&self) -> bool {
        self.events.len() < MAX_ICMP
    }

    pub(crate) fn count(&mut self, reason: DropReason) {
        let count = self.dropped.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn poll_datagram(&mut self) -> Option<Bytes> {
        self.datagrams.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) const fn dropped(&self) -> &BTreeMap<DropReason, u64> {
        &self.dropped
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.datagrams.len() + self.events.len()
    }

    /// What is not sent yet and never will be.
    pub(crate) fn drop_datagrams(&mut self) {
        self.datagrams.clear();
    }
}

/// Datagrams, ready to be sent, whose peers have no permission yet.
#[derive(Debug, Default)]
pub(crate) struct Held {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    /// Those whose peers have it by now, and that wait for their slots.
    free: VecDeque<Bytes>,
    dropped: u64,
}

impl Held {
    /// Whether another one to this peer may be held.
    pub(crate) fn has_room(&self, peer: SocketAddr, length: usize, max: usize) -> bool {
        let of_peer = self.datagrams.iter().filter(|(to, _)| *to == peer).count();
        length <= MAX_HELD_BYTES && of_peer < max && self.len() < MAX_HELD
    }

    pub(crate) fn hold(&mut self, peer: SocketAddr, datagram: Bytes) {
        self.datagrams.push_back((peer, datagram));
    }

    /// Those to this address may go, one in each slot: what waited together was not paced.
    pub(crate) fn free(&mut self, ip: IpAddr) {
        let free = self.release(ip);
        self.free.extend(free);
    }

    pub(crate) fn pop_free(&mut self) -> Option<Bytes> {
        self.free.pop_front()
    }

    pub(crate) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Those to this address, in their order.
    fn release(&mut self, ip: IpAddr) -> Vec<Bytes> {
        let all = std::mem::take(&mut self.datagrams);
        let (free, rest): (VecDeque<_>, VecDeque<_>) = all.into_iter().partition(|(to, _)| to.ip() == ip);
        self.datagrams = rest;
        free.into_iter().map(|(_, datagram)| datagram).collect()
    }

    /// Gives those to this address up.
    pub(crate) fn give_up(&mut self, ip: IpAddr) {
        let lost = self.release(ip).len();
        self.count_dropped(lost);
    }

    pub(crate) fn clear(&mut self) {
        self.count_dropped(self.len());
        self.datagrams.clear();
        self.free.clear();
    }

    pub(crate) fn count_dropped(&mut self, lost: usize) {
        self.dropped = self.dropped.saturating_add(u64::try_from(lost).unwrap_or(u64::MAX));
    }

    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn len(&self) -> usize {
        self.datagrams.len() + self.free.len()
    }
}
