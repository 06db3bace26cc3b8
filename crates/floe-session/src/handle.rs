//! What the driver hands in: interfaces, sockets, time. Datagrams have a file of their own.

use std::{net::SocketAddr, time::Instant};

use floe_core::{BaseId, ComponentId, Interface, Nat64Prefix, StreamId};
use floe_gather::JobId;

use crate::{IceState, Output, Session, SocketId};

impl Session {
    /// The interfaces of the host, and again whenever they change.
    pub fn handle_interfaces(&mut self, now: Instant, interfaces: &[Interface]) {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed {
            return;
        }
        self.gatherer.update_interfaces(now, interfaces);
        self.drive(now);
    }

    /// What the network's NAT64 has hosts put before IPv4 addresses, for a host that has none itself (RFC 8445 5.1.1.2, RFC
    /// 7050); `None` for any other. IPv6 sockets that are bound from now on ask IPv4 servers, and pair with the peer's IPv4
    /// candidates: say it before [`handle_interfaces`](Self::handle_interfaces). Those that are there stay what they are,
    /// since the network that they are in has not changed; a [restart](Self::restart) does not use them again where this has.
    pub fn set_nat64(&mut self, prefix: Option<Nat64Prefix>) {
        self.nat64 = prefix;
        self.gatherer.set_nat64(prefix);
    }

    fn open(&mut self, socket: SocketId, address: SocketAddr) -> Option<(JobId, BaseId)> {
        let nat64 = self.nat64_of(address);
        let (job, base) = self.sockets.open(socket, address, nat64)?;
        if let Some(prefix) = nat64 {
            self.check.set_nat64(base, prefix);
        }
        Some((job, base))
    }

    /// What came of [`Output::Bind`]: the socket's address with its port, or what the system said.
    ///
    /// An answer that nobody waits for any more closes the socket again; one about a socket that is open already is
    /// counted and changes nothing.
    pub fn handle_bound(&mut self, now: Instant, socket: SocketId, result: Result<SocketAddr, String>) {
        let now = self.clock.tick(now);
        let is_there = result.is_ok();
        let answer = match result {
            Ok(address) => self.open(socket, address).map(|(job, base)| (job, Ok((base, address)))),
            Err(why) => self.sockets.refused(socket).map(|job| (job, Err(why))),
        };
        match answer {
            Some((job, answer)) => {
                self.gatherer.bound(now, job, answer);
                self.drive(now);
            }
            None if is_there && self.sockets.base(socket).is_none() => self.put(Output::Close { socket }),
            None => self.tally.stray_answers += 1,
        }
    }

    /// A socket or a connection was closed by the system or the server, or broke: it is gone, whatever the reason.
    pub fn handle_socket_closed(&mut self, now: Instant, socket: SocketId, why: &str) {
        let now = self.clock.tick(now);
        if let Some(base) = self.sockets.base(socket) {
            self.lose_base(now, base, why);
            self.drive(now);
        } else if let Some(job) = self.sockets.refused(socket) {
            self.gatherer.bound(now, job, Err(why.to_owned()));
            self.drive(now);
        } else if self.handle_broken_link(now, socket, why) {
            self.drive(now);
        }
    }

    /// The application has sent data for a component: from now on silence there is noticed
    /// ([`Reason::Silent`](crate::Reason::Silent)), and where consent is off the next keepalive is put off (RFC 8445 11).
    /// It need not be told of every datagram: once in 100 ms is enough.
    pub fn note_sent(&mut self, now: Instant, stream: StreamId, component: ComponentId) {
        let now = self.clock.tick(now);
        if let Some(route) = self.route(stream, component) {
            self.check.note_data(now, route.pair);
        }
    }

    /// Time has come to [`poll_timeout`](Self::poll_timeout), or somewhere behind it.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.tick(now);
        if self.state() == IceState::Closed {
            return;
        }
        self.gatherer.handle_timeout(now);
        self.relays.handle_timeout(now);
        self.renew_again(now);
        self.check.handle_timeout(now);
        self.nominator.handle_timeout(now);
        if self.progress.trim_at.take_if(|at| *at <= now).is_some() {
            self.trim(now);
        }
        if self.progress.release_at.is_some_and(|at| at <= now) {
            self.progress.release_at = None;
            self.release(now);
        }
        self.drive(now);
    }
}
