//! A nomination policy of one's own, on a simulated network: two hosts, of which one has two addresses.
//!
//! The pair of the highest priority takes 120 ms there and back, the other one 30 ms. After ten seconds the second becomes
//! slow as well. The program prints which pair is nominated and selected when, and why.
//!
//! ```text
//! cargo run --example policy
//! ```
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::time::{Duration, Instant};

use floe_core::{Outlook, Role, StreamId, ValidPair};
use floe_session::{Choice, Event, Policy, RemoteDescription, Session, SessionConfig};
use floe_sim::{Call, Host, HostId, Link, SessionNode, Simulation};

/// The pair with the shortest round trip, whatever its candidates are; left when another takes half as long.
#[derive(Debug)]
struct Fastest;

fn round_trip(pair: &ValidPair) -> Duration {
    pair.quality.round_trip.unwrap_or(Duration::MAX)
}

impl Policy for Fastest {
    fn choose(&mut self, now: Instant, valid: &[ValidPair], outlook: &Outlook) -> Choice {
        // Whoever has not been checked yet gets his turn.
        match outlook.contenders.iter().map(|contender| contender.turn.at()).max() {
            Some(last) if last > now => Choice::WaitUntil(last),
            _ => valid
                .iter()
                .min_by_key(|pair| round_trip(pair))
                .map_or(Choice::Wait, |best| Choice::Nominate(best.id)),
        }
    }

    fn reconsider(
        &mut self,
        _now: Instant,
        held: &ValidPair,
        valid: &[ValidPair],
        _outlook: &Outlook,
    ) -> Choice {
        let faster = valid.iter().find(|pair| round_trip(pair) < round_trip(held) / 2);
        faster.map_or(Choice::Wait, |pair| Choice::Nominate(pair.id))
    }
}

const STREAM: StreamId = StreamId(0);

fn main() -> anyhow::Result<()> {
    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    let start = Instant::now();
    let mut simulation = Simulation::new(start, 1);
    let here = SessionConfig::new([1; 32]).policy(Box::new(Fastest));
    let a = add(&mut simulation, start, here, &["10.0.0.1", "10.0.1.1"])?;
    let b = add(&mut simulation, start, SessionConfig::new([2; 32]).role(Role::Controlled), &["10.0.9.1"])?;
    path(&mut simulation, "10.0.0.1", 120)?;
    path(&mut simulation, "10.0.1.1", 30)?;
    for (from, to) in [(a, b), (b, a)] {
        describe(&mut simulation, from, to)?;
    }
    let call = Call { ends: [a, b], delay: Duration::ZERO };
    call.run_while(&mut simulation, start + Duration::from_secs(10), |_| true)?;
    path(&mut simulation, "10.0.1.1", 600)?;
    call.run_while(&mut simulation, start + Duration::from_secs(120), |_| true)?;
    for (host, name) in [(a, "A"), (b, "B")] {
        let events = simulation.node(host).map(SessionNode::events).unwrap_or_default();
        events.iter().for_each(|(at, event)| print(name, *at - start, event));
    }
    Ok(())
}

fn add(
    simulation: &mut Simulation<SessionNode>,
    now: Instant,
    config: SessionConfig,
    addresses: &[&str],
) -> anyhow::Result<HostId> {
    let mut host = Host::new();
    for address in addresses {
        host = host.address(address.parse()?);
    }
    let interfaces = host.interfaces().to_vec();
    let id = simulation.add(host, SessionNode::new(Session::new(config)))?;
    if let Some(node) = simulation.node_mut(id) {
        node.gather(now, &interfaces);
    }
    Ok(id)
}

/// The round trip between an address of A and that of B, in milliseconds.
fn path(simulation: &mut Simulation<SessionNode>, of_a: &str, round_trip: u64) -> anyhow::Result<()> {
    let (a, b) = (of_a.parse()?, "10.0.9.1".parse()?);
    let link = Link::new(Duration::from_millis(round_trip / 2));
    simulation.network_mut().set_path(a, b, link);
    simulation.network_mut().set_path(b, a, link);
    Ok(())
}

/// Signals the credentials and the options of one session to the other.
fn describe(simulation: &mut Simulation<SessionNode>, from: HostId, to: HostId) -> anyhow::Result<()> {
    let now = simulation.now();
    let local = simulation.node(from).and_then(|node| node.session().local(STREAM));
    if let (Some(local), Some(node)) = (local, simulation.node_mut(to)) {
        let description = RemoteDescription::new(local.credentials).options(local.options);
        node.drive(now, |session| session.set_remote(now, STREAM, description))?;
    }
    Ok(())
}

fn print(name: &str, at: Duration, event: &Event) {
    match event {
        Event::Nominating { pair, why, .. } => println!("{name} {at:>9.3?}  nominates {pair}: {why}"),
        Event::Selected { pair, local, remote, why, .. } => {
            let [local, remote] =
                [local, remote].map(|candidate| candidate.socket_addr().map(|at| at.to_string()));
            let (local, remote) = (local.unwrap_or_default(), remote.unwrap_or_default());
            println!("{name} {at:>9.3?}  selects {pair}, {local} to {remote}: {why}");
        }
        _ => {}
    }
}
