//! ICE nomination, sans-IO (RFC 8445 8).
//!
//! A [`Nominator`] is shown the valid pairs of a component and what the checks may still bring, and says which pair to
//! nominate, which one is selected, and why. How the controlling side chooses is a [`Policy`]: one of the built-in ones
//! ([`Nomination`]) or your own. It sends nothing and knows no message: floe-check does what it decides.
//!
//! ```text
//!   valid pairs, outlook ──> review ──> Policy::choose (controlling side)
//!                                └────> Decision::Nominate { check, why }   check it again, with USE-CANDIDATE
//!                                       Decision::Select { pair, why }      data goes here
//! ```
//!
//! A policy of your own, here one that takes the first pair that is valid and answers within 100 ms:
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use floe_core::{Outlook, Role, ValidPair};
//! use floe_nominate::{Choice, Nominator, Policy};
//!
//! #[derive(Debug)]
//! struct Quick;
//!
//! impl Policy for Quick {
//!     fn choose(&mut self, _now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
//!         let quick = |pair: &&ValidPair| pair.rtt.is_some_and(|rtt| rtt < Duration::from_millis(100));
//!         match valid.iter().find(quick).or(valid.first().filter(|_| outlook.contenders.is_empty())) {
//!             Some(pair) => Choice::Nominate(pair.id),
//!             None => Choice::Wait,
//!         }
//!     }
//! }
//!
//! let nominator = Nominator::new(Role::Controlling, Box::new(Quick));
//! # assert!(nominator.poll_timeout().is_none());
//! ```
//!
//! | standard | here |
//! |---|---|
//! | RFC 8445 8.1.1 one nomination for each component, the highest of several that an old peer makes | yes |
//! | RFC 5245 aggressive nomination, as the controlling side, for old peers | yes |
//! | renomination, moving to a better pair later | not yet |

mod nominator;
mod policy;
mod state;
mod why;

pub use nominator::{Decision, Nominator};
pub use policy::{Choice, Nomination, Policy};
pub use why::Why;
