//! Agents and servers of one program on real sockets.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests on real sockets: tasks, timeouts, and networks of their own"
)]

mod datapath;
mod private;
mod relay;
mod spy;
mod streams;
mod support;
