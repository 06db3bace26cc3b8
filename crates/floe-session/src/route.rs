//! Where data goes (RFC 8445 12.1).

use std::{collections::BTreeMap, net::SocketAddr, time::Instant};

use floe_check::{ListState, PairState};
use floe_core::{ComponentId, PairId, StreamId, address::Redacted};
use floe_stun::TransactionId;
use floe_turn::{Prefix, RelayHeader};

use crate::{Session, SocketId, sockets::Purpose};

/// Where the data of a component goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The pair.
    pub pair: PairId,
    /// The socket or connection to send from.
    pub socket: SocketId,
    /// The peer's address; a link-local one has the scope of the socket, and one behind a NAT64 its prefix.
    pub to: SocketAddr,
    /// The TURN server that the way leads over, if it does.
    pub relay: Option<RelayRoute>,
}

/// What a route has that leads over a TURN server.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayRoute {
    /// The server: what the socket sends to.
    pub server: SocketAddr,
    /// What data is wrapped in to get to the peer, with no copy of it (RFC 8656 11.1, 12.5). `None` where the server does
    /// not let the peer in at present, so that nothing gets through.
    pub prefix: Option<Prefix>,
}

impl RelayRoute {
    /// What stands before so many bytes of data and behind them. `random` gives bytes that nobody can foresee; it is asked
    /// only while the peer has no channel. `None` where nothing gets through at present, or so much fits into no datagram.
    #[must_use]
    pub fn header(&self, length: usize, random: impl FnOnce() -> [u8; 12]) -> Option<RelayHeader> {
        self.prefix?.header(length, || TransactionId::new(random()))
    }
}

impl std::fmt::Debug for RelayRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RelayRoute({:?} at {})", self.prefix, Redacted(self.server))
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = if self.relay.is_some() { " over a relay" } else { "" };
        write!(f, "Route({} from {} to {}{way})", self.pair, self.socket, Redacted(self.to))
    }
}

/// What a new look at a component's route brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The route is the same.
    None,
    /// There is one, and it is new.
    New,
    /// There is none any more.
    Lost,
}

/// The routes of all components, kept so that asking for one costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Routes(BTreeMap<Purpose, Route>);

impl Routes {
    pub(crate) fn get(&self, component: Purpose) -> Option<Route> {
        self.0.get(&component).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Purpose, Route)> + '_ {
        self.0.iter().map(|(&component, &route)| (component, route))
    }

    pub(crate) fn set(&mut self, component: Purpose, route: Option<Route>) -> Change {
        let before = match route {
            Some(route) => self.0.insert(component, route),
            None => self.0.remove(&component),
        };
        match route {
            _ if route == before => Change::None,
            Some(_) => Change::New,
            None => Change::Lost,
        }
    }

    /// The pairs that data goes over.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = PairId> + '_ {
        self.0.values().map(|route| route.pair)
    }

    /// The components whose data would go a way that is gone.
    pub(crate) fn orphaned(&self, is_gone: impl Fn(&Route) -> bool) -> Vec<Purpose> {
        let orphaned = self.0.iter().filter(|(_, route)| is_gone(route));
        orphaned.map(|(component, _)| *component).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Session {
    /// Where the data of a component goes now: over the selected pair, and before there is one over the best valid one
    /// (RFC 8445 12.1). After a restart it goes the way it went before until the new generation has selected a pair, or
    /// consent on the old one is lost. Where the peer has not lately consented to the pair that it is to go over, data stays
    /// on the way in use until it has, as long as that may be used and neither pair has failed. `None` where it may not be
    /// sent.
    #[must_use]
    pub fn route(&self, stream: StreamId, component: ComponentId) -> Option<Route> {
        self.routes.get((stream, component))
    }

    /// The route, found anew.
    pub(crate) fn find_route(&self, (stream, component): Purpose) -> Option<Route> {
        if let Some(former) = self.former_route((stream, component)) {
            return Some(former);
        }
        // RFC 8445 12.1: a stream that lacks one component has no use for the others.
        if self.check.list_state(stream)? == ListState::Failed {
            return None;
        }
        if !self.may_begin(stream) {
            return None;
        }
        let valid = self.check.valid(stream, component);
        let best = || valid.first().map(|pair| pair.id);
        let mut selected = self.nominator.selected(stream, component);
        // Where another pair is about to be nominated in its place, data does not wait for that.
        if self.check.may_renominate(stream) && !valid.is_empty() {
            selected = selected.filter(|selected| valid.iter().any(|pair| pair.id == *selected));
        }
        self.route_of(selected.or_else(best)?)
    }

    /// The way in use, where data stays on it until the peer consents to the one wanted (RFC 7675 5.1): the peer may
    /// nominate a valid pair that this side has not checked for long.
    pub(crate) fn route_meanwhile(&self, now: Instant, component: Purpose, wanted: Route) -> Option<Route> {
        let used = self.routes.get(component).filter(|used| used.pair != wanted.pair)?;
        let works = |pair| self.check.describe(pair).is_some_and(|pair| pair.state != PairState::Failed);
        let stays = works(used.pair) && works(wanted.pair) && self.check.may_send(used.pair);
        if stays && !self.check.has_consent(now, wanted.pair) { self.route_of(used.pair) } else { None }
    }

    /// RFC 8445 12.1: while a restart has not selected a pair data goes over the one from before; should the restart
    /// fail, too, as long as there is consent.
    pub(crate) fn former_route(&self, (stream, component): Purpose) -> Option<Route> {
        let pair = self.routes.get((stream, component))?.pair;
        let stands = self.check.is_former(pair) && self.check.may_send(pair);
        let replaced = self.nominator.selected(stream, component).is_some() && self.may_begin(stream);
        self.route_of(pair).filter(|_| stands && !replaced && !self.is_left_out((stream, component)))
    }

    /// Whether this stream has completed, and the peer without this component (RFC 8445 12.1): what it had before is over.
    fn is_left_out(&self, (stream, component): Purpose) -> bool {
        let completed = self.check.list_state(stream) == Some(ListState::Completed);
        completed && !self.check.components(stream).any(|known| known == component)
    }

    /// Where data over this pair goes or would go; `None` once its socket is closed.
    #[must_use]
    pub fn route_of(&self, pair: PairId) -> Option<Route> {
        let route = self.check.route(pair)?;
        if let Some((host, server)) = self.relays.way_of(route.base) {
            let (socket, server) = self.way_out(host, server)?;
            let relay = RelayRoute { server, prefix: self.relays.prefix(route.base, route.to) };
            return Some(Route { pair, socket, to: route.to, relay: Some(relay) });
        }
        let socket = self.sockets.socket(route.base)?;
        Some(Route { pair, socket, to: self.on_wire(route.base, route.to), relay: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_from_a_closed_socket_is_found() {
        let route =
            |socket| Route { pair: PairId(1), socket, to: ([192, 0, 2, 1], 5000).into(), relay: None };
        let component = |id| (StreamId(0), ComponentId::new(id).unwrap());
        let mut routes = Routes::default();
        for id in [1, 2] {
            routes.set(component(id), Some(route(SocketId(id.into()))));
        }
        assert_eq!(routes.orphaned(|route| route.socket == SocketId(2)), [component(2)]);
        assert_eq!(routes.orphaned(|_| false), []);
    }

    #[test]
    fn a_change_of_route_is_told_once() {
        let component = (StreamId(0), ComponentId::RTP);
        let to = ([192, 0, 2, 1], 5000).into();
        let route = Route { pair: PairId(1), socket: SocketId(0), to, relay: None };
        let other = Route { pair: PairId(2), ..route };
        let mut routes = Routes::default();
        assert_eq!(routes.set(component, None), Change::None);
        assert_eq!(routes.set(component, Some(route)), Change::New);
        assert_eq!(routes.set(component, Some(route)), Change::None);
        assert_eq!(routes.set(component, Some(other)), Change::New);
        assert_eq!(routes.get(component), Some(other));
        assert_eq!(routes.set(component, None), Change::Lost);
        assert_eq!(routes.set(component, None), Change::None);
    }

    #[test]
    fn a_route_is_shown_without_its_address() {
        let to = ([192, 0, 2, 17], 5000).into();
        let route = Route { pair: PairId(1), socket: SocketId(0), to, relay: None };
        assert_eq!(format!("{route:?}"), "Route(p1 from k0 to 192.x.x.x:5000)");
    }
}
