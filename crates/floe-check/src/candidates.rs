//! The candidates of both sides, as pairs refer to them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use floe_core::{
    BaseId, Candidate, CandidateKind, ComponentId, Foundation, LocalCandidate, Priority, StreamId, Transport,
    address::unscoped,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LocalId(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RemoteId(u32);

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
}

/// The local candidates of all streams.
#[derive(Debug, Default)]
pub(crate) struct Locals {
    all: BTreeMap<LocalId, Local>,
    bases: BTreeMap<BaseId, Base>,
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

    pub(crate) fn insert(&mut self, stream: StreamId, local: LocalCandidate) -> LocalId {
        let id = LocalId(self.next);
        self.next += 1;
        let local = Local { stream, local };
        if local.is_base() {
            let component = local.candidate().component();
            let base = Base { stream, component, local: id, address: local.local.base_address };
            self.bases.insert(local.local.base, base);
        }
        self.all.insert(id, local);
        id
    }

    /// Forgets the base; its candidates stay, pairs refer to them.
    pub(crate) fn close(&mut self, base: BaseId) {
        self.bases.remove(&base);
    }

    /// The candidates that checks of this component leave from.
    pub(crate) fn sending(&self, stream: StreamId, component: ComponentId) -> Vec<LocalId> {
        let mine = |base: &&Base| base.stream == stream && base.component == component;
        self.bases.values().filter(mine).map(|base| base.local).collect()
    }

    /// The candidate that the peer sees as this address when `base` sends: one of that base, else one of the component.
    pub(crate) fn find(&self, base: BaseId, address: SocketAddr) -> Option<LocalId> {
        let Base { stream, component, .. } = *self.bases.get(&base)?;
        let there = |local: &Local| {
            local.stream == stream
                && local.candidate().component() == component
                && local.candidate().socket_addr() == Some(unscoped(address))
        };
        let mut found = self.all.iter().filter(|(_, local)| there(local));
        let first = found.clone().next();
        found.find(|(_, local)| local.local.base == base).or(first).map(|(&id, _)| id)
    }

    pub(crate) fn count_peer_reflexive(&self, stream: StreamId) -> usize {
        let learnt = |local: &&Local| {
            local.stream == stream && local.candidate().kind() == CandidateKind::PeerReflexive
        };
        self.all.values().filter(learnt).count()
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
        let key = (remote.stream, remote.candidate.component(), remote.candidate.transport(), remote.address);
        self.by_address.insert(key, id);
        self.all.insert(id, remote);
        id
    }

    /// Puts what was signalled in the place of what was learnt or known.
    pub(crate) fn replace(&mut self, id: RemoteId, candidate: Candidate) {
        if let Some(remote) = self.all.get_mut(&id) {
            remote.candidate = candidate;
            remote.signalled = true;
        }
    }

    pub(crate) fn of_component(&self, stream: StreamId, component: ComponentId) -> Vec<RemoteId> {
        let mine = |remote: &Remote| remote.stream == stream && remote.candidate.component() == component;
        self.all.iter().filter(|(_, remote)| mine(remote)).map(|(&id, _)| id).collect()
    }

    /// How many candidates of a stream were signalled, or else learnt.
    pub(crate) fn count(&self, stream: StreamId, signalled: bool) -> usize {
        self.all.values().filter(|remote| remote.stream == stream && remote.signalled == signalled).count()
    }

    /// A peer-reflexive candidate (RFC 8445 7.3.1.3) with a foundation that no other has.
    pub(crate) fn learn(
        &mut self,
        base: &Base,
        transport: Transport,
        from: SocketAddr,
        priority: Priority,
    ) -> RemoteId {
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
        let taken =
            |text: &str| self.all.values().any(|remote| remote.candidate.foundation().as_str() == text);
        let text = (self.next..).map(|n| format!("PR{n}")).find(|text| !taken(text));
        plain_foundation(&text.unwrap_or_default())
    }
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
