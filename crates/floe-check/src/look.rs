//! What can be asked of a check set without changing it.

use std::net::SocketAddr;

use floe_core::{BaseId, CandidateKind, ComponentId, PairId, StreamId, ValidPair, address};

use crate::{
    CheckSet, PairView, Route,
    pair::{Ends, Pair},
};

impl CheckSet {
    /// The valid pairs of a component, best first (RFC 8445 7.2.5.3.2).
    #[must_use]
    pub fn valid(&self, stream: StreamId, component: ComponentId) -> Vec<ValidPair> {
        let pairs = self.pairs.valid(stream, component).filter_map(|id| self.pairs.get(id));
        pairs.filter_map(|pair| self.valid_view(pair)).collect()
    }

    /// Whether a candidate with this base was [added](Self::add_local), and the base was not closed since.
    #[must_use]
    pub fn has_base(&self, base: BaseId) -> bool {
        self.locals.base(base).is_some()
    }

    /// The first of the [valid pairs](Self::valid) of a component.
    #[must_use]
    pub fn best_valid(&self, stream: StreamId, component: ComponentId) -> Option<PairId> {
        self.pairs.valid(stream, component).next()
    }

    fn valid_view(&self, pair: &Pair) -> Option<ValidPair> {
        let validity = pair.validity()?;
        let kinds = self.kinds(&pair.ends)?;
        let checked = self.pairs.get(validity.checked).map_or(pair.priority(), Pair::priority);
        Some(ValidPair {
            id: pair.id,
            checked: validity.checked,
            stream: pair.ends.stream,
            component: pair.ends.component,
            priority: pair.priority(),
            checked_priority: checked,
            kinds,
            rtt: pair.counts.current_round_trip,
            quality: self.quality_of(pair.id),
            since: validity.since,
            nominated: validity.nominated,
        })
    }

    /// The kinds of a pair's local and its remote candidate.
    pub(crate) fn kinds(&self, ends: &Ends) -> Option<(CandidateKind, CandidateKind)> {
        let local = self.locals.get(ends.local)?.candidate().kind();
        Some((local, self.remotes.get(ends.remote)?.candidate.kind()))
    }

    /// Where the datagrams of a pair go, and from where: those of a valid pair from the base that the check left from which
    /// made it valid, whatever address the peer has seen. `None` once that base is closed.
    #[must_use]
    pub fn route(&self, pair: PairId) -> Option<Route> {
        let pair = self.pairs.get(pair)?;
        let base = self.locals.base(pair.base)?;
        Some(Route { base: pair.base, to: address::scoped(pair.ends.to, base.address) })
    }

    /// Whose data this is: an authentic check or answer has come from `from` on this base (RFC 8445 12.2). `None` for
    /// strangers, and for those whom there was no room to remember.
    ///
    /// A check says who wrote it, not who sent it: somebody on the way who sends a copy of one makes data from his address
    /// acceptable. ICE authenticates paths; who must know that data is the peer's protects the data (DTLS, SRTP).
    ///
    /// Before the peer's description that is whoever sent an early check: once our answer is there the peer may send
    /// data, whatever its description takes (RFC 8445 5.3).
    #[must_use]
    pub fn accepts(&self, base: BaseId, from: SocketAddr) -> Option<(StreamId, ComponentId)> {
        let known = self.locals.base(base)?;
        let from = address::unscoped(from);
        let pair = self.pairs.on_path(base, from).and_then(|id| self.pairs.get(id));
        let heard = pair.is_some_and(|pair| pair.heard);
        let list = self.lists.get(&known.stream)?;
        let elsewhen = || list.heard_early(base, from) || list.heard_before(base, from);
        (heard || elsewhen()).then_some((known.stream, known.component))
    }

    /// The candidates of the peer for a component, signalled and learnt, in the order of their coming.
    pub fn remote_candidates(
        &self,
        stream: StreamId,
        component: ComponentId,
    ) -> impl Iterator<Item = &floe_core::Candidate> {
        let ids = self.remotes.of_component(stream, component).into_iter();
        ids.filter_map(|id| self.remotes.get(id)).map(|remote| &remote.candidate)
    }

    /// A pair as statistics show it.
    #[must_use]
    pub fn describe(&self, pair: PairId) -> Option<PairView> {
        self.view(self.pairs.get(pair)?)
    }

    /// All pairs, the retired ones among them, in the order of their ids.
    pub fn pairs(&self) -> impl Iterator<Item = PairView> + '_ {
        self.pairs.iter().filter_map(|pair| self.view(pair))
    }

    fn view(&self, pair: &Pair) -> Option<PairView> {
        Some(PairView {
            id: pair.id,
            stream: pair.ends.stream,
            component: pair.ends.component,
            local: self.locals.get(pair.ends.local)?.candidate().clone(),
            remote: self.remotes.get(pair.ends.remote)?.candidate.clone(),
            priority: pair.priority(),
            state: pair.state(),
            valid: pair.validity().is_some(),
            nominated: pair.validity().is_some_and(|validity| validity.nominated),
            retired: pair.is_retired(),
            counters: pair.counts,
        })
    }
}
