use super::*;
use crate::sdp::{LineError, MAX_DESCRIPTION_LENGTH, MAX_SECTIONS, MidError, ParseErrorKind};
use crate::{CredentialsError, IceOptionsError};

const PWD: &str = "asd88fgpdd777uzjYhagZg";
const OTHER_PWD: &str = "YH75Fviy6338Vbrhrlp8Yh";
const HOST: &str = "candidate:1 1 udp 2130706431 203.0.113.141 8998 typ host";
const SRFLX: &str = "candidate:2 1 udp 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998";

fn parse(text: &str) -> Session {
    Session::parse(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

fn refused(text: &str) -> ParseError {
    Session::parse(text).expect_err(text)
}

/// The lines left out of a text that is good otherwise.
fn left_out(text: &str) -> Vec<(usize, Option<usize>, LineError)> {
    parse(text).refused.into_iter().map(|refused| (refused.line, refused.section, refused.what)).collect()
}

fn credentials(ufrag: &str, pwd: &str) -> Credentials {
    Credentials::new(ufrag, pwd).unwrap()
}

fn candidate(line: &str) -> Candidate {
    line.parse().unwrap()
}

#[test]
fn a_whole_description_is_read() {
    let text = format!(
        "v=0\r\no=jdoe 2890844526 2890842807 IN IP4 203.0.113.141\r\ns=-\r\nc=IN IP4 192.0.2.3\r\nt=0 0\r\n\
         a=group:BUNDLE 0 1\r\na=ice-options:ice2 trickle\r\na=ice-pacing:20\r\na=ice-pwd:{PWD}\r\na=ice-ufrag:8hhY\r\n\
         m=audio 45664 UDP/TLS/RTP/SAVPF 0\r\nb=RS:0\r\na=rtpmap:0 PCMU/8000\r\na=mid:0\r\na=rtcp-mux\r\n\
         a={HOST}\r\na={SRFLX} generation 0\r\na=end-of-candidates\r\n\
         m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP6 ::\r\na=mid:1\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=ice-options:renomination\r\na=ice-ufrag:other\r\na=ice-pwd:{OTHER_PWD}\r\n\
         a=remote-candidates:1 192.0.2.9 4\r\na=ice-mismatch\r\n"
    );
    let session = parse(&text);
    assert_eq!(session.refused, []);
    assert!(!session.lite && !session.end_of_candidates);
    assert_eq!(session.pacing.map(Pacing::as_millis), Some(20));
    assert_eq!(session.credentials, Some(credentials("8hhY", PWD)));
    let [audio, data] = &session.media[..] else { panic!("{session:?}") };
    assert_eq!((&*audio.kind, audio.port, audio.is_tcp), ("audio", 45664, false));
    assert_eq!(audio.default.and_then(Destination::socket_addr), Some("192.0.2.3:45664".parse().unwrap()));
    assert_eq!(audio.credentials, session.credentials);
    assert_eq!(audio.candidates, [candidate(HOST), candidate(&format!("{SRFLX} generation 0"))]);
    assert!(audio.end_of_candidates && audio.rtcp_mux && !audio.mismatch && !session.is_mismatched(audio));
    assert_eq!((&*data.kind, data.port, data.is_tcp), ("application", 9, true));
    assert_eq!(data.mid, Some(Mid::new("1").unwrap()));
    assert_eq!(data.credentials, Some(credentials("other", OTHER_PWD)));
    assert_eq!(data.default.and_then(Destination::socket_addr), Some("[::]:9".parse().unwrap()));
    assert_eq!(data.rtcp, Some(Destination::NONE));
    assert_eq!(data.remote_candidates.of(ComponentId::RTP), Some("192.0.2.9:4".parse().unwrap()));
    assert!(data.mismatch && !session.is_ended(data) && session.is_ended(audio));
    assert_eq!(session.options_of(data).to_string(), "ice2 trickle renomination");
}

#[test]
fn line_ends_and_the_case_of_names_do_not_matter() {
    let text =
        format!("a=ice-ufrag:8hhY\r\na=ice-pwd:{PWD}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na={HOST}\r\n");
    let session = parse(&text);
    assert_eq!(session.media[0].candidates.len(), 1);
    assert_eq!(parse(&text.replace("\r\n", "\n")), session);
    assert_eq!(parse(&text.replace("\r\n", " \r\n\r\n")), session);
    let shouted = text
        .replace("ice-ufrag", "ICE-ufrag")
        .replace("ice-pwd", "Ice-Pwd")
        .replace("mid", "MID")
        .replace("candidate", "CANDIDATE");
    assert_eq!(parse(&shouted), session);
}

// proves: 8839-5.4-a
#[test]
fn credentials_have_their_lengths_and_media_level_beats_session_level() {
    let of = |ufrag: &str, pwd: &str| {
        Session::parse(&format!("a=ice-ufrag:{ufrag}\na=ice-pwd:{pwd}\nm=audio 9 RTP/AVP 0\n"))
            .map(|session| session.media[0].credentials.clone())
    };
    for (ufrag, pwd) in [(4, 22), (256, 256), (33, 22)] {
        let (ufrag, pwd) = ("u".repeat(ufrag), "p".repeat(pwd));
        assert_eq!(of(&ufrag, &pwd), Ok(Some(credentials(&ufrag, &pwd))));
    }
    for (ufrag, pwd, line, what) in [
        (3, 22, 1, CredentialsError::UfragLength(3)),
        (257, 22, 1, CredentialsError::UfragLength(257)),
        (4, 21, 2, CredentialsError::PwdLength(21)),
        (4, 257, 2, CredentialsError::PwdLength(257)),
    ] {
        let error = of(&"u".repeat(ufrag), &"p".repeat(pwd)).unwrap_err();
        assert_eq!(error, ParseError { line, what: ParseErrorKind::Credentials(what) });
    }
    assert!(of("ab-d", PWD).is_err() && of("abcd", "not an ice-char, is it?").is_err());
    // What is sent has at most 32 characters.
    assert!(Credentials::for_sending(&"u".repeat(32), PWD).is_ok());
    assert!(Credentials::for_sending(&"u".repeat(33), PWD).is_err());

    let both = parse(&format!(
        "a=ice-ufrag:sess\na=ice-pwd:{PWD}\nm=audio 9 RTP/AVP 0\na=ice-pwd:{OTHER_PWD}\na=ice-ufrag:media\n\
         m=video 9 RTP/AVP 0\n"
    ));
    assert_eq!(both.media[0].credentials, Some(credentials("media", OTHER_PWD)));
    assert_eq!(both.media[1].credentials, Some(credentials("sess", PWD)));

    let same_ufrag = |pwd: &str| {
        Session::parse(&format!(
            "m=audio 9 RTP/AVP 0\na=ice-ufrag:same\na=ice-pwd:{PWD}\nm=video 9 RTP/AVP 0\na=ice-ufrag:same\na=ice-pwd:{pwd}\n"
        ))
    };
    assert!(same_ufrag(PWD).is_ok());
    assert_eq!(same_ufrag(OTHER_PWD), Err(ParseError { line: 6, what: ParseErrorKind::PwdDiffers }));
}

#[test]
fn half_credentials_are_refused_and_none_are_fine() {
    let audio = "m=audio 9 RTP/AVP 0\n";
    let at = |line, what| ParseError { line, what };
    assert_eq!(refused(&format!("{audio}a=ice-ufrag:8hhY\n")), at(2, ParseErrorKind::NoPwd));
    assert_eq!(refused(&format!("a=ice-pwd:{PWD}\n{audio}")), at(1, ParseErrorKind::NoUfrag));
    assert_eq!(refused("a=ice-ufrag:8hhY\n"), at(1, ParseErrorKind::NoPwd));
    let split = parse(&format!("a=ice-pwd:{PWD}\n{audio}a=ice-ufrag:8hhY\n"));
    assert_eq!((split.credentials, &split.media[0].credentials), (None, &Some(credentials("8hhY", PWD))));
    assert_eq!(parse(audio).media[0].credentials, None);
    let twice = format!("{audio}a=ice-ufrag:8hhY\na=ice-ufrag:8hhZ\na=ice-pwd:{PWD}\n");
    assert_eq!(refused(&twice), at(3, ParseErrorKind::Repeated("ice-ufrag")));
    parse(&twice.replace("8hhZ", "8hhY"));
}

// proves: 8839-5.1-b
#[test]
fn a_bad_candidate_line_costs_no_other() {
    let text = format!(
        "a=ice-ufrag:8hhY\na=ice-pwd:{PWD}\nm=audio 9 RTP/AVP 0\na={HOST} xyz 1\na=candidate:nonsense\na=candidate:1 1 \
         sctp 1 192.0.2.1 1 typ host\na=candidate:1 1 udp 1 host.example 1 typ host\na=candidate:1 1 udp 1 192.0.2.1 1 \
         typ moon\na={SRFLX}\n"
    );
    let session = parse(&text);
    assert_eq!(session.media[0].candidates, [candidate(&format!("{HOST} xyz 1")), candidate(SRFLX)]);
    let places: Vec<_> =
        session.refused.iter().map(|refused| (refused.line, refused.is_ignorable())).collect();
    assert_eq!(places, [(5, false), (6, true), (7, true), (8, true)]);
    let LineError::Candidate(error) = &session.refused[0].what else { panic!("{:?}", session.refused) };
    // The offset counts from the begin of the line.
    assert_eq!(error.offset, "a=candidate:nonsense".len());
    assert_eq!(session.refused[0].section, Some(0));
}

// proves: 8839-5.6-a
#[test]
fn options_of_both_levels_hold_and_unknown_ones_do_no_harm() {
    let text = format!(
        "a=ice-options:ice2 rtp+ecn\na=ice-ufrag:8hhY\na=ice-pwd:{PWD}\nm=audio 9 RTP/AVP 0\na=ice-options:trickle xyz\n\
         a=ice-options:google-ice renomination\nm=video 9 RTP/AVP 0\n"
    );
    let session = parse(&text);
    assert_eq!(session.options_of(&session.media[0]).to_string(), "ice2 rtp+ecn trickle xyz renomination");
    assert_eq!(session.options_of(&session.media[1]).to_string(), "ice2 rtp+ecn");
    assert_eq!(left_out(&text), [(6, Some(0), IceOptionsError::Token.into())]);
    // For all streams, or else for none.
    assert!(session.supports("ice2") && !session.supports("trickle"));
    assert!(parse(&format!("{text}a=ice-options:trickle\n")).supports("trickle"));
    assert!(!parse("m=audio 9 RTP/AVP 0\na=ice-options:trickle\n").supports("trickle"));
}

#[test]
fn lines_on_the_wrong_level_and_repeated_ones_are_left_out() {
    let text = "a=mid:0\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\na=ice-mismatch\na=remote-candidates:1 192.0.2.1 1\n\
        a=ice-pacing:20\na=ice-pacing:20\na=ice-pacing:21\na=ice-pacing:x\n\
        m=audio 9 RTP/AVP 0\na=ice-lite\na=ice-pacing:5\na=mid:a b\na=mid:0\na=mid:1\na=remote-candidates:1\n\
        m=video x RTP/AVP 0\na=mid:0\nc=IN IP4\na=rtcp:x\n";
    let misplaced = LineError::Misplaced;
    let expected = [
        (1, None, misplaced("mid")),
        (2, None, misplaced("candidate")),
        (3, None, misplaced("ice-mismatch")),
        (4, None, misplaced("remote-candidates")),
        (7, None, LineError::Repeated("ice-pacing")),
        (8, None, crate::PacingError.into()),
        (10, Some(0), misplaced("ice-lite")),
        (11, Some(0), misplaced("ice-pacing")),
        (12, Some(0), MidError.into()),
        (14, Some(0), LineError::Repeated("mid")),
        (15, Some(0), crate::sdp::RemoteCandidatesError::Address { offset: 1 }.into()),
        (16, Some(1), LineError::Destination),
        (17, Some(1), LineError::Repeated("mid")),
        (18, Some(1), LineError::Destination),
        (19, Some(1), LineError::Destination),
    ];
    assert_eq!(left_out(text), expected);
    let session = parse(text);
    assert_eq!(session.pacing.map(Pacing::as_millis), Some(20));
    // A section that is not understood still counts, since candidates go by its index.
    assert_eq!((session.media.len(), session.media[1].default), (2, None));
}

// proves: 8839-4.2.5-a
#[test]
fn a_default_destination_that_names_nothing_is_no_mismatch() {
    let mismatched = |more: &str, media: &str| {
        let session = parse(&format!("{more}a=ice-ufrag:8hhY\na=ice-pwd:{PWD}\n{media}"));
        session.is_mismatched(&session.media[0])
    };
    let with = |m_line: &str, connection: &str| {
        mismatched("", &format!("m=audio {m_line} 0\nc={connection}\na={HOST}\na={SRFLX}\n"))
    };
    for connection in ["IN IP4 0.0.0.0", "IN IP6 ::", "IN IP4 host.example.com", "ATM NSAP 47"] {
        assert!(!with("9 RTP/AVP", connection), "{connection}");
    }
    assert!(!with("5000 RTP/AVP", "IN IP4 host.example.com"));
    assert!(!with("45664 RTP/AVP", "IN IP4 192.0.2.3"));
    assert!(!with("8998 RTP/AVP", "IN IP4 203.0.113.141"));
    assert!(!with("0 RTP/AVP", "IN IP4 192.0.2.77"));
    // And these are mismatches: port, address, transport protocol.
    assert!(with("45665 RTP/AVP", "IN IP4 192.0.2.3"));
    assert!(with("45664 RTP/AVP", "IN IP4 192.0.2.77"));
    assert!(with("45664 TCP/RTP/AVP", "IN IP4 192.0.2.3"));
    assert!(with("5000 RTP/AVP", "IN IP4 0.0.0.0"));

    // RFC 8840 4.1.2: neither are the values that stand for candidates to come.
    let early = "m=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.3\n";
    assert!(mismatched("", early) && !mismatched("a=ice-options:ice2 trickle\n", early));
    assert!(!mismatched("", "m=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\n"));

    let rtcp = |line: &str| {
        mismatched("", &format!("m=audio 45664 RTP/AVP 0\nc=IN IP4 192.0.2.3\na={SRFLX}\n{line}\n"))
    };
    assert!(rtcp("a=rtcp:45665") && rtcp("a=rtcp:45664"));
    assert!(!rtcp("a=rtcp:45664\na=rtcp-mux") && !rtcp("a=rtcp:9 IN IP4 0.0.0.0"));
    assert!(!rtcp("a=rtcp:7\na=candidate:2 2 udp 1 192.0.2.3 7 typ host"));
}

#[test]
fn a_stream_without_ice_has_no_mismatch() {
    let session = parse("m=audio 5000 RTP/AVP 0\nc=IN IP4 192.0.2.3\n");
    assert!(!session.is_mismatched(&session.media[0]));
}

fn a_section(session: &Session) -> Media {
    let mut media = Media::new("audio", None, session.credentials.clone());
    media.candidates = vec![candidate(HOST), candidate(SRFLX)];
    media
}

// proves: 8839-4.3.1-a
#[test]
fn offer_and_answer_carry_what_their_agent_must_say() {
    let full = Session::full(credentials("8hhY", PWD), Pacing::DEFAULT);
    let expected =
        format!("a=ice-pacing:50\r\na=ice-options:ice2\r\na=ice-ufrag:8hhY\r\na=ice-pwd:{PWD}\r\n");
    assert_eq!(full.session_lines().to_string(), expected);
    assert_eq!(full.media_lines(&a_section(&full)).to_string(), format!("a={HOST}\r\na={SRFLX}\r\n"));

    let mut lite = Session::lite(credentials("8hhY", PWD));
    let expected = format!("a=ice-lite\r\na=ice-options:ice2\r\na=ice-ufrag:8hhY\r\na=ice-pwd:{PWD}\r\n");
    assert_eq!(lite.session_lines().to_string(), expected);
    // Even where somebody sets it.
    lite.pacing = Some(Pacing::DEFAULT);
    assert_eq!(lite.session_lines().to_string(), expected);
}

// proves: 8839-4.2.1-a
#[test]
fn inactive_sections_keep_their_lines_and_disabled_ones_have_none() {
    let mut session = Session::full(credentials("8hhY", PWD), Pacing::DEFAULT);
    session.media = vec![Media::new("audio", None, Some(credentials("own1", OTHER_PWD)))];
    session.media[0].candidates = vec![candidate(HOST)];
    let lines = session.media_lines(&session.media[0]).to_string();
    assert_eq!(lines, format!("a=ice-ufrag:own1\r\na=ice-pwd:{OTHER_PWD}\r\na={HOST}\r\n"));
    // What else the section says changes nothing about them, neither read nor written.
    for more in ["a=inactive\r\n", "b=AS:0\r\n", "c=IN IP4 0.0.0.0\r\na=sendonly\r\n"] {
        let text = format!("{}m=audio 9 RTP/AVP 0\r\n{more}{lines}", session.session_lines());
        let read = parse(&text);
        assert_eq!(read.media_lines(&read.media[0]).to_string(), lines);
        assert_eq!(read.session_lines().to_string(), session.session_lines().to_string());
    }
    session.media[0].port = 0;
    assert_eq!(session.media_lines(&session.media[0]).to_string(), "");
    assert!(session.session_lines().to_string().contains("a=ice-options:ice2\r\n"));
    assert!(!session.session_lines().to_string().contains("ice-lite"));
    assert!(Session::lite(credentials("8hhY", PWD)).session_lines().to_string().contains("a=ice-lite\r\n"));
}

#[test]
fn a_mismatch_leaves_the_candidates_out() {
    let session = Session::full(credentials("8hhY", PWD), Pacing::DEFAULT);
    let mut media = a_section(&session);
    media.mismatch = true;
    assert_eq!(session.media_lines(&media).to_string(), "a=ice-mismatch\r\n");
}

// proves: 8840-8.2-a
#[test]
fn the_end_of_candidates_goes_with_credentials_on_either_level() {
    let mut session = Session::full(credentials("8hhY", PWD), Pacing::DEFAULT);
    session.end_of_candidates = true;
    session.media = vec![a_section(&session)];
    assert!(
        session.session_lines().to_string().ends_with(&format!("a=ice-pwd:{PWD}\r\na=end-of-candidates\r\n"))
    );
    let read = parse(&format!("{}m=audio 9 RTP/AVP 0\r\n", session.session_lines()));
    assert!(read.end_of_candidates && !read.media[0].end_of_candidates && read.is_ended(&read.media[0]));

    session.end_of_candidates = false;
    session.media[0].end_of_candidates = true;
    let lines = session.media_lines(&session.media[0]).to_string();
    assert!(lines.ends_with("a=end-of-candidates\r\n"));
    let text = format!("{}m=audio 9 RTP/AVP 0\r\n{lines}m=video 9 RTP/AVP 0\r\n", session.session_lines());
    let read = parse(&text);
    assert_eq!((read.is_ended(&read.media[0]), read.is_ended(&read.media[1])), (true, false));

    // Without credentials nothing says what has ended.
    session.media[0].credentials = None;
    assert!(!session.media_lines(&session.media[0]).to_string().contains("end-of"));
    (session.credentials, session.end_of_candidates) = (None, true);
    assert!(!session.session_lines().to_string().contains("end-of"));
}

#[test]
fn a_trickled_candidate_finds_its_section_by_mid_first() {
    let session = parse("m=audio 9 RTP/AVP 0\na=mid:a\nm=video 9 RTP/AVP 0\na=mid:v\n");
    let init = |mid: Option<&str>, index: u16| CandidateInit::end_of_candidates().at(mid, index);
    assert_eq!(session.section_of(&init(Some("v"), 0)), Some(1));
    assert_eq!(session.section_of(&init(Some("x"), 0)), None);
    assert_eq!(session.section_of(&init(None, 1)), Some(1));
    assert_eq!(session.section_of(&init(None, 2)), None);
    assert_eq!(session.section_of(&CandidateInit::end_of_candidates()), None);
}

#[test]
fn sizes_are_bounded() {
    let long = "a".repeat(MAX_DESCRIPTION_LENGTH + 1);
    assert_eq!(refused(&long), ParseError { line: 0, what: ParseErrorKind::TooLong(long.len()) });
    let sections = "m=\n".repeat(MAX_SECTIONS);
    assert_eq!(parse(&sections).media.len(), MAX_SECTIONS);
    let error = refused(&format!("{sections}m=\n"));
    assert_eq!(error, ParseError { line: MAX_SECTIONS + 1, what: ParseErrorKind::TooManySections });
}

/// The worst that fits: a quadratic step anywhere would take hours here.
#[test]
fn a_full_size_flood_is_read_to_its_end() {
    let flood = |head: &str, unit: &dyn Fn(usize) -> String| {
        let mut text = head.to_owned();
        for n in 0.. {
            let more = unit(n);
            if text.len() + more.len() > MAX_DESCRIPTION_LENGTH {
                return text;
            }
            text.push_str(&more);
        }
        unreachable!()
    };
    let audio = "m=audio 9 RTP/AVP 0\n";
    let candidates = parse(&flood(audio, &|n| format!("a=candidate:{n} 1 udp 1 ::{n:x} 1 typ host\n")));
    assert!(candidates.media[0].candidates.len() > 20_000);
    assert!(parse(&flood(audio, &|_| "a=candidate:\n".to_owned())).refused.len() > 50_000);
    assert_eq!(parse(&flood("a=ice-options:", &|n| format!("{n} "))).options.iter().count(), 64);
    assert!(parse(&flood(audio, &|n| format!("a=ice-options:{n}\n"))).refused.len() > 50_000);
    assert!(
        !parse(&flood(audio, &|n| format!("a=remote-candidates:{} :: 1\n", n % 256 + 1))).refused.is_empty()
    );
    assert!(parse(&flood(audio, &|n| format!("a=mid:{n}\n"))).refused.len() > 50_000);
    assert!(parse(&flood("", &|_| "\n".to_owned())).media.is_empty());
    assert!(parse(&flood("a=candidate:", &|_| " ".to_owned())).refused.len() == 1);
}
