//! Forming, pruning, capping and thawing pairs (RFC 8445 6.1.2, RFC 8838 10 to 12).

use std::{collections::BTreeSet, net::SocketAddr, time::Instant};

use floe_core::{
    Candidate, PairId, PairPriority, StreamId, TcpType, Transport,
    address::{self, Family, is_ipv6_link_local},
};

use crate::{
    AddedRemote, CheckSet, Event, ListState,
    candidates::{LocalId, RemoteId},
    pair::{ColumnId, Ends, Membership, Pair, PairState},
    table::NewPair,
};

/// How a new pair gets its place when the set is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// By its priority (RFC 8445 6.1.2.5).
    Priority(PairPriority),
    /// The peer's check came on it: it is worth more than a pair nobody has heard of.
    Triggered,
}

impl CheckSet {
    /// Pairs a local candidate that came late with what is known of the peer.
    pub(crate) fn pair_local(&mut self, now: Instant, id: LocalId) {
        let Some(local) = self.locals.get(id) else { return };
        // RFC 8445 6.1.2.4: a reflexive candidate is replaced by its base, whose pairs are there already.
        if !local.is_base() {
            return;
        }
        let (stream, component) = (local.stream, local.candidate().component());
        let remotes = self.remotes.of_component(stream, component);
        let ends = remotes.into_iter().map(|remote| (id, remote)).collect();
        self.pair_all(now, stream, ends);
    }

    /// Pairs a remote candidate that came late with the local ones.
    pub(crate) fn pair_remote(&mut self, now: Instant, id: RemoteId) {
        let Some(remote) = self.remotes.get(id) else { return };
        let (stream, component) = (remote.stream, remote.candidate.component());
        let locals = self.locals.sending(stream, component);
        let ends = locals.into_iter().map(|local| (local, id)).collect();
        self.pair_all(now, stream, ends);
    }

    /// Pairs all that is known of a stream: its remote description has come. What only checks have told of is not
    /// paired (RFC 8445 7.3.1.3).
    pub(crate) fn pair_stream(&mut self, now: Instant, stream: StreamId) {
        let components: Vec<_> = self.components(stream).collect();
        let mut ends = Vec::new();
        for component in components {
            let locals = self.locals.sending(stream, component);
            for remote in self.remotes.of_component(stream, component) {
                ends.extend(locals.iter().map(|&local| (local, remote)));
            }
        }
        self.pair_all(now, stream, ends);
    }

    fn pair_all(&mut self, now: Instant, stream: StreamId, ends: Vec<(LocalId, RemoteId)>) {
        if self.lists.get(&stream).is_none_or(|list| list.remote.is_none()) {
            return;
        }
        // RFC 8445 6.2: a lite agent forms no check list.
        let ends = if self.config.lite { Vec::new() } else { ends };
        let mut columns = BTreeSet::new();
        for (local, remote) in ends {
            columns.extend(self.pair_one(local, remote));
        }
        for column in columns {
            self.thaw_new(column);
        }
        self.update_list(now, stream);
    }

    /// Puts the pair of these two on the list, frozen, and says of which foundation it is.
    fn pair_one(&mut self, local: LocalId, remote: RemoteId) -> Option<ColumnId> {
        let signalled = self.remotes.get(remote)?.signalled;
        let ends = self.ends(local, remote)?;
        let list = self.lists.get(&ends.stream)?;
        let redundant = self.pairs.on_path(ends.base, ends.to).is_some();
        if !signalled || redundant || list.is_concluded(ends.component) || !self.go_together(&ends) {
            return None;
        }
        let priority = self.pair_priority(&ends)?;
        if !self.make_room(ends.stream, Claim::Priority(priority)) {
            return None;
        }
        let id = self.insert_pair(ends, Membership::Listed, PairState::Frozen)?;
        self.pairs.get(id).map(|pair| pair.ranked.column)
    }

    /// Inserts a pair whatever its rank.
    pub(crate) fn insert_pair(
        &mut self,
        ends: Ends,
        membership: Membership,
        state: PairState,
    ) -> Option<PairId> {
        let priority = self.pair_priority(&ends)?;
        let foundations = (
            self.locals.get(ends.local)?.candidate().foundation(),
            self.remotes.get(ends.remote)?.candidate.foundation(),
        );
        Some(self.pairs.insert(NewPair { ends, foundations, priority, state, membership }))
    }

    pub(crate) fn ends(&self, local: LocalId, remote: RemoteId) -> Option<Ends> {
        let mine = self.locals.get(local)?;
        let theirs = self.remotes.get(remote)?;
        Some(Ends {
            stream: mine.stream,
            component: mine.candidate().component(),
            local,
            remote,
            base: mine.local.base,
            to: theirs.address,
        })
    }

    pub(crate) fn go_together(&self, ends: &Ends) -> bool {
        let candidates = self.locals.get(ends.local).zip(self.remotes.get(ends.remote));
        candidates.is_some_and(|(local, remote)| {
            let base = local.local.base_address;
            let nat64 = self.nat64.get(&ends.base).filter(|_| base.is_ipv6());
            let to = nat64.map_or(remote.address, |prefix| prefix.embed_socket(remote.address));
            compatible(local.candidate(), base, &remote.candidate, to)
        })
    }

    fn pair_priority(&self, ends: &Ends) -> Option<PairPriority> {
        let local = self.locals.get(ends.local)?.candidate().priority();
        let remote = self.remotes.get(ends.remote)?.candidate.priority();
        Some(PairPriority::of(self.role, local, remote))
    }

    /// RFC 8838 12 and RFC 8445 6.1.2.6: the topmost pair of a foundation may be checked, and every one may once
    /// another has succeeded; the rest wait frozen.
    fn thaw_new(&mut self, column: ColumnId) {
        if self.pairs.has_succeeded(column) {
            self.thaw(column);
        } else if let Some(top) = self.pairs.frozen_top(column) {
            self.pairs.set_state(top, PairState::Waiting);
        }
    }

    /// RFC 8445 7.2.5.3.3: a success thaws its foundation in all lists.
    pub(crate) fn thaw(&mut self, column: ColumnId) {
        for id in self.pairs.frozen_in(column) {
            self.pairs.set_state(id, PairState::Waiting);
        }
    }

    /// Makes room for one more pair within the cap over all lists (RFC 8445 6.1.2.5); failed pairs go first (RFC 8838
    /// 10), then the worst of the longest list, so that all lists lose alike.
    pub(crate) fn make_room(&mut self, stream: StreamId, claim: Claim) -> bool {
        while self.count_pairs() >= self.config.max_pairs {
            self.out.counters.pairs_over_cap += 1;
            let Some(worst) = self.failed_pair().or_else(|| self.worst_below(stream, claim)) else {
                return false;
            };
            self.drop_pair(worst);
        }
        true
    }

    fn count_pairs(&self) -> usize {
        self.lists.keys().map(|&stream| self.pairs.count_listed(stream)).sum()
    }

    fn failed_pair(&self) -> Option<PairId> {
        let last = |&stream: &StreamId| self.pairs.in_state(stream, PairState::Failed).next_back();
        self.lists.keys().find_map(last)
    }

    fn worst_below(&self, stream: StreamId, claim: Claim) -> Option<PairId> {
        let longest =
            self.lists.keys().copied().max_by_key(|&s| (self.pairs.count_listed(s), s == stream))?;
        let list = self.lists.get(&longest)?;
        let expendable = |id: &PairId| !list.triggered.contains(*id);
        let worst_of = |state| self.pairs.in_state(longest, state).rev().find(expendable);
        let unsent = [worst_of(PairState::Frozen), worst_of(PairState::Waiting)]
            .into_iter()
            .flatten()
            .min_by_key(|&id| self.pairs.get(id).map(Pair::priority));
        let unheard = || (claim == Claim::Triggered).then(|| self.worst_unheard(longest)).flatten();
        let worst = unsent.or_else(unheard)?;
        let below = match claim {
            Claim::Priority(new) if longest == stream => self.pairs.get(worst)?.priority() < new,
            Claim::Priority(_) | Claim::Triggered => true,
        };
        below.then_some(worst)
    }

    /// The worst pair whose check is under way and that nothing speaks for.
    fn worst_unheard(&self, stream: StreamId) -> Option<PairId> {
        let silent = |pair: &Pair| !(pair.heard || pair.nominating || pair.nominate_when_valid);
        let in_progress = self.pairs.in_state(stream, PairState::InProgress);
        in_progress.rev().find(|&id| self.pairs.get(id).is_some_and(silent))
    }

    fn drop_pair(&mut self, id: PairId) {
        let Some(Pair { ends, transaction, .. }) = self.pairs.remove(id) else { return };
        if let Some(transaction) = transaction {
            self.transactions.remove(transaction);
        }
        if let Some(list) = self.lists.get_mut(&ends.stream) {
            list.triggered.remove(id);
        }
        self.out.events.push_back(Event::Changed { stream: ends.stream, component: ends.component });
    }

    /// A candidate signalled for an address that is known: the twin of a peer-reflexive one takes its place, pairs and
    /// all, so that nothing under way is lost; of two signalled ones the better stays (RFC 8445 5.1.3).
    pub(crate) fn add_known_remote(
        &mut self,
        now: Instant,
        id: RemoteId,
        candidate: Candidate,
    ) -> AddedRemote {
        let Some(known) = self.remotes.get(id) else { return AddedRemote::Duplicate };
        let (learnt, better) = (!known.signalled, candidate.priority() > known.candidate.priority());
        let (stream, component) = (known.stream, candidate.component());
        let kept = learnt || (better && self.is_untouched(id));
        if !kept {
            return AddedRemote::Duplicate;
        }
        self.remotes.replace(id, candidate);
        for pair in self.pairs.of_remote(id) {
            self.rerank(pair);
        }
        self.pair_remote(now, id);
        self.out.events.push_back(Event::Changed { stream, component });
        if learnt { AddedRemote::Replaced } else { AddedRemote::Duplicate }
    }

    /// Whether no pair of this candidate has been checked.
    fn is_untouched(&self, remote: RemoteId) -> bool {
        let mut pairs = self.pairs.of_remote(remote).into_iter().filter_map(|id| self.pairs.get(id));
        pairs.all(|pair| matches!(pair.state(), PairState::Frozen | PairState::Waiting))
    }

    /// Computes priority and foundation of a pair anew: a candidate of it, or the role, has changed.
    pub(crate) fn rerank(&mut self, id: PairId) {
        let Some(ends) = self.pairs.get(id).map(|pair| pair.ends.clone()) else { return };
        let Some(priority) = self.pair_priority(&ends) else { return };
        if let (Some(local), Some(remote)) = (self.locals.get(ends.local), self.remotes.get(ends.remote)) {
            let foundations = (local.candidate().foundation(), remote.candidate.foundation());
            self.pairs.set_rank(id, priority, foundations);
        }
    }

    /// A failed list may run again: something new is there to check (RFC 8445 7.3.1.4).
    pub(crate) fn resume_list(&mut self, stream: StreamId) {
        if let Some(list) = self.lists.get_mut(&stream)
            && list.state == ListState::Failed
        {
            list.state = ListState::Running;
            self.out.events.push_back(Event::ListResumed(stream));
        }
    }
}

/// Whether two candidates of one component make a pair (RFC 8445 6.1.2.2), whose datagrams go to `to`.
fn compatible(local: &Candidate, base: SocketAddr, remote: &Candidate, to: SocketAddr) -> bool {
    // RFC 6544 6.2: the passive side waits to be connected to.
    let passive = local.transport() == Transport::Tcp(TcpType::Passive);
    // An IPv4-mapped address is the IPv4 address it holds.
    let family = |address: SocketAddr| Family::of(address.ip().to_canonical());
    let loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    !passive
        && local.transport().pairs_with(remote.transport())
        // Private addresses are given out again and again: what has this base's own address is not reached from it.
        && address::unscoped(base) != address::unscoped(to)
        && base.is_ipv4() == to.is_ipv4()
        && family(base) == family(to)
        && is_ipv6_link_local(base.ip()) == is_ipv6_link_local(to.ip())
        // Loopback reaches only itself, and a peer has no business on ours otherwise (RFC 8445 19.5).
        && loopback(base) == loopback(to)
}
