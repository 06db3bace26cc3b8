//! The session: what it is made of, and what can be asked of it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use floe_check::{CheckConfig, CheckSet};
use floe_core::{ComponentId, Credentials, IceOptions, LocalCandidate, Nat64Prefix, PairId, Role, StreamId};
use floe_gather::{Gatherer, ServerId};
use floe_nominate::{Nomination, Nominator};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use crate::{
    IceServer, IceState, LocalParameters, Output, Reason, SessionConfig,
    clock::Clock,
    conclude::Progress,
    pace::Pace,
    relay::Relays,
    route::Routes,
    shared::Turn,
    sockets::{Purpose, Sockets},
    stats::Tally,
    stream::Stream,
};

/// One ICE session: all streams of one agent (RFC 8445).
///
/// Sans-IO, with four kinds of method:
/// - commands: [`gather`](Self::gather), [`set_remote`](Self::set_remote), [`add_remote`](Self::add_remote),
///   [`end_of_remote`](Self::end_of_remote), [`restart`](Self::restart), [`close`](Self::close);
/// - `handle_*`: what came in: [interfaces](Self::handle_interfaces), [sockets](Self::handle_bound) and [their
///   end](Self::handle_socket_closed), [datagrams](Self::handle_datagram), [time](Self::handle_timeout);
/// - [`poll_output`](Self::poll_output): what goes out. After any of the above, poll it until `None`, and carry the
///   outputs out in order;
/// - getters, which only look.
///
/// # Call order
///
/// [`local`](Self::local) may be signalled at once. `gather` and `handle_interfaces` may come in either order, and
/// before or after the peer's description. Remote candidates, and their end, may come before the description as well:
/// they are kept for it. Everything may be called at any time; what makes no sense is refused and counted.
///
/// # Time
///
/// `now` never goes back; one that does is taken for the latest. Call [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) has come, or later: then what was due before happens late, and nothing is lost.
/// Every command and every `handle_*` may move `poll_timeout`, and so may `poll_output`: a candidate that it gives out
/// counts as signalled, and is checked from then on (RFC 8838 10). So the loop of a driver is: something came in, poll
/// all outputs, look at `poll_timeout`.
///
/// # What comes from outside
///
/// Nothing that comes from the network or from signalling ends or confuses a session: it is used, or refused with a
/// reason, or dropped and counted in [`stats`](Self::stats). What is not authenticated changes nothing at all, but that
/// data from where the peer was heard keeps the state from becoming, or being, `Disconnected` because of silence.
#[derive(Debug)]
pub struct Session {
    pub(crate) check: CheckSet,
    pub(crate) gatherer: Gatherer,
    pub(crate) nominator: Nominator,
    pub(crate) pace: Pace,
    /// When it may start a transaction among other sessions.
    pub(crate) turn: Turn,
    pub(crate) clock: Clock,
    pub(crate) sockets: Sockets,
    pub(crate) relays: Relays,
    /// The prefix for new sockets: the IPv4 addresses of peers and servers are translated there, and nowhere else.
    pub(crate) nat64: Option<Nat64Prefix>,
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    pub(crate) routes: Routes,
    pub(crate) progress: Progress,
    /// Makes credentials, and nothing else.
    pub(crate) secrets: ChaCha20Rng,
    pub(crate) outbox: VecDeque<Item>,
    pub(crate) tally: Tally,
    /// How many candidates may wait for the description of their stream.
    pub(crate) max_early: usize,
    /// Whether this side nominates in the way of RFC 5245.
    pub(crate) aggressive: bool,
    /// Whether this side takes and makes a second nomination.
    pub(crate) renomination: bool,
    /// Whether this is a lite agent.
    pub(crate) lite: bool,
}

/// What waits in the outbox.
#[derive(Debug)]
pub(crate) enum Item {
    Output(Output),
    /// A candidate: given to the checks when it is given to the caller.
    Local {
        stream: StreamId,
        candidate: LocalCandidate,
        server: Option<ServerId>,
    },
    /// A candidate for the checks only.
    Late {
        stream: StreamId,
        candidate: LocalCandidate,
    },
    /// The same of the end of candidates.
    EndOfLocal(StreamId),
}

/// No embedder waits longer for a peer.
const MAX_PATIENCE: Duration = Duration::from_secs(7 * 86_400);

impl Session {
    /// A session that has not begun. Its credentials are there at once.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let check_config = check_config(&config);
        let aggressive = is_aggressive(&config);
        let mut root = ChaCha20Rng::from_seed(config.seed);
        // One generator for each use: how many secrets one draws tells nothing about another.
        let mut secrets = ChaCha20Rng::from_rng(&mut root);
        let mut check = CheckSet::new(check_config, ChaCha20Rng::from_rng(&mut root));
        let lite = config.gather.lite || config.lite;
        let nat64 = config.gather.nat64;
        let servers = config.servers.iter().map(IceServer::to_gather);
        let gather = config.gather.lite(lite).servers(servers).software(config.software.clone());
        let gatherer = Gatherer::new(gather, ChaCha20Rng::from_rng(&mut root));
        let relays = Relays::new(
            config.servers,
            config.transports,
            config.software.clone(),
            ChaCha20Rng::from_rng(&mut root),
        );
        let mut streams = BTreeMap::new();
        for (id, stream) in (0..).map(StreamId).zip(&config.streams) {
            let stream = Stream::new(Credentials::random(&mut secrets), stream.components);
            check.add_stream(id, &stream.components, stream.local.clone());
            streams.insert(id, stream);
        }
        let policy = config.policy.unwrap_or_else(|| config.nomination.policy());
        Self {
            check,
            gatherer,
            // A lite agent nominates nothing, whatever its role.
            nominator: Nominator::new(if config.lite { Role::Controlled } else { config.role }, policy),
            pace: Pace::new(config.ta),
            turn: Turn::new(config.shared_pace),
            clock: Clock::default(),
            sockets: Sockets::default(),
            relays,
            nat64,
            streams,
            routes: Routes::default(),
            progress: Progress::default(),
            secrets,
            outbox: VecDeque::new(),
            tally: Tally::default(),
            max_early: config.max_remote_candidates,
            aggressive,
            renomination: config.renomination && !aggressive,
            lite: config.lite,
        }
    }

    /// What to signal for a stream; `None` where there is no such stream.
    #[must_use]
    pub fn local(&self, stream: StreamId) -> Option<LocalParameters> {
        let credentials = self.streams.get(&stream)?.local.clone();
        // RFC 8445 10: who announces ice2 does not nominate aggressively.
        let ice2 = (!self.aggressive).then_some(IceOptions::ICE2);
        let renomination = self.renomination.then_some(IceOptions::RENOMINATION);
        let mut tokens = ice2.into_iter().chain([IceOptions::TRICKLE]).chain(renomination);
        let options = tokens.try_fold(IceOptions::new(), IceOptions::with).ok()?;
        // RFC 8839 4.3.1: who sends no checks proposes no pace for them.
        let pacing = (!self.lite).then(|| self.pace.proposed());
        Some(LocalParameters { credentials, options, pacing, lite: self.lite })
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> IceState {
        self.progress.state
    }

    /// Why the state is a bad one.
    #[must_use]
    pub const fn reason(&self) -> Option<&Reason> {
        self.progress.reason.as_ref()
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.check.role()
    }

    /// The selected pair of a component (RFC 8445 8.1.2): while a restart has not selected one, that of before, as long as
    /// data goes over it (RFC 8445 12.1).
    #[must_use]
    pub fn selected(&self, stream: StreamId, component: ComponentId) -> Option<PairId> {
        let former = || self.former_route((stream, component)).map(|route| route.pair);
        self.nominator.selected(stream, component).or_else(former)
    }

    /// The components of all streams: those that both sides have, once the peer's are known.
    pub(crate) fn components(&self) -> impl Iterator<Item = Purpose> + '_ {
        self.streams.keys().flat_map(|&stream| self.components_of(stream))
    }

    pub(crate) fn components_of(&self, stream: StreamId) -> impl Iterator<Item = Purpose> + '_ {
        self.check.components(stream).map(move |component| (stream, component))
    }

    /// What has to be done next; poll until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            let told = match self.outbox.pop_front()? {
                Item::Output(output) => return Some(output),
                Item::Local { stream, candidate, server } => self.hand_over(stream, candidate, server),
                Item::Late { stream, candidate } => {
                    self.take_late(stream, candidate);
                    None
                }
                Item::EndOfLocal(stream) => self.hand_over_end(stream),
            };
            if let Some(event) = told {
                return Some(Output::Event(event));
            }
        }
    }

    /// Whether a transaction waits for its slot.
    pub(crate) fn has_next(&self, now: Instant) -> bool {
        let gathers = self.gatherer.has_next() && self.next_link().is_none_or(|at| at <= now);
        let checks = match self.doubt_ends() {
            Some(at) if at > now => self.has_good_check(),
            _ => self.check.has_next(),
        };
        gathers || checks || self.relays.has_next()
    }

    /// When the next connection to a server may be begun, if one is what gathering wants next.
    pub(crate) fn next_link(&self) -> Option<Instant> {
        self.pace.next_link().filter(|_| self.gatherer.needs_connection())
    }

    /// Until when doubtful checks leave a free slot to a connection that is being made: what goes over it is better.
    pub(crate) fn doubt_ends(&self) -> Option<Instant> {
        self.pace.kept_until().filter(|_| self.relays.is_connecting())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` where nothing is. It may lie in the past: then it
    /// is due at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state() == IceState::Closed {
            return None;
        }
        let slots = self.pace.next_slot().into_iter().chain(self.turn.next(self.clock.latest()));
        let slot = slots.max();
        let not_before_slot = |at: Instant| slot.map_or(at, |slot| at.max(slot));
        let link = self.next_link().map(not_before_slot);
        let doubt = self.doubt_ends().filter(|_| self.check.has_next()).map(not_before_slot);
        let slot = slot.filter(|_| self.clock.latest().is_some_and(|now| self.has_next(now)));
        let deadlines = [
            self.clock.due(),
            self.gatherer.poll_timeout(),
            self.relays.poll_timeout(),
            self.check.poll_timeout(),
            self.nominator.poll_timeout(),
            self.progress.release_at,
            self.progress.trim_at,
            slot,
            link,
            doubt,
        ];
        deadlines.into_iter().flatten().min()
    }
}

fn is_aggressive(config: &SessionConfig) -> bool {
    config.policy.is_none() && config.nomination == Nomination::Aggressive && !config.lite
}

fn check_config(config: &SessionConfig) -> CheckConfig {
    let checks = CheckConfig::default()
        .role(config.role)
        .lite(config.lite)
        .max_pairs(config.max_pairs)
        .max_remote_candidates(config.max_remote_candidates)
        .max_peer_reflexive(config.max_peer_reflexive)
        .ta(Pace::new(config.ta).ta())
        .patience(config.patience.min(MAX_PATIENCE))
        .consent(config.consent)
        .keepalive(config.keepalive)
        .liveness(config.liveness)
        .aggressive(is_aggressive(config));
    match &config.software {
        Some(software) => checks.software(software.clone()),
        None => checks,
    }
}
