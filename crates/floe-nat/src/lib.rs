//! NAT behaviour discovery (RFC 5780), sans-IO: how the NATs and firewalls between a host and a STUN server behave.
//!
//! A [`Discovery`] asks a server that has two addresses, from a few sockets, and ends with a [`Report`]: how the NAT maps
//! and filters, whether it hairpins, whether fragments get through, how long bindings live, and one sentence that says
//! what it means for calls. A server with one address tells less, and what it cannot tell is marked so.
//!
//! It is a tool to look at networks with. It decides nothing for ICE: a NAT may behave worse in a minute, and only checks
//! show which path works (RFC 5780 1). It opens no socket, reads no clock and resolves no names, and does not speak TCP
//! or with credentials.
//!
//! ```text
//!   start ──> Action::Bind ──> (a socket) ──> handle_bound ──> poll_transmit ──> (the server)
//!                                                                                    │
//!              ┌─ mapping: the other address ─────────┐                              │
//!              ├─ filtering: answer from elsewhere ───┤ <── OTHER-ADDRESS <── handle <┘
//!              ├─ hairpinning: socket to socket ──────┤
//!              ├─ large datagrams ────────────────────┼──> Event::Done .. Event::Finished(Report)
//!              └─ lifetime: X is quiet, Y asks ───────┘
//! ```
//!
//! ```
//! use floe_core::{BaseId, Received};
//! use floe_nat::{Action, Config, Discovery, Event, Test};
//! use floe_stun::{Message, rules};
//! use rand::{SeedableRng as _, rngs::ChaCha20Rng};
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = std::time::Instant::now();
//! let rng = ChaCha20Rng::from_seed([7; 32]); // from the system's generator
//! let mut discovery = Discovery::new(Config::default(), "198.51.100.1:3478".parse()?, rng)?;
//! discovery.start(now);
//!
//! let Some(Action::Bind { base, port }) = discovery.poll_action() else { panic!("it wants a socket") };
//! discovery.handle_bound(now, base, Ok(format!("192.0.2.1:{port}").parse()?));
//! let request = discovery.poll_transmit().expect("the first request");
//!
//! // The server sees another address: there is a NAT.
//! let mut answer = [0; 548];
//! let seen = "203.0.113.9:61000".parse()?;
//! let length = rules::write_success(&mut answer, &Message::parse(&request.payload)?, seen, None)?;
//! assert!(discovery.handle(now, Received { base, from: request.to, payload: &answer[..length] }));
//! assert_eq!(discovery.poll_event(), Some(Event::Done(Test::Reach)));
//! # assert_eq!(base, BaseId(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | RFC 5780 | here |
//! |---|---|
//! | 3.4 hairpinning | yes, and the source address of RFC 4787 REQ-9 |
//! | 3.5 fragments | yes, each direction by itself |
//! | 3.6 application-level gateways | yes |
//! | 4.1 source ports | random ones |
//! | 4.2 connectivity, 4.3 mapping, 4.4 filtering | yes |
//! | 4.5 combining tests | yes: side by side, ten transactions a second at most |
//! | 4.6 binding lifetime | yes, where asked for; not what refreshes a binding |
//! | 5.1 finding servers | no: the caller's |
//! | 5.2 credentials | no: 401 is reported |
//! | 6 servers | no; `floe-sim` has one for tests |
//! | 7 attributes | in `floe-stun` |
#![forbid(unsafe_code)]

mod answer;
mod asker;
mod config;
mod discovery;
mod event;
mod question;
mod reason;
mod report;
mod sentence;
mod sockets;
mod test;

pub use config::Config;
pub use discovery::Discovery;
pub use event::{Action, Event, Test};
pub use reason::{BadAnswer, DiscoveryError, OtherAddressProblem, Why};
pub use report::{Behaviour, Finding, Hairpinning, Lifetime, Passage, Report, Rewriting, Translation};
