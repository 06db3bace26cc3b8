//! What our checks look like on the wire (RFC 8445 7.1, 7.2.2, 7.2.4).

use floe_check::{CheckConfig, Event, FailReason, RemoteParameters};
use floe_core::{Credentials, Role};
use floe_stun::{Class, IntegrityKind, attribute::AttributeType};

use crate::common::*;

// proves: 8445-7.1.1-a
#[test]
fn priority_is_the_local_candidates_own_with_the_peer_reflexive_type_preference() {
    let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000").preference(4711));
    bench.local(S0, &Cand::relay("10.0.0.1:1001").preference(815).rtcp());
    bench.describe(S0);
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    bench.remote(S0, &Cand::host("10.0.0.2:2001").rtcp());
    let mut checks = bench.all_next();
    checks.sort_by_key(|check| check.base);
    let priority = |preference: u32, component: u32| (110 << 24) + (preference << 8) + (256 - component);
    let sent: Vec<_> = checks.iter().map(|check| check.priority.unwrap()).collect();
    assert_eq!(sent, [priority(4711, 1), priority(815, 2)]);
}

// proves: 8445-7.2.2-a, 8445-7.2.4-a, 8489-9.1.2-a
#[test]
fn a_check_names_both_ufrags_is_signed_with_the_peers_password_and_leaves_from_its_base() {
    let mut bench = Bench::new(Role::Controlling);
    bench.local(S0, &Cand::host("10.0.0.8:1000").preference(1));
    let base = bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.reflexive(S0, &Cand::srflx("203.0.113.1:4000"), base, "10.0.0.1:1000");
    bench.describe(S0);
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    let check = bench.next();
    assert_eq!((check.base, check.to, check.class), (base, addr("10.0.0.2:2000"), Class::Request));
    assert_eq!(check.username.as_deref(), Some("peerufrag:ownufrag"));
    assert!(check.is_signed_with(PEER_PWD) && !check.is_signed_with(OWN_PWD));
    assert_eq!(check.integrity, Some(IntegrityKind::Sha1));
    use AttributeType as T;
    let counter = T::TRANSACTION_TRANSMIT_COUNTER;
    let types = [T::USERNAME, T::PRIORITY, T::ICE_CONTROLLING, counter, T::MESSAGE_INTEGRITY, T::FINGERPRINT];
    assert_eq!(check.types, types, "FINGERPRINT is the last");
    // And in the other direction: what the peer signs with our password is taken, and what with its own is not.
    bench.checked_from(base, "10.0.0.2:2000");
}

// proves: 8445-16.1-a
#[test]
fn the_attributes_have_their_numbers_and_one_tie_breaker_serves_until_a_487() {
    let raw = |check: &Seen, kind: u16| {
        let message = floe_stun::Message::parse(&check.bytes).unwrap();
        message.raw(AttributeType::new(kind)).map(|raw| raw.value.to_vec())
    };
    for (role, own, others) in [(Role::Controlling, 0x802A, 0x8029), (Role::Controlled, 0x8029, 0x802A)] {
        let mut bench = Bench::ready(role);
        for port in [1, 2, 3] {
            bench.remote(S0, &numbered(port));
        }
        let first = bench.next();
        let _ = bench.answer(&first, "10.0.0.1:1000");
        let tie_breaker = raw(&first, own).unwrap();
        assert_eq!(tie_breaker.len(), 8);
        assert_eq!(raw(&first, others), None);
        assert_eq!(raw(&first, 0x0024).unwrap(), first.priority.unwrap().to_be_bytes());
        assert_eq!(raw(&first, 0x0025), None);
        if role == Role::Controlling {
            bench.nominate(bench.pair("10.0.0.1:1000", "10.0.0.2:1"));
            let nominating = bench.next();
            assert_eq!(raw(&nominating, 0x0025), Some(vec![]), "empty");
            assert_eq!(raw(&nominating, own).unwrap(), tie_breaker);
        }
        bench.at(50);
        let second = bench.next();
        assert_eq!(raw(&second, own).unwrap(), tie_breaker);
        let _ = bench.refuse(&second, 487);
        let third = bench.next();
        assert_ne!(raw(&third, others).unwrap(), tie_breaker);
    }
}

#[test]
fn software_is_sent_where_it_is_set() {
    let mut bench = Bench::with(CheckConfig::default().software("floe"), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    assert_eq!(bench.next().software.as_deref(), Some("floe"));
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    assert_eq!(bench.next().software, None);
}

#[test]
fn a_software_longer_than_a_message_may_name_is_cut_and_never_in_the_way() {
    for name in ["x".repeat(500), "ß".repeat(500)] {
        let mut bench = Bench::with(CheckConfig::default().software(name.clone()), &[(S0, &[RTP])]);
        bench.local(S0, &Cand::host("10.0.0.1:1000"));
        bench.describe(S0);
        bench.remote(S0, &Cand::host("10.0.0.2:2000"));
        let sent = bench.next().software.unwrap();
        assert_eq!(sent.chars().count(), 127);
        assert!(name.starts_with(&sent));
    }
}

#[test]
fn the_longest_ufrags_that_signalling_allows_fit_and_longer_ones_fail_with_their_reason() {
    // RFC 8839 5.4: at most 32 characters are sent, and 256 received.
    let named = |length: usize, c: &str| Credentials::new(&c.repeat(length), &"p".repeat(256)).unwrap();
    for (own, fits) in [(32, true), (256, false)] {
        let mut bench = Bench::with(CheckConfig::default().software("x".repeat(127)), &[]);
        bench.set.add_stream(S0, &[RTP], named(own, "o"));
        bench.local(S0, &Cand::host("10.0.0.1:1000"));
        let remote = RemoteParameters { credentials: named(256, "p"), components: None };
        bench.set.set_remote(bench.now, S0, remote).unwrap();
        bench.remote(S0, &Cand::host("10.0.0.2:2000"));
        let pair = bench.only_pair();
        let sent = bench.set.start_next(bench.now);
        let failed = Event::Failed { stream: S0, component: RTP, pair, why: FailReason::Unsendable };
        let news = if fits { vec![] } else { vec![failed] };
        assert_eq!((sent.is_some(), bench.news()), (fits, news), "{own}");
        assert!(!bench.set.has_next());
    }
}
