//! Firewalls: which datagrams may leave a realm, and which may come in.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::nat::{Dependence, Key};

/// Which datagrams may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outbound {
    /// All.
    Open,
    /// Those to one of these ports.
    Ports(BTreeSet<u16>),
    /// None.
    Closed,
}

/// Which datagrams may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound {
    /// All.
    Open,
    /// Those to whom something was sent before: to anybody, to that address, or to that address and port. The last is
    /// what most firewalls do.
    Answers(Dependence),
    /// None: not even an answer.
    Closed,
}

/// A firewall between a realm and its parent.
///
/// There is nothing but UDP in this network: a firewall that lets only TCP pass lets nothing pass here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// Which datagrams may leave.
    pub outbound: Outbound,
    /// Which datagrams may come in.
    pub inbound: Inbound,
    /// How long after the last datagram in either direction answers may come in.
    pub timeout: Duration,
}

impl Firewall {
    /// All may leave, and answers may come in for two minutes (RFC 6092 REC-14).
    #[must_use]
    pub const fn no_inbound() -> Self {
        Self {
            outbound: Outbound::Open,
            inbound: Inbound::Answers(Dependence::AddressAndPort),
            timeout: Duration::from_secs(120),
        }
    }

    /// No UDP at all.
    #[must_use]
    pub const fn no_udp() -> Self {
        Self { outbound: Outbound::Closed, inbound: Inbound::Closed, timeout: Duration::ZERO }
    }

    /// Nothing but TCP to port 443, as hotels have it. It is [`no_udp`](Self::no_udp) by another name until the network
    /// carries streams.
    #[must_use]
    pub const fn tcp_443_only() -> Self {
        Self::no_udp()
    }

    /// Datagrams to these ports may leave, and answers may come in.
    #[must_use]
    pub fn to_ports(ports: impl IntoIterator<Item = u16>) -> Self {
        Self { outbound: Outbound::Ports(ports.into_iter().collect()), ..Self::no_inbound() }
    }

    /// Whether this may leave, as far as its port goes.
    pub(crate) fn lets_out(&self, port: u16) -> bool {
        match &self.outbound {
            Outbound::Open => true,
            Outbound::Ports(ports) => ports.contains(&port),
            Outbound::Closed => false,
        }
    }
}

/// A firewall, and what it remembers.
#[derive(Debug)]
pub(crate) struct Guard {
    rules: Firewall,
    /// By inner address, and by what has been sent to: when last a datagram passed.
    flows: BTreeMap<(SocketAddr, Key), Instant>,
}

impl Guard {
    pub(crate) const fn new(rules: Firewall) -> Self {
        Self { rules, flows: BTreeMap::new() }
    }

    pub(crate) const fn rules(&self) -> &Firewall {
        &self.rules
    }

    /// Whether a datagram may leave.
    pub(crate) fn outbound(&mut self, now: Instant, inner: SocketAddr, outer: SocketAddr) -> bool {
        let may = self.rules.lets_out(outer.port());
        if let (true, Inbound::Answers(dependence)) = (may, self.rules.inbound) {
            self.flows.insert((inner, dependence.key(outer)), now);
        }
        may
    }

    /// Whether a datagram may come in.
    pub(crate) fn inbound(&mut self, now: Instant, inner: SocketAddr, outer: SocketAddr) -> bool {
        let dependence = match self.rules.inbound {
            Inbound::Open => return true,
            Inbound::Closed => return false,
            Inbound::Answers(dependence) => dependence,
        };
        let timeout = self.rules.timeout;
        let flow = self.flows.get_mut(&(inner, dependence.key(outer)));
        let flow = flow.filter(|last| now.duration_since(**last) < timeout);
        flow.map(|last| *last = now).is_some()
    }

    pub(crate) fn forget(&mut self) {
        self.flows.clear();
    }
}
