//! TURN (RFC 8656): a client over UDP, TCP, TLS and DTLS, and the methods, error codes and attributes it is made of, on
//! top of floe-stun. With it the TCP allocations of RFC 6062 and the mobility of RFC 8016.
//!
//! [`Client`] keeps one allocation on one server: it allocates with long-term credentials, refreshes, lets peers in,
//! binds channels, and carries data both ways. [`Prefix`] lets a sender do the last past the client, without a copy.
//! [`DataConnection`] makes a TCP connection to the server one to a peer. All are sans-IO: no clock, no socket, no
//! randomness of their own. The crate is not a server, finds none ([RFC 5928] is the caller's), opens no connection,
//! does no TLS, and knows nothing of ICE.
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
//! | 3.1 transports to the server | yes: [`ClientConfig::transport`]; sockets, TLS and the cutting of streams are the caller's |
//! | 3.7 sizes | yes: [`Client::max_payload`] |
//! | 5 long-term credentials, 437 | yes |
//! | 6, 7 allocations | yes: one family or both ([`ClientConfig::dual`]), even and reserved ports |
//! | 7.4 errors | typed, with a [`Remedy`]; 420 for DONT-FRAGMENT is dealt with; other ports, servers and transports are the caller's to try |
//! | 8 refreshes | yes, of both families together or of the one that is left; keepalives to the server between them (RFC 8445 11) |
//! | 9, 10 permissions | yes, while they are wanted: [`Client::permit`], [`Client::lapse`], [`Client::retain`] |
//! | 11 Send and Data | yes, with ICMP and DONT-FRAGMENT |
//! | 12 channels | yes; a 400 gives the allocation back (12.3) |
//! | 13 and 14 what servers do to packets | no: the server's |
//! | 17 methods, 18 attributes, 19 error codes | yes |
//!
//! | others | here |
//! |---|---|
//! | RFC 6062 4 TCP allocations | yes: [`ClientConfig::relay`], [`Client::connect`], [`DataConnection`]; opening the connections is the caller's |
//! | RFC 8016 3 mobility | yes: [`ClientConfig::mobility`], [`Client::migrate`], to the same address of the server |
//! | RFC 8489 6.2.2 reliable transports | yes: [`Client::broken`] tells the client that the connection is gone |
//! | RFC 8489 10 ALTERNATE-SERVER | told, with its domain and whether anybody vouches for it; going there is the caller's |
//! | RFC 7635 access tokens | no |

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
