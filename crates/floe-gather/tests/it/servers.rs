//! Servers: which of them are asked, from where and in which order, and what they give (RFC 8445 5.1.1.2).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use floe_core::{BaseId, CandidateKind, LocalCandidate, Nat64Prefix};
use floe_gather::{BadAddress, Event, ServerError, ServerId, Start};

use crate::common::*;

// proves: 8445-5.1.1.2-a, 8445-5.1.1.2-f
#[test]
fn servers_give_reflexive_and_relayed_candidates_unless_that_is_switched_off() {
    let servers = [stun(STUN), turn(TURN)];
    let mut bench = Bench::lone(&servers);
    let request = bench.request();
    assert_eq!((request.base, request.to), (BaseId(0), address(STUN)));
    bench.answer(&request, MAPPED);
    let job = bench.allocation();
    // Another server, another mapping: one allocation has both.
    let relay = bench.allocate(job, RELAYED, "203.0.113.1:61001");
    assert_eq!(relay, BaseId(1));
    let events = bench.events();
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Candidate { candidate, .. } => Some(candidate),
            _ => None,
        })
        .collect();
    assert_eq!(
        told.iter().map(|told| show(told)).collect::<Vec<_>>(),
        [
            "host 192.0.2.1:50000 on b0",
            "srflx 203.0.113.1:61000 on b0 raddr 192.0.2.1:50000",
            "srflx 203.0.113.1:61001 on b0 raddr 192.0.2.1:50000",
            "relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61001",
        ]
    );
    let givers: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Candidate { server, .. } => Some(*server),
            _ => None,
        })
        .collect();
    assert_eq!(givers, [None, Some(ServerId(0)), Some(ServerId(1)), Some(ServerId(1))]);
    let bases: Vec<_> = told.iter().map(|told| told.base_address).collect();
    assert_eq!(bases[..3], [address("192.0.2.1:50000"); 3]);
    assert_eq!(bases[3], address(RELAYED));
    let priorities: Vec<_> = told.iter().map(|told| told.candidate.priority().get()).collect();
    // The second server comes one local preference, 256, below the first.
    assert_eq!(priorities, [2_130_706_431, 1_694_498_815, 1_694_498_559, 16_777_215]);
    let foundations: BTreeSet<_> = told.iter().map(|told| told.candidate.foundation()).collect();
    assert_eq!(foundations.len(), 4, "another kind or another server");
    assert_eq!(events.last(), Some(&end(S0, G0)));
    assert_eq!((bench.next(), bench.actions()), (None, vec![]));

    let off = with(&servers).server_reflexive(false).relayed(false);
    let mut bench = Bench::ready(off, &[(S0, RTP)], &["192.0.2.1"]);
    assert_eq!(bench.starts(), []);
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Candidate { .. }, Event::EndOfCandidates { .. }]), "{events:?}");
}

// proves: 8445-5.1.1.2-g
#[test]
fn behind_a_nat64_ipv6_bases_ask_ipv4_servers_and_get_ipv4_candidates() {
    let servers = [stun(STUN), turn(TURN), stun("[2001:db8:f::1]:3478")];
    let config = with(&servers).nat64(Some(Nat64Prefix::WELL_KNOWN));
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["2001:db8::1"]);
    let request = bench.request();
    // To the server's own address: whoever sends puts the prefix before it.
    assert_eq!((request.base, request.to), (BaseId(0), address(STUN)));
    bench.answer(&request, MAPPED);
    let job = bench.allocation();
    bench.allocate(job, RELAYED, "203.0.113.1:61001");
    let request = bench.request();
    bench.answer(&request, "[2001:db8::5]:61002");
    let told = bench.candidates();
    assert_eq!(
        told.iter().map(show).collect::<Vec<_>>(),
        [
            "host [2001:db8::1]:50000 on b0",
            "srflx 203.0.113.1:61000 on b0 raddr [2001:db8::1]:50000",
            "srflx 203.0.113.1:61001 on b0 raddr [2001:db8::1]:50000",
            "relay 198.51.100.2:49152 on b1 raddr 203.0.113.1:61001",
            "srflx [2001:db8::5]:61002 on b0 raddr [2001:db8::1]:50000",
        ]
    );
    // As those of a host that has IPv4.
    let mut v4 = Bench::ready(with(&servers), &[(S0, RTP)], &["192.0.2.1"]);
    let request = v4.request();
    v4.answer(&request, MAPPED);
    let priority = |told: &LocalCandidate| told.candidate.priority();
    assert_eq!(priority(&told[1]), priority(&v4.candidates()[1]));

    // DNS64 gives an IPv4 server an address behind the prefix: it is the same server.
    let mut bench = Bench::ready(
        with(&[stun("[64:ff9b::c633:6401]:3478"), stun("198.51.100.1:3478")])
            .nat64(Some(Nat64Prefix::WELL_KNOWN)),
        &[(S0, RTP)],
        &["2001:db8::1"],
    );
    let request = bench.request();
    assert_eq!(request.to, address("198.51.100.1:3478"));
    bench.answer(&request, MAPPED);
    assert_eq!(bench.candidates().len(), 2);
    assert_eq!(bench.next(), None);

    // So it is when the host has IPv4 as well by the time of its answer.
    let made_up = with(&[stun("[64:ff9b::c633:6401]:3478")]).nat64(Some(Nat64Prefix::WELL_KNOWN));
    let mut bench = Bench::ready(made_up, &[(S0, RTP)], &["2001:db8::1"]);
    let request = bench.request();
    bench.gatherer.set_nat64(None);
    bench.answer(&request, MAPPED);
    assert_eq!(bench.candidates().len(), 2);
    bench.advance(Duration::from_secs(15));
    let refresh = bench.request();
    assert_eq!(refresh.to, address("198.51.100.1:3478"));

    // A server names an address of its own family, and one that the prefix does not lead to is not asked.
    let mut bench = Bench::ready(
        with(&servers[..1]).nat64(Some(Nat64Prefix::WELL_KNOWN)),
        &[(S0, RTP)],
        &["2001:db8::1"],
    );
    let request = bench.request();
    bench.answer(&request, "[2001:db8::5]:61000");
    let why = ServerError::BadAddress(BadAddress::Family);
    assert_eq!(bench.events()[1..], [failed(0, 0, why), end(S0, G0)]);
    let private = with(&[stun("10.0.0.9:3478")]).nat64(Some(Nat64Prefix::WELL_KNOWN));
    let mut bench = Bench::ready(private, &[(S0, RTP)], &["2001:db8::1"]);
    assert_eq!(bench.next(), None);
}

// proves: 8445-5.1.1.2-b, 8445-5.1.2.2-b
#[test]
fn all_servers_are_used_and_their_candidates_differ_in_preference() {
    let servers = [stun(STUN), turn(TURN), stun("198.51.100.3:3478"), turn("198.51.100.4:3478")];
    let mut bench = Bench::ready(with(&servers), &[(S0, RTP), (S0, RTCP)], &["192.0.2.1", "192.0.2.2"]);
    let mut port = 0;
    let mut asked = BTreeSet::new();
    while let Some(start) = bench.next() {
        port += 1;
        match start {
            Start::Send(request) => {
                assert!(asked.insert((request.base, request.to)));
                bench.answer(&request, &format!("203.0.113.1:{port}"));
            }
            Start::Allocate { job, base, server, .. } => {
                let server = servers[server.0 as usize].targets.as_ref().unwrap()[0].address;
                assert!(asked.insert((base, server)));
                bench.allocate(job, &format!("{}:{port}", server.ip()), &format!("203.0.113.2:{port}"));
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(asked.len(), 4 * 4, "every server from every base");
    let told = bench.candidates();
    assert_eq!(told.len(), 4 + 8 + 16, "host, relayed, reflexive");
    let priorities: BTreeSet<_> = told.iter().map(|told| told.candidate.priority()).collect();
    assert_eq!(priorities.len(), told.len(), "all of a stream differ");
    let relays: Vec<_> = told
        .iter()
        .filter(|told| told.candidate.kind() == CandidateKind::Relayed && told.candidate.component() == RTP)
        .map(|told| (told.candidate.priority().get() >> 8 & 0xffff, told.base_address.ip().to_string()))
        .collect();
    let by_preference: BTreeMap<_, _> = relays.iter().cloned().collect();
    let first: Vec<_> = by_preference.into_values().rev().take(2).collect();
    assert_eq!(first, ["198.51.100.2", "198.51.100.4"], "the user's order, from the better address");
}

// proves: 8445-5.1.1.2-c
#[test]
fn a_slot_starts_one_transaction_and_every_base_has_its_first_server_first() {
    let servers = [stun(STUN), turn(TURN)];
    let mut bench = Bench::ready(with(&servers), &[(S0, RTP), (S1, RTP)], &["192.0.2.1", "192.0.2.2"]);
    assert_eq!(bench.resent(), [], "nothing is sent but in a slot");
    let mut order = Vec::new();
    while let Some(start) = bench.next() {
        order.push(match start {
            Start::Send(request) => (request.base.0, request.to),
            Start::Allocate { base, .. } => (base.0, address(TURN)),
            other => panic!("unexpected: {other:?}"),
        });
        assert_eq!(bench.resent(), [], "one only");
    }
    // Bases 0 and 1 are those of the better address.
    let expected =
        [STUN, TURN].into_iter().flat_map(|server| (0..4).map(move |base| (base, address(server))));
    assert_eq!(order, expected.collect::<Vec<_>>());
}

#[test]
fn within_a_server_lower_components_are_told_first() {
    let mut bench = Bench::ready(with(&[stun(STUN)]), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &["192.0.2.1"]);
    bench.events();
    let requests = [(); 3].map(|()| bench.request());
    assert_eq!(requests.each_ref().map(|request| request.base), [0, 1, 2].map(BaseId));
    bench.answer(&requests[1], "203.0.113.1:1002");
    assert_eq!(bench.events(), [], "component 2 waits for component 1");
    bench.answer(&requests[2], "203.0.113.1:2001");
    assert_eq!(bench.candidates().len(), 1, "another stream does not");
    bench.answer(&requests[0], "203.0.113.1:1001");
    let components: Vec<_> = bench.candidates().iter().map(|told| told.candidate.component()).collect();
    assert_eq!(components, [RTP, RTCP]);
}

#[test]
fn a_server_is_asked_only_from_where_it_can_be_reached() {
    let servers = [stun(STUN), stun("[2001:db8:f::1]:3478"), stun("[fe80::53]:3478"), stun("127.0.0.1:3478")];
    let config = with(&servers).include_loopback(true);
    let mut bench = Bench::ready(config, &[(S0, RTP)], &["192.0.2.1", "2001:db8::1"]);
    let mut link_local = Bench::ready(with(&servers), &[(S0, RTP)], &["fe80::1"]);
    let asked = |bench: &mut Bench| -> Vec<_> {
        let to = |start| match start {
            Start::Send(request) => (bench.bound[&request.base].ip().to_string(), request.to.to_string()),
            other => panic!("unexpected: {other:?}"),
        };
        std::iter::from_fn(|| bench.gatherer.start_next(bench.now)).map(to).collect()
    };
    let found: BTreeSet<_> = asked(&mut bench).into_iter().collect();
    let pair = |base: &str, server: &str| (base.to_owned(), server.to_owned());
    let expected = [
        pair("192.0.2.1", STUN),
        pair("192.0.2.1", "127.0.0.1:3478"),
        pair("2001:db8::1", "[2001:db8:f::1]:3478"),
        pair("2001:db8::1", "[fe80::53]:3478"),
    ];
    assert_eq!(found, expected.into());
    assert_eq!(asked(&mut link_local), [pair("fe80::1", "[fe80::53%2]:3478")], "on the base's own link");

    let mut loopback = Bench::ready(with(&servers).include_loopback(true), &[(S0, RTP)], &["127.0.0.1"]);
    assert_eq!(asked(&mut loopback), [pair("127.0.0.1", "127.0.0.1:3478")]);
}

#[test]
fn a_server_whose_address_is_unusable_is_reported_and_not_asked() {
    let mut bench = Bench::lone(&[stun("224.0.0.1:3478"), turn("198.51.100.2:0"), stun(STUN)]);
    let events = bench.events();
    let bad = |event: &&Event| matches!(event, Event::ServerFailed { why: ServerError::Address(_), .. });
    assert_eq!(events.iter().filter(bad).count(), 2, "{events:?}");
    assert_eq!(bench.starts().len(), 1);
}

#[test]
fn servers_give_no_more_candidates_than_allowed() {
    let servers = [stun(STUN), turn(TURN), stun("198.51.100.3:3478")];
    let mut bench = Bench::ready(with(&servers).max_candidates(4), &[(S0, RTP)], &["192.0.2.1"]);
    assert!(bench.events().contains(&failed(2, 0, ServerError::TooMany(4))));
    assert_eq!(bench.starts().len(), 2);
    bench.update(&eth0(&["192.0.2.1", "192.0.2.2"]));
    assert_eq!(bench.actions(), [], "the servers' candidates are coming");
}

#[test]
fn debug_hides_the_addresses_of_servers_and_what_they_name() {
    let mut bench = Bench::lone(&[stun("198.51.100.77:3478"), turn("198.51.100.78:3478")]);
    let request = bench.request();
    bench.answer(&request, "203.0.113.77:61000");
    let start = bench.next();
    let Some(Start::Allocate { job, .. }) = start else { panic!("{start:?}") };
    bench.allocate(job, "198.51.100.77:5000", "203.0.113.78:61000");
    let shown = format!("{request:?} {start:?} {:?}", bench.gatherer);
    let hidden = ["0.2.1:", "100.77", "100.78", "113.77", "113.78"];
    assert!(!hidden.iter().any(|part| shown.contains(part)), "{shown}");
}
