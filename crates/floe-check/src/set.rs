//! The check set: its state, and the commands that fill it.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Instant,
};

use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, Credentials, LocalCandidate, PairId, Role, StreamId,
    TieBreaker, Transmit, address,
};
use floe_stun::Transactions;
use rand::rngs::ChaCha20Rng;

use crate::{
    AddLocalError, AddRemoteError, AddedRemote, CheckConfig, Counters, Event, ListState, RemoteParameters,
    SetRemoteError,
    budget::ErrorBudget,
    candidates::{Locals, Remote as RemoteCandidate, Remotes},
    list::{CheckList, Patience, Remote},
    schedule::Check,
    table::PairTable,
};

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
#[derive(Debug)]
pub struct CheckSet {
    pub(crate) config: CheckConfig,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) role: Role,
    pub(crate) tie_breaker: TieBreaker,
    pub(crate) lists: BTreeMap<StreamId, CheckList>,
    pub(crate) locals: Locals,
    pub(crate) remotes: Remotes,
    pub(crate) pairs: PairTable,
    pub(crate) transactions: Transactions<Check>,
    /// Pairs whose nominating check is to be sent.
    pub(crate) nominations: VecDeque<PairId>,
    /// The list whose turn was last (RFC 8445 6.1.4.2).
    pub(crate) last_turn: Option<StreamId>,
    /// Who has proven to know our password, by base and address: their data is taken.
    pub(crate) authenticated: BTreeMap<(BaseId, SocketAddr), (StreamId, ComponentId)>,
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
            config,
            rng,
            lists: BTreeMap::new(),
            locals: Locals::default(),
            remotes: Remotes::default(),
            pairs: PairTable::default(),
            transactions: Transactions::new(),
            nominations: VecDeque::new(),
            last_turn: None,
            authenticated: BTreeMap::new(),
            out: Out::default(),
        }
    }

    /// A stream with these components and these own credentials. One that is there already stays as it is.
    pub fn add_stream(&mut self, stream: StreamId, components: &[ComponentId], local: Credentials) {
        self.lists.entry(stream).or_insert_with(|| CheckList::new(components, local));
    }

    /// A candidate of this agent, to be given only after it was handed to signalling (RFC 8838 10).
    ///
    /// # Errors
    /// See [`AddLocalError`]; nothing has changed then.
    pub fn add_local(
        &mut self,
        now: Instant,
        stream: StreamId,
        local: LocalCandidate,
    ) -> Result<(), AddLocalError> {
        let list = self.lists.get(&stream).ok_or(AddLocalError::UnknownStream(stream))?;
        let component = local.candidate.component();
        if !list.components.contains_key(&component) {
            return Err(AddLocalError::UnknownComponent(stream, component.get()));
        }
        if list.local_ended {
            return Err(AddLocalError::Ended);
        }
        if local.candidate.socket_addr().is_none() {
            return Err(AddLocalError::NoAddress);
        }
        let base_kind = matches!(local.candidate.kind(), CandidateKind::Host | CandidateKind::Relayed);
        if !base_kind && self.locals.base(local.base).is_none() {
            return Err(AddLocalError::UnknownBase);
        }
        let id = self.locals.insert(stream, local);
        self.pair_local(now, id);
        self.out.events.push_back(Event::Changed { stream, component });
        Ok(())
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
        list.remote = Some(Remote::new(remote.credentials, &list.local));
        // RFC 8863 4: both sides' credentials are known, patience begins.
        list.patience = Patience::Until(now + self.config.patience);
        if let Some(highest) = remote.components {
            list.components.retain(|component, _| component.get() <= highest);
        }
        self.pair_stream(now, stream);
        self.follow_up_early(stream);
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
        if let Some(known) = self.remotes.find(stream, component, candidate.transport(), address) {
            return Ok(self.add_known_remote(now, known, candidate));
        }
        if self.remotes.count(stream, true) >= self.config.max_remote_candidates {
            return Err(AddRemoteError::TooMany(self.config.max_remote_candidates));
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

fn is_active(candidate: &Candidate) -> bool {
    candidate.transport() == floe_core::Transport::Tcp(floe_core::TcpType::Active)
}
