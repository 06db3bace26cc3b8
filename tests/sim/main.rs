//! Whole sessions on a network in virtual time: what they promise about time is asserted exactly.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod bursts;
mod consent;
mod early;
mod failure;
mod grid;
mod idle;
mod interfaces;
mod lite;
mod liveness;
mod loss;
mod nat64;
mod nat_grid;
mod nomination;
mod pacing;
mod relays;
mod renomination;
mod restart;
mod roles;
mod served;
mod shapes;
mod shared;
mod tables;
mod tails;
mod timing;
mod wire;
mod world;
