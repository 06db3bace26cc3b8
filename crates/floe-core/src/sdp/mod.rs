//! The SDP text of ICE, both ways (RFC 8839, RFC 6544 4.5, RFC 8840).
//!
//! - A candidate is read and written by [`FromStr`](std::str::FromStr) and [`Display`](std::fmt::Display) of
//!   [`Candidate`](crate::Candidate).
//! - [`Session`] is what a whole description says about ICE. Lines that ICE has nothing to do with are skipped.
//! - [`Fragment`] is the body of a SIP INFO or of an HTTP PATCH that trickles candidates; [`TrickleSender`] and
//!   [`TrickleReceiver`] keep what fragments repeat.
//!
//! One bad line never costs the others: it is [refused](RefusedLine) with its place and reason, and the rest is taken.
//! Only what leaves a stream without clear credentials makes a description [unusable](ParseError). Every input is read
//! once from front to back, and sizes are bounded, so that work and memory grow with the text and no faster.

mod attribute;
mod candidate;
mod destination;
mod error;
mod fragment;
mod level;
mod line;
mod mid;
mod options;
mod pacing;
mod read;
mod remote_candidates;
mod session;
mod trickle;
mod write;

pub use candidate::MAX_CANDIDATE_LENGTH;
pub(crate) use candidate::is_mdns_name;
pub use destination::{Connection, Destination};
pub use error::{
    CandidateDefect, CandidateField, LineError, ParseCandidateError, ParseError, ParseErrorKind, RefusedLine,
};
pub use fragment::{Fragment, FragmentSection};
pub(crate) use line::is_visible;
pub use mid::{Mid, MidError};
pub use options::{IceOptions, IceOptionsError};
pub use pacing::{Pacing, PacingError};
pub use remote_candidates::{RemoteCandidates, RemoteCandidatesError};
pub use session::{Media, Session};
pub use trickle::{TrickleError, TrickleReceiver, TrickleSender, Trickled, TrickledSection, WrongGeneration};
pub use write::{MediaLines, SessionLines};

/// The most bytes of a description that are read. Those of large conferences have some 100,000.
pub const MAX_DESCRIPTION_LENGTH: usize = 1 << 20;

/// The most media sections of a description.
pub const MAX_SECTIONS: usize = 1024;
