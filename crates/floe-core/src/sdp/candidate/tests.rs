use super::*;
use crate::TypePreference;

fn parse(text: &str) -> Candidate {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Reads the line and writes it again.
fn rewritten(text: &str) -> String {
    parse(text).to_string()
}

fn refused(text: &str) -> ParseCandidateError {
    match text.parse::<Candidate>() {
        Ok(candidate) => panic!("{text}: read as {candidate}"),
        Err(error) => error,
    }
}

// proves: 8839-5.1-a, 6544-4.5-a
#[test]
fn good_lines_are_read_and_written_by_the_grammar() {
    let long = "x".repeat(32);
    let good = [
        "candidate:1 1 udp 2130706431 203.0.113.141 8998 typ host",
        "candidate:2 1 udp 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998",
        "candidate:aZ09+/ 256 udp 1 2001:db8::1 1 typ prflx raddr :: rport 9",
        "candidate:3 2 udp 2147483647 192.0.2.3 65535 typ relay raddr 0.0.0.0 rport 0",
        &format!("candidate:{long} 1 udp 2130706431 203.0.113.141 8998 typ host"),
        "candidate:1 1 tcp 2128609279 192.0.2.1 9 typ host tcptype active",
        "candidate:1 1 tcp 2124414975 192.0.2.1 50000 typ host tcptype passive generation 0",
        "candidate:1 1 tcp 2120220671 2001:db8::1 50000 typ srflx raddr :: rport 9 tcptype so",
        "candidate:1 1 udp 2113937151 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 54596 typ host generation 0",
    ];
    for line in good {
        assert_eq!(rewritten(line), *line);
    }
}

// proves: 8839-5.1-a
#[test]
fn keywords_are_read_in_any_case_and_with_any_prefix() {
    let plain = parse("1 1 udp 2130706431 192.0.2.1 5000 typ host");
    for same in [
        "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "a=candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host",
        "a=CANDIDATE:1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "1 1 Udp 2130706431 192.0.2.1 5000 TYP Host",
        "a=candidate:1 001 uDp 2130706431 192.0.2.1 5000 typ HOST\r\n",
        "a=candidate:1 1 udp 2130706431 192.0.2.1 05000 typ host \t ",
    ] {
        assert_eq!(parse(same), plain, "{same}");
    }
    let tcp = parse("1 1 tcp 1 192.0.2.1 5000 typ srflx raddr 10.0.0.1 rport 9 tcptype so");
    assert_eq!(tcp, parse("1 1 TCP 1 192.0.2.1 5000 typ SRFLX RADDR 10.0.0.1 RPort 9 TCPtype SO"));
    assert_eq!(tcp.transport(), Transport::Tcp(TcpType::SimultaneousOpen));
}

// proves: 8839-5.1-a, 6544-4.5-a
#[test]
fn bad_lines_are_refused_with_field_place_and_reason() {
    use Defect::{Address, Character, Empty, Missing, NoTcpType, NoTyp, Repeated, UnknownTcpType};
    let range = |value, least, most| Defect::Range { value, least, most };
    let digits = |digits| Defect::Number { digits };
    let foundation = |error| Defect::Foundation(error);
    let long_foundation = format!("{} 1 udp 1 192.0.2.1 1 typ host", "x".repeat(33));
    let cut = "1 1 udp 1 192.0.2.1 1 typ host";
    let table: &[(&str, Field, usize, Defect)] = &[
        ("", Field::Foundation, 0, Empty),
        ("candidate:", Field::Foundation, 10, Empty),
        ("a=candidate:1", Field::Component, 13, Missing),
        (" 1 1 udp 1 192.0.2.1 1 typ host", Field::Foundation, 0, Empty),
        (
            "a-b 1 udp 1 192.0.2.1 1 typ host",
            Field::Foundation,
            0,
            foundation(crate::FoundationError::Character('-')),
        ),
        (&long_foundation, Field::Foundation, 0, foundation(crate::FoundationError::Length(33))),
        ("1 0 udp 1 192.0.2.1 1 typ host", Field::Component, 2, range(0, 1, 256)),
        ("1 257 udp 1 192.0.2.1 1 typ host", Field::Component, 2, range(257, 1, 256)),
        ("1 0001 udp 1 192.0.2.1 1 typ host", Field::Component, 2, digits(3)),
        ("1 +1 udp 1 192.0.2.1 1 typ host", Field::Component, 2, digits(3)),
        ("1  udp 1 192.0.2.1 1 typ host", Field::Component, 2, Empty),
        ("1 1 u/p 1 192.0.2.1 1 typ host", Field::Transport, 4, Character),
        ("1 1 udp 0 192.0.2.1 1 typ host", Field::Priority, 8, range(0, 1, 0x7fff_ffff)),
        ("1 1 udp 2147483648 192.0.2.1 1 typ host", Field::Priority, 8, range(0x8000_0000, 1, 0x7fff_ffff)),
        ("1 1 udp 00000000001 192.0.2.1 1 typ host", Field::Priority, 8, digits(10)),
        ("1 1 udp -1 192.0.2.1 1 typ host", Field::Priority, 8, digits(10)),
        ("1 1 udp 1 192.0.2.256 1 typ host", Field::Address, 10, Address),
        ("1 1 udp 1 192.0.2 1 typ host", Field::Address, 10, Address),
        ("1 1 udp 1 2001:db8:::1 1 typ host", Field::Address, 10, Address),
        ("1 1 udp 1 fe80::1::2%eth0 1 typ host", Field::Address, 10, Address),
        ("1 1 udp 1 b\u{fc}cher.local 1 typ host", Field::Address, 10, Character),
        ("1 1 udp 1 192.0.2.1 65536 typ host", Field::Port, 20, range(65536, 0, 65535)),
        ("1 1 udp 1 192.0.2.1 1e3 typ host", Field::Port, 20, digits(5)),
        ("1 1 udp 1 192.0.2.1 1 type host", Field::Type, 22, NoTyp),
        ("1 1 udp 1 192.0.2.1 1 host", Field::Type, 22, NoTyp),
        ("1 1 udp 1 192.0.2.1 1", Field::Type, 21, Missing),
        ("1 1 udp 1 192.0.2.1 1 typ", Field::Type, 25, Missing),
        ("1 1 udp 1 192.0.2.1 1 typ h\u{f6}st", Field::Type, 26, Character),
        ("1 1 udp 1 192.0.2.1 1 typ srflx raddr 10.0.0.300 rport 1", Field::RelatedAddress, 38, Address),
        ("1 1 udp 1 192.0.2.1 1 typ srflx raddr", Field::RelatedAddress, 37, Empty),
        ("1 1 udp 1 192.0.2.1 1 typ srflx raddr :: rport x", Field::RelatedPort, 47, digits(5)),
        ("1 1 udp 1 192.0.2.1 1 typ srflx raddr :: raddr ::", Field::RelatedAddress, 47, Repeated),
        ("1 1 udp 1 192.0.2.1 1 typ host  generation 0", Field::Extension, 31, Empty),
        ("1 1 udp 1 192.0.2.1 1 typ host a b\tc", Field::Extension, 33, Character),
        ("1 1 udp 1 192.0.2.1 1 typ host a \u{e9}", Field::Extension, 33, Character),
        ("1 1 tcp 1 192.0.2.1 1 typ host", Field::TcpType, 30, NoTcpType),
        ("a=candidate:1 1 TCP 1 192.0.2.1 1 typ host generation 0", Field::TcpType, 55, NoTcpType),
        ("1 1 tcp 1 192.0.2.1 1 typ host tcptype", Field::TcpType, 38, UnknownTcpType),
        ("1 1 tcp 1 192.0.2.1 1 typ host tcptype act-pass", Field::TcpType, 39, UnknownTcpType),
        ("1 1 tcp 1 192.0.2.1 1 typ host tcptype so tcptype so", Field::TcpType, 50, Repeated),
    ];
    for (line, field, offset, defect) in table {
        let expected = ParseCandidateError::new(*field, *offset, defect.clone());
        assert_eq!(refused(line), expected, "{line}");
        assert!(!expected.is_ignorable(), "{line}");
    }
    assert_eq!(
        refused("1 2 udp 1 h%:1 9"),
        ParseCandidateError::new(Field::Address, 10, Defect::UnknownFamily)
    );
    // Every cut of a good line is refused too, up to the end of the address's type.
    for end in 0..cut.len() {
        refused(&cut[..end]);
    }
}

// proves: 8839-5.1-b
#[test]
fn lines_from_the_future_are_ignorable_and_unknown_extensions_change_nothing() {
    let table = [
        ("1 1 sctp 1 192.0.2.1 1 typ host", Field::Transport, Defect::UnknownTransport),
        ("1 1 ssltcp 1 192.0.2.1 443 typ host", Field::Transport, Defect::UnknownTransport),
        ("1 1 QUIC new grammar", Field::Transport, Defect::UnknownTransport),
        ("1 1 udp 1 192.0.2.1 1 typ satellite", Field::Type, Defect::UnknownType),
        ("1 1 udp 1 192.0.2.1 1 typ hostx", Field::Type, Defect::UnknownType),
        ("1 1 udp 1 host.example.com 1 typ host", Field::Address, Defect::DomainName),
        ("1 1 udp 1 localhost 1 typ host", Field::Address, Defect::DomainName),
        ("1 1 udp 1 a.b.local 1 typ host", Field::Address, Defect::DomainName),
        ("1 1 udp 1 ipx:0123-45 1 typ host", Field::Address, Defect::UnknownFamily),
        ("1 1 udp 1 area51!gate 1 typ host", Field::Address, Defect::UnknownFamily),
    ];
    for (line, field, defect) in table {
        let error = refused(line);
        assert!(error.is_ignorable(), "{line}: {error}");
        assert_eq!((error.field, error.defect), (field, defect), "{line}");
    }
    let plain = "candidate:1 1 udp 1 192.0.2.1 1 typ host";
    let chromium = parse(&format!("{plain} generation 0 ufrag aBcD network-id 1 network-cost 50 xyz"));
    assert_eq!(chromium.ufrag(), Some("aBcD"));
    let names: Vec<_> = chromium.extensions().iter().map(|e| (&*e.name, &*e.value)).collect();
    let expected =
        [("generation", "0"), ("ufrag", "aBcD"), ("network-id", "1"), ("network-cost", "50"), ("xyz", "")];
    assert_eq!(names, expected);
    assert_eq!(chromium.socket_addr(), parse(plain).socket_addr());
    assert_eq!(parse("1 1 udp 1 AbC.LOCAL 1 typ host").socket_addr(), None);
}

// proves: 8839-5.1-c
#[test]
fn the_related_address_is_written_for_all_kinds_but_host() {
    let host = "candidate:1 1 udp 1 192.0.2.1 1 typ host";
    assert_eq!(rewritten(host), host);
    assert_eq!(rewritten(&format!("{host} raddr 10.0.0.1 rport 7")), host);
    for kind in [CandidateKind::ServerReflexive, CandidateKind::PeerReflexive, CandidateKind::Relayed] {
        let v4 = format!("candidate:1 1 udp 1 192.0.2.1 1 typ {kind}");
        let v6 = format!("candidate:1 1 udp 1 2001:db8::1 1 typ {kind}");
        // What a peer left out gets the form that hides it, and what is there stays.
        for (read, written) in [
            (v4.clone(), format!("{v4} raddr 0.0.0.0 rport 9")),
            (v6.clone(), format!("{v6} raddr :: rport 9")),
            (format!("{v4} rport 7"), format!("{v4} raddr 0.0.0.0 rport 7")),
            (format!("{v4} raddr 10.0.0.1"), format!("{v4} raddr 10.0.0.1 rport 9")),
            (format!("{v4} raddr a.example rport 7"), format!("{v4} raddr 0.0.0.0 rport 7")),
            (format!("{v6} raddr b.local rport 0"), format!("{v6} raddr :: rport 0")),
            (format!("{v4} x y rport 7 raddr fe80::1%eth0"), format!("{v4} raddr fe80::1 rport 7 x y")),
        ] {
            assert_eq!(rewritten(&read), written, "{read}");
        }
        // The builder makes none without, and none with a domain name: so every candidate of this agent has one.
        let built = |address: CandidateAddress, related: Option<SocketAddr>| {
            let builder = Candidate::builder(kind, Transport::Udp, address)
                .component(ComponentId::RTP)
                .priority(Priority::new(TypePreference::HOST, 1, ComponentId::RTP))
                .foundation(Foundation::from(1));
            related.into_iter().fold(builder, crate::CandidateBuilder::related).build()
        };
        let ip = SocketAddr::from(([192, 0, 2, 1], 1));
        assert!(built(ip.into(), Some(ip)).is_ok() && built(ip.into(), None).is_err());
        let name = CandidateAddress::Mdns { name: "host.example.com".into(), port: 1 };
        assert_eq!(built(name, Some(ip)), Err(crate::CandidateError::MdnsName));
    }
}

#[test]
fn the_zone_of_an_address_is_dropped() {
    for zone in ["", "%eth0", "%3", "%"] {
        let candidate = parse(&format!("1 1 udp 1 fe80::1{zone} 1 typ host"));
        assert_eq!(candidate.socket_addr(), Some("[fe80::1]:1".parse().unwrap()), "{zone}");
    }
}

// proves: 6544-4.5-a
#[test]
fn an_active_candidate_has_port_9() {
    let built = Candidate::builder(
        CandidateKind::Host,
        Transport::Tcp(TcpType::Active),
        SocketAddr::from(([192, 0, 2, 1], 4711)),
    )
    .component(ComponentId::RTP)
    .priority(Priority::new(TypePreference::HOST, 1, ComponentId::RTP))
    .foundation(Foundation::from(1))
    .build()
    .unwrap();
    let text = built.to_string();
    assert_eq!(text, "candidate:1 1 tcp 2113929727 192.0.2.1 9 typ host tcptype active");
    assert_eq!(parse(&text.replace(" 9 ", " 4711 ")).address().port(), 9);
}

#[test]
fn a_line_without_end_is_refused_before_it_is_read() {
    let line = format!("candidate:1 1 udp 1 192.0.2.1 1 typ host x {}", "y".repeat(MAX_CANDIDATE_LENGTH));
    assert_eq!(refused(&line).defect, Defect::TooLong(line.len()));
    let line = &line[..MAX_CANDIDATE_LENGTH];
    assert!(matches!(refused(line).defect, Defect::Candidate(crate::CandidateError::ExtensionsLength(_))));
    let most = parse(&line[..43 + 2048 - 3]);
    assert_eq!(parse(&most.to_string()), most);
}

#[test]
fn an_error_never_repeats_the_line() {
    for line in [
        "1 1 203.0.113.77 1 203.0.113.77 1 typ host",
        "1 1 udp 203.0.113.77 1 1 typ host",
        "1 1 udp 1 203.0.113.77.1 1 typ host",
        "1 1 udp 1 203.0.113.77 203.0.113.77 typ host",
        "1 1 udp 1 203.0.113.77 1 typ 203.0.113.77",
        "1 1 tcp 1 203.0.113.77 1 typ host tcptype 203.0.113.77",
    ] {
        let error = refused(line);
        assert!(!format!("{error} {error:?}").contains("113"), "{error}");
    }
}
