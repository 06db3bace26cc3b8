//! What waits to be polled.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use floe_core::BaseId;

use crate::{event::Event, reason::DropReason};

/// Datagrams that may wait to be polled before data is refused.
const MAX_DATA: usize = 256;
/// Datagrams that may wait to be polled at all; a caller who lets them lie loses the newest, as a network would.
const MAX_DATAGRAMS: usize = 1024;
/// Events that may wait to be polled.
const MAX_EVENTS: usize = 1024;
/// Of these, those that the network can make at will.
const MAX_HINTS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Each with the base that it leaves from.
    datagrams: VecDeque<(BaseId, Bytes)>,
    events: VecDeque<Event>,
    dropped: BTreeMap<DropReason, u64>,
}

impl Outbox {
    pub(crate) fn has_room_for_data(&self) -> bool {
        self.datagrams.len() < MAX_DATA
    }

    pub(crate) fn send(&mut self, base: BaseId, datagram: Bytes) {
        if self.datagrams.len() < MAX_DATAGRAMS {
            self.datagrams.push_back((base, datagram));
        }
    }

    /// Whatever was to leave leaves from this base.
    pub(crate) fn move_to(&mut self, base: BaseId) {
        for (from, _) in &mut self.datagrams {
            *from = base;
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    /// Whether another ICMP error or attempt to connect may be told.
    pub(crate) fn has_room_for_hints(&self) -> bool {
        self.events.len() < MAX_HINTS
    }

    pub(crate) fn count(&mut self, reason: DropReason) {
        let count = self.dropped.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn poll_datagram(&mut self) -> Option<(BaseId, Bytes)> {
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
