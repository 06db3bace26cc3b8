//! Sockets and network interfaces: the part of the world that a floe agent touches.
//!
//! [`Net`] is what an agent asks for: the interfaces of the host and when they change, and sockets on their addresses.
//! [`SystemNet`] answers
//! with the operating system's, on tokio. An embedder brings its own `Net` where that is not to be had: on a mobile
//! system that hands interfaces to applications by other ways, in a sandbox, in a simulator.
//!
//! It is not an agent and knows no ICE: which address is worth a socket is floe-gather's business.
//!
//! ```text
//!   agent ── Net::interfaces ──> [Interface]            (RFC 8445 5.1.1.1: what candidates are made of)
//!         ── Net::interface_changes ──> "list them again" (RFC 8445 5.1.1.4: candidates that come and go)
//!         ── Net::bind_udp ────> Arc<dyn DatagramSocket> ──> poll_recv / try_send_to / writable
//! ```
//!
//! ```
//! use std::net::{Ipv4Addr, SocketAddr};
//!
//! use floe_net::{Net, SystemNet};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let net = SystemNet::new();
//! let a = net.bind_udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
//! let b = net.bind_udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
//! a.try_send_to(b"hello", b.local_addr()?)?;
//!
//! let mut buffer = [0; 1500];
//! let arrival = std::future::poll_fn(|cx| b.poll_recv(cx, &mut buffer)).await?;
//! assert_eq!(&buffer[..arrival.len], b"hello");
//! assert_eq!(arrival.from, a.local_addr()?);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod dscp;
mod error;
mod net;
mod system;

pub use dscp::Dscp;
pub use error::{Trouble, trouble};
pub use net::{Arrival, DatagramSocket, Link, Net};
pub use system::SystemNet;
