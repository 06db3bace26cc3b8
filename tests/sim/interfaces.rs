//! Addresses that go and come in the middle of a session (RFC 8445 5.1.1.4).

use std::{net::IpAddr, time::Duration};

use floe_core::{ComponentId, StreamId};
use floe_session::{Event, IceServer, IceState, Reason};
use floe_sim::{Host, Link};

use crate::world::{SIDES, Setup, Side, World, address_of, ms};

const OF: (StreamId, ComponentId) = (StreamId(0), ComponentId::RTP);

/// An address of A's.
fn address(number: u8) -> IpAddr {
    IpAddr::from([10, 1, 0, number])
}

/// A has the addresses of these numbers from now on.
fn readdress(world: &mut World, numbers: &[u8]) {
    let host = numbers.iter().fold(Host::new(), |host, &number| host.address(address(number)));
    world.replace_host(Side::A, host);
}

/// The addresses of the candidates that A has told of so far.
fn candidates(world: &World) -> Vec<IpAddr> {
    let candidate = |(_, event): (_, &Event)| match event {
        Event::Candidate { candidate, .. } => Some(address_of(candidate).ip()),
        _ => None,
    };
    world.events(Side::A).filter_map(candidate).collect()
}

fn times(world: &World, counted: impl Fn(&Event) -> bool) -> usize {
    world.events(Side::A).filter(|(_, event)| counted(event)).count()
}

/// Which addresses of A's its valid pairs have.
fn valid(world: &World) -> Vec<IpAddr> {
    let pairs = world.session(Side::A).stats().pairs.into_iter();
    pairs.filter(|pair| pair.valid).map(|pair| address_of(&pair.local).ip()).collect()
}

/// Which address of A's the latest selected pair of each side has.
fn selected(world: &World) -> [IpAddr; 2] {
    SIDES.map(|side| world.selections(side, OF).last().unwrap().ends[side as usize].ip())
}

// proves: 8445-5.1.1.4-b
#[test]
fn candidates_of_an_address_that_goes_are_void_and_another_path_takes_over() {
    let mut world = Setup::new([2, 1], ms(20)).described();
    assert!(world.complete(Duration::from_secs(5)));
    world.run_to(Duration::from_secs(30));
    assert_eq!(selected(&world), [address(1); 2]);
    assert_eq!(valid(&world).len(), 2);
    let gone = world.since_start(world.simulation.now());
    readdress(&mut world, &[2]);
    // The socket and its pairs are no more at once, and data goes over the other one before that is nominated.
    assert_eq!(times(&world, |event| matches!(event, Event::SocketLost { .. })), 1);
    assert_eq!(valid(&world), [address(2)]);
    assert!(world.session(Side::A).route(OF.0, OF.1).is_some());
    world.run_to(gone + Duration::from_secs(10));
    assert_eq!(selected(&world), [address(2); 2]);
    assert!(world.selections(Side::A, OF).last().unwrap().at <= gone + ms(100));
    let bad = |event: &Event| {
        matches!(event, Event::State { state: IceState::Failed | IceState::Disconnected, .. })
    };
    assert_eq!(times(&world, bad), 0);
    world.assert_agreed();

    // What is left goes too: now there is nothing to go over to.
    readdress(&mut world, &[]);
    assert_eq!(world.session(Side::A).state(), IceState::Failed);
    assert!(matches!(world.session(Side::A).reason(), Some(Reason::SocketLost(_))));
    assert_eq!(world.session(Side::A).route(OF.0, OF.1), None);
}

// proves: 8445-5.1.1.4-b
#[test]
fn an_address_that_comes_after_the_end_of_candidates_is_announced_and_a_restart_gathers_it() {
    let mut world = Setup::new([1, 1], ms(20)).described();
    assert!(world.complete(Duration::from_secs(5)));
    readdress(&mut world, &[]);
    readdress(&mut world, &[2]);
    let appeared = |event: &Event| matches!(event, Event::AddressAppeared { address: found, .. } if found.0 == address(2));
    assert_eq!(times(&world, appeared), 1);
    assert_eq!(candidates(&world), [address(1)]);
    let (now, host) = (world.simulation.now(), world.host(Side::A));
    world.simulation.node_mut(host).unwrap().drive(now, |session| session.restart(now));
    let end = world.since_start(now) + Duration::from_secs(5);
    assert!(world.complete(end));
    assert_eq!(candidates(&world), [1, 2].map(address));
    assert_eq!(selected(&world), [address(2); 2]);
    world.assert_agreed();
}

// proves: 8445-5.1.1.4-b
#[test]
fn an_address_that_comes_before_the_end_of_candidates_is_gathered_and_used() {
    // A server that nobody answers for: gathering goes on for as long as it is asked.
    let nobody = IceServer::stun("192.0.2.1:3478".parse().unwrap());
    let mut world = Setup { servers: vec![nobody], ..Setup::new([1, 1], ms(20)) }.described();
    world.set_path(0, 0, Link::cut());
    world.run_to(Duration::from_secs(1));
    assert!(!world.is_complete());
    readdress(&mut world, &[1, 2]);
    assert!(world.complete(Duration::from_secs(2)));
    assert_eq!(candidates(&world), [1, 2].map(address));
    assert_eq!(selected(&world), [address(2); 2]);
    world.assert_agreed();
}
