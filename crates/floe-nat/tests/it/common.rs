//! A host behind a NAT, a server, and a discovery between them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

use floe_core::{BaseId, Received};
use floe_nat::{Behaviour, Config, Discovery, DiscoveryError, Event, Report};
use floe_sim::{
    Action, BindError, Dependence, Gateway, Host, HostId, Nat, Network, Node, Realm, Simulation, StunServer,
};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

pub(crate) const FIRST: &str = "192.0.2.1:3478";
pub(crate) const SECOND: &str = "192.0.2.2:3479";
pub(crate) const EXTERNAL: &str = "203.0.113.1";

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The behaviour that a NAT of the simulator is to show.
pub(crate) fn behaviour(dependence: Dependence) -> Behaviour {
    match dependence {
        Dependence::EndpointIndependent => Behaviour::EndpointIndependent,
        Dependence::Address => Behaviour::AddressDependent,
        Dependence::AddressAndPort => Behaviour::AddressAndPortDependent,
    }
}

/// A NAT with one address that behaves so.
pub(crate) fn nat(mapping: Dependence, filtering: Dependence) -> Nat {
    Nat::new([EXTERNAL.parse::<IpAddr>().unwrap()]).behaving(mapping, filtering)
}

/// A discovery as a node.
pub(crate) struct Client {
    pub(crate) discovery: Discovery,
    ip: IpAddr,
    sockets: BTreeMap<BaseId, SocketAddr>,
    actions: VecDeque<Action>,
    /// What was told so far, and when.
    pub(crate) events: Rc<RefCell<Vec<(Instant, Event)>>>,
    now: Instant,
}

impl Client {
    fn drain(&mut self, now: Instant) {
        self.now = now;
        while let Some(action) = self.discovery.poll_action() {
            self.actions.push_back(match action {
                floe_nat::Action::Bind { base, port } => {
                    Action::Bind { tag: u64::from(base.0), address: SocketAddr::new(self.ip, port) }
                }
                floe_nat::Action::Close(base) => Action::Close(self.sockets.remove(&base).unwrap()),
            });
        }
        while let Some(transmit) = self.discovery.poll_transmit() {
            let from = self.sockets[&transmit.base];
            self.actions.push_back(Action::Send { from, to: transmit.to, payload: transmit.payload });
        }
        while let Some(event) = self.discovery.poll_event() {
            self.events.borrow_mut().push((now, event));
        }
    }

    /// How many sockets are open.
    pub(crate) fn open(&self) -> usize {
        self.sockets.len()
    }
}

impl Node for Client {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        let base = self.sockets.iter().find(|(_, at)| **at == local).map(|(base, _)| *base);
        if let Some(base) = base {
            self.discovery.handle(now, Received { base, from, payload });
            self.drain(now);
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        let base = BaseId(u32::try_from(tag).unwrap());
        if let Ok(local) = result {
            self.sockets.insert(base, local);
        }
        self.discovery.handle_bound(now, base, result.map_err(|error| error.to_string()));
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.discovery.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.discovery.handle_timeout(now);
        self.drain(now);
    }
}

/// A simulation with one discovery in it.
pub(crate) struct Lab {
    pub(crate) simulation: Simulation<Client>,
    pub(crate) client: HostId,
    epoch: Instant,
}

impl Lab {
    /// A host behind this gateway, and this server.
    pub(crate) fn new(gateway: impl Into<Gateway>, server: impl Node + 'static, config: Config) -> Self {
        Self::seeded(1, gateway, server, config)
    }

    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    pub(crate) fn seeded(
        seed: u64,
        gateway: impl Into<Gateway>,
        server: impl Node + 'static,
        config: Config,
    ) -> Self {
        let epoch = Instant::now();
        let mut network = Network::new(epoch, seed);
        let addresses = [FIRST, SECOND].map(|text| at(text).ip());
        let host = addresses.into_iter().fold(Host::new(), Host::address);
        let server_host = network.add_host(host).unwrap();
        let home = network.add_realm(Realm::INTERNET, gateway).unwrap();
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let client = network.add_host(Host::new().within(home).address(ip)).unwrap();
        let mut simulation = Simulation::over(network);
        simulation.serve(server_host, server);
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let mut discovery = Discovery::new(config, at(FIRST), rng).unwrap();
        discovery.start(epoch);
        let mut node = Client {
            discovery,
            ip,
            sockets: BTreeMap::new(),
            actions: VecDeque::new(),
            events: Rc::default(),
            now: epoch,
        };
        node.drain(epoch);
        simulation.place(client, node);
        Self { simulation, client, epoch }
    }

    /// Runs to the end: what came of it, and after how long.
    pub(crate) fn finish(&mut self) -> (Result<Report, DiscoveryError>, Duration) {
        let events = Rc::clone(&self.simulation.node(self.client).unwrap().events);
        let over = |(at, event): &(Instant, Event)| match event {
            Event::Finished(report) => Some((Ok((**report).clone()), *at)),
            Event::Failed(error) => Some((Err(error.clone()), *at)),
            _ => None,
        };
        let end = self.epoch + Duration::from_secs(24 * 60 * 60);
        let ended = |_: &_| events.borrow().iter().find_map(over).is_none();
        assert!(self.simulation.run_while(end, ended).unwrap(), "it hangs");
        let (result, when) = events.borrow().last().and_then(over).expect("the end comes last");
        let client = self.simulation.node(self.client).unwrap();
        assert_eq!(client.discovery.poll_timeout(), None, "all is over");
        self.simulation.run_for(Duration::from_secs(1)).unwrap();
        let client = self.simulation.node(self.client).unwrap();
        assert_eq!(client.open(), 0, "sockets are closed");
        (result, when - self.epoch)
    }

    /// Runs to the report.
    pub(crate) fn report(&mut self) -> Report {
        self.finish().0.unwrap()
    }

    /// When requests that were not there before left the client.
    pub(crate) fn new_transactions(&self) -> Vec<Duration> {
        let mut seen = std::collections::BTreeSet::new();
        let of_client =
            self.simulation.network().log().iter().filter(|record| record.sender == Some(self.client));
        let new = of_client.filter(|record| seen.insert(record.payload[8..20].to_vec()));
        new.map(|record| record.sent - self.epoch).collect()
    }
}

/// The server of RFC 5780.
pub(crate) fn server() -> StunServer {
    StunServer::new(at(FIRST), at(SECOND))
}
