//! What a check set does, seen from outside: the peer is scripted, or another check set, and time is virtual.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    missing_docs,
    reason = "tests: a panic is a finding"
)]

mod answers;
mod bases;
mod caps;
mod checks;
mod common;
mod conclude;
mod confirm;
mod consent;
mod counter;
mod early;
mod failure;
mod formation;
mod invariants;
mod learnt;
mod lite;
mod nat64;
mod nominate;
mod nominations;
mod renominate;
mod requests;
mod retry;
mod roles;
mod schedule;
mod sessions;
mod spoof;
mod triggered;
