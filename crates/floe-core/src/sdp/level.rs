//! Credentials at session and at media level (RFC 8839 5.4).

use std::collections::BTreeMap;

use super::{ParseError, ParseErrorKind};
use crate::{
    Credentials,
    credentials::{check_pwd, check_ufrag},
};

/// What one level says, each with the number of its line.
#[derive(Default, Clone, Copy)]
pub(super) struct Level<'a> {
    ufrag: Option<(usize, &'a str)>,
    pwd: Option<(usize, &'a str)>,
}

impl<'a> Level<'a> {
    pub(super) fn set_ufrag(&mut self, line: usize, value: &'a str) -> Result<(), ParseError> {
        check_ufrag(value).map_err(|error| ParseError::new(line, error))?;
        set(&mut self.ufrag, line, value, "ice-ufrag")
    }

    pub(super) fn set_pwd(&mut self, line: usize, value: &'a str) -> Result<(), ParseError> {
        check_pwd(value).map_err(|error| ParseError::new(line, error))?;
        set(&mut self.pwd, line, value, "ice-pwd")
    }

    /// Takes in what another part of the same level says.
    pub(super) fn join(&mut self, other: &Self) -> Result<(), ParseError> {
        if let Some((line, value)) = other.ufrag {
            self.set_ufrag(line, value)?;
        }
        if let Some((line, value)) = other.pwd {
            self.set_pwd(line, value)?;
        }
        Ok(())
    }

    /// The credentials of this level; `None` where it has none or half of them.
    pub(super) fn own(&self) -> Option<Credentials> {
        Credentials::new(self.ufrag?.1, self.pwd?.1).ok()
    }

    /// What holds for a section of this level below that one: of fragment and password each the nearer.
    pub(super) fn below(&self, session: &Self) -> Self {
        Self { ufrag: self.ufrag.or(session.ufrag), pwd: self.pwd.or(session.pwd) }
    }

    /// The credentials; `None` where there are none, so that this stream has no ICE.
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, ParseError> {
        match (self.ufrag, self.pwd) {
            (None, None) => Ok(None),
            (Some((line, _)), None) => Err(ParseError { line, what: ParseErrorKind::NoPwd }),
            (None, Some((line, _))) => Err(ParseError { line, what: ParseErrorKind::NoUfrag }),
            (Some((line, ufrag)), Some((_, pwd))) => {
                Credentials::new(ufrag, pwd).map(Some).map_err(|error| ParseError::new(line, error))
            }
        }
    }
}

/// The same line twice is a slip; two that differ leave open which one holds.
fn set<'a>(
    slot: &mut Option<(usize, &'a str)>,
    line: usize,
    value: &'a str,
    name: &'static str,
) -> Result<(), ParseError> {
    match slot {
        Some((_, old)) if *old != value => Err(ParseError { line, what: ParseErrorKind::Repeated(name) }),
        _ => {
            *slot = Some((line, value));
            Ok(())
        }
    }
}

/// RFC 8839 5.4: streams with one fragment have one password.
pub(super) fn check_agreement<'a>(levels: impl IntoIterator<Item = Level<'a>>) -> Result<(), ParseError> {
    let mut seen = BTreeMap::new();
    for level in levels {
        if let (Some((_, ufrag)), Some((line, pwd))) = (level.ufrag, level.pwd)
            && *seen.entry(ufrag).or_insert(pwd) != pwd
        {
            return Err(ParseError { line, what: ParseErrorKind::PwdDiffers });
        }
    }
    Ok(())
}
