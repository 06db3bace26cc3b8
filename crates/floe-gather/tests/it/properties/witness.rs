//! A gatherer that anything may happen to, and all that has to hold of it at any time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use floe_core::{BaseId, ComponentId, Generation, LocalCandidate, Received, StreamId, Transmit};
use floe_gather::{Action, AllocateError, Allocated, Event, GatherConfig, Gatherer, JobId, Start};
use floe_stun::{Message, attribute::ErrorCode, rules};
use proptest::sample::Index;
use rand::{SeedableRng, rngs::ChaCha20Rng};

use super::strategies::{Spoof, Step};
use crate::common::Wanted;

/// A gatherer, and all that is known of it from outside.
pub struct Witness {
    pub gatherer: Gatherer,
    max: usize,
    now: Instant,
    latest: Generation,
    /// The generation of each stream.
    pub generations: BTreeMap<StreamId, Generation>,
    pub asked: Vec<Wanted>,
    allocations: Vec<(JobId, BaseId, IpAddr)>,
    requests: Vec<Transmit>,
    /// The bases that were handed in, and what became of them.
    pub bases: BTreeMap<BaseId, Option<Fate>>,
    /// The base that a relay goes through.
    through: BTreeMap<BaseId, BaseId>,
    hosts: BTreeMap<(StreamId, ComponentId, SocketAddr), (BaseId, SocketAddr)>,
    /// Which server named an address. None does so twice.
    pub named_by: BTreeMap<SocketAddr, IpAddr>,
    pub told: Vec<(Generation, StreamId, LocalCandidate)>,
    vanished: BTreeSet<BaseId>,
    pub ended: BTreeSet<(StreamId, Generation)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Told,
    Released,
}

impl Witness {
    pub fn new(config: GatherConfig) -> Self {
        Self {
            max: config.max_candidates,
            gatherer: Gatherer::new(config, ChaCha20Rng::seed_from_u64(7)),
            now: Instant::now(),
            latest: Generation(0),
            generations: BTreeMap::new(),
            asked: Vec::new(),
            allocations: Vec::new(),
            requests: Vec::new(),
            bases: BTreeMap::new(),
            through: BTreeMap::new(),
            hosts: BTreeMap::new(),
            named_by: BTreeMap::new(),
            told: Vec::new(),
            vanished: BTreeSet::new(),
            ended: BTreeSet::new(),
        }
    }

    pub fn start(&mut self, components: &[(StreamId, ComponentId)]) {
        self.generations.extend(components.iter().map(|&(stream, _)| (stream, self.latest)));
        self.gatherer.start(self.now, self.latest, components);
        self.look();
    }

    fn new_base(&mut self) -> BaseId {
        let base = BaseId(u32::try_from(self.bases.len()).unwrap());
        self.bases.insert(base, None);
        base
    }

    pub fn bound(&mut self, wanted: Wanted, address: SocketAddr) {
        let base = self.new_base();
        self.hosts.insert((wanted.stream, wanted.component, wanted.address), (base, address));
        self.gatherer.bound(self.now, wanted.job, Ok((base, address)));
    }

    /// An address of its own for what a server names, so that it can be told which one did.
    fn name(&mut self, ip: IpAddr, server: IpAddr) -> SocketAddr {
        let address = SocketAddr::new(ip, u16::try_from(10_000 + self.named_by.len()).unwrap());
        self.named_by.insert(address, server);
        address
    }

    pub fn apply(&mut self, step: Step) {
        match step {
            Step::Interfaces(interfaces) => self.gatherer.update_interfaces(self.now, &interfaces),
            Step::Bound(_) | Step::BoundAgain(_) | Step::Failed(_) | Step::BoundTo(..) => {
                self.apply_bind(&step);
            }
            Step::Slot => self.slot(),
            Step::Answered(..) | Step::Refused(..) | Step::Spoofed(..) => self.apply_answer(&step),
            Step::Allocated(..) | Step::NotAllocated(..) => self.apply_allocation(&step),
            Step::Sleep(milliseconds) => self.sleep(Duration::from_millis(milliseconds)),
            Step::Restart(components) => {
                self.latest = Generation(self.latest.0 + 1);
                self.start(&components);
            }
            Step::Finish(stream) => self.gatherer.finish(StreamId(stream)),
        }
        self.look();
    }

    fn apply_bind(&mut self, step: &Step) {
        let (Step::Bound(index) | Step::BoundAgain(index) | Step::Failed(index) | Step::BoundTo(index, ..)) =
            step
        else {
            return;
        };
        let Some(wanted) = pick(index, &self.asked) else { return };
        let mut address = wanted.address;
        address.set_port(u16::try_from(1_000 + self.bases.len()).unwrap());
        match step {
            Step::Failed(_) => self.gatherer.bound(self.now, wanted.job, Err("no".to_owned())),
            Step::BoundTo(_, ip, port) => self.bound(wanted, SocketAddr::new(*ip, *port)),
            Step::BoundAgain(_) => {
                let known = self.hosts.get(&(wanted.stream, wanted.component, wanted.address)).copied();
                if let Some((base, address)) = known.filter(|(base, _)| self.is_open(*base)) {
                    self.gatherer.bound(self.now, wanted.job, Ok((base, address)));
                }
            }
            _ => self.bound(wanted, address),
        }
    }

    /// What has vanished or was released is nobody's any more.
    fn is_open(&self, base: BaseId) -> bool {
        self.bases[&base] != Some(Fate::Released) && !self.vanished.contains(&base)
    }

    fn slot(&mut self) {
        let has_next = self.gatherer.has_next();
        let next = self.gatherer.start_next(self.now);
        assert!(next.is_some() || !has_next);
        match next {
            Some(Start::Send(request)) => self.requests.push(request),
            Some(Start::Allocate { job, base, server, .. }) => {
                // The server is known by the foundation only: which one it is does not matter here.
                self.allocations.push((job, base, IpAddr::V6(Ipv6Addr::from_bits(u128::from(server.0)))));
            }
            _ => {}
        }
    }

    fn apply_answer(&mut self, step: &Step) {
        let (Step::Answered(index, _) | Step::Refused(index, _) | Step::Spoofed(index, ..)) = step else {
            return;
        };
        let Some(request) = pick(index, &self.requests) else { return };
        let parsed = Message::parse(&request.payload).unwrap();
        let mut buffer = [0; 548];
        let (mut base, mut from) = (request.base, request.to);
        let length = match *step {
            Step::Answered(_, ip) => {
                let mapped = self.name(ip, request.to.ip());
                rules::write_success(&mut buffer, &parsed, mapped, None)
            }
            Step::Refused(_, code) => {
                rules::write_error(&mut buffer, &parsed, ErrorCode::standard(code), None)
            }
            Step::Spoofed(_, ip, _) => {
                rules::write_success(&mut buffer, &parsed, SocketAddr::new(ip, 6_666), None)
            }
            _ => return,
        };
        let mut payload = &buffer[..length.unwrap()];
        if let Step::Spoofed(_, _, spoof) = step {
            match spoof {
                Spoof::Port => from.set_port(from.port() ^ 1),
                Spoof::Address => from.set_ip("198.51.100.66".parse().unwrap()),
                Spoof::Base => base = BaseId(base.0 + 1),
                Spoof::Request => payload = &request.payload,
            }
            let before = format!("{:?}", self.gatherer);
            assert!(!self.gatherer.handle(self.now, Received { base, from, payload }), "{spoof:?}");
            assert_eq!(format!("{:?}", self.gatherer), before, "{spoof:?}");
        } else {
            self.gatherer.handle(self.now, Received { base, from, payload });
        }
    }

    fn apply_allocation(&mut self, step: &Step) {
        let (Step::Allocated(index, ..) | Step::NotAllocated(index, _)) = step else { return };
        let Some((job, through, server)) = pick(index, &self.allocations) else { return };
        match *step {
            Step::Allocated(_, relayed, mapped) => {
                let base = self.new_base();
                self.through.insert(base, through);
                let (relayed, mapped) = (self.name(relayed, server), self.name(mapped, server));
                let allocated = Allocated { base, relayed, mapped: Some(mapped) };
                self.gatherer.allocated(self.now, job, Ok(allocated));
            }
            Step::NotAllocated(_, true) => {
                self.gatherer.allocated(self.now, job, Err(AllocateError::Capacity));
            }
            _ => self.gatherer.allocated(self.now, job, Err(AllocateError::Other("no".to_owned()))),
        }
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
        self.gatherer.handle_timeout(self.now);
        assert!(self.gatherer.poll_timeout().is_none_or(|deadline| deadline > self.now));
    }

    /// Nobody answers any more, and time passes until nothing is to be done.
    pub fn run_down(&mut self) {
        self.generations.keys().copied().collect::<Vec<_>>().into_iter().for_each(|stream| {
            self.gatherer.finish(stream);
        });
        for _ in 0..10_000 {
            while self.gatherer.has_next() {
                self.slot();
            }
            self.look();
            let Some(deadline) = self.gatherer.poll_timeout() else { return };
            self.sleep(deadline.saturating_duration_since(self.now));
        }
        panic!("it never ends: {:?}", self.gatherer);
    }

    /// Takes what comes out, and checks it against what came before.
    pub fn look(&mut self) {
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                Event::Candidate { stream, candidate, .. } => self.note_candidate(stream, candidate),
                Event::EndOfCandidates { stream, generation } => {
                    assert_eq!(generation, self.generations[&stream]);
                    assert!(self.ended.insert((stream, generation)), "two ends of {stream} {generation}");
                }
                Event::ServerFailed { stream, .. } => {
                    assert!(!self.ended.contains(&(stream, self.generations[&stream])), "after the end");
                }
                Event::Vanished { base, .. } => {
                    assert_eq!(self.bases[&base], Some(Fate::Told));
                    self.vanished.insert(base);
                }
                _ => {}
            }
        }
        while let Some(action) = self.gatherer.poll_action() {
            match action {
                Action::Bind { job, stream, component, address, .. } => {
                    assert!(self.asked.iter().all(|wanted| wanted.job != job), "{job} is used twice");
                    self.asked.push(Wanted { job, stream, component, address });
                }
                Action::Release(base) => {
                    let before = self.bases.insert(base, Some(Fate::Released));
                    assert_eq!(before, Some(None), "{base} is released after all");
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
        while let Some(resent) = self.gatherer.poll_transmit() {
            assert!(self.requests.contains(&resent), "the same bytes as before, between the same addresses");
        }
    }

    fn note_candidate(&mut self, stream: StreamId, candidate: LocalCandidate) {
        let generation = self.generations[&stream];
        assert!(!self.ended.contains(&(stream, generation)), "a candidate after the end");
        for base in [Some(candidate.base), self.through.get(&candidate.base).copied()].into_iter().flatten() {
            let before = self.bases.insert(base, Some(Fate::Told)).expect("only what was handed in");
            assert_ne!(before, Some(Fate::Released), "{base} is told of after all");
        }
        self.told.push((generation, stream, candidate));
        let live = self.told.iter().filter(|(of, on, told)| {
            (*of, *on) == (generation, stream) && !self.vanished.contains(&told.base)
        });
        assert!(live.count() <= self.max, "more candidates than allowed");
    }
}

fn pick<T: Clone>(index: &Index, all: &[T]) -> Option<T> {
    if all.is_empty() { None } else { Some(index.get(all).clone()) }
}
