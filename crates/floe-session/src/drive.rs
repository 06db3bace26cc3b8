//! The wiring: what one part says is carried to the others until all are dry.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_check::{Command, FailReason, Readiness};
use floe_core::{BaseId, ComponentId, Outlook, PairId, StreamId, Transmit, address::Redacted};
use floe_nominate::{Decision, Why};

use crate::{
    Event, IceState, Output, Reason, Session,
    pace::SlotFor,
    relay::Relays,
    route::Change,
    session::Item,
    sockets::{Purpose, Sockets},
};

/// What a drive has come across so far.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Components that nomination has to look at.
    pub(crate) to_review: BTreeSet<Purpose>,
    /// Components whose route may have changed.
    pub(crate) to_route: BTreeSet<Purpose>,
    /// Why the latest pair of a component failed.
    pub(crate) failures: BTreeMap<Purpose, FailReason>,
}

impl Work {
    pub(crate) fn touch(&mut self, stream: StreamId, component: ComponentId) {
        self.to_review.insert((stream, component));
        self.to_route.insert((stream, component));
    }
}

impl Session {
    /// Carries everything where it belongs, and starts the next check if its slot has come.
    pub(crate) fn drive(&mut self, now: Instant) {
        if self.state() == IceState::Closed {
            return;
        }
        let mut work = Work::default();
        while self.carry_gathered(now)
            | self.carry_checked(now, &mut work)
            | self.review(now, &mut work)
            | self.carry_relays(now)
            | self.start_next(now)
        {}
        self.clock.settle();
        self.update_routes(now, &work);
        self.update_state(now);
    }

    /// Sends the error response that a dropped datagram may have drawn. Strangers do not make the session work: it goes on
    /// only where an authentic check that was refused had changed something before.
    pub(crate) fn answer_dropped(&mut self, now: Instant) {
        while let Some(transmit) = self.check.poll_transmit() {
            self.send(now, &transmit);
        }
        if self.carry_relays(now) || self.check.has_events() {
            self.drive(now);
        }
    }

    pub(crate) fn put(&mut self, output: Output) {
        self.outbox.push_back(Item::Output(output));
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.put(Output::Event(event));
    }

    /// Where the base is gone the datagram is lost, as on any network.
    pub(crate) fn send(&mut self, now: Instant, transmit: &Transmit) {
        if let Some((socket, to)) = self.way_out(transmit.base, transmit.to) {
            self.put(Output::Send { socket, to, data: transmit.payload.clone() });
        } else if self.relays.send(now, transmit) {
            // The permission was refused, perhaps before there was a pair.
            self.check.forbid(now, transmit.base, transmit.to.ip());
        }
    }

    /// The address as the network of this base knows it.
    pub(crate) fn on_wire(&self, base: BaseId, to: SocketAddr) -> SocketAddr {
        self.sockets.nat64(base).map_or(to, |prefix| prefix.embed_socket(to))
    }

    /// Has nomination look at what changed, and does what it decides.
    fn review(&mut self, now: Instant, work: &mut Work) -> bool {
        while let Some(component) = self.nominator.due() {
            work.to_review.insert(component);
        }
        for (stream, component) in std::mem::take(&mut work.to_review) {
            let valid = self.check.valid(stream, component);
            // It takes a look at every pair, and while there is nothing to choose from nobody would read it.
            let idle = valid.is_empty() && self.nominator.selected(stream, component).is_none();
            let outlook = if idle { Outlook::default() } else { self.check.outlook(now, stream, component) };
            self.nominator.review(now, stream, component, &valid, &outlook);
        }
        let mut busy = false;
        while let Some(decision) = self.nominator.poll_decision() {
            busy = true;
            self.decide(now, decision, work);
        }
        busy
    }

    fn decide(&mut self, now: Instant, decision: Decision, work: &mut Work) {
        match decision {
            Decision::Nominate { stream, component, pair, check, why } => {
                self.tell(Event::Nominating { stream, component, pair, why });
                self.check.apply(now, Command::Nominate(check));
            }
            Decision::Select { stream, component, pair, why } => {
                work.to_route.insert((stream, component));
                self.select(now, (stream, component), pair, why);
            }
        }
    }

    fn select(&mut self, now: Instant, (stream, component): Purpose, pair: PairId, why: Why) {
        self.check.apply(now, Command::Retire { stream, component, keep: pair });
        self.tally.select((stream, component));
        // RFC 8445 7.2.1: before that it would be for a pair that may not stay.
        if self.state() == IceState::Completed {
            self.bind_channel(now, pair);
        }
        self.trim_later(now);
        // Two lite agents nominate by what they know already.
        let why = if self.check.is_without_checks(stream) { Why::AlreadyNominated } else { why };
        let Some(view) = self.check.describe(pair) else { return };
        let remote = self.streams.get(&stream).and_then(|stream| stream.remote.as_ref());
        self.tell(Event::Selected {
            stream,
            component,
            pair,
            local: view.local,
            remote: view.remote,
            rtt: view.counters.current_round_trip,
            elapsed: remote.map_or(Duration::ZERO, |remote| now.saturating_duration_since(remote.since)),
            why,
        });
    }

    /// One new transaction, if its slot has come (RFC 8445 6.1.4.2, 14.2).
    fn start_next(&mut self, now: Instant) -> bool {
        if !self.pace.may_start(now) {
            return false;
        }
        if !self.has_next(now) {
            self.turn.leave();
            if self.check.has_next() {
                self.pace.keep(now);
            }
            return false;
        }
        if !self.turn.take(now) {
            return false;
        }
        let relays = &self.relays;
        let is_urgent = self.check.has_urgent(&|base, to| relays.readiness(base, to, || false));
        let next = self.next_transaction(now, is_urgent);
        // What could not be started may have ended something all the same.
        let Some((transmit, is_check)) = next else {
            return self.carry_gathered(now) || self.check.has_events();
        };
        let (base, to) = (transmit.base, Redacted(transmit.to));
        tracing::trace!(%base, %to, turn = ?self.pace.turn(is_urgent), is_urgent, "a slot is spent");
        self.pace.started(now, is_urgent && is_check);
        self.send(now, &transmit);
        true
    }

    /// What the slot of now is spent on, and whether that is a check. An allocation that is half done comes first: one more
    /// request, and there are two candidates. Then comes a check that cannot wait, but not before others again and again. Of
    /// eight slots checks have the first choice of five, servers of two. What is not reached over plain UDP is for where that
    /// does not work: it gets the slots of servers that no other server wants, those that no good check wants, and every
    /// eighth. A slot that only a doubtful check wants stays free for a connection that is being made, for one interval.
    fn next_transaction(&mut self, now: Instant, is_urgent: bool) -> Option<(Transmit, bool)> {
        if let Some(transmit) = self.relays.start_half_done(now) {
            return Some((transmit, false));
        }
        let turn = self.pace.turn(is_urgent);
        let ready =
            |session: &mut Self| session.start_check(now, Readiness::Ready).map(|check| (check, true));
        if turn == SlotFor::Checks
            && let Some(check) = ready(self)
        {
            return Some(check);
        }
        let server = match turn {
            SlotFor::Checks | SlotFor::Servers => self.start_server(now).or_else(|| self.start_later(now)),
            SlotFor::Later => self.start_later(now).or_else(|| self.start_server(now)),
        };
        if let Some(transmit) = server {
            return Some((transmit, false));
        }
        if turn != SlotFor::Checks
            && let Some(check) = ready(self)
        {
            return Some(check);
        }
        if self.doubt_ends().is_some_and(|at| at > now) {
            self.pace.keep(now);
            return None;
        }
        let check = self.start_check(now, Readiness::Doubtful);
        check.or_else(|| self.check.start_next(now)).map(|transmit| (transmit, true))
    }

    /// A check that gets somewhere, or that may: what a relay would hold leaves the slot to the permission that it waits for.
    fn start_check(&mut self, now: Instant, least: Readiness) -> Option<Transmit> {
        let view = View { paths: self.paths(), sockets: &self.sockets, relays: &self.relays };
        self.check.start_next_by(now, least, &|base, to| view.readiness(base, to))
    }

    /// Whether a check could be started now that is worth more than what may come over a connection that is being made.
    pub(crate) fn has_good_check(&self) -> bool {
        let view = View { paths: self.paths(), sockets: &self.sockets, relays: &self.relays };
        self.check.has_next_by(Readiness::Ready, &|base, to| view.readiness(base, to))
    }

    /// The components that have a valid pair.
    fn paths(&self) -> BTreeSet<Purpose> {
        let has_path = |&(stream, component): &Purpose| self.check.best_valid(stream, component).is_some();
        self.components().filter(has_path).collect()
    }

    fn update_routes(&mut self, now: Instant, work: &Work) {
        // A selected pair may have failed before its socket goes, and then says nothing.
        let orphaned = self.routes.orphaned(|route| self.route_of(route.pair).is_none());
        let rerouted = std::mem::take(&mut self.relays.changed);
        let changed = work.to_route.iter().copied().chain(orphaned).chain(rerouted).collect();
        for (stream, component) in self.with_siblings(changed) {
            let mut wanted = self.find_route((stream, component));
            if let Some(next) = wanted
                && let Some(meanwhile) = self.route_meanwhile(now, (stream, component), next)
            {
                self.check.apply(now, Command::Confirm(next.pair));
                wanted = Some(meanwhile);
            }
            let pair = wanted.map(|route| route.pair);
            self.check.apply(now, Command::Use { stream, component, pair });
            // RFC 7675 5.1: no data without consent.
            let route = wanted.filter(|route| self.check.may_send(route.pair));
            match self.routes.set((stream, component), route) {
                Change::None => continue,
                Change::New => {}
                Change::Lost => self.note_lost_path((stream, component), work),
            }
            self.tell(Event::RouteChanged { stream, component });
        }
    }

    /// A socket or a consent that was lost says more than the failure of its pairs.
    fn note_lost_path(&mut self, (stream, component): Purpose, work: &Work) {
        match work.failures.get(&(stream, component)) {
            None | Some(FailReason::BaseClosed | FailReason::Consent(_)) => {}
            Some(&why) => self.progress.loss = Some(Reason::PathLost { stream, component, why }),
        }
    }
}

/// What a check is judged by.
struct View<'a> {
    /// The components that have a valid pair.
    paths: BTreeSet<Purpose>,
    sockets: &'a Sockets,
    relays: &'a Relays,
}

impl View<'_> {
    /// What becomes of a check.
    fn readiness(&self, base: BaseId, to: SocketAddr) -> Readiness {
        let purpose = self.relays.purpose(base).or_else(|| self.sockets.purpose(base));
        let has_path = || purpose.is_some_and(|purpose| self.paths.contains(&purpose));
        self.relays.readiness(base, to, has_path)
    }
}
