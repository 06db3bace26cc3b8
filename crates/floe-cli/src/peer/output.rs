//! The lines that go out.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use floe::{Candidate, ComponentId, Credentials, Role};
use serde::Serialize;

use super::stats::StatsLine;

/// A line that goes out.
///
/// It holds the password and addresses, since it is the signalling; so it has no `Debug`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Output {
    /// This agent's credentials.
    Credentials {
        ufrag: String,
        pwd: String,
        options: Vec<String>,
        lite: bool,
        /// The proposed pacing interval in milliseconds, where it is not the default.
        #[serde(skip_serializing_if = "Option::is_none")]
        pacing: Option<u64>,
    },
    /// A candidate of this agent.
    Candidate(CandidateLine),
    /// This agent has no more candidates.
    EndOfCandidates,
    /// The state of the agent has changed; bad states have a reason.
    State {
        state: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The role, at the start and after a conflict.
    Role { role: String },
    /// The pair that data goes over.
    Selected(SelectedLine),
    /// A datagram came in.
    Data { component: u16, base64: String },
    /// The answer to `stats`.
    Stats(Box<StatsLine>),
    /// The agent began anew, by `restart` or because the peer did: its new credentials.
    Restarted { ufrag: String, pwd: String },
    /// Something was refused or did not work.
    Error { message: String },
}

/// A candidate with the fields of `RTCIceCandidateInit`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CandidateLine {
    candidate: String,
    sdp_mid: &'static str,
    #[serde(rename = "sdpMLineIndex")]
    sdp_m_line_index: u16,
    username_fragment: String,
}

/// What was selected for a component.
#[derive(Serialize)]
pub(crate) struct SelectedLine {
    /// The component.
    pub(crate) component: u16,
    /// The local candidate.
    pub(crate) local: String,
    /// The remote candidate.
    pub(crate) remote: String,
    /// Round-trip time in milliseconds; `null` where none was measured.
    pub(crate) rtt_ms: Option<f64>,
    /// Milliseconds since the remote credentials were set.
    pub(crate) elapsed_ms: f64,
}

impl Output {
    pub(crate) fn credentials(
        credentials: &Credentials,
        options: Vec<String>,
        lite: bool,
        pacing: Option<u64>,
    ) -> Self {
        let (ufrag, pwd) = (credentials.ufrag().to_owned(), credentials.pwd().to_owned());
        Self::Credentials { ufrag, pwd, options, lite, pacing }
    }

    pub(crate) fn restarted(credentials: &Credentials) -> Self {
        Self::Restarted { ufrag: credentials.ufrag().to_owned(), pwd: credentials.pwd().to_owned() }
    }

    pub(crate) fn candidate(candidate: &Candidate, ufrag: &str) -> Self {
        Self::Candidate(CandidateLine {
            candidate: candidate.to_string(),
            sdp_mid: "0",
            sdp_m_line_index: 0,
            username_fragment: ufrag.to_owned(),
        })
    }

    pub(crate) fn role(role: Role) -> Self {
        Self::Role { role: role.to_string() }
    }

    pub(crate) fn data(component: ComponentId, datagram: &[u8]) -> Self {
        Self::Data { component: component.get(), base64: BASE64_STANDARD.encode(datagram) }
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::Error { message: message.into() }
    }

    /// The line as text, without its end.
    pub(crate) fn to_line(&self) -> String {
        serde_json::to_string(self).expect("invariant: lines have string keys and no failing parts")
    }
}

/// Milliseconds with their fraction.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_protocol() {
        let credentials = Credentials::new("abcd", "0123456789012345678901").unwrap();
        let candidate: Candidate = "1 1 udp 2130706431 192.0.2.1 50000 typ host".parse().unwrap();
        let selected = SelectedLine {
            component: 1,
            local: candidate.to_string(),
            remote: candidate.to_string(),
            rtt_ms: Some(milliseconds(Duration::from_micros(12_300))),
            elapsed_ms: milliseconds(Duration::from_millis(87)),
        };
        let bad = Output::State { state: "failed".to_owned(), reason: Some("no answer".to_owned()) };
        let good = Output::State { state: "new".to_owned(), reason: None };
        let lines = [
            (
                Output::credentials(&credentials, vec!["ice2".to_owned(), "trickle".to_owned()], false, None),
                r#"{"type":"credentials","ufrag":"abcd","pwd":"0123456789012345678901","options":["ice2","trickle"],"lite":false}"#,
            ),
            (
                Output::candidate(&candidate, "abcd"),
                r#"{"type":"candidate","candidate":"candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"}"#,
            ),
            (Output::EndOfCandidates, r#"{"type":"end-of-candidates"}"#),
            (
                Output::restarted(&credentials),
                r#"{"type":"restarted","ufrag":"abcd","pwd":"0123456789012345678901"}"#,
            ),
            (good, r#"{"type":"state","state":"new"}"#),
            (bad, r#"{"type":"state","state":"failed","reason":"no answer"}"#),
            (Output::role(Role::Controlling), r#"{"type":"role","role":"controlling"}"#),
            (
                Output::Selected(selected),
                r#"{"type":"selected","component":1,"local":"candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host","remote":"candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host","rtt_ms":12.3,"elapsed_ms":87.0}"#,
            ),
            (Output::data(ComponentId::RTP, &[0, 255]), r#"{"type":"data","component":1,"base64":"AP8="}"#),
            (Output::error("a \"b\"\n"), r#"{"type":"error","message":"a \"b\"\n"}"#),
        ];
        for (line, text) in lines {
            assert_eq!(line.to_line(), text);
        }
    }
}
