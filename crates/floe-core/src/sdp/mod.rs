//! The SDP text of ICE: RFC 8839 both ways.

mod candidate;
mod error;
mod line;
mod options;
mod pacing;

pub use candidate::MAX_CANDIDATE_LENGTH;
pub(crate) use candidate::is_mdns_name;
pub use error::{CandidateDefect, CandidateField, ParseCandidateError};
pub(crate) use line::is_visible;
pub use options::{IceOptions, IceOptionsError};
pub use pacing::{Pacing, PacingError};
