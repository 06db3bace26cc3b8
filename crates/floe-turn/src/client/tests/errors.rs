//! What a server may say to an Allocate, and what is done about it (RFC 8656 7.4).

use floe_core::ServerTransport;
use floe_stun::{
    attribute::{AlternateDomain, AlternateServer, UnknownAttributes},
    long_term::Refusal,
};

use super::*;
use crate::{DontFragment, EvenPort, MobilityTicket, Remedy, ReservationToken};

fn refuse_with(rig: &mut Rig, request: &[u8], attributes: &[&dyn WriteAttribute]) {
    let answer = answer(request, Class::Error, attributes, Some(&key()));
    assert_eq!(rig.handle(&answer), Handled::Consumed);
}

fn success() -> [&'static dyn WriteAttribute; 2] {
    static RELAYED: std::sync::LazyLock<XorRelayedAddress> =
        std::sync::LazyLock::new(|| XorRelayedAddress(relayed()));
    static LIFETIME: Lifetime = Lifetime::from_seconds(600);
    [&*RELAYED, &LIFETIME]
}

// proves: 8656-7.4-a
#[test]
fn a_taken_port_is_left_for_another_three_in_all_and_then_two_minutes_of_rest() {
    // What the caller does with the remedy: a new client from a new base.
    let (mut bases, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
    let rest = loop {
        let base = BaseId(u32::try_from(bases.len()).unwrap());
        bases.push(base);
        let config = ClientConfig { base, ..config() }.transport(ServerTransport::Tcp);
        let mut rig = Rig::with_seed(config, u8::try_from(base.0).unwrap());
        let first = rig.client.start_next(rig.now).unwrap();
        assert_eq!(first.base, base);
        rig.challenge(&first.payload, 401, "n1");
        let request = rig.client.start_next(rig.now).unwrap().payload;
        for bytes in [&first.payload, &request] {
            assert!(ids.insert(Message::parse(bytes).unwrap().transaction_id()));
        }
        rig.refuse(&request, 437);
        let Some(Event::AllocateFailed(why)) = rig.event() else { panic!("no failure") };
        assert!(rig.client.is_closed() && !rig.client.has_next(), "the client asks no more by itself");
        let Remedy::OtherPort { tries, rest } = why.remedy() else { panic!("{why}") };
        if bases.len() == usize::try_from(tries).unwrap() {
            break rest;
        }
    };
    assert_eq!((bases.len(), rest), (3, seconds(120)));
}

// proves: 8656-7.4-c
#[test]
fn a_server_that_cannot_set_the_df_bit_is_asked_without() {
    for signed in [true, false] {
        let mut rig = Rig::with(config().dont_fragment(true));
        let mut request = rig.slot();
        if signed {
            rig.challenge(&request, 401, "n1");
            request = rig.slot();
        }
        assert_eq!(attribute(&request), Some(DontFragment));
        assert!(rig.client.sets_dont_fragment());
        let kinds = [DontFragment::TYPE];
        let unknown = UnknownAttributes::new(&kinds);
        let bytes =
            answer(&request, Class::Error, &[&ErrorCode::standard(420), &unknown], signed.then(key).as_ref());
        assert_eq!(rig.handle(&bytes), Handled::Consumed);
        assert_eq!(rig.event(), None);
        let mut again = rig.slot();
        assert_eq!((method_of(&again), attribute::<DontFragment>(&again)), (method::ALLOCATE, None));
        assert!(!rig.client.sets_dont_fragment());
        if !signed {
            rig.challenge(&again, 401, "n1");
            again = rig.slot();
            assert_eq!(attribute::<DontFragment>(&again), None);
        }
        rig.succeed(&again, &success());
        assert!(matches!(rig.event(), Some(Event::Allocated(_))));
        // Nor do the indications have it.
        rig.client.permit(rig.now, peer().ip()).unwrap();
        rig.grant();
        rig.client.send(rig.now, peer(), b"x").unwrap();
        assert_eq!(attribute::<DontFragment>(&rig.sent()[0]), None);
    }
}

#[test]
fn a_420_that_names_the_df_bit_once_more_ends_it() {
    let mut rig = Rig::with(config().dont_fragment(true));
    let mut request = rig.challenged();
    let kinds = [DontFragment::TYPE];
    let unknown = UnknownAttributes::new(&kinds);
    for _ in 0..2 {
        refuse_with(&mut rig, &request, &[&ErrorCode::standard(420), &unknown]);
        if rig.client.has_next() {
            request = rig.slot();
        }
    }
    let why = RequestError::UnknownAttributes(kinds.to_vec());
    assert_eq!((rig.event(), rig.client.has_next()), (Some(Event::AllocateFailed(why)), false));
}

// proves: 8016-3-a
#[test]
fn a_server_that_forbids_mobility_is_told_of_and_asked_without() {
    let mut rig = Rig::with(config().mobility(true));
    let request = rig.challenged();
    assert_eq!(attribute(&request), Some(MobilityTicket(&[])));
    rig.refuse(&request, 405);
    assert_eq!(rig.event(), Some(Event::MobilityRefused(RequestError::MobilityForbidden)));
    let again = rig.slot();
    assert_eq!(attribute::<MobilityTicket<'_>>(&again), None);
    rig.succeed(&again, &success());
    assert!(matches!(rig.event(), Some(Event::Allocated(_))));
    assert!(!rig.client.can_migrate());
    // A client that has not asked for it cannot be refused it.
    let mut rig = Rig::new();
    let request = rig.challenged();
    rig.refuse(&request, 405);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::MobilityForbidden)));
}

// proves: 8656-7.4-d
#[test]
fn another_server_is_told_with_its_name_and_only_believed_where_somebody_vouches_for_it() {
    let other = at("192.0.2.2:3478");
    let attributes: [&dyn WriteAttribute; 3] =
        [&ErrorCode::standard(300), &AlternateServer(other), &AlternateDomain::new("turn2.example")];
    for (transport, signed, vouched) in [
        (ServerTransport::Udp, true, true),
        (ServerTransport::Udp, false, false),
        (ServerTransport::Tcp, false, false),
        (ServerTransport::Tls, false, true),
        (ServerTransport::Dtls, false, true),
    ] {
        let mut rig = Rig::with(config().transport(transport));
        let request = if signed { rig.challenged() } else { rig.slot() };
        let bytes = answer(&request, Class::Error, &attributes, signed.then(key).as_ref());
        assert_eq!(rig.handle(&bytes), Handled::Consumed);
        let domain = Some("turn2.example".to_owned());
        let why = RequestError::TryAlternate { server: other, domain, authenticated: vouched };
        assert_eq!(rig.event(), Some(Event::AllocateFailed(why.clone())), "{transport}");
        // The alternate is tried before others.
        let remedy = if vouched { Remedy::OtherServer } else { Remedy::None };
        assert_eq!(why.remedy(), remedy, "{transport}");
    }
    // To a request that was not signed anybody can answer with something that looks like a signature.
    let mut rig = Rig::new();
    let request = rig.slot();
    let forger = Key::long_term(KeyDerivation::Md5, "ann", REALM, "a guess");
    let bytes = answer(&request, Class::Error, &attributes, Some(&forger));
    assert_eq!(rig.handle(&bytes), Handled::Consumed);
    let domain = Some("turn2.example".to_owned());
    let why = RequestError::TryAlternate { server: other, domain, authenticated: false };
    assert_eq!(rig.event(), Some(Event::AllocateFailed(why)));

    // One without a signature where there has to be one is not even read.
    let mut rig = Rig::new();
    let request = rig.challenged();
    let bytes = answer(&request, Class::Error, &attributes, None);
    assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::Unbelieved));
    assert_eq!(rig.event(), None);
}

#[test]
fn a_508_to_a_special_port_means_that_any_other_may_be_had_at_once() {
    let even = Some(EvenPort { reserve_next: true });
    for config in [config().even_port(even), config().token(Some(ReservationToken(*b"a token.")))] {
        let mut rig = Rig::with(config);
        let request = rig.challenged();
        rig.refuse(&request, 508);
        let why = RequestError::PortUnavailable;
        assert_eq!(why.remedy(), Remedy::AnyPort);
        assert_eq!(rig.event(), Some(Event::AllocateFailed(why)));
    }
}

#[test]
fn an_allocation_that_was_there_ends_with_the_servers_reason() {
    for (code, why) in [
        (400, RequestError::BadRequest),
        (403, RequestError::Forbidden),
        (437, RequestError::AllocationMismatch),
        (441, RequestError::WrongCredentials),
        (442, RequestError::UnsupportedTransport),
        (443, RequestError::PeerFamilyMismatch),
        (508, RequestError::InsufficientCapacity),
        (600, RequestError::Other(600)),
    ] {
        let mut rig = Rig::allocated(600);
        rig.run_to(rig.start + seconds(540));
        let request = rig.slot();
        rig.refuse(&request, code);
        assert_eq!(rig.event(), Some(Event::Lost(why)), "{code}");
        assert_eq!((rig.client.is_closed(), rig.client.size()), (true, 0));
    }
    // The password was changed, and every nonce is stale.
    let mut rig = Rig::allocated(600);
    rig.run_to(rig.start + seconds(540));
    let request = rig.slot();
    rig.challenge(&request, 401, "n2");
    assert_eq!(rig.event(), Some(Event::Lost(RequestError::Refused(Refusal::Unauthenticated))));
    let mut rig = Rig::allocated(600);
    rig.run_to(rig.start + seconds(540));
    for nonce in 2.. {
        let Some(request) = rig.client.start_next(rig.now) else { break };
        rig.challenge(&request.payload, 438, &format!("n{nonce}"));
        assert!(nonce < 8, "without end");
    }
    assert_eq!(rig.event(), Some(Event::Lost(RequestError::StaleNonce)));
}

#[test]
fn garbage_that_is_signed_ends_it_and_other_garbage_changes_nothing() {
    let mut rig = Rig::new();
    let request = rig.challenged();
    for garbage in [&b"HTTP/1.1 400 Bad Request"[..], &[0; 20], &[1, 3, 0, 9], &[0x40, 0, 0, 9], &[]] {
        assert_ne!(rig.handle(garbage), Handled::Consumed);
    }
    assert_eq!(rig.event(), None);
    let answer = answer(&request, Class::Error, &[], Some(&key()));
    assert_eq!(rig.handle(&answer), Handled::Consumed);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::Malformed)));
}

// Bid-down, as 8489-9.2.5-a is kept (see the exception there).
#[test]
fn who_takes_the_offered_algorithms_out_gets_no_second_request() {
    // The nonce says that algorithms are offered, and nothing is.
    let nonce = Nonce::new("obMatJos2gAAAx");
    for code in [401, 438] {
        let mut rig = Rig::new();
        let mut request = rig.slot();
        if code == 438 {
            rig.challenge(&request, 401, "n1");
            request = rig.slot();
        }
        let challenge: [&dyn WriteAttribute; 3] = [&ErrorCode::standard(code), &Realm::new(REALM), &nonce];
        let bytes = answer(&request, Class::Error, &challenge, None);
        assert_eq!(rig.handle(&bytes), Handled::Consumed);
        let why = RequestError::Refused(Refusal::BidDown);
        assert_eq!(rig.event(), Some(Event::AllocateFailed(why)), "{code}");
        assert!(!rig.client.has_next() && rig.sent().is_empty(), "{code}");
    }
    // Any other response with such a nonce counts as none.
    let mut rig = Rig::new();
    let request = rig.challenged();
    let [relayed, lifetime] = success();
    let bytes = answer(&request, Class::Success, &[relayed, lifetime, &nonce], Some(&key()));
    assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::Unbelieved));
    assert_eq!(rig.event(), None);
}
