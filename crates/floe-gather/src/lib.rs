//! Candidate gathering for ICE, sans-IO (RFC 8445 5.1 and 5.2, RFC 8421).
//!
//! From the interfaces of a host and its STUN and TURN servers to the candidates that are offered to the peer: which
//! addresses may be used, in which order they are preferred, which sockets are wanted for them, which servers are asked
//! from these, and what foundation and priority each candidate gets. It opens no socket and reads no clock: it says what
//! to bind, what to send and when an allocation is to begin, and is told what came of it.
//!
//! It gathers host, server-reflexive and relayed candidates over UDP. It makes no checks, and forms no pairs; it is no
//! TURN client. Beside the gatherer it has the URIs of servers, [`ServerUri`], and the way from one to addresses,
//! [`Resolution`], which says what to ask the DNS.
//!
//! ```text
//!   interfaces ──> sift ──> order ──> Action::Bind ──> (a socket) ──> bound ──┬──────────────> Event::Candidate
//!                   │ 5.1.1.1  │ RFC 8421                                     │                  │ 5.1.1.3, 5.1.2, 5.1.3
//!                   └─> Event::Refused                                   x servers               │
//!                                                                             │ 5.1.1.2          │
//!       (a slot of the pace) ──> start_next ──┬─ Start::Send ──> (STUN) ──> handle ──────────────┤
//!                                             └─ Start::Allocate ──> (TURN) ──> allocated ───────┘
//!                                                              └─> Event::ServerFailed
//!                                     ... and when all is done for a stream: Event::EndOfCandidates
//! ```
//!
//! ```
//! use std::time::Instant;
//!
//! use floe_core::{BaseId, ComponentId, Generation, Interface, InterfaceAddress, Received, StreamId};
//! use floe_gather::{Action, Event, GatherConfig, Gatherer, Server, Start};
//! use floe_stun::{Message, rules};
//! use rand::{SeedableRng, rngs::ChaCha20Rng};
//!
//! # let now = Instant::now();
//! let rng = ChaCha20Rng::seed_from_u64(1); // from the system's generator, where it counts
//! let server = Server::stun("198.51.100.1:3478".parse()?);
//! let mut gatherer = Gatherer::new(GatherConfig::default().servers([server]), rng);
//! let stream = StreamId(0);
//! gatherer.start(now, Generation(0), &[(stream, ComponentId::RTP)]);
//! gatherer.update_interfaces(
//!     now,
//!     &[Interface {
//!         name: "eth0".to_owned(),
//!         index: 2,
//!         up: true,
//!         addresses: vec![InterfaceAddress::new("192.0.2.1".parse()?, 24)],
//!     }],
//! );
//!
//! let Some(Action::Bind { job, address, .. }) = gatherer.poll_action() else { panic!("it wants a socket") };
//! assert_eq!(address, "192.0.2.1:0".parse()?);
//! gatherer.bound(now, job, Ok((BaseId(0), "192.0.2.1:50000".parse()?)));
//!
//! let Some(Event::Candidate { candidate, .. }) = gatherer.poll_event() else { panic!("it has a candidate") };
//! assert_eq!(candidate.candidate.priority().get(), 2_130_706_431);
//!
//! let Some(Start::Send(request)) = gatherer.start_next(now) else { panic!("it asks the server") };
//! let mut answer = [0; 548];
//! let length = rules::write_success(
//!     &mut answer,
//!     &Message::parse(&request.payload)?,
//!     "203.0.113.9:61000".parse()?, // what the server sees
//!     None,
//! )?;
//! assert!(gatherer.handle(now, Received { base: BaseId(0), from: request.to, payload: &answer[..length] }));
//!
//! let Some(Event::Candidate { candidate, .. }) = gatherer.poll_event() else { panic!("it has another one") };
//! assert_eq!(candidate.candidate.priority().get(), 1_694_498_815);
//! let end = Event::EndOfCandidates { stream, generation: Generation(0) };
//! assert_eq!(gatherer.poll_event(), Some(end));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | RFC | section | here |
//! |---|---|---|
//! | 8445 | 5.1.1.1 host candidates | yes |
//! | 8445 | 5.1.1.2 server-reflexive and relayed candidates | yes; the TURN client is the caller's; no NAT64 |
//! | 8445 | 5.1.1.3 foundations | yes |
//! | 8445 | 5.1.1.4 interfaces that come and go | yes, once told by [`Gatherer::update_interfaces`] |
//! | 8445 | 5.1.1.4 keeping candidates alive | yes with Binding requests; Refresh is the TURN client's |
//! | 8445 | 5.1.2 priorities | yes |
//! | 8445 | 5.1.3 redundant candidates | yes |
//! | 8445 | 5.2 lite | yes; whether it makes sense to have several addresses is up to the user |
//! | 8445 | 14.3 retransmission timeout | yes |
//! | 8445 | 19.1 restricting kinds of candidates | yes: [`Policy`] |
//! | 8421 | 3 to 5 several interfaces, both families | yes; unreliable interfaces are named by the user |
//! | 8838 | 13 no candidate after the end of candidates | yes |
//! | 6544 | 4 TCP candidates | no |
//! | 7064, 7065 | 3.1 URIs of servers | yes: [`ServerUri`] |
//! | 5928 | 3 from a TURN URI to addresses | yes: [`Resolution`]; servers that are not to be used for a time are the caller's |
//! | 7350 | 4.6 STUN and TURN over DTLS | yes, as far as finding the server goes |
//! | 8489 | 8.1 from a STUN URI to addresses | yes |
//! | 2782 | the order of SRV records | yes |
#![forbid(unsafe_code)]

mod answer;
mod ask;
mod config;
mod event;
mod filter;
mod foundation;
mod gatherer;
mod job;
mod keepalive;
mod order;
mod place;
mod preference;
mod redundancy;
mod relay;
mod resolve;
mod review;
mod round;
mod server;
mod shared;
mod target;
mod type_preference;
mod uri;

pub use config::{GatherConfig, Policy};
pub use event::{Action, Event, GatherError, JobId};
pub use gatherer::Gatherer;
pub use redundancy::{eliminate_redundant, is_redundant};
pub use resolve::{Question, Resolution, ResolveError};
pub use server::{AllocateError, Allocated, BadAddress, Server, ServerError, ServerId, ServerKind, Start};
pub use target::Target;
pub use type_preference::{TypePreferenceError, TypePreferences};
pub use uri::{BadUri, Host, ServerUri, UriError, UriTransport};
