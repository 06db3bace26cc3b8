//! What follows from the peer's checks: candidates learnt, triggered checks, nominations (RFC 8445 7.3.1.3 to 7.3.1.5).

use std::time::Instant;

use floe_core::{PairId, Priority, Role, StreamId, Transport, address};

use crate::{
    CheckSet, Event,
    candidates::{Base, RemoteId},
    counter::RecentRequests,
    form::Claim,
    list::Early,
    pair::{Membership, Pair, PairState},
    request::Incoming,
    sight::Sight,
};

/// How many peer-reflexive candidates are learnt on one base from one IP address. A NAT that has a mapping for each
/// destination shows one port for each socket of the peer's. Two of them that filter nothing show a new one with every
/// check that answers a check, without end and to no use, and would fill all the room there is.
const MAX_CROWD: usize = 8;

impl CheckSet {
    /// Follows up an authentic check, or, before the peer's description, remembers to. Says whether it could, and it
    /// nominates if it asks for that: what is a copy of a nominating check that came on another path does not, and is
    /// followed up like any other.
    pub(crate) fn follow_up(&mut self, now: Instant, incoming: &Incoming<'_>) -> bool {
        let sight = self.sight_of(incoming);
        let Some(list) = self.lists.get_mut(&incoming.stream) else { return false };
        let may_nominate = sight != Sight::Elsewhere;
        let early = Early {
            base: incoming.base,
            from: incoming.from,
            priority: incoming.fields.priority,
            use_candidate: incoming.fields.use_candidate && may_nominate,
            nomination: incoming.fields.nomination.filter(|_| may_nominate),
            again: sight == Sight::Again,
            id: incoming.id,
            requests: RecentRequests::default(),
        };
        let followed = match &list.remote {
            Some(remote) if remote.credentials.ufrag() == incoming.peer => {
                self.trigger(now, incoming.stream, &early).is_some()
            }
            // Another agent, where the offer was forked: its description is not the one that was chosen.
            Some(_) => false,
            None => {
                let room = list.remember(incoming.peer, early);
                self.out.counters.early_over_cap += u64::from(!room);
                room
            }
        };
        followed && may_nominate
    }

    /// Whether this nominating check is a new one; any other counts as new.
    fn sight_of(&mut self, incoming: &Incoming<'_>) -> Sight {
        let fields = &incoming.fields;
        let nominates = fields.use_candidate || fields.nomination.is_some();
        match self.lists.get_mut(&incoming.stream) {
            Some(list) if nominates && self.role == Role::Controlled => {
                list.sights.note(incoming.id, (incoming.base, incoming.from))
            }
            _ => Sight::First,
        }
    }

    /// The peer's description is there: what its early checks asked for is made up for (RFC 8445 7.3), and those of
    /// other agents are forgotten.
    pub(crate) fn follow_up_early(&mut self, now: Instant, stream: StreamId) {
        let Some(list) = self.lists.get_mut(&stream) else { return };
        let Some(remote) = &list.remote else { return };
        let mut early = std::mem::take(&mut list.early);
        early.retain(|(peer, _)| &**peer == remote.credentials.ufrag());
        // What is nominated is what data waits for: it is checked first, and in the order of the nominations.
        let (nominated, others): (Vec<_>, Vec<_>) =
            early.into_iter().partition(|(_, early)| early.use_candidate);
        for (_, early) in nominated.into_iter().chain(others) {
            self.trigger(now, stream, &early);
        }
    }

    /// A check of the peer came in on this path; gives the pair of it, if there is one and it was followed up.
    fn trigger(&mut self, now: Instant, stream: StreamId, check: &Early) -> Option<PairId> {
        let id = self.pair_of_check(stream, check)?;
        let pair = self.pairs.get_mut(id)?;
        pair.counts.requests_received += 1;
        pair.counts.responses_sent += 1;
        pair.heard = true;
        let first = pair.requests.is_empty();
        if first {
            pair.first_sent = None;
            pair.requests = check.requests;
        }
        let mut news = pair.requests.note(check.id) || first;
        if self.role == Role::Controlled && self.is_nomination(stream, check.use_candidate, check.nomination)
        {
            let pair = self.pairs.get(id)?;
            news |= pair.is_retired();
            if self.supersedes(id, check.nomination, check.again) {
                self.peer_nominates(now, id)?;
            }
        }
        if news {
            self.trigger_pair(id);
        }
        self.try_again(id);
        Some(id)
    }

    /// The pair of a received check, made where it is new; `None` where caps forbid it or the component was given up.
    fn pair_of_check(&mut self, stream: StreamId, check: &Early) -> Option<PairId> {
        if let Some(pair) = self.pairs.on_path(check.base, check.from) {
            return Some(pair);
        }
        let base = self.locals.base(check.base)?.clone();
        let list = self.lists.get(&stream)?;
        list.components.get(&base.component)?;
        let concluded = list.is_concluded(base.component);
        address::check_destination(check.from).ok()?;
        let transport = self.locals.get(base.local)?.candidate().transport();
        let known = self.remotes.find(stream, base.component, transport, check.from);
        let remote = match known {
            Some(remote) => remote,
            None => self.learn_remote(stream, check, &base, transport)?,
        };
        let ends = self.ends(base.local, remote)?;
        // RFC 8445 8.1.2: a concluded component is answered and not checked, unless the peer nominates; and a lite agent
        // checks nothing (2.5).
        if concluded || self.config.lite {
            return self.insert_pair(ends, Membership::Retired, PairState::Frozen);
        }
        if !self.make_room(stream, Claim::Triggered) {
            return None;
        }
        self.insert_pair(ends, Membership::Listed, PairState::Waiting)
    }

    fn learn_remote(
        &mut self,
        stream: StreamId,
        check: &Early,
        base: &Base,
        transport: Transport,
    ) -> Option<RemoteId> {
        let crowded = self.remotes.crowd(check.base, check.from.ip()) >= MAX_CROWD;
        if crowded || self.remotes.count(stream, false) >= self.config.max_peer_reflexive {
            self.out.counters.peer_reflexive_over_cap += 1;
            return None;
        }
        let priority: Priority = check.priority;
        let remote = self.remotes.learn((check.base, base), transport, check.from, priority);
        if let Some(learnt) = self.remotes.get(remote) {
            let candidate = learnt.candidate.clone();
            self.out.events.push_back(Event::PeerReflexive { stream, candidate, local: false });
        }
        Some(remote)
    }

    /// RFC 8445 7.3.1.4: what a received check does to its pair.
    fn trigger_pair(&mut self, id: PairId) {
        if self.is_spent(id) {
            return;
        }
        let Some(pair) = self.pairs.get_mut(id) else { return };
        if !pair.is_listed() || pair.state() == PairState::Succeeded {
            return;
        }
        let (stream, component) = (pair.ends.stream, pair.ends.component);
        if let Some(transaction) = pair.transaction.take() {
            self.transactions.stop_retransmitting(transaction);
        }
        self.pairs.set_state(id, PairState::Waiting);
        if let Some(list) = self.lists.get_mut(&stream) {
            list.triggered.push(id);
        }
        self.resume_list(stream);
        self.out.events.push_back(Event::Changed { stream, component });
    }

    /// RFC 8445 7.3.1.5: the peer nominates the pair; it holds once the pair is valid. `None` where it cannot: there is
    /// no room for a pair that was retired, or what it had made valid is so no more.
    fn peer_nominates(&mut self, now: Instant, id: PairId) -> Option<()> {
        if self.config.lite {
            return self.accept_nomination(now, id);
        }
        self.revive(id)?;
        let pair = self.pairs.get_mut(id)?;
        pair.nominate_when_valid = true;
        if pair.state() == PairState::Succeeded {
            // A pair that another one's check made valid stands for itself.
            let valid = pair.made.unwrap_or(id);
            self.revive(valid)?;
            self.pairs.get(valid)?.validity()?;
            self.set_nominated(valid);
        }
        Some(())
    }

    /// A peer of RFC 5245 may nominate one more pair after the first is selected (RFC 8445 8.1.1): it counts again.
    pub(crate) fn revive(&mut self, id: PairId) -> Option<()> {
        let Some(pair) = self.pairs.get(id).filter(|pair| pair.is_retired()) else { return Some(()) };
        let (stream, path) = (pair.ends.stream, (pair.ends.base, pair.ends.to));
        let listed = self.pairs.on_path(path.0, path.1) == Some(id);
        if listed && !self.make_room(stream, Claim::Triggered) {
            return None;
        }
        let membership = if listed { Membership::Listed } else { Membership::ValidOnly };
        self.pairs.set_membership(id, membership);
        Some(())
    }

    /// Whether a pair that is not valid yet may still be nominated in the place of this one: the peer has nominated it, or our
    /// aggressive check of it is on its way. It is not taken off the list then (RFC 8445 8.1.1, RFC 5245 8.1.1.2).
    pub(crate) fn may_overtake(&self, pair: &Pair, selected: &Pair) -> bool {
        let nominating = match self.role {
            Role::Controlled => pair.nominate_when_valid,
            // Whether it waits to be sent again says nothing: what was sent before may have nominated it over there.
            Role::Controlling => self.config.aggressive && pair.counts.requests_sent > 0,
        };
        let above = pair.priority() > selected.priority() || self.latest_counts(pair.ends.stream);
        nominating && pair.is_open() && above
    }
}
