//! What to gather.

use std::{net::SocketAddr, time::Duration};

use floe_core::{CandidateKind, Nat64Prefix};

use crate::{Server, Target, TypePreferences};

/// What to gather, and how long to try.
///
/// The default gathers a host candidate on every usable address of every interface (RFC 8445 5.1.1.1), and whatever the
/// [`servers`](Self::servers) give, of which there are none at first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatherConfig {
    /// The STUN and TURN servers, in the user's order (RFC 8445 5.1.1.2): each is asked from every base of its address
    /// family. A TURN server serves as a STUN server where relayed candidates are off. Default: none.
    pub servers: Vec<Server>,
    /// Whether host candidates are told of at all. Default: yes. Without them sockets are bound only where a server of
    /// the family is asked, and no related address gives the host's address away.
    pub host: bool,
    /// Whether server-reflexive candidates are told of. Default: yes. Without them no related address gives the mapped
    /// address away.
    pub server_reflexive: bool,
    /// Whether relayed candidates are told of, and allocations asked for. Default: yes.
    pub relayed: bool,
    /// Whether this is a lite agent (RFC 8445 5.2): host candidates only, and one for each IP address. Default: no.
    pub lite: bool,
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
    /// What the network's NAT64 has a host without an IPv4 address put before one (RFC 6052): IPv4 servers are asked from
    /// IPv6 bases then, and give IPv4 candidates (RFC 8445 5.1.1.2). Whoever sends puts it there. Default: none.
    pub nat64: Option<Nat64Prefix>,
    /// The names of the interfaces to use. Default: `None`, all of them.
    pub interfaces: Option<Vec<String>>,
    /// The names of interfaces known to connect unreliably: their candidates are tried last (RFC 8421 3). Default: none.
    pub unreliable: Vec<String>,
    /// What SOFTWARE says in Binding requests (RFC 8489 6.1, 14.14), at most 127 characters: a longer one is cut. Default:
    /// `None`, for it tells whoever listens what to attack (RFC 8489 16.1.2).
    pub software: Option<String>,
    /// How many requests to one server may be unanswered at a time (RFC 8489 6.2), 1 at least. Default: 10.
    pub max_unanswered: usize,
    /// How long the binding of one socket may take. Default: 5 s, far more than a working system needs.
    pub bind_timeout: Duration,
    /// How long the name of a server may take to be resolved. Default: 10 s.
    pub resolve_timeout: Duration,
    /// How long a STUN server has for its answer to one base, from the first send. Default: 39.5 s, which is all that
    /// the retransmissions of RFC 8489 6.2.1 wait.
    pub server_timeout: Duration,
    /// How long one allocation may take, from when it is asked for. Default: 40 s: a request that nobody answers ends after
    /// 39.5 s, and whoever made it can say what came in its place.
    pub allocate_timeout: Duration,
    /// How long an answer or an allocation may take where the server has another [target](Server::targets) that can be
    /// asked instead. Default: 5 s.
    pub next_target_timeout: Duration,
    /// How often the binding behind a server-reflexive candidate is refreshed until ICE has finished (RFC 8445
    /// 5.1.1.4); what is shorter than 1 s is taken for 1 s. Default: 15 s.
    pub keepalive: Duration,
    /// How many candidates a stream may have at a time. Default: 64. Addresses are left out in order of preference.
    pub max_candidates: usize,
    /// How much each kind of candidate is preferred (RFC 8445 5.1.2.1). Default: the RFC's values.
    pub type_preferences: TypePreferences,
}

impl Default for GatherConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            host: true,
            server_reflexive: true,
            relayed: true,
            lite: false,
            ipv4: true,
            ipv6: true,
            include_loopback: false,
            loopback_if_alone: false,
            nat64: None,
            interfaces: None,
            unreliable: Vec::new(),
            software: None,
            max_unanswered: 10,
            bind_timeout: Duration::from_secs(5),
            resolve_timeout: Duration::from_secs(10),
            server_timeout: Duration::from_millis(39_500),
            allocate_timeout: Duration::from_secs(40),
            next_target_timeout: Duration::from_secs(5),
            keepalive: Duration::from_secs(15),
            max_candidates: 64,
            type_preferences: TypePreferences::default(),
        }
    }
}

impl GatherConfig {
    /// Sets [`servers`](Self::servers).
    #[must_use]
    pub fn servers(mut self, servers: impl IntoIterator<Item = Server>) -> Self {
        self.servers = servers.into_iter().collect();
        self
    }

    /// Sets which kinds of candidates are told of, all three at once.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.host = policy == Policy::All;
        self.server_reflexive = policy != Policy::Relay;
        self.relayed = true;
        self
    }

    /// Sets [`host`](Self::host).
    #[must_use]
    pub fn host(mut self, host: bool) -> Self {
        self.host = host;
        self
    }

    /// Sets [`server_reflexive`](Self::server_reflexive).
    #[must_use]
    pub fn server_reflexive(mut self, server_reflexive: bool) -> Self {
        self.server_reflexive = server_reflexive;
        self
    }

    /// Sets [`relayed`](Self::relayed).
    #[must_use]
    pub fn relayed(mut self, relayed: bool) -> Self {
        self.relayed = relayed;
        self
    }

    /// Sets [`lite`](Self::lite).
    #[must_use]
    pub fn lite(mut self, lite: bool) -> Self {
        self.lite = lite;
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

    /// Sets [`nat64`](Self::nat64).
    #[must_use]
    pub fn nat64(mut self, prefix: Option<Nat64Prefix>) -> Self {
        self.nat64 = prefix;
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

    /// Sets [`software`](Self::software).
    #[must_use]
    pub fn software(mut self, software: Option<String>) -> Self {
        self.software = software.map(|text| text.chars().take(127).collect());
        self
    }

    /// Sets [`max_unanswered`](Self::max_unanswered).
    #[must_use]
    pub fn max_unanswered(mut self, max: usize) -> Self {
        self.max_unanswered = max;
        self
    }

    /// Sets [`bind_timeout`](Self::bind_timeout).
    #[must_use]
    pub fn bind_timeout(mut self, timeout: Duration) -> Self {
        self.bind_timeout = timeout;
        self
    }

    /// Sets [`resolve_timeout`](Self::resolve_timeout).
    #[must_use]
    pub fn resolve_timeout(mut self, timeout: Duration) -> Self {
        self.resolve_timeout = timeout;
        self
    }

    /// Sets [`server_timeout`](Self::server_timeout).
    #[must_use]
    pub fn server_timeout(mut self, timeout: Duration) -> Self {
        self.server_timeout = timeout;
        self
    }

    /// Sets [`allocate_timeout`](Self::allocate_timeout).
    #[must_use]
    pub fn allocate_timeout(mut self, timeout: Duration) -> Self {
        self.allocate_timeout = timeout;
        self
    }

    /// Sets [`next_target_timeout`](Self::next_target_timeout).
    #[must_use]
    pub fn next_target_timeout(mut self, timeout: Duration) -> Self {
        self.next_target_timeout = timeout;
        self
    }

    /// Sets [`keepalive`](Self::keepalive).
    #[must_use]
    pub fn keepalive(mut self, interval: Duration) -> Self {
        self.keepalive = interval;
        self
    }

    /// Sets [`max_candidates`](Self::max_candidates).
    #[must_use]
    pub fn max_candidates(mut self, max: usize) -> Self {
        self.max_candidates = max;
        self
    }

    /// Sets [`type_preferences`](Self::type_preferences).
    #[must_use]
    pub fn type_preferences(mut self, preferences: TypePreferences) -> Self {
        self.type_preferences = preferences;
        self
    }

    /// Where a server is. DNS64 tells of an IPv4 one by an address behind the prefix.
    pub(crate) fn address_of(&self, target: &Target) -> SocketAddr {
        self.nat64.map_or(target.address, |prefix| prefix.extract_socket(target.address))
    }

    /// Whether candidates of this kind are told of.
    pub(crate) const fn tells(&self, kind: CandidateKind) -> bool {
        match kind {
            CandidateKind::Host => self.host,
            CandidateKind::ServerReflexive => self.server_reflexive && !self.lite,
            CandidateKind::Relayed => self.relayed && !self.lite,
            CandidateKind::PeerReflexive => false,
        }
    }
}

/// Which kinds of candidates the peer is told of (RFC 8445 19.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// All that there are.
    All,
    /// Server-reflexive and relayed ones: the peer learns no address of the host.
    NoHost,
    /// Relayed ones only: the peer learns neither an address of the host nor one of its NATs.
    Relay,
}
