//! The session: its state and its commands.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Instant,
};

use floe_check::{AddedRemote, CheckConfig, CheckSet, RemoteParameters};
use floe_core::{
    Candidate, CandidateAddress, ComponentId, Credentials, Generation, IceOptions, Pacing, PairId, Role,
    StreamId,
};
use floe_gather::Gatherer;
use floe_nominate::{Nomination, Nominator};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha20Rng};

use crate::{
    AddRemoteError, DropReason, Event, IceState, LocalParameters, Output, Reason, RemoteDescription,
    SessionConfig, SetRemoteError, SocketId, Stats,
    pace::Pace,
    sockets::Sockets,
    stream::{Remote, Stream},
};

/// One ICE session: all streams of one agent (RFC 8445).
///
/// Sans-IO, with four kinds of method:
/// - commands: [`gather`](Self::gather), [`set_remote`](Self::set_remote), [`add_remote`](Self::add_remote),
///   [`end_of_remote`](Self::end_of_remote), [`close`](Self::close);
/// - `handle_*`: what came in;
/// - [`poll_output`](Self::poll_output): what goes out. After any of the above, poll it until `None`, and carry the
///   outputs out in order;
/// - getters, which only look.
///
/// Call [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has come; every command and
/// every `handle_*` may move it. `now` never goes back. Nothing that comes from the network ends a session.
#[derive(Debug)]
pub struct Session {
    pub(crate) check: CheckSet,
    pub(crate) gatherer: Gatherer,
    pub(crate) nominator: Nominator,
    pub(crate) pace: Pace,
    pub(crate) proposed: Pacing,
    pub(crate) sockets: Sockets,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    pub(crate) max_early: usize,
    pub(crate) state: IceState,
    pub(crate) reason: Option<Reason>,
    /// Why the latest check list failed, should the session fail.
    pub(crate) failure: Option<Reason>,
    /// What became of the latest socket that was lost, should it have been a selected one.
    pub(crate) lost: Option<Reason>,
    /// When sockets without a selected pair are closed (RFC 8445 8.3.1).
    pub(crate) release_at: Option<Instant>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) dropped: BTreeMap<DropReason, u64>,
}

/// Where the data of a component goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The pair.
    pub pair: PairId,
    /// The socket to send from.
    pub socket: SocketId,
    /// The address to send to; a link-local one has the scope of the socket.
    pub to: SocketAddr,
}

impl Session {
    /// A session that has not begun. Its credentials are there at once.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let mut rng = ChaCha20Rng::from_seed(config.seed);
        let checks = CheckConfig::default()
            .role(config.role)
            .max_pairs(config.max_pairs)
            .max_remote_candidates(config.max_remote_candidates)
            .ta(config.ta)
            .patience(config.patience)
            .aggressive(config.policy.is_none() && config.nomination == Nomination::Aggressive);
        let checks = match config.software {
            Some(software) => checks.software(software),
            None => checks,
        };
        let mut check = CheckSet::new(checks, ChaCha20Rng::from_seed(rng.random()));
        let mut streams = BTreeMap::new();
        for (id, stream) in (0..).map(StreamId).zip(&config.streams) {
            let stream = Stream::new(Credentials::random(&mut rng), stream.components);
            check.add_stream(id, &stream.components, stream.local.clone());
            streams.insert(id, stream);
        }
        let policy = config.policy.unwrap_or_else(|| config.nomination.policy());
        let millis = u64::try_from(config.ta.as_millis()).unwrap_or(u64::MAX);
        Self {
            check,
            gatherer: Gatherer::new(config.gather),
            nominator: Nominator::new(config.role, policy),
            pace: Pace::new(config.ta),
            proposed: Pacing::from_millis(millis).unwrap_or_default(),
            sockets: Sockets::default(),
            streams,
            max_early: config.max_remote_candidates,
            state: IceState::New,
            reason: None,
            failure: None,
            lost: None,
            release_at: None,
            outputs: VecDeque::new(),
            dropped: BTreeMap::new(),
        }
    }

    /// What to signal for a stream; `None` where there is no such stream.
    #[must_use]
    pub fn local(&self, stream: StreamId) -> Option<LocalParameters> {
        let credentials = self.streams.get(&stream)?.local.clone();
        let tokens = ["ice2", "trickle"];
        let options = tokens.iter().try_fold(IceOptions::new(), |options, token| options.with(token)).ok()?;
        Some(LocalParameters { credentials, options, pacing: self.proposed })
    }

    /// Begins to gather: wants [`handle_interfaces`](Self::handle_interfaces), before or after, and asks for sockets.
    pub fn gather(&mut self, now: Instant) {
        if self.state == IceState::Closed {
            return;
        }
        let of_stream = |(&id, stream): (&StreamId, &Stream)| -> Vec<(StreamId, ComponentId)> {
            stream.components.iter().map(|&component| (id, component)).collect()
        };
        let components: Vec<_> = self.streams.iter().flat_map(of_stream).collect();
        self.gatherer.start(now, Generation::default(), &components);
        self.drive(now);
    }

    /// The peer's description of a stream. Checks begin. Giving the same again changes nothing.
    ///
    /// # Errors
    /// See [`SetRemoteError`]; nothing has changed then.
    pub fn set_remote(
        &mut self,
        now: Instant,
        stream: StreamId,
        description: RemoteDescription,
    ) -> Result<(), SetRemoteError> {
        if self.state == IceState::Closed {
            return Err(SetRemoteError::Closed);
        }
        let parameters = RemoteParameters {
            credentials: description.credentials.clone(),
            components: description.components,
        };
        let again = self.streams.get(&stream).is_some_and(|known| known.remote.is_some());
        if !again {
            self.agree(&description);
        }
        self.check.set_remote(now, stream, parameters)?;
        if !again {
            self.describe_stream(now, stream, description);
        }
        self.drive(now);
        Ok(())
    }

    /// RFC 8445 14.2: the larger pacing interval holds. 6.1.1: of a full and a lite agent the full one controls.
    fn agree(&mut self, description: &RemoteDescription) {
        let ta = Pacing::agreed(Some(self.proposed), description.pacing);
        self.pace.set_ta(ta);
        self.check.set_ta(ta);
        if description.lite {
            self.check.set_role(Role::Controlling);
        }
    }

    fn describe_stream(&mut self, now: Instant, id: StreamId, description: RemoteDescription) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.remote = Some(Remote { description, since: now });
        let (early, ended) = (std::mem::take(&mut stream.early), std::mem::take(&mut stream.ended_early));
        for candidate in early {
            if let Err(why) = self.add_remote_now(now, id, candidate.clone()) {
                let event = Event::CandidateRefused { stream: id, candidate, why };
                self.outputs.push_back(Output::Event(event));
            }
        }
        if ended {
            self.check.end_of_remote(now, id);
        }
    }

    /// A candidate of the peer. One that comes before the description is kept for it.
    ///
    /// # Errors
    /// See [`AddRemoteError`]; nothing has changed then.
    pub fn add_remote(
        &mut self,
        now: Instant,
        stream: StreamId,
        candidate: Candidate,
    ) -> Result<AddedRemote, AddRemoteError> {
        if self.state == IceState::Closed {
            return Err(AddRemoteError::Closed);
        }
        let max = self.max_early;
        let unknown = floe_check::AddRemoteError::UnknownStream(stream);
        let known = self.streams.get_mut(&stream).ok_or(unknown)?;
        if known.remote.is_none() {
            if known.early.len() >= max {
                return Err(AddRemoteError::TooManyEarly(max));
            }
            check_address(&candidate)?;
            known.early.push(candidate);
            return Ok(AddedRemote::New);
        }
        let added = self.add_remote_now(now, stream, candidate)?;
        self.drive(now);
        Ok(added)
    }

    fn add_remote_now(
        &mut self,
        now: Instant,
        stream: StreamId,
        candidate: Candidate,
    ) -> Result<AddedRemote, AddRemoteError> {
        check_address(&candidate)?;
        let remote = self.streams.get(&stream).and_then(|known| known.remote.as_ref());
        let current = remote.map(|remote| remote.description.credentials.ufrag());
        if let (Some(theirs), Some(current)) = (candidate.ufrag(), current)
            && theirs != current
        {
            return Err(AddRemoteError::WrongGeneration { theirs: theirs.into(), current: current.into() });
        }
        Ok(self.check.add_remote(now, stream, candidate)?)
    }

    /// The peer has no more candidates for the stream (RFC 8838 14).
    pub fn end_of_remote(&mut self, now: Instant, stream: StreamId) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        if known.remote.is_none() {
            known.ended_early = true;
        } else {
            self.check.end_of_remote(now, stream);
            self.drive(now);
        }
    }

    /// Ends the session: all sockets are closed, nothing is sent or taken any more.
    pub fn close(&mut self, _now: Instant) {
        if self.state == IceState::Closed {
            return;
        }
        self.outputs.extend(self.sockets.drain().into_iter().map(|socket| Output::Close { socket }));
        self.release_at = None;
        self.enter(IceState::Closed, None);
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> IceState {
        self.state
    }

    /// Why the state is a bad one.
    #[must_use]
    pub const fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.check.role()
    }

    /// Where the data of a component goes now: over the selected pair, and before there is one over the best valid one
    /// (RFC 8445 12.1). `None` where it may not be sent.
    #[must_use]
    pub fn route(&self, stream: StreamId, component: ComponentId) -> Option<Route> {
        if self.state == IceState::Closed {
            return None;
        }
        let best = || self.check.valid(stream, component).first().map(|pair| pair.id);
        self.route_of(self.nominator.selected(stream, component).or_else(best)?)
    }

    /// Where data over this pair goes or would go; `None` once its socket is closed.
    #[must_use]
    pub fn route_of(&self, pair: PairId) -> Option<Route> {
        let route = self.check.route(pair)?;
        Some(Route { pair, socket: self.sockets.socket(route.base)?, to: route.to })
    }

    /// Statistics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            state: self.state,
            role: self.role(),
            pairs: self.check.pairs().collect(),
            dropped: self.dropped.clone(),
            checks: self.check.counters().clone(),
        }
    }

    /// What has to be done next; poll until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

fn check_address(candidate: &Candidate) -> Result<(), AddRemoteError> {
    match candidate.address() {
        CandidateAddress::Ip(_) => Ok(()),
        CandidateAddress::Mdns { .. } => Err(AddRemoteError::Mdns),
    }
}
