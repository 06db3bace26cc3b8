//! What is owed to a server (RFC 8489 6.1, 6.2).

use floe_core::{ComponentId, StreamId};
use floe_stun::{Message, attribute::Software};

use crate::common::*;

// proves: 8489-6.2-a
#[test]
fn no_more_than_ten_requests_to_one_server_are_unanswered_at_a_time() {
    let components: Vec<(StreamId, ComponentId)> =
        (1..=16).map(|id| (S0, ComponentId::new(id).unwrap())).collect();
    let config = with(&[stun(STUN), stun("198.51.100.3:3478")]);
    let mut bench = Bench::ready(config, &components, &["192.0.2.1"]);
    let mut requests = Vec::new();
    while bench.gatherer.has_next() {
        requests.push(bench.request());
    }
    for server in [STUN, "198.51.100.3:3478"] {
        assert_eq!(requests.iter().filter(|request| request.to == address(server)).count(), 10, "{server}");
    }
    // Each answer makes room for another one.
    let first = requests.iter().find(|request| request.to == address(STUN)).unwrap();
    bench.answer(first, MAPPED);
    assert_eq!(bench.request().to, address(STUN));
    assert!(!bench.gatherer.has_next());
}

// proves: 8489-6.1-b
#[test]
fn requests_name_the_software_where_that_is_wanted() {
    let software = |config| {
        let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1"]);
        let request = bench.request();
        let message = Message::parse(&request.payload).unwrap();
        message.verify_fingerprint().unwrap();
        message.attribute::<Software<'_>>().unwrap().map(|software| software.as_str().to_owned())
    };
    assert_eq!(software(with(&[stun(STUN)])), None, "it tells whoever listens what to attack");
    let named = with(&[stun(STUN)]).software(Some("floe".to_owned()));
    assert_eq!(software(named).as_deref(), Some("floe"));
    // RFC 8489 14.14: fewer than 128 characters, whatever their length.
    let long = with(&[stun(STUN)]).software(Some("\u{1F9CA}".repeat(200)));
    assert_eq!(software(long).map(|text| text.chars().count()), Some(127));
}
