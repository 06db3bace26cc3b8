//! What the driver tells: events to the streams, snapshots and datagrams to the connections.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use floe_core::{ComponentId, address::unscoped};
use floe_session::{Event, IceState, LocalParameters, Session, SocketId};
use tokio::sync::watch;

use super::{STREAM, sockets::Sockets};
use crate::{
    ConnectionStats, Events, SelectedPair, TrafficCounts,
    activity::Activity,
    connection::Component,
    events::{self, EventSender, Weight},
    path::{Path, Route, Snapshot, Traffic},
};

/// The streams of events. Handles add to it, the driver delivers; none once the agent is closed.
#[derive(Debug)]
pub(crate) struct Subscribers {
    senders: Mutex<Option<Vec<EventSender>>>,
    capacity: usize,
}

impl Subscribers {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { senders: Mutex::new(Some(Vec::new())), capacity }
    }

    /// A stream of the events from now on.
    pub(crate) fn subscribe(&self) -> Events {
        let (sender, events) = events::channel(self.capacity);
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        // A sender that is dropped ends its stream: so it is where the agent is closed.
        if let Some(senders) = senders.as_mut() {
            // Those that nobody reads any more go with the next event, and that may be long in coming.
            senders.retain(EventSender::is_heard);
            senders.push(sender);
        }
        events
    }

    fn deliver(&self, event: &Event) {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(senders) = senders.as_mut() {
            senders.retain(|sender| sender.send(weight(event), event));
        }
    }

    fn end(&self) {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// How much an event is missed.
fn weight(event: &Event) -> Weight {
    match event {
        Event::Candidate { .. }
        | Event::EndOfCandidates { .. }
        | Event::CandidateRefused { .. }
        | Event::Restarted { .. } => Weight::Kept,
        Event::State { .. } => Weight::Latest(0),
        Event::Role(_) => Weight::Latest(1),
        Event::Selected { component, .. } => Weight::Latest(2 + u64::from(component.get())),
        _ => Weight::Progress,
    }
}

/// A component as the driver sees it.
#[derive(Debug)]
struct Published {
    component: Arc<Component>,
    snapshot: watch::Sender<Snapshot>,
    traffic: BTreeMap<(SocketId, SocketAddr), Arc<Traffic>>,
}

/// Tells what happens. Dropping it tells that the agent is closed.
#[derive(Debug)]
pub(crate) struct Publisher {
    subscribers: Arc<Subscribers>,
    local: watch::Sender<Arc<LocalParameters>>,
    components: Vec<Published>,
}

impl Publisher {
    pub(crate) fn new(
        subscribers: Arc<Subscribers>,
        local: watch::Sender<Arc<LocalParameters>>,
        components: impl IntoIterator<Item = (Arc<Component>, watch::Sender<Snapshot>)>,
    ) -> Self {
        let components = components.into_iter();
        let components = components.map(|(component, snapshot)| Published {
            component,
            snapshot,
            traffic: BTreeMap::new(),
        });
        Self { subscribers, local, components: components.collect() }
    }

    /// What the agent says of itself has changed.
    pub(super) fn renew(&self, local: LocalParameters) -> Arc<LocalParameters> {
        let local = Arc::new(local);
        self.local.send_replace(Arc::clone(&local));
        local
    }

    fn component(&mut self, id: ComponentId) -> Option<&mut Published> {
        self.components.iter_mut().find(|published| published.component.id == id)
    }

    /// A datagram of the peer's for a component.
    pub(super) fn received(&mut self, id: ComponentId, socket: SocketId, from: SocketAddr, datagram: &[u8]) {
        // A datagram without a byte is nothing that `recv` could return.
        if let Some(published) = self.component(id).filter(|_| !datagram.is_empty()) {
            published.traffic(socket, from).received(datagram.len());
            published.component.inbox.put(datagram);
        }
    }

    /// The traffic over a socket to and from an address.
    pub(super) fn traffic(&self, id: ComponentId, socket: SocketId, remote: SocketAddr) -> Option<&Traffic> {
        let published = self.components.iter().find(|published| published.component.id == id)?;
        published.traffic.get(&(socket, unscoped(remote))).map(|traffic| &**traffic)
    }

    /// Whether data is sent on each component.
    pub(super) fn activities(&self) -> impl Iterator<Item = (ComponentId, &Activity)> {
        self.components.iter().map(|published| (published.component.id, &published.component.activity))
    }

    /// What went over each component.
    pub(super) fn components(&self) -> impl Iterator<Item = ConnectionStats> + '_ {
        self.components.iter().map(Published::stats)
    }

    /// Delivers an event.
    pub(super) fn event(&mut self, event: &Event) {
        if let Event::Restarted { local, .. } = event {
            self.renew(local.clone());
        }
        tracing::debug!(?event);
        if let Some(selected) = SelectedPair::from_event(event)
            && let Some(published) = self.component(selected.component)
        {
            published.snapshot.send_modify(|snapshot| snapshot.selected = Some(Arc::new(selected)));
        }
        self.subscribers.deliver(event);
    }

    /// Tells the connections where data goes now, if that has changed.
    pub(super) fn update(&mut self, session: &Session, sockets: &Sockets) {
        let failed = session.state() == IceState::Failed;
        for published in &mut self.components {
            let path = if failed {
                Path::Failed(session.reason().cloned())
            } else {
                published.open(session, sockets).map_or(Path::None, |route| Path::Open(Arc::new(route)))
            };
            published.replace(path);
        }
    }

    /// Tells everyone that it is over.
    fn close(&mut self) {
        for published in &self.components {
            published.replace(Path::Closed);
        }
        self.subscribers.end();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Also where the runtime drops the driver: nobody shall wait for what cannot come.
        self.close();
    }
}

impl Published {
    fn stats(&self) -> ConnectionStats {
        let (inbox_waiting, inbox_dropped) = self.component.inbox.counts();
        let counts = self.traffic.values().map(|traffic| traffic.counts());
        let traffic = counts.fold(TrafficCounts::default(), TrafficCounts::plus);
        ConnectionStats { component: self.component.id, traffic, inbox_waiting, inbox_dropped }
    }

    fn traffic(&mut self, socket: SocketId, remote: SocketAddr) -> &Arc<Traffic> {
        self.traffic.entry((socket, unscoped(remote))).or_default()
    }

    fn open(&mut self, session: &Session, sockets: &Sockets) -> Option<Route> {
        let route = session.route(STREAM, self.component.id)?;
        let socket = Arc::clone(sockets.get(route.socket)?);
        let traffic = Arc::clone(self.traffic(route.socket, route.to));
        Some(Route { pair: route.pair, socket, to: route.to, relay: route.relay, traffic })
    }

    fn replace(&self, path: Path) {
        let replaced = self.snapshot.send_if_modified(|snapshot| {
            let changed = !snapshot.path.is_same(&path);
            if changed {
                snapshot.path = path;
            }
            changed
        });
        if replaced {
            // A waiting receiver looks whether it still has something to wait for.
            self.component.inbox.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_were_dropped_do_not_pile_up() {
        let subscribers = Subscribers::new(8);
        let kept = subscribers.subscribe();
        for _ in 0..1000 {
            drop(subscribers.subscribe());
        }
        let held = subscribers.senders.lock().unwrap().as_ref().map(Vec::len);
        assert_eq!(held, Some(2), "the kept one, and the last");
        drop(kept);
    }
}
