//! Two sessions and whatever can happen to them: datagrams lost, doubled, reordered, damaged and made up, a peer that
//! knows the password and lies, sockets and interfaces that come and go, signalling in any order, any lapse of time.
//!
//! Nothing of that may panic, spin, send faster than the pace or from a closed socket, or make a state change that the
//! table does not have; and what nobody signed changes nothing.
#![no_main]

mod input;
mod liar;
mod world;

use std::time::Duration;

use floe_core::{Candidate, Credentials, Pacing, Role};
use floe_session::{Nomination, RemoteDescription};
use libfuzzer_sys::fuzz_target;

use input::Input;
use world::{Datagram, STREAM, World};

fuzz_target!(|plan: &[u8]| {
    let mut input = Input(plan);
    let mut world = begin(&mut input);
    while let Some(command) = input.command() {
        act(&mut world, command, &mut input);
    }
    // A minute later, whatever was under way has come to an end of some kind.
    world.pass(Duration::from_secs(60));
});

fn begin(input: &mut Input<'_>) -> World {
    let settings = input.byte();
    let role = |bit: u8| if settings & bit == 0 { Role::Controlling } else { Role::Controlled };
    let nomination = match settings >> 2 & 3 {
        0 => Nomination::Regular,
        1 => Nomination::Aggressive,
        _ => Nomination::Eager,
    };
    // Bit 0 clear is the usual case: the first controls, the second does not.
    let roles = [role(1), if settings & 2 == 0 { Role::Controlled } else { Role::Controlling }];
    World::new(roles, nomination, 1 + u16::from(settings >> 4 & 1))
}

fn act(world: &mut World, command: u8, input: &mut Input<'_>) {
    match command % 20 {
        0 => gather(world, input),
        1 => describe(world, input),
        2 => signal_candidate(world, input),
        3 => signal_text(world, input),
        4 => signal_end(world, input),
        5 | 6 => go_on(world, input),
        7 => world.pass(lapse(input)),
        8 => world.deliver_all(),
        9 => deliver_one(world, input),
        10 => drop_one(world, input),
        11 => double_one(world, input),
        12 => damage_one(world, input),
        13 => replay_one(world, input),
        14 => make_up_datagram(world, input),
        15 => liar::request(world, input),
        16 => liar::response(world, input),
        17 => change_interfaces(world, input),
        18 => close_socket(world, input),
        _ => close(world, input),
    }
}

fn side(input: &mut Input<'_>) -> usize {
    usize::from(input.flag())
}

fn gather(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    let how = input.byte();
    world.sides[side].binds_fail = how & 8 != 0;
    let interfaces = world.sides[side].interfaces(usize::from(how & 3));
    world.with(side, |session, now| {
        session.gather(now);
        session.handle_interfaces(now, &interfaces);
    });
}

fn change_interfaces(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    let interfaces = world.sides[side].interfaces(input.below(4));
    world.with(side, |session, now| session.handle_interfaces(now, &interfaces));
}

/// The peer's credentials, or now and then those of a stranger.
fn describe(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    let how = input.byte();
    let credentials = if how & 1 == 0 {
        world.sides[1 - side].credentials()
    } else {
        Credentials::new("strange", "a/password/of/a/stranger").expect("credentials")
    };
    let pacing = (how & 2 != 0).then(|| Pacing::from_millis(u64::from(input.byte())).expect("a pace"));
    let components = (how & 4 != 0).then(|| u16::from(input.byte()));
    let description =
        RemoteDescription::new(credentials.clone()).lite(how & 8 != 0).pacing(pacing).components(components);
    let taken = world.with(side, |session, now| session.set_remote(now, STREAM, description));
    if taken.is_ok() {
        world.sides[side].told = Some(credentials);
    }
}

fn signal_candidate(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    let candidates = &world.sides[1 - side].candidates;
    if candidates.is_empty() {
        return;
    }
    let candidate = candidates[input.below(candidates.len())].clone();
    let _ = world.with(side, |session, now| session.add_remote(now, STREAM, candidate));
}

fn signal_text(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    let Ok(text) = std::str::from_utf8(input.bytes()) else { return };
    let Ok(candidate) = text.parse::<Candidate>() else { return };
    let _ = world.with(side, |session, now| session.add_remote(now, STREAM, candidate));
}

fn signal_end(world: &mut World, input: &mut Input<'_>) {
    let _ = world.with(side(input), |session, now| session.end_of_remote(now, STREAM, None));
}

/// The network at its best, for a number of deadlines.
fn go_on(world: &mut World, input: &mut Input<'_>) {
    for _ in 0..=input.below(32) {
        world.deliver_all();
        world.pass_to_deadline();
    }
}

fn lapse(input: &mut Input<'_>) -> Duration {
    const MILLIS: [u64; 10] = [0, 1, 5, 49, 50, 500, 3000, 39_500, 86_400_000, 20];
    Duration::from_millis(MILLIS[input.below(MILLIS.len())])
}

fn pick(world: &World, input: &mut Input<'_>) -> Option<usize> {
    let flying = world.flying.len();
    if flying == 0 { None } else { Some(input.below(flying)) }
}

fn deliver_one(world: &mut World, input: &mut Input<'_>) {
    let picked = pick(world, input).and_then(|index| world.flying.remove(index));
    if let Some(datagram) = picked {
        let _ = world.deliver(&datagram);
    }
}

fn drop_one(world: &mut World, input: &mut Input<'_>) {
    if let Some(index) = pick(world, input) {
        world.flying.remove(index);
    }
}

fn double_one(world: &mut World, input: &mut Input<'_>) {
    if let Some(index) = pick(world, input) {
        let datagram = world.flying[index].clone();
        let _ = world.deliver(&datagram);
    }
}

fn damage_one(world: &mut World, input: &mut Input<'_>) {
    let Some(index) = pick(world, input) else { return };
    let mut datagram = world.flying[index].clone();
    let mut data = datagram.data.to_vec();
    let bit = usize::from(u16::from_be_bytes(input.number())) % (data.len().max(1) * 8);
    if let Some(byte) = data.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    datagram.data = data.into();
    world.deliver_unsigned(&datagram);
}

/// A true datagram from a false place.
fn replay_one(world: &mut World, input: &mut Input<'_>) {
    let Some(index) = pick(world, input) else { return };
    let datagram = Datagram { from: input.strange_address(), ..world.flying[index].clone() };
    let _ = world.deliver(&datagram);
}

fn make_up_datagram(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    let place = input.byte();
    let from = if place & 1 == 0 { input.strange_address() } else { listening(world, 1 - side, place) };
    let to = listening(world, side, place);
    world.deliver_unsigned(&Datagram { from, to, data: input.bytes().to_vec().into() });
}

/// Where a side listens; nowhere, if it has no socket.
fn listening(world: &World, side: usize, choice: u8) -> std::net::SocketAddr {
    let open = &world.sides[side].open;
    let mut addresses = open.values().copied().cycle();
    addresses.nth(usize::from(choice >> 1)).unwrap_or_else(|| ([0, 0, 0, 0], 0).into())
}

fn close_socket(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    let open: Vec<_> = world.sides[side].open.keys().copied().collect();
    if open.is_empty() {
        return;
    }
    let socket = open[input.below(open.len())];
    world.sides[side].open.remove(&socket);
    world.with(side, |session, now| session.handle_socket_closed(now, socket, "the cable was pulled"));
}

/// Rare: a plan that closes early says little.
fn close(world: &mut World, input: &mut Input<'_>) {
    let side = side(input);
    if input.byte() == 0xFF {
        world.with(side, floe_session::Session::close);
        assert!(world.sides[side].open.is_empty(), "a closed session leaves sockets open");
    }
}
