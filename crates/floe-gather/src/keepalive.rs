//! Bindings that are kept alive (RFC 8445 5.1.1.4).

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::{BaseId, Transmit, address::Redacted};
use floe_stun::RetransmitPolicy;

use crate::{
    ServerError, ServerId,
    round::Round,
    server::Query,
    shared::{Asked, Purpose, Shared},
};

/// No NAT forgets sooner.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// What a NAT has bound for a server-reflexive candidate.
pub(crate) struct Binding {
    pub(crate) base: BaseId,
    query: Query,
    /// What the server saw last.
    mapped: SocketAddr,
    turn: Turn,
}

/// ```text
///   Idle ──due──> Due ──slot──> Asked ──answered──> Idle
///                  └──────no answer──────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The next request is not due yet.
    Idle { due: Option<Instant> },
    /// It waits for a slot.
    Due,
    /// Its answer is still to come.
    Asked,
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, query, mapped, turn } = self;
        write!(f, "{} by {base} and {}: {turn:?}", Redacted(*mapped), query.server)
    }
}

impl Binding {
    fn is_due(&self) -> bool {
        self.turn == Turn::Due
    }

    fn is(&self, base: BaseId, server: ServerId) -> bool {
        self.base == base && self.query.server == server
    }
}

impl Round {
    /// Keeps a new binding alive from now on, until ICE has finished.
    pub(crate) fn keep_alive(
        &mut self,
        now: Instant,
        base: BaseId,
        query: Query,
        mapped: SocketAddr,
        shared: &Shared,
    ) {
        if !self.finished {
            self.bindings.push(Binding { base, query, mapped, turn: next(now, shared) });
        }
    }

    /// Whether a refresh waits for a slot.
    pub(crate) fn has_refresh(&self) -> bool {
        self.bindings.iter().any(Binding::is_due)
    }

    pub(crate) fn keepalive_due(&self) -> Option<Instant> {
        let due = |binding: &Binding| match binding.turn {
            Turn::Idle { due } => due,
            Turn::Due | Turn::Asked => None,
        };
        self.bindings.iter().filter_map(due).min()
    }

    pub(crate) fn wake_bindings(&mut self, now: Instant) {
        for binding in &mut self.bindings {
            if matches!(binding.turn, Turn::Idle { due: Some(due) } if due <= now) {
                binding.turn = Turn::Due;
            }
        }
    }

    /// The request that refreshes the next binding.
    pub(crate) fn refresh_next(
        &mut self,
        now: Instant,
        policy: RetransmitPolicy,
        shared: &mut Shared,
    ) -> Option<Transmit> {
        let binding = self.bindings.iter_mut().find(|binding| binding.is_due())?;
        binding.turn = Turn::Asked;
        let (base, server, to) = (binding.base, binding.query.server, binding.query.address);
        let asked = Asked { stream: self.stream, base, server, to, purpose: Purpose::Keep };
        self.send(now, asked, policy, shared)
    }

    /// A refresh was answered, or not. A NAT that has bound another address has forgotten the old one: while candidates
    /// may still be told of (RFC 8838 13) there is a new one; after that the checks learn it.
    pub(crate) fn refreshed(
        &mut self,
        now: Instant,
        (base, server): (BaseId, ServerId),
        result: Result<SocketAddr, ServerError>,
        shared: &mut Shared,
    ) {
        let Some(binding) = self.bindings.iter_mut().find(|binding| binding.is(base, server)) else { return };
        let result = match result {
            Err(ServerError::NoAnswer) => return binding.turn = Turn::Due,
            result => result,
        };
        binding.turn = next(now, shared);
        let query = binding.query;
        let Ok(mapped) = result.inspect_err(|why| tracing::debug!(%base, %server, %why, "not refreshed"))
        else {
            return;
        };
        if std::mem::replace(&mut binding.mapped, mapped) != mapped {
            tracing::info!(%base, %server, "a NAT has bound another address");
            self.remap(base, query, mapped, shared);
        }
    }

    fn remap(&mut self, base: BaseId, query: Query, mapped: SocketAddr, shared: &mut Shared) {
        let has_room = self.load(&shared.config) < shared.config.max_candidates;
        if self.ended || !has_room {
            return;
        }
        if let Ok(Some(candidate)) = self.reflexive(base, query, mapped, shared) {
            self.tell(candidate, Some(query.server), shared);
        }
    }

    /// ICE has finished: nothing is kept alive any more.
    pub(crate) fn finish(&mut self, shared: &mut Shared) {
        self.finished = true;
        self.bindings.clear();
        shared.silence(|asked| asked.stream != self.stream || asked.purpose != Purpose::Keep);
    }
}

fn next(now: Instant, shared: &Shared) -> Turn {
    Turn::Idle { due: Shared::deadline(now, shared.config.keepalive.max(MIN_INTERVAL)) }
}
