//! Two agents behind real NATs: hosts, gateways and firewalls of one kernel, and coturn.
//!
//! ```text
//!   a ── gw-a ── (cgn-a) ──┐
//!                          inet ── server    coturn: STUN and TURN over UDP, TCP, TLS and DTLS
//!   b ── gw-b ── (cgn-b) ──┘
//! ```
//!
//! Every box is a network namespace, every line a veth link, every NAT a few rules of nftables. A lab lives in a process
//! of its own, with a network, a process table and a `/run` of its own (`isolate`): it does not see the machine's
//! network, other labs run beside it, and when the process ends, however it ends, the kernel takes all of it away.
//!
//! The agents are programs that speak the lines of `docs/peer-protocol.md`: `floe peer --stdio`, and aioice behind a
//! short script. The lab carries their lines and counts their packets.
//!
//! This is a tool for tests and no part of the library.
#![allow(
    clippy::disallowed_methods,
    reason = "a test tool: it starts programs and threads and looks at the clock"
)]

mod agent;
mod behaviour;
mod call;
mod cell;
mod commands;
mod coturn;
mod gateway;
mod hold;
mod isolate;
mod needs;
mod table;
mod task;
mod topology;

pub use agent::Programs;
pub use behaviour::{Behaviour, Dependence};
pub use call::{Class, Measurement, Signalling, Way};
pub use cell::{Cell, Expected, Group, QUICK_TA, cells};
pub use gateway::Gateway;
pub use hold::{Held, Hold, Restarted};
pub use needs::{aioice_python, missing, missing_aioice};
pub use table::{MODES, Mode, Report, Row};
pub use task::{Task, main_inside, run};
