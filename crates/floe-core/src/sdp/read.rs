//! Reading a description.

use std::collections::BTreeSet;

use super::{
    Connection, Destination, LineError, MAX_DESCRIPTION_LENGTH, MAX_SECTIONS, Media, Mid, ParseError,
    ParseErrorKind, RefusedLine, Session,
    attribute::{Attribute, lines},
    destination::{MediaLine, Rtcp},
    level::{Level, check_agreement},
    line::{Fields, starts},
};

/// Reads a whole description; see [`Session::parse`].
pub(super) fn session(text: &str) -> Result<Session, ParseError> {
    check_length(text)?;
    let mut reader = Reader::default();
    for (number, letter, value) in lines(text) {
        reader.line(number, letter, value)?;
    }
    reader.finish()
}

/// Refuses a text that is too long before any of it is read.
pub(super) fn check_length(text: &str) -> Result<(), ParseError> {
    if text.len() > MAX_DESCRIPTION_LENGTH {
        return Err(ParseError::new(0, ParseErrorKind::TooLong(text.len())));
    }
    Ok(())
}

#[derive(Default)]
struct Reader<'a> {
    session: Session,
    session_level: Level<'a>,
    session_connection: Option<Connection>,
    /// One for each media section.
    sections: Vec<Section<'a>>,
    mids: BTreeSet<&'a str>,
}

/// What of a media section cannot be told before all of it was read.
#[derive(Default)]
struct Section<'a> {
    level: Level<'a>,
    connection: Option<Connection>,
    rtcp: Option<Rtcp>,
    /// Whether its `m=` line was understood.
    is_known: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, letter: char, value: &'a str) -> Result<(), ParseError> {
        match letter {
            'm' => self.media(number, value)?,
            'c' => self.connection(number, value),
            'a' => match Attribute::read(value) {
                Some(Ok(attribute)) => self.attribute(number, attribute)?,
                Some(Err(what)) => self.refuse(number, what),
                None => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// Begins a section. One whose line is not understood is counted all the same: candidates go by its index.
    fn media(&mut self, number: usize, value: &str) -> Result<(), ParseError> {
        if self.sections.len() >= MAX_SECTIONS {
            return Err(ParseError::new(number, ParseErrorKind::TooManySections));
        }
        let line = MediaLine::read(value);
        let mut media = Media::new(line.as_ref().map_or("", |line| line.kind), None, None);
        media.default = None;
        if let Some(line) = &line {
            media.port = line.port;
            media.is_tcp = starts(line.protocol, "TCP");
        }
        self.session.media.push(media);
        self.sections.push(Section { is_known: line.is_some(), ..Section::default() });
        if line.is_none() {
            self.refuse(number, LineError::Destination);
        }
        Ok(())
    }

    fn connection(&mut self, number: usize, value: &str) {
        let Some(connection) = Connection::read(&mut Fields::new(value, 0)) else {
            return self.refuse(number, LineError::Destination);
        };
        // RFC 8866 5.7: a section may have several, one for each layer of a hierarchical encoding; the first is it.
        let slot =
            self.sections.last_mut().map_or(&mut self.session_connection, |section| &mut section.connection);
        slot.get_or_insert(connection);
    }

    fn attribute(&mut self, number: usize, attribute: Attribute<'a>) -> Result<(), ParseError> {
        let level = self.sections.last_mut().map_or(&mut self.session_level, |section| &mut section.level);
        let outcome = match attribute {
            Attribute::Ufrag(value) => return level.set_ufrag(number, value),
            Attribute::Pwd(value) => return level.set_pwd(number, value),
            Attribute::Mid(value) => self.mid(value),
            attribute => match (self.session.media.last_mut(), self.sections.last_mut()) {
                (Some(media), Some(section)) => media_attribute(media, section, attribute),
                _ => session_attribute(&mut self.session, attribute),
            },
        };
        if let Err(what) = outcome {
            self.refuse(number, what);
        }
        Ok(())
    }

    fn mid(&mut self, value: &'a str) -> Result<(), LineError> {
        let media = self.session.media.last_mut().ok_or(LineError::Misplaced("mid"))?;
        let mid = Mid::new(value)?;
        if media.mid.is_some() || !self.mids.insert(value) {
            return Err(LineError::Repeated("mid"));
        }
        media.mid = Some(mid);
        Ok(())
    }

    fn refuse(&mut self, line: usize, what: LineError) {
        let section = self.sections.len().checked_sub(1);
        self.session.refused.push(RefusedLine { line, section, what });
    }

    /// Resolves what comes from both levels.
    fn finish(mut self) -> Result<Session, ParseError> {
        self.session.credentials = self.session_level.own();
        let effective: Vec<_> =
            self.sections.iter().map(|section| section.level.below(&self.session_level)).collect();
        check_agreement(effective.iter().copied())?;
        if effective.is_empty() {
            self.session_level.credentials()?;
        }
        for ((media, section), level) in self.session.media.iter_mut().zip(&self.sections).zip(&effective) {
            media.credentials = level.credentials()?;
            let connection = section.connection.or(self.session_connection);
            if section.is_known {
                let port = media.port;
                media.default = connection.map(|connection| Destination { connection, port });
            }
            media.rtcp = section.rtcp.and_then(|rtcp| {
                let connection = rtcp.connection.or(connection)?;
                Some(Destination { connection, port: rtcp.port })
            });
        }
        Ok(self.session)
    }
}

fn session_attribute(session: &mut Session, attribute: Attribute<'_>) -> Result<(), LineError> {
    match attribute {
        Attribute::Lite => session.lite = true,
        Attribute::Pacing(pacing) if session.pacing.is_some_and(|old| old != pacing) => {
            return Err(LineError::Repeated("ice-pacing"));
        }
        Attribute::Pacing(pacing) => session.pacing = Some(pacing),
        Attribute::Options(value) => session.options.take(value)?,
        Attribute::EndOfCandidates => session.end_of_candidates = true,
        other => return Err(LineError::Misplaced(other.name())),
    }
    Ok(())
}

fn media_attribute(
    media: &mut Media,
    section: &mut Section<'_>,
    attribute: Attribute<'_>,
) -> Result<(), LineError> {
    match attribute {
        Attribute::Candidate(candidate) => media.candidates.push(candidate),
        Attribute::Options(value) => media.options.take(value)?,
        Attribute::RemoteCandidates(more) => media.remote_candidates.join(more)?,
        Attribute::Mismatch => media.mismatch = true,
        Attribute::EndOfCandidates => media.end_of_candidates = true,
        Attribute::RtcpMux => media.rtcp_mux = true,
        Attribute::Rtcp(rtcp) => section.rtcp = Some(rtcp),
        other => return Err(LineError::Misplaced(other.name())),
    }
    Ok(())
}
