//! Allocations (RFC 8445 5.1.1.2).

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, CandidateKind, LocalCandidate, address::unscoped};

use crate::{
    AllocateError, Allocated, JobId, ServerError,
    place::Place,
    round::{Base, Round},
    server::{self, Query},
    shared::Shared,
};

impl Round {
    /// What came of an allocation. One success gives two candidates.
    pub(crate) fn allocated(
        &mut self,
        now: Instant,
        job: JobId,
        result: Result<Allocated, AllocateError>,
        shared: &mut Shared,
    ) {
        let Some((base, query)) = self.jobs.query(job) else { return };
        match result {
            Ok(allocated) => self.take_up_relay(now, job, (base, query, allocated), shared),
            Err(why) => self.fail(job, why.into(), shared),
        }
        self.advance(shared);
    }

    fn take_up_relay(
        &mut self,
        now: Instant,
        job: JobId,
        (id, query, allocated): (BaseId, Query, Allocated),
        shared: &mut Shared,
    ) {
        let mapped = allocated.mapped;
        match mapped {
            Some(_) => self.drop_put_off(id, query.address),
            None => self.map_unmapped(id, query, shared),
        }
        let Some(base) = self.bases.get(&id).cloned() else { return };
        let mut told = Vec::new();
        match mapped.map_or(Ok(None), |mapped| self.reflexive(id, query, mapped, shared)) {
            Ok(reflexive) => told.extend(reflexive),
            Err(why) => self.tell_failed(base.component, query.server, id, why, shared),
        }
        match self.relayed((id, &base), query, allocated, shared) {
            Ok(relayed) => told.push(relayed),
            Err(why) => {
                self.tell_failed(base.component, query.server, id, why, shared);
                if !self.bases.contains_key(&allocated.base) {
                    shared.release(allocated.base);
                }
                // Without the allocation nobody refreshes what the NAT has bound for it.
                if let Some(mapped) = mapped.filter(|_| !told.is_empty()) {
                    self.keep_alive(now, id, query, mapped, shared);
                }
            }
        }
        self.hold(job, told);
    }

    /// The relayed candidate, its own base, which is known from now on.
    fn relayed(
        &mut self,
        (through, host): (BaseId, &Base),
        query: Query,
        Allocated { base, relayed, mapped }: Allocated,
        shared: &mut Shared,
    ) -> Result<LocalCandidate, ServerError> {
        server::check_named(relayed, query.address).map_err(ServerError::BadAddress)?;
        if self.bases.contains_key(&base) || self.is_host(relayed) {
            return Err(ServerError::SameAsHost);
        }
        let kind = CandidateKind::Relayed;
        let shows = shared.config.tells(CandidateKind::ServerReflexive);
        let good = |mapped: &SocketAddr| server::check_mapped(*mapped, query.address, host.address).is_ok();
        // Without a NAT it is the host's own address: where that is kept from the peer, this is, too.
        let own = |mapped: &SocketAddr| unscoped(*mapped).ip() == unscoped(host.address).ip();
        let may_tell = |mapped: &SocketAddr| shared.config.host || !own(mapped);
        let related = mapped.filter(|_| shows).filter(good).filter(may_tell);
        let place = Place::of_socket(relayed);
        let candidate = self.of_server(host, query, (kind, relayed, related), place, shared)?;
        let Base { component, place, .. } = *host;
        let new = Base { component, place, address: relayed, through: Some(through), told: false };
        self.bases.insert(base, new);
        Ok(LocalCandidate { candidate, base, base_address: relayed })
    }

    /// RFC 8445 5.1.1.2: whether a host candidate has this address.
    fn is_host(&self, address: SocketAddr) -> bool {
        let mut hosts = self.bases.values().filter(|base| base.through.is_none());
        hosts.any(|host| unscoped(host.address) == unscoped(address))
    }
}
