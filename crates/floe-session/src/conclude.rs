//! The state of the session, and what follows from it (RFC 8445 6.1.3, 8.1.2, 8.3).

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_check::{ConsentLoss, PairState, PairView};
use floe_core::{BaseId, StreamId};

use crate::{
    Event, IceState, Reason, Session, SocketId,
    sockets::Purpose,
    state::{Facts, StreamFacts},
};

/// How long after completion sockets without a selected pair still answer (RFC 8445 8.3.1).
const RELEASE_AFTER: Duration = Duration::from_secs(3);

/// How far the session is.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) state: IceState,
    /// Why the state is a bad one.
    pub(crate) reason: Option<Reason>,
    pub(crate) gathering: bool,
    pub(crate) closed: bool,
    /// Why the latest stream failed, should the session fail with it.
    pub(crate) failure: Option<Reason>,
    /// Why the latest path was lost, should the session be disconnected by it.
    pub(crate) loss: Option<Reason>,
    /// When sockets without a selected pair are closed.
    pub(crate) release_at: Option<Instant>,
    /// When relays are looked at, without the sockets.
    pub(crate) trim_at: Option<Instant>,
    /// Whether a stream was begun anew since the state was last looked at.
    pub(crate) restarted: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            state: IceState::New,
            reason: None,
            gathering: false,
            closed: false,
            failure: None,
            loss: None,
            release_at: None,
            trim_at: None,
            restarted: false,
        }
    }
}

impl Session {
    /// Follows the facts to the state they make, and tells every state on the way.
    pub(crate) fn update_state(&mut self, now: Instant) {
        let facts = self.facts();
        self.progress.restarted = false;
        while let Some(next) = self.state().step(facts) {
            self.enter(now, next, facts);
        }
        // Meanwhile it may be something else that is bad.
        if self.state() == IceState::Disconnected {
            self.progress.reason = self.why_disconnected(facts);
        }
    }

    fn facts(&self) -> Facts {
        let described = self.streams.values().any(|stream| stream.remote.is_some());
        let streams: Vec<_> = self.streams.keys().filter_map(|&stream| self.stream_facts(stream)).collect();
        Facts { restarted: self.progress.restarted, ..Facts::of(described, self.progress.closed, &streams) }
    }

    fn stream_facts(&self, stream: StreamId) -> Option<StreamFacts> {
        Some(StreamFacts {
            list: self.check.list_state(stream)?,
            cut_off: self.streams.get(&stream)?.cut_off && !self.is_valid(stream),
            routed: self.components_of(stream).all(|component| self.routes.get(component).is_some()),
            silent: self.is_silent(stream),
            selected: self
                .components_of(stream)
                .all(|(stream, component)| self.nominator.selected(stream, component).is_some()),
        })
    }

    fn enter(&mut self, now: Instant, state: IceState, facts: Facts) {
        debug_assert!(self.state().may_become(state), "{} to {state}", self.state());
        let reason = match state {
            IceState::Failed => self.progress.failure.clone(),
            IceState::Disconnected => self.why_disconnected(facts),
            _ => None,
        };
        tracing::info!(%state, reason = reason.as_ref().map(tracing::field::display), "the state has changed");
        self.progress.state = state;
        self.progress.reason.clone_from(&reason);
        self.progress.release_at = (state == IceState::Completed).then(|| now + RELEASE_AFTER);
        self.progress.trim_at = None;
        if state == IceState::Completed {
            self.bind_channels(now);
        }
        self.tell(Event::State { state, reason });
    }

    /// A path that is lost is worse than one that is silent.
    fn why_disconnected(&self, facts: Facts) -> Option<Reason> {
        if facts.routed { self.why_silent() } else { self.progress.loss.clone() }
    }

    /// Relays are looked at again in three seconds: other peers may have to be let in than were.
    pub(crate) fn trim_later(&mut self, now: Instant) {
        if self.state() == IceState::Completed {
            self.progress.trim_at.get_or_insert(now + RELEASE_AFTER);
        }
    }

    /// Relays let in the peers that pairs in use, and those that may come to be, lead to, and in time no others.
    pub(crate) fn trim(&mut self, now: Instant) {
        let ways = self.ways_in_use();
        self.trim_to(now, &ways);
    }

    fn trim_to(&mut self, now: Instant, ways: &BTreeSet<(BaseId, SocketAddr)>) {
        self.relays.trim(now, ways, |base| self.check.has_base(base));
    }

    /// RFC 8445 8.3.1: three seconds after everything is selected, sockets that no pair in use needs are closed: those of a
    /// stream that has failed as well, so that only a restart brings it back. A better pair that an aggressive peer has
    /// nominated, or this side has, may still take the place of the selected one: its socket is looked at again three seconds
    /// later. Where another pair may be nominated at any time those that are still checked count as such, and the sockets of the
    /// warm ones stay, and those that a relay is asked for from in place of a lost one. Once none is coming this look is the last.
    pub(crate) fn release(&mut self, now: Instant) {
        if self.check.pairs().any(|pair| is_coming(&pair)) {
            self.progress.release_at = Some(now + RELEASE_AFTER);
        }
        let ways = self.ways_in_use();
        let used: BTreeSet<BaseId> = ways.iter().map(|(base, _)| *base).collect();
        // What a relay in use is reached by is in use, too.
        let parents = used.iter().filter_map(|&base| self.relays.parent_of(base));
        let hosts: BTreeSet<_> = parents.chain(self.relays.renewals.sockets()).collect();
        let all: Vec<_> = self.relays.bases().chain(self.sockets.bases()).collect();
        for base in all.into_iter().filter(|base| !used.contains(base) && !hosts.contains(base)) {
            self.close_base(now, base);
        }
        self.trim_to(now, &ways);
    }

    /// From which bases to where pairs lead that are in use, or may come to be.
    fn ways_in_use(&self) -> BTreeSet<(BaseId, SocketAddr)> {
        let coming: Vec<_> = self.check.pairs().filter(is_coming).map(|pair| pair.id).collect();
        let selected =
            self.components().filter_map(|(stream, component)| self.nominator.selected(stream, component));
        let warm = self.components().flat_map(|(stream, component)| self.check.warm(stream, component));
        let pairs = selected
            .chain(warm)
            .chain(self.routes.pairs())
            .chain(self.kept_for_peer())
            .chain(coming)
            .filter_map(|pair| self.check.route(pair).map(|route| (route.base, route.to)));
        pairs.collect()
    }

    /// A base is gone: the system closed its socket, or its address is no longer one of this host.
    pub(crate) fn lose_base(&mut self, now: Instant, base: BaseId, why: &str) -> Option<SocketId> {
        for relay in self.relays.on(base) {
            self.break_relay(now, relay, why);
        }
        self.relays.forget_socket(base);
        self.gatherer.forget(base);
        // Its relays had been asked for anew, from the socket that is gone.
        self.forget_renewals_of(base);
        let why: Box<str> = why.into();
        let (socket, (stream, component)) = self.sockets.close(base)?;
        tracing::warn!(%socket, %stream, %component, %why, "a socket is lost");
        self.tell(Event::SocketLost { socket, stream, component, why: why.clone() });
        self.progress.loss = Some(Reason::SocketLost(why.clone()));
        self.check.close_base(now, base);
        self.note_cut_off((stream, component), Reason::SocketLost(why));
        Some(socket)
    }

    /// RFC 7675 5.1: the path is not to be used again with these credentials. Where the component was concluded no other
    /// is checked for it, so that without another valid pair its stream is over until a restart.
    pub(crate) fn lose_consent(&mut self, (stream, component): Purpose, why: ConsentLoss) {
        let why = Reason::ConsentLost { stream, component, why };
        tracing::warn!(%stream, %component, %why, "consent to send is lost");
        self.progress.loss = Some(why.clone());
        self.note_cut_off((stream, component), why);
    }

    /// A list that is completed does not fail any more. But where a component was concluded no other pair is checked for it,
    /// so that without a valid one its stream is over until a restart, or until the peer brings one after all.
    pub(crate) fn note_cut_off(&mut self, (stream, component): Purpose, why: Reason) {
        let concluded = self.nominator.selected(stream, component).is_some();
        let here = |pair: &PairView| (pair.stream, pair.component) == (stream, component) && is_coming(pair);
        let over = concluded
            && !self.relays.renewals.has((stream, component))
            && self.check.best_valid(stream, component).is_none()
            && !self.check.pairs().any(|pair| here(&pair));
        if over {
            self.cut_off(stream, why);
        }
    }

    /// Whether every component of a stream has a valid pair.
    fn is_valid(&self, stream: StreamId) -> bool {
        self.components_of(stream)
            .all(|(stream, component)| self.check.best_valid(stream, component).is_some())
    }

    /// Nothing can come back for a stream.
    fn cut_off(&mut self, stream: StreamId, why: Reason) {
        if let Some(known) = self.streams.get_mut(&stream) {
            known.cut_off = true;
        }
        self.progress.failure = Some(why.clone());
        self.tell(Event::StreamFailed { stream, why });
    }
}

/// Whether a pair is still checked though one of its component is selected.
fn is_coming(pair: &PairView) -> bool {
    let open = matches!(pair.state, PairState::Frozen | PairState::Waiting | PairState::InProgress);
    open && !pair.retired
}
