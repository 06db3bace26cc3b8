//! The gathering of one stream and generation.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
};

use floe_core::{
    BaseId, CandidateKind, ComponentId, Generation, LocalCandidate, StreamId, address::Redacted,
};

use crate::{
    Event, GatherConfig, ServerId,
    job::{Jobs, Task},
    keepalive::Binding,
    place::Place,
    preference::Source,
    server::queries,
    shared::Shared,
};

/// The gathering of one stream and generation.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) stream: StreamId,
    generation: Generation,
    pub(crate) components: BTreeSet<ComponentId>,
    /// Whether the interfaces were known since: without them nothing is done.
    pub(crate) begun: bool,
    /// Whether the end of candidates was told.
    pub(crate) ended: bool,
    /// The addresses that sockets were asked for.
    pub(crate) reached: BTreeSet<Place>,
    /// The addresses for which there was no room.
    pub(crate) left_out: BTreeSet<Place>,
    pub(crate) jobs: Jobs,
    pub(crate) bases: BTreeMap<BaseId, Base>,
    /// The candidates that were told of and whose bases are there.
    pub(crate) gathered: Vec<LocalCandidate>,
    /// How many candidates each component has had from a source.
    counts: BTreeMap<(ComponentId, Source), u32>,
    /// How many candidates the servers that were asked may give, for the timeout.
    pub(crate) wanted_of_servers: usize,
    /// What is to be kept alive; nothing once ICE has finished.
    pub(crate) bindings: Vec<Binding>,
    pub(crate) finished: bool,
}

/// A base that was handed in.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) component: ComponentId,
    /// The host's address that it hangs on.
    pub(crate) place: Place,
    pub(crate) address: SocketAddr,
    /// Of a relayed one, the host's base that it was allocated from.
    pub(crate) through: Option<BaseId>,
    /// Whether a candidate on it, or relayed through it, was told of.
    pub(crate) told: bool,
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, place: _, address, through, told } = self;
        write!(f, "c{component} {} through {through:?} told {told}", Redacted(*address))
    }
}

impl Round {
    pub(crate) fn new(stream: StreamId, generation: Generation, components: BTreeSet<ComponentId>) -> Self {
        Self {
            stream,
            generation,
            components,
            begun: false,
            ended: false,
            reached: BTreeSet::new(),
            left_out: BTreeSet::new(),
            jobs: Jobs::default(),
            bases: BTreeMap::new(),
            gathered: Vec::new(),
            counts: BTreeMap::new(),
            wanted_of_servers: 0,
            bindings: Vec::new(),
            finished: false,
        }
    }

    /// Another generation takes over. What was not polled yet was told to nobody; the bases that were told of are handed
    /// on.
    pub(crate) fn abandon(mut self, shared: &mut Shared) -> Vec<(BaseId, Base)> {
        shared.withdraw(&self.jobs.retain(|_| false));
        shared.silence(|asked| asked.stream != self.stream);
        shared.out.transmits.retain(|transmit| !self.bases.contains_key(&transmit.base));
        for event in std::mem::take(&mut shared.out.events) {
            match event {
                Event::Vanished { stream, base, .. }
                    if stream == self.stream && !shared.told.contains(&base) =>
                {
                    shared.release(base);
                }
                Event::Candidate { stream, .. }
                | Event::Renewed { stream, .. }
                | Event::ServerFailed { stream, .. }
                | Event::EndOfCandidates { stream, .. }
                    if stream == self.stream => {}
                other => shared.out.events.push_back(other),
            }
        }
        for base in self.bases.keys().filter(|base| !shared.told.contains(base)).copied().collect::<Vec<_>>()
        {
            self.bases.remove(&base);
            shared.release(base);
        }
        self.bases.into_iter().collect()
    }

    /// How many candidates there are and may still come.
    pub(crate) fn load(&self, config: &GatherConfig) -> usize {
        let of_job = |task: &Task| match task {
            Task::Bind { .. } => usize::from(config.host),
            Task::Ask { query, .. } => query.yields(config),
            // Not known yet: it is looked at again when it is asked.
            Task::Resolve { .. } => 0,
        };
        self.gathered.len() + self.jobs.iter().map(|(_, job)| of_job(&job.task)).sum::<usize>()
    }

    /// Num-Of-Cands of RFC 8445 14.3: how many candidates the servers may give, those included that are asked later.
    pub(crate) fn server_candidates(&self, config: &GatherConfig) -> usize {
        let later = |place| queries(config, place).iter().map(|query| query.yields(config)).sum::<usize>();
        let binds = self.jobs.iter().filter(|(_, job)| job.is_asked_bind());
        self.wanted_of_servers + binds.map(|(_, job)| later(job.place)).sum::<usize>()
    }

    /// The how many-th candidate of a component and source the next one is.
    pub(crate) fn next_source(
        &mut self,
        component: ComponentId,
        (kind, place, server): (CandidateKind, Place, ServerId),
    ) -> Source {
        let first = Source { kind, place, server, before: 0 };
        let count = self.counts.entry((component, first)).or_default();
        *count += 1;
        Source { before: *count - 1, ..first }
    }

    /// Tells of the candidates that wait for no lower component any more, and of the end if that is all.
    pub(crate) fn advance(&mut self, shared: &mut Shared) {
        while let Some((server, candidates)) = self.jobs.next_ready() {
            candidates.into_iter().for_each(|candidate| self.tell(candidate, server, shared));
        }
        self.drop_idle(shared);
        // RFC 8838 13: once, when nothing more can come.
        if self.begun && !self.ended && self.jobs.is_empty() {
            self.ended = true;
            let (stream, generation) = (self.stream, self.generation);
            shared.out.events.push_back(Event::EndOfCandidates { stream, generation });
        }
    }

    pub(crate) fn tell(&mut self, candidate: LocalCandidate, server: Option<ServerId>, shared: &mut Shared) {
        let stream = self.stream;
        tracing::debug!(%stream, ?candidate, "gathered");
        let through = self.bases.get(&candidate.base).and_then(|base| base.through);
        for id in through.into_iter().chain([candidate.base]) {
            if let Some(base) = self.bases.get_mut(&id) {
                base.told = true;
            }
        }
        self.gathered.push(candidate.clone());
        shared.out.events.push_back(match self.ended {
            true => Event::Renewed { stream, candidate },
            false => Event::Candidate { stream, candidate, server },
        });
    }

    /// Bases of which nothing was told and nothing can come any more are released.
    fn drop_idle(&mut self, shared: &mut Shared) {
        let busy = |id: BaseId| self.jobs.iter().any(|(_, job)| job.is_on(id));
        let idle = self.bases.iter().filter(|(id, base)| !base.told && !busy(**id));
        for id in idle.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.drop_base(id, shared);
            shared.release(id);
        }
    }

    /// Forgets a base and all that hangs on it, but not what was relayed through it.
    pub(crate) fn drop_base(&mut self, id: BaseId, shared: &mut Shared) -> Option<Base> {
        let base = self.bases.remove(&id)?;
        self.jobs.retain(|job| !job.is_on(id));
        self.bindings.retain(|binding| binding.base != id);
        self.gathered.retain(|candidate| candidate.base != id);
        shared.silence_base(self.stream, id);
        Some(base)
    }
}
