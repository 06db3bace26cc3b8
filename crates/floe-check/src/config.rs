//! What an embedder may set.

use std::time::Duration;

use floe_core::Role;

/// The settings of a [`CheckSet`](crate::CheckSet). `Default` is the RFCs' values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckConfig {
    /// The role at the start (RFC 8445 6.1.1); a conflict may change it. Default: controlling.
    pub role: Role,
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
    /// The SOFTWARE attribute of requests (RFC 8489 14.14): the first 127 characters are sent. Default: none.
    pub software: Option<String>,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            role: Role::Controlling,
            max_pairs: 100,
            max_remote_candidates: 100,
            max_peer_reflexive: 32,
            ta: Duration::from_millis(50),
            patience: Duration::from_millis(39_500),
            aggressive: false,
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

    /// These settings with this SOFTWARE attribute.
    #[must_use]
    pub fn software(mut self, software: impl Into<String>) -> Self {
        self.software = Some(software.into());
        self
    }
}
