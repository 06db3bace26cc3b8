//! The whole ICE state machine, sans-IO (RFC 8445).
//!
//! A [`Session`] wires gathering, checks and nomination together, keeps the pace, knows which socket stands behind a
//! base, and says where data goes. It opens no socket and reads no clock: a driver (the crate `floe`, a simulator, your
//! own loop) carries out its [`Output`]s and hands in what comes back.
//!
//! ```text
//!   interfaces ─┐            ┌──────────────── Session ────────────────┐
//!   bound ──────┤            │  Gatherer ──> CheckSet <──> Nominator   │ ──> Send, Bind, Close
//!   datagrams ──┼─ handle_* ─┤       └── Sockets ──┘ └── Pace (Ta)     │ ──> Event: candidates, checks, states
//!   time ───────┘            └─────────────────────────────────────────┘ ──> route: where data goes
//! ```
//!
//! Two sessions that talk in memory:
//!
//! ```
//! use std::{net::SocketAddr, time::Instant};
//!
//! use floe_core::{ComponentId, Interface, InterfaceAddress, Role, StreamId};
//! use floe_session::{Event, IceState, Output, RemoteDescription, Session, SessionConfig, SocketId};
//!
//! const STREAM: StreamId = StreamId(0);
//!
//! /// A host with one address and one socket.
//! struct Host { session: Session, address: SocketAddr, socket: SocketId }
//!
//! impl Host {
//!     fn new(role: Role, address: &str, seed: u8) -> Self {
//!         let session = Session::new(SessionConfig::new([seed; 32]).role(role));
//!         Self { session, address: address.parse().unwrap(), socket: SocketId(0) }
//!     }
//!
//!     /// Carries out what the session wants; datagrams and candidates go to the other host.
//!     fn run(&mut self, now: Instant, other: &mut Host) {
//!         while let Some(output) = self.session.poll_output() {
//!             match output {
//!                 Output::Bind { socket, .. } => {
//!                     self.socket = socket;
//!                     self.session.handle_bound(now, socket, Ok(self.address));
//!                 }
//!                 Output::Send { data, .. } => {
//!                     let _ = other.session.handle_datagram(now, other.socket, self.address, &data);
//!                 }
//!                 Output::Event(Event::Candidate { candidate, .. }) => {
//!                     other.session.add_remote(now, STREAM, candidate).unwrap();
//!                 }
//!                 _ => {}
//!             }
//!         }
//!     }
//! }
//!
//! let mut a = Host::new(Role::Controlling, "192.0.2.1:5000", 1);
//! let mut b = Host::new(Role::Controlled, "192.0.2.2:5000", 2);
//! # #[allow(clippy::disallowed_methods)]
//! let mut now = Instant::now();
//! for host in [&mut a, &mut b] {
//!     let ip = InterfaceAddress::new(host.address.ip(), 24);
//!     let eth0 = Interface { name: "eth0".into(), index: 1, up: true, addresses: vec![ip] };
//!     host.session.gather(now);
//!     host.session.handle_interfaces(now, &[eth0]);
//! }
//! let (to_a, to_b) = (b.session.local(STREAM).unwrap(), a.session.local(STREAM).unwrap());
//! a.session.set_remote(now, STREAM, RemoteDescription::new(to_a.credentials))?;
//! b.session.set_remote(now, STREAM, RemoteDescription::new(to_b.credentials))?;
//! while a.session.state() != IceState::Completed || b.session.state() != IceState::Completed {
//!     a.run(now, &mut b);
//!     b.run(now, &mut a);
//!     now = a.session.poll_timeout().into_iter().chain(b.session.poll_timeout()).min().unwrap();
//!     a.session.handle_timeout(now);
//!     b.session.handle_timeout(now);
//! }
//! let route = a.session.route(STREAM, ComponentId::RTP).unwrap();
//! assert_eq!(route.to, b.address);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | standard | here |
//! |---|---|
//! | RFC 8445 6.1.4.2, 14.2 one pace for all streams | yes |
//! | RFC 8445 6.1.3, 8.1.2 states of streams and session | yes |
//! | RFC 8445 8.3.1 unused sockets are closed after three seconds | yes |
//! | RFC 8445 12 where data goes, whose data is taken; RFC 7983 what a datagram is | yes |
//! | RFC 8838 trickle, both ways | yes |
//! | gathering, checks, nomination | as far as floe-gather, floe-check and floe-nominate go |
//! | RFC 7675 consent: without it nothing is sent; RFC 8445 11 keepalives where it is off | yes |
//! | silence while data is sent: disconnected within three round trips and 500 ms, and back with the first sign of life | yes |
//! | RFC 8445 9 restart, make before break | yes, of all streams or of one |
//! | RFC 8445 5.1.1.2 server-reflexive candidates (RFC 8489, over UDP) and relayed ones (RFC 8656, over UDP, TCP, TLS and DTLS to the server) | yes |
//! | RFC 7064, 7065, 5928 servers by URI | yes; who drives the session asks the DNS what it says |
//! | RFC 8656 7.4, RFC 8489 10 what follows a failed allocation: another server, port or place, or a rest | yes |
//! | RFC 8656 5 an allocation that the server has lost is made anew | yes |
//! | RFC 8656 7.1 two families in one allocation, RFC 8016 mobility, RFC 6062 TCP allocations | not here; floe-turn has them |
//! | RFC 8445 2.5, 8.2 lite, on this side and on the other | yes |
//! | RFC 6544 TCP candidates | not yet |

mod checked;
mod clock;
mod commands;
mod conclude;
mod config;
mod datagram;
mod description;
mod drive;
mod error;
mod event;
mod handle;
mod lite;
mod local;
mod pace;
mod relay;
mod resolve;
mod restart;
mod route;
mod server;
mod session;
mod shared;
mod silence;
mod snapshot;
mod sockets;
mod state;
mod stats;
mod stream;

pub use config::{SessionConfig, StreamConfig};
pub use description::{LocalParameters, RemoteDescription};
pub use error::{AddRemoteError, Reason, Refusal, SetRemoteError};
pub use event::{Disposition, DropReason, Event, Output, SocketId, Span};
pub use floe_check::{
    AddedRemote, Agreed, CheckKind, ConsentLoss, Counters, FailReason, ListFailReason, PairCounters,
    PairState, PairView, ReconcileError,
};
pub use floe_gather::{
    AllocateError, GatherConfig, GatherError, Question, Resolution, ResolveError, ServerError, ServerId,
    ServerKind, ServerUri, Target, UriError,
};
pub use floe_gather::{Host as ServerHost, Policy as CandidatePolicy};
pub use floe_nominate::{Choice, Nomination, Policy, Why};
pub use floe_stun::{long_term::Refusal as CredentialsRefusal, redirect::RedirectError};
pub use floe_turn::{Prefix, RelayHeader};
pub use relay::SendError;
pub use route::{RelayRoute, Route};
pub use server::IceServer;
pub use session::Session;
pub use shared::SharedPace;
pub use snapshot::Snapshot;
pub use state::IceState;
pub use stats::{ComponentStats, Stats};
