//! What may be wrong with a line or a whole description, and where.

use std::fmt;

use super::{IceOptionsError, MidError, PacingError, RemoteCandidatesError};
use crate::{CandidateError, CredentialsError, FoundationError};

/// A field of a candidate line (RFC 8839 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CandidateField {
    /// The line as a whole.
    Line,
    /// The first field.
    Foundation,
    /// The second field, the component number.
    Component,
    /// The third field, `udp` or `tcp`.
    Transport,
    /// The fourth field.
    Priority,
    /// The fifth field, the connection address.
    Address,
    /// The sixth field.
    Port,
    /// `typ` and the type behind it.
    Type,
    /// The value of `raddr`.
    RelatedAddress,
    /// The value of `rport`.
    RelatedPort,
    /// The value of `tcptype` (RFC 6544 4.5).
    TcpType,
    /// A name or a value behind the known fields.
    Extension,
}

impl fmt::Display for CandidateField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "candidate line",
            Self::Foundation => "foundation",
            Self::Component => "component",
            Self::Transport => "transport",
            Self::Priority => "priority",
            Self::Address => "address",
            Self::Port => "port",
            Self::Type => "type",
            Self::RelatedAddress => "raddr",
            Self::RelatedPort => "rport",
            Self::TcpType => "tcptype",
            Self::Extension => "extension",
        })
    }
}

/// What is wrong with a field of a candidate line.
///
/// None of these repeats text of the line: that may hold an address, and errors are logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateDefect {
    /// The text is longer than [`MAX_CANDIDATE_LENGTH`](super::MAX_CANDIDATE_LENGTH). No peer needs that much: drop it.
    #[error("{0} bytes are too many for a candidate")]
    TooLong(usize),
    /// The line ends before this field.
    #[error("is missing")]
    Missing,
    /// Two spaces follow each other, or the line begins with one: fields are parted by one space.
    #[error("is empty")]
    Empty,
    /// The foundation is not 1 to 32 ice-chars.
    #[error(transparent)]
    Foundation(#[from] FoundationError),
    /// There is something else than digits, or there are more digits than the grammar has.
    #[error("is not a number of 1 to {digits} digits")]
    Number {
        /// The most digits this field may have.
        digits: usize,
    },
    /// The number is outside of what the field may hold.
    #[error("{value} is not within {least} to {most}")]
    Range {
        /// The number.
        value: u64,
        /// The least allowed.
        least: u64,
        /// The most allowed.
        most: u64,
    },
    /// The field holds a character that cannot stand in it.
    #[error("holds a character that does not belong there")]
    Character,
    /// The address looks like IPv4 or IPv6 and is neither.
    #[error("is no IP address")]
    Address,
    /// The keyword `typ` does not stand behind the port.
    #[error("the keyword typ is expected here")]
    NoTyp,
    /// A TCP candidate does not say who connects (RFC 6544 4.5).
    #[error("is missing on a TCP candidate")]
    NoTcpType,
    /// It is none of `active`, `passive` and `so`.
    #[error("is none of active, passive and so")]
    UnknownTcpType,
    /// `raddr`, `rport` or `tcptype` stands there twice.
    #[error("stands there twice")]
    Repeated,
    /// The fields are good one by one and make no candidate.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// A transport other than UDP and TCP. To be ignored (RFC 8839 5.1).
    #[error("is a transport protocol that is not known")]
    UnknownTransport,
    /// A type that no RFC defines so far. To be ignored (RFC 8839 5.1).
    #[error("is a candidate type that is not known")]
    UnknownType,
    /// A name for DNS, and not one that hides an address by mDNS. To be ignored (RFC 8839 5.1).
    #[error("is a domain name, for which no procedures exist")]
    DomainName,
    /// An address of a family that is neither IPv4 nor IPv6. To be ignored (RFC 8839 5.1).
    #[error("is of an address family that is not known")]
    UnknownFamily,
}

/// Why a text is no candidate that could be used: which field, at which byte of the text, and what is wrong with it.
///
/// Some lines are good SDP and yet mean nothing here; [`is_ignorable`](Self::is_ignorable) tells them from malformed
/// ones. In both cases the other candidates of the description stay valid: skip this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("candidate: {field} (byte {offset}): {defect}")]
#[non_exhaustive]
pub struct ParseCandidateError {
    /// The field.
    pub field: CandidateField,
    /// Where it begins: bytes from the begin of the text that was parsed.
    pub offset: usize,
    /// What is wrong with it.
    pub defect: CandidateDefect,
}

impl ParseCandidateError {
    /// Whether RFC 8839 5.1 has such a line ignored rather than being an error of the peer: an unknown transport or
    /// type, a domain name, an unknown address family.
    #[must_use]
    pub const fn is_ignorable(&self) -> bool {
        matches!(
            self.defect,
            CandidateDefect::UnknownTransport
                | CandidateDefect::UnknownType
                | CandidateDefect::DomainName
                | CandidateDefect::UnknownFamily
        )
    }

    pub(super) fn new(field: CandidateField, offset: usize, defect: impl Into<CandidateDefect>) -> Self {
        Self { field, offset, defect: defect.into() }
    }
}

impl From<CandidateError> for ParseCandidateError {
    /// For a candidate whose parts were read and do not fit each other.
    fn from(error: CandidateError) -> Self {
        let field = match error {
            CandidateError::Extension(_) | CandidateError::ExtensionsLength(_) => CandidateField::Extension,
            CandidateError::MdnsName => CandidateField::Address,
            CandidateError::RelatedOnHost | CandidateError::RelatedMissing(_) => {
                CandidateField::RelatedAddress
            }
        };
        Self::new(field, 0, error)
    }
}

/// Why a description cannot be used as a whole, and which line shows it. Nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SDP line {line}: {what}")]
#[non_exhaustive]
pub struct ParseError {
    /// The number of the line, from 1; 0 where it is not one line's fault.
    pub line: usize,
    /// What is wrong.
    pub what: ParseErrorKind,
}

impl ParseError {
    pub(super) fn new(line: usize, what: impl Into<ParseErrorKind>) -> Self {
        Self { line, what: what.into() }
    }
}

/// What makes a description unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// It is longer than [`MAX_DESCRIPTION_LENGTH`](super::MAX_DESCRIPTION_LENGTH).
    #[error("{0} bytes are too many for a description")]
    TooLong(usize),
    /// It has more than [`MAX_SECTIONS`](super::MAX_SECTIONS) media sections.
    #[error("there are more than {max} media sections", max = super::MAX_SECTIONS)]
    TooManySections,
    /// A fragment or password is none: without it no check can be sent or answered.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Fragment or password stands twice on one level, with different values.
    #[error("{0} stands twice on its level, with different values")]
    Repeated(&'static str),
    /// A fragment stands there, and neither its section nor the session has a password.
    #[error("there is no ice-pwd for this ice-ufrag")]
    NoPwd,
    /// A password stands there, and neither its section nor the session has a fragment.
    #[error("there is no ice-ufrag for this ice-pwd")]
    NoUfrag,
    /// Two sections have the same fragment and different passwords (RFC 8839 5.4).
    #[error("another stream has the same ice-ufrag with another ice-pwd")]
    PwdDiffers,
    /// A trickle fragment does not say which generation it belongs to (RFC 8840 4.4).
    #[error("the trickle fragment has no ice-ufrag and ice-pwd")]
    NoCredentials,
}

/// A line that was left out, while the rest of the description was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SDP line {line}: {what}")]
#[non_exhaustive]
pub struct RefusedLine {
    /// The number of the line, from 1.
    pub line: usize,
    /// The media section it stands in, from 0; `None` before the first.
    pub section: Option<usize>,
    /// What is wrong with it.
    pub what: LineError,
}

impl RefusedLine {
    /// Whether RFC 8839 5.1 has the line ignored; see [`ParseCandidateError::is_ignorable`].
    #[must_use]
    pub const fn is_ignorable(&self) -> bool {
        match &self.what {
            LineError::Candidate(error) => error.is_ignorable(),
            _ => false,
        }
    }
}

/// What is wrong with one line of a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// A candidate that cannot be used; its offset counts from the begin of the line.
    #[error(transparent)]
    Candidate(#[from] ParseCandidateError),
    /// `ice-options` holds what is no option.
    #[error("ice-options: {0}")]
    Options(#[from] IceOptionsError),
    /// `ice-pacing` is no number.
    #[error("ice-pacing: {0}")]
    Pacing(#[from] PacingError),
    /// `remote-candidates` is no list of addresses.
    #[error("remote-candidates: {0}")]
    RemoteCandidates(#[from] RemoteCandidatesError),
    /// `mid` is no token.
    #[error("mid: {0}")]
    Mid(#[from] MidError),
    /// An `m=`, `c=` or `a=rtcp` line is not understood, so the default destination is not known.
    #[error("the default destination is not understood")]
    Destination,
    /// The attribute belongs to the session and stands in a media section, or the other way round.
    #[error("{0} does not belong on this level")]
    Misplaced(&'static str),
    /// The attribute stands there once more with another value, or another section has this `mid`.
    #[error("{0} stands there twice")]
    Repeated(&'static str),
    /// The line stands before the `mid` that says which section it is about (RFC 8840 4.4).
    #[error("there is no mid before {0}")]
    NoMid(&'static str),
}
