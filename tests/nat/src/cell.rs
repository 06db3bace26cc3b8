//! The cells of the matrix: who sits where, and what must come of it.

use serde::{Deserialize, Serialize};

use crate::{
    agent::Setup,
    coturn::Service,
    gateway::Gateway,
    topology::{Access, Families, Plan},
};

/// A pacing interval below the default, in milliseconds, for whoever wants to be quick.
pub const QUICK_TA: u32 = 10;

/// Two agents in two places.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// Its name in tables and among tests.
    pub name: String,
    /// The part of the table that it is in.
    pub group: Group,
    /// The path that must come of it.
    pub expected: Expected,
    pub(crate) plan: Plan,
    pub(crate) setup: Setup,
    /// The one TURN server for an agent that takes no more.
    pub(crate) only_turn: Service,
}

impl Cell {
    /// The same with agents that propose this pacing interval (RFC 8445 14.2), in milliseconds.
    #[must_use]
    pub fn paced(mut self, ta: u32) -> Self {
        self.setup.ta = Some(ta);
        self
    }

    /// Whether aioice can be there at all: it does not know TURN over DTLS.
    #[must_use]
    pub fn suits_aioice(&self) -> bool {
        self.only_turn != Service::Dtls
    }
}

/// The parts of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Group {
    /// A kind of NAT against a kind of NAT.
    Nats,
    /// Other places.
    Places,
    /// Relays only, over one way to the server.
    Servers,
}

/// What kind of path a cell has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// The hosts reach each other.
    Direct,
    /// There is no way but through a relay.
    Relayed,
}

/// What an agent knows that does not know where it is: all the ways to one server.
const ALL: [Service; 4] = [Service::Stun, Service::Udp, Service::Tcp, Service::Tls443];

/// All cells, in the table's order.
#[must_use]
pub fn cells() -> Vec<Cell> {
    let kinds = Gateway::KINDS;
    let pairs = kinds.into_iter().flat_map(|a| kinds.map(|b| nats(a, b)));
    pairs.chain(places()).chain(servers()).collect()
}

fn nats(a: Gateway, b: Gateway) -> Cell {
    let name = format!("{}-x-{}", a.name(), b.name());
    let expected = if punches(a, b) { Expected::Direct } else { Expected::Relayed };
    cell(name, Group::Nats, expected, Plan::Apart([v4(a), v4(b)]))
}

/// Whether two such NATs let two hosts find each other. A symmetric NAT's port for the peer is known to nobody before the
/// peer has seen it, so the other side must let in who comes from a port not told of.
const fn punches(a: Gateway, b: Gateway) -> bool {
    use Gateway::{PortRestricted, Symmetric};
    !matches!((a, b), (Symmetric, Symmetric | PortRestricted) | (PortRestricted, Symmetric))
}

fn places() -> Vec<Cell> {
    use Gateway::{FullCone, Hairpin, PortRestricted, Tcp443, UdpBlocked};
    let cgn = Access { carrier: Some(PortRestricted), ..v4(PortRestricted) };
    let place = |name: &str, expected, plan| cell(name.to_owned(), Group::Places, expected, plan);
    let family = |families| Plan::Apart([Access { families, ..v4(PortRestricted) }; 2]);
    let mut places = vec![
        place("carrier-grade-nat", Expected::Direct, Plan::Apart([cgn; 2])),
        place("hairpin", Expected::Direct, Plan::Together(Hairpin)),
        place("udp-blocked-on-one-side", Expected::Relayed, Plan::Apart([v4(UdpBlocked), v4(FullCone)])),
        place("udp-blocked-on-both-sides", Expected::Relayed, Plan::Apart([v4(UdpBlocked); 2])),
        place("tcp-443-only", Expected::Relayed, Plan::Apart([v4(Tcp443); 2])),
        place("ipv6-only", Expected::Direct, family(Families::V6)),
        place("dual-stack", Expected::Direct, family(Families::Both)),
    ];
    for place in &mut places {
        match place.plan {
            Plan::Apart([Access { gateway: UdpBlocked, .. }, _]) => place.only_turn = Service::Tcp,
            Plan::Apart([Access { gateway: Tcp443, .. }, _]) => place.only_turn = Service::Tls443,
            Plan::Apart([Access { families: Families::V6, .. }, _]) => place.setup.v6_servers = true,
            _ => {}
        }
    }
    places
}

/// Two hosts that use relays only, over each way to the server that there is.
fn servers() -> Vec<Cell> {
    let ways = [
        ("udp", Service::Udp, Families::V4),
        ("tcp", Service::Tcp, Families::V4),
        ("tls", Service::Tls, Families::V4),
        ("dtls", Service::Dtls, Families::V4),
        ("tcp-443", Service::Tcp443, Families::V4),
        ("tls-443", Service::Tls443, Families::V4),
        ("udp-ipv6", Service::Udp, Families::V6),
        ("tls-443-ipv6", Service::Tls443, Families::V6),
    ];
    let cells = ways.into_iter().map(|(way, service, families)| {
        let access = Access { families, ..v4(Gateway::PortRestricted) };
        let name = format!("relay-over-{way}");
        let mut cell = cell(name, Group::Servers, Expected::Relayed, Plan::Apart([access; 2]));
        cell.setup.services = vec![service];
        cell.setup.relay_only = true;
        cell.setup.v6_servers = families.needs_v6_servers();
        cell.only_turn = service;
        cell
    });
    cells.collect()
}

fn cell(name: String, group: Group, expected: Expected, plan: Plan) -> Cell {
    let setup = Setup { services: ALL.to_vec(), v6_servers: false, relay_only: false, ta: None };
    Cell { name, group, expected, plan, setup, only_turn: Service::Udp }
}

const fn v4(gateway: Gateway) -> Access {
    Access { gateway, carrier: None, families: Families::V4 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn thirteen_of_the_sixteen_pairs_of_nats_are_direct() {
        let nats = &Gateway::KINDS[1..];
        let direct = nats.iter().flat_map(|a| nats.iter().map(|b| punches(*a, *b))).filter(|direct| *direct);
        assert_eq!(direct.count(), 13);
    }

    #[test]
    fn every_cell_has_a_name_of_its_own() {
        let cells = cells();
        let names: BTreeSet<_> = cells.iter().map(|cell| &cell.name).collect();
        assert_eq!(names.len(), cells.len());
        assert_eq!(cells.len(), 25 + 7 + 8);
    }
}
