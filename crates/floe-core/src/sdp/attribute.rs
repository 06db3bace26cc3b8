//! One `a=` line.

use super::{LineError, Pacing, RemoteCandidates, destination::Rtcp, line::equal};
use crate::Candidate;

/// What an `a=` line means to ICE. User name fragment and password are borrowed: their level checks them, and a secret
/// is not copied around. Options are too, since one bad token shall not cost the others.
pub(super) enum Attribute<'a> {
    Candidate(Candidate),
    Ufrag(&'a str),
    Pwd(&'a str),
    Options(&'a str),
    Lite,
    Mismatch,
    Pacing(Pacing),
    RemoteCandidates(RemoteCandidates),
    EndOfCandidates,
    Mid(&'a str),
    Rtcp(Rtcp),
    RtcpMux,
}

impl<'a> Attribute<'a> {
    /// Reads what follows `a=`; `None` is an attribute that ICE has nothing to do with.
    ///
    /// RFC 8840 9.2: a receiver takes the names in any case.
    pub(super) fn read(text: &'a str) -> Option<Result<Self, LineError>> {
        let (name, value) = text.split_once(':').map_or((text, ""), |(name, value)| (name, value));
        let read = match attribute(name)? {
            Name::Candidate => value.parse().map(Self::Candidate).map_err(in_line),
            Name::Ufrag => Ok(Self::Ufrag(value)),
            Name::Pwd => Ok(Self::Pwd(value)),
            Name::Options => Ok(Self::Options(value)),
            Name::Lite => Ok(Self::Lite),
            Name::Mismatch => Ok(Self::Mismatch),
            Name::Pacing => value.parse().map(Self::Pacing).map_err(LineError::from),
            Name::RemoteCandidates => value.parse().map(Self::RemoteCandidates).map_err(LineError::from),
            Name::EndOfCandidates => Ok(Self::EndOfCandidates),
            Name::Mid => Ok(Self::Mid(value)),
            Name::Rtcp => Rtcp::read(value).map(Self::Rtcp).ok_or(LineError::Destination),
            Name::RtcpMux => Ok(Self::RtcpMux),
        };
        Some(read)
    }

    /// Its name, for reports.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Candidate(_) => "candidate",
            Self::Ufrag(_) => "ice-ufrag",
            Self::Pwd(_) => "ice-pwd",
            Self::Options(_) => "ice-options",
            Self::Lite => "ice-lite",
            Self::Mismatch => "ice-mismatch",
            Self::Pacing(_) => "ice-pacing",
            Self::RemoteCandidates(_) => "remote-candidates",
            Self::EndOfCandidates => "end-of-candidates",
            Self::Mid(_) => "mid",
            Self::Rtcp(_) => "rtcp",
            Self::RtcpMux => "rtcp-mux",
        }
    }
}

#[derive(Clone, Copy)]
enum Name {
    Candidate,
    Ufrag,
    Pwd,
    Options,
    Lite,
    Mismatch,
    Pacing,
    RemoteCandidates,
    EndOfCandidates,
    Mid,
    Rtcp,
    RtcpMux,
}

fn attribute(name: &str) -> Option<Name> {
    const NAMES: [(&str, Name); 13] = [
        ("candidate", Name::Candidate),
        ("ice-ufrag", Name::Ufrag),
        ("ice-pwd", Name::Pwd),
        ("ice-options", Name::Options),
        ("ice-lite", Name::Lite),
        ("ice-mismatch", Name::Mismatch),
        ("ice-pacing", Name::Pacing),
        ("remote-candidates", Name::RemoteCandidates),
        ("end-of-candidates", Name::EndOfCandidates),
        ("mid", Name::Mid),
        ("rtcp", Name::Rtcp),
        ("rtcp-mux", Name::RtcpMux),
        ("rtcp-mux-only", Name::RtcpMux),
    ];
    NAMES.iter().find(|(known, _)| equal(name, known)).map(|(_, name)| *name)
}

/// The place of a candidate's error, counted from the begin of the line.
fn in_line(mut error: crate::ParseCandidateError) -> LineError {
    error.offset += "a=candidate:".len();
    LineError::Candidate(error)
}

/// The lines of a description that say something, each with its number (from 1), type letter and value.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, char, &str)> {
    text.split('\n').enumerate().filter_map(|(index, line)| {
        let (kind, value) = line.trim_ascii_end().split_once('=')?;
        let mut letters = kind.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => Some((index + 1, letter, value)),
            _ => None,
        }
    })
}
