//! What trickle fragments repeat (RFC 8840 4.4): a sender that repeats it, a receiver that passes on what is new.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fragment, FragmentSection, Media, Mid, Session};
use crate::{Candidate, CandidateAddress, ComponentId, Credentials, Transport};

/// What makes two candidates one and the same (RFC 8840 4.4). Who connects is part of the transport: an active and a
/// passive TCP candidate pair with different candidates of the other side (RFC 6544 6.2).
type Key = (ComponentId, Transport, CandidateAddress);

fn key(candidate: &Candidate) -> Key {
    (candidate.component(), candidate.transport(), candidate.address().clone())
}

/// Makes the fragments of one generation: each repeats all candidates so far in the same order, the new ones last, and
/// there is none while another one waits for its answer (RFC 8840 4.4, 10.9).
///
/// Commands are [`add`](Self::add), [`end`](Self::end) and [`end_all`](Self::end_all);
/// [`poll_fragment`](Self::poll_fragment) gives what is to be sent, and [`handle_answer`](Self::handle_answer) or
/// [`handle_failure`](Self::handle_failure) takes what became of it. After a restart, begin a new one.
#[derive(Debug, Clone)]
pub struct TrickleSender {
    credentials: Option<Credentials>,
    sections: Vec<Sent>,
    ended: bool,
    has_news: bool,
    is_pending: bool,
}

#[derive(Debug, Clone)]
struct Sent {
    section: FragmentSection,
    known: BTreeSet<Key>,
}

impl TrickleSender {
    /// For the agent whose offer or answer this is. What it has told already is repeated too, and is no news. Sections
    /// without `mid` or credentials cannot be trickled to.
    #[must_use]
    pub fn new(own: &Session) -> Self {
        let sections = own.media.iter().filter_map(|media| {
            let section = FragmentSection {
                mid: media.mid.clone()?,
                credentials: media.credentials.clone()?,
                candidates: media.candidates.clone(),
                end_of_candidates: media.end_of_candidates,
            };
            Some(Sent { known: section.candidates.iter().map(key).collect(), section })
        });
        Self {
            credentials: own.credentials.clone(),
            sections: sections.collect(),
            ended: own.end_of_candidates,
            has_news: false,
            is_pending: false,
        }
    }

    /// Adds a candidate to a section; one that is there already changes nothing.
    ///
    /// # Errors
    /// There is no such section, or its candidates have ended: nothing may follow (RFC 8838 13).
    pub fn add(&mut self, mid: &Mid, candidate: Candidate) -> Result<(), TrickleError> {
        let sent = self.open(mid)?;
        if sent.known.insert(key(&candidate)) {
            sent.section.candidates.push(candidate);
            self.has_news = true;
        }
        Ok(())
    }

    /// Ends the candidates of a section.
    ///
    /// # Errors
    /// There is no such section, or its candidates have ended before.
    pub fn end(&mut self, mid: &Mid) -> Result<(), TrickleError> {
        self.open(mid)?.section.end_of_candidates = true;
        self.has_news = true;
        Ok(())
    }

    /// Ends the candidates of all sections.
    pub const fn end_all(&mut self) {
        self.has_news |= !self.ended;
        self.ended = true;
    }

    /// The fragment to send now: `None` where there is nothing new or the one before was not answered yet.
    pub fn poll_fragment(&mut self) -> Option<Fragment> {
        if self.is_pending || !self.has_news {
            return None;
        }
        (self.is_pending, self.has_news) = (true, false);
        let sections = self.sections.iter().map(|sent| &sent.section);
        let told = sections.filter(|section| !section.candidates.is_empty() || section.end_of_candidates);
        Some(Fragment {
            credentials: self.credentials.clone(),
            end_of_candidates: self.ended,
            sections: told.cloned().collect(),
            refused: Vec::new(),
        })
    }

    /// The latest fragment was answered.
    pub const fn handle_answer(&mut self) {
        self.is_pending = false;
    }

    /// The latest fragment was lost: it is news again.
    pub const fn handle_failure(&mut self) {
        self.has_news |= self.is_pending;
        self.is_pending = false;
    }

    fn open(&mut self, mid: &Mid) -> Result<&mut Sent, TrickleError> {
        let sent = self.sections.iter_mut().find(|sent| sent.section.mid == *mid);
        match sent {
            None => Err(TrickleError::UnknownMid),
            Some(sent) if self.ended || sent.section.end_of_candidates => Err(TrickleError::Ended),
            Some(sent) => Ok(sent),
        }
    }
}

/// Why a candidate cannot be trickled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrickleError {
    /// The agent's own description has no section with this `mid`, or one without credentials.
    #[error("there is no section with this mid")]
    UnknownMid,
    /// The candidates of this generation have ended: restart ICE to send others.
    #[error("the candidates of this section have ended")]
    Ended,
}

/// Takes fragments of the peer and passes on what is new in them, in order (RFC 8840 4.4); what is new after the end of
/// candidates is ignored (RFC 8838 14).
///
/// It holds for one generation; after a restart, begin a new one from the peer's new description.
#[derive(Debug, Clone)]
pub struct TrickleReceiver {
    /// Those of the session level, which all sections may override.
    credentials: Option<Credentials>,
    sections: Vec<Known>,
    /// The index of each `mid` in `sections`.
    mids: BTreeMap<Mid, usize>,
}

#[derive(Debug, Clone)]
struct Known {
    credentials: Option<Credentials>,
    candidates: BTreeSet<Key>,
    ended: bool,
}

/// What a fragment brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trickled {
    /// The sections with something new, by their index in the peer's description.
    pub sections: Vec<TrickledSection>,
    /// How many sections of the fragment are about a `mid` that the peer's description does not have.
    pub unknown_mids: usize,
    /// How many new candidates were dropped because the section has had
    /// [`MAX_CANDIDATES`](TrickleReceiver::MAX_CANDIDATES).
    pub dropped: usize,
    /// How many new candidates were ignored because the section had ended with an earlier fragment (RFC 8838 14).
    pub too_late: usize,
}

/// What a fragment brought to one section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrickledSection {
    /// The index of the section in the peer's description.
    pub index: usize,
    /// The candidates that are new, in the order of the fragment.
    pub candidates: Vec<Candidate>,
    /// Whether the section ended with this fragment.
    pub ended: bool,
}

impl TrickleReceiver {
    /// The most candidates a section may bring in one generation. A peer with more floods.
    pub const MAX_CANDIDATES: usize = 1000;

    /// For the peer whose offer or answer this is; its candidates are known already.
    #[must_use]
    pub fn new(peer: &Session) -> Self {
        let known = |media: &Media| Known {
            credentials: media.credentials.clone(),
            candidates: media.candidates.iter().map(key).collect(),
            ended: peer.is_ended(media),
        };
        let mids =
            peer.media.iter().enumerate().filter_map(|(index, media)| Some((media.mid.clone()?, index)));
        Self {
            credentials: peer.credentials.clone(),
            sections: peer.media.iter().map(known).collect(),
            mids: mids.collect(),
        }
    }

    /// Takes a fragment.
    ///
    /// # Errors
    /// It is of another generation: to be dropped as a whole (RFC 8840 4.4). Nothing has changed.
    pub fn handle(&mut self, fragment: Fragment) -> Result<Trickled, WrongGeneration> {
        if !self.is_current(&fragment) {
            return Err(WrongGeneration);
        }
        let mut trickled = Trickled::default();
        for section in fragment.sections {
            let index = self.mids.get(&section.mid).copied();
            match index.and_then(|index| Some((index, self.sections.get_mut(index)?))) {
                Some((index, known)) => {
                    trickled.take(index, known, section.candidates, section.end_of_candidates);
                }
                None => trickled.unknown_mids += 1,
            }
        }
        if fragment.end_of_candidates {
            for (index, known) in self.sections.iter_mut().enumerate() {
                trickled.take(index, known, Vec::new(), true);
            }
        }
        Ok(trickled)
    }

    /// Whether all credentials in it are those of this generation.
    fn is_current(&self, fragment: &Fragment) -> bool {
        let section_is_current = |section: &FragmentSection| {
            let known = self.mids.get(&section.mid).and_then(|index| self.sections.get(*index));
            known.is_none_or(|known| known.credentials.as_ref() == Some(&section.credentials))
        };
        let is_known = |credentials: &Credentials| {
            let sections = self.sections.iter().map(|known| &known.credentials);
            sections.chain([&self.credentials]).any(|known| known.as_ref() == Some(credentials))
        };
        fragment.sections.iter().all(section_is_current) && fragment.credentials.as_ref().is_none_or(is_known)
    }
}

impl Trickled {
    fn take(&mut self, index: usize, known: &mut Known, candidates: Vec<Candidate>, ended: bool) {
        let mut new = Vec::new();
        for candidate in candidates {
            let key = key(&candidate);
            if known.candidates.contains(&key) {
                continue;
            }
            if known.ended {
                self.too_late += 1;
                continue;
            }
            if known.candidates.len() >= TrickleReceiver::MAX_CANDIDATES {
                self.dropped += 1;
                continue;
            }
            known.candidates.insert(key);
            new.push(candidate);
        }
        let ended = ended && !known.ended;
        known.ended |= ended;
        if new.is_empty() && !ended {
            return;
        }
        match self.sections.iter_mut().find(|section| section.index == index) {
            Some(section) => {
                section.candidates.append(&mut new);
                section.ended |= ended;
            }
            None => self.sections.push(TrickledSection { index, candidates: new, ended }),
        }
    }
}

/// The fragment's credentials are not those of the current generation: it is older, or a restart is not known here yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the trickle fragment is of another generation")]
pub struct WrongGeneration;

#[cfg(test)]
mod tests;
