//! A check list: what belongs to one stream (RFC 8445 6.1.2).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, ComponentId, Credentials, PairId, Priority};
use floe_stun::{Key, TransactionId};

use crate::{FailReason, counter::RecentRequests, queue::Queue, renominate::InForce, sight::Sights};

/// The state of a check list (RFC 8445 6.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListState {
    /// Checks go on, or candidates may still come.
    Running,
    /// Every component has its selected pair.
    Completed,
    /// Some component has no valid pair and nothing is left to check.
    Failed,
}

/// What the peer said of itself for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteParameters {
    /// Its credentials.
    pub credentials: Credentials,
    /// Its highest component, where signalling tells: components over it are given up (RFC 8445 6.1.2.2).
    pub components: Option<u16>,
}

/// The peer's credentials, ready for use.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) credentials: Credentials,
    pub(crate) key: Key,
    /// USERNAME of checks: the peer's ufrag, a colon, ours (RFC 8445 7.2.2).
    pub(crate) username: Box<str>,
}

/// What this agent was called before a restart: requests in the old name are answered, and change nothing.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) ufrag: Box<str>,
    pub(crate) key: Key,
    /// The paths the peer, who knows the password, was heard on.
    pub(crate) heard: BTreeSet<(BaseId, SocketAddr)>,
}

impl Former {
    /// The peer was heard on this path.
    pub(crate) fn hear(&mut self, base: BaseId, from: SocketAddr) {
        if self.heard.len() < MAX_HEARD {
            self.heard.insert((base, from));
        }
    }
}

/// How many paths of a former generation data is taken from.
const MAX_HEARD: usize = 256;

/// A component of the stream.
#[derive(Debug, Default)]
pub(crate) struct Component {
    /// The selected pair, once there is one.
    pub(crate) selected: Option<PairId>,
    /// The nomination that counts, where there may be several.
    pub(crate) in_force: Option<InForce>,
    /// The longest round trip measured: see [`floe_core::Outlook`].
    pub(crate) round_trip: Option<Duration>,
    /// The shortest time that the answer to a check that was resent took, counted from its first sending: used while no
    /// round trip is measured.
    pub(crate) bound: Option<Duration>,
    /// Whether checks towards the peer's NAT had their second try.
    pub(crate) retried: bool,
    /// Why the latest of its pairs failed.
    pub(crate) last_failure: Option<FailReason>,
}

/// A check that came before the peer's description (RFC 8445 7.3): answered, and still to be followed up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Early {
    pub(crate) base: BaseId,
    pub(crate) from: SocketAddr,
    pub(crate) priority: Priority,
    pub(crate) use_candidate: bool,
    /// The value of its NOMINATION.
    pub(crate) nomination: Option<u32>,
    /// Whether it nominates and has done so before: it was resent, or is a copy.
    pub(crate) again: bool,
    pub(crate) id: TransactionId,
    /// The latest on this path, whose answers are counted.
    pub(crate) requests: RecentRequests,
}

/// Until when the list must not fail (RFC 8863 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// The peer's description is still to come.
    Unset,
    Until(Instant),
    Over,
}

impl Patience {
    pub(crate) fn is_over(self, now: Instant) -> bool {
        match self {
            Self::Unset => false,
            Self::Until(at) => at <= now,
            Self::Over => true,
        }
    }
}

/// How many early checks of different paths are remembered for one stream.
const MAX_EARLY: usize = 64;

#[derive(Debug)]
pub(crate) struct CheckList {
    pub(crate) components: BTreeMap<ComponentId, Component>,
    pub(crate) local: Credentials,
    pub(crate) local_key: Key,
    pub(crate) remote: Option<Remote>,
    pub(crate) state: ListState,
    pub(crate) triggered: Queue,
    /// By the peer's ufrag, since the description that comes may be another's (forking).
    pub(crate) early: Vec<(Box<str>, Early)>,
    pub(crate) local_ended: bool,
    pub(crate) remote_ended: bool,
    pub(crate) patience: Patience,
    /// The generations before, the latest last.
    pub(crate) former: Vec<Former>,
    /// Whether both sides take a second nomination.
    pub(crate) renomination: bool,
    /// Whether the peer is a lite agent.
    pub(crate) peer_lite: bool,
    /// Between lite agents: whether the pairs were chosen.
    pub(crate) settled: bool,
    /// Whether the peer is one of RFC 8445.
    pub(crate) ice2: bool,
    /// The peer's nominating checks.
    pub(crate) sights: Sights,
}

impl CheckList {
    pub(crate) fn new(components: &[ComponentId], local: Credentials) -> Self {
        Self {
            components: components.iter().map(|&id| (id, Component::default())).collect(),
            local_key: Key::short_term(local.pwd()),
            local,
            remote: None,
            state: ListState::Running,
            triggered: Queue::default(),
            early: Vec::new(),
            local_ended: false,
            remote_ended: false,
            patience: Patience::Unset,
            former: Vec::new(),
            renomination: false,
            peer_lite: false,
            settled: false,
            ice2: false,
            sights: Sights::default(),
        }
    }

    /// Remembers an early check; a repeated one adds its USE-CANDIDATE, and one that nominates goes behind those that did
    /// before. Says whether there was room.
    pub(crate) fn remember(&mut self, ufrag: &str, mut early: Early) -> bool {
        let same = |(u, e): &(Box<str>, Early)| &**u == ufrag && e.base == early.base && e.from == early.from;
        if let Some(at) = self.early.iter().position(same) {
            let is_latest = early.use_candidate && !early.again;
            if let Some((_, known)) = self.early.get_mut(at) {
                known.use_candidate |= early.use_candidate;
                known.requests.note(early.id);
                known.nomination = known.nomination.max(early.nomination);
            }
            if is_latest && let Some(later) = self.early.get_mut(at..) {
                later.rotate_left(1);
            }
            return true;
        }
        early.requests.note(early.id);
        let room = self.early.len() < MAX_EARLY;
        if room {
            self.early.push((ufrag.into(), early));
        }
        room
    }

    /// One more answer to an early check; how many that makes, 0 for one that is not remembered.
    pub(crate) fn count_early_answer(&mut self, base: BaseId, from: SocketAddr, id: TransactionId) -> u8 {
        let early = self.early.iter_mut().map(|(_, early)| early);
        let here = early.filter(|early| (early.base, early.from) == (base, from));
        here.map(|early| early.requests.count_answer(id)).max().unwrap_or_default()
    }

    /// Whether an early check came on this path. Once the description is there none is remembered.
    pub(crate) fn heard_early(&self, base: BaseId, from: SocketAddr) -> bool {
        self.early.iter().any(|(_, early)| (early.base, early.from) == (base, from))
    }

    /// A base is gone, and what was heard on it leads nowhere.
    pub(crate) fn forget_base(&mut self, base: BaseId) {
        self.early.retain(|(_, early)| early.base != base);
        for former in &mut self.former {
            former.heard.retain(|&(on, _)| on != base);
        }
    }

    /// Whether the peer was heard on this path before a restart: its data may still be on the way.
    pub(crate) fn heard_before(&self, base: BaseId, from: SocketAddr) -> bool {
        self.former.iter().any(|former| former.heard.contains(&(base, from)))
    }

    /// The key of requests that call this agent so, now or before a restart.
    pub(crate) fn key_of(&self, ufrag: &str) -> Option<&Key> {
        if ufrag == self.local.ufrag() {
            return Some(&self.local_key);
        }
        self.former.iter().find(|former| &*former.ufrag == ufrag).map(|former| &former.key)
    }

    /// The generation before a restart in which this agent was called so.
    pub(crate) fn former_named(&mut self, ufrag: &str) -> Option<&mut Former> {
        self.former.iter_mut().find(|former| &*former.ufrag == ufrag)
    }

    /// Whether the component has its pair for good (RFC 8445 8.1.2).
    pub(crate) fn is_concluded(&self, component: ComponentId) -> bool {
        !self.renomination
            && self.components.get(&component).is_some_and(|component| component.selected.is_some())
    }
}

impl Remote {
    pub(crate) fn new(credentials: Credentials, local: &Credentials) -> Self {
        Self {
            key: Key::short_term(credentials.pwd()),
            username: format!("{}:{}", credentials.ufrag(), local.ufrag()).into(),
            credentials,
        }
    }
}
