//! An internet in virtual time: hosts, links, NATs and firewalls, and the programs on them. Sans-IO, seeded, no threads.
//!
//! Put a program without sockets on it, yours or an ICE agent, and run an hour in milliseconds. The same seed gives the
//! same run, to the datagram; what a deadline is worth can be asserted to the microsecond.
//!
//! A [`Simulation`] drives [`Node`]s over a [`Network`]; the network can also be used by itself, by a driver of your
//! own. Links lose, delay, duplicate and reorder datagrams, singly or in bursts, and have rates and MTUs ([`Link`]).
//! A [`Realm`] lies behind a [`Gateway`] in another: behind a [`Nat`] with any behaviour of RFC 4787, a [`Firewall`],
//! both or neither, and so on in a chain. What was sent, and what became of it, stands in a log ([`Record`]). An oracle
//! tells from the topology alone whether two hosts can meet, and how well ([`Network::best_path`]). [`World`] makes small
//! internets of seeds, [`Internet`] gives out addresses, and [`Network::capture`] writes a log for Wireshark.
//!
//! Two features are on by default. With `session` an ICE session is such a node, `SessionNode`; with `server` there is a
//! STUN and TURN server, `Server`, and `StunServer`, which NATs are tested against.
//!
//! To put an application of your own on it and play a call again from its seed, begin with `examples/replay.rs` in the
//! repository: `cargo run --example replay -- --seed 42`.
//!
//! There is UDP only: no TCP, no ICMP, no fragments.
//!
//! ```text
//!   Node ── poll_action ──> Send ──> Gateway ──> Link: lost? late? twice? ──> Gateway ──> handle_datagram
//!    │ └─── poll_timeout ──> virtual clock ──> handle_timeout
//!    └───── poll_action ──> Bind ──> Host: a free port ──> handle_bound
//! ```
//!
//! Two nodes that echo what they get, on a link of 20 ms:
//!
//! ```
//! use std::{collections::VecDeque, net::SocketAddr, time::{Duration, Instant}};
//!
//! use floe_sim::{Action, Host, Link, Node, Simulation};
//!
//! #[derive(Default)]
//! struct Echo(VecDeque<Action>);
//!
//! impl Node for Echo {
//!     fn handle_datagram(&mut self, _now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
//!         // One byte shorter each time, so that it ends.
//!         if let [_, rest @ ..] = payload {
//!             self.0.push_back(Action::Send { from: local, to: from, payload: rest.to_vec().into() });
//!         }
//!     }
//!
//!     fn poll_action(&mut self) -> Option<Action> {
//!         self.0.pop_front()
//!     }
//! }
//!
//! let mut simulation = Simulation::new(Instant::now(), 1);
//! let a = simulation.add(Host::new().address("192.0.2.1".parse()?), Echo::default())?;
//! let b = simulation.add(Host::new().address("192.0.2.2".parse()?), Echo::default())?;
//! let from = simulation.network_mut().bind(a, "192.0.2.1:7".parse()?)?;
//! let to = simulation.network_mut().bind(b, "192.0.2.2:7".parse()?)?;
//! simulation.network_mut().connect(a, b, Link::new(Duration::from_millis(20)));
//!
//! simulation.network_mut().send(from, to, "echo".into());
//! simulation.run_for(Duration::from_secs(1))?;
//!
//! let log = simulation.network().log();
//! assert_eq!(log.len(), 5); // "echo", "cho", "ho", "o" and an empty one
//! assert_eq!(log[4].sent - log[0].sent, Duration::from_millis(80));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod capture;
mod firewall;
mod gateway;
mod host;
mod internet;
mod link;
mod log;
mod nat;
mod network;
mod node;
mod oracle;
mod realm;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "session")]
mod session;
mod simulation;
#[cfg(feature = "server")]
mod stun_server;
mod world;

pub use firewall::{Firewall, Inbound, Outbound};
pub use gateway::Gateway;
pub use host::{AddressInUse, BindError, Host, HostId};
pub use internet::{Families, Internet};
pub use link::{Bursts, Link};
pub use log::{Counters, Fate, Record, Seen};
pub use nat::{Allocation, Dependence, Mapped, Nat, Pooling};
pub use network::{Arrival, Network};
pub use node::{Action, Node};
pub use oracle::{Party, PathClass};
pub use realm::Realm;
#[cfg(feature = "server")]
pub use server::Server;
#[cfg(feature = "session")]
pub use session::{Call, Data, SessionNode, Signal, SignalError};
pub use simulation::{Simulation, Spinning};
#[cfg(feature = "server")]
pub use stun_server::StunServer;
pub use world::{Attachment, Built, World};
