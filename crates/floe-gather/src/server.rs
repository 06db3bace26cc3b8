//! STUN and TURN servers: what is asked of them, and what comes of it (RFC 8445 5.1.1.2).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_core::{
    BaseId, CandidateKind, ComponentId, StreamId, Transmit,
    address::{self, Family, Redacted, Unusable},
};

use crate::{GatherConfig, JobId, place::Place};

/// A server, as the user gave it: its index in [`GatherConfig::servers`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u32);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {}", self.0)
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerKind {
    /// It says which address it sees (RFC 8489).
    Stun,
    /// It relays (RFC 8656), and says which address it sees.
    Turn,
}

/// A STUN or TURN server whose name is resolved. Credentials are the session's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// Where it is.
    pub address: SocketAddr,
    /// What it can do.
    pub kind: ServerKind,
}

impl Server {
    /// A STUN server at this address.
    #[must_use]
    pub const fn stun(address: SocketAddr) -> Self {
        Self { address, kind: ServerKind::Stun }
    }

    /// A TURN server at this address.
    #[must_use]
    pub const fn turn(address: SocketAddr) -> Self {
        Self { address, kind: ServerKind::Turn }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.kind, Redacted(self.address))
    }
}

/// What a slot is spent on (RFC 8445 14.2): what [`Gatherer::start_next`](crate::Gatherer::start_next) gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// Send this, a new Binding request.
    Send(Transmit),
    /// Begin an allocation (RFC 8656 7), and tell [`Gatherer::allocated`](crate::Gatherer::allocated) what came of it.
    /// Whatever more transactions it takes, such as the one with the server's nonce, have slots of their own.
    Allocate {
        /// What the answer is to name.
        job: JobId,
        /// The stream that it is for.
        stream: StreamId,
        /// The component that it is for.
        component: ComponentId,
        /// The server to ask.
        server: ServerId,
        /// The base to ask it from.
        base: BaseId,
    },
}

/// What a server has allocated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Allocated {
    /// The base that the relayed address is from now on.
    pub base: BaseId,
    /// The relayed address: XOR-RELAYED-ADDRESS.
    pub relayed: SocketAddr,
    /// The address that the server sees: XOR-MAPPED-ADDRESS.
    pub mapped: SocketAddr,
}

impl fmt::Debug for Allocated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, relayed, mapped } = *self;
        write!(f, "Allocated({base} {} by {})", Redacted(relayed), Redacted(mapped))
    }
}

/// Why nothing was allocated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocateError {
    /// The server has nothing left to give: 508, or 486 for this user. It may still say which address it sees.
    #[error("the server has nothing left to allocate")]
    Capacity,
    /// Anything else: the credentials are wrong, or nobody answers. The text is for people.
    #[error("{0}")]
    Other(String),
}

/// Why a server gives no candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address of the server is none that can be sent to. Correct the configuration.
    #[error("the server's address is {0}")]
    Address(Unusable),
    /// More candidates than [`GatherConfig::max_candidates`] allows. Allow more, or configure fewer servers.
    #[error("a stream has no more than {0} candidates")]
    TooMany(usize),
    /// No answer came in time: the server is down, or something on the way drops UDP.
    #[error("no answer")]
    NoAnswer,
    /// It answered with this error code (RFC 8489 14.8). ALTERNATE-SERVER is not followed (RFC 8445 5.1.1.2).
    #[error("it answered with error {0}")]
    Refused(u16),
    /// Its answer cannot be used, and this is why. It is no STUN server, or a broken one.
    #[error("its answer cannot be used: {0}")]
    BadAnswer(&'static str),
    /// The address that it says it sees, or has allocated, is none that a peer could send to.
    #[error("the address that it names is {0}")]
    BadAddress(BadAddress),
    /// The allocation failed.
    #[error("the allocation failed: {0}")]
    Allocate(#[from] AllocateError),
    /// The allocation was not done within [`GatherConfig::allocate_timeout`].
    #[error("no allocation within {0:?}")]
    AllocateTimeout(Duration),
    /// The relayed address is a host candidate's, too (RFC 8445 5.1.1.2), or its base is known already.
    #[error("the relayed address is one of this host")]
    SameAsHost,
}

/// What is wrong with an address that a server names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddress {
    /// Nobody can send there.
    #[error("{0}")]
    Unusable(Unusable),
    /// It has another address family than the server's own.
    #[error("of the other address family")]
    Family,
    /// It reaches no other host than the one that uses it, and the base is no such address.
    #[error("a loopback address")]
    Loopback,
    /// It reaches no other link, and the base is no such address.
    #[error("a link-local address")]
    LinkLocal,
}

/// Whether a peer could send to this address, which a server names to something at `near`.
pub(crate) fn check_named(named: SocketAddr, near: SocketAddr) -> Result<(), BadAddress> {
    address::check_destination(named).map_err(BadAddress::Unusable)?;
    let (ip, near) = (named.ip(), near.ip());
    if ip.to_canonical().is_loopback() && !near.to_canonical().is_loopback() {
        return Err(BadAddress::Loopback);
    }
    if address::is_ipv6_link_local(ip) && !address::is_ipv6_link_local(near) {
        return Err(BadAddress::LinkLocal);
    }
    Ok(())
}

/// The same of a mapped address: what a server sees of a base has the family of the server's own address, which is that of
/// the base unless a NAT64 lies between.
pub(crate) fn check_mapped(
    mapped: SocketAddr,
    server: SocketAddr,
    base: SocketAddr,
) -> Result<(), BadAddress> {
    if Family::of(mapped.ip()) != Family::of(server.ip()) {
        return Err(BadAddress::Family);
    }
    check_named(mapped, base)
}

/// How a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Binding,
    Allocate,
}

/// A server that is to be asked from some address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) server: ServerId,
    pub(crate) address: SocketAddr,
    /// Its place among those that are asked from this address.
    pub(crate) rank: u16,
    /// The same among those that relay.
    pub(crate) relay_rank: u16,
    pub(crate) method: Method,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, address, rank, method, .. } = *self;
        write!(f, "{method:?}({server} {} rank {rank})", Redacted(address))
    }
}

impl Query {
    /// How many candidates may come of it.
    pub(crate) fn yields(&self, config: &GatherConfig) -> usize {
        let reflexive = config.tells(CandidateKind::ServerReflexive);
        match self.method {
            Method::Binding => 1,
            Method::Allocate => 1 + usize::from(reflexive),
        }
    }
}

/// Which servers are asked from this address, in the user's order.
pub(crate) fn queries(config: &GatherConfig, place: Place) -> Vec<Query> {
    let indexed = (0..).map(ServerId).zip(&config.servers);
    let placed = indexed.map(|(id, server)| (id, Server { address: config.address_of(server), ..*server }));
    let reachable = placed.filter(|(_, server)| reaches(config, place, server.address));
    let asked = reachable.filter_map(|(id, server)| Some((id, server, method(config, id, &server)?)));
    let mut relays = 0;
    let query = |(rank, (server, Server { address, .. }, method))| {
        let relay_rank = relays;
        relays += u16::from(method == Method::Allocate);
        Query { server, address, rank, relay_rank, method }
    };
    (0..=u16::MAX).zip(asked).map(query).collect()
}

/// How this server is asked, if at all.
fn method(config: &GatherConfig, id: ServerId, server: &Server) -> Option<Method> {
    let relays = |server: &Server| server.kind == ServerKind::Turn && config.tells(CandidateKind::Relayed);
    if relays(server) {
        return Some(Method::Allocate);
    }
    // One answer tells all that several of one address could: an allocation has a mapped address, too.
    let same = |(index, other): (u32, &Server)| {
        config.address_of(other) == server.address && (relays(other) || index < id.0)
    };
    let answered = (0..).zip(&config.servers).any(same);
    (config.tells(CandidateKind::ServerReflexive) && !answered).then_some(Method::Binding)
}

/// Whether a Binding request may follow an allocation that failed: where the user named the same address as a STUN
/// server, its other half may still work.
pub(crate) fn is_stun_too(config: &GatherConfig, address: SocketAddr) -> bool {
    let stun = |server: &Server| server.kind == ServerKind::Stun && config.address_of(server) == address;
    config.servers.iter().any(stun)
}

/// Whether a datagram from here can reach a server there, as far as the addresses tell.
fn reaches(config: &GatherConfig, place: Place, server: SocketAddr) -> bool {
    let ip = match (place.ip, server.ip()) {
        (IpAddr::V6(_), IpAddr::V4(ip)) => config.nat64.and_then(|prefix| prefix.embed(ip)).map(IpAddr::V6),
        (_, ip) => Some(ip),
    };
    let Some(ip) = ip else { return false };
    let stays = |ip: IpAddr| ip.to_canonical().is_loopback();
    Family::of(place.ip) == Family::of(ip)
        && (!stays(place.ip) || stays(ip))
        && (!address::is_ipv6_link_local(place.ip) || address::is_ipv6_link_local(ip))
}
