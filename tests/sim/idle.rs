//! A day without data, behind NATs that forget.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use floe_core::{ComponentId, Role, StreamId};
use floe_session::{IceState, RemoteDescription, Session, SessionConfig};
use floe_sim::{
    Allocation, Call, Dependence, Gateway, Host, HostId, Link, Nat, Network, Realm, SessionNode, Simulation,
};

use crate::{
    tables::{print, seconds},
    world::ms,
};

const STREAM: StreamId = StreamId(0);
const RTP: ComponentId = ComponentId::RTP;
/// How long a NAT keeps a binding here: a quarter of what RFC 4787 4.3 asks for.
const BINDING: Duration = seconds(30);

/// One agent behind a NAT, the other in the open.
struct Pair {
    simulation: Simulation<SessionNode>,
    hidden: HostId,
    open: HostId,
    realm: Realm,
    start: Instant,
}

/// The NATs that host and peer-reflexive candidates alone get through.
fn nats() -> [(&'static str, Nat); 3] {
    let external: IpAddr = [203, 0, 113, 1].into();
    let restricted =
        Nat::new([external]).behaving(Dependence::EndpointIndependent, Dependence::AddressAndPort);
    let ports = |nat: Nat| nat.ports(false, Allocation::Random);
    [
        ("mild", Nat::new([external])),
        ("port restricted", ports(restricted)),
        ("symmetric", Nat::symmetric([external])),
    ]
}

impl Pair {
    fn new(nat: Nat, roles: [Role; 2]) -> Self {
        #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
        let start = Instant::now();
        let mut network = Network::new(start, 1);
        let link = Link::new(ms(10));
        let realm =
            network.add_realm(Realm::INTERNET, Gateway::nat(nat.timeout(BINDING)).links(link, link)).unwrap();
        let hidden = network.add_host(Host::new().within(realm).address([192, 168, 1, 2].into())).unwrap();
        let open = network.add_host(Host::new().address([198, 51, 100, 2].into())).unwrap();
        let mut simulation = Simulation::over(network);
        for (host, role, seed) in [(hidden, roles[0], 1), (open, roles[1], 2)] {
            simulation.place(host, SessionNode::new(Session::new(SessionConfig::new([seed; 32]).role(role))));
            let interfaces = simulation.network().host(host).unwrap().interfaces().to_vec();
            simulation.node_mut(host).unwrap().gather(start, &interfaces);
        }
        for (from, to) in [(hidden, open), (open, hidden)] {
            let local = simulation.node(from).unwrap().session().local(STREAM).unwrap();
            let description = RemoteDescription::new(local.credentials).pacing(local.pacing);
            let node = simulation.node_mut(to).unwrap();
            node.drive(start, |session| session.set_remote(start, STREAM, description)).unwrap();
        }
        Self { simulation, hidden, open, realm, start }
    }

    fn complete(&mut self) {
        let hosts = [self.hidden, self.open];
        let call = Call { ends: hosts, delay: ms(20) };
        let end = self.start + seconds(60);
        let done = call.run_while(&mut self.simulation, end, |simulation| {
            let state = |&host: &HostId| simulation.node(host).unwrap().session().state();
            !hosts.iter().map(state).all(|state| state == IceState::Completed)
        });
        assert!(done.unwrap());
    }

    fn states(&self) -> [IceState; 2] {
        [self.hidden, self.open].map(|host| self.simulation.node(host).unwrap().session().state())
    }

    /// Sends data and says whether it arrives.
    fn reaches(&mut self, from: HostId, to: HostId) -> bool {
        let before = self.simulation.node(to).unwrap().data().len();
        let now = self.simulation.now();
        let sent = self.simulation.node_mut(from).unwrap().send(now, STREAM, RTP, b"still there");
        self.simulation.run_for(ms(100)).unwrap();
        sent && self.simulation.node(to).unwrap().data().len() == before + 1
    }
}

#[test]
fn a_day_idle_behind_a_nat_that_forgets_after_30_s_costs_four_datagrams_in_five_seconds() {
    for (name, nat) in nats() {
        for (role, expected) in [(Role::Controlling, 69_120), (Role::Controlled, 69_058)] {
            let mut pair = Pair::new(nat.clone(), [role, role.opposite()]);
            pair.complete();
            let before = pair.simulation.network().counters().sent;
            pair.simulation.run_until(pair.start + seconds(24 * 3_600)).unwrap();
            let datagrams = pair.simulation.network().counters().sent - before;
            print(&format!("| {name} | {role} | {datagrams} |"));
            assert_eq!(pair.states(), [IceState::Completed; 2], "{name}");
            assert_eq!(pair.simulation.network().mappings(pair.realm).count(), 1, "{name}");
            // Each side asks every 5 s on average, and is answered. The seeds are fixed, and so is the number.
            assert_eq!(datagrams, expected, "{name}");
            let (hidden, open) = (pair.hidden, pair.open);
            assert!(pair.reaches(hidden, open) && pair.reaches(open, hidden), "{name}");
        }
    }
}
