//! Connections to servers, over sockets of this host: servers that the tests play, and coturn where it is installed.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests open sockets and say what they skip, and their helpers may panic too"
)]

mod common;
mod coturn;
mod dtls;
mod identity;
mod tcp;
mod tls;
