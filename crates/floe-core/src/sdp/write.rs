//! Writing what a description says about ICE.

use std::fmt;

use super::{IceOptions, Media, Session};
use crate::Credentials;

/// The ICE lines of the session level, each ended by CR LF; see [`Session::session_lines`].
///
/// The text holds addresses and passwords: it is the signalling itself. `Debug` holds none.
#[derive(Debug, Clone, Copy)]
pub struct SessionLines<'a>(&'a Session);

/// The ICE lines of a media section, each ended by CR LF; see [`Session::media_lines`].
///
/// The text holds addresses and passwords: it is the signalling itself. `Debug` holds none.
#[derive(Debug, Clone, Copy)]
pub struct MediaLines<'a> {
    session: &'a Session,
    media: &'a Media,
}

impl Session {
    /// The ICE lines of the session level, to stand before the first `m=` line.
    ///
    /// A lite agent sends no pacing (RFC 8839 4.3.1).
    #[must_use]
    pub const fn session_lines(&self) -> SessionLines<'_> {
        SessionLines(self)
    }

    /// The ICE lines of a media section, to stand somewhere behind its `m=` line.
    ///
    /// A disabled section, with port 0, has none (RFC 8839 4.4.1.1.2), and one with `ice-mismatch` no candidates
    /// (RFC 8839 4.2.5). Credentials that are the session's are not repeated.
    #[must_use]
    pub const fn media_lines<'a>(&'a self, media: &'a Media) -> MediaLines<'a> {
        MediaLines { session: self, media }
    }
}

impl fmt::Display for SessionLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(session) = self;
        if session.lite {
            f.write_str("a=ice-lite\r\n")?;
        } else if let Some(pacing) = session.pacing {
            write!(f, "a=ice-pacing:{pacing}\r\n")?;
        }
        write_options(f, &session.options)?;
        write_credentials(f, session.credentials.as_ref())?;
        // RFC 8840 8.2: the end goes with the credentials of what has ended, on whichever level they are.
        let mut all = session.media.iter().map(|media| &media.credentials).chain([&session.credentials]);
        write_end(f, session.end_of_candidates && all.any(Option::is_some))
    }
}

impl fmt::Display for MediaLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, media } = self;
        if media.port == 0 {
            return Ok(());
        }
        write_options(f, &media.options)?;
        write_credentials(
            f,
            media.credentials.as_ref().filter(|own| session.credentials.as_ref() != Some(own)),
        )?;
        if media.mismatch {
            return f.write_str("a=ice-mismatch\r\n");
        }
        media.candidates.iter().try_for_each(|candidate| write!(f, "a={candidate}\r\n"))?;
        if !media.remote_candidates.is_empty() {
            write!(f, "a=remote-candidates:{}\r\n", media.remote_candidates)?;
        }
        write_end(f, media.end_of_candidates && media.credentials.is_some())
    }
}

fn write_options(f: &mut fmt::Formatter<'_>, options: &IceOptions) -> fmt::Result {
    if options.is_empty() { Ok(()) } else { write!(f, "a=ice-options:{options}\r\n") }
}

pub(super) fn write_credentials(
    f: &mut fmt::Formatter<'_>,
    credentials: Option<&Credentials>,
) -> fmt::Result {
    let Some(credentials) = credentials else { return Ok(()) };
    write!(f, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", credentials.ufrag(), credentials.pwd())
}

pub(super) fn write_end(f: &mut fmt::Formatter<'_>, ended: bool) -> fmt::Result {
    f.write_str(if ended { "a=end-of-candidates\r\n" } else { "" })
}
