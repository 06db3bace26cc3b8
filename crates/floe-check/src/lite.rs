//! Lite agents (RFC 8445 2.5, 7.3.2, 8.2): they answer checks and send none.
//!
//! Facing a full agent the lists of a lite one have no pairs to check. A path that the peer's checks come on is a retired
//! pair: answered, and data is taken from it. A nomination puts it on the valid list. Such a list stays Running until
//! then, and never fails by itself: it fails by failed checks (RFC 8445 6.1.2.1), of which there are none, and how long
//! the peer's take nobody here can know.
//!
//! Two lite agents send no check at all: once the candidates of both sides are complete, the pairs that they make are all
//! there is to choose from.

use std::{cmp::Reverse, collections::BTreeMap, fmt, net::SocketAddr, time::Instant};

use floe_core::{
    ComponentId, PairId, PairPriority, Role, StreamId,
    address::{Redacted, unscoped},
};

use crate::{
    CheckSet, Event, ListState, ReconcileError,
    candidates::{LocalId, RemoteId},
    pair::{Membership, PairState},
    preference::Preference,
};

/// What two lite agents have come to for one component (RFC 8445 8.2), as one of them sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agreed {
    /// The component.
    pub component: ComponentId,
    /// The address of this side's candidate.
    pub local: SocketAddr,
    /// The address of the peer's candidate.
    pub remote: SocketAddr,
}

impl Agreed {
    /// The same as the other side sees it.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self { component: self.component, local: self.remote, remote: self.local }
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, remote) = (Redacted(self.local), Redacted(self.remote));
        write!(f, "Agreed({}: {local} to {remote})", self.component)
    }
}

impl CheckSet {
    /// Whether this is a lite agent.
    #[must_use]
    pub const fn is_lite(&self) -> bool {
        self.config.lite
    }

    /// Whether the peer of this stream is a lite agent. To be said before its description is set. It means something to
    /// a lite agent only.
    pub fn set_peer_lite(&mut self, stream: StreamId, lite: bool) {
        if let Some(list) = self.lists.get_mut(&stream) {
            list.peer_lite = lite;
        }
    }

    /// Whether both sides of a stream are lite agents: no check is ever sent (RFC 8445 6.1.1).
    #[must_use]
    pub fn is_without_checks(&self, stream: StreamId) -> bool {
        self.config.lite && self.lists.get(&stream).is_some_and(|list| list.peer_lite)
    }

    /// RFC 7675 1: a lite agent asks for no consent, it answers those who do.
    pub(crate) const fn seeks_consent(&self) -> bool {
        self.config.consent && !self.config.lite
    }

    /// Whether the list cannot be given up by what is known here: it waits for the checks of a full peer.
    pub(crate) fn waits_for_nomination(&self, stream: StreamId) -> bool {
        self.config.lite && !self.is_without_checks(stream)
    }

    /// RFC 8445 7.3.2: the peer's nomination makes the pair valid, there is no check of this side to wait for. `None` where
    /// it does not count: a peer that said it is lite sends no checks.
    pub(crate) fn accept_nomination(&mut self, now: Instant, id: PairId) -> Option<()> {
        let (stream, component) = self.pairs.get(id).map(|pair| (pair.ends.stream, pair.ends.component))?;
        if self.is_without_checks(stream) {
            return None;
        }
        self.revive(id)?;
        self.add_valid(now, id);
        self.set_nominated(id);
        self.out.events.push_back(Event::Changed { stream, component });
        Some(())
    }

    /// Puts a pair on the valid list that no check has made valid.
    fn add_valid(&mut self, now: Instant, id: PairId) {
        let Some(pair) = self.pairs.get(id) else { return };
        let (stream, component, news) = (pair.ends.stream, pair.ends.component, pair.validity().is_none());
        self.make_valid(now, id, id);
        if news {
            let event = Event::Validated { stream, component, pair: id, checked: id, rtt: None };
            self.out.events.push_back(event);
        }
    }

    /// RFC 8445 8.2, between two lite agents: one possible pair for each component is all there is. Where there are more
    /// the best by RFC 6724 may be used, and which one holds the candidate exchange has to settle.
    pub(crate) fn settle_lite(&mut self, now: Instant, stream: StreamId) {
        if !self.may_settle(now, stream) {
            return;
        }
        let possible = self.possible_pairs(stream);
        if possible.values().any(Vec::is_empty) {
            return;
        }
        if let Some(list) = self.lists.get_mut(&stream) {
            list.settled = true;
        }
        let unique = possible.values().all(|pairs| pairs.len() == 1);
        for pairs in possible.values() {
            let best = pairs.iter().copied().max_by_key(|&id| (self.preference(id), Reverse(id)));
            let Some(best) = best.filter(|&best| self.revive(best).is_some()) else { continue };
            self.add_valid(now, best);
            if unique {
                self.set_nominated(best);
            }
        }
        if !unique && self.role == Role::Controlling {
            self.out.events.push_back(Event::Undecided(stream));
        }
    }

    /// Whether the candidates of both sides are complete: the peer's end may have got lost, and patience stands in for it.
    fn may_settle(&self, now: Instant, stream: StreamId) -> bool {
        let Some(list) = self.lists.get(&stream).filter(|_| self.is_without_checks(stream)) else {
            return false;
        };
        let complete = list.local_ended && (list.remote_ended || list.patience.is_over(now));
        list.remote.is_some() && list.state != ListState::Completed && !list.settled && complete
    }

    /// The pairs of each component (RFC 8445 8.2), made where they are new: retired, so that data is taken from all of
    /// them, whichever the peer prefers.
    fn possible_pairs(&mut self, stream: StreamId) -> BTreeMap<ComponentId, Vec<PairId>> {
        let components: Vec<_> = self.components(stream).collect();
        let mut room = self.config.max_pairs;
        let mut possible = BTreeMap::new();
        for component in components {
            let locals = self.locals.sending(stream, component);
            let remotes = self.remotes.of_component(stream, component);
            let ends = locals.iter().flat_map(|&local| remotes.iter().map(move |&remote| (local, remote)));
            let mut pairs = Vec::new();
            for (local, remote) in ends.take(room) {
                pairs.extend(self.possible_pair(local, remote));
            }
            room = room.saturating_sub(pairs.len());
            possible.insert(component, pairs);
        }
        possible
    }

    fn possible_pair(&mut self, local: LocalId, remote: RemoteId) -> Option<PairId> {
        let ends = self.ends(local, remote)?;
        if !self.remotes.get(remote)?.signalled || !self.go_together(&ends) {
            return None;
        }
        let known = self.pairs.on_path(ends.base, ends.to);
        let id = match known {
            Some(known) => known,
            None => self.insert_pair(ends, Membership::Retired, PairState::Frozen)?,
        };
        // Nobody will prove himself on it: that signalling has named the path is all there is (RFC 8445 12.2).
        self.pairs.get_mut(id)?.heard = true;
        Some(id)
    }

    fn preference(&self, id: PairId) -> Option<(Preference, PairPriority)> {
        let pair = self.pairs.get(id)?;
        let base = self.locals.base(pair.ends.base)?.address;
        Some((Preference::of(base.ip(), pair.ends.to.ip()), pair.priority()))
    }

    /// Two lite agents had several pairs to choose from, and the updated candidate exchange has come to these: they are
    /// nominated, in place of what this side chose by itself (RFC 8445 8.2). For the side that sent the update that is when
    /// it is answered, for the other one when it comes.
    ///
    /// # Errors
    /// See [`ReconcileError`]; nothing has changed then.
    pub fn reconcile(
        &mut self,
        now: Instant,
        stream: StreamId,
        agreed: &[Agreed],
    ) -> Result<(), ReconcileError> {
        let list = self.lists.get(&stream).ok_or(ReconcileError::UnknownStream(stream))?;
        if !self.is_without_checks(stream) || list.remote.is_none() {
            return Err(ReconcileError::Checked(stream));
        }
        if list.state == ListState::Completed {
            return if self.holds(stream, agreed) { Ok(()) } else { Err(ReconcileError::Completed(stream)) };
        }
        let possible = self.possible_pairs(stream);
        let mut chosen = Vec::new();
        for (&component, pairs) in &possible {
            let of_component = agreed.iter().find(|agreed| agreed.component == component);
            let agreed = of_component.ok_or(ReconcileError::Missing(component))?;
            let pair = pairs.iter().copied().find(|&id| self.is_pair_of(id, agreed));
            chosen.push(pair.ok_or(ReconcileError::NoSuchPair(component))?);
        }
        for id in chosen {
            self.agree_on(now, id);
        }
        if let Some(list) = self.lists.get_mut(&stream) {
            list.settled = true;
        }
        Ok(())
    }

    /// This pair is the one; another that was chosen meanwhile is not valid any more.
    fn agree_on(&mut self, now: Instant, id: PairId) {
        let Some(ends) = self.pairs.get(id).map(|pair| pair.ends.clone()) else { return };
        let others: Vec<_> = self.pairs.valid(ends.stream, ends.component).filter(|&of| of != id).collect();
        for other in others {
            self.pairs.set_validity(other, None);
            self.pairs.set_membership(other, Membership::Retired);
        }
        if self.revive(id).is_some() {
            self.add_valid(now, id);
            self.set_nominated(id);
        }
    }

    /// Whether the selected pairs are these.
    fn holds(&self, stream: StreamId, agreed: &[Agreed]) -> bool {
        let selected = |agreed: &Agreed| {
            let component = self.lists.get(&stream)?.components.get(&agreed.component)?;
            component.selected.filter(|&id| self.is_pair_of(id, agreed))
        };
        agreed.iter().all(|agreed| selected(agreed).is_some())
    }

    fn is_pair_of(&self, id: PairId, agreed: &Agreed) -> bool {
        let ends = self.pairs.get(id).map(|pair| &pair.ends);
        ends.is_some_and(|ends| {
            let base = self.locals.base(ends.base).map(|base| unscoped(base.address));
            base == Some(unscoped(agreed.local)) && ends.to == unscoped(agreed.remote)
        })
    }
}
