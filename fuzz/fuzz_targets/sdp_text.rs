//! Any text as SDP: what is read can be written, and reads back as the same; what is refused is refused with its place.
#![no_main]

use std::fmt::{Debug, Display, Write as _};
use std::str::FromStr;

use floe_core::sdp::{
    Fragment, IceOptions, Mid, Pacing, RefusedLine, RemoteCandidates, Session, TrickleReceiver,
};
use floe_core::{Candidate, Credentials};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for line in text.lines() {
        candidate(line);
        reads_back::<IceOptions>(line);
        reads_back::<Mid>(line);
        reads_back::<Pacing>(line);
        reads_back::<RemoteCandidates>(line);
        if let Some((ufrag, pwd)) = line.split_once(' ') {
            credentials(ufrag, pwd);
        }
    }
    let session = description(text);
    fragment(text, &session);
});

/// What a description says about ICE, written as a description of its own, says the same.
fn description(text: &str) -> Session {
    let session = match Session::parse(text) {
        Ok(session) => session,
        Err(error) => {
            assert!(error.line <= line_count(text), "{error}");
            return Session::default();
        }
    };
    check_refused(&session.refused, text, session.media.len());
    // A disabled section is written without its lines, so it would not read back as the same.
    let media: Vec<_> = session.media.iter().filter(|media| media.port != 0).collect();
    let mut written = format!("v=0\r\n{}", session.session_lines());
    for media in &media {
        let transport = if media.is_tcp { "TCP/RTP/AVP" } else { "RTP/AVP" };
        let _ = write!(written, "m={} {} {transport} 0\r\n", media.kind, media.port);
        let _ = write!(written, "{}", session.media_lines(media));
    }
    let again = Session::parse(&written).unwrap_or_else(|error| panic!("{error} in\n{written}"));
    assert_eq!(again.refused, [], "{written}");
    assert_eq!((again.lite, &again.options), (session.lite, &session.options));
    assert_eq!(again.credentials, session.credentials);
    assert_eq!(again.media.len(), media.len());
    for (again, media) in again.media.iter().zip(media) {
        assert_eq!(again.credentials, media.credentials);
        assert_eq!(again.options, media.options);
        assert_eq!(again.mismatch, media.mismatch);
        // RFC 8839 4.2.5: one that does without ICE has no candidates.
        if !media.mismatch {
            assert_eq!(again.candidates, media.candidates);
            assert_eq!(again.remote_candidates, media.remote_candidates);
        }
    }
    session
}

/// A fragment reads back as the same, and brings its news once.
fn fragment(text: &str, session: &Session) {
    let fragment = match Fragment::parse(text) {
        Ok(fragment) => fragment,
        Err(error) => return assert!(error.line <= line_count(text), "{error}"),
    };
    check_refused(&fragment.refused, text, line_count(text));
    let written = fragment.to_string();
    let again = Fragment::parse(&written).unwrap_or_else(|error| panic!("{error} in\n{written}"));
    assert_eq!(again, Fragment { refused: Vec::new(), ..fragment.clone() }, "{written}");

    let mut receiver = TrickleReceiver::new(session);
    let first = receiver.handle(fragment.clone());
    let second = receiver.handle(fragment);
    assert_eq!(first.is_ok(), second.is_ok());
    assert!(second.map_or(true, |news| news.sections.is_empty()), "the same fragment brought news twice");
}

fn check_refused(refused: &[RefusedLine], text: &str, sections: usize) {
    for line in refused {
        assert!((1..=line_count(text)).contains(&line.line), "{line}");
        assert!(line.section.is_none_or(|section| section < sections), "{line}");
    }
}

/// Lines end with LF, CR LF or CR.
fn line_count(text: &str) -> usize {
    text.split(['\r', '\n']).count()
}

fn candidate(line: &str) {
    reads_back::<Candidate>(line);
    if let Err(error) = line.parse::<Candidate>() {
        assert!(error.offset <= line.len(), "{error} points behind {line:?}");
    }
}

/// Writing is the inverse of reading: once written, a value has one text only.
fn reads_back<T: FromStr<Err: Debug + Display> + Display + Debug + PartialEq>(line: &str) {
    let Ok(value) = line.parse::<T>() else { return };
    let text = value.to_string();
    let again: T = text.parse().unwrap_or_else(|error| panic!("{text:?} was written, but {error}"));
    assert_eq!(again, value, "{text:?}");
    assert_eq!(again.to_string(), text);
    assert!(!format!("{value:?}").is_empty());
}

fn credentials(ufrag: &str, pwd: &str) {
    let Ok(credentials) = Credentials::new(ufrag, pwd) else { return };
    assert_eq!((credentials.ufrag(), credentials.pwd()), (ufrag, pwd));
    let printed = format!("{credentials:?}");
    assert!(ufrag.contains(pwd) || !printed.contains(pwd), "a password was printed: {printed}");
}
