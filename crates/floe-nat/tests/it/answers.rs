//! Servers that are broken, or lie.

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use floe_nat::{
    BadAnswer, Behaviour, Config, Discovery, DiscoveryError, Finding, OtherAddressProblem, Passage, Report,
    Rewriting, Why,
};
use floe_sim::{Action, Dependence, Node};
use floe_stun::{
    Class, Message, MessageWriter, Method, TransactionId,
    attribute::{
        AttributeType, ErrorCode, MappedAddress, OtherAddress, Padding, RawAttribute, UnknownAttributes,
        WriteAttribute, XorMappedAddress,
    },
};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use crate::common::{FIRST, Lab, SECOND, at, ms, nat};

/// What a server says to a request from there, as bytes; nothing where it is silent.
type Says = Box<dyn FnMut(&Message<'_>, SocketAddr) -> Vec<Vec<u8>>>;

/// A server with one socket, that says anything.
struct Liar {
    says: Says,
    actions: VecDeque<Action>,
}

impl Liar {
    fn new(says: impl FnMut(&Message<'_>, SocketAddr) -> Vec<Vec<u8>> + 'static) -> Self {
        let bind = Action::Bind { tag: 0, address: at(FIRST) };
        Self { says: Box::new(says), actions: [bind].into() }
    }
}

impl Node for Liar {
    fn handle_datagram(&mut self, _now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        let request = Message::parse(payload).unwrap();
        for payload in (self.says)(&request, from) {
            self.actions.push_back(Action::Send { from: local, to: from, payload: payload.into() });
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}

fn respond(request: &Message<'_>, class: Class, attributes: &[&dyn WriteAttribute]) -> Vec<u8> {
    let mut buffer = vec![0; 4_096];
    let mut writer = MessageWriter::respond(&mut buffer, request, class).unwrap();
    for attribute in attributes {
        writer = writer.attribute(attribute).unwrap();
    }
    let length = writer.finish();
    buffer.truncate(length);
    buffer
}

fn run(
    says: impl FnMut(&Message<'_>, SocketAddr) -> Vec<Vec<u8>> + 'static,
) -> Result<Report, DiscoveryError> {
    let independent = Dependence::EndpointIndependent;
    Lab::new(nat(independent, independent), Liar::new(says), Config::default()).finish().0
}

/// A server that names this other address, and knows nothing of this usage beyond.
fn naming(other: &'static str) -> impl FnMut(&Message<'_>, SocketAddr) -> Vec<Vec<u8>> {
    move |request, from| {
        let attributes: [&dyn WriteAttribute; 2] = [&XorMappedAddress(from), &OtherAddress(at(other))];
        vec![respond(request, Class::Success, &attributes)]
    }
}

#[test]
fn a_second_address_that_is_of_no_use_is_named_so_and_not_asked() {
    let cases = [
        (FIRST, OtherAddressProblem::SameAddress),
        ("192.0.2.1:3479", OtherAddressProblem::SameAddress),
        ("192.0.2.2:3478", OtherAddressProblem::SamePort),
        ("[2001:db8::1]:3479", OtherAddressProblem::OtherFamily),
        ("192.0.2.2:0", OtherAddressProblem::Unusable),
        ("224.0.0.1:3479", OtherAddressProblem::Unusable),
    ];
    for (other, problem) in cases {
        let report = run(naming(other)).unwrap();
        let why = Why::OtherAddress { problem };
        assert_eq!(report.mapping, Finding::Unsupported(why.clone()), "{other}");
        assert_eq!(report.filtering, Finding::Unsupported(why), "{other}");
    }
    let malformed = run(|request, from| {
        let other = RawAttribute { kind: AttributeType::OTHER_ADDRESS, value: &[1] };
        vec![respond(request, Class::Success, &[&XorMappedAddress(from), &other])]
    });
    let why = Why::OtherAddress { problem: OtherAddressProblem::Malformed };
    assert_eq!(malformed.unwrap().mapping, Finding::Unsupported(why));
}

#[test]
fn a_server_that_ignores_what_it_must_understand_is_found_out() {
    // It answers everything from where it was asked, and its second address is nobody's.
    let report = run(naming(SECOND)).unwrap();
    assert_eq!(report.filtering, Finding::Unsupported(Why::Ignored { attribute: "CHANGE-REQUEST" }));
    assert_eq!(report.large_responses, Finding::Unsupported(Why::Ignored { attribute: "PADDING" }));
    assert_eq!(report.large_requests, Finding::Known(Passage::Pass));
    assert_eq!(report.rewriting, Finding::Unsupported(Why::NoMappedAddress));

    let independent = Dependence::EndpointIndependent;
    let config = Config::default().lifetime(ms(60_000));
    let liar = Liar::new(naming(SECOND));
    let report = Lab::new(nat(independent, independent), liar, config).report();
    assert_eq!(report.lifetime, Finding::Unsupported(Why::Ignored { attribute: "RESPONSE-PORT" }));
}

// proves: 5780-5-a
#[test]
fn a_420_to_an_attribute_of_the_usage_means_that_the_server_cannot_tell() {
    let report = run(|request, from| {
        let unknown: Vec<_> = request.unknown_required(AttributeType::RFC_8489).collect();
        if unknown.is_empty() {
            let attributes: [&dyn WriteAttribute; 3] =
                [&MappedAddress(from), &XorMappedAddress(from), &OtherAddress(at(SECOND))];
            return vec![respond(request, Class::Success, &attributes)];
        }
        let refused = ErrorCode::standard(ErrorCode::UNKNOWN_ATTRIBUTE);
        vec![respond(request, Class::Error, &[&refused, &UnknownAttributes::new(&unknown)])]
    })
    .unwrap();
    let unknown = |attribute| Why::NotUnderstood { attribute };
    assert_eq!(report.filtering, Finding::Unsupported(unknown("CHANGE-REQUEST")));
    assert_eq!(report.large_responses, Finding::Unsupported(unknown("PADDING")));
    assert_eq!(report.large_requests, Finding::Known(Passage::Pass), "the refusal shows that it came");
}

#[test]
fn a_server_that_refuses_or_says_nothing_of_use_is_named_with_the_reason() {
    let server = at(FIRST);
    let refused = run(|request, _| {
        vec![respond(request, Class::Error, &[&ErrorCode::standard(ErrorCode::UNAUTHENTICATED)])]
    });
    let reason = "Unauthenticated".to_owned();
    assert_eq!(refused, Err(DiscoveryError::Refused { server, code: 401, reason }));

    let bad = |attributes: &'static [&'static (dyn WriteAttribute + Sync)], class| {
        run(move |request, _| {
            let attributes: Vec<&dyn WriteAttribute> =
                attributes.iter().map(|attribute| *attribute as &dyn WriteAttribute).collect();
            vec![respond(request, class, &attributes)]
        })
    };
    let problem = |problem| Err(DiscoveryError::BadAnswer { server, problem });
    assert_eq!(bad(&[], Class::Success), problem(BadAnswer::NoXorMappedAddress));
    assert_eq!(bad(&[], Class::Error), problem(BadAnswer::NotStun));
    const STRANGE: RawAttribute<'static> = RawAttribute { kind: AttributeType::new(0x0031), value: &[] };
    assert_eq!(bad(&[&STRANGE], Class::Success), problem(BadAnswer::NotStun));
    const SHORT: RawAttribute<'static> =
        RawAttribute { kind: AttributeType::XOR_MAPPED_ADDRESS, value: &[0, 1] };
    assert_eq!(bad(&[&SHORT], Class::Success), problem(BadAnswer::XorMappedAddress));
    let zero = run(|request, from| {
        let nobody = XorMappedAddress(SocketAddr::new(from.ip(), 0));
        vec![respond(request, Class::Success, &[&nobody])]
    });
    assert_eq!(zero, problem(BadAnswer::XorMappedAddress));
}

#[test]
fn garbage_is_as_good_as_silence_and_hides_no_answer() {
    let garbage = |request: &Message<'_>, from: SocketAddr| {
        let good = respond(request, Class::Success, &[&XorMappedAddress(from)]);
        let mut other_id = good.clone();
        other_id[8] ^= 1;
        vec![
            b"hello".to_vec(),
            Vec::new(),
            good[..good.len() - 1].to_vec(),
            other_id,
            respond(request, Class::Indication, &[&XorMappedAddress(from)]),
            respond(request, Class::Request, &[&XorMappedAddress(from)]),
            vec![0xFF; 1_400],
        ]
    };
    assert_eq!(run(garbage), Err(DiscoveryError::NoAnswer { server: at(FIRST) }));

    let report = run(move |request, from| {
        let mut all = garbage(request, from);
        all.push(respond(request, Class::Success, &[&XorMappedAddress(from)]));
        // A second answer that contradicts the first is late.
        all.push(respond(request, Class::Success, &[&XorMappedAddress(at("198.51.100.9:9"))]));
        all
    });
    assert_eq!(report.unwrap().mapped.ip().to_string(), crate::common::EXTERNAL);
}

#[test]
fn an_address_in_the_clear_that_was_changed_shows_a_gateway() {
    let report = run(|request, from| {
        let attributes: [&dyn WriteAttribute; 2] =
            [&MappedAddress(at("10.0.0.1:9")), &XorMappedAddress(from)];
        vec![respond(request, Class::Success, &attributes)]
    });
    assert_eq!(report.unwrap().rewriting, Finding::Known(Rewriting::Rewritten));
}

#[test]
fn a_silent_server_is_told_when_the_transaction_ends() {
    let independent = Dependence::EndpointIndependent;
    let silent = Liar::new(|_, _| Vec::new());
    let (result, took) = Lab::new(nat(independent, independent), silent, Config::default()).finish();
    assert_eq!(result, Err(DiscoveryError::NoAnswer { server: at(FIRST) }));
    assert_eq!(took, ms(39_500));
}

#[test]
fn a_server_that_falls_silent_after_its_first_answer_leaves_nothing_open() {
    let mut answered = false;
    let report = run(move |request, from| {
        if std::mem::replace(&mut answered, true) {
            return Vec::new();
        }
        let attributes: [&dyn WriteAttribute; 2] = [&XorMappedAddress(from), &OtherAddress(at(SECOND))];
        vec![respond(request, Class::Success, &attributes)]
    })
    .unwrap();
    assert!(matches!(report.mapping, Finding::Unknown(Why::NoAnswer { .. })));
    assert_eq!(report.filtering, Finding::Unknown(Why::NoAnswer { to: at(FIRST) }));
    assert_eq!(report.hairpinning, Finding::Unknown(Why::NoAnswer { to: at(FIRST) }));
    assert_eq!(report.large_responses, Finding::Unknown(Why::NoLargeRequests));
}

#[test]
fn an_address_that_nothing_can_be_sent_to_is_refused_at_once() {
    for server in ["192.0.2.1:0", "0.0.0.0:3478", "224.0.0.1:3478"] {
        let rng = ChaCha20Rng::seed_from_u64(1);
        let error = Discovery::new(Config::default(), at(server), rng).unwrap_err();
        assert!(error.to_string().contains(server), "{error}");
        assert!(!format!("{error:?}").contains("192.0.2.1"), "{error:?}");
    }
}

#[test]
fn without_a_socket_the_server_and_the_system_are_named_and_a_lost_one_fails_its_test_alone() {
    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    let now = Instant::now();
    let begin = || {
        let rng = ChaCha20Rng::seed_from_u64(1);
        let mut discovery = Discovery::new(Config::default(), at(FIRST), rng).unwrap();
        discovery.start(now);
        discovery
    };
    let refuse = |discovery: &mut Discovery, refused: &dyn Fn(u32) -> bool| {
        while let Some(action) = discovery.poll_action() {
            if let floe_nat::Action::Bind { base, .. } = action {
                let local =
                    SocketAddr::new("10.0.0.1".parse().unwrap(), 50_000 + u16::try_from(base.0).unwrap());
                let result = if refused(base.0) { Err("no more files".to_owned()) } else { Ok(local) };
                discovery.handle_bound(now, base, result);
            }
        }
    };
    let mut discovery = begin();
    refuse(&mut discovery, &|_| true);
    let said = "no more files".to_owned();
    let failed = floe_nat::Event::Failed(DiscoveryError::NoSocket { server: at(FIRST), said: said.clone() });
    assert_eq!(discovery.poll_event(), Some(failed));
    assert_eq!(discovery.poll_timeout(), None);

    let mut discovery = begin();
    let mut report = None;
    let mut clock = now;
    while report.is_none() {
        refuse(&mut discovery, &|base| base > 0);
        while let Some(sent) = discovery.poll_transmit() {
            let request = Message::parse(&sent.payload).unwrap();
            let from = at("203.0.113.1:50000");
            let attributes: [&dyn WriteAttribute; 2] = [&XorMappedAddress(from), &OtherAddress(at(SECOND))];
            let payload = respond(&request, Class::Success, &attributes);
            let received = floe_core::Received { base: sent.base, from: sent.to, payload: &payload };
            assert!(discovery.handle(clock, received));
            assert!(!discovery.handle(clock, received), "it was answered");
        }
        while let Some(event) = discovery.poll_event() {
            if let floe_nat::Event::Finished(finished) = event {
                report = Some(finished);
            }
        }
        if let Some(next) = discovery.poll_timeout() {
            clock = next;
            discovery.handle_timeout(clock);
        }
    }
    let report = report.unwrap();
    assert_eq!(report.mapping, Finding::Known(Behaviour::EndpointIndependent));
    assert_eq!(report.filtering, Finding::Unknown(Why::NoSocket { said: said.clone() }));
    assert_eq!(report.hairpinning, Finding::Unknown(Why::NoSocket { said: said.clone() }));
    assert_eq!(report.large_requests, Finding::Unknown(Why::NoSocket { said }));
}

#[test]
fn an_answer_from_elsewhere_or_on_another_socket_is_not_taken() {
    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    let now = Instant::now();
    let rng = ChaCha20Rng::seed_from_u64(1);
    let mut discovery = Discovery::new(Config::default(), at(FIRST), rng).unwrap();
    discovery.start(now);
    discovery.handle_bound(now, floe_core::BaseId(0), Ok(at("10.0.0.1:50000")));
    let sent = discovery.poll_transmit().unwrap();
    let request = Message::parse(&sent.payload).unwrap();
    let payload =
        respond(&request, Class::Success, &[&XorMappedAddress(at("203.0.113.1:1")), &Padding::new(4)]);
    let mut hears = |base, from| {
        let received =
            floe_core::Received { base: floe_core::BaseId(base), from: at(from), payload: &payload };
        discovery.handle(now, received)
    };
    assert!(!hears(0, SECOND) && !hears(0, "192.0.2.1:3479") && !hears(1, FIRST));
    assert!(hears(0, FIRST));

    // A message of another method with an id that nobody knows.
    let mut buffer = [0; 64];
    let id = TransactionId::new([1; 12]);
    let length =
        MessageWriter::new(&mut buffer, Class::Success, Method::new(3).unwrap(), id).unwrap().finish();
    let received =
        floe_core::Received { base: floe_core::BaseId(0), from: at(FIRST), payload: &buffer[..length] };
    assert!(!discovery.handle(now, received));
}

#[test]
fn the_report_reads_as_json() {
    let report = run(naming(SECOND)).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["server"], FIRST);
    assert_eq!(json["translation"], "nat");
    assert_eq!(json["filtering"]["outcome"], "unsupported");
    assert_eq!(json["filtering"]["value"]["reason"], "ignored");
    assert_eq!(json["filtering"]["value"]["attribute"], "CHANGE-REQUEST");
    assert_eq!(json["mapping"]["value"]["reason"], "no-answer");
    assert_eq!(json["large_requests"], serde_json::json!({"outcome": "known", "value": "pass"}));
    assert_eq!(json["lifetime"], serde_json::json!({"outcome": "not-asked"}));
    assert!(!format!("{report:?}").contains("203.0.113.1"), "addresses do not belong into logs");
}
