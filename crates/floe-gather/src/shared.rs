//! What the streams share.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, StreamId, Transmit, address::Redacted};
use floe_stun::Transactions;
use rand::rngs::ChaCha20Rng;

use crate::{
    Action, Event, GatherConfig, JobId, ServerId,
    foundation::Foundations,
    place::Place,
    preference::{Preferences, ServerPreferences},
};

/// What the streams share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: GatherConfig,
    pub(crate) rng: ChaCha20Rng,
    /// The pacing interval; it scales timeouts only.
    pub(crate) ta: Duration,
    next_job: u32,
    pub(crate) foundations: Foundations,
    pub(crate) ledger: Ledger,
    pub(crate) transactions: Transactions<Asked>,
    /// Why servers were not found, in this generation.
    pub(crate) not_found: BTreeMap<ServerId, String>,
    /// The bases that the caller was told of and has not closed: they are never released.
    pub(crate) told: BTreeSet<BaseId>,
    pub(crate) out: Outbox,
}

/// Who gets which local preference.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The addresses in use.
    pub(crate) places: BTreeMap<Place, Taken>,
    pub(crate) hosts: Preferences,
    pub(crate) servers: ServerPreferences,
}

/// How an address is used.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The interface that it was found on first.
    pub(crate) interface: Box<str>,
    /// Its local preference.
    pub(crate) preference: u16,
}

/// What a Binding request was sent for, and between what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) stream: StreamId,
    pub(crate) base: BaseId,
    pub(crate) server: ServerId,
    /// Where the server is, as the base knows it.
    pub(crate) to: SocketAddr,
    pub(crate) purpose: Purpose,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, base, server, to, purpose } = *self;
        write!(f, "Asked({stream} {base} {server} {} {purpose:?})", Redacted(to))
    }
}

/// What a Binding request was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A candidate.
    Gather(JobId),
    /// To keep the binding of one.
    Keep,
}

/// What waits to be polled.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) actions: VecDeque<Action>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) transmits: VecDeque<Transmit>,
}

impl Shared {
    pub(crate) fn new(config: GatherConfig, rng: ChaCha20Rng) -> Self {
        Self {
            config,
            rng,
            ta: Duration::from_millis(50),
            next_job: 0,
            foundations: Foundations::default(),
            ledger: Ledger::default(),
            transactions: Transactions::new(),
            not_found: BTreeMap::new(),
            told: BTreeSet::new(),
            out: Outbox::default(),
        }
    }

    pub(crate) fn next_job(&mut self) -> JobId {
        let id = JobId(self.next_job);
        self.next_job += 1;
        id
    }

    /// Releases a base, unless the caller was told of it: then it is the caller's to close.
    pub(crate) fn release(&mut self, base: BaseId) {
        if !self.told.contains(&base) {
            self.out.actions.push_back(Action::Release(base));
        }
    }

    /// Takes sockets back that nobody has begun to bind. One that was begun is answered, and released then.
    pub(crate) fn withdraw(&mut self, jobs: &[JobId]) {
        let other = |action: &Action| !matches!(action, Action::Bind { job, .. } if jobs.contains(job));
        self.out.actions.retain(other);
    }

    /// Nothing is asked any more for which the answer is no.
    pub(crate) fn silence(&mut self, keep: impl Fn(&Asked) -> bool) {
        self.transactions.retain(|asked| keep(asked));
    }

    /// The same of all from this base.
    pub(crate) fn silence_base(&mut self, stream: StreamId, base: BaseId) {
        self.silence(|asked| (asked.stream, asked.base) != (stream, base));
        self.out.transmits.retain(|transmit| transmit.base != base);
    }

    /// The deadline of something that begins now; `None` where it lies beyond all time.
    pub(crate) fn deadline(now: Instant, timeout: Duration) -> Option<Instant> {
        now.checked_add(timeout)
    }
}
