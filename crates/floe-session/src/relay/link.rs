//! Connections to servers that are not reached over plain UDP: each is of one allocation (RFC 8656 3.1).

use std::{collections::BTreeMap, net::SocketAddr, time::Instant};

use floe_core::{BaseId, Nat64Prefix};
use floe_gather::{AllocateError, JobId, ServerId, Target};

use super::remedy::Tried;
use crate::{Output, Session, SocketId, sockets::Purpose};

/// The connections of a session.
///
/// ```text
///   Connecting ──connected──> Open ──closed, broken──> gone
///       └──failed, not wanted any more──> gone
/// ```
#[derive(Debug, Default)]
pub(crate) struct Links(BTreeMap<SocketId, Link>);

#[derive(Debug)]
enum Link {
    Connecting(Wanted),
    /// It is there: a base that no candidate has; behind a NAT64 of this prefix.
    Open(BaseId, Option<Nat64Prefix>),
}

/// The allocation that a connection is for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(super) job: JobId,
    pub(super) purpose: Purpose,
    pub(super) server: ServerId,
    pub(super) parent: BaseId,
    pub(super) target: Target,
    pub(super) tried: Tried,
}

impl Links {
    /// Whether one is on its way to the same place for this socket: it is for this allocation now.
    pub(super) fn take_over(&mut self, wanted: &Wanted) -> bool {
        let place = |of: &Wanted| (of.parent, of.server, of.target.clone());
        let known = self.0.values_mut().find_map(|link| match link {
            Link::Connecting(known) if place(known) == place(wanted) => Some(known),
            _ => None,
        });
        known.map(|known| known.job = wanted.job).is_some()
    }

    /// Whether one is being made.
    pub(super) fn is_connecting(&self) -> bool {
        self.0.values().any(|link| matches!(link, Link::Connecting(_)))
    }

    /// What came of it is known.
    fn settled(&mut self, socket: SocketId) -> Option<Wanted> {
        match self.0.remove(&socket)? {
            Link::Connecting(wanted) => Some(wanted),
            open @ Link::Open(..) => {
                self.0.insert(socket, open);
                None
            }
        }
    }

    /// The base of a connection that is there, and the prefix of the NAT64 that it leads through.
    pub(crate) fn open(&self, socket: SocketId) -> Option<(BaseId, Option<Nat64Prefix>)> {
        match self.0.get(&socket)? {
            Link::Open(base, nat64) => Some((*base, *nat64)),
            Link::Connecting(_) => None,
        }
    }

    fn find(&self, host: BaseId) -> Option<(SocketId, Option<Nat64Prefix>)> {
        self.0.iter().find_map(|(&socket, link)| match link {
            Link::Open(base, nat64) if *base == host => Some((socket, *nat64)),
            _ => None,
        })
    }

    /// The connection that this base is, and the address as its network knows it.
    pub(super) fn on_wire(&self, host: BaseId, to: SocketAddr) -> Option<(SocketId, SocketAddr)> {
        let (socket, nat64) = self.find(host)?;
        Some((socket, nat64.map_or(to, |prefix| prefix.embed_socket(to))))
    }

    /// It is not used any more.
    pub(super) fn remove(&mut self, host: BaseId) -> Option<SocketId> {
        let (socket, _) = self.find(host)?;
        self.0.remove(&socket);
        Some(socket)
    }

    /// Nobody waits any more for these of those that are on their way: they are closed when they come.
    pub(super) fn give_up(&mut self, these: impl Fn(&Wanted) -> bool) {
        self.0.retain(|_, link| !matches!(link, Link::Connecting(wanted) if these(wanted)));
    }

    /// Forgets all; gives those that are there.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = SocketId> + use<> {
        let all = std::mem::take(&mut self.0);
        all.into_iter().filter(|(_, link)| matches!(link, Link::Open(..))).map(|(socket, _)| socket)
    }
}

impl Session {
    /// Asks for a connection to a server.
    pub(super) fn connect(&mut self, wanted: Wanted) -> Result<(), AllocateError> {
        // What could not be asked for over it takes no connection.
        self.client_config(wanted.parent, &wanted)?;
        let from = self.sockets.address(wanted.parent);
        let mut from = from.ok_or(AllocateError::SocketGone)?;
        from.set_port(0);
        let socket = self.sockets.name_socket();
        let to = self.on_wire(wanted.parent, wanted.target.address);
        let (transport, name) = (wanted.target.transport, wanted.target.name.clone());
        self.put(Output::Connect { socket, from, to, transport, name });
        // It is no transaction, and paced like one all the same (RFC 8445 14.2): a NAT may have to make a binding for it.
        if let Some(now) = self.clock.latest() {
            self.pace.linked(now);
        }
        self.relays.links.0.insert(socket, Link::Connecting(wanted));
        Ok(())
    }

    /// What came of [`Output::Connect`]: `Ok` where the connection is there, or what went wrong, in words.
    ///
    /// An answer that nobody waits for any more closes the connection again.
    pub fn handle_connected(&mut self, now: Instant, socket: SocketId, result: Result<(), String>) {
        let now = self.clock.tick(now);
        let is_there = result.is_ok();
        match (self.relays.links.settled(socket), result) {
            (Some(wanted), Ok(())) if self.gatherer.waits_for(wanted.job) => {
                self.linked(now, socket, &wanted);
            }
            (Some(_), Ok(())) => self.put(Output::Close { socket }),
            (Some(wanted), Err(why)) => {
                self.gatherer.allocated(now, wanted.job, Err(AllocateError::Connection(why)));
            }
            (None, _) if is_there && self.relays.links.open(socket).is_none() => {
                self.put(Output::Close { socket });
            }
            (None, _) => self.tally.stray_answers += 1,
        }
        self.drive(now);
    }

    /// A connection is there: the allocation is asked for over it.
    fn linked(&mut self, now: Instant, socket: SocketId, wanted: &Wanted) {
        let host = self.sockets.name_base();
        self.relays.links.0.insert(socket, Link::Open(host, self.sockets.nat64(wanted.parent)));
        if let Err(why) = self.open_client(now, host, wanted) {
            self.relays.links.0.remove(&socket);
            self.put(Output::Close { socket });
            self.gatherer.allocated(now, wanted.job, Err(why));
        }
    }

    /// A connection broke, and the allocation over it with it. Whether it was one.
    pub(crate) fn handle_broken_link(&mut self, now: Instant, socket: SocketId, why: &str) -> bool {
        if let Some(wanted) = self.relays.links.settled(socket) {
            self.gatherer.allocated(now, wanted.job, Err(AllocateError::Connection(why.to_owned())));
            return true;
        }
        let Some((host, _)) = self.relays.links.open(socket) else { return false };
        self.relays.links.remove(host);
        for base in self.relays.over(host) {
            self.break_relay(now, base, why);
        }
        true
    }
}
