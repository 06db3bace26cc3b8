//! What is kept while time passes (RFC 8656 8, 9, 12), and given back.

use super::*;
use crate::channels::MAX_TRANSIT;

/// Runs until something waits for a slot, and returns it and when.
fn next_request(rig: &mut Rig) -> (Duration, Vec<u8>) {
    while !rig.client.has_next() {
        let due = rig.client.poll_timeout().expect("something to wait for");
        rig.run_to(due);
    }
    (rig.elapsed(), rig.slot())
}

// proves: 8656-8-a
// proves: 8656-8.3-a
#[test]
fn a_refresh_comes_a_minute_before_the_end_that_the_server_named() {
    for (granted, due) in [(3600, 3540), (600, 540), (300, 240), (100, 50), (2, 1)] {
        let mut rig = Rig::allocated(granted);
        let (when, request) = next_request(&mut rig);
        assert_eq!((when, method_of(&request)), (seconds(due), method::REFRESH));
        assert!(!has(&request, <Lifetime as Attribute<'_>>::TYPE));
        // The next one counts from what this one was granted.
        rig.succeed(&request, &[&Lifetime::from_seconds(300)]);
        let (when, _) = next_request(&mut rig);
        assert_eq!(when, seconds(due + 240));
    }
}

#[test]
fn a_refresh_that_gets_no_slot_leaves_without_after_a_second() {
    let mut rig = Rig::allocated(600);
    rig.run_to(rig.start + seconds(541) - MS);
    assert_eq!((rig.elapsed(), rig.client.has_next()), (seconds(540), true));
    rig.run(seconds(1));
    let sent = rig.sent();
    assert_eq!((rig.elapsed(), sent.len(), method_of(&sent[0])), (seconds(541), 1, method::REFRESH));
    assert!(!rig.client.has_next());
    // Nor does its repetition wait after a challenge.
    rig.challenge(&sent[0], 438, "n2");
    assert_eq!(rig.sent().len(), 1);
}

// proves: 8656-5-b
#[test]
fn a_437_to_anything_but_allocate_means_that_the_allocation_is_gone() {
    let start = |ask: usize| {
        let mut rig = Rig::allocated(600);
        match ask {
            0 => return next_request(&mut rig).1.pipe(rig),
            1 => rig.client.permit(rig.now, peer().ip()).unwrap(),
            _ => rig.client.bind_channel(rig.now, peer()).unwrap(),
        }
        let mut request = rig.slot();
        if ask == 2 {
            rig.succeed(&request, &[]);
            rig.event();
            request = rig.slot();
        }
        (request, rig)
    };
    for (ask, method) in
        [method::REFRESH, method::CREATE_PERMISSION, method::CHANNEL_BIND].into_iter().enumerate()
    {
        let (request, mut rig) = start(ask);
        assert_eq!(method_of(&request), method);
        rig.refuse(&request, 437);
        assert_eq!(rig.event(), Some(Event::Lost(RequestError::AllocationMismatch)));
        assert!(rig.client.is_closed() && rig.client.poll_timeout().is_none());
        assert_eq!(rig.client.size(), 0);
        assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::NotAllocated));
    }
}

trait Pipe: Sized {
    fn pipe(self, rig: Rig) -> (Self, Rig) {
        (self, rig)
    }
}

impl Pipe for Vec<u8> {}

// proves: 8656-5-d
#[test]
fn a_stale_nonce_is_survived_by_every_method() {
    let mut rig = Rig::new();
    let mut nonce = 1;
    // Calls the request's nonce stale and returns its repetition.
    let mut stale = |rig: &mut Rig, request: &[u8]| {
        nonce += 1;
        let fresh = format!("n{nonce}");
        rig.challenge(request, 438, &fresh);
        let again = rig.slot();
        assert_eq!(method_of(&again), method_of(request));
        assert_eq!(attribute(&again), Some(Nonce::new(&fresh)));
        Message::parse(&again).unwrap().verify_integrity(&key()).unwrap();
        again
    };
    let request = rig.challenged();
    let request = stale(&mut rig, &request);
    rig.succeed(&request, &[&XorRelayedAddress(relayed()), &Lifetime::from_seconds(100)]);
    rig.client.bind_channel(rig.now, peer()).unwrap();
    for expected in [method::CREATE_PERMISSION, method::CHANNEL_BIND] {
        let request = rig.slot();
        assert_eq!(method_of(&request), expected);
        let request = stale(&mut rig, &request);
        rig.succeed(&request, &[]);
    }
    while rig.event().is_some() {}
    let (_, request) = next_request(&mut rig);
    let request = stale(&mut rig, &request);
    rig.succeed(&request, &[&Lifetime::from_seconds(100)]);
    assert!(rig.client.relay().is_some() && rig.event().is_none());
}

#[test]
fn a_refresh_that_nobody_answers_is_repeated_until_the_end() {
    let mut rig = Rig::allocated(600);
    let event = rig.run_to_event();
    assert_eq!((event, rig.elapsed()), (Event::Lost(RequestError::TimedOut), seconds(600)));
    let ids: std::collections::BTreeSet<_> =
        rig.sent().iter().map(|bytes| Message::parse(bytes).unwrap().transaction_id()).collect();
    assert_eq!(ids.len(), 2, "541 to 580.5 s, and from 581.5 s on");
}

#[test]
fn a_driver_that_slept_through_the_end_learns_it_at_once() {
    let mut rig = Rig::allocated(600);
    rig.now += seconds(10_000);
    rig.client.handle_timeout(rig.now);
    assert_eq!(rig.event(), Some(Event::Lost(RequestError::TimedOut)));
    assert!(rig.sent().is_empty());
}

// proves: 8656-9-a
#[test]
fn a_permission_is_renewed_every_four_minutes_for_every_port_and_not_by_data() {
    let mut rig = Rig::permitted();
    let mut renewals = Vec::new();
    let end = rig.start + seconds(500);
    while rig.now < end {
        rig.run(seconds(10));
        // Another port of the same address needs no permission of its own.
        for port in [6000, 7000] {
            let to = SocketAddr::new(peer().ip(), port);
            assert_eq!(rig.client.send(rig.now, to, b"media"), Ok(Sent::Relayed));
        }
        rig.sent();
        while rig.client.has_next() {
            let request = rig.slot();
            renewals.push((rig.elapsed().as_secs(), method_of(&request)));
            if method_of(&request) == method::CREATE_PERMISSION {
                let XorPeerAddress(to) = attribute(&request).unwrap();
                assert_eq!(to.ip(), peer().ip());
                rig.succeed(&request, &[]);
            }
        }
    }
    assert_eq!(renewals, [(240, method::CREATE_PERMISSION), (480, method::CREATE_PERMISSION)]);
    assert_eq!(rig.event(), None, "a renewal is no news");
}

#[test]
fn a_permission_that_lapses_is_renewed_no_more_and_ends_by_itself() {
    let mut rig = Rig::permitted();
    rig.client.lapse(rig.now, peer().ip());
    rig.run_to(rig.start + seconds(300) - MS);
    assert!(rig.client.is_permitted(peer().ip()));
    let bytes = indication(&[&XorPeerAddress(peer()), &Data(b"late")]);
    assert!(matches!(rig.handle(&bytes), Handled::Data { .. }));
    rig.run(MS);
    assert!(!rig.client.is_permitted(peer().ip()) && !rig.client.has_next());
    assert_eq!(rig.handle(&bytes), Handled::Dropped(DropReason::NoPermission));
    assert_eq!(rig.event(), None, "as it was wanted");
    rig.client.permit(rig.now, peer().ip()).unwrap();
    assert_eq!(method_of(&rig.grant()), method::CREATE_PERMISSION);
    assert_eq!(rig.event(), Some(Event::Permitted { ip: peer().ip() }));
}

#[test]
fn a_permission_whose_renewal_nobody_answers_fails_at_its_end() {
    let mut rig = Rig::permitted();
    let event = rig.run_to_event();
    let failed = Event::PermissionFailed { ip: peer().ip(), why: RequestError::TimedOut };
    assert_eq!((event, rig.elapsed()), (failed, seconds(300)));
    assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::NotPermitted));
}

// proves: 8656-10.1-a
#[test]
fn a_permission_names_its_peer_and_a_refusal_concerns_it_alone() {
    for (code, why) in [
        (400, RequestError::BadRequest),
        (403, RequestError::Forbidden),
        (443, RequestError::PeerFamilyMismatch),
        (508, RequestError::InsufficientCapacity),
    ] {
        let mut rig = Rig::permitted();
        let other = at("198.51.100.2:6000");
        rig.client.permit(rig.now, other.ip()).unwrap();
        let request = rig.slot();
        assert_eq!(attribute::<XorPeerAddress>(&request).unwrap().0.ip(), other.ip());
        rig.refuse(&request, code);
        assert_eq!(rig.event(), Some(Event::PermissionFailed { ip: other.ip(), why }));
        assert_eq!(rig.event(), None);
        assert!(rig.client.is_permitted(peer().ip()) && !rig.client.is_permitted(other.ip()));
        assert!(!rig.client.has_next(), "nobody asks again by himself");
        assert_eq!(rig.client.send(rig.now, other, b"x"), Err(SendError::NotPermitted));
        // Who asks again is heard.
        rig.client.permit(rig.now, other.ip()).unwrap();
        assert!(rig.client.has_next());
    }
    // A peer of the other family is not even asked for.
    let mut rig = Rig::permitted();
    let ipv6 = "2001:db8::1".parse().unwrap();
    assert_eq!(rig.client.permit(rig.now, ipv6), Err(PeerError::UnreachablePeer));
    assert!(!rig.client.has_next());
}

#[test]
fn an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() {
    let mut rig = Rig::permitted();
    let mapped = at("[::ffff:198.51.100.1]:6000");
    rig.client.permit(rig.now, mapped.ip()).unwrap();
    assert!(!rig.client.has_next(), "it is there");
    assert_eq!(rig.client.send(rig.now, mapped, b"x"), Ok(Sent::Relayed));
    assert_eq!(indicated(&rig.sent()[0]), (peer(), b"x".as_slice()));
}

// proves: 8656-12-b
#[test]
fn a_channel_is_renewed_before_ten_minutes_and_rests_for_five_after_its_end() {
    let (mut rig, channel) = Rig::bound();
    let mut renewals = Vec::new();
    let refresh = |rig: &mut Rig, renewals: &mut Vec<u64>| {
        while rig.client.has_next() {
            let request = rig.slot();
            if attribute(&request) == Some(XorPeerAddress(peer())) {
                renewals.push(rig.elapsed().as_secs());
                assert_eq!(attribute(&request), Some(ChannelNumberAttribute(channel)));
                assert_eq!(attribute(&request), Some(XorPeerAddress(peer())));
            }
            rig.succeed(&request, &[&Lifetime::from_seconds(600)]);
        }
    };
    while rig.now < rig.start + seconds(1200) {
        rig.run(seconds(10));
        refresh(&mut rig, &mut renewals);
    }
    assert_eq!(renewals, [540, 1080]);

    // Granted at 1080 s, it ends at 1680 s and rests until 1980 s.
    rig.client.lapse(rig.now, peer().ip());
    let other = at("198.51.100.2:6000");
    let until = |rig: &mut Rig, at: u64| {
        while rig.now < rig.start + seconds(at) {
            rig.run_to(rig.start + seconds(at));
            refresh(rig, &mut Vec::new());
        }
    };
    until(&mut rig, 1679);
    assert_eq!(rig.client.channels.bound(peer()), Some(channel));
    until(&mut rig, 1979);
    assert_eq!(rig.client.channels.bound(peer()), None);
    rig.client.bind_channel(rig.now, other).unwrap();
    let number = |rig: &Rig, peer| rig.client.channels.number(peer);
    assert_ne!(number(&rig, other), Some(channel), "it still rests");
    until(&mut rig, 1980);
    let third = at("198.51.100.3:6000");
    rig.client.bind_channel(rig.now, third).unwrap();
    assert_eq!(number(&rig, third), Some(channel));
}

#[test]
fn a_peer_that_comes_back_while_its_channel_rests_gets_the_same_number() {
    let (mut rig, channel) = Rig::bound();
    rig.client.lapse(rig.now, peer().ip());
    while rig.now < rig.start + seconds(700) {
        rig.run_to(rig.start + seconds(700));
        while rig.client.has_next() {
            let request = rig.slot();
            rig.succeed(&request, &[&Lifetime::from_seconds(600)]);
        }
    }
    rig.client.bind_channel(rig.now, peer()).unwrap();
    let requests = [rig.grant(), rig.grant()];
    assert_eq!(
        requests.each_ref().map(|bytes| method_of(bytes)),
        [method::CREATE_PERMISSION, method::CHANNEL_BIND]
    );
    assert_eq!(attribute(&requests[1]), Some(ChannelNumberAttribute(channel)));
}

/// Answers everything but the ChannelBind requests up to this time, and says when those were sent.
fn binds_until(rig: &mut Rig, end: Duration) -> Vec<Duration> {
    let mut binds = Vec::new();
    while rig.elapsed() < end {
        rig.run_to(rig.start + end);
        let mut sent = rig.sent();
        while rig.client.has_next() {
            sent.push(rig.slot());
        }
        for request in sent {
            match method_of(&request) {
                method::CHANNEL_BIND => binds.push(rig.elapsed()),
                _ => rig.succeed(&request, &[&Lifetime::from_seconds(600)]),
            }
        }
    }
    binds
}

// proves: 8656-12-b
#[test]
fn a_renewal_whose_answer_is_lost_may_have_renewed_and_its_number_rests_from_then() {
    let (mut rig, channel) = Rig::bound();
    let number = |rig: &Rig, peer| rig.client.channels.number(peer);
    let binds = binds_until(&mut rig, seconds(601));
    let failed = Event::ChannelFailed { peer: peer(), why: RequestError::TimedOut };
    assert_eq!(rig.event(), Some(failed));
    let last = *binds.last().unwrap();
    assert!(last > seconds(580), "{binds:?}");

    // The server may have bound at the last of them: ten minutes from then, and five more.
    rig.client.lapse(rig.now, peer().ip());
    assert_eq!(binds_until(&mut rig, last + seconds(900) - MS), []);
    let other = at("198.51.100.2:6000");
    rig.client.bind_channel(rig.now, other).unwrap();
    assert_ne!(number(&rig, other), Some(channel), "it still rests");
    assert_eq!(number(&rig, peer()), Some(channel), "and belongs to its peer");
    rig.client.lapse(rig.now, other.ip());

    // A datagram may be under way for a while, and then it is free.
    binds_until(&mut rig, last + seconds(900) + MAX_TRANSIT);
    let third = at("198.51.100.3:6000");
    rig.client.bind_channel(rig.now, third).unwrap();
    assert_eq!(number(&rig, third), Some(channel));
}

#[test]
fn a_channel_that_lapses_during_its_renewal_rests_from_the_renewal() {
    let (mut rig, channel) = Rig::bound();
    assert_eq!(binds_until(&mut rig, seconds(540)), [seconds(540)]);
    rig.client.lapse(rig.now, peer().ip());
    let binds = binds_until(&mut rig, seconds(1439));
    let last = binds.last().copied().unwrap_or(seconds(540));
    assert_eq!(rig.client.channels.number(peer()), Some(channel), "since {last:?}");
    assert_eq!(rig.event(), None, "as it was wanted");
}

#[test]
fn a_number_that_the_server_never_heard_of_is_free_at_once() {
    let mut rig = Rig::permitted();
    rig.client.bind_channel(rig.now, peer()).unwrap();
    let number = rig.client.channels.number(peer());
    rig.client.lapse_channel(rig.now, peer());
    assert!(!rig.client.has_next() && rig.client.is_permitted(peer().ip()));
    let other = at("198.51.100.1:7000");
    rig.client.bind_channel(rig.now, other).unwrap();
    assert_eq!(rig.client.channels.number(other), number);
}

#[test]
fn a_refused_channel_leaves_the_indications() {
    for (code, why) in [(403, RequestError::Forbidden), (508, RequestError::InsufficientCapacity)] {
        let mut rig = Rig::permitted();
        rig.client.bind_channel(rig.now, peer()).unwrap();
        let request = rig.slot();
        rig.refuse(&request, code);
        assert_eq!(rig.event(), Some(Event::ChannelFailed { peer: peer(), why }));
        assert_eq!(rig.client.send(rig.now, peer(), b"x"), Ok(Sent::Relayed));
        assert_eq!(indicated(&rig.sent()[0]), (peer(), b"x".as_slice()));
    }
}

// proves: 8656-12.3-a
#[test]
fn a_400_to_a_channel_bind_gives_the_allocation_back_and_tells_to_begin_anew() {
    for renewal in [false, true] {
        let (mut rig, request) = if renewal {
            let (mut rig, _) = Rig::bound();
            while rig.client.channels.is_renewing(peer()) == renewal || rig.elapsed() < seconds(540) {
                let due = rig.client.poll_timeout().unwrap();
                rig.run_to(due);
                while rig.client.has_next() && rig.elapsed() < seconds(540) {
                    let request = rig.slot();
                    rig.succeed(&request, &[&Lifetime::from_seconds(3000)]);
                }
                if rig.client.channels.is_renewing(peer()) {
                    break;
                }
            }
            let mut request = rig.slot();
            while method_of(&request) != method::CHANNEL_BIND {
                request = rig.slot();
            }
            (rig, request)
        } else {
            let mut rig = Rig::permitted();
            rig.client.bind_channel(rig.now, peer()).unwrap();
            let request = rig.slot();
            (rig, request)
        };
        rig.sent();
        rig.refuse(&request, 400);
        let why = RequestError::ChannelMismatch;
        assert_eq!(why.remedy(), crate::Remedy::Anew);
        assert_eq!(rig.event(), Some(Event::Lost(why)));
        assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::NotAllocated));
        let sent = rig.sent();
        assert_eq!((sent.len(), attribute(&sent[0])), (1, Some(Lifetime::ZERO)));
        rig.succeed(&sent[0], &[&Lifetime::ZERO]);
        assert!(rig.client.is_closed() && rig.event().is_none());
    }
}

#[test]
fn a_permission_that_nobody_asked_for_yet_is_not_asked_for_once_it_lapses() {
    let mut rig = Rig::allocated(600);
    assert_eq!(rig.client.send(rig.now, peer(), b"check"), Ok(Sent::Held));
    rig.client.lapse(rig.now, peer().ip());
    assert!(!rig.client.has_next());
    assert_eq!((rig.client.held_dropped(), rig.client.size()), (1, 0));
}

#[test]
fn only_the_peers_that_are_wanted_are_renewed() {
    let mut rig = Rig::permitted();
    let other = at("198.51.100.2:6000");
    rig.client.permit(rig.now, other.ip()).unwrap();
    rig.grant();
    assert_eq!(rig.client.wanted().collect::<Vec<_>>(), [peer().ip(), other.ip()]);
    rig.client.retain(rig.now, |ip| ip == other.ip());
    assert_eq!(rig.client.wanted().collect::<Vec<_>>(), [other.ip()]);
    let (when, request) = next_request(&mut rig);
    assert_eq!(when, seconds(240));
    assert_eq!(attribute::<XorPeerAddress>(&request).unwrap().0.ip(), other.ip());
    rig.succeed(&request, &[]);
    rig.run_to(rig.start + seconds(300));
    assert!(rig.client.is_permitted(other.ip()) && !rig.client.is_permitted(peer().ip()));
}

#[test]
fn a_channel_lapses_alone_and_data_goes_by_indication_from_its_end_on() {
    let (mut rig, _) = Rig::bound();
    rig.client.lapse_channel(rig.now, peer());
    let mut binds = binds_until(&mut rig, seconds(600) - MS);
    assert!(rig.client.channel(peer()).is_some());
    binds.extend(binds_until(&mut rig, seconds(600)));
    assert_eq!((binds, rig.client.channel(peer()), rig.event()), (vec![], None, None));
    assert!(rig.client.is_permitted(peer().ip()));
    assert_eq!(rig.client.send(rig.now, peer(), b"x"), Ok(Sent::Relayed));
    assert_eq!(indicated(&rig.sent()[0]), (peer(), b"x".as_slice()));
}

#[test]
fn closing_gives_the_allocation_back_at_once() {
    // How the server may answer: it is done, it is not there, it fails, or it says nothing.
    for answer in [Some(200), Some(437), Some(400), None] {
        let mut rig = Rig::permitted();
        rig.client.permit(rig.now, "198.51.100.2".parse().unwrap()).unwrap();
        rig.client.close(rig.now);
        rig.client.close(rig.now);
        assert!(!rig.client.is_closed() && !rig.client.has_next());
        let sent = rig.sent();
        assert_eq!((sent.len(), method_of(&sent[0])), (1, method::REFRESH));
        assert_eq!(attribute(&sent[0]), Some(Lifetime::ZERO));
        assert_eq!(rig.client.send(rig.now, peer(), b"x"), Err(SendError::NotAllocated));
        match answer {
            Some(200) => rig.succeed(&sent[0], &[&Lifetime::ZERO]),
            Some(code) => rig.refuse(&sent[0], code),
            None => {
                while !rig.client.is_closed() {
                    rig.run(seconds(100));
                }
                assert_eq!((rig.elapsed(), rig.sent().len()), (3500 * MS, 2));
            }
        }
        assert!(rig.client.is_closed(), "{answer:?}");
        assert_eq!((rig.client.size(), rig.client.poll_timeout()), (0, None));
    }
}

#[test]
fn giving_back_survives_a_stale_nonce() {
    let mut rig = Rig::allocated(600);
    rig.client.close(rig.now);
    let sent = rig.sent();
    rig.challenge(&sent[0], 438, "n2");
    let again = rig.sent();
    assert_eq!(attribute(&again[0]), Some(Lifetime::ZERO));
    assert_eq!(attribute(&again[0]), Some(Nonce::new("n2")));
    rig.succeed(&again[0], &[&Lifetime::ZERO]);
    assert!(rig.client.is_closed());
}

#[test]
fn closing_before_the_server_can_have_allocated_sends_nothing() {
    let mut rig = Rig::new();
    rig.slot();
    rig.client.close(rig.now);
    assert!(rig.client.is_closed() && rig.sent().is_empty());

    // With credentials under way it may have.
    let mut rig = Rig::new();
    let request = rig.challenged();
    rig.client.close(rig.now);
    assert_eq!(attribute(&rig.sent()[0]), Some(Lifetime::ZERO));
    let attributes: [&dyn WriteAttribute; 2] = [&XorRelayedAddress(relayed()), &Lifetime::from_seconds(600)];
    let late = answer(&request, Class::Success, &attributes, Some(&key()));
    assert_eq!(rig.handle(&late), Handled::Dropped(DropReason::NoTransaction));
    assert!(rig.client.relay().is_none());
}
