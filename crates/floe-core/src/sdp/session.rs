//! What a description says about ICE.

use super::{Destination, IceOptions, Mid, Pacing, ParseError, RefusedLine, RemoteCandidates, read};
use crate::{Candidate, CandidateInit, ComponentId, Credentials, Transport};

/// What a description, an offer or an answer, says about ICE: session level and media sections.
///
/// ```
/// use floe_core::sdp::Session;
///
/// let text = "v=0\r\n\
///     a=ice-options:ice2 trickle\r\n\
///     a=ice-ufrag:8hhY\r\n\
///     a=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
///     m=audio 45664 RTP/AVP 0\r\n\
///     c=IN IP4 192.0.2.3\r\n\
///     a=mid:0\r\n\
///     a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998\r\n\
///     a=candidate:3 1 UDP 1694498815 192.0.2.3 99999 typ host\r\n";
/// let session = Session::parse(text)?;
/// assert!(session.supports("ice2"));
/// assert_eq!(session.media[0].credentials.as_ref().map(|known| known.ufrag()), Some("8hhY"));
/// assert_eq!(session.media[0].candidates.len(), 1);
/// assert_eq!(session.refused[0].line, 9);
/// # Ok::<(), floe_core::sdp::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Session {
    /// `ice-lite`: the agent answers checks and sends none.
    pub lite: bool,
    /// `ice-pacing`: the Ta it proposes.
    pub pacing: Option<Pacing>,
    /// `ice-options` of the session level.
    pub options: IceOptions,
    /// The credentials of the session level.
    pub credentials: Option<Credentials>,
    /// `end-of-candidates` of the session level: no stream gets more.
    pub end_of_candidates: bool,
    /// The media sections, in order.
    pub media: Vec<Media>,
    /// The lines that were left out, and why.
    pub refused: Vec<RefusedLine>,
}

/// What a media section says about ICE.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Media {
    /// What it carries: `audio`, `video`, `application`.
    pub kind: Box<str>,
    /// `mid`.
    pub mid: Option<Mid>,
    /// Whether the transport protocol of its `m=` line is TCP.
    pub is_tcp: bool,
    /// The port of its `m=` line: 0 where the stream is disabled.
    pub port: u16,
    /// Its default destination: its `m=` line with its own or the session's `c=` line; `None` where there is no `c=`.
    pub default: Option<Destination>,
    /// The default destination of RTCP, where `a=rtcp` names one.
    pub rtcp: Option<Destination>,
    /// Whether RTCP goes with RTP (RFC 5761), so that it needs no component of its own.
    pub rtcp_mux: bool,
    /// The credentials that hold for it: of fragment and password each its own or else the session's. `None` where there
    /// are none: the stream does without ICE.
    pub credentials: Option<Credentials>,
    /// `ice-options` of its own; [`Session::options_of`] has those of the session with them.
    pub options: IceOptions,
    /// Its candidates, in order.
    pub candidates: Vec<Candidate>,
    /// `remote-candidates`: what the controlling peer selected.
    pub remote_candidates: RemoteCandidates,
    /// `ice-mismatch`: the peer does without ICE for this stream.
    pub mismatch: bool,
    /// `end-of-candidates` of its own; [`Session::is_ended`] has that of the session with it.
    pub end_of_candidates: bool,
}

impl Session {
    /// What a full agent says: `ice2`, and the pacing it wants (RFC 8839 4.3.1).
    #[must_use]
    pub fn full(credentials: Credentials, pacing: Pacing) -> Self {
        Self { pacing: Some(pacing), ..Self::begun(credentials) }
    }

    /// What a lite agent says: `ice-lite` and `ice2`, and no pacing, since it sends no checks.
    #[must_use]
    pub fn lite(credentials: Credentials) -> Self {
        Self { lite: true, ..Self::begun(credentials) }
    }

    fn begun(credentials: Credentials) -> Self {
        let options = IceOptions::new().with(IceOptions::ICE2).unwrap_or_default();
        Self { credentials: Some(credentials), options, ..Self::default() }
    }

    /// Reads a description.
    ///
    /// # Errors
    /// It is too long, or a stream's credentials are malformed, incomplete or contradictory. All else that is wrong ends
    /// up in [`refused`](Self::refused).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        read::session(text)
    }

    /// The options that hold for a section: the session's and its own (RFC 8839 5.6).
    #[must_use]
    pub fn options_of(&self, media: &Media) -> IceOptions {
        self.options.union(&media.options)
    }

    /// Whether the peer supports this option for all streams: at session level, or in every section that has ICE.
    #[must_use]
    pub fn supports(&self, option: &str) -> bool {
        let mut with_ice = self.media.iter().filter(|media| media.credentials.is_some()).peekable();
        let every = with_ice.peek().is_some() && with_ice.all(|media| media.options.contains(option));
        self.options.contains(option) || every
    }

    /// Whether a section gets no more candidates (RFC 8840 8.2): what ends all ends each.
    #[must_use]
    pub const fn is_ended(&self, media: &Media) -> bool {
        self.end_of_candidates || media.end_of_candidates
    }

    /// The index of the section a trickled candidate belongs to: by `sdpMid`, and where it has none by `sdpMLineIndex`.
    #[must_use]
    pub fn section_of(&self, init: &CandidateInit) -> Option<usize> {
        if let Some(mid) = init.sdp_mid.as_deref() {
            return self
                .media
                .iter()
                .position(|media| media.mid.as_ref().is_some_and(|own| own.as_str() == mid));
        }
        init.sdp_m_line_index.map(usize::from).filter(|index| *index < self.media.len())
    }

    /// Whether a default destination of this section is none of its candidates (RFC 8839 4.2.5): something on the way
    /// has rewritten the description, and the stream may have to do without ICE.
    #[must_use]
    pub fn is_mismatched(&self, media: &Media) -> bool {
        if media.port == 0 || media.credentials.is_none() {
            return false;
        }
        let trickle = self.options_of(media).contains(IceOptions::TRICKLE);
        let missing = |destination: &Destination, component| {
            // RFC 8840 4.1.2: port 9 stands for candidates that are still to come, whatever the address.
            let to_come = trickle && destination.port == 9;
            !to_come && !destination.needs_no_candidate() && !media.has(*destination, component)
        };
        media.default.is_some_and(|default| missing(&default, ComponentId::RTP))
            || media.rtcp.is_some_and(|rtcp| {
                let muxed = media.rtcp_mux && media.has(rtcp, ComponentId::RTP);
                !muxed && missing(&rtcp, ComponentId::RTCP)
            })
    }
}

impl Media {
    /// A section without candidates, whose default destination says so: 0.0.0.0 and port 9 (RFC 8839 4.3.1).
    #[must_use]
    pub fn new(kind: &str, mid: Option<Mid>, credentials: Option<Credentials>) -> Self {
        Self {
            kind: kind.into(),
            mid,
            is_tcp: false,
            port: Destination::NONE.port,
            default: Some(Destination::NONE),
            rtcp: None,
            rtcp_mux: false,
            credentials,
            options: IceOptions::new(),
            candidates: Vec::new(),
            remote_candidates: RemoteCandidates::new(),
            mismatch: false,
            end_of_candidates: false,
        }
    }

    /// Whether a candidate of this component has this address, port and the section's transport protocol.
    fn has(&self, destination: Destination, component: ComponentId) -> bool {
        self.candidates.iter().any(|candidate| {
            candidate.component() == component
                && candidate.socket_addr() == destination.socket_addr()
                && (candidate.transport() != Transport::Udp) == self.is_tcp
        })
    }
}

#[cfg(test)]
mod tests;
