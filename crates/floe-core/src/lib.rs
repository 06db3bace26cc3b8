//! The vocabulary of ICE (RFC 8445): what every other floe crate speaks.
//!
//! Candidates and their SDP text, foundations, priorities, credentials, roles, ids, and the datagram types that cross
//! the walls between the crates. It is sans-IO: no clock, no socket, no randomness of its own.
//!
//! It is not a STUN codec (floe-stun), not an agent (floe), and holds no state.
//!
//! ```text
//!   Candidate ── FromStr / Display ──> "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host"
//!       │
//!   LocalCandidate = Candidate + BaseId ──> Transmit { base, to, payload } / Received { base, from, payload }
//! ```
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use floe_core::{Candidate, CandidateKind, ComponentId, Foundation, Priority, Transport, TypePreference};
//!
//! let priority = Priority::new(TypePreference::HOST, 65_535, ComponentId::RTP);
//! let candidate = Candidate::builder(CandidateKind::Host, Transport::Udp, "192.0.2.1:50000".parse::<SocketAddr>()?)
//!     .component(ComponentId::RTP)
//!     .priority(priority)
//!     .foundation(Foundation::new("1")?)
//!     .build()?;
//! assert_eq!(candidate.priority().get(), 2_130_706_431);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | RFC | what of it is here |
//! |---|---|
//! | 8445 | candidates (5.1, 5.3), priorities (5.1.2, 6.1.2.3), roles at the start (6.1.1), pacing agreed on (14.2) |
//! | 8839 | all attributes of section 5, both ways; default destinations and mismatch (4.2.5) |
//! | 8840 | fragments (9), what they repeat and one at a time (4.4, 10.9), the end of candidates (8); no SIP |
//! | 6544 | TCP candidates and their text (4.5), which of them pair (6.2) |
//! | draft-ietf-mmusic-mdns-ice-candidates | names in place of addresses; resolving them belongs to the driver |
//! | W3C WebRTC | `RTCIceCandidateInit` as JSON |

pub mod address;
mod candidate;
mod credentials;
pub mod dns;
mod foundation;
mod id;
mod init;
mod interface;
mod nat64;
mod outlook;
mod priority;
mod quality;
mod role;
pub mod sdp;
mod server;
mod transmit;
mod valid;

pub use candidate::{
    Candidate, CandidateAddress, CandidateBuilder, CandidateError, CandidateKind, Extension, LocalCandidate,
    TcpType, Transport,
};
pub use credentials::{Credentials, CredentialsError};
pub use foundation::{Foundation, FoundationError};
pub use id::{BaseId, ComponentId, ComponentIdError, Generation, PairId, StreamId};
pub use init::CandidateInit;
pub use interface::{Interface, InterfaceAddress};
pub use nat64::{Nat64Prefix, Nat64PrefixError};
pub use outlook::{Contender, Outlook, Turn};
pub use priority::{PairPriority, Priority, PriorityError, TypePreference};
pub use quality::Quality;
pub use role::{Role, TieBreaker};
pub use sdp::{IceOptions, IceOptionsError, Pacing, PacingError, ParseCandidateError};
pub use server::ServerTransport;
pub use transmit::{Received, Transmit};
pub use valid::ValidPair;
