//! What a server's URI comes to, with a resolver that the tests play: a table of records.

use std::{collections::BTreeMap, net::IpAddr};

use floe_core::{
    ServerTransport::{self, Dtls, Tcp, Tls, Udp},
    dns::{NaptrRecord, SrvRecord},
};
use floe_gather::{Question, Resolution, ResolveError, ServerUri, Target};
use rand::{SeedableRng, rngs::ChaCha20Rng};

/// A zone, and what it was asked.
#[derive(Default)]
struct Dns {
    naptr: BTreeMap<String, Vec<NaptrRecord>>,
    srv: BTreeMap<String, Vec<SrvRecord>>,
    hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Questions about these are answered with an error.
    broken: Vec<Question>,
    asked: Vec<Question>,
}

impl Dns {
    fn naptr(
        mut self,
        name: &str,
        ranks: (u16, u16),
        flags: &str,
        services: &str,
        replacement: &str,
    ) -> Self {
        self.naptr.entry(name.to_owned()).or_default().push(NaptrRecord {
            order: ranks.0,
            preference: ranks.1,
            flags: flags.to_owned(),
            services: services.to_owned(),
            regexp: String::new(),
            replacement: replacement.to_owned(),
        });
        self
    }

    fn srv(mut self, name: &str, priority: u16, port: u16, target: &str) -> Self {
        let record = SrvRecord { priority, weight: 0, port, target: target.to_owned() };
        self.srv.entry(name.to_owned()).or_default().push(record);
        self
    }

    fn host(mut self, name: &str, ips: &[&str]) -> Self {
        self.hosts.insert(name.to_owned(), ips.iter().map(|ip| ip.parse().unwrap()).collect());
        self
    }

    fn broken(mut self, question: Question) -> Self {
        self.broken.push(question);
        self
    }

    fn answer(&mut self, resolution: &mut Resolution, question: &Question) {
        let broken = self.broken.contains(question);
        fn of<T: Clone>(zone: &BTreeMap<String, Vec<T>>, name: &str, broken: bool) -> Result<Vec<T>, String> {
            if broken {
                return Err("SERVFAIL".to_owned());
            }
            Ok(zone.get(name).cloned().unwrap_or_default())
        }
        match question {
            Question::Naptr(name) => resolution.handle_naptr(name, of(&self.naptr, name, broken)),
            Question::Srv(name) => resolution.handle_srv(name, of(&self.srv, name, broken)),
            Question::Addresses(name) => resolution.handle_addresses(name, of(&self.hosts, name, broken)),
        }
    }

    /// Answers until there is a result; of several questions the latest first.
    fn resolve(&mut self, uri: &str, transports: &[ServerTransport]) -> Result<Vec<Target>, ResolveError> {
        let uri: ServerUri = uri.parse().unwrap();
        let mut resolution = Resolution::new(&uri, transports, ChaCha20Rng::seed_from_u64(7))?;
        let mut open = Vec::new();
        loop {
            while let Some(question) = resolution.poll_question() {
                assert!(!self.asked.contains(&question), "{question} again");
                self.asked.push(question.clone());
                open.push(question);
            }
            if let Some(result) = resolution.poll_result() {
                assert_eq!(resolution.poll_result(), None, "it comes once");
                return result;
            }
            let question = open.pop().expect("no result, and nothing to wait for");
            self.answer(&mut resolution, &question);
        }
    }

    /// The same as text: `udp 192.0.2.1:3478`, and the name of the certificate.
    fn table(&mut self, uri: &str, transports: &[ServerTransport]) -> Vec<String> {
        let targets = self.resolve(uri, transports).unwrap_or_else(|error| panic!("{uri}: {error}"));
        let line = |target: Target| {
            let name = target.name.map(|name| format!(" {name}")).unwrap_or_default();
            format!("{} {}{name}", target.transport, target.address)
        };
        targets.into_iter().map(line).collect()
    }
}

fn srv(name: &str) -> Question {
    Question::Srv(name.to_owned())
}

fn naptr(name: &str) -> Question {
    Question::Naptr(name.to_owned())
}

fn addresses(name: &str) -> Question {
    Question::Addresses(name.to_owned())
}

const ALL: [ServerTransport; 4] = [Udp, Tcp, Tls, Dtls];

// proves: 5928-3-a
#[test]
fn what_cannot_be_is_an_error_before_anything_is_asked() {
    use ResolveError::{NoTransport, UnknownTransport, Unsupported};
    let sctp = || UnknownTransport("sctp".to_owned());
    let table: [(&str, &[ServerTransport], ResolveError); 13] = [
        ("turn:example.org?transport=udp", &[Tcp, Tls, Dtls], Unsupported(Udp)),
        ("turn:example.org?transport=tcp", &[Udp, Tls, Dtls], Unsupported(Tcp)),
        ("turns:example.org?transport=tcp", &[Udp, Tcp, Dtls], Unsupported(Tls)),
        ("turns:example.org?transport=udp", &[Udp, Tcp, Tls], Unsupported(Dtls)),
        ("turns:192.0.2.1?transport=udp", &[Udp, Tcp, Tls], Unsupported(Dtls)),
        ("turns:example.org", &[Udp, Tcp], NoTransport),
        ("turns:192.0.2.1", &[Udp, Tcp], NoTransport),
        ("turn:192.0.2.1", &[Tls, Dtls], NoTransport),
        ("turn:example.org:3478", &[Tls], NoTransport),
        ("turn:example.org", &[], NoTransport),
        ("turn:example.org?transport=sctp", &ALL, sctp()),
        ("turns:192.0.2.1:443?transport=sctp", &ALL, sctp()),
        ("stuns:example.org", &[Udp, Tcp], NoTransport),
    ];
    for (uri, transports, error) in table {
        let mut dns = Dns::default();
        assert_eq!(dns.resolve(uri, transports), Err(error), "{uri}");
        assert!(dns.asked.is_empty(), "{uri}");
    }
}

// proves: 5928-3-b, 8656-4.1-a
#[test]
fn an_address_is_taken_as_it_is() {
    let table: [(&str, &[&str]); 7] = [
        ("turn:192.0.2.1", &["udp 192.0.2.1:3478", "tcp 192.0.2.1:3478"]),
        ("turn:192.0.2.1:5000?transport=tcp", &["tcp 192.0.2.1:5000"]),
        ("turn:[2001:db8::1]?transport=udp", &["udp [2001:db8::1]:3478"]),
        ("turns:192.0.2.1", &["tls 192.0.2.1:5349 192.0.2.1", "dtls 192.0.2.1:5349 192.0.2.1"]),
        ("turns:[2001:db8::1]:443?transport=tcp", &["tls [2001:db8::1]:443 2001:db8::1"]),
        ("turns:192.0.2.1?transport=udp", &["dtls 192.0.2.1:5349 192.0.2.1"]),
        ("stun:192.0.2.1", &["udp 192.0.2.1:3478", "tcp 192.0.2.1:3478"]),
    ];
    for (uri, expected) in table {
        let mut dns = Dns::default();
        assert_eq!(dns.table(uri, &ALL), expected, "{uri}");
        assert!(dns.asked.is_empty(), "{uri}");
    }
}

// proves: 5928-3-b
#[test]
fn a_name_with_a_port_is_looked_up_as_a_host() {
    let zone = || Dns::default().host("example.org", &["2001:db8::1", "2001:db8::2", "192.0.2.1"]);
    let mut dns = zone();
    let expected = ["tcp [2001:db8::1]:5000", "tcp 192.0.2.1:5000", "tcp [2001:db8::2]:5000"];
    assert_eq!(dns.table("turn:example.org:5000?transport=tcp", &ALL), expected);
    assert_eq!(dns.asked, [addresses("example.org")]);

    let mut dns = Dns::default().host("example.org", &["192.0.2.1"]);
    let expected = ["tls 192.0.2.1:443 example.org", "dtls 192.0.2.1:443 example.org"];
    assert_eq!(dns.table("turns:example.org:443", &ALL), expected);
    assert_eq!(dns.asked, [addresses("example.org")]);
    assert_eq!(
        zone().resolve("turn:other.org:1", &ALL),
        Err(ResolveError::NoAddress("other.org".to_owned()))
    );
}

// proves: 5928-3-b
#[test]
fn a_name_with_a_transport_is_looked_up_as_a_service() {
    let table = [
        ("turn:example.org?transport=udp", "_turn._udp.example.org", "udp 192.0.2.1:5001"),
        ("turn:example.org?transport=tcp", "_turn._tcp.example.org", "tcp 192.0.2.1:5001"),
        ("turns:example.org?transport=tcp", "_turns._tcp.example.org", "tls 192.0.2.1:5001 example.org"),
        ("turns:example.org?transport=udp", "_turns._udp.example.org", "dtls 192.0.2.1:5001 example.org"),
    ];
    for (uri, service, expected) in table {
        let mut dns = Dns::default()
            .srv(service, 2, 5002, "b.example.org")
            .srv(service, 1, 5001, "A.example.org")
            .host("a.example.org", &["192.0.2.1"])
            .host("b.example.org", &["192.0.2.2"]);
        let second = expected.replace("2.1:5001", "2.2:5002");
        assert_eq!(dns.table(uri, &ALL), [expected, &second], "{uri}");
        assert_eq!(dns.asked[0], srv(service));
    }
}

// proves: 5928-3-b
#[test]
fn without_srv_records_the_host_is_taken_with_the_default_port() {
    let service = "_turns._tcp.example.org";
    for zone in [Dns::default(), Dns::default().broken(srv(service))] {
        let mut dns = zone.host("example.org", &["192.0.2.1"]);
        let found = dns.table("turns:example.org?transport=tcp", &ALL);
        assert_eq!(found, ["tls 192.0.2.1:5349 example.org"]);
        assert_eq!(dns.asked, [srv(service), addresses("example.org")]);
    }
    // RFC 2782: a lone dot says that there is no such service.
    let mut dns = Dns::default().srv(service, 0, 0, "").host("example.org", &["192.0.2.1"]);
    let error = ResolveError::NotOffered(service.to_owned());
    assert_eq!(dns.resolve("turns:example.org?transport=tcp", &ALL), Err(error));
}

/// The zone of RFC 5928 4.1 and 4.2.
fn rfc_5928() -> Dns {
    Dns::default()
        .naptr("example.com", (100, 10), "", "RELAY:turn.udp:turn.tcp:turn.tls", "example.net")
        .naptr("example.net", (200, 10), "", "RELAY:turn.tcp:turn.tls", "stream.example.net")
        .naptr("example.net", (100, 10), "", "RELAY:turn.udp", "datagram.example.net")
        .naptr("datagram.example.net", (100, 10), "S", "RELAY:turn.udp", "_turn._udp.example.net")
        .naptr("stream.example.net", (100, 10), "S", "RELAY:turn.tcp", "_turn._tcp.example.net")
        .naptr("stream.example.net", (200, 10), "A", "RELAY:turn.tls", "a.example.net")
        .srv("_turn._udp.example.net", 0, 3478, "a.example.net")
        .srv("_turn._tcp.example.net", 0, 5000, "a.example.net")
        .host("a.example.net", &["192.0.2.1"])
}

// proves: 5928-3-b
#[test]
fn the_examples_of_rfc_5928() {
    let supported = [Tls, Tcp, Udp];
    let expected = ["udp 192.0.2.1:3478", "tls 192.0.2.1:5349 example.net", "tcp 192.0.2.1:5000"];
    let mut dns = rfc_5928();
    assert_eq!(dns.table("turn:example.net", &supported), expected);
    assert_eq!(dns.asked[0], naptr("example.net"));

    // Hosted elsewhere: all are of one rank, so the caller's order counts, and the certificate is the first domain's.
    let hosted = ["tls 192.0.2.1:5349 example.com", "tcp 192.0.2.1:5000", "udp 192.0.2.1:3478"];
    assert_eq!(rfc_5928().table("turn:example.com", &supported), hosted);
}

#[test]
fn the_example_of_rfc_7350() {
    let mut dns = Dns::default()
        .naptr("example.net", (100, 10), "", "RELAY:turn.udp:turn.dtls", "datagram.example.net")
        .naptr("example.net", (200, 10), "", "RELAY:turn.tcp:turn.tls", "stream.example.net")
        .naptr("datagram.example.net", (100, 10), "S", "RELAY:turn.udp", "_turn._udp.example.net")
        .naptr("datagram.example.net", (200, 10), "S", "RELAY:turn.dtls", "_turns._udp.example.net")
        .naptr("stream.example.net", (100, 10), "S", "RELAY:turn.tcp", "_turn._tcp.example.net")
        .naptr("stream.example.net", (200, 10), "A", "RELAY:turn.tls", "a.example.net")
        .srv("_turns._udp.example.net", 0, 5349, "a.example.net")
        .host("a.example.net", &["192.0.2.1"]);
    let expected = ["dtls 192.0.2.1:5349 example.net", "tls 192.0.2.1:5349 example.net"];
    assert_eq!(dns.table("turns:example.net", &[Dtls, Tls, Tcp, Udp]), expected);
}

// proves: 5928-3-b
#[test]
fn without_naptr_records_the_services_are_looked_up_and_then_the_host() {
    let sip = |dns: Dns| dns.naptr("example.org", (1, 1), "s", "SIP+D2U", "_sip._udp.example.org");
    for zone in [Dns::default(), Dns::default().broken(naptr("example.org")), sip(Dns::default())] {
        let mut dns = zone
            .srv("_turn._tcp.example.org", 0, 5000, "a.example.org")
            .host("a.example.org", &["192.0.2.1"])
            .host("example.org", &["192.0.2.9"]);
        assert_eq!(dns.table("turn:example.org", &ALL), ["tcp 192.0.2.1:5000"]);
        let services = [srv("_turn._tcp.example.org"), srv("_turn._udp.example.org")];
        assert_eq!(dns.asked[..3], [naptr("example.org"), services[0].clone(), services[1].clone()]);
    }
    let mut dns = Dns::default().host("example.org", &["192.0.2.9"]);
    assert_eq!(dns.table("turn:example.org", &ALL), ["udp 192.0.2.9:3478", "tcp 192.0.2.9:3478"]);
    let secure = ["tls 192.0.2.9:5349 example.org", "dtls 192.0.2.9:5349 example.org"];
    dns.asked.clear();
    assert_eq!(dns.table("turns:example.org", &ALL), secure);
}

#[test]
fn naptr_records_that_are_there_are_the_last_word() {
    let cases = [
        (
            "only what is not supported",
            Dns::default().naptr("example.org", (1, 1), "A", "RELAY:turn.tls", "a"),
        ),
        ("no flag of S-NAPTR", Dns::default().naptr("example.org", (1, 1), "U", "RELAY:turn.udp", "a")),
        (
            "no SRV",
            Dns::default().naptr("example.org", (1, 1), "S", "RELAY:turn.udp", "_turn._udp.example.org"),
        ),
    ];
    for (case, zone) in cases {
        let mut dns = zone.host("example.org", &["192.0.2.9"]);
        let error = ResolveError::NotOffered("example.org".to_owned());
        assert_eq!(dns.resolve("turn:example.org", &[Udp]), Err(error), "{case}");
    }
}

#[test]
fn a_circle_of_naptr_records_ends() {
    let circle = || {
        Dns::default().naptr("a.org", (1, 1), "", "RELAY:turn.udp", "B.org").naptr(
            "b.org",
            (1, 1),
            "",
            "RELAY:turn.udp",
            "a.org",
        )
    };
    let error = ResolveError::Circle("a.org".to_owned());
    assert_eq!(circle().resolve("turn:a.org", &ALL), Err(error));
    // Who leads on as well is followed.
    let mut dns =
        circle().naptr("b.org", (2, 1), "A", "relay:TURN.UDP", "c.org").host("c.org", &["192.0.2.1"]);
    assert_eq!(dns.table("turn:a.org", &ALL), ["udp 192.0.2.1:3478"]);
}

#[test]
fn a_chain_of_naptr_records_has_an_end() {
    let chain = |links: u16| {
        let link = |dns: Dns, at: u16| {
            dns.naptr(&format!("d{at}.org"), (1, 1), "", "RELAY:turn.udp", &format!("d{}.org", at + 1))
        };
        (0..links).fold(Dns::default(), link).naptr(
            &format!("d{links}.org"),
            (1, 1),
            "A",
            "RELAY:turn.udp",
            "h",
        )
    };
    let mut dns = chain(7).host("h", &["192.0.2.1"]);
    assert_eq!(dns.table("turn:d0.org", &ALL), ["udp 192.0.2.1:3478"]);
    let mut dns = chain(8).host("h", &["192.0.2.1"]);
    assert_eq!(dns.resolve("turn:d0.org", &ALL), Err(ResolveError::TooFar("d8.org".to_owned())));
}

#[test]
fn a_domain_that_leads_everywhere_is_left() {
    let mut dns = Dns::default();
    for at in 0..16 {
        dns = dns.naptr("a.org", (1, 1), "", "RELAY:turn.udp", &format!("b{at}.org"));
        for on in 0..16 {
            dns = dns.naptr(&format!("b{at}.org"), (1, 1), "", "RELAY:turn.udp", &format!("c{at}.{on}.org"));
        }
    }
    assert_eq!(dns.resolve("turn:a.org", &ALL), Err(ResolveError::TooManyQuestions(64)));
    assert!(dns.asked.len() <= 64);
}

#[test]
fn an_answer_without_end_makes_no_list_without_end() {
    let ips: Vec<_> = (1..=250).map(|last| format!("192.0.2.{last}")).collect();
    let ips: Vec<_> = ips.iter().map(|ip| &**ip).collect();
    let mut dns = Dns::default().host("example.org", &ips);
    assert_eq!(dns.table("turn:example.org:1?transport=udp", &ALL).len(), 16);
    for at in 0..40 {
        dns = dns.srv("_turn._udp.example.org", at, 1 + at, "example.org");
    }
    dns.asked.clear();
    assert_eq!(dns.table("turn:example.org?transport=udp", &ALL).len(), 32);
}

// proves: 8489-8.1-a
#[test]
fn a_stuns_uri_needs_a_name() {
    for uri in ["stuns:192.0.2.1", "stuns:[2001:db8::1]:443"] {
        assert_eq!(Dns::default().resolve(uri, &ALL), Err(ResolveError::NeedsName), "{uri}");
    }
}

// proves: 8489-8.1-a
#[test]
fn a_stun_server_is_found_by_srv_records_or_else_as_a_host_of_both_families() {
    let services = [
        ("stun:example.org", Udp, "_stun._udp.example.org", "udp 192.0.2.1:5001"),
        ("stun:example.org", Tcp, "_stun._tcp.example.org", "tcp 192.0.2.1:5001"),
        ("stuns:example.org", Tls, "_stuns._tcp.example.org", "tls 192.0.2.1:5001 example.org"),
        ("stuns:example.org", Dtls, "_stuns._udp.example.org", "dtls 192.0.2.1:5001 example.org"),
    ];
    for (uri, transport, service, expected) in services {
        let mut dns =
            Dns::default().srv(service, 1, 5001, "a.example.org").host("a.example.org", &["192.0.2.1"]);
        assert_eq!(dns.table(uri, &[transport]), [expected]);
        assert_eq!(dns.asked, [srv(service), addresses("example.org"), addresses("a.example.org")]);
    }
    let mut dns = Dns::default().host("example.org.", &["2001:db8::1", "192.0.2.1"]);
    let both = ["udp [2001:db8::1]:3478", "udp 192.0.2.1:3478"];
    assert_eq!(dns.table("stun:example.org.", &[Udp]), both);
    let secure = ["tls [2001:db8::1]:5349 example.org", "tls 192.0.2.1:5349 example.org"];
    dns.asked.clear();
    assert_eq!(dns.table("stuns:example.org.", &[Tls]), secure, "the root's dot is in no certificate");
}

#[test]
fn an_error_says_what_failed() {
    let mut dns = Dns::default().broken(addresses("example.org"));
    let error = dns.resolve("turn:example.org:1", &ALL).unwrap_err();
    assert_eq!(error.to_string(), "addresses of example.org: SERVFAIL");
    let mut dns = Dns::default().host("example.org", &["224.0.0.1"]);
    let error = dns.resolve("turn:example.org:1", &ALL).unwrap_err();
    assert_eq!(error.to_string(), "the address of example.org is a multicast address");
    // One host of two that fails is no failure.
    let mut dns = Dns::default()
        .srv("_stun._udp.example.org", 1, 1, "a.org")
        .srv("_stun._udp.example.org", 2, 2, "b.org")
        .broken(addresses("a.org"))
        .host("b.org", &["192.0.2.1"]);
    assert_eq!(dns.table("stun:example.org", &[Udp]), ["udp 192.0.2.1:2"]);
}

#[test]
fn what_a_domain_without_records_needs_is_asked_for_at_once() {
    let uri: ServerUri = "turn:example.org".parse().unwrap();
    let mut resolution = Resolution::new(&uri, &[Udp, Tcp], ChaCha20Rng::seed_from_u64(7)).unwrap();
    let (udp, tcp) = ("_turn._udp.example.org", "_turn._tcp.example.org");
    let mut asked: Vec<_> = std::iter::from_fn(|| resolution.poll_question()).collect();
    asked.sort();
    assert_eq!(asked, [naptr("example.org"), srv(tcp), srv(udp), addresses("example.org")]);
    // The address is there first, and still counts only once the others have said nothing.
    resolution.handle_addresses("example.org", Ok(vec!["192.0.2.1".parse().unwrap()]));
    resolution.handle_srv(udp, Err("no answer".to_owned()));
    resolution.handle_srv(tcp, Err("no answer".to_owned()));
    assert_eq!((resolution.poll_question(), resolution.poll_result()), (None, None));
    resolution.handle_naptr("example.org", Err("no answer".to_owned()));
    assert_eq!(resolution.poll_result().unwrap().unwrap().len(), 2);
    assert_eq!(resolution.poll_question(), None);
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let uri: ServerUri = "turn:example.org:1?transport=udp".parse().unwrap();
    let mut resolution = Resolution::new(&uri, &ALL, ChaCha20Rng::seed_from_u64(1)).unwrap();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    resolution.handle_addresses("other.org", Ok(vec![ip("192.0.2.66")]));
    resolution.handle_srv("example.org", Ok(Vec::new()));
    resolution.handle_naptr("example.org", Err(String::new()));
    assert_eq!(resolution.poll_result(), None);
    resolution.handle_addresses("example.org", Ok(vec![ip("192.0.2.1")]));
    resolution.handle_addresses("example.org", Ok(vec![ip("192.0.2.66")]));
    let targets = resolution.poll_result().unwrap().unwrap();
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0].address, "192.0.2.1:1".parse().unwrap());
}
