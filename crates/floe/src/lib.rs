//! A full ICE agent (RFC 8445) for tokio: finds, checks and keeps the best path between two hosts.
//!
//! An [`Agent`] gathers candidates, exchanges them with its peer by whatever signalling you have, checks which pairs work
//! and selects the best; a [`Connection`] sends and receives your datagrams over it.
//!
//! It is not signalling: you carry credentials and candidates to the peer and back. It is not encryption: run DTLS, QUIC
//! or SRTP over it. Under it is [`floe_session`], the same agent without sockets, clock and tasks.
//!
//! ```text
//!   Agent ──── commands ───> ┌──────── one task ────────┐ <──> sockets (Net)
//!   Events <── events ────── │  Session: gather, check, │
//!   Connection <─ datagrams ─│  nominate, pace          │
//!       │      <─ route ──── └──────────────────────────┘
//!       └─ send: straight to the socket ─────────────────────> sockets
//! ```
//!
//! Two agents in one program; the loop in the middle is the signalling:
//!
//! ```
//! use floe::{Agent, ComponentId, Event, RemoteDescription, Role};
//! use futures::StreamExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alice = Agent::builder().loopback_if_alone(true).build()?;
//! let bob = Agent::builder().role(Role::Controlled).loopback_if_alone(true).build()?;
//! for (from, to) in [(alice.clone(), bob.clone()), (bob.clone(), alice.clone())] {
//!     to.set_remote(RemoteDescription::new(from.local().credentials.clone())).await?;
//!     let mut events = from.events();
//!     from.gather().await?;
//!     tokio::spawn(async move {
//!         while let Some(event) = events.next().await {
//!             match event {
//!                 Event::Candidate { candidate, .. } => drop(to.add_remote_candidate(candidate).await),
//!                 Event::EndOfCandidates { .. } => break,
//!                 _ => {}
//!             }
//!         }
//!     });
//! }
//! let (to_bob, to_alice) = (alice.connect(ComponentId::RTP).await?, bob.connect(ComponentId::RTP).await?);
//! to_bob.send(b"hello").await?;
//! let mut buffer = [0; 1500];
//! let length = to_alice.recv(&mut buffer).await?;
//! assert_eq!(&buffer[..length], b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! STUN and TURN servers are given to the builder: `.server(IceServer::new("turn:turn.example.org".parse()?).user("ann", "secret"))`.
//! Why one gives no candidate is an [`Event::ServerFailed`].
//!
//! | standard | here |
//! |---|---|
//! | RFC 8445 ICE, full agent: host, server-reflexive and relayed candidates over UDP | yes |
//! | RFC 8838 trickle ICE, RFC 8863 patience, RFC 8421 dual stack | yes |
//! | RFC 8839 candidate and description text | yes, see [`sdp`] |
//! | RFC 8489 STUN servers over UDP, RFC 8656 TURN servers over UDP, TCP, TLS and DTLS | yes, see [`AgentBuilder::server`] |
//! | RFC 7064, RFC 7065 URIs of servers; RFC 5928, RFC 7350 the way to their addresses | yes, see [`ServerUri`] |
//! | RFC 8445 19.1 relayed candidates only, for privacy | yes, see [`CandidatePolicy`] |
//! | RFC 7675 consent, which is the keepalive as well (RFC 8445 11) | yes |
//! | RFC 8445 9 restart, make before break | yes |
//! | RFC 8445 5.1.1.4 interfaces that come and go | yes, watched from [`Agent::gather`] on |
//! | RFC 8445 5.1.1.2, RFC 7050 a host that has IPv6 only, behind a NAT64 | yes, for IPv4 peers and servers |
//! | RFC 8445 2.5, 8.2 lite, on this side and on the other | yes |
//! | RFC 6544 ICE over TCP, mDNS names, port mapping | not yet |
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this crate is where the clock, the randomness, the tasks and the locks are"
)]

mod activity;
mod agent;
mod builder;
mod connection;
mod driver;
mod error;
mod events;
mod inbox;
mod path;
mod selected;
mod stats;

pub use agent::Agent;
pub use builder::AgentBuilder;
pub use connection::Connection;
pub use error::{
    AddRemoteError, BuildError, Closed, ConnectError, GatherError, ReconcileError, RecvError, SendError,
    SetRemoteError,
};
pub use events::Events;
pub use floe_core::{
    Candidate, CandidateAddress, CandidateError, CandidateInit, CandidateKind, ComponentId, ComponentIdError,
    Contender, Credentials, CredentialsError, IceOptions, IceOptionsError, Interface, InterfaceAddress,
    Nat64Prefix, Nat64PrefixError, Outlook, Pacing, PairId, PairPriority, ParseCandidateError, Role,
    ServerTransport, StreamId, Transport, Turn, ValidPair, sdp,
};
pub use floe_net::{Arrival, DatagramSocket, Dscp, Link, Net, SystemNet};
pub use floe_session::{
    AddedRemote, Agreed, AllocateError, CandidatePolicy, CheckKind, Choice, Counters, CredentialsRefusal,
    DropReason, Event, FailReason, GatherConfig, IceServer, IceState, LocalParameters, Nomination,
    PairCounters, PairState, PairView, Policy, Reason, RedirectError, Refusal, RemoteDescription,
    ServerError, ServerHost, ServerId, ServerKind, ServerUri, SharedPace, Target, UriError, Why,
};
pub use path::TrafficCounts;
pub use selected::SelectedPair;
pub use stats::{ConnectionStats, PairStats, Stats};

/// The example of the README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
