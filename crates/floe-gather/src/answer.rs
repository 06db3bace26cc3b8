//! What comes of the sockets that were asked for (RFC 8445 5.1.1.1).

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, Candidate, CandidateKind, LocalCandidate, Priority, Transport};

use crate::{
    Event, GatherError, JobId,
    job::{State, Task},
    round::{Base, Round},
    shared::Shared,
};

impl Round {
    /// A socket was bound, or not.
    pub(crate) fn bound(
        &mut self,
        now: Instant,
        id: JobId,
        result: Result<(BaseId, SocketAddr), String>,
        shared: &mut Shared,
    ) {
        let Some(job) = self.jobs.asked(id) else { return };
        let (stream, component) = (self.stream, job.component);
        match result {
            Ok((base, address)) => match self.new_base(id, base, address) {
                Ok(new) => self.take_in(now, id, base, new, shared),
                Err(why) => {
                    self.refuse(id, why, shared);
                    if !self.bases.contains_key(&base) {
                        shared.release(base);
                    }
                }
            },
            Err(reason) => self.refuse(id, GatherError::Bind { stream, component, reason }, shared),
        }
        self.advance(shared);
    }

    /// What is known of the socket of a job, if it is what was asked for.
    fn new_base(&self, id: JobId, base: BaseId, address: SocketAddr) -> Result<Base, GatherError> {
        let job = self.jobs.asked(id).expect("invariant: only a job that was asked for is answered");
        let (stream, component, place) = (self.stream, job.component, job.place);
        if address.ip() != place.ip || address.port() == 0 {
            return Err(GatherError::BoundElsewhere { stream, component });
        }
        // RFC 8445 5.1.3: a socket of its own for each component, or its candidate is there already.
        if self.bases.contains_key(&base) {
            return Err(GatherError::Redundant { stream, component });
        }
        let address = place.with_port(address.port());
        Ok(Base { component, place, address, through: None, told: false })
    }

    /// A new base: its host candidate, and the servers that are asked from it.
    fn take_in(&mut self, now: Instant, id: JobId, base: BaseId, new: Base, shared: &mut Shared) {
        let candidate = shared.config.host.then(|| host_candidate(base, &new, shared));
        self.bases.insert(base, new);
        self.hold(id, candidate.into_iter().collect());
        self.pair(now, base, shared);
    }

    /// The candidates of a job are there, if it has any.
    pub(crate) fn hold(&mut self, id: JobId, candidates: Vec<LocalCandidate>) {
        if candidates.is_empty() {
            self.jobs.remove(id);
        } else {
            self.jobs.set_state(id, State::Held(candidates));
        }
    }

    /// A socket is not there in time.
    pub(crate) fn give_up_bind(&mut self, id: JobId, shared: &mut Shared) {
        let Some(job) = self.jobs.asked(id).filter(|job| job.is_asked_bind()) else { return };
        let (stream, component, timeout) = (self.stream, job.component, shared.config.bind_timeout);
        shared.withdraw(&[id]);
        self.refuse(id, GatherError::BindTimeout { stream, component, timeout }, shared);
    }

    fn refuse(&mut self, id: JobId, why: GatherError, shared: &mut Shared) {
        let Some(job) = self.jobs.remove(id) else { return };
        tracing::debug!(job = %id, %why, "no candidate");
        if let Task::Bind { interface } = job.task {
            shared.out.events.push_back(Event::Refused { address: job.place.ip, interface, why });
        }
    }
}

/// The host candidate of a socket: its own base.
fn host_candidate(id: BaseId, base: &Base, shared: &mut Shared) -> LocalCandidate {
    let taken = shared.ledger.places.get(&base.place).expect("invariant: the address of a job is in use");
    let (kind, transport) = (CandidateKind::Host, Transport::Udp);
    let preference = shared.config.type_preferences.of(kind);
    let candidate = Candidate::builder(kind, transport, base.address)
        .component(base.component)
        .priority(Priority::new(preference, taken.preference, base.component))
        .foundation(shared.foundations.of(kind, base.place, None, transport))
        .build()
        .expect("invariant: a host candidate has no related address and no extension");
    LocalCandidate { candidate, base: id, base_address: base.address }
}
