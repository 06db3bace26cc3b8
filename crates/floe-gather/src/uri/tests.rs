use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<ServerUri, UriError> {
    text.parse()
}

/// The parts of a URI, in a line of a table: kind, secure, host, port, transport.
fn parts(text: &str) -> (ServerKind, bool, String, Option<u16>, Option<String>) {
    let uri = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let transport = uri.transport().map(|transport| transport.as_str().to_owned());
    (uri.kind(), uri.secure(), uri.host().to_string(), uri.port(), transport)
}

// proves: 7065-3.1-a, 8656-4.1-a
#[test]
fn the_examples_of_rfc_7065() {
    let table = [
        ("turn:example.org", false, None, None),
        ("turns:example.org", true, None, None),
        ("turn:example.org:8000", false, Some(8000), None),
        ("turn:example.org?transport=udp", false, None, Some("udp")),
        ("turn:example.org?transport=tcp", false, None, Some("tcp")),
        ("turns:example.org?transport=tcp", true, None, Some("tcp")),
        ("turn:example.org?transport=sctp", false, None, Some("sctp")),
    ];
    for (text, secure, port, transport) in table {
        let expected =
            (ServerKind::Turn, secure, "example.org".to_owned(), port, transport.map(str::to_owned));
        assert_eq!(parts(text), expected, "{text}");
        assert_eq!(read(text).unwrap().to_string(), text);
    }
}

// proves: 7064-3.1-a
#[test]
fn the_examples_of_rfc_7064() {
    let table = [
        ("stun:example.org", false, None),
        ("stuns:example.org", true, None),
        ("stun:example.org:8000", false, Some(8000)),
    ];
    for (text, secure, port) in table {
        assert_eq!(parts(text), (ServerKind::Stun, secure, "example.org".to_owned(), port, None), "{text}");
        assert_eq!(read(text).unwrap().to_string(), text);
    }
}

#[test]
fn what_may_be_written_in_several_ways_has_one_form() {
    let table = [
        ("STUN:Example.ORG", "stun:example.org"),
        ("TuRnS:example.org?TRANSPORT=TCP", "turns:example.org?transport=tcp"),
        ("stun:example.org:", "stun:example.org"),
        ("stun:example.org:03478", "stun:example.org:3478"),
        ("stun:example.org.", "stun:example.org."),
        ("turn:192.0.2.1:1", "turn:192.0.2.1:1"),
        ("turn:[2001:DB8:0::1]:65535?transport=udp", "turn:[2001:db8::1]:65535?transport=udp"),
        ("stun:[::ffff:192.0.2.1]", "stun:[::ffff:192.0.2.1]"),
        ("stun:ex%61mple.org", "stun:example.org"),
        ("stun:b%C3%BCcher.example", "stun:xn--bcher-kva.example"),
        ("stun:B%c3%9cCHER.example", "stun:xn--bcher-kva.example"),
        ("stun:a_b.example", "stun:a_b.example"),
        ("stun:localhost", "stun:localhost"),
    ];
    for (text, form) in table {
        assert_eq!(read(text).map(|uri| uri.to_string()).as_deref(), Ok(form), "{text}");
    }
}

// proves: 7064-3.1-a, 7065-3.1-a
#[test]
fn what_is_wrong_is_said_with_its_place() {
    let table = [
        ("", 0, BadUri::Scheme),
        ("example.org", 0, BadUri::Scheme),
        ("http://example.org", 0, BadUri::Scheme),
        ("stunx:example.org", 0, BadUri::Scheme),
        (" stun:example.org", 0, BadUri::Scheme),
        ("stun://example.org", 5, BadUri::Slashes),
        ("turn:user@example.org", 9, BadUri::User),
        ("turn:user:pass@example.org", 14, BadUri::User),
        ("stun:example.org/path", 16, BadUri::Path),
        ("turn:example.org#top", 16, BadUri::Fragment),
        ("turn:example.org?transport=udp#top", 30, BadUri::Fragment),
        ("stun:example.org ", 16, BadUri::Character),
        ("stun:b\u{fc}cher.example", 6, BadUri::Character),
        ("stun:exa\0mple.org", 8, BadUri::Character),
        ("stun:", 5, BadUri::NoHost),
        ("stun::3478", 5, BadUri::NoHost),
        ("turn:?transport=udp", 5, BadUri::NoHost),
        ("stun:2001:db8::1", 5, BadUri::Brackets),
        ("stun:[2001:db8::1", 5, BadUri::Ipv6),
        ("stun:[192.0.2.1]", 5, BadUri::Ipv6),
        ("stun:[fe80::1%25eth0]", 5, BadUri::Ipv6),
        ("stun:[v1.x]", 5, BadUri::Ipv6),
        ("stun:[]", 5, BadUri::Ipv6),
        ("stun:[::1]x", 10, BadUri::AfterBrackets),
        ("stun:[::1]x:1", 10, BadUri::AfterBrackets),
        ("stun:192.0.2.256", 5, BadUri::Ipv4),
        ("stun:192.0.2", 5, BadUri::Ipv4),
        ("stun:3478", 5, BadUri::Ipv4),
        ("stun:exa%6", 8, BadUri::Percent),
        ("stun:exa%zzmple", 8, BadUri::Percent),
        ("stun:exa%", 8, BadUri::Percent),
        ("stun:%ff.example", 5, BadUri::Percent),
        ("stun:a..example", 5, BadUri::Name),
        ("stun:.", 5, BadUri::Name),
        ("stun:a$b.example", 5, BadUri::Name),
        ("stun:a%00b.example", 5, BadUri::Name),
        ("stun:a%2Fb.example", 5, BadUri::Name),
        ("stun:example.org:0", 17, BadUri::Port),
        ("stun:example.org:65536", 17, BadUri::Port),
        ("stun:example.org:+1", 17, BadUri::Port),
        ("stun:example.org:port", 17, BadUri::Port),
        ("stun:example.org?transport=udp", 17, BadUri::StunQuery),
        ("turn:example.org?", 17, BadUri::Query),
        ("turn:example.org?proto=udp", 17, BadUri::Query),
        ("turn:example.org?transport", 17, BadUri::Query),
        ("turn:example.org?transport=", 27, BadUri::Transport),
        ("turn:example.org?transport=udp&ttl=1", 27, BadUri::Transport),
        ("turn:example.org?transport=u%64p", 27, BadUri::Transport),
    ];
    for (text, at, why) in table {
        assert_eq!(read(text), Err(UriError::new(at, why)), "{text}");
    }
}

#[test]
fn lengths_have_their_edges() {
    let label = "a".repeat(63);
    let longest = [&*label, &label, &label, &label[..61]].join(".");
    assert_eq!(longest.len(), 253);
    assert!(read(&format!("stun:{longest}")).is_ok());
    assert!(read(&format!("stun:{longest}.")).is_ok(), "the root's dot does not count");
    let name = Err(UriError::new(5, BadUri::Name));
    assert_eq!(read(&format!("stun:a{longest}")), name);
    assert_eq!(read(&format!("stun:{label}a.example")), name);
    assert_eq!(read(&format!("stun:{}", "a".repeat(1020))), Err(UriError::new(1024, BadUri::TooLong)));
}

#[test]
fn debug_hides_an_address_and_an_error_the_text() {
    let uri = read("turn:192.0.2.17:3478?transport=tcp").unwrap();
    assert_eq!(format!("{uri:?}"), "turn:192.x.x.x:3478?transport=tcp");
    let error = read("turn:alice:secret@example.org").unwrap_err();
    assert!(!format!("{error:?} {error}").contains("secret"));
}

fn any_host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]([a-z0-9_-]{0,20}[a-z])?(\\.[a-z]{1,10}){0,3}\\.?",
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_reads_as_the_same(
        scheme in "([sS][tT][uU][nN]|[tT][uU][rR][nN])[sS]?",
        host in any_host(),
        port in proptest::option::of(1..=u16::MAX),
        transport in proptest::option::of("[A-Za-z0-9._~-]{1,12}"),
    ) {
        let mut text = format!("{scheme}:{host}");
        if let Some(port) = port {
            text += &format!(":{port}");
        }
        if let (true, Some(transport)) = (scheme.to_ascii_lowercase().starts_with("turn"), &transport) {
            text += &format!("?transport={transport}");
        }
        let uri = read(&text).unwrap();
        prop_assert_eq!(uri.port(), port);
        prop_assert_eq!(uri.secure(), scheme.ends_with(['s', 'S']));
        prop_assert_eq!(read(&uri.to_string()), Ok(uri));
    }

    #[test]
    fn no_text_makes_it_panic_and_what_it_takes_it_shows_again(
        text in "((stun|TURN)s?:)?\\PC{0,40}|(stun|turn)s?:[a-z0-9.%:\\[\\]?=@/#_-]{0,40}",
    ) {
        match read(&text) {
            Ok(uri) => prop_assert_eq!(read(&uri.to_string()), Ok(uri)),
            Err(error) => prop_assert!(error.at <= text.len()),
        }
    }
}
