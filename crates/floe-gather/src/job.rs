//! The jobs of a generation: sockets that were asked for.

use std::{collections::BTreeMap, time::Instant};

use floe_core::{BaseId, ComponentId, LocalCandidate, StreamId};

use crate::{JobId, gatherer::Outbox, place::Place};

/// A socket that was asked for.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) interface: Box<str>,
    pub(crate) stream: StreamId,
    pub(crate) component: ComponentId,
    pub(crate) state: State,
}

/// How far a job is.
///
/// ```text
///   Asked ──bound──> Held ──lower components done──> gone, its candidate told
///     └──failed, deadline──> gone, its address refused
/// ```
#[derive(Debug)]
pub(crate) enum State {
    /// The answer is still to come. `None`: it may take for ever.
    Asked { deadline: Option<Instant> },
    /// The candidate is there, and waits for a lower component of its stream and address (RFC 8838 17).
    Held(LocalCandidate),
}

/// All jobs that are not done. Their ids grow in order of preference of their address, then by stream and component.
#[derive(Debug, Default)]
pub(crate) struct Jobs(BTreeMap<JobId, Job>);

impl Jobs {
    pub(crate) fn insert(&mut self, id: JobId, job: Job) {
        self.0.insert(id, job);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The job, if its answer is still to come.
    pub(crate) fn asked(&self, id: JobId) -> Option<&Job> {
        self.0.get(&id).filter(|job| matches!(job.state, State::Asked { .. }))
    }

    pub(crate) fn remove(&mut self, id: JobId) -> Option<Job> {
        self.0.remove(&id)
    }

    pub(crate) fn hold(&mut self, id: JobId, candidate: LocalCandidate) {
        if let Some(job) = self.0.get_mut(&id) {
            job.state = State::Held(candidate);
        }
    }

    /// Whether a candidate that waits stands on this base.
    pub(crate) fn holds(&self, base: BaseId) -> bool {
        self.0.values().any(|job| matches!(&job.state, State::Held(candidate) if candidate.base == base))
    }

    /// The candidates of a stream that wait.
    pub(crate) fn held(&self, stream: StreamId) -> impl Iterator<Item = &LocalCandidate> {
        self.0.values().filter(move |job| job.stream == stream).filter_map(|job| match &job.state {
            State::Held(candidate) => Some(candidate),
            State::Asked { .. } => None,
        })
    }

    /// Takes out the next candidate of this stream and address that waits for no lower component.
    pub(crate) fn next_ready(&mut self, stream: StreamId, place: Place) -> Option<LocalCandidate> {
        let first = |(_, job): &(&JobId, &Job)| job.stream == stream && job.place == place;
        let (&id, job) = self.0.iter().find(first)?;
        match &job.state {
            State::Asked { .. } => None,
            State::Held(candidate) => {
                let candidate = candidate.clone();
                self.0.remove(&id);
                Some(candidate)
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.values().filter_map(Job::deadline).min()
    }

    /// The jobs whose deadline has come.
    pub(crate) fn due(&self, now: Instant) -> Vec<JobId> {
        let due = |job: &Job| job.deadline().is_some_and(|deadline| deadline <= now);
        self.0.iter().filter(|(_, job)| due(job)).map(|(&id, _)| id).collect()
    }

    /// Drops the jobs whose address is not to be kept, and what they have.
    pub(crate) fn retain(&mut self, keep: impl Fn(Place) -> bool, out: &mut Outbox) {
        self.0.retain(|id, job| {
            let kept = keep(job.place);
            match &job.state {
                _ if kept => {}
                State::Asked { .. } => out.withdraw(*id),
                State::Held(candidate) => out.release(candidate.base),
            }
            kept
        });
    }
}

impl Job {
    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Asked { deadline } => deadline,
            State::Held(_) => None,
        }
    }
}
