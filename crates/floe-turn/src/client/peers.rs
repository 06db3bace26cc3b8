//! Who may send to the relay, and who has a channel (RFC 8656 9, 10, 12).

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_core::address;

use super::{Client, PATIENCE, canonical};
use crate::{
    AddressFamily,
    config::RelayTransport,
    event::{Event, PeerError},
    lease::Step,
    permissions::Standing,
    reason::RequestError,
    request::{Ask, Request},
};

impl Client {
    /// Wants the permission that lets this peer in, from whatever port, and keeps it until
    /// [`lapse`](Self::lapse) (RFC 8656 9). [`Event::Permitted`] or [`Event::PermissionFailed`] follows, unless it is
    /// there already; one that was refused is asked for anew.
    ///
    /// # Errors
    /// There can be no such permission, or no more of them.
    pub fn permit(&mut self, now: Instant, ip: IpAddr) -> Result<(), PeerError> {
        let ip = ip.to_canonical();
        // The port plays no part; any will do to see whether the address does.
        self.check_peer(SocketAddr::new(ip, 1))?;
        self.want_permission(ip)?;
        self.settle(now);
        Ok(())
    }

    /// Wants a channel to this peer, and its permission with it, and keeps both until [`lapse`](Self::lapse)
    /// (RFC 8656 12). [`Event::ChannelBound`] or [`Event::ChannelFailed`] follows, unless it is there already. Until
    /// then data goes by indication.
    ///
    /// # Errors
    /// There can be no such channel, or no more of them.
    pub fn bind_channel(&mut self, now: Instant, peer: SocketAddr) -> Result<(), PeerError> {
        let peer = canonical(peer);
        if self.config.relay == RelayTransport::Tcp {
            return Err(PeerError::TcpRelay);
        }
        self.check_peer(peer)?;
        self.want_permission(peer.ip())?;
        if let Some(channel) = self.channels.want(peer).map_err(|_| PeerError::TooManyPeers)? {
            self.queue.push(Request::patient(Ask::Bind(peer, channel)));
        }
        self.settle(now);
        Ok(())
    }

    /// Renews permission and channels of this address no more: they end by themselves, the permission within five
    /// minutes, the channels within ten. There is no other way to give them back. What was not asked for yet is not asked
    /// for at all, and what is held for the peer is dropped with it.
    pub fn lapse(&mut self, now: Instant, ip: IpAddr) {
        self.let_lapse(ip.to_canonical());
        self.settle(now);
    }

    /// Lapses every peer for which the answer is no: those that are neither checked nor used any more.
    pub fn retain(&mut self, now: Instant, mut wanted: impl FnMut(IpAddr) -> bool) {
        let lapsing: Vec<_> = self.permissions.wanted().filter(|ip| !wanted(*ip)).collect();
        for ip in lapsing {
            self.let_lapse(ip);
        }
        self.settle(now);
    }

    /// Renews the channel to this peer no more, and its permission as before: data goes by channel until it ends, within
    /// ten minutes, and by indication from then on.
    pub fn lapse_channel(&mut self, now: Instant, peer: SocketAddr) {
        let peer = canonical(peer);
        if let Some(channel) = self.channels.lapse(peer) {
            self.queue.remove(Ask::Bind(peer, channel));
        }
        self.settle(now);
    }

    /// The peers whose permission is wanted, whether it is there or not.
    pub fn wanted(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.permissions.wanted()
    }

    fn let_lapse(&mut self, ip: IpAddr) {
        for (peer, channel) in self.channels.lapse_all(ip) {
            self.queue.remove(Ask::Bind(peer, channel));
        }
        self.permissions.lapse(ip);
        // Nobody at the server knows of it yet.
        if self.permissions.standing(ip) == Standing::Asked && self.queue.remove(Ask::Permit(ip)) {
            let asked = self.open.iter().any(|(_, open)| open.key().asks_for(Ask::Permit(ip)));
            if !asked {
                self.permissions.forget(ip);
                self.held.give_up(ip);
            }
        }
    }

    /// Whether the relayed address can reach the peer.
    pub(super) fn check_peer(&self, peer: SocketAddr) -> Result<(), PeerError> {
        let relay = self.allocation.relay().ok_or(PeerError::NotAllocated)?;
        let same = relay.of(AddressFamily::of(peer.ip())).is_some();
        match address::check_destination(peer) {
            Ok(()) if same => Ok(()),
            _ => Err(PeerError::UnreachablePeer),
        }
    }

    pub(super) fn want_permission(&mut self, ip: IpAddr) -> Result<(), PeerError> {
        if self.permissions.want(ip).map_err(|_| PeerError::TooManyPeers)? {
            self.queue.push(Request::patient(Ask::Permit(ip)));
        }
        Ok(())
    }

    pub(super) fn step_permissions(&mut self, now: Instant) {
        for (ip, step) in self.permissions.steps(now) {
            let ask = Ask::Permit(ip);
            match step {
                // It may have been wanted no more for a while, and be wanted again long after it was due.
                Step::Renew { due } => self.queue.push(Request::until(ask, due.max(now) + PATIENCE)),
                Step::Refused => {
                    self.abandon(ask);
                    self.permission_failed(ip, RequestError::TimedOut);
                }
                Step::Ended => self.abandon(ask),
            }
        }
    }

    pub(super) fn step_channels(&mut self, now: Instant) {
        for (peer, channel, step) in self.channels.steps(now) {
            let ask = Ask::Bind(peer, channel);
            match step {
                // It may have been wanted no more for a while, and be wanted again long after it was due.
                Step::Renew { due } => self.queue.push(Request::until(ask, due.max(now) + PATIENCE)),
                Step::Refused => {
                    self.abandon(ask);
                    self.out.tell(Event::ChannelFailed { peer, why: RequestError::TimedOut });
                }
                Step::Ended => self.abandon(ask),
            }
        }
    }

    /// Whatever is under way or waits for this is of no use any more.
    pub(super) fn abandon(&mut self, ask: Ask) {
        self.queue.remove(ask);
        // What it was asked for together with goes on, where anybody still waits for that.
        let permissions = &self.permissions;
        let is_awaited = |request: &Request| match request.ask {
            Ask::Permit(ip) => permissions.is_awaited(ip),
            _ => false,
        };
        self.open.retain(|flight| {
            let mut all = [flight.request].into_iter().chain(flight.rest.iter().copied());
            !flight.asks_for(ask) || (!flight.rest.is_empty() && all.any(|request| is_awaited(&request)))
        });
    }
}
