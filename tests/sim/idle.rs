//! A day without data, behind NATs that forget.

use std::{net::SocketAddr, time::Duration};

use floe_core::{ComponentId, StreamId};
use floe_session::IceState;
use floe_sim::{Allocation, Dependence, Gateway, Nat, PathClass};

use crate::{
    served,
    tables::{NUMBERS, assert_documented, seconds},
    world::{SIDES, Side, World, ms},
};

const RTP: (StreamId, ComponentId) = (StreamId(0), ComponentId::RTP);
/// How long a NAT keeps a binding here: a quarter of what RFC 4787 4.3 asks for.
const BINDING: Duration = seconds(30);
const DAY: Duration = seconds(24 * 3_600);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Independent,
    PortRestricted,
    Symmetric,
}

use Kind::{Independent, PortRestricted, Symmetric};

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Independent => "endpoint-independent",
            PortRestricted => "port-restricted",
            Symmetric => "symmetric",
        }
    }

    fn gateway(self) -> Gateway {
        let mapped = |filtering| Nat::new([]).behaving(Dependence::EndpointIndependent, filtering);
        let nat = match self {
            Independent => mapped(Dependence::EndpointIndependent),
            PortRestricted => mapped(Dependence::AddressAndPort).ports(false, Allocation::Random),
            Symmetric => Nat::symmetric([]),
        };
        Gateway::nat(nat.timeout(BINDING))
    }
}

/// Sends data and says whether it arrives.
fn reaches(world: &mut World, from: Side, to: Side) -> bool {
    let before = world.node(to).data().len();
    let (host, now) = (world.host(from), world.simulation.now());
    let sent = world.simulation.node_mut(host).unwrap().send(now, RTP.0, RTP.1, b"still there");
    world.run_to(world.since_start(now) + ms(200));
    sent && world.node(to).data().len() == before + 1
}

/// How many datagrams it has sent.
fn sent(world: &World, side: Side) -> usize {
    let host = Some(world.host(side));
    world.simulation.network().log().iter().filter(|record| record.sender == host).count()
}

fn pairs(world: &World) -> [[SocketAddr; 2]; 2] {
    SIDES.map(|side| world.outcome(side)[&RTP])
}

#[test]
fn a_day_idle_behind_two_nats_that_forget_after_30_s_leaves_the_pair_as_it_was() {
    let cells = [
        (PortRestricted, PortRestricted, PathClass::Reflexive),
        (Symmetric, Independent, PathClass::Reflexive),
        (Symmetric, Symmetric, PathClass::Relayed),
    ];
    let mut rows = Vec::new();
    for (seed, (a, b, class)) in (0..).zip(cells) {
        let cell = format!("{}, {}", a.name(), b.name());
        let (mut world, best) =
            served::world(&served::internet(seed, [a, b].map(|kind| Some(kind.gateway()))));
        assert_eq!(best, Some(class), "{cell}");
        assert!(world.complete(seconds(60)), "{cell}");
        // What was selected first may be moved from, to a more direct one.
        world.run_to(seconds(120));
        let (selected, before) = (pairs(&world), SIDES.map(|side| sent(&world, side)));
        world.run_to(seconds(120) + DAY);
        let datagrams = SIDES.map(|side| sent(&world, side) - before[side as usize]);
        let [of_a, of_b] = datagrams;
        rows.push(format!("| {cell} | {class:?} | {of_a} and {of_b} |"));
        assert_eq!(SIDES.map(|side| world.session(side).state()), [IceState::Completed; 2], "{cell}");
        assert_eq!(pairs(&world), selected, "{cell}");
        for (from, to) in [(Side::A, Side::B), (Side::B, Side::A)] {
            assert!(reaches(&mut world, from, to), "{cell}");
        }
    }
    assert_documented(NUMBERS, &rows);
}
