//! Data to peers (RFC 8656 11.1, 12.5).

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use bytes::Bytes;
use floe_stun::{
    CHANNEL_HEADER_LENGTH, ChannelData, ChannelNumber, Class, HEADER_LENGTH, Message, MessageWriter,
    TransactionId,
};

use super::{Client, canonical};
use crate::{
    Data, XorPeerAddress,
    event::{SendError, Sent},
    held::MAX_HELD_BYTES,
    method,
    permissions::Standing,
};

/// What a path is taken to carry while nobody has measured it (RFC 8656 3.7).
const MTU: usize = 1280;
/// Bytes of a UDP header.
const UDP_HEADER: usize = 8;
/// The most bytes that UDP carries over IPv4.
const MAX_DATAGRAM: usize = 65_507;

impl Client {
    /// Sends data to a peer: by its channel if it has one, by a Send indication otherwise. It leaves through
    /// [`poll_transmit`](Self::poll_transmit); the payload is copied once.
    ///
    /// A peer without permission gets one, as by [`permit`](Self::permit). Until it is there a few datagrams to each
    /// peer are held, so that an ICE check waits for the permission and not for its own repetition; after it they leave
    /// through [`start_next`](Self::start_next), one in a slot. A repetition of a check that is held takes its place.
    ///
    /// # Errors
    /// Nothing was sent, and nothing is held.
    pub fn send(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Result<Sent, SendError> {
        let peer = canonical(peer);
        self.check_peer(peer)?;
        if payload.len() > MAX_DATAGRAM - overhead(peer, false) {
            return Err(SendError::TooLong);
        }
        match self.permissions.standing(peer.ip()) {
            Standing::Permitted if self.held_transaction(peer, payload).is_none() => {
                self.relay_data(now, peer, payload)
            }
            Standing::Permitted | Standing::Asked => self.hold(peer, payload),
            Standing::Unknown => {
                self.want_permission(peer.ip())?;
                self.settle(now);
                self.hold(peer, payload)
            }
            Standing::Refused => Err(SendError::NotPermitted),
        }
    }

    /// The four bytes that make so many bytes of data a datagram to the server, for a buffer with room before the data:
    /// nothing is copied or allocated. `None` while the peer has no channel; then [`send`](Self::send).
    #[must_use]
    pub fn channel_header(&self, peer: SocketAddr, length: usize) -> Option<[u8; CHANNEL_HEADER_LENGTH]> {
        ChannelData::header(self.channel(peer)?, length)
    }

    /// The channel that data to the peer may go by.
    #[must_use]
    pub fn channel(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        let peer = canonical(peer);
        let permitted = self.permissions.standing(peer.ip()) == Standing::Permitted;
        self.channels.bound(peer).filter(|_| permitted)
    }

    /// How much data to this peer fits into the 1280 bytes that every path is taken to carry (RFC 8656 3.7).
    #[must_use]
    pub fn max_payload(&self, peer: SocketAddr) -> usize {
        let peer = canonical(peer);
        let ip_header = match self.config.server.ip() {
            IpAddr::V4(_) => 20,
            IpAddr::V6(_) => 40,
        };
        MTU - ip_header - UDP_HEADER - overhead(peer, self.channel(peer).is_some())
    }

    fn relay_data(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) -> Result<Sent, SendError> {
        if !self.out.has_room_for_data() {
            return Err(SendError::Full);
        }
        let datagram = match self.channel(peer) {
            Some(channel) => channel_data(channel, payload),
            None => self.send_indication(peer, payload),
        };
        self.put(now, datagram.ok_or(SendError::TooLong)?);
        Ok(Sent::Relayed)
    }

    /// A repetition of what is held takes its place.
    fn hold(&mut self, peer: SocketAddr, payload: &[u8]) -> Result<Sent, SendError> {
        if let Some(transaction) = self.held_transaction(peer, payload) {
            let datagram = self.send_indication(peer, payload).ok_or(SendError::TooLong)?;
            self.held.replace(peer, transaction, datagram);
            return Ok(Sent::Held);
        }
        if !self.held.has_room(peer, payload.len(), self.config.max_held) {
            self.held.count_dropped(1);
            return Err(SendError::Waiting);
        }
        let datagram = self.send_indication(peer, payload).ok_or(SendError::TooLong)?;
        self.held.hold(peer, transaction_of(payload), datagram);
        Ok(Sent::Held)
    }

    /// The transaction of a STUN message that repeats one that is held. Sent at once, it would overtake the first, and go
    /// in no slot.
    fn held_transaction(&self, peer: SocketAddr, payload: &[u8]) -> Option<TransactionId> {
        if self.held.is_empty() || payload.len() > MAX_HELD_BYTES {
            return None;
        }
        transaction_of(payload).filter(|&transaction| self.held.has(peer, transaction))
    }

    /// `None` where it does not fit into a message.
    fn send_indication(&mut self, peer: SocketAddr, payload: &[u8]) -> Option<Bytes> {
        let id = TransactionId::random(&mut self.rng);
        let mut buffer = vec![0; overhead(peer, false) + payload.len().next_multiple_of(4)];
        let length = MessageWriter::new(&mut buffer, Class::Indication, method::SEND, id)
            .and_then(|writer| writer.attribute(&XorPeerAddress(peer))?.attribute(&Data(payload)))
            .ok()?
            .finish();
        buffer.truncate(length);
        Some(buffer.into())
    }
}

fn transaction_of(payload: &[u8]) -> Option<TransactionId> {
    Message::parse(payload).ok().map(|message| message.transaction_id())
}

fn channel_data(channel: ChannelNumber, data: &[u8]) -> Option<Bytes> {
    let header = ChannelData::header(channel, data.len())?;
    let mut datagram = Vec::with_capacity(header.len() + data.len());
    datagram.extend_from_slice(&header);
    datagram.extend_from_slice(data);
    Some(datagram.into())
}

/// What relaying adds to the data, its padding aside.
const fn overhead(peer: SocketAddr, by_channel: bool) -> usize {
    let address = match peer {
        SocketAddr::V4(_) => 4 + 8,
        SocketAddr::V6(_) => 4 + 20,
    };
    if by_channel { CHANNEL_HEADER_LENGTH } else { HEADER_LENGTH + address + 4 }
}
