//! What the session tells and wants.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use floe_check::{Agreed, CheckKind, FailReason};
use floe_core::{
    Candidate, ComponentId, Generation, PairId, Role, ServerTransport, StreamId, Transport, address::Redacted,
};
use floe_gather::{GatherError, Resolution, ServerError, ServerId};
use floe_nominate::Why;

use crate::{AddRemoteError, IceState, LocalParameters, Reason};

/// A socket of the session. Never used twice in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the driver has to do.
#[allow(clippy::large_enum_variant, reason = "an output is moved once, out of the queue")]
pub enum Output {
    /// Send a datagram.
    Send {
        /// From this socket.
        socket: SocketId,
        /// To this address; a link-local one has the scope of the socket.
        to: SocketAddr,
        /// These bytes.
        data: Bytes,
    },
    /// Bind a socket, and tell [`Session::handle_bound`](crate::Session::handle_bound) what came of it.
    Bind {
        /// The name it has from now on.
        socket: SocketId,
        /// The address, with port 0; a link-local one has the scope of its interface.
        address: SocketAddr,
        /// The transport protocol.
        transport: Transport,
    },
    /// Find out where a server is, by asking the DNS what this says, and tell
    /// [`Session::handle_resolved`](crate::Session::handle_resolved) what came of it.
    Resolve {
        /// The server.
        server: ServerId,
        /// What to ask.
        resolution: Box<Resolution>,
    },
    /// Connect to a server, and tell [`Session::handle_connected`](crate::Session::handle_connected) what came of it. What
    /// goes over the connection are whole STUN messages and ChannelData.
    Connect {
        /// The name that the connection has from now on.
        socket: SocketId,
        /// The address to connect from, with port 0; a link-local one has the scope of its interface.
        from: SocketAddr,
        /// The server.
        to: SocketAddr,
        /// What to reach it by.
        transport: ServerTransport,
        /// What its certificate has to be for; `None`: its address.
        name: Option<String>,
    },
    /// Close a socket or a connection. Nothing more is said of it.
    Close {
        /// Which.
        socket: SocketId,
    },
    /// Tell the application.
    Event(Event),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { socket, to, data } => {
                write!(f, "Send({} bytes from {socket} to {})", data.len(), Redacted(*to))
            }
            Self::Bind { socket, address, transport } => {
                write!(f, "Bind({socket}: {} {})", transport.as_str(), Redacted(*address))
            }
            Self::Resolve { server, .. } => write!(f, "Resolve({server})"),
            Self::Connect { socket, from, to, transport, name: _ } => {
                write!(f, "Connect({socket}: {transport} from {} to {})", Redacted(*from), Redacted(*to))
            }
            Self::Close { socket } => write!(f, "Close({socket})"),
            Self::Event(event) => fmt::Debug::fmt(event, f),
        }
    }
}

/// Something the application may want to know.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A local candidate: signal it to the peer.
    Candidate {
        /// Its stream.
        stream: StreamId,
        /// The candidate.
        candidate: Candidate,
        /// The ufrag of this side that it belongs to: it goes with it (RFC 8838 9).
        ufrag: Box<str>,
        /// The address of its base (RFC 8445 5.1.1): what is sent from it leaves there. It is nothing to tell the peer.
        base: Redacted<SocketAddr>,
        /// The server that gave it: its place in [`SessionConfig::servers`](crate::SessionConfig::servers). `None` for one
        /// of the host's own.
        server: Option<ServerId>,
    },
    /// No more local candidates: signal that too (RFC 8838 13).
    EndOfCandidates {
        /// The stream.
        stream: StreamId,
        /// The ufrag of this side whose candidates are complete.
        ufrag: Box<str>,
    },
    /// A stream began anew, because of [`Session::restart`](crate::Session::restart) or because the peer did: signal its
    /// new [`Session::local`](crate::Session::local) to the peer, and the candidates that follow (RFC 8445 9).
    Restarted {
        /// The stream.
        stream: StreamId,
        /// The generation that begins.
        generation: Generation,
        /// What to signal.
        local: LocalParameters,
    },
    /// An address of the host gave no candidate.
    GatherRefused {
        /// The address.
        address: Redacted<IpAddr>,
        /// Its interface.
        interface: Box<str>,
        /// Why.
        why: GatherError,
    },
    /// The host has an address that this generation cannot use any more, for its candidates have ended (RFC 8838 13); a
    /// [restart](crate::Session::restart) gathers it. Restart if the session has failed or is disconnected; otherwise it is
    /// a choice, and does no harm to the path that is in use. Where [`Restarted`](Self::Restarted) follows at once, that has
    /// been done.
    AddressAppeared {
        /// The address.
        address: Redacted<IpAddr>,
        /// Its interface.
        interface: Box<str>,
    },
    /// A STUN or TURN server gives no candidate to a socket, or not all that it might. The others go on.
    ServerFailed {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The server: its place in [`SessionConfig::servers`](crate::SessionConfig::servers).
        server: ServerId,
        /// The address of this host that it was to be asked from; `None` where its socket is gone.
        from: Option<Redacted<SocketAddr>>,
        /// Why.
        why: ServerError,
    },
    /// A relayed candidate is gone: the server has dropped the allocation, or does not answer any more (RFC 8656 5).
    RelayLost {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The server.
        server: ServerId,
        /// Why.
        why: Box<str>,
    },
    /// A socket is gone: the system closed it, or its address is no longer one of this host (RFC 8445 5.1.1.4).
    /// Its candidates and pairs are void. Data goes over another valid pair where there is one; else the session fails, with
    /// [`Reason::SocketLost`].
    SocketLost {
        /// The socket.
        socket: SocketId,
        /// Its stream.
        stream: StreamId,
        /// Its component.
        component: ComponentId,
        /// What the system said.
        why: Box<str>,
    },
    /// A remote candidate that had come before the description was not taken after all.
    CandidateRefused {
        /// The stream.
        stream: StreamId,
        /// The candidate.
        candidate: Candidate,
        /// Why.
        why: AddRemoteError,
    },
    /// A peer-reflexive candidate was learnt (RFC 8445 7.2.5.3.1, 7.3.1.3).
    PeerReflexive {
        /// The stream.
        stream: StreamId,
        /// The candidate.
        candidate: Candidate,
        /// Whether it is one of this agent's.
        local: bool,
    },
    /// A check was sent.
    Checking {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// Why.
        kind: CheckKind,
        /// Its local candidate.
        local: Candidate,
        /// Its remote candidate.
        remote: Candidate,
    },
    /// A pair is valid: data can go over it.
    Valid {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// The round-trip time, where it could be measured.
        rtt: Option<Duration>,
        /// Its local candidate.
        local: Candidate,
        /// Its remote candidate.
        remote: Candidate,
    },
    /// A pair failed.
    PairFailed {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// Why.
        why: FailReason,
    },
    /// This side nominates a pair.
    Nominating {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// Why.
        why: Why,
    },
    /// A pair is selected.
    Selected {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
        /// The pair.
        pair: PairId,
        /// Its local candidate.
        local: Candidate,
        /// Its remote candidate.
        remote: Candidate,
        /// The latest round-trip time, where it could be measured.
        rtt: Option<Duration>,
        /// How long after the peer's credentials were set.
        elapsed: Duration,
        /// Why.
        why: Why,
    },
    /// Where the data of a component goes has changed: ask [`Session::route`](crate::Session::route).
    RouteChanged {
        /// The stream.
        stream: StreamId,
        /// The component.
        component: ComponentId,
    },
    /// Both sides are lite agents, there are several pairs that data could take, and this side, which controls, has chosen
    /// these by RFC 6724. Data may go over them at once. Tell the peer in an updated candidate exchange (RFC 8445 8.2; in
    /// SDP an offer with `remote-candidates`, RFC 8839 4.4.1.3) and call
    /// [`Session::reconcile`](crate::Session::reconcile) when it has answered: before that the stream is not completed.
    Undecided {
        /// The stream.
        stream: StreamId,
        /// One pair for each component.
        chosen: Vec<Agreed>,
    },
    /// Every component of a stream has its selected pair (RFC 8445 8.1.2).
    StreamCompleted {
        /// The stream.
        stream: StreamId,
    },
    /// A stream failed. The session goes on with the others, if there are any (RFC 8445 8.1.2). A check of the peer may still
    /// bring it back, until the session has been complete without it for three seconds: then its sockets are closed with
    /// those that nobody needs, and nothing can reach it but a [restart](crate::Session::restart).
    StreamFailed {
        /// The stream.
        stream: StreamId,
        /// Why.
        why: Reason,
    },
    /// A stream that had failed goes on: the peer has sent a check (RFC 8445 7.3.1.4).
    StreamResumed {
        /// The stream.
        stream: StreamId,
    },
    /// The state changed.
    State {
        /// The state now.
        state: IceState,
        /// Why, where it is a bad one.
        reason: Option<Reason>,
    },
    /// A role conflict was settled by taking this role.
    Role(Role),
}

/// What [`Session::handle_datagram`](crate::Session::handle_datagram) made of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Disposition {
    /// It was one of ICE's own.
    Consumed,
    /// It is the application's. The caller still holds the bytes.
    Data {
        /// The stream it belongs to.
        stream: StreamId,
        /// The component it belongs to.
        component: ComponentId,
    },
    /// It came over a TURN server and holds data of the application's, which the caller still holds (RFC 8656 11, 12).
    Relayed {
        /// The stream it belongs to.
        stream: StreamId,
        /// The component it belongs to.
        component: ComponentId,
        /// Who sent it to the relay.
        from: SocketAddr,
        /// Where in the datagram it is.
        data: Span,
    },
    /// It is nobody's.
    Dropped(DropReason),
}

/// A part of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// Where `part` lies within `datagram`, of which it is a part.
    pub(crate) fn within(datagram: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(datagram.as_ptr() as usize);
        Self { start, end: start.saturating_add(part.len()) }
    }

    /// The part of this datagram, which is the one that [`Session::handle_datagram`](crate::Session::handle_datagram)
    /// was given; of a shorter one it is nothing.
    #[must_use]
    pub fn of(self, datagram: &[u8]) -> &[u8] {
        datagram.get(self.start..self.end).unwrap_or_default()
    }
}

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// The session has no such socket, or has closed it.
    #[error("no such socket")]
    UnknownSocket,
    /// It is data, and no authentic check or answer has come from its source (RFC 8445 12.2).
    #[error("data from a stranger")]
    Stranger,
    /// It is STUN, and the checks did not take it.
    #[error(transparent)]
    Check(floe_check::DropReason),
    /// It is of a TURN server, and its client did not take it.
    #[error(transparent)]
    Turn(floe_turn::DropReason),
    /// The session is closed.
    #[error("the session is closed")]
    Closed,
}
