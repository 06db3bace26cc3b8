//! What goes over a relay and comes from it: permissions, channels, data (RFC 8656 9 to 12).

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use bytes::Bytes;
use floe_core::{BaseId, ComponentId, PairId, Received, StreamId};
use floe_turn::Handled;

use super::{Phase, Relays};
use crate::{Disposition, DropReason, Output, Session, Span, datagram::is_stun, sockets::Purpose};

/// Why data was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is nowhere to send it: no valid pair, or no consent on it (RFC 7675). Wait for the route.
    #[error("the component has no route")]
    NoRoute,
    /// The relay in use does not take it.
    #[error(transparent)]
    Relay(#[from] floe_turn::SendError),
}

impl Relays {
    /// Permissions and channels of peers that no pair leads to any more are left to lapse (RFC 8656 9, 12): with each of them
    /// a stranger at that address could reach this host. Permissions of those that pairs lead to are kept, also where they were
    /// left to lapse before. A relay that has no pairs because its candidate still waits is left as it is.
    pub(crate) fn trim(
        &mut self,
        now: Instant,
        ways: &BTreeSet<(BaseId, SocketAddr)>,
        has_pairs: impl Fn(BaseId) -> bool,
    ) {
        for (&base, relay) in self.all.iter_mut().filter(|(base, relay)| relay.is_open() && has_pairs(**base))
        {
            let peers: BTreeSet<_> = ways.iter().filter(|way| way.0 == base).map(|way| way.1.ip()).collect();
            relay.client.retain(now, |ip| peers.contains(&ip));
            for peer in peers {
                if relay.client.is_permitted(peer) {
                    relay.permit(now, peer);
                }
            }
            relay.channels.retain(|&peer| {
                let used = ways.contains(&(base, peer));
                if !used {
                    relay.client.lapse_channel(now, peer);
                }
                used
            });
        }
    }
}

impl Session {
    /// Sends data over the route that the component has now: directly, or over a TURN server. What is sent is an
    /// [`Output::Send`] to be polled. Data that goes directly may as well be sent past the session, to the
    /// [`route`](Self::route), without this copy; then tell [`note_sent`](Self::note_sent).
    ///
    /// # Errors
    /// See [`SendError`]; nothing is sent then.
    pub fn send_data(
        &mut self,
        now: Instant,
        stream: StreamId,
        component: ComponentId,
        data: &[u8],
    ) -> Result<(), SendError> {
        let now = self.clock.tick(now);
        let route = self.route(stream, component).ok_or(SendError::NoRoute)?;
        if route.relay.is_some() {
            let base = self.check.route(route.pair).ok_or(SendError::NoRoute)?.base;
            let client = self.relays.client(base).ok_or(SendError::NoRoute)?;
            client.send(now, route.to, data)?;
            self.carry_relays(now);
        } else {
            let data = Bytes::copy_from_slice(data);
            self.put(Output::Send { socket: route.socket, to: route.to, data });
        }
        self.note_sent(now, stream, component);
        Ok(())
    }

    /// RFC 8445 7.2.1, 12.1: channels are for when ICE has completed.
    pub(crate) fn bind_channels(&mut self, now: Instant) {
        let selected =
            self.components().filter_map(|(stream, component)| self.nominator.selected(stream, component));
        for pair in selected.collect::<Vec<_>>() {
            self.bind_channel(now, pair);
        }
    }

    /// RFC 8445 12.1: once a relayed pair is selected its data goes by channel.
    pub(crate) fn bind_channel(&mut self, now: Instant, pair: PairId) {
        let Some(route) = self.check.route(pair) else { return };
        let Some(relay) = self.relays.all.get_mut(&route.base) else { return };
        match relay.client.bind_channel(now, route.to) {
            Ok(()) => drop(relay.channels.insert(route.to)),
            Err(why) => tracing::debug!(%pair, %why, "no channel"),
        }
    }

    /// A candidate of the peer is new: our relays let it in before it is checked from there (RFC 8445 7.2.1), so that the
    /// check does not wait for the permission. Wherever an authentic check of the peer's came from is let in as well: a peer
    /// without servers of its own may reach the relay from there, and no signalling will ever say so.
    pub(crate) fn permit(&mut self, now: Instant, purpose: Purpose, peer: IpAddr) {
        let relays = self.relays.all.values_mut().filter(|relay| relay.purpose == purpose);
        for relay in relays.filter(|relay| matches!(relay.phase, Phase::Open(_))) {
            relay.permit(now, peer);
        }
        self.trim_later(now);
    }

    /// A relay is new: what is known of the peer is let in.
    pub(super) fn permit_known(&mut self, now: Instant, base: BaseId) {
        let Some(relay) = self.relays.all.get_mut(&base) else { return };
        let (stream, component) = relay.purpose;
        for candidate in self.check.remote_candidates(stream, component) {
            if let Some(address) = candidate.socket_addr() {
                relay.permit(now, address.ip());
            }
        }
    }

    /// What a datagram is that comes from a TURN server; `None` where it is not the relay's. What it unwraps comes in once
    /// more, on the relayed base.
    pub(crate) fn dispose_relayed(
        &mut self,
        now: Instant,
        host: BaseId,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<Disposition> {
        let base = self.relays.at(host, from)?;
        match self.relays.client(base)?.handle(now, from, datagram) {
            Handled::NotMine => None,
            Handled::Consumed => {
                self.relays.note_heard(host);
                self.drive(now);
                Some(Disposition::Consumed)
            }
            Handled::Dropped(why) => Some(Disposition::Dropped(DropReason::Turn(why))),
            Handled::Data { peer, payload } if is_stun(payload) => {
                Some(self.dispose_stun(now, Received { base, from: peer, payload }))
            }
            Handled::Data { peer, payload } => {
                let data = Span::within(datagram, payload);
                Some(match self.dispose_data(now, base, peer) {
                    Disposition::Data { stream, component } => {
                        Disposition::Relayed { stream, component, from: peer, data }
                    }
                    other => other,
                })
            }
        }
    }
}
