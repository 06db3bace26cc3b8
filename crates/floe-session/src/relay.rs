//! Relayed bases: what stands behind one is an allocation on a TURN server, and a socket or a connection that talks to it
//! (RFC 8656).

mod allocate;
mod data;
mod link;
mod remedy;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_check::Readiness;
use floe_core::{BaseId, ServerTransport, Transmit, address};
use floe_gather::{Allocated, JobId, Resolution, ServerId, ServerKind, Target};
use floe_turn::{Client, Prefix};
use rand::{SeedableRng as _, rngs::ChaCha20Rng};

use crate::{IceServer, SocketId, sockets::Purpose};
pub use data::SendError;
use link::{Links, Wanted};
use remedy::{Blocked, Renewals, Tried};

/// The allocations of a session, each a base of its own.
#[derive(Debug)]
pub(crate) struct Relays {
    /// The servers, in the user's order.
    servers: Vec<IceServer>,
    rng: ChaCha20Rng,
    all: BTreeMap<BaseId, Relay>,
    /// The sockets that a server was asked from over UDP, and whether anything was heard there.
    udp: BTreeMap<BaseId, bool>,
    /// What servers may be reached by.
    transports: Vec<ServerTransport>,
    /// What requests say of this agent's software.
    software: Option<String>,
    /// The servers that are being looked for.
    resolving: BTreeSet<ServerId>,
    /// The servers that are left alone for a while.
    blocked: Blocked,
    /// The components that have lost a relay, and ask for another in its place.
    pub(crate) renewals: Renewals,
    /// The components whose data may go another way to a server now.
    pub(crate) changed: BTreeSet<Purpose>,
    /// The connections to servers that are not reached over plain UDP.
    pub(crate) links: Links,
}

#[derive(Debug)]
struct Relay {
    client: Client,
    /// The socket of the host that it was gathered for, and goes with.
    parent: BaseId,
    /// What talks to the server: the same socket, or a connection of its own.
    host: BaseId,
    server: ServerId,
    target: Target,
    tried: Tried,
    purpose: Purpose,
    phase: Phase,
    /// The peers that channels were bound for.
    channels: BTreeSet<SocketAddr>,
    /// When the server allocated it.
    since: Option<Instant>,
}

impl Relay {
    const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    fn is_plain(&self) -> bool {
        self.target.transport == ServerTransport::Udp
    }

    fn is_private(&self) -> bool {
        matches!(self.phase, Phase::Open(allocated) if address::is_private(allocated.relayed.ip()))
    }

    /// What it was asked for, for this job.
    fn wanted(&self, job: JobId) -> Wanted {
        let Self { parent, server, ref target, ref tried, purpose, .. } = *self;
        Wanted { job, purpose, server, parent, target: target.clone(), tried: tried.clone() }
    }

    fn permit(&mut self, now: Instant, peer: IpAddr) {
        if let Err(why) = self.client.permit(now, peer) {
            tracing::debug!(server = %self.server, %why, "no permission");
        }
    }
}

/// How far an allocation is.
///
/// ```text
///   Asked ──allocated──> Open ──close──> Closing ──given back──> gone
///     └──failed──> Closing  └──lost──> gone
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Gathering waits for it.
    Asked(JobId),
    /// It is there.
    Open(Allocated),
    /// It is given back to the server.
    Closing,
}

impl Relays {
    pub(crate) fn new(
        servers: Vec<IceServer>,
        transports: Vec<ServerTransport>,
        software: Option<String>,
        rng: ChaCha20Rng,
    ) -> Self {
        Self {
            servers,
            rng,
            all: BTreeMap::new(),
            udp: BTreeMap::new(),
            transports,
            software,
            resolving: BTreeSet::new(),
            blocked: Blocked::default(),
            renewals: Renewals::default(),
            changed: BTreeSet::new(),
            links: Links::default(),
        }
    }

    /// What to ask for those servers that are named by URIs and are not being looked for.
    pub(crate) fn resolutions(&mut self) -> Vec<(ServerId, Result<Resolution, String>)> {
        let named = (0..).map(ServerId).zip(&self.servers);
        let named = named.filter_map(|(id, server)| Some((id, server.uri()?)));
        let mut wanted = Vec::new();
        for (id, uri) in named {
            if self.resolving.insert(id) {
                let rng = ChaCha20Rng::from_rng(&mut self.rng);
                let resolution = Resolution::new(uri, &useful(&self.transports, uri.kind()), rng);
                wanted.push((id, resolution.map_err(|why| why.to_string())));
            }
        }
        wanted
    }

    /// A server is looked for again by the next restart: another network may have another one.
    pub(crate) fn resolved(&mut self, server: ServerId) {
        self.resolving.remove(&server);
    }

    /// What the allocation behind this base is for.
    pub(crate) fn purpose(&self, base: BaseId) -> Option<Purpose> {
        self.all.get(&base).map(|relay| relay.purpose)
    }

    /// The socket of the host that this relayed base goes with.
    pub(crate) fn parent_of(&self, base: BaseId) -> Option<BaseId> {
        self.open(base).map(|relay| relay.parent)
    }

    /// What the server of this relayed base is reached by, and where it is.
    pub(crate) fn way_of(&self, base: BaseId) -> Option<(BaseId, SocketAddr)> {
        self.open(base).map(|relay| (relay.host, relay.target.address))
    }

    /// What data to a peer is wrapped in.
    pub(crate) fn prefix(&self, base: BaseId, peer: SocketAddr) -> Option<Prefix> {
        self.open(base)?.client.prefix(peer)
    }

    /// What becomes of a check from this base to this peer. That UDP seems to get nowhere is no reason any more where there is a
    /// path: it is a better one that a nomination waits for. Nothing waits for the others that are doubtful.
    pub(crate) fn readiness(
        &self,
        base: BaseId,
        peer: SocketAddr,
        has_path: impl FnOnce() -> bool,
    ) -> Readiness {
        let doubtful = match self.all.get(&base) {
            Some(relay) if !relay.client.is_permitted(peer.ip()) => return Readiness::Held,
            // From the relay's network a private address leads elsewhere.
            Some(relay) => address::is_private(peer.ip()) && !relay.is_private(),
            // Most peers are on another link, and those on this one are mostly reached by other addresses as well.
            None if address::is_link_local(peer.ip()) => true,
            None => self.is_silent(base) && !address::is_private(peer.ip()) && !has_path(),
        };
        if doubtful { Readiness::Doubtful } else { Readiness::Ready }
    }

    /// A server is asked from this socket over UDP.
    pub(super) fn note_asked(&mut self, socket: BaseId) {
        self.udp.entry(socket).or_default();
    }

    pub(crate) fn forget_socket(&mut self, socket: BaseId) {
        self.udp.remove(&socket);
    }

    /// A server or the peer was heard on this socket.
    pub(crate) fn note_heard(&mut self, socket: BaseId) {
        if let Some(heard) = self.udp.get_mut(&socket) {
            *heard = true;
        }
    }

    /// Whether UDP from this socket seems to get nowhere: a server was asked and nothing was heard, and one is reached by a
    /// connection sooner.
    fn is_silent(&self, socket: BaseId) -> bool {
        let heard_nothing = self.udp.get(&socket).is_some_and(|heard| !heard);
        heard_nothing && self.all.values().any(|relay| relay.parent == socket && !relay.is_plain())
    }

    /// Whether it is half done: one or two more requests, and there is a relay.
    fn is_half_done(&self, relay: &Relay) -> bool {
        matches!(relay.phase, Phase::Asked(_)) && (relay.is_plain() || self.is_silent(relay.parent))
    }

    /// The next request of an allocation that is half done.
    pub(crate) fn start_half_done(&mut self, now: Instant) -> Option<Transmit> {
        let half_done =
            self.all.iter().filter(|(_, relay)| self.is_half_done(relay) && relay.client.has_next());
        let base = half_done.min_by_key(|(_, relay)| !relay.is_plain()).map(|(&base, _)| base)?;
        self.client(base)?.start_next(now)
    }

    fn open(&self, base: BaseId) -> Option<&Relay> {
        self.all.get(&base).filter(|relay| matches!(relay.phase, Phase::Open(_)))
    }

    /// The relayed bases.
    pub(crate) fn bases(&self) -> impl Iterator<Item = BaseId> + '_ {
        self.all.keys().copied().filter(|&base| self.open(base).is_some())
    }

    /// All allocations that go with this socket, whatever their phase.
    pub(crate) fn on(&self, parent: BaseId) -> Vec<BaseId> {
        self.all.iter().filter(|(_, relay)| relay.parent == parent).map(|(&base, _)| base).collect()
    }

    /// All allocations over this connection.
    fn over(&self, host: BaseId) -> Vec<BaseId> {
        self.all.iter().filter(|(_, relay)| relay.host == host).map(|(&base, _)| base).collect()
    }

    /// The allocation whose server sends from here to this socket or connection.
    fn at(&self, host: BaseId, from: SocketAddr) -> Option<BaseId> {
        let same = |relay: &Relay| relay.host == host && relay.target.address == from;
        let all = self.all.iter().filter(|(_, relay)| same(relay));
        // One that is being given back may still get its answer, where nothing has taken its place.
        all.min_by_key(|(_, relay)| relay.phase == Phase::Closing).map(|(&base, _)| base)
    }

    fn client(&mut self, base: BaseId) -> Option<&mut Client> {
        self.all.get_mut(&base).map(|relay| &mut relay.client)
    }

    fn set_phase(&mut self, base: BaseId, phase: Phase) {
        if let Some(relay) = self.all.get_mut(&base) {
            relay.phase = phase;
        }
    }

    fn opened(&mut self, now: Instant, base: BaseId, allocated: Allocated) {
        if let Some(relay) = self.all.get_mut(&base) {
            relay.phase = Phase::Open(allocated);
            relay.since = Some(now);
        }
    }

    /// The allocation is gone; the connection that it had for itself, if it had one, is to be closed.
    fn remove(&mut self, base: BaseId) -> Option<(Relay, Option<SocketId>)> {
        let relay = self.all.remove(&base)?;
        let link = self.links.remove(relay.host);
        Some((relay, link))
    }

    /// Whether a connection to a server is being made.
    pub(crate) fn is_connecting(&self) -> bool {
        self.links.is_connecting()
    }

    pub(crate) fn has_next(&self) -> bool {
        self.all.values().any(|relay| relay.client.has_next())
    }

    /// The next transaction of one of these.
    fn start_next(&mut self, now: Instant, these: impl Fn(&Relay) -> bool) -> Option<Transmit> {
        let mut relays = self.all.values_mut().filter(|relay| these(relay));
        relays.find_map(|relay| relay.client.start_next(now))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let clients = self.all.values().filter_map(|relay| relay.client.poll_timeout());
        clients.chain(self.renewals.poll_timeout()).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for relay in self.all.values_mut() {
            relay.client.handle_timeout(now);
        }
    }

    /// Asks the server of a relayed base whether it still has the allocation.
    pub(crate) fn refresh(&mut self, now: Instant, base: BaseId) {
        if let Some(client) = self.client(base) {
            client.refresh(now);
        }
    }

    /// A datagram of ICE's own over a relay. One that the relay does not take is lost, as on any network. Whether the server has
    /// refused the permission for the peer.
    pub(crate) fn send(&mut self, now: Instant, transmit: &Transmit) -> bool {
        let Some(client) = self.client(transmit.base) else { return false };
        let Err(why) = client.send(now, transmit.to, &transmit.payload) else { return false };
        tracing::debug!(base = %transmit.base, %why, "a datagram was not relayed");
        why == floe_turn::SendError::NotPermitted
    }
}

/// What may be of use of these: a server-reflexive candidate is what a server sees of a UDP socket.
fn useful(transports: &[ServerTransport], kind: ServerKind) -> Vec<ServerTransport> {
    let useful = |transport: &ServerTransport| kind == ServerKind::Turn || *transport == ServerTransport::Udp;
    transports.iter().copied().filter(useful).collect()
}
