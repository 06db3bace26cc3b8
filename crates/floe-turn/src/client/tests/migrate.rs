//! An allocation that goes along to another base (RFC 8016).

use floe_core::ServerTransport;

use super::*;
use crate::{Broken, MigrateError, MobilityTicket};

const OLD: BaseId = BaseId(0);
const NEW: BaseId = BaseId(1);
const THIRD: BaseId = BaseId(2);

fn lifetime() -> Lifetime {
    Lifetime::from_seconds(600)
}

/// One that has a ticket, and a peer with a channel.
fn mobile(transport: ServerTransport) -> Rig {
    let mut rig = Rig::with(config().mobility(true).transport(transport));
    let request = rig.challenged();
    assert_eq!(attribute(&request), Some(MobilityTicket(&[])), "an empty one asks for one");
    rig.succeed(&request, &[&XorRelayedAddress(relayed()), &lifetime(), &MobilityTicket(b"first")]);
    rig.client.bind_channel(rig.now, peer()).unwrap();
    rig.grant();
    rig.grant();
    while rig.event().is_some() {}
    assert!(rig.client.can_migrate());
    rig
}

/// The Refresh that goes out from the new base.
fn refresh(rig: &mut Rig, base: BaseId) -> Vec<u8> {
    let transmit = rig.client.start_next(rig.now).unwrap();
    assert_eq!((transmit.base, transmit.to), (base, server()));
    assert_eq!(method_of(&transmit.payload), method::REFRESH);
    transmit.payload.to_vec()
}

fn bases(rig: &mut Rig) -> Vec<BaseId> {
    std::iter::from_fn(|| rig.client.poll_transmit()).map(|transmit| transmit.base).collect()
}

// proves: 8016-3-a
#[test]
fn the_newest_ticket_goes_from_the_new_base_alone_and_data_follows_once_it_is_answered() {
    let mut rig = mobile(ServerTransport::Udp);
    for (from, to, ticket, next, other) in [
        (OLD, NEW, &b"first"[..], &b"second"[..], at("198.51.100.8:1")),
        (NEW, THIRD, b"second", b"third", at("198.51.100.9:1")),
    ] {
        rig.client.migrate(rig.now, to).unwrap();
        assert_eq!((rig.client.base(), rig.client.migrating_to()), (from, Some(to)));
        let request = refresh(&mut rig, to);
        assert_eq!(attribute(&request), Some(MobilityTicket(ticket)));
        Message::parse(&request).unwrap().verify_integrity(&key()).unwrap();

        // Until then all else goes by the old base.
        rig.client.send(rig.now, peer(), b"x").unwrap();
        rig.client.permit(rig.now, other.ip()).unwrap();
        let permit = rig.client.start_next(rig.now).unwrap();
        assert_eq!((bases(&mut rig), permit.base), (vec![from], from));
        assert_eq!(rig.client.prefix(peer()).unwrap().base(), from);
        rig.client.send(rig.now, peer(), b"waits to be polled").unwrap();
        // Repetitions go from the new base as well.
        rig.now += 500 * MS;
        rig.client.handle_timeout(rig.now);
        let resent: Vec<_> = std::iter::from_fn(|| rig.client.poll_transmit()).collect();
        assert!(resent.iter().any(|resent| resent.base == to && resent.payload == request));
        rig.client.lapse(rig.now, other.ip());
        rig.succeed(&permit.payload, &[]);
        while rig.event().is_some() {}

        rig.client.send(rig.now, peer(), b"waits to be polled").unwrap();
        rig.succeed(&request, &[&lifetime(), &MobilityTicket(next)]);
        assert_eq!(rig.event(), Some(Event::Migrated { base: to }));
        assert_eq!((rig.client.base(), rig.client.migrating_to()), (to, None));
        rig.client.send(rig.now, peer(), b"x").unwrap();
        assert_eq!(bases(&mut rig), [to, to], "what waited goes along");
        assert_eq!(rig.client.prefix(peer()).unwrap().base(), to);
        assert!(rig.client.channel(peer()).is_some(), "channels stay");
    }
    // RFC 8016 3.2.1: without a move there is no ticket in a refresh.
    loop {
        let due = rig.client.poll_timeout().unwrap();
        rig.now = due;
        rig.client.handle_timeout(due);
        let Some(request) = rig.client.start_next(rig.now) else { continue };
        assert_eq!(request.base, THIRD);
        assert_eq!(attribute::<MobilityTicket<'_>>(&request.payload), None);
        rig.succeed(&request.payload, &[&lifetime(), &MobilityTicket(b"fourth")]);
        if method_of(&request.payload) == method::REFRESH {
            break;
        }
    }
    rig.client.migrate(rig.now, NEW).unwrap();
    rig.client.handle_timeout(rig.now);
    assert_eq!(attribute(&refresh(&mut rig, NEW)), Some(MobilityTicket(b"fourth")), "the newest counts");
}

// proves: 8016-3-a
#[test]
fn a_server_that_refuses_to_move_it_keeps_it_where_it_was() {
    for (code, why) in [
        (405, RequestError::MobilityForbidden),
        (400, RequestError::BadRequest),
        (441, RequestError::WrongCredentials),
        (437, RequestError::AllocationMismatch),
    ] {
        let mut rig = mobile(ServerTransport::Udp);
        rig.client.migrate(rig.now, NEW).unwrap();
        let request = refresh(&mut rig, NEW);
        rig.refuse(&request, code);
        assert_eq!(rig.event(), Some(Event::MigrationFailed { base: NEW, why }));
        assert_eq!((rig.client.base(), rig.client.migrating_to(), rig.event()), (OLD, None, None));
        rig.client.send(rig.now, peer(), b"x").unwrap();
        assert_eq!(bases(&mut rig), [OLD]);
        // After a 437 the old base is asked what is true.
        let next = rig.client.start_next(rig.now);
        assert_eq!(
            next.map(|next| (next.base, method_of(&next.payload))),
            (code == 437).then_some((OLD, method::REFRESH))
        );
    }
}

#[test]
fn a_stale_nonce_on_the_way_is_survived_and_silence_is_told() {
    let mut rig = mobile(ServerTransport::Udp);
    rig.client.migrate(rig.now, NEW).unwrap();
    let request = refresh(&mut rig, NEW);
    rig.challenge(&request, 438, "n2");
    let request = refresh(&mut rig, NEW);
    assert_eq!(attribute(&request), Some(MobilityTicket(b"first")));
    assert_eq!(attribute(&request), Some(Nonce::new("n2")));
    let began = rig.now;
    let event = rig.run_to_event();
    assert_eq!(event, Event::MigrationFailed { base: NEW, why: RequestError::TimedOut });
    assert_eq!(rig.now - began, 39_500 * MS);
    assert!(rig.client.relay().is_some() && rig.client.can_migrate());
}

#[test]
fn the_last_base_that_was_named_is_the_one_it_goes_to() {
    let mut rig = mobile(ServerTransport::Udp);
    rig.client.migrate(rig.now, NEW).unwrap();
    let first = refresh(&mut rig, NEW);
    rig.client.migrate(rig.now, THIRD).unwrap();
    rig.client.migrate(rig.now, THIRD).unwrap();
    let second = refresh(&mut rig, THIRD);
    assert!(!rig.client.has_next());
    let late = answer(&first, Class::Success, &[&lifetime()], Some(&key()));
    assert_eq!(rig.handle(&late), Handled::Dropped(DropReason::NoTransaction));
    rig.succeed(&second, &[&lifetime()]);
    assert_eq!(rig.event(), Some(Event::Migrated { base: THIRD }));
    // Its ticket is spent, and no other came.
    assert_eq!(rig.client.migrate(rig.now, NEW), Err(MigrateError::NoTicket));
}

#[test]
fn it_cannot_go_without_an_allocation_a_ticket_or_a_way() {
    let mut rig = Rig::with(config().mobility(true));
    assert_eq!(rig.client.migrate(rig.now, NEW), Err(MigrateError::NotAllocated));
    let mut rig = Rig::allocated_with(config().mobility(true), 600);
    assert_eq!(rig.client.migrate(rig.now, NEW), Err(MigrateError::NoTicket));
    assert_eq!(rig.client.migrate(rig.now, OLD), Err(MigrateError::SameBase));
    // One that nobody asked for, and one that is too long to be sent back.
    for (mobility, ticket) in [(false, vec![7; 8]), (true, vec![7; 1025])] {
        let mut rig = Rig::with(config().mobility(mobility));
        let request = rig.challenged();
        rig.succeed(&request, &[&XorRelayedAddress(relayed()), &lifetime(), &MobilityTicket(&ticket)]);
        assert!(rig.client.relay().is_some() && !rig.client.can_migrate());
    }
}

#[test]
fn the_longest_ticket_fits_beside_all_else() {
    let mut rig = Rig::with(
        ClientConfig::new(OLD, server(), "n".repeat(508), "secret")
            .mobility(true)
            .software(Some("s".repeat(127))),
    );
    let request = rig.slot();
    let (realm, nonce) = ("r".repeat(127), "x".repeat(763));
    let challenge: [&dyn WriteAttribute; 3] = [
        &ErrorCode::standard(401),
        &Realm::new(&realm),
        &RawAttribute { kind: AttributeType::NONCE, value: nonce.as_bytes() },
    ];
    let bytes = answer(&request, Class::Error, &challenge, None);
    assert_eq!(rig.handle(&bytes), Handled::Consumed);
    let request = rig.slot();
    let key = Key::long_term(KeyDerivation::Md5, &"n".repeat(508), &realm, "secret");
    let ticket = vec![7; 1024];
    let attributes: [&dyn WriteAttribute; 3] =
        [&XorRelayedAddress(relayed()), &lifetime(), &MobilityTicket(&ticket)];
    let bytes = answer(&request, Class::Success, &attributes, Some(&key));
    assert_eq!(rig.handle(&bytes), Handled::Consumed);
    rig.client.migrate(rig.now, NEW).unwrap();
    assert_eq!(attribute(&refresh(&mut rig, NEW)), Some(MobilityTicket(&ticket)));
}

#[test]
fn a_connection_that_breaks_behind_it_is_survived_and_one_before_it_is_a_failure() {
    // The old one breaks, and it arrives: what was asked for over the old one is asked for anew.
    let mut rig = mobile(ServerTransport::Tcp);
    let other = at("198.51.100.9:1");
    rig.client.permit(rig.now, other.ip()).unwrap();
    let permit = rig.client.start_next(rig.now).unwrap();
    rig.client.migrate(rig.now, NEW).unwrap();
    rig.client.broken(rig.now, OLD, Broken::Closed);
    assert_eq!((rig.event(), permit.base), (None, OLD));
    let request = refresh(&mut rig, NEW);
    rig.succeed(&request, &[&lifetime(), &MobilityTicket(b"second")]);
    assert_eq!(rig.event(), Some(Event::Migrated { base: NEW }));
    let again = rig.client.start_next(rig.now).unwrap();
    assert_eq!((again.base, method_of(&again.payload)), (NEW, method::CREATE_PERMISSION));
    rig.succeed(&again.payload, &[]);
    assert_eq!(rig.event(), Some(Event::Permitted { ip: other.ip() }));

    // The new one breaks.
    rig.client.migrate(rig.now, THIRD).unwrap();
    refresh(&mut rig, THIRD);
    rig.client.broken(rig.now, THIRD, Broken::Cut);
    let why = RequestError::ConnectionBroken(Broken::Cut);
    assert_eq!(rig.event(), Some(Event::MigrationFailed { base: THIRD, why }));
    assert!(rig.client.relay().is_some());

    // Both do.
    rig.client.migrate(rig.now, THIRD).unwrap();
    refresh(&mut rig, THIRD);
    rig.client.broken(rig.now, NEW, Broken::Closed);
    rig.client.broken(rig.now, THIRD, Broken::Cut);
    let why = RequestError::ConnectionBroken(Broken::Cut);
    assert_eq!(rig.event(), Some(Event::MigrationFailed { base: THIRD, why }));
    assert_eq!(rig.event(), Some(Event::Lost(RequestError::ConnectionBroken(Broken::Closed))));
    assert_eq!((rig.event(), rig.client.size()), (None, 0));
}
