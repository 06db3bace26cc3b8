//! What comes of the sockets that were asked for.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{
    BaseId, Candidate, CandidateKind, LocalCandidate, Priority, StreamId, Transport, TypePreference,
};

use crate::{
    Event, GatherError, JobId, gatherer::Outbox, is_redundant, job::Job, place::Place, round::Round,
};

impl Round {
    /// A socket was bound, or not.
    pub(crate) fn bound(
        &mut self,
        id: JobId,
        result: Result<(BaseId, SocketAddr), String>,
        out: &mut Outbox,
    ) {
        let Some(job) = self.jobs.asked(id) else {
            tracing::debug!(job = %id, "an answer came too late");
            if let Ok((base, _)) = result {
                self.release(base, out);
            }
            return;
        };
        let (stream, component, place) = (job.stream, job.component, job.place);
        match result {
            Ok((base, address)) => match self.candidate(id, base, address) {
                Ok(candidate) => self.jobs.hold(id, candidate),
                Err(why) => {
                    self.refuse(id, why, out);
                    self.release(base, out);
                }
            },
            Err(reason) => self.refuse(id, GatherError::Bind { stream, component, reason }, out),
        }
        self.tell_ready(stream, place, out);
        self.end_if_done(out);
    }

    /// Gives up the jobs whose deadline has come.
    pub(crate) fn give_up(&mut self, now: Instant, timeout: Duration, out: &mut Outbox) {
        for id in self.jobs.due(now) {
            let Some(&Job { stream, component, place, .. }) = self.jobs.asked(id) else { continue };
            out.withdraw(id);
            self.refuse(id, GatherError::BindTimeout { stream, component, timeout }, out);
            self.tell_ready(stream, place, out);
        }
        self.end_if_done(out);
    }

    /// The host candidate of a socket: its own base (RFC 8445 5.1.1.1).
    fn candidate(
        &mut self,
        id: JobId,
        base: BaseId,
        address: SocketAddr,
    ) -> Result<LocalCandidate, GatherError> {
        let job = self.jobs.asked(id).expect("invariant: only a job that was asked for is answered");
        let &Job { stream, component, place, .. } = job;
        if address.ip() != place.ip || address.port() == 0 {
            return Err(GatherError::BoundElsewhere { stream, component });
        }
        let taken = self.places.get(&place).expect("invariant: the address of a job is in use");
        let base_address = place.with_port(address.port());
        let (kind, transport) = (CandidateKind::Host, Transport::Udp);
        let candidate = Candidate::builder(kind, transport, base_address)
            .component(component)
            .priority(Priority::new(TypePreference::HOST, taken.preference, component))
            .foundation(self.foundations.of(kind, place, None, transport))
            .build()
            .expect("invariant: a host candidate has no related address and no extension");
        let candidate = LocalCandidate { candidate, base, base_address };
        let told = self.gathered.iter().filter(|(of, _)| *of == stream).map(|(_, told)| told);
        if told.chain(self.jobs.held(stream)).any(|known| is_redundant(known, &candidate)) {
            return Err(GatherError::Redundant { stream, component });
        }
        Ok(candidate)
    }

    /// Tells of the candidates that wait for no lower component any more.
    fn tell_ready(&mut self, stream: StreamId, place: Place, out: &mut Outbox) {
        while let Some(candidate) = self.jobs.next_ready(stream, place) {
            tracing::debug!(%stream, ?candidate, "gathered");
            self.gathered.push((stream, candidate.clone()));
            out.events.push_back(Event::Candidate { stream, candidate });
        }
    }

    fn refuse(&mut self, id: JobId, why: GatherError, out: &mut Outbox) {
        if let Some(job) = self.jobs.remove(id) {
            tracing::debug!(job = %id, %why, "no candidate");
            let (address, interface) = (job.place.ip, job.interface);
            out.events.push_back(Event::Refused { address, interface, why });
        }
    }

    /// Releases a base, unless a candidate stands on it: whoever answers twice must not lose the first answer.
    fn release(&self, base: BaseId, out: &mut Outbox) {
        let told = self.gathered.iter().any(|(_, candidate)| candidate.base == base);
        if !told && !self.jobs.holds(base) {
            out.release(base);
        }
    }
}
