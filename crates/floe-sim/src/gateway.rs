//! Gateways: what stands between a realm and its parent.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_core::address::Family;
use rand::rngs::ChaCha20Rng;

use crate::{
    Firewall, Link, Nat,
    firewall::Guard,
    link::Traffic,
    nat::{Bindings, Refused},
};

/// The box between a realm and its parent: a firewall inside, a NAT outside, either or neither; and the access links.
///
/// ```text
///   realm ──> firewall ──> NAT ──── up ────> parent realm
///         <──          <──     <─── down ───
/// ```
///
/// A datagram that turns back at the NAT passes neither firewall nor links.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Gateway {
    /// Translates addresses; without it the realm's addresses are the parent's, too.
    pub nat: Option<Nat>,
    /// Keeps datagrams out, or in.
    pub firewall: Option<Firewall>,
    /// From the realm to the parent.
    pub up: Link,
    /// From the parent to the realm.
    pub down: Link,
}

impl Gateway {
    /// A mere router.
    #[must_use]
    pub fn router() -> Self {
        Self::default()
    }

    /// A NAT.
    #[must_use]
    pub fn nat(nat: Nat) -> Self {
        Self { nat: Some(nat), ..Self::default() }
    }

    /// This gateway with a firewall.
    #[must_use]
    pub fn firewall(mut self, firewall: Firewall) -> Self {
        self.firewall = Some(firewall);
        self
    }

    /// This gateway with these links to the parent realm and back.
    #[must_use]
    pub const fn links(mut self, up: Link, down: Link) -> Self {
        self.up = up;
        self.down = down;
        self
    }

    /// Whether it translates addresses of this family.
    pub(crate) fn translates(&self, family: Family) -> bool {
        self.nat.as_ref().is_some_and(|nat| nat.pool(family).next().is_some())
    }
}

impl From<Nat> for Gateway {
    fn from(nat: Nat) -> Self {
        Self::nat(nat)
    }
}

impl From<Firewall> for Gateway {
    fn from(firewall: Firewall) -> Self {
        Self::router().firewall(firewall)
    }
}

/// A gateway at work.
#[derive(Debug)]
pub(crate) struct Gate {
    guard: Option<Guard>,
    bindings: Option<Bindings>,
    /// Of IPv4, and of IPv6. What it translates once, it never lets pass untouched.
    translates: [bool; 2],
    pub(crate) up: (Link, Traffic),
    pub(crate) down: (Link, Traffic),
}

/// What becomes of a datagram that wants to leave a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It leaves, with this source and destination.
    Out(SocketAddr, SocketAddr),
    /// It turns back, with this source and destination.
    Back(SocketAddr, SocketAddr),
}

/// Why a gateway drops a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    Firewall,
    Nat(Refused),
}

impl Gate {
    pub(crate) fn new(gateway: Gateway, rng: ChaCha20Rng) -> Self {
        let translates = [Family::V4, Family::V6].map(|family| gateway.translates(family));
        Self {
            guard: gateway.firewall.map(Guard::new),
            bindings: gateway.nat.map(|nat| Bindings::new(nat, rng)),
            translates,
            up: (gateway.up, Traffic::default()),
            down: (gateway.down, Traffic::default()),
        }
    }

    pub(crate) const fn translates(&self, family: Family) -> bool {
        let [v4, v6] = self.translates;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    pub(crate) fn nat(&self) -> Option<&Nat> {
        self.bindings.as_ref().map(Bindings::nat)
    }

    pub(crate) const fn bindings(&self) -> Option<&Bindings> {
        self.bindings.as_ref()
    }

    pub(crate) fn firewall(&self) -> Option<&Firewall> {
        self.guard.as_ref().map(Guard::rules)
    }

    /// A datagram wants to leave.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Result<Exit, Stopped> {
        let prefixed = self.nat().and_then(|nat| nat.without_prefix(to.ip()));
        let outside = prefixed.map_or(to, |ip| SocketAddr::new(ip, to.port()));
        if let Some(bindings) = self.bindings.as_mut().filter(|bindings| bindings.owns(outside.ip())) {
            let (source, inner) = bindings.hairpin(now, from, outside).map_err(Stopped::Nat)?;
            return Ok(Exit::Back(seen_inside(bindings.nat(), source, inner)?, inner));
        }
        if self.guard.as_mut().is_some_and(|guard| !guard.outbound(now, from, to)) {
            return Err(Stopped::Firewall);
        }
        let translates = prefixed.is_some() || self.translates(Family::of(from.ip()));
        match self.bindings.as_mut().filter(|_| translates) {
            Some(bindings) => {
                let source = bindings.outbound(now, from, outside).map_err(Stopped::Nat)?;
                Ok(Exit::Out(source, outside))
            }
            None => Ok(Exit::Out(from, to)),
        }
    }

    /// A datagram wants to come in: its source and destination inside.
    pub(crate) fn inbound(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Result<(SocketAddr, SocketAddr), Stopped> {
        let bindings = if self.translates(Family::of(to.ip())) { self.bindings.as_mut() } else { None };
        let (from, inner) = match bindings {
            Some(bindings) => {
                let inner = bindings.inbound(now, to, from).map_err(Stopped::Nat)?;
                (seen_inside(bindings.nat(), from, inner)?, inner)
            }
            None => (from, to),
        };
        if self.guard.as_mut().is_some_and(|guard| !guard.inbound(now, inner, from)) {
            return Err(Stopped::Firewall);
        }
        Ok((from, inner))
    }

    /// Loses all mappings and flows.
    pub(crate) fn forget(&mut self) {
        if let Some(bindings) = &mut self.bindings {
            bindings.forget();
        }
        if let Some(guard) = &mut self.guard {
            guard.forget();
        }
    }

    /// Takes other external addresses, and loses all mappings and flows. Addresses of a family that it does not
    /// translate are left out.
    pub(crate) fn renumber(&mut self, external: Vec<IpAddr>) {
        self.forget();
        let external = external.into_iter().filter(|ip| self.translates(Family::of(*ip))).collect();
        if let Some(bindings) = &mut self.bindings {
            bindings.renumber(external);
        }
    }
}

/// A source outside, as the inner host that it sends to sees it.
fn seen_inside(nat: &Nat, source: SocketAddr, inner: SocketAddr) -> Result<SocketAddr, Stopped> {
    let ip = nat.with_prefix(source.ip(), inner.ip()).ok_or(Stopped::Nat(Refused::Filtered))?;
    Ok(SocketAddr::new(ip, source.port()))
}
