//! What stands before relayed data, and behind it, for a caller who has the data in place (RFC 8656 11.1, 12.5).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use floe_core::{BaseId, address::Redacted};
use floe_stun::{
    CHANNEL_HEADER_LENGTH, ChannelData, ChannelNumber, Class, HEADER_LENGTH, MessageWriter, TransactionId,
    attribute::Attribute as _,
};

use crate::{Data, DontFragment, XorPeerAddress, method};

/// Bytes of an attribute's type and length.
const ATTRIBUTE_HEADER: usize = 4;
/// The longest: header, an IPv6 peer, DONT-FRAGMENT, and the beginning of DATA.
const MAX_HEADER: usize = HEADER_LENGTH + (ATTRIBUTE_HEADER + 20) + ATTRIBUTE_HEADER + ATTRIBUTE_HEADER;
/// What a path is taken to carry while nobody has measured it (RFC 8656 3.7).
const MTU: usize = 1280;
/// Bytes of a UDP header.
const UDP_HEADER: usize = 8;
/// The most bytes that UDP carries over IPv4.
const MAX_DATAGRAM: usize = 65_507;
/// The most that is put behind data.
const ZEROS: [u8; 3] = [0; 3];

/// How data gets to one peer: all that a sender has to know, and no more.
///
/// It is `Copy`, so that a route can hold it, and costs neither allocation nor copy of the data. Take it anew from
/// [`Client::prefix`](crate::Client::prefix) after every event of the client that is about the peer, or about its base;
/// give it up with the allocation, and when the peer lapses.
///
/// ```
/// # use floe_turn::Prefix;
/// # use floe_stun::TransactionId;
/// # use rand::{SeedableRng as _, rngs::ChaCha20Rng};
/// /// What goes to the server, for data that has room before it.
/// fn wrap(prefix: Prefix, rng: &mut ChaCha20Rng, data: &[u8]) -> Option<Vec<u8>> {
///     let header = prefix.header(data.len(), || TransactionId::random(rng))?;
///     Some([header.as_slice(), data, header.padding()].concat())
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    pub(crate) base: BaseId,
    pub(crate) server: SocketAddr,
    pub(crate) way: Way,
    /// Whether ChannelData has to end on a multiple of four bytes: on a stream.
    pub(crate) padded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Channel(ChannelNumber),
    Indication { peer: SocketAddr, dont_fragment: bool },
}

impl Prefix {
    /// What to send from.
    #[must_use]
    pub const fn base(&self) -> BaseId {
        self.base
    }

    /// Where to send it.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// The channel that it goes by; `None`: it goes by Send indication.
    #[must_use]
    pub const fn channel(&self) -> Option<ChannelNumber> {
        match self.way {
            Way::Channel(channel) => Some(channel),
            Way::Indication { .. } => None,
        }
    }

    /// What stands before so many bytes of data, and behind. `id` is asked for where it is a Send indication, and has to
    /// be random each time. `None` where so much fits into no datagram.
    #[must_use]
    pub fn header(&self, length: usize, id: impl FnOnce() -> TransactionId) -> Option<RelayHeader> {
        if length > self.max_length() {
            return None;
        }
        match self.way {
            Way::Channel(channel) => {
                let padding = if self.padded { ChannelData::padding(length) } else { 0 };
                Some(RelayHeader::new(&ChannelData::header(channel, length)?, padding))
            }
            Way::Indication { peer, dont_fragment } => indication(peer, dont_fragment, length, id()),
        }
    }

    /// The most data that fits into a datagram at all.
    #[must_use]
    pub const fn max_length(&self) -> usize {
        MAX_DATAGRAM - self.overhead()
    }

    /// How much data fits into the 1280 bytes that every path is taken to carry (RFC 8656 3.7).
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        let ip_header = match self.server.ip() {
            IpAddr::V4(_) => 20,
            IpAddr::V6(_) => 40,
        };
        MTU - ip_header - UDP_HEADER - self.overhead()
    }

    /// What relaying adds to the data, its padding aside.
    const fn overhead(&self) -> usize {
        match self.way {
            Way::Channel(_) => CHANNEL_HEADER_LENGTH,
            Way::Indication { peer, dont_fragment } => {
                let address = match peer {
                    SocketAddr::V4(_) => 8,
                    SocketAddr::V6(_) => 20,
                };
                let flag = if dont_fragment { ATTRIBUTE_HEADER } else { 0 };
                HEADER_LENGTH + ATTRIBUTE_HEADER + address + flag + ATTRIBUTE_HEADER
            }
        }
    }
}

impl fmt::Debug for Prefix {
    /// Hides most of the addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.way {
            Way::Channel(channel) => write!(f, "Prefix({}, {channel:?})", self.base),
            Way::Indication { peer, .. } => write!(f, "Prefix({}, to {})", self.base, Redacted(peer)),
        }
    }
}

/// The Send indication up to where the data begins.
fn indication(
    peer: SocketAddr,
    dont_fragment: bool,
    length: usize,
    id: TransactionId,
) -> Option<RelayHeader> {
    let mut bytes = [0; MAX_HEADER];
    let written = MessageWriter::new(&mut bytes, Class::Indication, method::SEND, id)
        .and_then(|writer| writer.attribute(&XorPeerAddress(peer)))
        .and_then(|writer| writer.optional(dont_fragment.then_some(DontFragment).as_ref()))
        .ok()?
        .finish();
    let end = written + ATTRIBUTE_HEADER;
    let padding = ChannelData::padding(length);
    let body = u16::try_from(end - HEADER_LENGTH + length + padding).ok()?;
    let [kind, value] = [Data::TYPE.get(), u16::try_from(length).ok()?].map(u16::to_be_bytes);
    bytes.get_mut(2..4)?.copy_from_slice(&body.to_be_bytes());
    bytes.get_mut(written..written + 2)?.copy_from_slice(&kind);
    bytes.get_mut(written + 2..end)?.copy_from_slice(&value);
    Some(RelayHeader::new(bytes.get(..end)?, padding))
}

/// The bytes before the data and behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayHeader {
    bytes: [u8; MAX_HEADER],
    length: usize,
    padding: usize,
}

impl RelayHeader {
    /// The most bytes that stand before data: leave so much room.
    pub const MAX_LENGTH: usize = MAX_HEADER;
    /// The most bytes that stand behind data.
    pub const MAX_PADDING: usize = ZEROS.len();

    fn new(header: &[u8], padding: usize) -> Self {
        let mut bytes = [0; MAX_HEADER];
        let length = header.len().min(MAX_HEADER);
        for (to, from) in bytes.iter_mut().zip(header) {
            *to = *from;
        }
        Self { bytes, length, padding }
    }

    /// What stands before the data.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// What stands behind it: nothing, or up to three zeros.
    #[must_use]
    pub fn padding(&self) -> &'static [u8] {
        ZEROS.get(..self.padding).unwrap_or_default()
    }
}
