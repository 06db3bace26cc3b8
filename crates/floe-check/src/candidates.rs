//! The candidates of both sides, as pairs refer to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, Foundation, LocalCandidate, Priority, StreamId, Transport,
    address::unscoped,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LocalId(u32);

impl LocalId {
    pub(crate) const MIN: Self = Self(0);
    pub(crate) const MAX: Self = Self(u32::MAX);

    #[cfg(test)]
    pub(crate) const fn nth(n: u32) -> Self {
        Self(n)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RemoteId(u32);

#[cfg(test)]
impl RemoteId {
    pub(crate) const fn nth(n: u32) -> Self {
        Self(n)
    }
}

/// A candidate of this agent.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) stream: StreamId,
    pub(crate) local: LocalCandidate,
}

impl Local {
    pub(crate) fn candidate(&self) -> &Candidate {
        &self.local.candidate
    }

    /// Whether checks leave from it: its base is itself (RFC 8445 5.1.1).
    pub(crate) fn is_base(&self) -> bool {
        matches!(self.candidate().kind(), CandidateKind::Host | CandidateKind::Relayed)
    }
}

/// What is known of a base.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) stream: StreamId,
    pub(crate) component: ComponentId,
    /// Its own candidate: a host or relayed one.
    pub(crate) local: LocalId,
    /// Its address with scope.
    pub(crate) address: SocketAddr,
    /// Whether it was offered in this generation: after a restart it has to be offered again.
    pub(crate) offered: bool,
}

/// By what the peer, and by what this agent, knows a local candidate.
type LocalKey = (StreamId, ComponentId, Transport, SocketAddr, BaseId);

/// The local candidates of all streams.
#[derive(Debug, Default)]
pub(crate) struct Locals {
    all: BTreeMap<LocalId, Local>,
    bases: BTreeMap<BaseId, Base>,
    by_key: BTreeMap<LocalKey, LocalId>,
    /// The candidates that checks of a component leave from.
    sending: BTreeMap<(StreamId, ComponentId), BTreeSet<LocalId>>,
    /// How many peer-reflexive candidates each stream has.
    learnt: BTreeMap<StreamId, usize>,
    /// The foundations of peer-reflexive candidates: one for each base address (RFC 8445 5.1.1.3).
    reflexive_foundations: BTreeMap<(IpAddr, Transport), Foundation>,
    next: u32,
}

impl Locals {
    pub(crate) fn get(&self, id: LocalId) -> Option<&Local> {
        self.all.get(&id)
    }

    pub(crate) fn base(&self, base: BaseId) -> Option<&Base> {
        self.bases.get(&base)
    }

    /// Whether the same address of the same base is known already (RFC 8838 9).
    pub(crate) fn has(&self, stream: StreamId, local: &LocalCandidate) -> bool {
        key(stream, local).is_some_and(|key| self.by_key.contains_key(&key))
    }

    /// Whether an address of this base is known that is not its own, as a server or the peer sees it.
    pub(crate) fn is_known_outside(&self, base: BaseId) -> bool {
        let of_base = self.by_key.iter().filter(|((.., of), _)| *of == base);
        of_base.filter_map(|(_, &id)| self.get(id)).any(|local| !local.is_base())
    }

    pub(crate) fn insert(&mut self, stream: StreamId, local: LocalCandidate) -> LocalId {
        let id = LocalId(self.next);
        self.next += 1;
        self.by_key.extend(key(stream, &local).map(|key| (key, id)));
        let local = Local { stream, local };
        let component = local.candidate().component();
        if local.is_base() {
            let address = local.local.base_address;
            let base = Base { stream, component, local: id, address, offered: true };
            self.bases.insert(local.local.base, base);
            self.sending.entry((stream, component)).or_default().insert(id);
        }
        if local.candidate().kind() == CandidateKind::PeerReflexive {
            *self.learnt.entry(stream).or_default() += 1;
        }
        self.all.insert(id, local);
        id
    }

    /// Forgets the base; its candidates stay, pairs refer to them, but nobody is seen as one of them any more.
    pub(crate) fn close(&mut self, base: BaseId) {
        self.by_key.retain(|&(.., of), _| of != base);
        if let Some(Base { stream, component, local, .. }) = self.bases.remove(&base)
            && let Some(sending) = self.sending.get_mut(&(stream, component))
        {
            sending.remove(&local);
        }
    }

    /// A restart of the stream: its candidates are offered no more, and forgotten but for these. Its bases stay: what
    /// comes in on them is still answered (RFC 8445 9).
    pub(crate) fn restart(&mut self, stream: StreamId, kept: &BTreeSet<LocalId>) {
        self.by_key.retain(|&(of, ..), _| of != stream);
        self.sending.retain(|&(of, _), _| of != stream);
        self.learnt.remove(&stream);
        for base in self.bases.values_mut().filter(|base| base.stream == stream) {
            base.offered = false;
        }
        self.forget_unused(stream, kept);
    }

    /// Forgets the candidates of former generations, but for these and those that bases stand for.
    pub(crate) fn forget_unused(&mut self, stream: StreamId, kept: &BTreeSet<LocalId>) {
        let bases: BTreeSet<_> = self.bases.values().map(|base| base.local).collect();
        let offered: BTreeSet<_> = self.by_key.values().copied().collect();
        let used = |id: &LocalId| kept.contains(id) || bases.contains(id) || offered.contains(id);
        self.all.retain(|id, local| local.stream != stream || used(id));
    }

    /// The candidates that checks of this component leave from.
    pub(crate) fn sending(&self, stream: StreamId, component: ComponentId) -> Vec<LocalId> {
        self.sending.get(&(stream, component)).into_iter().flatten().copied().collect()
    }

    /// The candidate that the peer sees as this address when `base` sends: one of that base, else one of the component.
    pub(crate) fn find(&self, base: BaseId, address: SocketAddr) -> Option<LocalId> {
        let Base { stream, component, local, .. } = *self.bases.get(&base)?;
        let transport = self.all.get(&local)?.candidate().transport();
        let key = |base| (stream, component, transport, unscoped(address), base);
        let first = || self.by_key.range(key(BaseId(0))..=key(BaseId(u32::MAX))).next().map(|(_, &id)| id);
        self.by_key.get(&key(base)).copied().or_else(first)
    }

    pub(crate) fn count_peer_reflexive(&self, stream: StreamId) -> usize {
        self.learnt.get(&stream).copied().unwrap_or_default()
    }

    /// A peer-reflexive candidate (RFC 8445 7.2.5.3.1).
    pub(crate) fn learn(&mut self, base: BaseId, mapped: SocketAddr, priority: Priority) -> Option<LocalId> {
        let known = self.bases.get(&base)?.clone();
        let transport = self.all.get(&known.local)?.candidate().transport();
        let fresh = self.reflexive_foundations.len() + 1;
        let key = (known.address.ip(), transport);
        let text = format!("PL{fresh}");
        let foundation =
            self.reflexive_foundations.entry(key).or_insert_with(|| plain_foundation(&text)).clone();
        let candidate = Candidate::builder(CandidateKind::PeerReflexive, transport, mapped)
            .component(known.component)
            .priority(priority)
            .foundation(foundation)
            .related(known.address)
            .build()
            .ok()?;
        Some(self.insert(known.stream, LocalCandidate { candidate, base, base_address: known.address }))
    }
}

/// A candidate of the peer.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) stream: StreamId,
    pub(crate) candidate: Candidate,
    pub(crate) address: SocketAddr,
    /// Whether signalling named it, or only a check came from it.
    pub(crate) signalled: bool,
}

/// The remote candidates of all streams.
#[derive(Debug, Default)]
pub(crate) struct Remotes {
    all: BTreeMap<RemoteId, Remote>,
    by_address: BTreeMap<(StreamId, ComponentId, Transport, SocketAddr), RemoteId>,
    of_component: BTreeMap<(StreamId, ComponentId), BTreeSet<RemoteId>>,
    /// How many of each stream were signalled, and how many learnt.
    counts: BTreeMap<(StreamId, bool), usize>,
    /// How many were learnt on each base from each IP address.
    crowds: BTreeMap<(BaseId, IpAddr), usize>,
    /// How many have each foundation.
    foundations: BTreeMap<Foundation, usize>,
    next: u32,
}

impl Remotes {
    pub(crate) fn get(&self, id: RemoteId) -> Option<&Remote> {
        self.all.get(&id)
    }

    pub(crate) fn find(
        &self,
        stream: StreamId,
        component: ComponentId,
        transport: Transport,
        address: SocketAddr,
    ) -> Option<RemoteId> {
        self.by_address.get(&(stream, component, transport, address)).copied()
    }

    pub(crate) fn insert(&mut self, remote: Remote) -> RemoteId {
        let id = RemoteId(self.next);
        self.next += 1;
        let Remote { stream, ref candidate, address, signalled } = remote;
        let component = candidate.component();
        self.by_address.insert((stream, component, candidate.transport(), address), id);
        self.of_component.entry((stream, component)).or_default().insert(id);
        *self.counts.entry((stream, signalled)).or_default() += 1;
        *self.foundations.entry(candidate.foundation().clone()).or_default() += 1;
        self.all.insert(id, remote);
        id
    }

    /// Puts what was signalled in the place of what was learnt or known.
    pub(crate) fn replace(&mut self, id: RemoteId, candidate: Candidate) {
        let Some(remote) = self.all.get_mut(&id) else { return };
        *self.foundations.entry(candidate.foundation().clone()).or_default() += 1;
        let before = std::mem::replace(&mut remote.candidate, candidate);
        if !std::mem::replace(&mut remote.signalled, true) {
            *self.counts.entry((remote.stream, false)).or_default() -= 1;
            *self.counts.entry((remote.stream, true)).or_default() += 1;
        }
        self.drop_foundation(before.foundation());
    }

    /// A restart of the stream: the peer's candidates are void (RFC 8445 9), and forgotten but for these.
    pub(crate) fn restart(&mut self, stream: StreamId, kept: &BTreeSet<RemoteId>) {
        self.by_address.retain(|&(of, ..), _| of != stream);
        self.of_component.retain(|&(of, _), _| of != stream);
        self.counts.retain(|&(of, _), _| of != stream);
        self.forget_unused(stream, kept);
    }

    /// Forgets the candidates of former generations, but for these.
    pub(crate) fn forget_unused(&mut self, stream: StreamId, kept: &BTreeSet<RemoteId>) {
        let current: BTreeSet<_> = self.by_address.values().copied().collect();
        let used = |id: &RemoteId| kept.contains(id) || current.contains(id);
        let gone = |(id, remote): &(&RemoteId, &Remote)| remote.stream == stream && !used(id);
        let gone: Vec<_> = self.all.iter().filter(gone).map(|(&id, _)| id).collect();
        for id in gone {
            if let Some(remote) = self.all.remove(&id) {
                self.drop_foundation(remote.candidate.foundation());
            }
        }
    }

    fn drop_foundation(&mut self, foundation: &Foundation) {
        if let Some(users) = self.foundations.get_mut(foundation) {
            *users -= 1;
            if *users == 0 {
                self.foundations.remove(foundation);
            }
        }
    }

    pub(crate) fn of_component(&self, stream: StreamId, component: ComponentId) -> Vec<RemoteId> {
        self.of_component.get(&(stream, component)).into_iter().flatten().copied().collect()
    }

    /// How many candidates of a stream were signalled, or else learnt.
    pub(crate) fn count(&self, stream: StreamId, signalled: bool) -> usize {
        self.counts.get(&(stream, signalled)).copied().unwrap_or_default()
    }

    /// How many candidates were learnt on this base from this IP address.
    pub(crate) fn crowd(&self, base: BaseId, ip: IpAddr) -> usize {
        self.crowds.get(&(base, ip)).copied().unwrap_or_default()
    }

    /// The base is gone, or begins anew.
    pub(crate) fn forget_crowds(&mut self, gone: impl Fn(BaseId) -> bool) {
        self.crowds.retain(|&(base, _), _| !gone(base));
    }

    /// A peer-reflexive candidate (RFC 8445 7.3.1.3) with a foundation that no other has.
    pub(crate) fn learn(
        &mut self,
        base: (BaseId, &Base),
        transport: Transport,
        from: SocketAddr,
        priority: Priority,
    ) -> RemoteId {
        let (id, base) = base;
        *self.crowds.entry((id, from.ip())).or_default() += 1;
        let foundation = self.fresh_foundation();
        let candidate = Candidate::builder(CandidateKind::PeerReflexive, transport, from)
            .component(base.component)
            .priority(priority)
            .foundation(foundation)
            .related(SocketAddr::new(unspecified(from), 9))
            .build()
            .expect(
                "invariant: a peer-reflexive candidate with related address and no extensions is well formed",
            );
        self.insert(Remote { stream: base.stream, candidate, address: from, signalled: false })
    }

    fn fresh_foundation(&self) -> Foundation {
        let mut names = (self.next..).map(|n| plain_foundation(&format!("PR{n}")));
        names.find(|name| !self.foundations.contains_key(name)).unwrap_or_else(|| Foundation::from(0))
    }
}

fn key(stream: StreamId, local: &LocalCandidate) -> Option<LocalKey> {
    let candidate = &local.candidate;
    Some((stream, candidate.component(), candidate.transport(), candidate.socket_addr()?, local.base))
}

fn plain_foundation(text: &str) -> Foundation {
    Foundation::new(text).unwrap_or_else(|_| Foundation::from(0))
}

/// The hidden related address of RFC 8839 5.1: what lies behind the peer's NAT is not ours to know.
fn unspecified(like: SocketAddr) -> IpAddr {
    match like {
        SocketAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}
