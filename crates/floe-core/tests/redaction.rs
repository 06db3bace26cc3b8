//! No `Debug` of any type, and no error, tells an address, a related address or a password.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fmt::Debug, net::SocketAddr};

use bytes::Bytes;
use floe_core::{
    BaseId, Candidate, CandidateAddress, CandidateInit, CandidateKind, ComponentId, Credentials, Foundation,
    Interface, InterfaceAddress, LocalCandidate, Priority, Received, Transmit, Transport,
    address::Redacted,
    sdp::{Destination, Fragment, RemoteCandidates, Session, TrickleReceiver, TrickleSender},
};

/// What must not be seen: parts of the addresses below, and the password.
const SECRETS: [&str; 9] = ["192.0.2", "0.2.77", "2.77", ".77", "db8", "cafe", "10.9.8", "9.8.7", "secret"];
const PWD: &str = "secretsecretsecretsecret";
const ADDRESSES: [&str; 2] = ["192.0.2.77:5000", "[2001:db8::cafe]:5000"];

#[track_caller]
fn check(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret:?} is seen in {shown}");
    }
}

#[track_caller]
fn hides<T: Debug>(value: T) -> T {
    check(&format!("{value:?}"));
    check(&format!("{value:#?}"));
    value
}

fn description(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "c=IN {family} {ip}\r\na=ice-ufrag:frag\r\na=ice-pwd:{PWD}\r\nm=audio {port} RTP/AVP 0\r\na=mid:0\r\n\
         a=rtcp:{port} IN {family} {ip}\r\na=remote-candidates:1 {ip} {port}\r\n\
         a=candidate:1 1 udp 1 {ip} {port} typ srflx raddr 10.9.8.7 rport 9 address {ip}\r\n\
         a=candidate:1 {ip} udp 1 {ip} {port} typ host\r\na=candidate:1 1 {ip} 1 {ip} {port} typ host\r\n\
         a=remote-candidates:1 {ip}.x {port}\r\na=ice-options:{ip}\r\na=ice-pacing:{ip}\r\na=mid:{ip} x\r\n"
    )
}

#[test]
fn values_hide_addresses_and_passwords() {
    for address in ADDRESSES.map(|text| text.parse::<SocketAddr>().unwrap()) {
        let related = "10.9.8.7:9".parse().unwrap();
        let builder = hides(
            Candidate::builder(CandidateKind::ServerReflexive, Transport::Udp, address).related(related),
        );
        let builder =
            builder.component(ComponentId::RTP).priority(Priority::MAX).foundation(Foundation::from(1));
        let candidate = hides(hides(builder).extension("address", &address.to_string()).build().unwrap());
        candidate.extensions().iter().for_each(|extension| check(&format!("{extension:?}")));
        hides(CandidateAddress::from(address));
        hides(CandidateInit::from(&candidate));
        hides(LocalCandidate { candidate: candidate.clone(), base: BaseId(1), base_address: address });
        hides(Transmit { base: BaseId(1), to: address, payload: Bytes::from_static(PWD.as_bytes()) });
        hides(Received { base: BaseId(1), from: address, payload: PWD.as_bytes() });
        hides(Redacted(address));
        hides(Redacted(address.ip()));
        hides(Destination::of(&candidate));
        hides(RemoteCandidates::new().with(ComponentId::RTP, address).unwrap());
        let addresses = vec![hides(InterfaceAddress::new(address.ip(), 64))];
        hides(Interface { name: "eth0".into(), index: 1, up: true, addresses });
    }
    hides(Credentials::new("frag", PWD).unwrap());
    hides(Credentials::new("frag", &format!("{PWD}.77")).unwrap_err());
}

#[test]
fn descriptions_and_fragments_hide_addresses_and_passwords() {
    for address in ADDRESSES.map(|text| text.parse::<SocketAddr>().unwrap()) {
        let text = description(address);
        let session = hides(Session::parse(&text).unwrap());
        assert!(session.refused.len() >= 6, "{:?}", session.refused);
        session.refused.iter().for_each(|refused| check(&refused.to_string()));
        hides(session.session_lines());
        hides(session.media_lines(&session.media[0]));
        let fragment = hides(Fragment::parse(&text).unwrap());
        fragment.refused.iter().for_each(|refused| check(&refused.to_string()));
        let mut receiver = hides(TrickleReceiver::new(&session));
        hides(receiver.handle(fragment).unwrap());
        hides(receiver);
        hides(TrickleSender::new(&session));
        // An error of the whole says nothing of the line either.
        for broken in [
            text.replace("ice-pwd:", "ice-pwd:."),
            text.replace("ice-ufrag:frag", &format!("ice-ufrag:{}", address.ip())),
        ] {
            let error = hides(Session::parse(&broken).unwrap_err());
            check(&error.to_string());
        }
    }
}

#[test]
fn a_line_that_is_refused_is_not_repeated() {
    let good = "candidate:1 1 tcp 1 192.0.2.77 5000 typ srflx raddr 10.9.8.7 rport 9 tcptype so x y";
    let words: Vec<&str> = good.split(' ').collect();
    for place in 0..words.len() {
        for bad in ["192.0.2.77", "192.0.2.77.", "2001:db8::cafe::", "10.9.8.7:9", "secret\u{fc}"] {
            let mut line = words.clone();
            line[place] = bad;
            let init = CandidateInit { candidate: line.join(" "), ..CandidateInit::end_of_candidates() };
            if let Err(error) = hides(init).parse() {
                check(&hides(error).to_string());
            }
        }
    }
}
