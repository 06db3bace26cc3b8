//! ICE nomination, sans-IO: which valid pair carries the data, and when that is decided (RFC 8445 8.1.1).
//!
//! A [`Nominator`] is shown the valid pairs of each component and what may still become valid. On the controlling side
//! it asks a [`Policy`] and tells which pair to nominate; on both sides it tells which pair is selected. Every decision
//! comes with its reason, a [`Why`] that reads as a sentence.
//!
//! It sends nothing and knows no STUN: that a pair was nominated it learns from [`ValidPair::nominated`]. Where both
//! sides can renominate it goes on watching, and moves the selection to a pair that is really better. It does not restart.
//!
//! ```text
//!                     ┌── Policy: Regular, Eager, Aggressive, your own
//!                     v
//!  review ──> per component: Following | Deciding ──> Nominating ──> Selected <─> Moving ──> poll_decision
//!                     ^                    ^               │
//!             set_role┘                    └───────────────┘ nomination_failed
//! ```
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use floe_core::{
//!     CandidateKind, ComponentId, Outlook, PairId, PairPriority, Priority, Quality, Role, StreamId, ValidPair,
//! };
//! use floe_nominate::{Decision, Nomination, Nominator, Why};
//!
//! # let now = Instant::now();
//! let (stream, component) = (StreamId(0), ComponentId::RTP);
//! let mut pair = ValidPair {
//!     id: PairId(0),
//!     checked: PairId(0),
//!     stream,
//!     component,
//!     priority: PairPriority::new(Priority::MAX, Priority::MAX),
//!     checked_priority: PairPriority::new(Priority::MAX, Priority::MAX),
//!     kinds: (CandidateKind::Host, CandidateKind::Host),
//!     rtt: Some(Duration::from_millis(12)),
//!     quality: Quality::default(),
//!     since: now,
//!     nominated: false,
//! };
//!
//! let mut nominator = Nominator::new(Role::Controlling, Nomination::Eager);
//! nominator.review(now, stream, component, &[pair.clone()], &Outlook::default());
//! let (why, check) = (Why::NothingBetter, PairId(0));
//! assert_eq!(nominator.poll_decision(), Some(Decision::Nominate { stream, component, pair: pair.id, check, why }));
//!
//! pair.nominated = true; // its check was answered
//! nominator.review(now, stream, component, &[pair.clone()], &Outlook::default());
//! assert_eq!(nominator.poll_decision(), Some(Decision::Select { stream, component, pair: pair.id, why }));
//! assert_eq!(why.to_string(), "nothing still possible can beat it");
//! ```
//!
//! | RFC 8445 | here |
//! |---|---|
//! | 8.1.1 when to stop checking, which pair to nominate, and only one | yes |
//! | 8.1.1 peers that nominate more than once | yes: the highest-priority one of those that are shown as nominated is selected |
//! | 7.2.5.3.4, 7.3.1.5 the nominated flag | no: the connectivity checks set it |
//! | 7.3.1.1 roles that change midway | yes, once told by [`Nominator::set_role`] |
//! | 8.1.2 states of the check lists | no: floe-check |
//! | RFC 8863 4 a poor pair waits a little while candidates may come | yes |
//! | draft-thatcher-ice-renomination 3 the last nomination wins | yes; on the wire it is floe-check's |
//!
//! [`ValidPair::nominated`]: floe_core::ValidPair::nominated
#![forbid(unsafe_code)]

mod component;
#[cfg(test)]
mod fixture;
mod moves;
mod nominator;
mod phase;
mod policy;
mod score;
mod why;

pub use nominator::{Decision, Nominator};
pub use policy::{Choice, Nomination, Policy};
pub use why::Why;
