//! STUN and TURN servers: what is asked of them, and what comes of it (RFC 8445 5.1.1.2).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_core::{
    BaseId, CandidateKind, ComponentId, ServerTransport, StreamId, Transmit,
    address::{self, Family, Redacted, Unusable},
};
use floe_stun::{long_term::Refusal, redirect::RedirectError};

use crate::{GatherConfig, JobId, Target, place::Place};

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

/// A STUN or TURN server. Credentials are the session's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Server {
    /// What it can do.
    pub kind: ServerKind,
    /// Where it is, the most preferred first: one that gives nothing is followed by the next one that can be reached.
    /// `None` while its name is being resolved; then tell [`Gatherer::resolved`](crate::Gatherer::resolved).
    pub targets: Option<Vec<Target>>,
}

impl Server {
    /// A STUN server at this address, over UDP.
    #[must_use]
    pub fn stun(address: SocketAddr) -> Self {
        Self::at(ServerKind::Stun, [Target::udp(address)])
    }

    /// A TURN server at this address, over UDP.
    #[must_use]
    pub fn turn(address: SocketAddr) -> Self {
        Self::at(ServerKind::Turn, [Target::udp(address)])
    }

    /// A server at the first of these places that works.
    #[must_use]
    pub fn at(kind: ServerKind, targets: impl IntoIterator<Item = Target>) -> Self {
        Self { kind, targets: Some(targets.into_iter().collect()) }
    }

    /// A server whose name is still being resolved.
    #[must_use]
    pub const fn unresolved(kind: ServerKind) -> Self {
        Self { kind, targets: None }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.targets {
            Some(targets) => write!(f, "{:?}{targets:?}", self.kind),
            None => write!(f, "{:?}(unresolved)", self.kind),
        }
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
        /// Where it is, as the base knows it.
        target: Target,
        /// The base to ask it from. Over anything but UDP it is a connection from the base's address that asks.
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
    /// The address that the server sees of the base: XOR-MAPPED-ADDRESS. `None` where it did not say, or sees something else,
    /// as when a connection asked. Over UDP a Binding request is sent then; otherwise there is no server-reflexive candidate.
    pub mapped: Option<SocketAddr>,
}

impl fmt::Debug for Allocated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, relayed, mapped } = *self;
        write!(f, "Allocated({base} {} by ", Redacted(relayed))?;
        match mapped {
            Some(mapped) => write!(f, "{})", Redacted(mapped)),
            None => write!(f, "nobody knows)"),
        }
    }
}

/// Why nothing was allocated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocateError {
    /// The server has nothing left to give: 508, or 486 for this user. It may still say which address it sees.
    #[error("the server has nothing left to allocate")]
    Capacity,
    /// There are no credentials for the server. Configure some.
    #[error("there are no credentials for it")]
    NoCredentials,
    /// The server does not take the credentials, or asks for them in a way that is not safe. Correct them, in a new session.
    #[error("{0}")]
    Credentials(Refusal),
    /// 441: there is an allocation that was made with other credentials. It ends within ten minutes.
    #[error("the allocation was made with other credentials")]
    OtherCredentials,
    /// Nobody answers there: the server is down, or something on the way drops this transport. Offer another.
    #[error("the server does not answer")]
    Silent,
    /// Only answers came that nothing vouches for: someone on the way forges them, or the server has another password.
    #[error("only answers came that nothing vouches for")]
    Forged,
    /// Every fresh nonce was called stale: a broken server.
    #[error("the server calls every nonce stale")]
    StaleNonce,
    /// The server names another one, which is not gone to (RFC 8489 10).
    #[error("{0}")]
    Redirect(RedirectError),
    /// 437: the server takes the port for another client's, and other ports as well. It is left alone for two minutes.
    #[error("the server takes its ports for another client's")]
    PortTaken,
    /// 440: the server has no addresses of this family, nor of the other one.
    #[error("the server has no addresses of this family")]
    NoFamily,
    /// The server allocated an address of another family than was asked for. It was given back.
    #[error("the server allocated an address of the other family")]
    OtherFamily,
    /// The answer is authentic and lacks what it has to have, or makes no sense.
    #[error("the answer makes no sense")]
    Malformed,
    /// The connection to the server could not be made, or broke. The text is for people.
    #[error("{0}")]
    Connection(String),
    /// The socket that it was asked for from is gone.
    #[error("its socket is gone")]
    SocketGone,
    /// Anything else. The text is for people.
    #[error("{0}")]
    Other(String),
}

impl AllocateError {
    /// Whether it is about who asks: another address of the server is not asked, since it most likely says the same.
    pub(crate) const fn is_about_credentials(&self) -> bool {
        matches!(self, Self::NoCredentials | Self::Credentials(_) | Self::OtherCredentials)
    }
}

/// Why a server gives no candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Its name could not be resolved. The text is for people.
    #[error("its name could not be resolved: {0}")]
    Resolve(String),
    /// Its name was not resolved within [`GatherConfig::resolve_timeout`].
    #[error("its name was not resolved within {0:?}")]
    ResolveTimeout(Duration),
    /// A server-reflexive candidate is what a server sees of a UDP socket, and this one is not reached over UDP.
    #[error("a server-reflexive candidate takes UDP")]
    NeedsUdp,
    /// The address of the server is none that can be sent to. Correct the configuration.
    #[error("the server's address is {0}")]
    Address(Unusable),
    /// More candidates than [`GatherConfig::max_candidates`] allows. Allow more, or configure fewer servers.
    #[error("a stream has no more than {0} candidates")]
    TooMany(usize),
    /// No answer came in time: the server is down, or something on the way drops UDP.
    #[error("no answer")]
    NoAnswer,
    /// It answered with this error code (RFC 8489 14.8).
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
    /// Which of its targets.
    pub(crate) target: usize,
    pub(crate) address: SocketAddr,
    pub(crate) transport: ServerTransport,
    /// Its place among those that are asked from this address.
    pub(crate) rank: u16,
    /// The same among those that relay: datagrams come before streams, which hold up what is behind a loss.
    pub(crate) relay_rank: u16,
    pub(crate) method: Method,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, address, transport, rank, method, .. } = *self;
        write!(f, "{method:?}({server} {} by {transport} rank {rank})", Redacted(address))
    }
}

impl Query {
    /// How many candidates may come of it.
    pub(crate) fn yields(&self, config: &GatherConfig) -> usize {
        let reflexive =
            config.tells(CandidateKind::ServerReflexive) && self.transport == ServerTransport::Udp;
        match self.method {
            Method::Binding => 1,
            Method::Allocate => 1 + usize::from(reflexive),
        }
    }

    /// Its target, as the base knows it.
    pub(crate) fn target(&self, config: &GatherConfig) -> Target {
        let known = at(config, self.server).and_then(|server| server.targets.as_ref()?.get(self.target));
        let name = known.and_then(|target| target.name.clone());
        Target::new(self.address, self.transport).name(name)
    }
}

pub(crate) fn at(config: &GatherConfig, id: ServerId) -> Option<&Server> {
    config.servers.get(usize::try_from(id.0).ok()?)
}

fn all(config: &GatherConfig) -> impl Iterator<Item = (ServerId, &Server)> {
    (0..).map(ServerId).zip(&config.servers)
}

/// Which servers are asked from this address, in the user's order.
pub(crate) fn queries(config: &GatherConfig, place: Place) -> Vec<Query> {
    let mut queries = Vec::new();
    let mut rank = 0;
    for (id, server) in all(config) {
        let query = query(config, place, id, 0);
        // One that is not resolved yet keeps its place.
        let counts = query.is_some() || awaits(config, server);
        queries.extend(query.map(|query| Query { rank, ..query }));
        rank += u16::from(counts);
    }
    rank_relays(config, &mut queries);
    queries
}

fn rank_relays(config: &GatherConfig, queries: &mut [Query]) {
    let unresolved = all(config).filter(|(_, server)| relays(config, server) && server.targets.is_none());
    let unresolved: Vec<_> = unresolved.map(|(id, _)| id).collect();
    let mut relaying: Vec<_> = queries.iter_mut().filter(|query| query.method == Method::Allocate).collect();
    relaying.sort_by_key(|query| (query.transport.is_reliable(), query.rank));
    for (rank, query) in (0..=u16::MAX).zip(relaying) {
        // Those that are not resolved yet may turn out to be datagrams, and keep their places among them.
        let first = |id: &&ServerId| query.transport.is_reliable() || **id < query.server;
        let before = unresolved.iter().filter(first).count();
        query.relay_rank = rank.saturating_add(u16::try_from(before).unwrap_or(u16::MAX));
    }
}

/// What is asked of one server from this address: at the first of its targets from this one on that can be reached.
pub(crate) fn query(config: &GatherConfig, place: Place, id: ServerId, from: usize) -> Option<Query> {
    let server = at(config, id)?;
    let targets = server.targets.as_deref()?.iter().enumerate().skip(from);
    targets.into_iter().find_map(|(target, to)| {
        let address = config.address_of(to);
        let method = method(config, id, server, (address, to.transport))?;
        let query =
            Query { server: id, target, address, transport: to.transport, rank: 0, relay_rank: 0, method };
        reaches(config, place, address).then_some(query)
    })
}

/// The same of one that was resolved while others were asked already.
pub(crate) fn ranked_query(config: &GatherConfig, place: Place, id: ServerId) -> Option<Query> {
    queries(config, place).into_iter().find(|query| query.server == id)
}

/// Whether a server may still have to be asked, once its name is resolved.
pub(crate) fn awaits(config: &GatherConfig, server: &Server) -> bool {
    server.targets.is_none() && (relays(config, server) || config.tells(CandidateKind::ServerReflexive))
}

/// The servers that may have to be asked from every address.
pub(crate) fn awaited(config: &GatherConfig) -> Vec<ServerId> {
    all(config).filter(|(_, server)| awaits(config, server)).map(|(id, _)| id).collect()
}

/// Whether anything is asked of anybody from this address, as far as is known.
pub(crate) fn is_asked_from(config: &GatherConfig, place: Place) -> bool {
    !queries(config, place).is_empty() || config.servers.iter().any(|server| awaits(config, server))
}

fn relays(config: &GatherConfig, server: &Server) -> bool {
    server.kind == ServerKind::Turn && config.tells(CandidateKind::Relayed)
}

/// Whether this Binding request follows an allocation, which failed or did not say what the server sees: the server's other places
/// have had their turn by it.
pub(crate) fn is_afterthought(config: &GatherConfig, query: Query) -> bool {
    query.method == Method::Binding && at(config, query.server).is_some_and(|server| relays(config, server))
}

/// How this server is asked there, if at all.
fn method(
    config: &GatherConfig,
    id: ServerId,
    server: &Server,
    (address, transport): (SocketAddr, ServerTransport),
) -> Option<Method> {
    if relays(config, server) {
        // RFC 8656 6: one allocation for each pair of addresses.
        let earlier = |(other, known): (ServerId, &Server)| {
            other < id && relays(config, known) && is_at(config, known, address)
        };
        let taken = transport == ServerTransport::Udp && all(config).any(earlier);
        return (!taken).then_some(Method::Allocate);
    }
    if transport != ServerTransport::Udp {
        return None;
    }
    // One answer tells all that several of one address could: an allocation has a mapped address, too.
    let same = |(other, known): (ServerId, &Server)| {
        is_at(config, known, address) && (relays(config, known) || other < id)
    };
    let answered = all(config).any(same);
    (config.tells(CandidateKind::ServerReflexive) && !answered).then_some(Method::Binding)
}

/// Whether this address is the first that the server is asked at over UDP.
fn is_at(config: &GatherConfig, server: &Server, address: SocketAddr) -> bool {
    let first = server.targets.as_deref().unwrap_or_default().first();
    first.is_some_and(|target| {
        target.transport == ServerTransport::Udp && config.address_of(target) == address
    })
}

/// The servers that give no candidate because they are reached by a stream, or encrypted, only.
pub(crate) fn without_udp(config: &GatherConfig) -> Vec<ServerId> {
    let lacks = |server: &Server| {
        let targets = server.targets.as_deref().unwrap_or_default();
        !targets.is_empty() && targets.iter().all(|target| target.transport != ServerTransport::Udp)
    };
    let reflexive = config.tells(CandidateKind::ServerReflexive);
    let wanted = all(config).filter(|(_, server)| reflexive && !relays(config, server) && lacks(server));
    wanted.map(|(id, _)| id).collect()
}

/// Whether a Binding request may follow an allocation that failed: where the user named the same address as a STUN
/// server, its other half may still work.
pub(crate) fn is_stun_too(config: &GatherConfig, address: SocketAddr) -> bool {
    let mut servers = config.servers.iter();
    servers.any(|server| server.kind == ServerKind::Stun && is_at(config, server, address))
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
