//! Data to peers (RFC 8656 11.1, 12.5).

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;
use floe_stun::{ChannelNumber, TransactionId};

use super::{Client, canonical};
use crate::{
    config::RelayTransport,
    event::{Event, SendError, Sent},
    held::{MAX_HELD_BYTES, What},
    permissions::Standing,
    prefix::{Prefix, Way},
};

impl Client {
    /// Sends data to a peer: by its channel if it has one, by a Send indication otherwise. It leaves through
    /// [`poll_transmit`](Self::poll_transmit); the payload is copied once.
    ///
    /// A peer without permission gets one, as by [`permit`](Self::permit). Until it is there a few datagrams to each
    /// peer are held, so that an ICE check waits for the permission and not for its own repetition; after it they leave
    /// through [`start_next`](Self::start_next), one in a slot. A repetition of a check that is held takes its place, and so
    /// does another request to the same address, which cancels that check (RFC 8445 7.3.1.4). A new request is to be sent in
    /// a slot of its own: where the permission is there it leaves at once, and what it cancels does not leave any more.
    ///
    /// # Errors
    /// Nothing was sent, and nothing is held.
    pub fn send(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Result<Sent, SendError> {
        let peer = canonical(peer);
        if self.config.relay == RelayTransport::Tcp {
            return Err(SendError::TcpRelay);
        }
        self.check_peer(peer)?;
        let indication = Way::Indication { peer, dont_fragment: self.config.dont_fragment };
        if payload.len() > self.prefix_by(indication).max_length() {
            return Err(SendError::TooLong);
        }
        match self.permissions.standing(peer.ip()) {
            Standing::Permitted if self.held.is_empty() => self.relay_data(now, peer, payload),
            Standing::Permitted => self.relay_past_held(now, peer, payload),
            Standing::Asked => self.hold(peer, payload),
            Standing::Unknown => {
                self.want_permission(peer.ip())?;
                self.settle(now);
                self.hold(peer, payload)
            }
            Standing::Refused => Err(SendError::NotPermitted),
        }
    }

    /// The channel that data to the peer may go by.
    #[must_use]
    pub fn channel(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        let peer = canonical(peer);
        let permitted = self.permissions.standing(peer.ip()) == Standing::Permitted;
        self.channels.bound(peer).filter(|_| permitted)
    }

    /// What a sender has to know to send to the peer by himself, past this client: by its channel if it has one, by Send
    /// indication otherwise. `None` while the peer has no permission; then [`send`](Self::send).
    #[must_use]
    pub fn prefix(&self, peer: SocketAddr) -> Option<Prefix> {
        let peer = canonical(peer);
        if self.check_peer(peer).is_err() || self.config.relay == RelayTransport::Tcp {
            return None;
        }
        let permitted = self.permissions.standing(peer.ip()) == Standing::Permitted;
        permitted.then(|| self.prefix_by(self.way(peer)))
    }

    /// How much data to this peer fits into the 1280 bytes that every path is taken to carry (RFC 8656 3.7).
    #[must_use]
    pub fn max_payload(&self, peer: SocketAddr) -> usize {
        self.prefix_by(self.way(canonical(peer))).max_payload()
    }

    /// Whether the server sets the DF bit on what goes by Send indication, as far as it said: asked for, and not refused.
    #[must_use]
    pub const fn sets_dont_fragment(&self) -> bool {
        self.config.dont_fragment
    }

    fn way(&self, peer: SocketAddr) -> Way {
        let indication = Way::Indication { peer, dont_fragment: self.config.dont_fragment };
        self.channel(peer).map_or(indication, Way::Channel)
    }

    fn relay_data(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Result<Sent, SendError> {
        if !self.out.has_room_for_data() {
            return Err(SendError::Full);
        }
        let prefix = self.prefix_by(self.way(peer));
        let datagram = self.wrap(prefix, payload).ok_or(SendError::TooLong)?;
        self.put(now, datagram);
        Ok(Sent::Relayed)
    }

    fn hold(&mut self, peer: SocketAddr, payload: &[u8]) -> Result<Sent, SendError> {
        let what = What::of(payload);
        let has_place = self.held.has_place(peer, what);
        let has_room = has_place || self.held.has_room(peer, self.config.max_held);
        if payload.len() > MAX_HELD_BYTES || !has_room {
            self.held.count_dropped(1);
            return Err(SendError::Waiting);
        }
        let datagram = self.send_indication(peer, payload).ok_or(SendError::TooLong)?;
        if has_place {
            self.held.replace(peer, what, datagram);
        } else {
            self.held.hold(peer, what, datagram);
        }
        Ok(Sent::Held)
    }

    /// Sends where something waits for its slot. The repetition of that would overtake it, and go in no slot. A request that
    /// cancels it is the one that departs.
    fn relay_past_held(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Result<Sent, SendError> {
        let what = if payload.len() > MAX_HELD_BYTES { What::Data } else { What::of(payload) };
        if self.held.has(peer, what) {
            return self.hold(peer, payload);
        }
        let sent = self.relay_data(now, peer, payload)?;
        if let What::Request(transaction) = what
            && self.held.give_up_replaced(peer, what)
        {
            self.out.tell(Event::Departed { peer, transaction });
        }
        Ok(sent)
    }

    /// `None` where it does not fit into a message.
    fn send_indication(&mut self, peer: SocketAddr, payload: &[u8]) -> Option<Bytes> {
        let prefix = self.prefix_by(Way::Indication { peer, dont_fragment: self.config.dont_fragment });
        self.wrap(prefix, payload)
    }

    fn wrap(&mut self, prefix: Prefix, payload: &[u8]) -> Option<Bytes> {
        let header = prefix.header(payload.len(), || TransactionId::random(&mut self.rng))?;
        let parts = [header.as_slice(), payload, header.padding()];
        let mut datagram = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            datagram.extend_from_slice(part);
        }
        Some(datagram.into())
    }

    const fn prefix_by(&self, way: Way) -> Prefix {
        let padded = self.config.transport.is_reliable();
        Prefix { base: self.config.base, server: self.config.server, way, padded }
    }
}
