//! Two families in one allocation, and ports that are asked for (RFC 8656 7.1, 7.3, 8.1).

use super::*;
use crate::{
    AdditionalAddressFamily, AddressErrorCode, EvenPort, Remedy, RequestedAddressFamily, ReservationToken,
};

const BOTH: [AddressFamily; 2] = [AddressFamily::Ipv4, AddressFamily::Ipv6];

fn relayed6() -> SocketAddr {
    at("[2001:db8::1]:50002")
}

fn peer6() -> SocketAddr {
    at("[2001:db8:1::9]:6000")
}

fn of(family: AddressFamily) -> (SocketAddr, SocketAddr) {
    match family {
        AddressFamily::Ipv4 => (relayed(), peer()),
        AddressFamily::Ipv6 => (relayed6(), peer6()),
    }
}

fn lifetime() -> Lifetime {
    Lifetime::from_seconds(600)
}

/// One with both families.
fn dual() -> Rig {
    let mut rig = Rig::with(config().dual(true));
    let request = rig.challenged();
    // Whatever their order.
    rig.succeed(&request, &[&XorRelayedAddress(relayed6()), &XorRelayedAddress(relayed()), &lifetime()]);
    let Some(Event::Allocated(relay)) = rig.event() else { panic!("not allocated") };
    assert_eq!((relay.relayed, relay.additional), (relayed(), Some(relayed6())));
    assert_eq!(rig.event(), None);
    rig
}

/// The same, whose peers of both families have channels.
fn bound() -> Rig {
    let mut rig = dual();
    for peer in [peer(), peer6()] {
        rig.client.bind_channel(rig.now, peer).unwrap();
        rig.grant();
        rig.grant();
    }
    while rig.event().is_some() {}
    rig
}

#[test]
fn both_families_are_asked_for_by_one_attribute_and_each_peer_goes_by_its_own() {
    let mut rig = Rig::with(config().dual(true));
    let request = rig.challenged();
    assert_eq!(attribute(&request), Some(AdditionalAddressFamily));
    assert_eq!(attribute::<RequestedAddressFamily>(&request), None);
    let mut rig = bound();
    for peer in [peer(), peer6()] {
        assert_eq!(rig.client.send(rig.now, peer, b"x"), Ok(Sent::Relayed));
        assert!(rig.client.channel(peer).is_some() && rig.client.is_permitted(peer.ip()));
    }
    let relay = rig.client.relay().unwrap();
    assert_eq!(BOTH.map(|family| relay.of(family)), [Some(relayed()), Some(relayed6())]);
    assert_eq!(relay.addresses().collect::<Vec<_>>(), [relayed(), relayed6()]);
}

// proves: 8656-7.3-b
#[test]
fn half_an_allocation_is_used_and_the_refused_family_is_told_with_what_may_be_done() {
    let minute = Remedy::After(seconds(60));
    let cases = [
        (Some(440), RequestError::AddressFamilyNotSupported, Remedy::OtherFamily),
        (Some(508), RequestError::InsufficientCapacity, minute),
        (Some(599), RequestError::Other(599), Remedy::None),
        // It knows nothing of two families.
        (None, RequestError::AddressFamilyNotSupported, Remedy::OtherFamily),
    ];
    for refused in BOTH {
        for (code, why, remedy) in cases.clone() {
            let mut rig = Rig::with(config().dual(true));
            let request = rig.challenged();
            let (there, its_peer) = of(refused.other());
            let (_, other_peer) = of(refused);
            let given = XorRelayedAddress(there);
            let error = code.map(|code| AddressErrorCode::new(refused, code, ""));
            let mut attributes: Vec<&dyn WriteAttribute> = vec![&given];
            let lifetime = lifetime();
            attributes.push(&lifetime);
            attributes.extend(error.iter().map(|error| error as &dyn WriteAttribute));
            rig.succeed(&request, &attributes);
            let Some(Event::Allocated(relay)) = rig.event() else { panic!("not allocated") };
            assert_eq!((relay.relayed, relay.additional), (there, None));
            assert_eq!(why.remedy(), remedy);
            assert_eq!(rig.event(), Some(Event::FamilyRefused { family: refused, why }));
            assert_eq!(rig.client.permit(rig.now, its_peer.ip()), Ok(()));
            assert_eq!(rig.client.permit(rig.now, other_peer.ip()), Err(PeerError::UnreachablePeer));
            rig.grant();
            rig.event();
            // Never again: what is left to ask for is renewals.
            rig.run_to(rig.start + seconds(3600));
            assert!(rig.sent().iter().all(|bytes| method_of(bytes) != method::ALLOCATE));
        }
    }
}

#[test]
fn what_was_not_asked_for_is_given_back_whole() {
    let refused = |config: ClientConfig, given: &[SocketAddr]| {
        let mut rig = Rig::with(config);
        let request = rig.challenged();
        let given: Vec<_> = given.iter().map(|address| XorRelayedAddress(*address)).collect();
        let lifetime = lifetime();
        let mut attributes: Vec<&dyn WriteAttribute> = vec![&lifetime];
        attributes.extend(given.iter().map(|address| address as &dyn WriteAttribute));
        rig.succeed(&request, &attributes);
        let event = rig.event();
        if matches!(event, Some(Event::AllocateFailed(_))) {
            assert_eq!(attribute(&rig.sent()[0]), Some(Lifetime::ZERO), "given back");
        }
        event
    };
    let failed = |why| Some(Event::AllocateFailed(why));
    let token = config().token(Some(ReservationToken(*b"a token.")));
    for (config, given, why) in [
        (config(), &[relayed6()][..], RequestError::OtherFamily),
        (config(), &[relayed(), relayed6()], RequestError::OtherFamily),
        (config().family(Some(AddressFamily::Ipv6)), &[relayed()], RequestError::OtherFamily),
        (token.clone(), &[relayed(), relayed6()], RequestError::OtherFamily),
        (config().dual(true), &[relayed(), relayed()], RequestError::Malformed),
        (config().dual(true), &[relayed(), at("[2001:db8::1]:0")], RequestError::Malformed),
        (config().dual(true), &[], RequestError::Malformed),
    ] {
        assert_eq!(refused(config, given), failed(why), "{given:?}");
    }
    // What was reserved has the family that it has.
    assert!(matches!(refused(token, &[relayed6()]), Some(Event::Allocated(_))));
}

// proves: 8656-8.1-a
#[test]
fn one_family_is_given_back_by_name_and_the_other_is_not_touched() {
    for released in BOTH {
        let mut rig = bound();
        let kept = released.other();
        let ((_, gone), (address, stays)) = (of(released), of(kept));
        rig.client.release_family(rig.now, released);
        let sent = rig.sent();
        assert_eq!((sent.len(), method_of(&sent[0])), (1, method::REFRESH));
        assert_eq!(attribute(&sent[0]), Some(Lifetime::ZERO));
        assert_eq!(attribute(&sent[0]), Some(RequestedAddressFamily(released)));
        let relay = *rig.client.relay().unwrap();
        assert_eq!((relay.relayed, relay.additional), (address, None));
        assert!(rig.client.channel(stays).is_some() && rig.client.is_permitted(stays.ip()));
        assert!(rig.client.channel(gone).is_none() && !rig.client.is_permitted(gone.ip()));
        assert_eq!(rig.client.send(rig.now, gone, b"x"), Err(SendError::UnreachablePeer));
        rig.succeed(&sent[0], &[&Lifetime::ZERO]);
        assert_eq!((rig.event(), rig.client.is_closed()), (None, false));

        // Twice is once, and only what is there is named from now on.
        rig.client.release_family(rig.now, released);
        assert!(rig.sent().is_empty());
        let refresh = loop {
            let due = rig.client.poll_timeout().unwrap();
            rig.run_to(due);
            let Some(request) = rig.client.start_next(rig.now) else { continue };
            if method_of(&request.payload) == method::REFRESH {
                break request.payload;
            }
            rig.succeed(&request.payload, &[]);
        };
        assert_eq!(attribute(&refresh), Some(RequestedAddressFamily(kept)));
        rig.succeed(&refresh, &[&lifetime()]);
        assert!(rig.client.relay().is_some());
        // The last one is the whole.
        rig.client.release_family(rig.now, kept);
        let sent = rig.sent();
        assert_eq!(attribute(&sent[0]), Some(Lifetime::ZERO));
        assert_eq!(attribute::<RequestedAddressFamily>(&sent[0]), None);
        rig.succeed(&sent[0], &[&Lifetime::ZERO]);
        assert!(rig.client.is_closed());
    }
}

// proves: 8656-8.1-a
#[test]
fn a_whole_allocation_is_refreshed_by_one_request_that_names_no_family() {
    let mut rig = dual();
    rig.run_to(rig.start + seconds(540));
    let request = rig.slot();
    assert_eq!(method_of(&request), method::REFRESH);
    assert_eq!(attribute::<RequestedAddressFamily>(&request), None);
    assert!(!rig.client.has_next(), "one for both");
    rig.succeed(&request, &[&lifetime()]);
    rig.run_to(rig.start + seconds(1080));
    assert_eq!(method_of(&rig.slot()), method::REFRESH);
}

#[test]
fn whatever_was_under_way_for_a_family_that_is_given_back_is_abandoned() {
    let mut rig = dual();
    rig.client.permit(rig.now, peer6().ip()).unwrap();
    let request = rig.slot();
    rig.client.send(rig.now, peer6(), b"held").unwrap();
    rig.client.permit(rig.now, at("[2001:db8:1::a]:1").ip()).unwrap();
    rig.client.permit(rig.now, peer().ip()).unwrap();
    rig.client.release_family(rig.now, AddressFamily::Ipv6);
    assert_eq!(rig.client.held_dropped(), 1);
    let late = answer(&request, Class::Success, &[], Some(&key()));
    assert_eq!(rig.handle(&late), Handled::Dropped(DropReason::NoTransaction));
    let next = rig.slot();
    assert_eq!(attribute::<XorPeerAddress>(&next).unwrap().0.ip(), peer().ip());
    assert!(!rig.client.has_next());
}

#[test]
fn a_443_is_about_that_peer_and_neither_family() {
    let mut rig = bound();
    let other = at("[2001:db8:1::a]:6000");
    rig.client.permit(rig.now, other.ip()).unwrap();
    let request = rig.slot();
    rig.refuse(&request, 443);
    let why = RequestError::PeerFamilyMismatch;
    assert_eq!(rig.event(), Some(Event::PermissionFailed { ip: other.ip(), why }));
    assert!(rig.client.is_permitted(peer6().ip()) && rig.client.is_permitted(peer().ip()));
}

#[test]
fn an_even_port_may_have_the_next_one_kept_and_its_token_opens_it_for_another_client() {
    let token = ReservationToken(*b"a token.");
    for reserve_next in [false, true] {
        let even = EvenPort { reserve_next };
        let mut rig = Rig::with(config().even_port(Some(even)));
        let request = rig.challenged();
        assert_eq!(attribute(&request), Some(even));
        rig.succeed(&request, &[&XorRelayedAddress(relayed()), &lifetime(), &token]);
        let Some(Event::Allocated(relay)) = rig.event() else { panic!("not allocated") };
        assert_eq!(relay.token, reserve_next.then_some(token), "none that was not asked for");
        assert!(!format!("{relay:?}").contains("token."));
    }
    // An odd one is of no use, and another may be had.
    let mut rig = Rig::with(config().even_port(Some(EvenPort { reserve_next: false })));
    let request = rig.challenged();
    rig.succeed(&request, &[&XorRelayedAddress(at("192.0.2.1:50001")), &lifetime()]);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::PortUnavailable)));
    assert_eq!(attribute(&rig.sent()[0]), Some(Lifetime::ZERO));

    let mut rig = Rig::with(config().token(Some(token)));
    let request = rig.challenged();
    assert_eq!(attribute(&request), Some(token));
    assert_eq!(attribute::<EvenPort>(&request), None);
    assert_eq!(attribute::<RequestedAddressFamily>(&request), None);
}
