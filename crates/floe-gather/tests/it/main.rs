//! What a gatherer does, seen from outside: sockets, servers and time are played by the test.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests need a first instant; their helpers may panic too"
)]

mod allocations;
mod answers;
mod common;
mod courtesy;
mod hosts;
mod interfaces;
mod keepalive;
mod names;
mod policy;
mod properties;
mod resolve;
mod restarts;
mod servers;
mod sockets;
mod targets;
mod timeouts;
