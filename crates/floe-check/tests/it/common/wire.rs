//! Two check sets over an in-memory wire in virtual time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_check::{CheckConfig, CheckSet, Command, Event, ListState, PairView, RemoteParameters};
use floe_core::{BaseId, ComponentId, Credentials, LocalCandidate, Received, Role, StreamId, Transmit};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use super::{Cand, RTP, S0, Seen, epoch, ms, own, peer};

/// One of the two agents.
pub struct Side {
    pub set: CheckSet,
    credentials: Credentials,
    bases: BTreeMap<BaseId, SocketAddr>,
    /// Where a NAT stands before a base: the address that the world sees, and must send to.
    outside: BTreeMap<BaseId, SocketAddr>,
    candidates: Vec<(StreamId, Cand)>,
    next_slot: Instant,
    /// The components that it is nominating a pair of.
    nominating: BTreeSet<(StreamId, ComponentId)>,
    /// Everything it sent, with the time.
    pub sent: Vec<(Duration, Seen)>,
    /// Everything it told, with the time.
    pub events: Vec<(Duration, Event)>,
    /// Whether a stand-in for floe-nominate works for it.
    pub nominates: bool,
}

impl Side {
    /// What the world knows a base by.
    fn address(&self, base: BaseId) -> SocketAddr {
        self.outside.get(&base).copied().unwrap_or(self.bases[&base])
    }
}

/// A datagram on its way.
pub struct Packet {
    pub from_side: usize,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: Vec<u8>,
}

/// Whether a packet is lost.
type Loss = Box<dyn FnMut(&Packet, &Seen) -> bool>;

/// Two agents and the wire between them: what one sends arrives at the other after the delay, if it has that address.
pub struct Duo {
    pub sides: [Side; 2],
    pub now: Instant,
    pub delay: Duration,
    ta: Duration,
    streams: Vec<StreamId>,
    wire: BTreeMap<(Instant, u64), Packet>,
    next: u64,
    /// Which packets are lost.
    pub lost: Loss,
}

impl Duo {
    pub fn new(configs: [CheckConfig; 2], seed: u64) -> Self {
        Self::with_streams(configs, seed, &[(S0, &[RTP])])
    }

    pub fn with_streams(
        configs: [CheckConfig; 2],
        seed: u64,
        streams: &[(StreamId, &[ComponentId])],
    ) -> Self {
        let side = |config: CheckConfig, seed, credentials: Credentials| {
            let mut set = CheckSet::new(config, ChaCha20Rng::seed_from_u64(seed));
            for (stream, components) in streams {
                set.add_stream(*stream, components, credentials.clone());
            }
            Side {
                set,
                credentials,
                bases: BTreeMap::new(),
                outside: BTreeMap::new(),
                candidates: Vec::new(),
                next_slot: epoch(),
                nominating: BTreeSet::new(),
                sent: Vec::new(),
                events: Vec::new(),
                nominates: true,
            }
        };
        let [left, right] = configs;
        Self {
            sides: [side(left, seed, own()), side(right, seed ^ 0x5555, peer())],
            now: epoch(),
            delay: ms(5),
            ta: ms(50),
            streams: streams.iter().map(|(stream, _)| *stream).collect(),
            wire: BTreeMap::new(),
            next: 0,
            lost: Box::new(|_, _| false),
        }
    }

    /// Gives an agent a host candidate.
    pub fn host(&mut self, side: usize, stream: StreamId, candidate: &Cand) {
        let agent = &mut self.sides[side];
        let base = BaseId(u32::try_from(agent.bases.len()).unwrap());
        let built = candidate.build();
        let address = built.socket_addr().unwrap();
        agent.bases.insert(base, address);
        agent.candidates.push((stream, candidate.clone()));
        let local = LocalCandidate { candidate: built, base, base_address: address };
        agent.set.add_local(self.now, stream, local).unwrap();
    }

    /// Puts a NAT before all bases of an agent: each keeps its port, at this IP address.
    pub fn nat(&mut self, side: usize, outside: &str) {
        let agent = &mut self.sides[side];
        let outside = |inside: &SocketAddr| SocketAddr::new(outside.parse().unwrap(), inside.port());
        agent.outside = agent.bases.iter().map(|(base, inside)| (*base, outside(inside))).collect();
    }

    /// One agent learns the other's description and candidates.
    pub fn signal(&mut self, to: usize) {
        let other = &self.sides[1 - to];
        let credentials = other.credentials.clone();
        let candidates: Vec<_> =
            other.candidates.iter().map(|(stream, candidate)| (*stream, candidate.build())).collect();
        let agent = &mut self.sides[to];
        for stream in &self.streams {
            let remote = RemoteParameters { credentials: credentials.clone(), components: None };
            agent.set.set_remote(self.now, *stream, remote).unwrap();
        }
        for (stream, candidate) in candidates {
            agent.set.add_remote(self.now, stream, candidate).unwrap();
        }
    }

    /// No more candidates on either side.
    pub fn end_of_candidates(&mut self) {
        for agent in &mut self.sides {
            for stream in &self.streams {
                agent.set.end_of_local(self.now, *stream);
                agent.set.end_of_remote(self.now, *stream);
            }
        }
    }

    pub fn roles(&self) -> [Role; 2] {
        [self.sides[0].set.role(), self.sides[1].set.role()]
    }

    /// Runs until nothing is left to do, or so many milliseconds after the beginning.
    pub fn run_until(&mut self, milliseconds: u64) {
        let end = epoch() + ms(milliseconds);
        loop {
            self.settle();
            let Some(next) = self.next_time().filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            self.deliver();
            for agent in &mut self.sides {
                if agent.set.poll_timeout().is_some_and(|due| due <= self.now) {
                    agent.set.handle_timeout(self.now);
                }
            }
        }
        self.now = end;
    }

    /// The state of stream 0 on both sides.
    pub fn states(&self) -> [ListState; 2] {
        [0, 1].map(|side| self.sides[side].set.list_state(S0).unwrap())
    }

    /// The best nominated pair of stream 0, component 1.
    pub fn selected(&self, side: usize) -> Option<PairView> {
        let set = &self.sides[side].set;
        let best = set.valid(S0, RTP).into_iter().find(|pair| pair.nominated)?;
        set.describe(best.id)
    }

    fn next_time(&self) -> Option<Instant> {
        let packet = self.wire.keys().next().map(|(at, _)| *at);
        let agents = self.sides.iter().flat_map(|agent| {
            let slot = agent.set.has_next().then_some(agent.next_slot);
            agent.set.poll_timeout().into_iter().chain(slot)
        });
        agents.chain(packet).min()
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let Packet { from_side, from, to, payload } = entry.remove();
            let agent = &mut self.sides[1 - from_side];
            let base = agent.bases.keys().copied().find(|base| agent.address(*base) == to);
            if let Some(base) = base {
                let _ = agent.set.handle(self.now, Received { base, from, payload: &payload });
            }
        }
    }

    /// Polls both agents until they have nothing to say at this time.
    fn settle(&mut self) {
        for side in 0..2 {
            self.nominate(side);
            if self.sides[side].next_slot <= self.now
                && let Some(check) = self.sides[side].set.start_next(self.now)
            {
                self.sides[side].next_slot = self.now + self.ta;
                self.post(side, &check);
            }
            while let Some(transmit) = self.sides[side].set.poll_transmit() {
                self.post(side, &transmit);
            }
            self.nominate(side);
        }
    }

    fn post(&mut self, side: usize, transmit: &Transmit) {
        let seen = Seen::of(transmit);
        self.sides[side].sent.push((self.now - epoch(), seen.clone()));
        let packet = Packet {
            from_side: side,
            from: self.sides[side].address(transmit.base),
            to: transmit.to,
            payload: transmit.payload.to_vec(),
        };
        if !(self.lost)(&packet, &seen) {
            self.next += 1;
            self.wire.insert((self.now + self.delay, self.next), packet);
        }
    }

    /// What floe-nominate would decide, in its simplest form: the best valid pair, at once.
    fn nominate(&mut self, side: usize) {
        let agent = &mut self.sides[side];
        while let Some(event) = agent.set.poll_event() {
            agent.events.push((self.now - epoch(), event.clone()));
            if !agent.nominates {
                continue;
            }
            match event {
                // One at a time (RFC 8445 8.1.1).
                Event::NominationFailed { stream, component, .. } => {
                    agent.nominating.remove(&(stream, component));
                }
                Event::RoleChanged(_) => agent.nominating.clear(),
                Event::Validated { stream, component, .. } if agent.set.role() == Role::Controlling => {
                    let valid = agent.set.valid(stream, component);
                    if valid.iter().all(|p| !p.nominated) && agent.nominating.insert((stream, component)) {
                        agent.set.apply(self.now, Command::Nominate(valid[0].checked));
                    }
                }
                Event::Nominated { stream, component, .. } => {
                    let best = agent.set.valid(stream, component).into_iter().find(|pair| pair.nominated);
                    let keep = best.expect("a nominated pair is valid").id;
                    agent.set.apply(self.now, Command::Retire { stream, component, keep });
                }
                _ => {}
            }
        }
    }
}
