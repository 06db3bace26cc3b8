//! The gatherer.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{
    BaseId, ComponentId, Generation, Interface, Nat64Prefix, Received, ServerTransport, StreamId, Transmit,
    address::unscoped,
};
use floe_stun::{Due, Message, Method, RetransmitPolicy};
use rand::rngs::ChaCha20Rng;

use crate::{
    Action, AllocateError, Allocated, Event, GatherConfig, JobId, ServerError, ServerId, Start, Target,
    ask::read_mapped,
    filter::Shields,
    job::{Job, State, Task},
    place::Place,
    review::Refused,
    round::{Base, Round},
    server::Query,
    shared::{Asked, Ledger, Purpose, Shared},
};

/// Gathers the candidates of all streams of an agent, for each stream one generation after the other.
///
/// Four kinds of methods:
/// - commands: [`start`](Self::start) begins a generation, [`finish`](Self::finish) says that nothing is to be kept alive
///   any more, [`forget`](Self::forget) that a base is closed, [`set_ta`](Self::set_ta) how fast the pace is;
/// - what came in: [`update_interfaces`](Self::update_interfaces), [`bound`](Self::bound),
///   [`allocated`](Self::allocated), [`handle`](Self::handle), [`handle_timeout`](Self::handle_timeout);
/// - what goes out: [`poll_action`](Self::poll_action), [`poll_event`](Self::poll_event),
///   [`poll_transmit`](Self::poll_transmit), and [`start_next`](Self::start_next), once in a slot of the pace;
/// - getters.
///
/// Call order: `start` and `update_interfaces` in either order; after each call drain the three polls, carry the actions
/// out and answer each. Call `start_next` whenever a slot is free and [`has_next`](Self::has_next) says so, and
/// `handle_timeout` when [`poll_timeout`](Self::poll_timeout) has come. Any call may move `poll_timeout`. `now` never
/// goes back.
///
/// Every job has its own deadline, and a candidate is told as soon as it is there: a slow or failing socket or server
/// holds up no other. Only within one address, server and stream does a component wait for the lower ones (RFC 8838 17),
/// and no longer than until their deadline. What waits for a slot has no deadline: that is up to the caller.
#[derive(Debug)]
pub struct Gatherer {
    pub(crate) shared: Shared,
    /// The latest list; `None` before the first.
    pub(crate) interfaces: Option<Vec<Interface>>,
    pub(crate) rounds: BTreeMap<StreamId, Round>,
    /// Bases of generations before that were told of, and may still be in use (RFC 8445 9).
    pub(crate) former: Vec<(StreamId, BaseId, Base)>,
    /// What was last told of addresses that are refused.
    pub(crate) refused: Refused,
    /// The addresses that came after the end of some stream.
    pub(crate) appeared: BTreeSet<Place>,
    pub(crate) shields: Shields,
}

impl Gatherer {
    /// One that has nothing to do yet. `rng` makes the transaction ids: seed it from the system, where it counts.
    #[must_use]
    pub fn new(config: GatherConfig, rng: ChaCha20Rng) -> Self {
        Self {
            shared: Shared::new(config, rng),
            interfaces: None,
            rounds: BTreeMap::new(),
            former: Vec::new(),
            refused: Refused::new(),
            appeared: BTreeSet::new(),
            shields: Shields::default(),
        }
    }

    /// Begins a generation for the streams of these components. Streams that are not named go on with theirs.
    ///
    /// What is still unfinished of the generation before is dropped and gets no end of candidates; bases that nobody
    /// was told of are released. Candidates that were told of, and their bases, belong to the caller. Sockets are asked
    /// for anew on every usable address; the answer may be the base that this stream and component has there already.
    ///
    /// Foundations stay what they were, as do local preferences while another stream goes on with them. Where all
    /// streams begin anew, preferences are given out afresh: the same addresses get the same ones again.
    pub fn start(&mut self, now: Instant, generation: Generation, components: &[(StreamId, ComponentId)]) {
        let mut streams = BTreeMap::<StreamId, BTreeSet<ComponentId>>::new();
        for &(stream, component) in components {
            streams.entry(stream).or_default().insert(component);
        }
        for stream in streams.keys() {
            self.abandon(*stream);
        }
        if self.rounds.is_empty() {
            self.shared.ledger = Ledger::default();
            self.shields = Shields::default();
            self.appeared.clear();
        }
        self.refused.clear();
        self.shared.not_found.clear();
        let begin = |(stream, components)| (stream, Round::new(stream, generation, components));
        self.rounds.extend(streams.into_iter().map(begin));
        self.review(now);
    }

    fn abandon(&mut self, stream: StreamId) {
        let Some(round) = self.rounds.remove(&stream) else { return };
        for (id, base) in round.abandon(&mut self.shared) {
            self.former.retain(|(_, known, _)| *known != id);
            self.former.push((stream, id, base));
        }
    }

    /// The pacing interval (RFC 8445 14.2); here it only scales timeouts (14.3), the caller keeps the pace. 50 ms at
    /// first.
    pub fn set_ta(&mut self, ta: Duration) {
        self.shared.ta = ta;
    }

    /// Sets [`GatherConfig::nat64`]: bases that are new from now on are asked from accordingly.
    pub fn set_nat64(&mut self, prefix: Option<Nat64Prefix>) {
        self.shared.config.nat64 = prefix;
    }

    /// ICE has finished for this stream (RFC 8445 8.3): its bindings are not kept alive any more, until it starts again.
    pub fn finish(&mut self, stream: StreamId) {
        if let Some(round) = self.rounds.get_mut(&stream) {
            round.finish(&mut self.shared);
        }
    }

    /// Says which interfaces and addresses the host has now. The first list after [`start`](Self::start), or one that
    /// came before it, begins the gathering.
    ///
    /// A list that changes nothing does nothing. A new address is gathered for the streams that have not come to their
    /// end of candidates, and [announced](Event::Appeared) for the others; the candidates of an address that is gone are
    /// [reported](Event::Vanished). An address that is only deprecated by now, or whose interface is down for a while,
    /// is not gone.
    pub fn update_interfaces(&mut self, now: Instant, interfaces: &[Interface]) {
        self.interfaces = Some(interfaces.to_vec());
        self.review(now);
    }

    /// What came of an [`Action::Bind`]: the base and the address with the port that it got, or what the system said.
    /// A socket that nobody waits for any more is released.
    pub fn bound(&mut self, now: Instant, job: JobId, result: Result<(BaseId, SocketAddr), String>) {
        // Whether an answer at the last moment counts must not hang on which call comes first.
        self.handle_timeout(now);
        let waits = |round: &&mut Round| round.jobs.asked(job).is_some_and(Job::is_asked_bind);
        match self.rounds.values_mut().find(waits) {
            Some(round) => round.bound(now, job, result, &mut self.shared),
            None => self.refuse_late(job, result.ok().map(|(base, _)| base)),
        }
    }

    /// What came of a [`Start::Allocate`]. An allocation that nobody waits for any more is released.
    pub fn allocated(&mut self, now: Instant, job: JobId, result: Result<Allocated, AllocateError>) {
        self.handle_timeout(now);
        let allocates = |(_, query): (BaseId, Query)| query.method == crate::server::Method::Allocate;
        let waits = |round: &&mut Round| round.jobs.query(job).is_some_and(allocates);
        match self.rounds.values_mut().find(waits) {
            Some(round) => round.allocated(now, job, result, &mut self.shared),
            None => self.refuse_late(job, result.ok().map(|allocated| allocated.base)),
        }
    }

    /// Whether an answer to this job is still waited for: whoever is about to ask can do without if not.
    #[must_use]
    pub fn waits_for(&self, job: JobId) -> bool {
        self.rounds.values().any(|round| round.jobs.asked(job).is_some())
    }

    /// Where a server is, or why that could not be found out: for one that was [unresolved](crate::Server::unresolved). It
    /// is asked from every base that waits for it. A later answer takes the place of an earlier one for bases to come.
    pub fn resolved(&mut self, now: Instant, server: ServerId, result: Result<Vec<Target>, String>) {
        self.handle_timeout(now);
        let known =
            usize::try_from(server.0).ok().and_then(|index| self.shared.config.servers.get_mut(index));
        let Some(known) = known else { return };
        match result {
            Ok(targets) => {
                known.targets = Some(targets);
                self.shared.not_found.remove(&server);
            }
            Err(why) => {
                self.shared.not_found.insert(server, why);
            }
        }
        for round in self.rounds.values_mut() {
            round.resolved(server, &mut self.shared);
            round.advance(&mut self.shared);
        }
    }

    /// What this server has allocated to this base is lost: it is asked for anew, also after the end of candidates. Whether it
    /// is: not where the base or the server is not of this generation.
    ///
    /// What comes of it is told as ever, and after the end of candidates as [`Event::Renewed`]: a candidate that is not to
    /// be signalled.
    pub fn renew(&mut self, now: Instant, base: BaseId, server: ServerId) -> bool {
        self.handle_timeout(now);
        if self.is_asking(base, server) {
            return true;
        }
        let round = self.rounds.values_mut().find(|round| round.bases.contains_key(&base));
        round.is_some_and(|round| round.renew(base, server, &mut self.shared))
    }

    /// Whether this server has still to allocate to this base.
    #[must_use]
    pub fn is_asking(&self, base: BaseId, server: ServerId) -> bool {
        let asks = |(_, job): (JobId, &Job)| match job.task {
            Task::Ask { base: from, query } => {
                let same = (from, query.server) == (base, server);
                same && query.method == crate::server::Method::Allocate
                    && !matches!(job.state, State::Held(_))
            }
            Task::Bind { .. } | Task::Resolve { .. } => false,
        };
        self.rounds.values().flat_map(|round| round.jobs.iter()).any(asks)
    }

    fn refuse_late(&mut self, job: JobId, base: Option<BaseId>) {
        tracing::debug!(%job, "an answer came too late");
        // Whoever answers twice must not lose the first answer.
        let Some(base) =
            base.filter(|base| !self.rounds.values().any(|round| round.bases.contains_key(base)))
        else {
            return;
        };
        self.shared.release(base);
    }

    /// A datagram from a base: whether it answers a request of this gatherer, and so is nobody else's.
    ///
    /// That it does only the transaction id and both addresses can say, since a STUN server has no credentials: whoever
    /// saw the request can answer it, and gain no more than a candidate that leads nowhere.
    pub fn handle(&mut self, now: Instant, received: Received<'_>) -> bool {
        let Ok(message) = Message::parse(received.payload) else { return false };
        if !message.class().is_response() || message.method() != Method::BINDING {
            return false;
        }
        let id = message.transaction_id();
        let Some(asked) = self.shared.transactions.get(id).map(|open| *open.key()) else { return false };
        let from = self.destination(&asked).map(unscoped);
        if asked.base != received.base || from != Some(unscoped(received.from)) {
            return false;
        }
        self.handle_timeout(now);
        if self.shared.transactions.complete(id).is_some() {
            self.answered(now, asked, read_mapped(&message));
        }
        true
    }

    fn answered(&mut self, now: Instant, asked: Asked, result: Result<SocketAddr, ServerError>) {
        let Some(round) = self.rounds.get_mut(&asked.stream) else { return };
        match asked.purpose {
            Purpose::Gather(job) => round.answered(now, job, result, &mut self.shared),
            Purpose::Keep => round.refreshed(now, (asked.base, asked.server), result, &mut self.shared),
        }
        round.advance(&mut self.shared);
    }

    fn destination(&self, asked: &Asked) -> Option<SocketAddr> {
        self.rounds.get(&asked.stream)?.destination(asked)
    }

    /// A base was closed: no event names it from now on, and nothing is sent from it. What was allocated through it is
    /// another base.
    pub fn forget(&mut self, base: BaseId) {
        self.shared.told.remove(&base);
        self.former.retain(|(_, former, _)| *former != base);
        self.shared.out.events.retain(|event| match event {
            Event::Candidate { candidate, .. } | Event::Renewed { candidate, .. } => candidate.base != base,
            Event::Vanished { base: gone, .. } | Event::ServerFailed { base: gone, .. } => *gone != base,
            _ => true,
        });
        for round in self.rounds.values_mut() {
            if round.drop_base(base, &mut self.shared).is_some() {
                round.advance(&mut self.shared);
            }
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.shared.out.actions.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.shared.out.events.pop_front()?;
        if let Event::Candidate { stream, candidate, .. } | Event::Renewed { stream, candidate } = &event {
            let base = self.rounds.get(stream).and_then(|round| round.bases.get(&candidate.base));
            self.shared.told.extend(base.and_then(|base| base.through));
            self.shared.told.insert(candidate.base);
        }
        Some(event)
    }

    /// The next retransmission. They are not paced (RFC 8445 14.2).
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.shared.out.transmits.pop_front()
    }

    /// Whether [`start_next`](Self::start_next) has something. What becomes due later does so in
    /// [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.next_job().is_some() || self.rounds.values().any(Round::has_refresh)
    }

    /// What the slot of now is spent on: one new transaction, or one new allocation.
    ///
    /// Every base gets its first server before any gets its second; bases go in order of preference. Requests that
    /// keep bindings alive come last.
    pub fn start_next(&mut self, now: Instant) -> Option<Start> {
        self.handle_timeout(now);
        let policy = RetransmitPolicy::default().rto(self.rto());
        if let Some((stream, next)) = self.next_job() {
            return self.rounds.get_mut(&stream)?.begin(now, next, policy, &mut self.shared);
        }
        let round = self.rounds.values_mut().find(|round| round.has_refresh())?;
        round.refresh_next(now, policy, &mut self.shared).map(Start::Send)
    }

    /// Whether what is next is an allocation over a connection, which takes no slot before that is there.
    #[must_use]
    pub fn needs_connection(&self) -> bool {
        self.next_job().is_some_and(|(_, (_, _, query))| !is_plain(&query))
    }

    /// Whether what it has is for later, once nothing else wants a slot: a server that is not reached over plain UDP is for
    /// where that does not work.
    #[must_use]
    pub fn is_next_for_later(&self) -> bool {
        let plain = |(_, (_, _, query)): (StreamId, (JobId, BaseId, Query))| is_plain(&query);
        !self.next_job().is_some_and(plain)
    }

    fn next_job(&self) -> Option<(StreamId, (JobId, BaseId, Query))> {
        let unanswered = self.unanswered();
        let most = self.shared.config.max_unanswered.max(1);
        let is_full = |query: Query| unanswered.get(&query.address).is_some_and(|&count| count >= most);
        let waiting = self.rounds.values().flat_map(|round| {
            let waiting = round.jobs.iter().filter(|(_, job)| matches!(job.state, State::Waiting));
            waiting.map(move |(id, job)| (round.stream, id, job))
        });
        let asks = waiting.filter_map(|(stream, id, job)| match job.task {
            // RFC 8489 6.2: a server that answers nothing is not flooded.
            Task::Ask { query, .. } if is_full(query) => None,
            Task::Ask { base, query } => Some((stream, id, job, (base, query))),
            Task::Bind { .. } | Task::Resolve { .. } => None,
        });
        let order = |&(stream, id, job, (_, query)): &(StreamId, JobId, &Job, (BaseId, Query))| {
            let preference = self.shared.ledger.places.get(&job.place).map(|taken| taken.preference);
            (!is_plain(&query), query.rank, Reverse(preference), stream, job.component, id)
        };
        let (stream, id, _, (base, query)) = asks.min_by_key(order)?;
        Some((stream, (id, base, query)))
    }

    /// How many requests to each server wait for their answer.
    fn unanswered(&self) -> BTreeMap<SocketAddr, usize> {
        let mut unanswered = BTreeMap::new();
        for (_, job) in self.rounds.values().flat_map(|round| round.jobs.iter()) {
            if let (Task::Ask { query, .. }, State::Asked { .. }) = (&job.task, &job.state) {
                *unanswered.entry(query.address).or_default() += 1;
            }
        }
        unanswered
    }

    /// RFC 8445 14.3.
    fn rto(&self) -> Duration {
        let gathering = self.rounds.values().filter(|round| !round.ended);
        let candidates: usize = gathering.map(|round| round.server_candidates(&self.shared.config)).sum();
        self.shared.ta.saturating_mul(u32::try_from(candidates).unwrap_or(u32::MAX))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called: the earliest deadline of a job, the next
    /// retransmission, or the next request that keeps a binding alive.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of_rounds = self
            .rounds
            .values()
            .flat_map(|round| [round.jobs.deadline(), round.jobs.next_wake(), round.keepalive_due()]);
        of_rounds.chain([self.shared.transactions.poll_timeout()]).flatten().min()
    }

    /// Gives up the jobs whose deadline has come, and sends again what is not answered.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.shared.transactions.poll(now) {
            match due {
                Due::Resend { key, datagram, .. } => {
                    let resent = |to| Transmit { base: key.base, to, payload: datagram };
                    self.shared.out.transmits.extend(self.destination(&key).map(resent));
                }
                Due::TimedOut { key, .. } => self.answered(now, key, Err(ServerError::NoAnswer)),
            }
        }
        for round in self.rounds.values_mut() {
            for id in round.jobs.due(now) {
                round.give_up_bind(id, &mut self.shared);
                round.give_up_resolving(id, &mut self.shared);
                round.give_up_server(id, &mut self.shared);
            }
            round.jobs.wake(now);
            round.wake_bindings(now);
            round.advance(&mut self.shared);
        }
    }

    /// Whether a generation of some stream has begun and not come to its end of candidates.
    #[must_use]
    pub fn is_gathering(&self) -> bool {
        self.rounds.values().any(|round| !round.ended)
    }

    /// Whether the generation of this stream has begun and not come to its end of candidates.
    #[must_use]
    pub fn is_gathering_for(&self, stream: StreamId) -> bool {
        self.rounds.get(&stream).is_some_and(|round| !round.ended)
    }
}

fn is_plain(query: &Query) -> bool {
    query.transport == ServerTransport::Udp
}
