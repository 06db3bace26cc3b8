//! TURN (RFC 8656): a client over UDP, and the methods, error codes and attributes it is made of, on top of floe-stun.
//!
//! [`Client`] keeps one allocation on one server: it allocates with long-term credentials, refreshes, lets peers in,
//! binds channels, and carries data both ways. It is sans-IO: no clock, no socket, no randomness of its own. It is not
//! a server, finds none ([RFC 5928] is the caller's), and knows nothing of ICE.
//!
//! ```text
//!              permit, bind_channel, send, close           start_next, poll_transmit
//!   session ─────────────────────────────────> Client ───────────────────────────────> server
//!           <─────────────────────────────────        <───────────────────────────────
//!                poll_event, Handled::Data                         handle
//! ```
//!
//! ```
//! use floe_core::BaseId;
//! use floe_turn::{Client, ClientConfig, method};
//! use rand::{SeedableRng as _, rngs::ChaCha20Rng};
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = std::time::Instant::now();
//! let config = ClientConfig::new(BaseId(0), "192.0.2.1:3478".parse()?, "ann", "secret");
//! let mut client = Client::start(now, config, ChaCha20Rng::from_seed([7; 32]))?;
//!
//! // The pace gives it a slot: the first Allocate, without credentials, for the server has to challenge first.
//! let transmit = client.start_next(now).ok_or("nothing to send")?;
//! let request = floe_stun::Message::parse(&transmit.payload)?;
//! assert_eq!(request.method(), method::ALLOCATE);
//! assert!(!client.has_next());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 5928]: https://www.rfc-editor.org/rfc/rfc5928
//!
//! | RFC 8656 | here |
//! |---|---|
//! | 3.7 sizes | yes: [`Client::max_payload`] |
//! | 5 long-term credentials, 437 | yes, over UDP |
//! | 6, 7 allocations | one family each; no EVEN-PORT, no RESERVATION-TOKEN, no dual allocation |
//! | 7.4 errors | typed, with a [`Remedy`]; other ports, servers and transports are the caller's to try |
//! | 8 refreshes | yes, and keepalives to the server between them (RFC 8445 11) |
//! | 9, 10 permissions | yes |
//! | 11 Send and Data | yes, with ICMP; no DONT-FRAGMENT |
//! | 12 channels | yes |
//! | 13 and 14 what servers do to packets | no: the server's |
//! | 17 methods, 18 attributes, 19 error codes | yes |
//! | TCP, TLS and DTLS to the server, RFC 6062, RFC 8016 | no |

mod allocation;
mod attribute;
mod auth;
mod broken;
mod channels;
mod client;
mod config;
mod connects;
mod data_connection;
pub mod error;
mod event;
mod held;
mod keepalive;
mod lease;
pub mod method;
mod mobility;
mod outbox;
mod permissions;
mod prefix;
mod queue;
mod reason;
mod remedy;
mod request;

pub use attribute::{
    AdditionalAddressFamily, AddressErrorCode, AddressFamily, ChannelNumberAttribute, ConnectionId, Data,
    DontFragment, EvenPort, Icmp, KNOWN, Lifetime, MobilityTicket, RequestedAddressFamily,
    RequestedTransport, ReservationToken, XorPeerAddress, XorRelayedAddress,
};
pub use broken::Broken;
pub use client::Client;
pub use config::{ClientConfig, ConfigError, RelayTransport};
pub use data_connection::{DataConnection, Progress};
pub use event::{ConnectError, Event, Handled, MigrateError, PeerError, Relay, SendError, Sent};
pub use prefix::{Prefix, RelayHeader};
pub use reason::{DropReason, RequestError};
pub use remedy::Remedy;
