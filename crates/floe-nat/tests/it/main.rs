//! Discoveries in virtual time, through every kind of NAT, and against servers that lie.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod answers;
mod common;
mod lifetime;
mod nats;
mod sentences;
