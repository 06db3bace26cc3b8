//! The jobs of a stream and generation: what was asked for, and what is to be.

use std::{collections::BTreeMap, net::SocketAddr, time::Instant};

use floe_core::{BaseId, ComponentId, LocalCandidate};

use crate::{
    JobId, ServerId,
    place::Place,
    server::{Method, Query},
};

/// Something that was asked for, or is to be.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) component: ComponentId,
    pub(crate) task: Task,
    pub(crate) state: State,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Task {
    /// A socket, of the system.
    Bind {
        /// The interface of its address.
        interface: Box<str>,
    },
    /// Where a server is that is to be asked from this base then.
    Resolve { base: BaseId, server: ServerId },
    /// An address, of a server, from this base.
    Ask { base: BaseId, query: Query },
}

impl Task {
    /// The server that it is about.
    const fn server(&self) -> Option<ServerId> {
        match self {
            Self::Bind { .. } => None,
            Self::Resolve { server, .. } => Some(*server),
            Self::Ask { query, .. } => Some(query.server),
        }
    }
}

/// How far a job is.
///
/// ```text
///   PutOff ──its time──> Waiting ──slot──> Asked ──answered──> Held ──lower components done──> gone, its candidates told
///      └──not needed──> gone                 └──failed, deadline──> gone, and that is told
/// ```
///
/// A socket is asked for at once; only what goes to a server waits for a slot.
#[derive(Debug)]
pub(crate) enum State {
    /// It may turn out not to be needed; from then on it waits for its slot.
    PutOff { until: Instant },
    /// Its slot is still to come.
    Waiting,
    /// The answer is still to come. `None`: it may take for ever.
    Asked { deadline: Option<Instant> },
    /// The candidates are there, and wait for a lower component of their foundation (RFC 8838 17).
    Held(Vec<LocalCandidate>),
}

/// All jobs that are not done. The ids of sockets grow in order of preference of their address, then by component.
#[derive(Debug, Default)]
pub(crate) struct Jobs(BTreeMap<JobId, Job>);

impl Jobs {
    pub(crate) fn insert(&mut self, id: JobId, job: Job) {
        self.0.insert(id, job);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.0.iter().map(|(id, job)| (*id, job))
    }

    /// The job, if its answer is still to come.
    pub(crate) fn asked(&self, id: JobId) -> Option<&Job> {
        self.0.get(&id).filter(|job| matches!(job.state, State::Asked { .. }))
    }

    /// The answer of a server that is still to come: from which base it is asked, and what.
    pub(crate) fn query(&self, id: JobId) -> Option<(BaseId, Query)> {
        match self.asked(id)?.task {
            Task::Ask { base, query } => Some((base, query)),
            Task::Bind { .. } | Task::Resolve { .. } => None,
        }
    }

    /// The jobs that wait for the place of this server.
    pub(crate) fn awaiting(&self, server: ServerId) -> Vec<JobId> {
        let waits = |job: &Job| matches!(job.task, Task::Resolve { server: of, .. } if of == server);
        self.0.iter().filter(|(_, job)| waits(job)).map(|(&id, _)| id).collect()
    }

    /// From which base which server is to be asked once its name is resolved, if that is what this job waits for.
    pub(crate) fn resolving(&self, id: JobId) -> Option<(BaseId, ServerId)> {
        match self.0.get(&id)?.task {
            Task::Resolve { base, server } => Some((base, server)),
            Task::Bind { .. } | Task::Ask { .. } => None,
        }
    }

    pub(crate) fn remove(&mut self, id: JobId) -> Option<Job> {
        self.0.remove(&id)
    }

    pub(crate) fn set_state(&mut self, id: JobId, state: State) {
        if let Some(job) = self.0.get_mut(&id) {
            job.state = state;
        }
    }

    /// The candidates that wait.
    pub(crate) fn held(&self) -> impl Iterator<Item = &LocalCandidate> {
        self.0.values().flat_map(Job::held)
    }

    /// Takes out the next candidates that wait for no lower component, with the server that gave them.
    pub(crate) fn next_ready(&mut self) -> Option<(Option<ServerId>, Vec<LocalCandidate>)> {
        let ready = |(_, job): &(&JobId, &Job)| matches!(job.state, State::Held(_)) && !self.must_wait(job);
        let (&id, _) = self.0.iter().find(ready)?;
        let job = self.0.remove(&id)?;
        match job.state {
            State::Held(candidates) => Some((job.task.server(), candidates)),
            State::PutOff { .. } | State::Waiting | State::Asked { .. } => None,
        }
    }

    /// Whether another job comes first: the same one for a lower component, or the socket itself.
    fn must_wait(&self, job: &Job) -> bool {
        let first = |other: &Job| match (&other.task, &job.task) {
            (Task::Bind { .. }, Task::Bind { .. }) => other.component < job.component,
            (Task::Bind { .. }, Task::Ask { .. }) => other.component <= job.component,
            (Task::Ask { query: one, .. }, Task::Ask { query: two, .. }) => {
                one.server == two.server && other.component < job.component
            }
            _ => false,
        };
        self.0.values().any(|other| other.place == job.place && first(other))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.values().filter_map(Job::deadline).min()
    }

    /// When the next one that is put off begins to wait for its slot.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let until = |job: &Job| match job.state {
            State::PutOff { until } => Some(until),
            _ => None,
        };
        self.0.values().filter_map(until).min()
    }

    /// Those whose time has come wait for their slot now.
    pub(crate) fn wake(&mut self, now: Instant) {
        for job in self.0.values_mut() {
            if matches!(job.state, State::PutOff { until } if until <= now) {
                job.state = State::Waiting;
            }
        }
    }

    /// The Binding request to this server from this base, whatever its state.
    pub(crate) fn binding(&mut self, base: BaseId, to: SocketAddr) -> Option<(JobId, &mut Job)> {
        let is = |task: &Task| {
            matches!(task, Task::Ask { base: from, query }
                if *from == base && query.address == to && query.method == Method::Binding)
        };
        self.0.iter_mut().find(|(_, job)| is(&job.task)).map(|(&id, job)| (id, job))
    }

    /// The jobs whose deadline has come.
    pub(crate) fn due(&self, now: Instant) -> Vec<JobId> {
        let due = |job: &Job| job.deadline().is_some_and(|deadline| deadline <= now);
        self.0.iter().filter(|(_, job)| due(job)).map(|(&id, _)| id).collect()
    }

    /// Drops the jobs that are not to be kept, and says which.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Job) -> bool) -> Vec<JobId> {
        let leaving: Vec<_> = self.0.iter().filter(|(_, job)| !keep(job)).map(|(id, _)| *id).collect();
        self.0.retain(|_, job| keep(job));
        leaving
    }
}

impl Job {
    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Asked { deadline } => deadline,
            State::PutOff { .. } | State::Waiting | State::Held(_) => None,
        }
    }

    /// Whether it is a socket that is still to come.
    pub(crate) fn is_asked_bind(&self) -> bool {
        matches!((&self.task, &self.state), (Task::Bind { .. }, State::Asked { .. }))
    }

    fn held(&self) -> &[LocalCandidate] {
        match &self.state {
            State::Held(candidates) => candidates,
            State::PutOff { .. } | State::Waiting | State::Asked { .. } => &[],
        }
    }

    /// Whether it stands on this base: its own, or one whose candidate it holds.
    pub(crate) fn is_on(&self, base: BaseId) -> bool {
        let asks = matches!(self.task, Task::Ask { base: from, .. } | Task::Resolve { base: from, .. } if from == base);
        asks || self.held().iter().any(|candidate| candidate.base == base)
    }
}
