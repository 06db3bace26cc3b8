//! What to gather.

use std::time::Duration;

/// What to gather, and how long to try.
///
/// The default gathers a host candidate on every usable address of every interface (RFC 8445 5.1.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatherConfig {
    /// Whether host candidates are gathered at all. Default: yes.
    pub host: bool,
    /// Whether the application speaks IPv4. Default: yes. One that does not gets IPv4-mapped IPv6 addresses instead,
    /// where an interface has such (RFC 8445 5.1.1.1).
    pub ipv4: bool,
    /// Whether IPv6 addresses are used. Default: yes.
    pub ipv6: bool,
    /// Whether addresses of loopback interfaces are used. Default: no, as RFC 8445 5.1.1.1 demands; for tests and
    /// demonstrations on one machine.
    pub include_loopback: bool,
    /// Whether addresses of loopback interfaces are used where there is no other usable one. Default: no.
    pub loopback_if_alone: bool,
    /// The names of the interfaces to use. Default: `None`, all of them.
    pub interfaces: Option<Vec<String>>,
    /// The names of interfaces known to connect unreliably: their candidates are tried last (RFC 8421 3). Default: none.
    pub unreliable: Vec<String>,
    /// How long the binding of one socket may take. Default: 5 s, far more than a working system needs.
    pub bind_timeout: Duration,
    /// How many candidates a stream may have at a time. Default: 64. Addresses are left out in order of preference.
    pub max_candidates: usize,
}

impl Default for GatherConfig {
    fn default() -> Self {
        Self {
            host: true,
            ipv4: true,
            ipv6: true,
            include_loopback: false,
            loopback_if_alone: false,
            interfaces: None,
            unreliable: Vec::new(),
            bind_timeout: Duration::from_secs(5),
            max_candidates: 64,
        }
    }
}

impl GatherConfig {
    /// Sets [`host`](Self::host).
    #[must_use]
    pub fn host(mut self, host: bool) -> Self {
        self.host = host;
        self
    }

    /// Sets [`ipv4`](Self::ipv4).
    #[must_use]
    pub fn ipv4(mut self, ipv4: bool) -> Self {
        self.ipv4 = ipv4;
        self
    }

    /// Sets [`ipv6`](Self::ipv6).
    #[must_use]
    pub fn ipv6(mut self, ipv6: bool) -> Self {
        self.ipv6 = ipv6;
        self
    }

    /// Sets [`include_loopback`](Self::include_loopback).
    #[must_use]
    pub fn include_loopback(mut self, include: bool) -> Self {
        self.include_loopback = include;
        self
    }

    /// Sets [`loopback_if_alone`](Self::loopback_if_alone).
    #[must_use]
    pub fn loopback_if_alone(mut self, include: bool) -> Self {
        self.loopback_if_alone = include;
        self
    }

    /// Uses the interfaces of these names only.
    #[must_use]
    pub fn interfaces(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.interfaces = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Names the interfaces that come last (RFC 8421 3).
    #[must_use]
    pub fn unreliable(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.unreliable = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets [`bind_timeout`](Self::bind_timeout).
    #[must_use]
    pub fn bind_timeout(mut self, timeout: Duration) -> Self {
        self.bind_timeout = timeout;
        self
    }

    /// Sets [`max_candidates`](Self::max_candidates).
    #[must_use]
    pub fn max_candidates(mut self, max: usize) -> Self {
        self.max_candidates = max;
        self
    }
}
