//! Candidates as JSON has them: `RTCIceCandidateInit` of the W3C's WebRTC, and the bare text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Candidate, ParseCandidateError};

/// A candidate as browsers signal it: W3C `RTCIceCandidateInit`, under the names it has there.
///
/// It holds the text as it came, so that a line that cannot be used is told apart from JSON that cannot be read:
/// [`parse`](Self::parse) says what the text is. An empty text ends the candidates of its generation.
///
/// `Debug` shows what [`Candidate`]'s does.
///
/// ```
/// use floe_core::CandidateInit;
///
/// let line = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host";
/// let json = format!(r#"{{"candidate":"{line}","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"aBcD"}}"#);
/// let init: CandidateInit = serde_json::from_str(&json)?;
/// let candidate = init.parse()?.expect("not the end");
/// assert_eq!(candidate.ufrag(), Some("aBcD"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateInit {
    /// The text of the candidate; empty for the end of candidates.
    pub candidate: String,
    /// The `mid` of the media section it belongs to.
    #[serde(default)]
    pub sdp_mid: Option<String>,
    /// The index of that section, from zero: what counts where there is no `mid`.
    #[serde(default, rename = "sdpMLineIndex")]
    pub sdp_m_line_index: Option<u16>,
    /// The user name fragment of its generation (RFC 8838 9).
    #[serde(default)]
    pub username_fragment: Option<String>,
}

impl CandidateInit {
    /// The end of candidates of one section or, with neither [`at`](Self::at) nor [`with_ufrag`](Self::with_ufrag),
    /// of all.
    #[must_use]
    pub const fn end_of_candidates() -> Self {
        Self { candidate: String::new(), sdp_mid: None, sdp_m_line_index: None, username_fragment: None }
    }

    /// The same for this media section.
    #[must_use]
    pub fn at(mut self, mid: Option<&str>, m_line_index: u16) -> Self {
        self.sdp_mid = mid.map(Into::into);
        self.sdp_m_line_index = Some(m_line_index);
        self
    }

    /// The same for the generation of this user name fragment.
    #[must_use]
    pub fn with_ufrag(mut self, ufrag: &str) -> Self {
        self.username_fragment = Some(ufrag.into());
        self
    }

    /// The candidate; `None` is the end of candidates.
    ///
    /// A `usernameFragment` becomes the candidate's [`ufrag`](Candidate::ufrag), and wins over the one in its text.
    ///
    /// # Errors
    /// The text is no candidate, or one to be ignored ([`ParseCandidateError::is_ignorable`]).
    pub fn parse(&self) -> Result<Option<Candidate>, ParseCandidateError> {
        if self.candidate.trim_ascii().is_empty() { Ok(None) } else { Candidate::try_from(self).map(Some) }
    }
}

impl From<&Candidate> for CandidateInit {
    fn from(candidate: &Candidate) -> Self {
        Self {
            candidate: candidate.to_string(),
            username_fragment: candidate.ufrag().map(Into::into),
            ..Self::end_of_candidates()
        }
    }
}

impl From<Candidate> for CandidateInit {
    fn from(candidate: Candidate) -> Self {
        Self::from(&candidate)
    }
}

impl TryFrom<&CandidateInit> for Candidate {
    type Error = ParseCandidateError;

    /// The candidate; here the end of candidates is an error like any other text that is none.
    fn try_from(init: &CandidateInit) -> Result<Self, ParseCandidateError> {
        let candidate: Self = init.candidate.parse()?;
        match init.username_fragment.as_deref() {
            Some(ufrag) if !ufrag.is_empty() => {
                candidate.with_extension("ufrag", ufrag).map_err(ParseCandidateError::from)
            }
            _ => Ok(candidate),
        }
    }
}

impl TryFrom<CandidateInit> for Candidate {
    type Error = ParseCandidateError;

    fn try_from(init: CandidateInit) -> Result<Self, ParseCandidateError> {
        Self::try_from(&init)
    }
}

impl fmt::Debug for CandidateInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CandidateInit");
        match self.parse() {
            Ok(Some(candidate)) => shown.field("candidate", &candidate),
            Ok(None) => shown.field("candidate", &"end-of-candidates"),
            Err(error) => shown.field("candidate", &error),
        };
        shown
            .field("sdp_mid", &self.sdp_mid)
            .field("sdp_m_line_index", &self.sdp_m_line_index)
            .field("username_fragment", &self.username_fragment)
            .finish()
    }
}

impl Serialize for Candidate {
    /// As its SDP text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Candidate {
    /// From its SDP text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl de::Visitor<'_> for TextVisitor {
    type Value = Candidate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the SDP text of a candidate")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Candidate, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::{CandidateDefect, CandidateField};

    const LINE: &str = "candidate:1 1 udp 2130706431 192.0.2.17 50000 typ host";

    fn read(json: &str) -> CandidateInit {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_json_is_that_of_browsers() {
        let candidate: Candidate = format!("{LINE} generation 0 ufrag aBcD").parse().unwrap();
        let init = CandidateInit::from(&candidate).at(Some("audio"), 3);
        let json = format!(
            r#"{{"candidate":"{LINE} generation 0 ufrag aBcD","sdpMid":"audio","sdpMLineIndex":3,"usernameFragment":"aBcD"}}"#
        );
        assert_eq!(serde_json::to_string(&init).unwrap(), json);
        assert_eq!(read(&json), init);
        assert_eq!(init.parse(), Ok(Some(candidate)));
    }

    #[test]
    fn what_is_absent_or_unknown_does_no_harm() {
        let bare = read(&format!(r#"{{"type":"candidate","candidate":"a={LINE}","more":[1]}}"#));
        assert_eq!(
            bare,
            CandidateInit { candidate: format!("a={LINE}"), ..CandidateInit::end_of_candidates() }
        );
        assert_eq!(bare.parse(), Ok(Some(LINE.parse().unwrap())));
        let nulls = read(&format!(
            r#"{{"candidate":"{LINE}","sdpMid":null,"sdpMLineIndex":null,"usernameFragment":null}}"#
        ));
        assert_eq!(nulls.parse(), bare.parse());
    }

    #[test]
    fn an_empty_text_is_the_end_of_candidates() {
        let end = read(r#"{"candidate":"","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"aBcD"}"#);
        assert_eq!(end.parse(), Ok(None));
        assert_eq!(end, CandidateInit::end_of_candidates().at(Some("0"), 0).with_ufrag("aBcD"));
        assert!(Candidate::try_from(end).is_err());
        // That a candidate was forgotten must not look like the end of all.
        assert!(serde_json::from_str::<CandidateInit>(r#"{"sdpMid":"0"}"#).is_err());
    }

    #[test]
    fn the_fragment_of_the_json_names_the_generation() {
        let line: Candidate = format!("{LINE} ufrag old1 x y").parse().unwrap();
        let parsed = CandidateInit::from(&line).with_ufrag("new2").parse().unwrap().unwrap();
        assert_eq!(parsed.to_string(), format!("{LINE} ufrag new2 x y"));
        let bad = CandidateInit::from(&line).with_ufrag("a b").parse().unwrap_err();
        assert_eq!(bad.field, CandidateField::Extension);
    }

    #[test]
    fn a_bad_line_says_why_and_the_json_was_fine() {
        let init = read(r#"{"candidate":"candidate:1 1 udp 1 192.0.2.1 99999 typ host"}"#);
        let error = init.parse().unwrap_err();
        assert_eq!((error.field, error.offset), (CandidateField::Port, 30));
        assert!(matches!(error.defect, CandidateDefect::Range { value: 99_999, .. }));
    }

    #[test]
    fn a_candidate_alone_is_its_text() {
        let candidate: Candidate = LINE.parse().unwrap();
        let json = serde_json::to_string(&candidate).unwrap();
        assert_eq!(json, format!("\"{LINE}\""));
        assert_eq!(serde_json::from_str::<Candidate>(&json).unwrap(), candidate);
        let error = serde_json::from_str::<Candidate>("\"1 1 udp 1 x.local 9\"").unwrap_err();
        assert!(error.to_string().contains("type (byte 19): is missing"), "{error}");
        assert!(serde_json::from_str::<Candidate>("7").is_err());
    }

    #[test]
    fn debug_hides_the_address() {
        let candidate: Candidate = LINE.parse().unwrap();
        for init in [CandidateInit::from(candidate), read(r#"{"candidate":"1 1 udp 192.0.2.17 1"}"#)] {
            assert!(!format!("{init:?}").contains(".17"), "{init:?}");
        }
    }
}
