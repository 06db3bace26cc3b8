//! The check set: its state, and the commands that fill it.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::SocketAddr,
    time::Instant,
};

use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, Credentials, LocalCandidate, Nat64Prefix, Role, StreamId,
    TieBreaker, Transmit, address,
};
use floe_stun::Transactions;
use rand::rngs::ChaCha20Rng;

use crate::{
    AddLocalError, AddRemoteError, AddedRemote, CheckConfig, Counters, Event, ListState, RemoteParameters,
    SetRemoteError,
    budget::ErrorBudget,
    candidates::{Locals, Remote as RemoteCandidate, Remotes},
    consent::Consents,
    list::{CheckList, Patience, Remote},
    queue::Queue,
    schedule::Check,
    table::PairTable,
    warm::Warm,
};

/// Longer than anybody waits, and short enough to be added to any time.
const MAX_PATIENCE: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 60 * 60);

/// The checks of a session: one check list for each stream (RFC 8445 6.1.2).
///
/// Four kinds of method, as with every sans-IO type here:
/// - commands fill it and steer it: [`add_stream`](Self::add_stream), [`add_local`](Self::add_local),
///   [`set_remote`](Self::set_remote), [`add_remote`](Self::add_remote), [`apply`](Self::apply), ...
/// - `handle*` takes what came in: [`handle`](Self::handle), [`handle_timeout`](Self::handle_timeout);
/// - [`start_next`](Self::start_next) and `poll_*` give what goes out: after any other call poll until `None`;
/// - the rest only look.
///
/// `now` never goes back. [`poll_timeout`](Self::poll_timeout) moves with every call but the ones that only look.
pub struct CheckSet {
    pub(crate) config: CheckConfig,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) role: Role,
    pub(crate) tie_breaker: TieBreaker,
    /// How often a conflict has changed the role.
    pub(crate) role_changes: u32,
    pub(crate) lists: BTreeMap<StreamId, CheckList>,
    pub(crate) locals: Locals,
    /// The prefixes of bases behind a NAT64.
    pub(crate) nat64: BTreeMap<BaseId, Nat64Prefix>,
    pub(crate) remotes: Remotes,
    pub(crate) pairs: PairTable,
    pub(crate) transactions: Transactions<Check>,
    /// Pairs whose nominating check is to be sent.
    pub(crate) nominations: Queue,
    pub(crate) consents: Consents,
    pub(crate) warm: Warm,
    /// The value of the latest NOMINATION that was sent.
    pub(crate) nomination: u32,
    /// The list whose turn was last (RFC 8445 6.1.4.2).
    pub(crate) last_turn: Option<StreamId>,
    pub(crate) out: Out,
}

/// What waits to be polled, and what was counted.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) events: VecDeque<Event>,
    pub(crate) transmits: VecDeque<Transmit>,
    pub(crate) counters: Counters,
    pub(crate) errors: ErrorBudget,
}

impl CheckSet {
    /// An empty set. The generator makes transaction ids and tie-breakers: seed it from the system's.
    #[must_use]
    pub fn new(config: CheckConfig, mut rng: ChaCha20Rng) -> Self {
        Self {
            role: config.role,
            tie_breaker: TieBreaker::random(&mut rng),
            role_changes: 0,
            config,
            rng,
            lists: BTreeMap::new(),
            locals: Locals::default(),
            nat64: BTreeMap::new(),
            remotes: Remotes::default(),
            pairs: PairTable::default(),
            transactions: Transactions::new(),
            nominations: Queue::default(),
            consents: Consents::default(),
            warm: Warm::default(),
            nomination: 0,
            last_turn: None,
            out: Out::default(),
        }
    }

    /// A stream with these components and these own credentials. One that is there already stays as it is.
    pub fn add_stream(&mut self, stream: StreamId, components: &[ComponentId], local: Credentials) {
        self.lists.entry(stream).or_insert_with(|| CheckList::new(components, local));
    }

    /// A candidate of this agent, to be given only after it was handed to signalling (RFC 8838 10). One whose address
    /// and base are known changes nothing.
    ///
    /// # Errors
    /// See [`AddLocalError`]; nothing has changed then.
    pub fn add_local(
        &mut self,
        now: Instant,
        stream: StreamId,
        local: LocalCandidate,
    ) -> Result<(), AddLocalError> {
        if self.lists.get(&stream).is_some_and(|list| list.local_ended) {
            return Err(AddLocalError::Ended);
        }
        self.add_late(now, stream, local)
    }

    /// The same after the end of local candidates: the peer is not told of it, and learns it from the checks (RFC 8445
    /// 7.3.1.3). For what takes the place of a base that was lost.
    ///
    /// # Errors
    /// See [`AddLocalError`]; nothing has changed then.
    pub fn add_late(
        &mut self,
        now: Instant,
        stream: StreamId,
        local: LocalCandidate,
    ) -> Result<(), AddLocalError> {
        let component = local.candidate.component();
        self.check_local(stream, &local)?;
        if self.locals.has(stream, &local) {
            return Ok(());
        }
        let is_base = matches!(local.candidate.kind(), CandidateKind::Host | CandidateKind::Relayed);
        match self.locals.base(local.base) {
            Some(base) if is_base && base.offered => return Err(AddLocalError::BaseTaken),
            Some(base) if (base.stream, base.component) == (stream, component) => {}
            Some(_) if is_base => return Err(AddLocalError::BaseTaken),
            _ if is_base => {}
            _ => return Err(AddLocalError::UnknownBase),
        }
        let (base, id) = (local.base, self.locals.insert(stream, local));
        self.pair_local(now, id);
        if !is_base {
            self.retry_from(now, base);
        }
        self.out.events.push_back(Event::Changed { stream, component });
        Ok(())
    }

    fn check_local(&self, stream: StreamId, local: &LocalCandidate) -> Result<(), AddLocalError> {
        let list = self.lists.get(&stream).ok_or(AddLocalError::UnknownStream(stream))?;
        let component = local.candidate.component();
        if !list.components.contains_key(&component) {
            return Err(AddLocalError::UnknownComponent(stream, component.get()));
        }
        local.candidate.socket_addr().map(|_| ()).ok_or(AddLocalError::NoAddress)
    }

    /// No more local candidates come for this stream.
    pub fn end_of_local(&mut self, now: Instant, stream: StreamId) {
        if let Some(list) = self.lists.get_mut(&stream) {
            list.local_ended = true;
            self.tell_changed(stream);
            self.update_list(now, stream);
        }
    }

    /// The peer's description of a stream: from now on pairs are checked. Giving the same credentials again changes
    /// nothing.
    ///
    /// # Errors
    /// See [`SetRemoteError`]; nothing has changed then.
    pub fn set_remote(
        &mut self,
        now: Instant,
        stream: StreamId,
        remote: RemoteParameters,
    ) -> Result<(), SetRemoteError> {
        let list = self.lists.get_mut(&stream).ok_or(SetRemoteError::UnknownStream(stream))?;
        if let Some(known) = &list.remote {
            let same = known.credentials == remote.credentials;
            return if same { Ok(()) } else { Err(SetRemoteError::AlreadySet(stream)) };
        }
        let highest = remote.components.unwrap_or(u16::MAX);
        if !list.components.keys().any(|component| component.get() <= highest) {
            return Err(SetRemoteError::NoComponent(stream));
        }
        list.components.retain(|component, _| component.get() <= highest);
        list.remote = Some(Remote::new(remote.credentials, &list.local));
        // RFC 8863 4: both sides' credentials are known, patience begins.
        list.patience = Patience::Until(now + self.config.patience.min(MAX_PATIENCE));
        self.pair_stream(now, stream);
        self.follow_up_early(now, stream);
        self.tell_changed(stream);
        Ok(())
    }

    /// A candidate of the peer, before or after its description.
    ///
    /// # Errors
    /// See [`AddRemoteError`]; nothing has changed then.
    pub fn add_remote(
        &mut self,
        now: Instant,
        stream: StreamId,
        candidate: Candidate,
    ) -> Result<AddedRemote, AddRemoteError> {
        let address = self.check_remote(stream, &candidate)?;
        let component = candidate.component();
        let known = self.remotes.find(stream, component, candidate.transport(), address);
        let signalled = known.and_then(|known| self.remotes.get(known)).is_some_and(|known| known.signalled);
        if !signalled && self.remotes.count(stream, true) >= self.config.max_remote_candidates {
            return Err(AddRemoteError::TooMany(self.config.max_remote_candidates));
        }
        if let Some(known) = known {
            return Ok(self.add_known_remote(now, known, candidate));
        }
        let id = self.remotes.insert(RemoteCandidate { stream, candidate, address, signalled: true });
        self.pair_remote(now, id);
        self.out.events.push_back(Event::Changed { stream, component });
        Ok(AddedRemote::New)
    }

    fn check_remote(&self, stream: StreamId, candidate: &Candidate) -> Result<SocketAddr, AddRemoteError> {
        let list = self.lists.get(&stream).ok_or(AddRemoteError::UnknownStream(stream))?;
        let component = candidate.component();
        if !list.components.contains_key(&component) {
            return Err(AddRemoteError::UnknownComponent(stream, component.get()));
        }
        if list.remote_ended {
            return Err(AddRemoteError::Ended);
        }
        let address = address::unscoped(candidate.socket_addr().ok_or(AddRemoteError::NoAddress)?);
        match address::check_destination(address) {
            // RFC 6544 4.5: an active TCP candidate has no port anybody sends to.
            Err(address::Unusable::PortZero) | Ok(()) if is_active(candidate) => Ok(address),
            Ok(()) => Ok(address),
            Err(why) => Err(AddRemoteError::Unusable(why)),
        }
    }

    /// The peer has no more candidates for this stream (RFC 8838 14).
    pub fn end_of_remote(&mut self, now: Instant, stream: StreamId) {
        if let Some(list) = self.lists.get_mut(&stream) {
            list.remote_ended = true;
            self.tell_changed(stream);
            self.update_list(now, stream);
        }
    }

    /// The pacing interval that both sides agreed on (RFC 8445 14.2): timeouts and estimates follow it.
    pub fn set_ta(&mut self, ta: std::time::Duration) {
        self.config.ta = ta;
    }

    /// What leaves this base gets this prefix put before IPv4 addresses, and loses it when it comes in (RFC 6052), so that
    /// an IPv6 base pairs with the IPv4 candidates that its NAT64 leads to. Whoever sends does so, until the base is closed.
    /// Say it before the first candidate of the base is given.
    pub fn set_nat64(&mut self, base: BaseId, prefix: Nat64Prefix) {
        self.nat64.insert(base, prefix);
    }

    /// The role now.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The state of a stream's check list.
    #[must_use]
    pub fn list_state(&self, stream: StreamId) -> Option<ListState> {
        self.lists.get(&stream).map(|list| list.state)
    }

    /// The components of a stream: those that both sides have, once the peer's number of them is known.
    pub fn components(&self, stream: StreamId) -> impl Iterator<Item = ComponentId> + '_ {
        self.lists.get(&stream).into_iter().flat_map(|list| list.components.keys().copied())
    }

    /// Something happened; poll until `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// Whether [`poll_event`](Self::poll_event) has something.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.out.events.is_empty()
    }

    /// Answers and retransmissions, which no pace holds back; poll until `None`.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.transmits.pop_front()
    }

    /// What was seen and not used.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.out.counters
    }

    pub(crate) fn tell_changed(&mut self, stream: StreamId) {
        let Some(list) = self.lists.get(&stream) else { return };
        let events = list.components.keys().map(|&component| Event::Changed { stream, component });
        self.out.events.extend(events);
    }
}

impl fmt::Debug for CheckSet {
    /// Shows where it stands, and no address: [`snapshot`](CheckSet::snapshot) shows all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckSet")
            .field("role", &self.role)
            .field("lists", &self.lists.iter().map(|(id, list)| (id, list.state)).collect::<Vec<_>>())
            .field("pairs", &self.pairs.iter().count())
            .finish_non_exhaustive()
    }
}

fn is_active(candidate: &Candidate) -> bool {
    candidate.transport() == floe_core::Transport::Tcp(floe_core::TcpType::Active)
}
