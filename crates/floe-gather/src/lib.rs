//! Candidate gathering for ICE, sans-IO (RFC 8445 5.1, RFC 8421).
//!
//! From the interfaces of a host to the candidates that are offered to the peer: which addresses may be used, in which
//! order they are preferred, which sockets are wanted for them, and what foundation and priority each candidate gets.
//! It opens no socket and reads no clock: it says what to bind, and is told what came of it.
//!
//! It gathers host candidates over UDP. It makes no checks, and forms no pairs.
//!
//! ```text
//!   interfaces ──> sift ──> order ──> Action::Bind ──> (a socket) ──> bound ──> Event::Candidate
//!                   │ 5.1.1.1  │ RFC 8421                                          │ 5.1.1.3, 5.1.2, 5.1.3
//!                   └─> Event::Refused                            ... and when all is done: Event::EndOfCandidates
//! ```
//!
//! ```
//! use std::time::Instant;
//!
//! use floe_core::{BaseId, ComponentId, Generation, Interface, InterfaceAddress, StreamId};
//! use floe_gather::{Action, Event, GatherConfig, Gatherer};
//!
//! # let now = Instant::now();
//! let mut gatherer = Gatherer::new(GatherConfig::default());
//! gatherer.start(now, Generation(0), &[(StreamId(0), ComponentId::RTP)]);
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
//! assert_eq!(gatherer.poll_event(), Some(Event::EndOfCandidates(Generation(0))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | RFC | section | here |
//! |---|---|---|
//! | 8445 | 5.1.1.1 host candidates | yes |
//! | 8445 | 5.1.1.2 server-reflexive and relayed candidates | no |
//! | 8445 | 5.1.1.3 foundations | yes |
//! | 8445 | 5.1.1.4 interfaces that come and go | yes, once told by [`Gatherer::update_interfaces`] |
//! | 8445 | 5.1.2 priorities | yes |
//! | 8445 | 5.1.3 redundant candidates | yes |
//! | 8421 | 3 to 5 several interfaces, both families | yes; unreliable interfaces are named by the user |
//! | 8838 | 13 no candidate after the end of candidates | yes |
//! | 6544 | 4 TCP candidates | no |
#![forbid(unsafe_code)]

mod answer;
mod config;
mod event;
mod filter;
mod foundation;
mod gatherer;
mod job;
mod order;
mod place;
mod preference;
mod redundancy;
mod round;

pub use config::GatherConfig;
pub use event::{Action, Event, GatherError, JobId};
pub use gatherer::Gatherer;
pub use redundancy::{eliminate_redundant, is_redundant};
