use super::*;

const PWD: &str = "asd88fgpdd777uzjYhagZg";
const OTHER_PWD: &str = "YH75Fviy6338Vbrhrlp8Yh";

fn head() -> String {
    format!("a=ice-ufrag:8hhY\r\na=ice-pwd:{PWD}\r\n")
}

fn parse(text: &str) -> Fragment {
    Fragment::parse(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

fn line(n: u8) -> String {
    format!("a=candidate:{n} 1 udp 2130706431 192.0.2.{n} 5010 typ host\r\n")
}

#[test]
fn a_body_is_read_and_written() {
    let body = format!(
        "{}a=end-of-candidates\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\n{}{}a=end-of-candidates\r\n\
         m=audio 9 RTP/AVP 0\r\na=ice-ufrag:other\r\na=ice-pwd:{OTHER_PWD}\r\na=mid:2\r\n{}",
        head(),
        line(1),
        line(2),
        line(3)
    );
    let fragment = parse(&body);
    assert!(fragment.end_of_candidates && fragment.refused.is_empty());
    let [first, second] = &fragment.sections[..] else { panic!("{fragment:?}") };
    assert_eq!((first.mid.as_str(), first.credentials.ufrag(), first.end_of_candidates), ("1", "8hhY", true));
    assert_eq!(first.candidates.len(), 2);
    assert_eq!((second.mid.as_str(), second.credentials.ufrag()), ("2", "other"));
    assert_eq!(fragment.to_string(), body);
}

#[test]
fn the_pseudo_line_says_nothing_and_unknown_attributes_are_skipped() {
    let plain = format!("{}m=audio 9 RTP/AVP 0\r\na=mid:v\r\n{}", head(), line(1));
    for other in ["m=", "m=video 0 what/ever 1 2 3", "m=\u{e9}"] {
        let body = plain.replace("m=audio 9 RTP/AVP 0", other);
        assert_eq!(parse(&body), parse(&plain), "{other}");
    }
    let more = plain.replace("a=mid", "a=rtcp-mux\r\na=x:y\r\na=remote-candidates:1 192.0.2.1 1\r\na=mid");
    let more = format!("v=0\r\na=group:BUNDLE v\r\na=ice-lite\r\na=ice-options:trickle\r\n{more}");
    assert_eq!(parse(&more), parse(&plain));
}

#[test]
fn sections_of_one_mid_are_one() {
    let body = format!(
        "{}m=audio 9 RTP/AVP 0\r\na=mid:1\r\n{}m=audio 9 RTP/AVP 0\r\na=mid:2\r\n{}m=audio 9 RTP/AVP 0\r\na=mid:1\r\n{}",
        head(),
        line(1),
        line(2),
        line(3)
    );
    let mids: Vec<_> =
        parse(&body).sections.into_iter().map(|section| (section.mid, section.candidates.len())).collect();
    assert_eq!(mids, [(Mid::new("1").unwrap(), 2), (Mid::new("2").unwrap(), 1)]);
}

#[test]
fn lines_without_a_mid_are_left_out() {
    let body = format!(
        "{}{}a=mid:0\r\nm=audio 9 RTP/AVP 0\r\n{}a=end-of-candidates\r\na=mid:a b\r\na=mid:1\r\na=mid:2\r\na=candidate:x\r\n{}",
        head(),
        line(1),
        line(2),
        line(3)
    );
    let fragment = parse(&body);
    assert_eq!(fragment.sections.len(), 1);
    assert_eq!((fragment.sections[0].mid.as_str(), fragment.sections[0].candidates.len()), ("1", 1));
    let refused: Vec<_> = fragment.refused.iter().map(|refused| (refused.line, refused.section)).collect();
    let zero = Some(0);
    assert_eq!(refused, [(3, None), (4, None), (6, zero), (7, zero), (8, zero), (10, zero), (11, zero)]);
    let what: Vec<_> = fragment.refused.into_iter().take(4).map(|refused| refused.what).collect();
    let no_mid = LineError::NoMid;
    assert_eq!(
        what,
        [no_mid("candidate"), LineError::Misplaced("mid"), no_mid("candidate"), no_mid("end-of-candidates")]
    );
}

#[test]
fn a_body_that_does_not_name_its_generation_is_refused() {
    let none = ParseError { line: 0, what: ParseErrorKind::NoCredentials };
    let section = format!("m=audio 9 RTP/AVP 0\r\na=mid:1\r\n{}", line(1));
    assert_eq!(Fragment::parse(""), Err(none.clone()));
    assert_eq!(Fragment::parse(&section), Err(none.clone()));
    let own = format!("{section}{}", head());
    assert_eq!(parse(&own).sections[0].credentials.ufrag(), "8hhY");
    assert_eq!(Fragment::parse(&format!("{own}m=x\r\na=mid:2\r\n")), Err(none));
    let half = Fragment::parse("a=ice-ufrag:8hhY\r\n");
    assert_eq!(half, Err(ParseError { line: 1, what: ParseErrorKind::NoPwd }));
    let two = format!("{own}m=x\r\na=mid:1\r\na=ice-ufrag:8hhZ\r\n");
    assert_eq!(
        Fragment::parse(&two),
        Err(ParseError { line: 8, what: ParseErrorKind::Repeated("ice-ufrag") })
    );
    let long = "x".repeat(crate::sdp::MAX_DESCRIPTION_LENGTH + 1);
    assert!(matches!(Fragment::parse(&long), Err(ParseError { what: ParseErrorKind::TooLong(_), .. })));
    let many = "m=\n".repeat(MAX_SECTIONS + 1);
    assert!(matches!(Fragment::parse(&many), Err(ParseError { what: ParseErrorKind::TooManySections, .. })));
}
