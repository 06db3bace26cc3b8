//! Servers that are asked from a base, and what they say (RFC 8445 5.1.1.2).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, LocalCandidate, Priority, ServerTransport, Transmit,
    Transport,
    address::{self, scoped, unscoped},
};
use floe_stun::{
    Class, Message, MessageWriter, RetransmitPolicy, TransactionId,
    attribute::{AttributeType, MappedAddress, Software},
    rules::{self, Answer},
};

use crate::{
    AllocateError, Event, GatherConfig, JobId, ServerError, ServerId, Start,
    job::{Job, State, Task},
    place::Place,
    round::{Base, Round},
    server::{self, Method, Query, queries},
    shared::{Asked, Purpose, Shared},
};

/// How long an allocation may take until a STUN server at its address is asked by itself.
const BINDING_AFTER: Duration = Duration::from_secs(1);

/// A header, the longest SOFTWARE (RFC 8489 14.14: 127 characters of up to 4 bytes), and FINGERPRINT.
const REQUEST: usize = 20 + 4 + 508 + 8;

impl Round {
    /// The servers that are to be asked from a new base: each a job of its own.
    pub(crate) fn pair(&mut self, now: Instant, id: BaseId, shared: &mut Shared) {
        let Some(base) = self.bases.get(&id) else { return };
        let (place, component) = (base.place, base.component);
        for server in server::awaited(&shared.config) {
            if let Some(why) = shared.not_found.get(&server).cloned() {
                self.tell_failed(component, server, id, ServerError::Resolve(why), shared);
                continue;
            }
            let state = State::Asked { deadline: Shared::deadline(now, shared.config.resolve_timeout) };
            let task = Task::Resolve { base: id, server };
            self.jobs.insert(shared.next_job(), Job { place, component, task, state });
        }
        for query in queries(&shared.config, place) {
            self.add(id, (place, component), query, shared);
        }
        for server in server::without_udp(&shared.config) {
            self.tell_failed(component, server, id, ServerError::NeedsUdp, shared);
        }
    }

    /// Another server to be asked from this base, if there is room.
    fn add(
        &mut self,
        id: BaseId,
        (place, component): (Place, ComponentId),
        query: Query,
        shared: &mut Shared,
    ) {
        let (yields, max) = (query.yields(&shared.config), shared.config.max_candidates);
        if let Err(why) = address::check_destination(query.address) {
            self.tell_failed(component, query.server, id, ServerError::Address(why), shared);
        } else if self.load(&shared.config) + yields > max {
            self.tell_failed(component, query.server, id, ServerError::TooMany(max), shared);
        } else {
            self.wanted_of_servers += yields;
            self.queue(place, component, Task::Ask { base: id, query }, shared);
        }
    }

    /// The name of a server is resolved, or not: those that wait for it go on.
    pub(crate) fn resolved(&mut self, server: ServerId, shared: &mut Shared) {
        for job in self.jobs.awaiting(server) {
            let Some((base, _)) = self.jobs.resolving(job) else { continue };
            let Some(Job { place, component, .. }) = self.jobs.remove(job) else { continue };
            let query = server::ranked_query(&shared.config, place, server);
            match (shared.not_found.get(&server).cloned(), query) {
                (Some(why), _) => {
                    self.tell_failed(component, server, base, ServerError::Resolve(why), shared);
                }
                (None, Some(query)) => self.add(base, (place, component), query, shared),
                (None, None) if server::without_udp(&shared.config).contains(&server) => {
                    self.tell_failed(component, server, base, ServerError::NeedsUdp, shared);
                }
                (None, None) => {}
            }
        }
    }

    /// What a server has allocated is lost.
    pub(crate) fn renew(&mut self, id: BaseId, server: ServerId, shared: &mut Shared) -> bool {
        let Some(base) = self.bases.get(&id) else { return false };
        let (place, component) = (base.place, base.component);
        let query = server::ranked_query(&shared.config, place, server);
        let Some(query) = query.filter(|query| query.method == Method::Allocate) else { return false };
        self.add(id, (place, component), query, shared);
        true
    }

    /// The name of a server is not resolved in time.
    pub(crate) fn give_up_resolving(&mut self, id: JobId, shared: &mut Shared) {
        let Some((base, server)) = self.jobs.resolving(id) else { return };
        let Some(Job { component, .. }) = self.jobs.remove(id) else { return };
        let why = ServerError::ResolveTimeout(shared.config.resolve_timeout);
        self.tell_failed(component, server, base, why, shared);
    }

    fn queue(&mut self, place: Place, component: ComponentId, task: Task, shared: &mut Shared) {
        self.jobs.insert(shared.next_job(), Job { place, component, task, state: State::Waiting });
    }

    /// The slot of this job has come.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        (job, base, query): (JobId, BaseId, Query),
        policy: RetransmitPolicy,
        shared: &mut Shared,
    ) -> Option<Start> {
        let Base { component, .. } = *self.bases.get(&base)?;
        let (stream, server) = (self.stream, query.server);
        let timeout = self.timeout(base, query, shared);
        self.jobs.set_state(job, State::Asked { deadline: Shared::deadline(now, timeout) });
        match query.method {
            Method::Binding => {
                let asked = Asked { stream, base, server, to: query.address, purpose: Purpose::Gather(job) };
                self.send(now, asked, policy, shared).map(Start::Send)
            }
            Method::Allocate => {
                self.put_off_binding(now, base, query, shared);
                let target = query.target(&shared.config);
                Some(Start::Allocate { job, stream, component, server, target, base })
            }
        }
    }

    /// Where the user has named the address as a STUN server, too, the allocation answers for it; but where that takes long,
    /// nobody waits for it.
    fn put_off_binding(&mut self, now: Instant, base: BaseId, query: Query, shared: &mut Shared) {
        let config = &shared.config;
        let wanted = config.tells(CandidateKind::ServerReflexive)
            && query.transport == ServerTransport::Udp
            && server::is_stun_too(config, query.address)
            && self.jobs.binding(base, query.address).is_none();
        let Some(known) = self.bases.get(&base).filter(|_| wanted) else { return };
        let (place, component) = (known.place, known.component);
        let task = Task::Ask { base, query: Query { method: Method::Binding, ..query } };
        let state = State::PutOff { until: now + BINDING_AFTER };
        self.jobs.insert(shared.next_job(), Job { place, component, task, state });
    }

    /// The allocation has answered for the STUN server at its address.
    pub(crate) fn drop_put_off(&mut self, base: BaseId, to: SocketAddr) {
        let known =
            self.jobs.binding(base, to).map(|(id, job)| (id, matches!(job.state, State::PutOff { .. })));
        if let Some((id, true)) = known {
            self.jobs.remove(id);
        }
    }

    /// How long the answer may take. Where another target can be asked it is not waited for as long as RFC 8489 would.
    fn timeout(&self, base: BaseId, query: Query, shared: &Shared) -> Duration {
        let config = &shared.config;
        let alone = match query.method {
            Method::Binding => config.server_timeout,
            Method::Allocate => config.allocate_timeout,
        };
        match self.next_target(base, query, shared) {
            Some(_) => alone.min(config.next_target_timeout),
            None => alone,
        }
    }

    /// Where else the server can be asked.
    fn next_target(&self, base: BaseId, query: Query, shared: &Shared) -> Option<Query> {
        if server::is_afterthought(&shared.config, query) {
            return None;
        }
        let place = self.bases.get(&base)?.place;
        let next = server::query(&shared.config, place, query.server, query.target + 1)?;
        Some(Query { rank: query.rank, relay_rank: query.relay_rank, ..next })
    }

    /// Opens the transaction of a Binding request.
    pub(crate) fn send(
        &self,
        now: Instant,
        asked: Asked,
        policy: RetransmitPolicy,
        shared: &mut Shared,
    ) -> Option<Transmit> {
        let to = self.destination(&asked)?;
        let id = TransactionId::random(&mut shared.rng);
        let payload = binding_request(id, shared.config.software.as_deref());
        shared.transactions.start(now, id, policy, payload.clone(), asked);
        Some(Transmit { base: asked.base, to, payload })
    }

    /// Where a request went, and where its answer comes from.
    pub(crate) fn destination(&self, asked: &Asked) -> Option<SocketAddr> {
        let base = self.bases.get(&asked.base)?;
        Some(scoped(asked.to, base.address))
    }

    /// A server has answered a Binding request for a candidate, or did not.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        job: JobId,
        result: Result<SocketAddr, ServerError>,
        shared: &mut Shared,
    ) {
        let Some((base, query)) = self.jobs.query(job) else { return };
        match result.and_then(|mapped| Ok((mapped, self.reflexive(base, query, mapped, shared)?))) {
            Ok((mapped, candidate)) => {
                if candidate.is_some() {
                    self.keep_alive(now, base, query, mapped, shared);
                }
                self.hold(job, candidate.into_iter().collect());
            }
            Err(why) => self.fail(job, why, shared),
        }
    }

    /// The job with a server has failed. Another of its targets may do better; and an allocation may be followed by a Binding
    /// request (RFC 8445 5.1.1.2).
    pub(crate) fn fail(&mut self, id: JobId, why: ServerError, shared: &mut Shared) {
        let Some((base, query)) = self.jobs.query(id) else { return };
        let Some(Job { place, component, .. }) = self.jobs.remove(id) else { return };
        shared.silence(|asked| asked.purpose != Purpose::Gather(id));
        let next = self.next_target(base, query, shared).filter(|_| may_go_elsewhere(&why));
        let maps = query.method == Method::Allocate && may_map(&shared.config, query, &why);
        self.tell_failed(component, query.server, base, why, shared);
        if let Some(query) = next {
            self.queue(place, component, Task::Ask { base, query }, shared);
        }
        if query.method == Method::Allocate && !self.resume_binding(base, query.address) && maps {
            self.ask_binding(base, query, shared);
        }
    }

    /// The allocation has not told how the server sees this base. Whether it is asked for that already.
    fn resume_binding(&mut self, base: BaseId, to: SocketAddr) -> bool {
        let known = self.jobs.binding(base, to);
        let is_known = known.is_some();
        if let Some((_, Job { state: state @ State::PutOff { .. }, .. })) = known {
            *state = State::Waiting;
        }
        is_known
    }

    fn ask_binding(&mut self, base: BaseId, query: Query, shared: &mut Shared) {
        let Some(Base { place, component, .. }) = self.bases.get(&base) else { return };
        let task = Task::Ask { base, query: Query { method: Method::Binding, ..query } };
        self.queue(*place, *component, task, shared);
    }

    /// The allocation was made from another port than this base, or its server does not say how it sees the base: a Binding
    /// request tells, over UDP.
    pub(crate) fn map_unmapped(&mut self, base: BaseId, query: Query, shared: &mut Shared) {
        let useful = shared.config.tells(CandidateKind::ServerReflexive);
        let wanted = useful && query.transport == ServerTransport::Udp;
        if wanted && !self.resume_binding(base, query.address) {
            self.ask_binding(base, query, shared);
        }
    }

    /// A server is not done in time.
    pub(crate) fn give_up_server(&mut self, id: JobId, shared: &mut Shared) {
        let Some((base, query)) = self.jobs.query(id) else { return };
        let why = match query.method {
            Method::Binding => ServerError::NoAnswer,
            Method::Allocate => ServerError::AllocateTimeout(self.timeout(base, query, shared)),
        };
        self.fail(id, why, shared);
    }

    pub(crate) fn tell_failed(
        &self,
        component: ComponentId,
        server: ServerId,
        base: BaseId,
        why: ServerError,
        shared: &mut Shared,
    ) {
        let stream = self.stream;
        tracing::debug!(%stream, %component, %server, %base, %why, "a server gives no candidate");
        shared.out.events.push_back(Event::ServerFailed { stream, component, server, base, why });
    }

    /// The server-reflexive candidate of a mapped address; `None` where that tells nothing new.
    pub(crate) fn reflexive(
        &mut self,
        id: BaseId,
        query: Query,
        mapped: SocketAddr,
        shared: &mut Shared,
    ) -> Result<Option<LocalCandidate>, ServerError> {
        let kind = CandidateKind::ServerReflexive;
        let Some(base) = self.bases.get(&id).cloned().filter(|_| shared.config.tells(kind)) else {
            return Ok(None);
        };
        // What a server sees of a connection is no address of this socket.
        if query.transport != ServerTransport::Udp {
            return Ok(None);
        }
        server::check_mapped(mapped, query.address, base.address).map_err(ServerError::BadAddress)?;
        // RFC 8445 5.1.3: without a NAT it is the host candidate. Where that is kept from the peer, this is, too.
        if unscoped(mapped) == unscoped(base.address) || self.knows(id, mapped) {
            return Ok(None);
        }
        let related = shared.config.host.then_some(base.address);
        let candidate = self.of_server(&base, query, (kind, mapped, related), base.place, shared)?;
        Ok(Some(LocalCandidate { candidate, base: id, base_address: base.address }))
    }

    /// Whether a candidate of this base has this address.
    fn knows(&self, base: BaseId, address: SocketAddr) -> bool {
        let address = Some(unscoped(address));
        let mut known = self.gathered.iter().chain(self.jobs.held());
        known.any(|known| known.base == base && known.candidate.socket_addr() == address)
    }

    /// A candidate that a server gave. `foundation_of` is the address of its base.
    pub(crate) fn of_server(
        &mut self,
        base: &Base,
        query: Query,
        (kind, address, related): (CandidateKind, SocketAddr, Option<SocketAddr>),
        foundation_of: Place,
        shared: &mut Shared,
    ) -> Result<Candidate, ServerError> {
        let too_many = ServerError::TooMany(shared.config.max_candidates);
        let host = shared.ledger.places.get(&base.place).map_or(u16::MAX, |taken| taken.preference);
        let source = self.next_source(base.component, (kind, base.place, query.server));
        let rank = if kind == CandidateKind::Relayed { query.relay_rank } else { query.rank };
        let local = shared.ledger.servers.of(source, host, rank).ok_or(too_many)?;
        let preference = shared.config.type_preferences.of(kind);
        let transport = Transport::Udp;
        let server = Some(query.address.ip());
        let candidate = Candidate::builder(kind, transport, address)
            .component(base.component)
            .priority(Priority::new(preference, local, base.component))
            .foundation(shared.foundations.of(kind, foundation_of, server, transport))
            .related(related.unwrap_or_else(|| hidden(address.ip())))
            .build()
            .expect("invariant: it has a related address and no extension");
        Ok(candidate)
    }
}

/// Whether another target of the server may give what this one did not.
fn may_go_elsewhere(why: &ServerError) -> bool {
    !matches!(why, ServerError::Allocate(why) if why.is_about_credentials())
}

/// Whether a Binding request is worth while after an allocation that failed.
fn may_map(config: &GatherConfig, query: Query, why: &ServerError) -> bool {
    let has_capacity = *why != ServerError::Allocate(AllocateError::Capacity);
    let silent =
        matches!(why, ServerError::AllocateTimeout(_) | ServerError::Allocate(AllocateError::Silent));
    let may = !has_capacity || (!silent && server::is_stun_too(config, query.address));
    may && query.transport == ServerTransport::Udp && config.tells(CandidateKind::ServerReflexive)
}

/// The related address that tells nothing (RFC 8839 5.1): unspecified, with the port of the discard service.
const fn hidden(like: IpAddr) -> SocketAddr {
    let ip = match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 9)
}

/// A Binding request without credentials: what a STUN server wants (RFC 8445 5.1.1.2).
fn binding_request(id: TransactionId, software: Option<&str>) -> Bytes {
    let mut buffer = [0; REQUEST];
    let software = software.map(Software::new);
    let length = MessageWriter::new(&mut buffer, Class::Request, floe_stun::Method::BINDING, id)
        .and_then(|writer| writer.optional(software.as_ref()))
        .and_then(MessageWriter::fingerprint)
        .map_or(0, MessageWriter::finish);
    debug_assert!(length > 0, "the longest SOFTWARE fits, or none was sent");
    Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default())
}

/// What the response of a server says. A server of RFC 3489 knows MAPPED-ADDRESS only (RFC 8489 11).
pub(crate) fn read_mapped(response: &Message<'_>) -> Result<SocketAddr, ServerError> {
    match rules::read_response(response, AttributeType::ICE) {
        Ok(Answer::Success) => {}
        Ok(Answer::Error(error)) => return Err(ServerError::Refused(error.code())),
        Err(_) => return Err(ServerError::BadAnswer("it breaks the rules of STUN")),
    }
    let malformed = |_| ServerError::BadAnswer("its address is malformed");
    let mapped = match rules::mapped_address(response).map_err(malformed)? {
        Some(mapped) => Some(mapped),
        None => response.attribute::<MappedAddress>().map_err(malformed)?.map(|MappedAddress(mapped)| mapped),
    };
    mapped.ok_or(ServerError::BadAnswer("it names no address"))
}
