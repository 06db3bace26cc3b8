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
//!         ── Net::connect ─────> the same, over TCP, TLS or DTLS to a STUN or TURN server
//!         ── Net::lookup_* ────> addresses, SRV and NAPTR records   (RFC 5928: what a server's URI comes to)
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
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `tls` | servers over TLS, by rustls and the system's trust | on |
//! | `dtls` | servers over DTLS 1.2, by rtc-dtls and the same trust | on |
//! | `dns` | SRV and NAPTR records, by hickory-resolver; addresses come from the system in any case | on |
//!
//! | RFC | section | here |
//! |---|---|---|
//! | 8445 | 7.2.3 marks of datagrams | yes: [`Dscp`] |
//! | 8489 | 6.2.2 STUN over TCP | yes |
//! | 8489 | 6.2.3 STUN over TLS and DTLS | yes: nothing is sent before the server has proved its name |
//! | 8656 | 12.5 ChannelData on a stream | yes |
//! | 7350 | 3 DTLS for STUN | yes; DTLS 1.2 |
//! | 7443 | ALPN for STUN | no |
//! | 7050 | 3 the prefix of a NAT64 | yes |
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this crate is where the sockets are, with the clock and the locks that they need"
)]

mod dscp;
mod error;
mod net;
mod system;

pub use dscp::Dscp;
pub use error::{Trouble, trouble};
pub use net::{Arrival, DatagramSocket, Link, Net};
pub use system::{ConnectError, SystemNet};
