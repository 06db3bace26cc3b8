//! What an embedder may set.

use std::{fmt, time::Duration};

use floe_core::{Role, ServerTransport};
use floe_gather::GatherConfig;
use floe_nominate::{Nomination, Policy};

use crate::{IceServer, SharedPace};

/// The components of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamConfig {
    /// How many, from 1 to 256: 1 where RTP and RTCP share one, 2 where they do not (RFC 8445 5.1.1.1). Default: 1.
    pub components: u16,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self { components: 1 }
    }
}

/// The settings of a [`Session`](crate::Session).
///
/// There is no `Default`: the seed has no default that would be safe. `Debug` does not show it.
#[non_exhaustive]
pub struct SessionConfig {
    /// Seeds the generators of credentials, tie-breakers and transaction ids: 32 bytes of the system's randomness, never
    /// used for another session.
    pub seed: [u8; 32],
    /// The role at the start (RFC 8445 6.1.1): of two full agents the initiator controls. Default: controlling.
    pub role: Role,
    /// Whether this is a lite agent (RFC 8445 2.5): for hosts that everybody can reach, such as servers. It gathers host
    /// candidates only, answers checks and sends no request of any kind, and a full peer always controls it. Default: no.
    ///
    /// What it cannot know it does not judge: it waits for a nomination without end, for a full peer's checks may take as
    /// long as they like, and it asks for no consent (RFC 7675 1), so that it sends until it is closed, its socket is gone
    /// or the peer nominates another pair. Watch for silence yourself. Keepalives go where nothing else does (RFC 8445 11).
    pub lite: bool,
    /// The streams. Default: one of one component.
    pub streams: Vec<StreamConfig>,
    /// What is gathered. Its servers are taken from [`servers`](Self::servers).
    pub gather: GatherConfig,
    /// The STUN and TURN servers, in order of preference. Default: none.
    pub servers: Vec<IceServer>,
    /// What servers may be reached by, the best first: what the driver has. Default: all that there are.
    pub transports: Vec<ServerTransport>,
    /// How the controlling side nominates. Default: [`Nomination::Eager`].
    pub nomination: Nomination,
    /// A policy of your own in place of a built-in one. Default: none.
    pub policy: Option<Box<dyn Policy>>,
    /// The pacing interval this side proposes (RFC 8445 14.2); the larger of both holds, and never less than 5 ms.
    /// Default: 50 ms.
    pub ta: Duration,
    /// A pace that is shared with other sessions: over all of them one transaction starts in 5 ms, as RFC 8445 14.2 asks of
    /// all agents of a process. Default: none, for a session knows no other.
    pub shared_pace: Option<SharedPace>,
    /// How many pairs are checked (RFC 8445 6.1.2.5). Default: 100.
    pub max_pairs: usize,
    /// How many candidates the peer may signal for one stream. Default: 100.
    pub max_remote_candidates: usize,
    /// How many peer-reflexive candidates may be learnt on each side for one stream. Over it, checks are still answered.
    /// Default: 32.
    pub max_peer_reflexive: usize,
    /// How long after both descriptions are known the session does not fail (RFC 8863 4); at most a week. Default: 39.5
    /// s.
    pub patience: Duration,
    /// Whether consent is kept up on the pairs that data goes over, and sending ends with it (RFC 7675). Without it
    /// keepalives are sent, and a peer that is gone is not noticed. Default: yes.
    pub consent: bool,
    /// After how long without a datagram a keepalive is sent where consent is off (RFC 8445 11); what is shorter than
    /// 15 s is taken for 15 s. Default: 15 s.
    pub keepalive: Duration,
    /// Whether silence is noticed while data is sent: the state is `Disconnected` then, within three round trips and
    /// 500 ms, until something is heard. Before that the pair in use is probed; where data goes one way only, that takes
    /// a few small datagrams a second. Default: yes.
    pub liveness: bool,
    /// The SOFTWARE attribute of checks, and of requests to servers. Default: none, it tells strangers what to attack.
    pub software: Option<String>,
    /// Whether another pair may be selected after the first, where the peer can do so as well
    /// (draft-thatcher-ice-renomination): the option `renomination` is announced. With [`Nomination::Aggressive`] it is
    /// not. Default: yes.
    pub renomination: bool,
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed: _, role, lite, streams, gather, nomination, policy, ta, max_pairs, .. } = self;
        let Self {
            servers,
            transports,
            max_remote_candidates,
            max_peer_reflexive,
            patience,
            software,
            shared_pace,
            consent,
            keepalive,
            renomination,
            liveness,
            ..
        } = self;
        f.debug_struct("SessionConfig")
            .field("role", role)
            .field("lite", lite)
            .field("streams", streams)
            .field("gather", gather)
            .field("servers", servers)
            .field("transports", transports)
            .field("nomination", nomination)
            .field("policy", policy)
            .field("ta", ta)
            .field("shared_pace", shared_pace)
            .field("max_pairs", max_pairs)
            .field("max_remote_candidates", max_remote_candidates)
            .field("max_peer_reflexive", max_peer_reflexive)
            .field("patience", patience)
            .field("consent", consent)
            .field("keepalive", keepalive)
            .field("liveness", liveness)
            .field("software", software)
            .field("renomination", renomination)
            .finish_non_exhaustive()
    }
}

impl SessionConfig {
    /// The defaults, with this seed.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            role: Role::Controlling,
            lite: false,
            streams: vec![StreamConfig::default()],
            gather: GatherConfig::default(),
            servers: Vec::new(),
            transports: ServerTransport::ALL.to_vec(),
            nomination: Nomination::default(),
            policy: None,
            ta: Duration::from_millis(50),
            shared_pace: None,
            max_pairs: 100,
            max_remote_candidates: 100,
            max_peer_reflexive: 32,
            patience: Duration::from_millis(39_500),
            consent: true,
            keepalive: Duration::from_secs(15),
            liveness: true,
            software: None,
            renomination: true,
        }
    }

    /// These settings with this role at the start.
    #[must_use]
    pub const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// These settings for a lite agent, or a full one.
    #[must_use]
    pub const fn lite(mut self, lite: bool) -> Self {
        self.lite = lite;
        self
    }

    /// These settings with these streams.
    #[must_use]
    pub fn streams(mut self, streams: Vec<StreamConfig>) -> Self {
        self.streams = streams;
        self
    }

    /// These settings with this gathering.
    #[must_use]
    pub fn gather(mut self, gather: GatherConfig) -> Self {
        self.gather = gather;
        self
    }

    /// These settings with these STUN and TURN servers.
    #[must_use]
    pub fn servers(mut self, servers: impl IntoIterator<Item = IceServer>) -> Self {
        self.servers = servers.into_iter().collect();
        self
    }

    /// These settings with servers reached by these transports only.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = ServerTransport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    /// These settings with this built-in policy.
    #[must_use]
    pub fn nomination(mut self, nomination: Nomination) -> Self {
        self.nomination = nomination;
        self
    }

    /// These settings with a policy of your own.
    #[must_use]
    pub fn policy(mut self, policy: Box<dyn Policy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// These settings with this proposal for the pacing interval.
    #[must_use]
    pub const fn ta(mut self, ta: Duration) -> Self {
        self.ta = ta;
        self
    }

    /// These settings with a pace that is shared with other sessions.
    #[must_use]
    pub fn shared_pace(mut self, pace: SharedPace) -> Self {
        self.shared_pace = Some(pace);
        self
    }

    /// These settings with this many pairs at most.
    #[must_use]
    pub const fn max_pairs(mut self, max_pairs: usize) -> Self {
        self.max_pairs = max_pairs;
        self
    }

    /// These settings with this many remote candidates a stream at most.
    #[must_use]
    pub const fn max_remote_candidates(mut self, max: usize) -> Self {
        self.max_remote_candidates = max;
        self
    }

    /// These settings with this many peer-reflexive candidates a side and stream at most.
    #[must_use]
    pub const fn max_peer_reflexive(mut self, max: usize) -> Self {
        self.max_peer_reflexive = max;
        self
    }

    /// These settings with this patience.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// These settings with consent on or off.
    #[must_use]
    pub const fn consent(mut self, consent: bool) -> Self {
        self.consent = consent;
        self
    }

    /// These settings with this time to a keepalive.
    #[must_use]
    pub const fn keepalive(mut self, keepalive: Duration) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// These settings with renomination on or off.
    #[must_use]
    pub const fn renomination(mut self, renomination: bool) -> Self {
        self.renomination = renomination;
        self
    }

    /// These settings with silence noticed or not.
    #[must_use]
    pub const fn liveness(mut self, liveness: bool) -> Self {
        self.liveness = liveness;
        self
    }

    /// These settings with this SOFTWARE attribute.
    #[must_use]
    pub fn software(mut self, software: impl Into<String>) -> Self {
        self.software = Some(software.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_never_shown() {
        let shown = format!("{:?}", SessionConfig::new([0xab; 32]));
        assert!(!shown.contains("seed") && !shown.contains("171"), "{shown}");
    }
}
