//! Two sessions in an internet with NATs and a STUN and TURN server.

use std::time::Instant;

use floe_core::Role;
use floe_session::{IceServer, Session, SessionConfig};
use floe_sim::{Built, Gateway, HostId, PathClass, Server, SessionNode, Simulation};

use crate::world::{SIDES, Side, World};

/// An internet with both sides behind these gateways, and a server that gives relays to both.
pub(crate) fn internet(seed: u64, gateways: [Option<Gateway>; 2]) -> floe_sim::World {
    let mut internet = floe_sim::World::open(seed);
    internet.turn = [true; 2];
    for (end, gateway) in internet.ends.iter_mut().zip(gateways) {
        end[0].chain.extend(gateway);
    }
    internet
}

/// Sessions on it, A controlling, that begin to gather at once and know each other's description; and the best class of
/// path there is.
pub(crate) fn world(internet: &floe_sim::World) -> (World, Option<PathClass>) {
    world_with(internet, |config| config)
}

/// The same with other settings.
pub(crate) fn world_with(
    internet: &floe_sim::World,
    configure: impl Fn(SessionConfig) -> SessionConfig,
) -> (World, Option<PathClass>) {
    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    let start = Instant::now();
    let Built { network, hosts, server, listen, parties, .. } = internet.build(start).unwrap();
    let best = network.best_path(&parties[0], &parties[1]);
    let mut simulation = Simulation::over(network);
    let at = listen[0];
    simulation.serve(server, Server::new(at, "floe.example").user("ann", "secret"));
    for (side, role) in [(Side::A, Role::Controlling), (Side::B, Role::Controlled)] {
        let mut seed = [side as u8; 32];
        seed[..8].copy_from_slice(&internet.seed.to_le_bytes());
        let servers = [IceServer::turn(at, "ann", "secret"), IceServer::stun(at)];
        let mut config = SessionConfig::new(seed).role(role).servers(servers);
        config.gather.nat64 = parties[side as usize].nat64;
        let session = Session::new(configure(config));
        simulation.place(hosts[side as usize], SessionNode::new(session));
    }
    let mut world = World::over(simulation, hosts);
    for side in SIDES {
        world.describe_at(side, std::time::Duration::ZERO);
        gather(&mut world.simulation, hosts[side as usize]);
    }
    (world, best)
}

fn gather(simulation: &mut Simulation<SessionNode>, host: HostId) {
    let now = simulation.now();
    let interfaces = simulation.network().host(host).unwrap().interfaces().to_vec();
    simulation.node_mut(host).unwrap().gather(now, &interfaces);
}
