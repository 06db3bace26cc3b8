//! Trickle fragments: `application/trickle-ice-sdpfrag` (RFC 8840 9).

use std::{collections::BTreeMap, fmt};

use super::{
    LineError, MAX_SECTIONS, Mid, ParseError, ParseErrorKind, RefusedLine,
    attribute::{Attribute, lines},
    level::{Level, check_agreement},
    read::check_length,
    write::{write_credentials, write_end},
};
use crate::{Candidate, Credentials};

/// The body of a SIP INFO, or of an HTTP PATCH of WHIP and WHEP, that brings candidates.
///
/// `Display` is the body, with passwords and addresses; `Debug` has neither.
///
/// ```
/// use floe_core::sdp::Fragment;
///
/// let body = "a=ice-ufrag:8hhY\r\n\
///     a=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
///     m=audio 9 RTP/AVP 0\r\n\
///     a=mid:0\r\n\
///     a=candidate:1 1 udp 2130706431 192.0.2.1 5010 typ host\r\n\
///     a=end-of-candidates\r\n";
/// let fragment = Fragment::parse(body)?;
/// assert_eq!(fragment.sections[0].credentials.ufrag(), "8hhY");
/// assert_eq!(fragment.to_string(), body);
/// # Ok::<(), floe_core::sdp::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fragment {
    /// The credentials of the session level: there where the offer or answer has them there (RFC 8840 4.4).
    pub credentials: Option<Credentials>,
    /// `end-of-candidates` of the session level: no stream gets more.
    pub end_of_candidates: bool,
    /// The sections, one for each `mid`, in order.
    pub sections: Vec<FragmentSection>,
    /// The lines that were left out, and why.
    pub refused: Vec<RefusedLine>,
}

/// The candidates of one media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentSection {
    /// Which section. The pseudo `m=` line above it says nothing, and neither does the order of the sections.
    pub mid: Mid,
    /// The credentials that hold for it, its own or the session's: they name the generation of its candidates.
    pub credentials: Credentials,
    /// Its candidates, in order.
    pub candidates: Vec<Candidate>,
    /// `end-of-candidates` of its own.
    pub end_of_candidates: bool,
}

impl Fragment {
    /// Reads a body. Attributes that are not about trickling are skipped.
    ///
    /// # Errors
    /// It is too long, or the credentials of a section are missing, malformed or contradictory. All else that is wrong
    /// ends up in [`refused`](Self::refused).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        check_length(text)?;
        let mut reader = Reader::default();
        for (number, letter, value) in lines(text) {
            match letter {
                'm' => reader.pseudo_media(number)?,
                'a' => match Attribute::read(value) {
                    Some(Ok(attribute)) => reader.attribute(number, attribute)?,
                    Some(Err(what)) => reader.refuse(number, what),
                    None => {}
                },
                _ => {}
            }
        }
        reader.finish()
    }
}

impl fmt::Display for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_credentials(f, self.credentials.as_ref())?;
        write_end(f, self.end_of_candidates)?;
        for section in &self.sections {
            f.write_str("m=audio 9 RTP/AVP 0\r\n")?;
            let own = Some(&section.credentials).filter(|own| self.credentials.as_ref() != Some(*own));
            write_credentials(f, own)?;
            // RFC 8840 4.4: the mid stands right before its candidates.
            write!(f, "a=mid:{}\r\n", section.mid)?;
            section.candidates.iter().try_for_each(|candidate| write!(f, "a={candidate}\r\n"))?;
            write_end(f, section.end_of_candidates)?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Reader<'a> {
    session_level: Level<'a>,
    end_of_candidates: bool,
    /// The index of each `mid` in `sections`.
    mids: BTreeMap<&'a str, usize>,
    sections: Vec<Section<'a>>,
    /// What follows the latest pseudo `m=` line; `None` before the first.
    current: Option<Pseudo<'a>>,
    pseudo_lines: usize,
    refused: Vec<RefusedLine>,
}

/// What follows one pseudo `m=` line: which section it is about, once the `mid` has come, and its credentials.
#[derive(Default)]
struct Pseudo<'a> {
    section: Option<usize>,
    level: Level<'a>,
}

struct Section<'a> {
    mid: Mid,
    level: Level<'a>,
    candidates: Vec<Candidate>,
    end_of_candidates: bool,
}

impl<'a> Reader<'a> {
    fn pseudo_media(&mut self, number: usize) -> Result<(), ParseError> {
        self.close()?;
        if self.pseudo_lines >= MAX_SECTIONS {
            return Err(ParseError::new(number, ParseErrorKind::TooManySections));
        }
        self.pseudo_lines += 1;
        self.current = Some(Pseudo::default());
        Ok(())
    }

    /// Hands the credentials of what is behind the latest pseudo `m=` line to its section.
    fn close(&mut self) -> Result<(), ParseError> {
        let Some(Pseudo { section: Some(index), level }) = self.current.take() else { return Ok(()) };
        self.sections.get_mut(index).map_or(Ok(()), |section| section.level.join(&level))
    }

    fn attribute(&mut self, number: usize, attribute: Attribute<'a>) -> Result<(), ParseError> {
        let level = self.current.as_mut().map_or(&mut self.session_level, |pseudo| &mut pseudo.level);
        let outcome = match attribute {
            Attribute::Ufrag(value) => return level.set_ufrag(number, value),
            Attribute::Pwd(value) => return level.set_pwd(number, value),
            Attribute::Mid(value) => self.mid(value),
            Attribute::Candidate(candidate) => {
                self.section("candidate").map(|section| section.candidates.push(candidate))
            }
            Attribute::EndOfCandidates if self.current.is_none() => {
                self.end_of_candidates = true;
                Ok(())
            }
            Attribute::EndOfCandidates => {
                self.section("end-of-candidates").map(|section| section.end_of_candidates = true)
            }
            // RFC 8840 9.2 allows them here; the offer or answer has said it all.
            Attribute::Options(_)
            | Attribute::Lite
            | Attribute::Mismatch
            | Attribute::Pacing(_)
            | Attribute::RemoteCandidates(_)
            | Attribute::Rtcp(_)
            | Attribute::RtcpMux => Ok(()),
        };
        if let Err(what) = outcome {
            self.refuse(number, what);
        }
        Ok(())
    }

    fn mid(&mut self, value: &'a str) -> Result<(), LineError> {
        let pseudo = self.current.as_mut().ok_or(LineError::Misplaced("mid"))?;
        let mid = Mid::new(value)?;
        if pseudo.section.is_some() {
            return Err(LineError::Repeated("mid"));
        }
        let sections = &mut self.sections;
        pseudo.section = Some(*self.mids.entry(value).or_insert_with(|| {
            sections.push(Section {
                mid,
                level: Level::default(),
                candidates: Vec::new(),
                end_of_candidates: false,
            });
            sections.len() - 1
        }));
        Ok(())
    }

    /// The section that the line of this attribute is about.
    fn section(&mut self, attribute: &'static str) -> Result<&mut Section<'a>, LineError> {
        let index = self.current.as_ref().and_then(|pseudo| pseudo.section);
        index.and_then(|index| self.sections.get_mut(index)).ok_or(LineError::NoMid(attribute))
    }

    fn refuse(&mut self, line: usize, what: LineError) {
        self.refused.push(RefusedLine { line, section: self.pseudo_lines.checked_sub(1), what });
    }

    fn finish(mut self) -> Result<Fragment, ParseError> {
        self.close()?;
        let Self { session_level, end_of_candidates, sections, refused, .. } = self;
        let none = || ParseError::new(0, ParseErrorKind::NoCredentials);
        check_agreement(sections.iter().map(|section| section.level.below(&session_level)))?;
        if sections.is_empty() {
            session_level.credentials()?.ok_or_else(none)?;
        }
        let sections = sections.into_iter().map(|section| {
            let credentials = section.level.below(&session_level).credentials()?.ok_or_else(none)?;
            let Section { mid, candidates, end_of_candidates, .. } = section;
            Ok(FragmentSection { mid, credentials, candidates, end_of_candidates })
        });
        let sections = sections.collect::<Result<_, _>>()?;
        Ok(Fragment { credentials: session_level.own(), end_of_candidates, sections, refused })
    }
}

#[cfg(test)]
mod tests;
