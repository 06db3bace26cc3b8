//! TURN (RFC 8656): its methods, error codes and attributes, on top of floe-stun.
//!
//! What is here is the vocabulary. The client is not there yet: no allocation is made, refreshed or used by this crate,
//! and no permission or channel. ChannelData lies in floe-stun ([`floe_stun::ChannelData`]), for it travels beside STUN.
//!
//! ```text
//!   floe_stun::MessageWriter ── method::ALLOCATE, RequestedTransport, Lifetime ──> request
//!   response ──> floe_stun::Message ── XorRelayedAddress, Lifetime, ReservationToken
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use floe_stun::{Class, Message, MessageWriter, TransactionId};
//! use floe_turn::{Lifetime, RequestedTransport, method};
//!
//! let mut buffer = [0; 548];
//! let length = MessageWriter::new(&mut buffer, Class::Request, method::ALLOCATE, TransactionId::new([1; 12]))?
//!     .attribute(&RequestedTransport::UDP)?
//!     .attribute(&Lifetime::from_seconds(600))?
//!     .finish();
//! let request = Message::parse(&buffer[..length])?;
//! assert_eq!(request.attribute::<Lifetime>()?.map(Lifetime::duration), Some(Duration::from_secs(600)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | RFC 8656 | here |
//! |---|---|
//! | 5 to 11 allocations, refreshes, permissions, Send and Data | no |
//! | 12 channels | no: floe-stun reads and writes ChannelData |
//! | 17 methods, 18 attributes, 19 error codes | yes |

mod attribute;
pub mod error;
pub mod method;

pub use attribute::{
    AdditionalAddressFamily, AddressErrorCode, AddressFamily, ChannelNumberAttribute, Data, DontFragment,
    EvenPort, Icmp, KNOWN, Lifetime, RequestedAddressFamily, RequestedTransport, ReservationToken,
    XorPeerAddress, XorRelayedAddress,
};
