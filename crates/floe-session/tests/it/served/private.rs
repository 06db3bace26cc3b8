//! With relayed candidates only, nothing that leaves tells of the host or of its NAT (RFC 8445 19.1).

use std::time::Duration;

use floe_core::{Role, ServerTransport};
use floe_session::{CandidatePolicy, IceServer, ServerKind, Session, Target};
use floe_stun::Message;
use floe_turn::{Data, XorPeerAddress};

use super::{
    bench::{Bench, Door},
    script::{MAPPED, at, known, turn},
};
use crate::wire::{STREAM, controlled, ms};

const UDP: &str = "198.51.100.1:3478";
const TCP: &str = "198.51.100.2:443";

/// What must not be told: the host's address and the NAT's, in words and in bytes, as they are and as STUN hides them.
fn secrets() -> (Vec<&'static str>, Vec<[u8; 4]>) {
    let ips = [[192, 0, 2, 1], [203, 0, 113, 1]];
    let cookie = 0x2112_a442_u32.to_be_bytes();
    let hidden = ips.map(|ip: [u8; 4]| std::array::from_fn(|n| ip[n] ^ cookie[n]));
    (vec!["192.0.2.1", "203.0.113.1", "61000"], ips.into_iter().chain(hidden).collect())
}

#[test]
fn with_relayed_candidates_only_nothing_tells_of_the_host_or_its_nat() {
    let over_tcp = IceServer::at(ServerKind::Turn, [Target::new(at(TCP), ServerTransport::Tcp)]);
    let servers = [
        known(IceServer::turn(at(UDP), "", "")),
        known(over_tcp),
        IceServer::stun(at("198.51.100.3:3478")),
        known(IceServer::turn(at("198.51.100.4:3478"), "", "")),
    ];
    let mut bench = Bench::relay_only(servers)
        .serve(UDP, turn("198.51.100.1:49152", MAPPED))
        .serve_over(ServerTransport::Tcp, TCP, turn("198.51.100.2:49152", MAPPED))
        .door(TCP, Door::Opens)
        .gather();
    // Nobody answers its checks.
    let peers = ["198.51.100.77 7000", "10.0.0.7 7001", "192.0.2.77 7002"];
    let peers = peers.map(|address| format!("1 1 udp 2130706431 {address}"));
    bench.meet(controlled(), &peers.each_ref().map(String::as_str));
    bench.run_to(Duration::from_secs(20));
    bench.drive(Session::restart);
    bench.run_to(Duration::from_secs(90));

    let relays: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
    assert_eq!(relays.len(), 4, "two, and again after the restart: {relays:?}");
    assert!(relays.iter().all(|told| told.starts_with("relay")), "{relays:?}");
    let (words, bytes) = secrets();
    let mut shown: Vec<_> = bench.events.iter().map(|(_, event)| format!("{event:?}")).collect();
    shown.extend(bench.events.iter().filter_map(|(_, event)| match event {
        floe_session::Event::Candidate { candidate, .. } => Some(candidate.to_string()),
        _ => None,
    }));
    let local = bench.session.local(STREAM).unwrap();
    shown.push(format!("{local:?} {} {:?}", local.options, bench.session.stats()));
    for text in &shown {
        assert!(!words.iter().any(|word| text.contains(word)), "{text}");
    }

    let mut checks = 0;
    for sent in &bench.sent {
        let to = sent.to;
        assert!([at(UDP), at(TCP), at("198.51.100.4:3478")].contains(&to), "past the servers, to {to}");
        assert!(!bytes.iter().any(|ip| sent.data.windows(4).any(|window| window == ip)), "to {to}");
        let message = Message::parse(&sent.data).unwrap();
        if let (Ok(Some(XorPeerAddress(_))), Ok(Some(Data(check)))) =
            (message.attribute(), message.attribute())
        {
            assert!(Message::parse(check).is_ok());
            checks += 1;
        }
    }
    assert!(checks > 10, "the peer was checked over the relays: {checks}");
}

#[test]
fn without_host_candidates_a_relay_does_not_tell_the_address_of_a_host_without_a_nat() {
    // Nobody translates it, or the server does not say: either way it is the host's own.
    let mut bench = Bench::with(
        |mut config| {
            config.gather = config.gather.policy(CandidatePolicy::NoHost);
            config.role(Role::Controlling)
        },
        [known(IceServer::turn(at(UDP), "", ""))],
    )
    .serve(UDP, turn("198.51.100.1:49152", "192.0.2.1:5000"))
    .gather();
    bench.run_to(ms(1000));
    let lines = bench.events.iter().filter_map(|(_, event)| match event {
        floe_session::Event::Candidate { candidate, .. } => Some(candidate.to_string()),
        _ => None,
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains("192.0.2.1"), "{lines:?}");
}
