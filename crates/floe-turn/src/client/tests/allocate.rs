//! The way to an allocation, and the ways it ends before (RFC 8656 7).

use floe_stun::{
    attribute::{AlternateServer, PasswordAlgorithm, PasswordAlgorithms, UnknownAttributes},
    long_term::Refusal,
};

use super::*;
use crate::{Remedy, RequestedAddressFamily, RequestedTransport};

/// How a client ends whose authenticated Allocate is answered so.
fn end_of(attributes: &[&dyn WriteAttribute]) -> (Event, Rig) {
    let mut rig = Rig::new();
    let request = rig.challenged();
    let answer = answer(&request, Class::Error, attributes, Some(&key()));
    assert_eq!(rig.handle(&answer), Handled::Consumed);
    (rig.event().unwrap(), rig)
}

// proves: 8656-7.1-a
#[test]
fn the_first_allocate_asks_for_udp_without_credentials_and_the_second_with_them() {
    let mut rig = Rig::new();
    assert!(rig.client.has_next());
    let first = rig.slot();
    assert!(!rig.client.has_next());
    assert_eq!(method_of(&first), method::ALLOCATE);
    assert_eq!(attribute(&first), Some(RequestedTransport::UDP));
    for kind in [AttributeType::USERNAME, AttributeType::REALM, AttributeType::MESSAGE_INTEGRITY] {
        assert!(!has(&first, kind), "{kind}");
    }
    rig.challenge(&first, 401, "n1");
    assert!(rig.sent().is_empty(), "it waits for its slot");
    let second = rig.slot();
    assert_eq!(attribute(&second), Some(RequestedTransport::UDP));
    assert_eq!(attribute(&second), Some(Nonce::new("n1")));
    Message::parse(&second).unwrap().verify_integrity(&key()).unwrap();
    let ids = [&first, &second].map(|bytes| Message::parse(bytes).unwrap().transaction_id());
    assert_ne!(ids[0], ids[1]);

    let mapped = at("203.0.113.9:4000");
    let attributes: [&dyn WriteAttribute; 3] =
        [&XorRelayedAddress(relayed()), &XorMappedAddress(mapped), &Lifetime::from_seconds(600)];
    rig.succeed(&second, &attributes);
    let relay = Relay {
        relayed: relayed(),
        additional: None,
        mapped: Some(mapped),
        lifetime: seconds(600),
        token: None,
    };
    assert_eq!(rig.event(), Some(Event::Allocated(relay)));
    assert_eq!(rig.client.relay(), Some(&relay));
}

#[test]
fn lifetime_and_family_are_asked_for_where_they_are_configured() {
    let config = config().lifetime(Some(seconds(1200))).family(Some(AddressFamily::Ipv6));
    let mut rig = Rig::with(config);
    let request = rig.slot();
    assert_eq!(attribute(&request), Some(Lifetime::from_seconds(1200)));
    assert_eq!(attribute(&request), Some(RequestedAddressFamily(AddressFamily::Ipv6)));
    let plain = Rig::new().slot();
    assert_eq!(attribute::<Lifetime>(&plain), None);
    assert_eq!(attribute::<RequestedAddressFamily>(&plain), None);
}

// proves: 8656-5-a
// proves: 8656-6-a
#[test]
fn sha_256_is_chosen_where_the_server_offers_it_behind_md5() {
    let mut rig = Rig::new();
    let request = rig.slot();
    let list = PasswordAlgorithms::from_bytes(&[0, 1, 0, 0, 0, 2, 0, 0]);
    let nonce = Nonce::new("obMatJos2gAAAx");
    let challenge: [&dyn WriteAttribute; 4] = [&ErrorCode::standard(401), &Realm::new(REALM), &nonce, &list];
    let bytes = answer(&request, Class::Error, &challenge, None);
    assert_eq!(rig.handle(&bytes), Handled::Consumed);
    let request = rig.slot();
    assert_eq!(attribute(&request), Some(PasswordAlgorithm::SHA256));
    assert_eq!(attribute(&request), Some(list));
    let key = Key::long_term(KeyDerivation::Sha256, "ann", REALM, "secret");
    Message::parse(&request).unwrap().verify_integrity(&key).unwrap();
    assert!(!has(&request, AttributeType::MESSAGE_INTEGRITY));
}

// proves: 8656-7.4-b
#[test]
fn every_error_ends_it_with_its_reason_and_what_may_be_done() {
    let minute = Remedy::After(seconds(60));
    for (code, why, remedy) in [
        (400, RequestError::BadRequest, Remedy::None),
        (403, RequestError::Forbidden, Remedy::None),
        (440, RequestError::AddressFamilyNotSupported, Remedy::OtherFamily),
        (441, RequestError::WrongCredentials, Remedy::None),
        (442, RequestError::UnsupportedTransport, Remedy::None),
        (443, RequestError::PeerFamilyMismatch, Remedy::None),
        (486, RequestError::QuotaReached, minute),
        (508, RequestError::InsufficientCapacity, minute),
        (499, RequestError::Other(499), Remedy::None),
        (300, RequestError::Other(300), Remedy::None),
    ] {
        let (event, mut rig) = end_of(&[&ErrorCode::new(code, "")]);
        assert_eq!(event, Event::AllocateFailed(why.clone()), "{code}");
        assert_eq!(why.remedy(), remedy, "{code}");
        assert!(rig.client.is_closed() && !rig.client.has_next() && rig.sent().is_empty());
        assert_eq!(rig.client.poll_timeout(), None, "{code} is not repeated");
    }
}

#[test]
fn what_the_server_does_not_understand_is_told() {
    let kinds = [AttributeType::new(0x001A), AttributeType::new(0x7777)];
    let unknown = UnknownAttributes::new(&kinds);
    let (event, _) = end_of(&[&ErrorCode::standard(420), &unknown]);
    assert_eq!(event, Event::AllocateFailed(RequestError::UnknownAttributes(kinds.to_vec())));
}

#[test]
fn another_server_is_named_and_whether_anybody_vouches_for_it() {
    let other = at("192.0.2.2:3478");
    let attributes: [&dyn WriteAttribute; 2] = [&ErrorCode::standard(300), &AlternateServer(other)];
    let (event, _) = end_of(&attributes);
    let why = RequestError::TryAlternate { server: other, domain: None, authenticated: true };
    assert_eq!(why.remedy(), Remedy::OtherServer);
    assert!(!format!("{why:?}{why}").contains("0.2.2"));
    assert_eq!(event, Event::AllocateFailed(why));

    let mut rig = Rig::new();
    let request = rig.slot();
    let bytes = answer(&request, Class::Error, &attributes, None);
    assert_eq!(rig.handle(&bytes), Handled::Consumed);
    let why = RequestError::TryAlternate { server: other, domain: None, authenticated: false };
    assert_eq!(why.remedy(), Remedy::None);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(why)));
}

#[test]
fn wrong_credentials_end_it_after_one_attempt() {
    let mut rig = Rig::new();
    let request = rig.challenged();
    rig.challenge(&request, 401, "n2");
    let why = RequestError::Refused(Refusal::Unauthenticated);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(why)));
    assert!(rig.client.is_closed() && !rig.client.has_next());
}

#[test]
fn endless_stale_nonces_end_it() {
    let mut rig = Rig::new();
    let mut request = rig.challenged();
    let mut requests = 2;
    while rig.client.relay().is_none() && !rig.client.is_closed() {
        rig.challenge(&request, 438, &format!("n{requests}"));
        if rig.client.has_next() {
            request = rig.slot();
            requests += 1;
        }
    }
    assert_eq!((requests, rig.event()), (5, Some(Event::AllocateFailed(RequestError::StaleNonce))));
}

#[test]
fn a_server_in_trouble_is_asked_five_times_with_growing_waits() {
    let mut rig = Rig::new();
    let mut request = rig.challenged();
    let mut waits = Vec::new();
    loop {
        rig.refuse(&request, 500);
        if rig.client.is_closed() {
            break;
        }
        assert!(!rig.client.has_next(), "not at once");
        let before = rig.now;
        rig.run(seconds(60));
        waits.push((rig.now - before).as_secs());
        request = rig.slot();
    }
    assert_eq!(waits, [1, 2, 4, 8]);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::Other(500))));
}

#[test]
fn silence_ends_it_after_39_5_seconds_and_forgeries_with_another_reason() {
    for forge in [false, true] {
        let mut rig = Rig::new();
        let request = rig.challenged();
        if forge {
            let forged = Key::long_term(KeyDerivation::Md5, "ann", REALM, "guess");
            let attributes: [&dyn WriteAttribute; 2] =
                [&XorRelayedAddress(peer()), &Lifetime::from_seconds(600)];
            for key in [None, Some(&forged)] {
                let bytes = answer(&request, Class::Success, &attributes, key);
                assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::Unbelieved));
            }
        }
        let event = rig.run_to_event();
        let why = if forge { RequestError::IntegrityViolated } else { RequestError::TimedOut };
        assert_eq!((event, rig.elapsed()), (Event::AllocateFailed(why), 39_500 * MS));
        let resent = rig.sent();
        assert_eq!(resent.len(), 6);
        assert!(resent.iter().all(|bytes| *bytes == request));
    }
    assert_eq!(RequestError::TimedOut.remedy(), Remedy::OtherTransport);
}

#[test]
fn a_success_that_nobody_vouches_for_does_not_stop_the_true_one() {
    let mut rig = Rig::new();
    let request = rig.challenged();
    let evil: [&dyn WriteAttribute; 2] = [&XorRelayedAddress(peer()), &Lifetime::from_seconds(600)];
    let bytes = answer(&request, Class::Success, &evil, None);
    assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::Unbelieved));
    rig.succeed(&request, &[&XorRelayedAddress(relayed()), &Lifetime::from_seconds(600)]);
    assert_eq!(rig.client.relay().map(|relay| relay.relayed), Some(relayed()));
    assert_eq!(rig.client.dropped().get(&DropReason::Unbelieved), Some(&1));
}

// proves: 8656-7.3-a
#[test]
fn an_address_of_a_family_that_was_not_asked_for_is_given_back() {
    let mut rig = Rig::new();
    let request = rig.challenged();
    rig.succeed(&request, &[&XorRelayedAddress(at("[2001:db8::1]:50000")), &Lifetime::from_seconds(600)]);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::OtherFamily)));
    assert!(!rig.client.is_closed() && rig.client.relay().is_none());
    let sent = rig.sent();
    assert_eq!((sent.len(), method_of(&sent[0])), (1, method::REFRESH));
    assert_eq!(attribute(&sent[0]), Some(Lifetime::ZERO));
    rig.succeed(&sent[0], &[&Lifetime::ZERO]);
    assert!(rig.client.is_closed());
    assert_eq!(RequestError::OtherFamily.remedy(), Remedy::None);
}

#[test]
fn a_success_without_address_or_lifetime_is_none() {
    let address = XorRelayedAddress(relayed());
    let zero_port = XorRelayedAddress(at("192.0.2.1:0"));
    let lifetime = Lifetime::from_seconds(600);
    let cases: [&[&dyn WriteAttribute]; 5] =
        [&[], &[&address], &[&lifetime], &[&address, &Lifetime::ZERO], &[&zero_port, &lifetime]];
    for attributes in cases {
        let mut rig = Rig::new();
        let request = rig.challenged();
        rig.succeed(&request, attributes);
        assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::Malformed)));
    }
}

#[test]
fn what_must_be_understood_and_is_not_fails_the_request() {
    let mut rig = Rig::new();
    let request = rig.challenged();
    let strange = RawAttribute { kind: AttributeType::new(0x7777), value: &[] };
    rig.succeed(&request, &[&XorRelayedAddress(relayed()), &Lifetime::from_seconds(600), &strange]);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::Malformed)));
}
