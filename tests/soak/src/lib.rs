//! Two agents in random worlds: what has to hold in every one of them.
//!
//! [`play`] makes the world of a seed, lets two sessions meet on it in virtual time, and holds what they did against
//! what an oracle says of the topology and against the rules of ICE. The same seed is the same run, to the datagram.
#![forbid(unsafe_code)]

mod call;
mod judge;
mod wire;

pub use call::{Call, Ending};
pub use judge::{Broken, Outcome, judge};

/// Plays the world of this seed.
///
/// # Errors
/// A rule was broken: which, and what the world was.
pub fn play(seed: u64) -> Result<Outcome, Box<Broken>> {
    let call = Call::play(seed);
    judge(&call)
}
