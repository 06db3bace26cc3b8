//! What a gatherer wants done, and what it tells.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use floe_core::{
    BaseId, ComponentId, Generation, LocalCandidate, StreamId, Transport,
    address::{Redacted, Unusable},
};

use crate::{ServerError, ServerId};

/// One thing that was asked for by an [`Action`] or a [`Start`](crate::Start). Never used twice by a gatherer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub(crate) u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "j{}", self.0)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a gatherer wants done.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Bind a socket, and tell [`Gatherer::bound`](crate::Gatherer::bound) what came of it.
    Bind {
        /// What the answer is to name.
        job: JobId,
        /// The stream that it is for.
        stream: StreamId,
        /// The component that it is for.
        component: ComponentId,
        /// The address to bind to, with port 0; a link-local IPv6 address has the scope of its interface.
        address: SocketAddr,
        /// The transport protocol.
        transport: Transport,
    },
    /// Close this base: it came too late, or its candidate was never told of.
    Release(BaseId),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { job, stream, component, address, transport } => {
                let address = Redacted(*address);
                write!(f, "Bind({job}: {} {address} for {stream} c{component})", transport.as_str())
            }
            Self::Release(base) => write!(f, "Release({base})"),
        }
    }
}

/// What a gatherer tells.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A candidate: signal it, then check it.
    Candidate {
        /// The stream that it is for.
        stream: StreamId,
        /// The candidate.
        candidate: LocalCandidate,
        /// The server that gave it; `None` for one of the host's own.
        server: Option<ServerId>,
    },
    /// The same after the end of candidates, in place of one that was lost ([`Gatherer::renew`](crate::Gatherer::renew)):
    /// check it, and do not signal it (RFC 8838 13).
    Renewed {
        /// The stream that it is for.
        stream: StreamId,
        /// The candidate.
        candidate: LocalCandidate,
    },
    /// An address gives no candidate. Told once after each [`start`](crate::Gatherer::start), and again where the reason
    /// changes.
    Refused {
        /// The address.
        address: IpAddr,
        /// The name of its interface.
        interface: Box<str>,
        /// Why not.
        why: GatherError,
    },
    /// A server gives no candidate to a base, or not all that it might. Other servers and bases are not touched by it.
    ServerFailed {
        /// The stream that it is about.
        stream: StreamId,
        /// The component that it is about.
        component: ComponentId,
        /// The server.
        server: ServerId,
        /// The base that it was to be asked from.
        base: BaseId,
        /// Why not.
        why: ServerError,
    },
    /// There will be no more candidates of this stream in this generation (RFC 8838 13). Told once.
    EndOfCandidates {
        /// The stream.
        stream: StreamId,
        /// Its generation.
        generation: Generation,
    },
    /// The address of a candidate is no longer one of this host (RFC 8445 5.1.1.4): its base reaches nobody now. Told
    /// once for each base; a relayed one goes with the host's base that it was allocated from.
    Vanished {
        /// The stream of the candidate.
        stream: StreamId,
        /// Its component.
        component: ComponentId,
        /// Its base. Closing it is up to who hears this.
        base: BaseId,
        /// The address of the base.
        address: SocketAddr,
    },
    /// A usable address is there that was not before the end of candidates of some stream. Its generation cannot have it
    /// any more (RFC 8838 13); an ICE restart gathers it.
    Appeared {
        /// The address.
        address: IpAddr,
        /// The name of its interface.
        interface: Box<str>,
    },
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate { stream, candidate, .. } => write!(f, "Candidate({stream}: {candidate:?})"),
            Self::Renewed { stream, candidate } => write!(f, "Renewed({stream}: {candidate:?})"),
            Self::Refused { address, interface, why } => {
                write!(f, "Refused({} of {interface}: {why})", Redacted(*address))
            }
            Self::ServerFailed { stream, component, server, base, why } => {
                write!(f, "ServerFailed({server} from {base} of {stream} c{component}: {why})")
            }
            Self::EndOfCandidates { stream, generation } => {
                write!(f, "EndOfCandidates({stream} {generation})")
            }
            Self::Vanished { stream, component, base, address } => {
                write!(f, "Vanished({base} {} of {stream} c{component})", Redacted(*address))
            }
            Self::Appeared { address, interface } => {
                write!(f, "Appeared({} of {interface})", Redacted(*address))
            }
        }
    }
}

/// Why an address gives no candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// [`GatherConfig::host`](crate::GatherConfig::host) is off, and there is no server to ask from this address.
    #[error("host candidates are switched off")]
    HostOff,
    /// The interface is not among [`GatherConfig::interfaces`](crate::GatherConfig::interfaces).
    #[error("its interface is not among those to use")]
    InterfaceExcluded,
    /// The interface is down, or has no carrier.
    #[error("its interface is down")]
    InterfaceDown,
    /// It belongs to a loopback interface (RFC 8445 5.1.1.1); set
    /// [`GatherConfig::include_loopback`](crate::GatherConfig::include_loopback) where the peer is on the same machine.
    #[error("it belongs to a loopback interface")]
    Loopback,
    /// [`GatherConfig::ipv4`](crate::GatherConfig::ipv4) is off.
    #[error("IPv4 is switched off")]
    Ipv4Off,
    /// [`GatherConfig::ipv6`](crate::GatherConfig::ipv6) is off.
    #[error("IPv6 is switched off")]
    Ipv6Off,
    /// It is deprecated, tentative or a duplicate (RFC 4862): the system means it to go, or is not sure of it yet.
    #[error("it is deprecated, tentative or a duplicate")]
    Unpreferred,
    /// It is an address that no host has for itself.
    #[error("it is {0}")]
    Unusable(Unusable),
    /// It is an IPv4-compatible IPv6 address (::/96), which RFC 4291 deprecated.
    #[error("it is an IPv4-compatible IPv6 address")]
    Ipv4Compatible,
    /// It is an IPv4-mapped IPv6 address: the IPv4 address itself does better (RFC 8445 5.1.1.1).
    #[error("it is an IPv4-mapped IPv6 address")]
    Ipv4Mapped,
    /// It is a site-local IPv6 address (fec0::/10), which RFC 3879 deprecated.
    #[error("it is a site-local IPv6 address")]
    SiteLocal,
    /// It would let the host be tracked, and a temporary address of the same network is used (RFC 8445 5.1.1.1).
    #[error("a temporary address of the same network is used in its place")]
    Trackable,
    /// It is link-local and would let the host be tracked, and a temporary address is used (RFC 8445 5.1.1.1).
    #[error("it is link-local, and a temporary address is used")]
    LinkLocalTrackable,
    /// The same address was found on another interface before, and is used there.
    #[error("another interface has the same address")]
    Duplicate,
    /// More addresses than [`GatherConfig::max_candidates`](crate::GatherConfig::max_candidates) allows.
    #[error("a stream has no more than {0} candidates")]
    TooMany(usize),
    /// No socket could be bound to it.
    #[error("no socket for component {component} of {stream}: {reason}")]
    Bind {
        /// The stream it was for.
        stream: StreamId,
        /// The component it was for.
        component: ComponentId,
        /// What the system said.
        reason: String,
    },
    /// Binding a socket took longer than [`GatherConfig::bind_timeout`](crate::GatherConfig::bind_timeout).
    #[error("no socket for component {component} of {stream} within {timeout:?}")]
    BindTimeout {
        /// The stream it was for.
        stream: StreamId,
        /// The component it was for.
        component: ComponentId,
        /// How long was waited.
        timeout: Duration,
    },
    /// The socket was bound to another address than the one asked for, or to no port: whoever binds is at fault.
    #[error("the socket for component {component} of {stream} has another address, or no port")]
    BoundElsewhere {
        /// The stream it was for.
        stream: StreamId,
        /// The component it was for.
        component: ComponentId,
    },
    /// The socket that was bound gives a candidate that is there already (RFC 8445 5.1.3).
    #[error("the candidate for component {component} of {stream} is there already")]
    Redundant {
        /// The stream it was for.
        stream: StreamId,
        /// The component it was for.
        component: ComponentId,
    },
}
