//! The driver: nodes on the network, and the virtual clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use crate::{Action, AddressInUse, Host, HostId, Network, Node, network::Order};

/// Something to do at a set time.
type Plan<N> = Box<dyn FnOnce(&mut Simulation<N>)>;

/// Nodes on a network, and the clock that drives them.
///
/// What happens, happens in one order: by time; at one time first what arrives and what was planned, in the order in
/// which it was caused, and then the deadlines, by host. So a deadline finds all that has come in time, and the same
/// seed gives the same run.
///
/// Reach into a node with [`node_mut`](Self::node_mut) between the steps, or [`plan`](Self::plan) it for a set time.
pub struct Simulation<N> {
    network: Network,
    nodes: BTreeMap<HostId, N>,
    /// Nodes of other types.
    services: BTreeMap<HostId, Box<dyn Node>>,
    plans: BTreeMap<Order, Plan<N>>,
    /// The nodes that may want something done.
    stirred: BTreeSet<HostId>,
    /// Since when the clock has stood still, and for how many steps.
    standstill: (Instant, u32),
}

/// A node never comes to rest: it wants something again and again without time going on. Look at what it answers to
/// itself, and whether its deadline moves when it was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{host} never comes to rest, {elapsed:?} after the start")]
pub struct Spinning {
    /// The node that acted last.
    pub host: HostId,
    /// When, from the start of the simulation.
    pub elapsed: Duration,
}

/// How much may happen without time going on. A session of 100 pairs makes a few hundred steps at one time.
const MAX_STANDSTILL: u32 = 100_000;

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum Next {
    Plan(Order),
    Arrival(Instant),
    Deadline(Instant, HostId),
}

impl Next {
    const fn at(self) -> Instant {
        match self {
            Self::Plan((at, _)) | Self::Arrival(at) | Self::Deadline(at, _) => at,
        }
    }
}

impl<N: Node> Simulation<N> {
    /// An empty network; see [`Network::new`].
    #[must_use]
    pub fn new(epoch: Instant, seed: u64) -> Self {
        Self::over(Network::new(epoch, seed))
    }

    /// A network that has hosts already: [`place`](Self::place) nodes on them.
    #[must_use]
    pub fn over(network: Network) -> Self {
        let epoch = network.now();
        Self {
            network,
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
            plans: BTreeMap::new(),
            stirred: BTreeSet::new(),
            standstill: (epoch, 0),
        }
    }

    /// Puts a host on the network, and a node on it.
    ///
    /// # Errors
    /// One of its addresses is taken.
    pub fn add(&mut self, host: Host, node: N) -> Result<HostId, AddressInUse> {
        let id = self.network.add_host(host)?;
        self.place(id, node);
        Ok(id)
    }

    /// Puts a node on a host of the network, instead of the one that it had.
    pub fn place(&mut self, host: HostId, node: N) {
        self.services.remove(&host);
        self.nodes.insert(host, node);
        self.stirred.insert(host);
    }

    /// Puts a node of any type on a host of the network, as a server that the others talk to. It cannot be reached into
    /// any more.
    pub fn serve(&mut self, host: HostId, service: impl Node + 'static) {
        self.nodes.remove(&host);
        self.services.insert(host, Box::new(service));
        self.stirred.insert(host);
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.network.now()
    }

    /// How long the simulation has run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.network.elapsed()
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to change it or to send on it.
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The node of a host; `None` if it is another simulation's.
    #[must_use]
    pub fn node(&self, host: HostId) -> Option<&N> {
        self.nodes.get(&host)
    }

    /// The node of a host, to tell it something now. What it wants done is done with the next step.
    pub fn node_mut(&mut self, host: HostId) -> Option<&mut N> {
        self.stirred.insert(host);
        self.nodes.get_mut(&host)
    }

    /// Whatever runs on a host.
    fn any_mut(&mut self, host: HostId) -> Option<&mut (dyn Node + '_)> {
        match self.nodes.get_mut(&host) {
            Some(node) => Some(node),
            None => self.services.get_mut(&host).map(|service| &mut **service as &mut dyn Node),
        }
    }

    /// Does something at a set time, or with the next step where that is past.
    pub fn plan(&mut self, at: Instant, what: impl FnOnce(&mut Self) + 'static) {
        let order = (at.max(self.now()), self.network.next_in_sequence());
        self.plans.insert(order, Box::new(what));
    }

    /// When the next step is due; `None` when nothing will ever happen any more.
    ///
    /// # Errors
    /// A node never comes to rest.
    pub fn next_step(&mut self) -> Result<Option<Instant>, Spinning> {
        self.settle()?;
        Ok(self.next().map(Next::at))
    }

    /// Lets the next thing happen, and gives its time; `None` when nothing will ever happen any more.
    ///
    /// # Errors
    /// A node never comes to rest.
    pub fn step(&mut self) -> Result<Option<Instant>, Spinning> {
        self.settle()?;
        let Some(next) = self.next() else { return Ok(None) };
        self.network.advance(next.at());
        match next {
            Next::Plan(order) => {
                if let Some(what) = self.plans.remove(&order) {
                    what(self);
                }
            }
            Next::Arrival(_) => self.deliver()?,
            Next::Deadline(_, host) => self.expire(host)?,
        }
        self.settle()?;
        Ok(Some(self.now()))
    }

    fn next(&self) -> Option<Next> {
        let plan = self.plans.first_key_value().map(|(&order, _)| order);
        let caused = match (plan, self.network.next_order()) {
            (Some(plan), Some(arrival)) if plan < arrival => Some(Next::Plan(plan)),
            (Some(plan), None) => Some(Next::Plan(plan)),
            (_, arrival) => arrival.map(|(at, _)| Next::Arrival(at)),
        };
        // A deadline that is past is due now.
        let of_nodes = self.nodes.iter().filter_map(|(&host, node)| Some((node.poll_timeout()?, host)));
        let of_services = self.services.iter().filter_map(|(&host, node)| Some((node.poll_timeout()?, host)));
        let deadline = of_nodes.chain(of_services).map(|(at, host)| (at.max(self.now()), host)).min();
        match (caused, deadline) {
            (Some(caused), Some((at, _))) if caused.at() <= at => Some(caused),
            (_, Some((at, host))) => Some(Next::Deadline(at, host)),
            (caused, None) => caused,
        }
    }

    fn deliver(&mut self) -> Result<(), Spinning> {
        let Some(arrival) = self.network.poll_arrival() else { return Ok(()) };
        self.note_step(arrival.host)?;
        let now = self.now();
        self.stirred.insert(arrival.host);
        if let Some(node) = self.any_mut(arrival.host) {
            node.handle_datagram(now, arrival.local, arrival.from, &arrival.payload);
        }
        Ok(())
    }

    fn expire(&mut self, host: HostId) -> Result<(), Spinning> {
        self.note_step(host)?;
        let now = self.now();
        self.stirred.insert(host);
        if let Some(node) = self.any_mut(host) {
            node.handle_timeout(now);
        }
        Ok(())
    }

    /// Does what the nodes want done, until none wants anything.
    fn settle(&mut self) -> Result<(), Spinning> {
        while let Some(host) = self.stirred.pop_first() {
            while let Some(action) = self.any_mut(host).and_then(Node::poll_action) {
                self.note_step(host)?;
                self.carry_out(host, action);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, host: HostId, action: Action) {
        match action {
            Action::Send { from, to, payload } => self.network.send_by(host, from, to, payload),
            Action::Bind { tag, address } => {
                let (now, result) = (self.now(), self.network.bind(host, address));
                if let Some(node) = self.any_mut(host) {
                    node.handle_bound(now, tag, result);
                }
            }
            Action::Close(socket) => {
                let _ = self.network.close_by(host, socket) || self.network.close(socket);
            }
        }
    }

    fn note_step(&mut self, host: HostId) -> Result<(), Spinning> {
        let now = self.now();
        if self.standstill.0 < now {
            self.standstill = (now, 0);
        }
        self.standstill.1 += 1;
        if self.standstill.1 > MAX_STANDSTILL {
            return Err(Spinning { host, elapsed: self.elapsed() });
        }
        Ok(())
    }

    /// Runs up to this time, and sets the clock to it.
    ///
    /// # Errors
    /// A node never comes to rest.
    pub fn run_until(&mut self, end: Instant) -> Result<(), Spinning> {
        self.run_while(end, |_| true)?;
        self.network.advance(end);
        Ok(())
    }

    /// Runs for this long.
    ///
    /// # Errors
    /// A node never comes to rest.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Spinning> {
        self.run_until(self.now() + time)
    }

    /// Runs while this holds, and up to this time at most. Says whether it ended because it did not hold any more; the
    /// clock then shows when.
    ///
    /// # Errors
    /// A node never comes to rest.
    pub fn run_while(
        &mut self,
        end: Instant,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Result<bool, Spinning> {
        loop {
            if !holds(self) {
                return Ok(true);
            }
            match self.next_step()? {
                Some(at) if at <= end => self.step()?,
                _ => return Ok(!holds(self)),
            };
        }
    }
}

impl<N: fmt::Debug> fmt::Debug for Simulation<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("network", &self.network)
            .field("nodes", &self.nodes)
            .field("services", &self.services.keys())
            .field("plans", &self.plans.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
