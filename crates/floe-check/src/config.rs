//! What an embedder may set.

use std::time::Duration;

use floe_core::Role;

/// The settings of a [`CheckSet`](crate::CheckSet). `Default` is the RFCs' values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckConfig {
    /// The role at the start (RFC 8445 6.1.1); a conflict may change it. Default: controlling.
    pub role: Role,
    /// Whether this is a lite agent (RFC 8445 2.5): it answers checks and sends no request of any kind. What the peer
    /// nominates is valid (7.3.2). Default: no.
    pub lite: bool,
    /// How many pairs all check lists together may hold (RFC 8445 6.1.2.5). Default: 100.
    pub max_pairs: usize,
    /// How many candidates the peer may signal for one stream. Default: 100.
    pub max_remote_candidates: usize,
    /// How many peer-reflexive candidates may be learnt on each side for one stream. Over it, requests are still
    /// answered. Default: 32.
    pub max_peer_reflexive: usize,
    /// The pacing interval (RFC 8445 14.2); here it only scales timeouts and estimates, the session keeps the pace.
    /// Default: 50 ms.
    pub ta: Duration,
    /// How long after both descriptions are known no check list fails (RFC 8863 4). Default: 39.5 s.
    pub patience: Duration,
    /// Whether every check of the controlling side nominates (the aggressive nomination of RFC 5245, for old peers).
    /// Default: no.
    pub aggressive: bool,
    /// Whether consent is kept up on the pairs in use, and sending ends with it (RFC 7675). Without it keepalives are
    /// sent instead, and a peer that is gone is not noticed. Default: yes.
    pub consent: bool,
    /// After how long without a datagram a pair in use gets a keepalive where consent is off (RFC 8445 11); what is
    /// shorter than 15 s is taken for 15 s. Default: 15 s.
    pub keepalive: Duration,
    /// How many valid pairs of each component are kept warm beside the selected one, where it may be replaced by
    /// renomination. Default: 2.
    pub max_warm: usize,
    /// Whether silence on a pair in use is noticed while data is sent, and the pair probed before it is told
    /// ([`Event::Silent`](crate::Event::Silent)). Default: yes.
    pub liveness: bool,
    /// The SOFTWARE attribute of requests (RFC 8489 14.14): the first 127 characters are sent. Default: none.
    pub software: Option<String>,
}

/// Tr is never shorter (RFC 8445 11).
const MIN_TR: Duration = Duration::from_secs(15);

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            role: Role::Controlling,
            lite: false,
            max_pairs: 100,
            max_remote_candidates: 100,
            max_peer_reflexive: 32,
            ta: Duration::from_millis(50),
            patience: Duration::from_millis(39_500),
            aggressive: false,
            consent: true,
            keepalive: MIN_TR,
            max_warm: 2,
            liveness: true,
            software: None,
        }
    }
}

impl CheckConfig {
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

    /// These settings with this many pairs at most.
    #[must_use]
    pub const fn max_pairs(mut self, max_pairs: usize) -> Self {
        self.max_pairs = max_pairs;
        self
    }

    /// These settings with this many signalled remote candidates a stream at most.
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

    /// These settings with this pacing interval.
    #[must_use]
    pub const fn ta(mut self, ta: Duration) -> Self {
        self.ta = ta;
        self
    }

    /// These settings with this patience before a check list may fail.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// These settings with aggressive nomination on or off.
    #[must_use]
    pub const fn aggressive(mut self, aggressive: bool) -> Self {
        self.aggressive = aggressive;
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

    /// These settings with this many pairs kept warm.
    #[must_use]
    pub const fn max_warm(mut self, max: usize) -> Self {
        self.max_warm = max;
        self
    }

    /// These settings with silence noticed or not.
    #[must_use]
    pub const fn liveness(mut self, liveness: bool) -> Self {
        self.liveness = liveness;
        self
    }

    /// Tr (RFC 8445 11).
    pub(crate) fn tr(&self) -> Duration {
        self.keepalive.max(MIN_TR)
    }

    /// These settings with this SOFTWARE attribute.
    #[must_use]
    pub fn software(mut self, software: impl Into<String>) -> Self {
        self.software = Some(software.into());
        self
    }
}
