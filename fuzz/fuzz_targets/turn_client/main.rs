//! A TURN client and whatever a server, the network and its own caller can do to it: answers that are right, refused,
//! stale, forged, damaged, doubled, late or made up, connections that break, bases that change, any lapse of time.
//!
//! Nothing of that may panic, spin, leave more behind than there is room for, or end twice; and a client that is closed
//! wants nothing any more.
#![no_main]

mod input;
mod server;
mod world;

use std::time::Duration;

use floe_turn::{AddressFamily, Broken, ConnectionId, Progress};
use libfuzzer_sys::fuzz_target;

use input::Input;
use world::{World, base, peer};

fuzz_target!(|plan: &[u8]| {
    let mut input = Input(plan);
    let mut world = World::new(input.byte());
    while let Some(command) = input.command() {
        act(&mut world, command, &mut input);
        world.check();
    }
    // Whatever it was about, it comes to an end once it is given back and nobody answers.
    world.client.close(world.now);
    world.pass(Duration::from_secs(60));
    world.poll();
    assert!(world.client.is_closed(), "{:?}", world.client);
});

fn act(world: &mut World, command: u8, input: &mut Input<'_>) {
    match command % 22 {
        0 | 1 => world.slot(),
        2..=5 => answer(world, input),
        6 => {
            let milliseconds = u64::from(input.byte()) * u64::from(input.byte()) * 10;
            world.pass(Duration::from_millis(milliseconds));
        }
        7 => world.poll(),
        8 => drop(world.client.permit(world.now, peer(input.byte()).ip())),
        9 => drop(world.client.bind_channel(world.now, peer(input.byte()))),
        10 => send(world, input),
        11 => world.client.lapse(world.now, peer(input.byte()).ip()),
        12 => world.client.lapse_channel(world.now, peer(input.byte())),
        13 => {
            let kept = peer(input.byte()).ip();
            world.client.retain(world.now, |ip| ip == kept);
        }
        14 => {
            let family = if input.flag() { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
            world.client.release_family(world.now, family);
        }
        15 => drop(world.client.migrate(world.now, base(input.byte()))),
        16 => world.client.broken(world.now, base(input.byte()), Broken::Cut),
        17 => drop(world.client.connect(world.now, peer(input.byte()))),
        18 => bind(world, input),
        19 => {
            let bytes = server::indication(input);
            world.receive(&bytes);
        }
        20 => {
            let bytes = input.bytes().to_vec();
            world.receive(&bytes);
        }
        _ => world.client.close(world.now),
    }
}

/// Something comes back for one of the latest requests.
fn answer(world: &mut World, input: &mut Input<'_>) {
    let Some(request) = world.recent(input.byte()) else { return };
    let mut bytes = server::answer(&request, input);
    if input.byte() < 16 {
        let index = usize::from(input.byte()) % bytes.len();
        bytes[index] = input.byte();
    }
    world.receive(&bytes);
}

/// Data goes the short way to the byte as it goes the long way.
fn send(world: &mut World, input: &mut Input<'_>) {
    let (to, payload) = (peer(input.byte()), input.bytes());
    if let Some(prefix) = world.client.prefix(to) {
        let id = || floe_stun::TransactionId::new([7; 12]);
        let header = prefix.header(payload.len(), id).expect("255 bytes fit");
        let message = [header.as_slice(), payload, header.padding()].concat();
        match prefix.channel() {
            Some(channel) => {
                let data = floe_stun::ChannelData { channel, data: payload };
                assert_eq!(floe_stun::ChannelData::parse(&message), Ok(data));
            }
            None => {
                let message = floe_stun::Message::parse(&message).expect("a Send indication");
                assert_eq!(message.attribute(), Ok(Some(floe_turn::Data(payload))));
            }
        }
    }
    let _: Result<_, _> = world.client.send(world.now, to, payload);
}

/// A data connection is made of one that waits, and reads its answer in pieces.
fn bind(world: &mut World, input: &mut Input<'_>) {
    let id = ConnectionId(u32::from(input.byte() % 16));
    let Ok(mut data) = world.client.data_connection(world.now, id) else { return };
    for _ in 0..8 {
        let Some(request) = data.poll_transmit() else { break };
        let answer = [&server::answer(&request, input)[..], b"the peer's"].concat();
        let cut = usize::from(input.byte()) % answer.len();
        let mut at = 0;
        for piece in [&answer[..cut], &answer[cut..]] {
            match data.handle(piece) {
                Ok(Progress::Asking) => at += piece.len(),
                Ok(Progress::Bound { consumed }) => {
                    // The cut may lie behind the answer: then its first piece said so already.
                    assert_eq!(answer[at + consumed..], *b"the peer's");
                    return;
                }
                Err(why) => {
                    assert_eq!(data.handle(b"more"), Err(why), "it stays");
                    return;
                }
            }
        }
    }
}
