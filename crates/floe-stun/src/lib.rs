//! STUN (RFC 8489): the messages that ICE checks and NAT discovery are made of.
//!
//! A borrowed [`Message`] view, a [`MessageWriter`] into the caller's buffer, message integrity with its key schedule
//! computed once per credential ([`Key`]), the [`rules`] for short-term credentials, and the one table of open
//! [`Transactions`]. Reading, verifying and writing never allocate. What travels beside STUN is here, too: telling the
//! protocols apart ([`demux`]), [`ChannelData`], the [`stream`] to a server, and the [`framing`] of ICE over TCP.
//!
//! It is sans-IO: no clock, no socket, no randomness of its own. It is not a STUN client or server, and does not do
//! server lookup (RFC 8489 8) or the compatibility with RFC 3489 (11).
//!
//! ```text
//!   datagram ──> demux::classify ──> Message::parse ──> verify_fingerprint ──┬─ request ──> rules::check_request
//!                                                                            └─ response ─> rules::check_response
//!   MessageWriter ──> datagram ──> Transactions::start .. poll (resend) .. complete (answered)
//! ```
//!
//! A Binding request, checked and answered:
//!
//! ```
//! use floe_stun::{Class, Key, Message, MessageWriter, Method, TransactionId, rules};
//! use floe_stun::attribute::{AttributeType, Username, XorMappedAddress};
//!
//! let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
//! let id = TransactionId::new([7; 12]); // from a CSPRNG: TransactionId::random
//! let mut request = [0; 548];
//! let length = MessageWriter::new(&mut request, Class::Request, Method::BINDING, id)?
//!     .attribute(&Username::new("evtj:h6vY"))?
//!     .integrity(&key)?
//!     .fingerprint()?
//!     .finish();
//!
//! let request = Message::parse(&request[..length])?;
//! request.verify_fingerprint()?;
//! let known = |name: &str| name.starts_with("evtj:").then_some(&key);
//! let integrity = rules::check_request(&request, AttributeType::ICE, known)?;
//!
//! let source = "192.0.2.1:32853".parse()?;
//! let mut response = [0; 548];
//! let length = rules::write_success(&mut response, &request, source, Some((integrity, &key)))?;
//!
//! let response = Message::parse(&response[..length])?;
//! response.verify_integrity(&key)?;
//! assert_eq!(response.attribute()?, Some(XorMappedAddress(source)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | RFC 8489 | here |
//! |---|---|
//! | 5 message structure | yes: [`Message`], [`MessageWriter`] |
//! | 6.2.1, 6.2.2 sending over UDP and TCP | yes: [`Transactions`], [`RetransmitPolicy`], [`RtoCache`], [`stream::StreamDecoder`] |
//! | 6.3 receiving | yes: [`rules`] |
//! | 7 FINGERPRINT | yes |
//! | 8 server lookup | no |
//! | 9.1 short-term credentials | yes: [`rules`]; [`credentials::prepare`] is the caller's to call, for ICE's passwords need none |
//! | 9.2 long-term credentials | the client's part: [`long_term`], which prepares name and password ([`credentials`]) |
//! | 10 ALTERNATE-SERVER | yes: [`redirect`] |
//! | 11 RFC 3489 | no: not planned |
//! | 14 attributes | yes |
//!
//! Of others: RFC 7983 and 9443 (first bytes), RFC 4571 (framing), RFC 8656 12.4 to 12.6 (ChannelData, on datagrams and on
//! streams), RFC 8445 16.1 (the attributes of ICE), RFC 5780 7 (those of NAT behaviour discovery), RFC 7982 (numbered
//! sends), RFC 7635 (access tokens: what a client does with them, not how it gets them), and RFC 6298 (RTO), each as far
//! as a codec goes.

pub mod attribute;
mod channel;
pub mod credentials;
pub mod demux;
pub mod framing;
mod header;
mod key;
pub mod long_term;
mod message;
pub mod redirect;
mod retransmit;
mod rto;
pub mod rules;
pub mod stream;
mod transactions;
#[cfg(test)]
mod vectors;
mod writer;

pub use channel::{CHANNEL_HEADER_LENGTH, ChannelData, ChannelDataError, ChannelNumber};
pub use header::{Class, HEADER_LENGTH, MAGIC_COOKIE, Method, TransactionId};
pub use key::{Key, KeyDerivation};
pub use message::{FingerprintError, IntegrityError, IntegrityKind, Message, ParseError};
pub use retransmit::RetransmitPolicy;
pub use rto::{RtoCache, RttEstimate};
pub use transactions::{Completed, Due, Transaction, Transactions};
pub use writer::{MessageWriter, ValueWriter, WriteError, max_datagram};
