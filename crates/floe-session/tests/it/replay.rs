//! A session's own traffic, once more: copies, old ones and damaged ones, from where they came and from elsewhere.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use floe_core::Role;
use floe_session::{Disposition, Event, IceState, Output, Session, SessionConfig, SocketId};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha20Rng};

use crate::wire::{A, B, RTP, STREAM, Sent, Wire, ms};

const ELSEWHERE: [&str; 3] = ["203.0.113.66:6666", "203.0.113.66:7777", "198.51.100.2:5999"];

/// Somebody on the way who keeps what passes and sends it again.
struct Replayer {
    rng: ChaCha20Rng,
    elsewhere: Vec<SocketAddr>,
}

impl Replayer {
    fn new(seed: u64) -> Self {
        let elsewhere = ELSEWHERE.iter().map(|text| text.parse().unwrap()).collect();
        Self { rng: ChaCha20Rng::seed_from_u64(seed), elsewhere }
    }

    /// A few copies of what passed, whole or damaged, in any order, to either host.
    fn strike(&mut self, wire: &mut Wire) {
        for _ in 0..self.rng.random_range(0..8) {
            if let Some((host, socket, from, data)) = self.copy(wire) {
                let _ = wire.hosts[host].session.handle_datagram(wire.now, socket, from, &data);
                wire.settle();
            }
        }
    }

    /// A whole copy is of what has arrived: one that overtakes it is as good as the message itself, and somebody who can do
    /// that can also keep a path to himself. It comes anywhere, and so does what is damaged, which may be of anything.
    fn copy(&mut self, wire: &Wire) -> Option<(usize, SocketId, SocketAddr, Vec<u8>)> {
        let is_old = self.rng.random_ratio(1, 2);
        let of = if is_old { &wire.delivered } else { &wire.log };
        let sent = of.get(self.rng.random_range(0..of.len().max(1)))?.clone();
        // Now and then back to its sender.
        let host = if self.rng.random_ratio(1, 5) { sent.host } else { 1 - sent.host };
        let from = self.source(&sent);
        let data = self.spoil(&sent, is_old);
        let sockets: Vec<_> = wire.hosts[host].sockets.keys().copied().collect();
        let any = *sockets.get(self.rng.random_range(0..sockets.len().max(1)))?;
        Some((host, any, from, data))
    }

    fn source(&mut self, sent: &Sent) -> SocketAddr {
        if self.rng.random_ratio(1, 2) {
            return sent.from;
        }
        self.elsewhere[self.rng.random_range(0..self.elsewhere.len())]
    }

    fn spoil(&mut self, sent: &Sent, may_be_whole: bool) -> Vec<u8> {
        let mut data = sent.data.to_vec();
        match self.rng.random_range(0..if may_be_whole { 4 } else { 2 }) {
            0 => data.truncate(self.rng.random_range(0..data.len())),
            1 => {
                let (at, bit) = (self.rng.random_range(0..data.len()), self.rng.random_range(0..8));
                data[at] ^= 1 << bit;
            }
            _ => {}
        }
        data
    }
}

fn world(seed: u64) -> Wire {
    let config = |n: u8, role| {
        let mut bytes = [n; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        SessionConfig::new(bytes).role(role)
    };
    // Every third world begins with a role conflict.
    let b = if seed.is_multiple_of(3) { Role::Controlling } else { Role::Controlled };
    let wire = Wire::new(config(1, Role::Controlling), config(2, b)).delay(ms(seed % 40));
    let a: &[&str] = if seed.is_multiple_of(2) { &["192.0.2.1"] } else { &["192.0.2.1", "198.51.100.1"] };
    wire.addresses(A, a).addresses(B, &["192.0.2.2", "198.51.100.2"])
}

/// Where the data of a component goes: from, to.
fn ends(wire: &Wire, host: usize) -> Option<(SocketAddr, SocketAddr)> {
    let route = wire.hosts[host].session.route(STREAM, RTP)?;
    Some((wire.hosts[host].sockets[&route.socket], route.to))
}

/// Nothing that is selected, and no data, goes where no candidate of the peer is.
fn assert_no_way_elsewhere(wire: &Wire, elsewhere: &[SocketAddr], seed: u64) {
    for host in [A, B] {
        if let Some((_, to)) = ends(wire, host) {
            assert!(!elsewhere.contains(&to), "seed {seed}: data goes to {to}");
        }
    }
}

#[test]
fn copies_of_all_that_passed_neither_stop_nor_divert_a_session() {
    for seed in 0..400 {
        let mut wire = world(seed);
        let mut replayer = Replayer::new(seed);
        wire.begin();
        for _ in 0..300 {
            replayer.strike(&mut wire);
            let end = wire.now + ms(50);
            wire.step(end);
            assert_no_way_elsewhere(&wire, &replayer.elsewhere, seed);
        }
        wire.run_for(Duration::from_secs(10));
        assert_agreed(&mut wire, seed);
        let sockets: BTreeSet<_> = wire.hosts[B].sockets.values().copied().collect();
        assert!(sockets.contains(&ends(&wire, A).unwrap().1), "seed {seed}");
    }
}

/// Both are complete on the same pair, in opposite roles, and data goes both ways.
fn assert_agreed(wire: &mut Wire, seed: u64) {
    let states = wire.hosts.each_ref().map(|host| host.session.state());
    assert_eq!(states, [IceState::Completed; 2], "seed {seed}");
    let (a, b) = (ends(wire, A).unwrap(), ends(wire, B).unwrap());
    assert_eq!(a, (b.1, b.0), "seed {seed}");
    let [roles_a, roles_b] = wire.hosts.each_ref().map(|host| host.session.role());
    assert_eq!(roles_a, roles_b.opposite(), "seed {seed}");
    for host in [A, B] {
        let data = Disposition::Data { stream: STREAM, component: RTP };
        assert_eq!(wire.send_data(host, RTP, b"data"), Some(data), "seed {seed}");
    }
    for host in &wire.hosts {
        let failed = |event: &Event| matches!(event, Event::StreamFailed { .. } | Event::SocketLost { .. });
        assert_eq!(host.count(failed), 0, "seed {seed}");
    }
}

#[test]
fn what_is_appended_behind_the_integrity_of_a_check_is_not_read() {
    // The check of the peer comes in one world as it was sent, in the other with more behind its MESSAGE-INTEGRITY.
    let worlds = [false, true].map(|appended| {
        let mut wire = Wire::pair();
        wire.passes = Box::new(|_| false);
        wire.begin();
        let mut check = wire.new_requests(A).remove(0).data.to_vec();
        if appended {
            check = with_use_candidate(check);
        }
        (wire, check)
    });
    let [(mut plain, check), (mut appended, longer)] = worlds;
    assert!(longer.len() == check.len() + 4 && longer[..20] != check[..20]);
    let shown = |wire: &mut Wire, check: &[u8]| {
        let (now, (socket, _), (_, from)) = (wire.now, wire.hosts[B].socket(), wire.hosts[A].socket());
        assert_eq!(wire.b().handle_datagram(now, socket, from, check), Disposition::Consumed);
        let outputs: Vec<_> = std::iter::from_fn(|| wire.b().poll_output()).map(told).collect();
        (
            outputs,
            wire.b()
                .stats()
                .pairs
                .iter()
                .map(|pair| (pair.id, pair.state, pair.nominated))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(shown(&mut plain, &check), shown(&mut appended, &longer));
    // And the nomination does not lie in wait either.
    for wire in [&mut plain, &mut appended] {
        wire.passes = Box::new(|_| true);
        wire.run_for(ms(40));
        assert_eq!(wire.b().selected(STREAM, RTP), None);
    }
}

fn told(output: Output) -> Event {
    match output {
        Output::Event(event) => event,
        Output::Send { .. } => Event::RouteChanged { stream: STREAM, component: RTP },
        other => panic!("{other:?}"),
    }
}

/// The message with USE-CANDIDATE between its MESSAGE-INTEGRITY and a FINGERPRINT that fits.
fn with_use_candidate(mut message: Vec<u8>) -> Vec<u8> {
    message.truncate(message.len() - 8);
    message.extend([0, 0x25, 0, 0]);
    let length = u16::try_from(message.len() - 20 + 8).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
    let crc = crc32fast::hash(&message) ^ 0x5354_554e;
    message.extend([0x80, 0x28, 0, 4]);
    message.extend(crc.to_be_bytes());
    message
}

#[test]
fn a_copy_from_elsewhere_lets_data_in_from_there_and_none_out_to_there() {
    // ICE says who wrote a check, not who sent it. What follows from a copy is a check to where it came from, which
    // nobody there can answer.
    let mut wire = Wire::pair();
    wire.begin();
    wire.run_until_completed();
    let route = ends(&wire, B);
    let elsewhere: SocketAddr = ELSEWHERE[0].parse().unwrap();
    let (socket, _) = wire.hosts[B].socket();
    let copies: Vec<_> =
        wire.log.iter().filter(|sent| sent.host == A).map(|sent| sent.data.clone()).collect();
    for copy in copies.iter().cycle().take(100) {
        let now = wire.now;
        let _ = wire.b().handle_datagram(now, socket, elsewhere, copy);
        wire.run_for(ms(100));
        assert_eq!(ends(&wire, B), route);
    }
    let data = taken(wire.b(), socket, elsewhere);
    assert_eq!(data, Disposition::Data { stream: STREAM, component: RTP }, "the known limit");
    let to_there = wire.log.iter().filter(|sent| sent.to == elsewhere);
    assert!(to_there.clone().count() > 0);
    assert!(
        to_there.clone().all(|sent| floe_stun::Message::parse(&sent.data).is_ok()),
        "answers and checks only"
    );
    assert_eq!(wire.b().state(), IceState::Completed);
}

fn taken(session: &mut Session, socket: SocketId, from: SocketAddr) -> Disposition {
    #[allow(clippy::disallowed_methods, reason = "time that goes back is taken for the latest")]
    let now = std::time::Instant::now();
    session.handle_datagram(now, socket, from, &[0x80, 1, 2, 3])
}
