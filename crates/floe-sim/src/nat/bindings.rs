//! What a NAT remembers: its mappings, and whom each lets in.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_core::address::Family;
use rand::{RngExt as _, rngs::ChaCha20Rng};

use super::{Key, Nat, Pooling, ports::Ports};

/// A mapping of a NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// The inner address.
    pub internal: SocketAddr,
    /// The external address it has.
    pub external: SocketAddr,
    /// When it expires if it is not used before.
    pub expires: Instant,
}

/// Why a NAT does not let a datagram pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no mapping, or it does not let this remote in.
    Filtered,
    /// It would have to turn back at the NAT.
    NoHairpin,
    /// All ports are taken, or there is no address.
    NoPort,
}

/// A NAT and its mappings.
#[derive(Debug)]
pub(crate) struct Bindings {
    nat: Nat,
    rng: ChaCha20Rng,
    ports: Ports,
    /// The external address of each inner one, where they are paired, of this family.
    paired: BTreeMap<(IpAddr, Family), IpAddr>,
    by_internal: BTreeMap<(SocketAddr, Key), SocketAddr>,
    by_external: BTreeMap<SocketAddr, Binding>,
}

#[derive(Debug)]
struct Binding {
    /// Its place in `by_internal`.
    internal: (SocketAddr, Key),
    used: Instant,
    /// Whom it lets in, and since when that was not used.
    permitted: BTreeMap<Key, Instant>,
}

impl Bindings {
    pub(crate) fn new(nat: Nat, rng: ChaCha20Rng) -> Self {
        Self {
            rng,
            ports: Ports::new(&nat),
            paired: BTreeMap::new(),
            by_internal: BTreeMap::new(),
            by_external: BTreeMap::new(),
            nat,
        }
    }

    pub(crate) const fn nat(&self) -> &Nat {
        &self.nat
    }

    pub(crate) fn owns(&self, ip: IpAddr) -> bool {
        self.nat.external.contains(&ip)
    }

    /// A datagram leaves: its source as the outside sees it.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        internal: SocketAddr,
        remote: SocketAddr,
    ) -> Result<SocketAddr, Refused> {
        let place = (internal, self.nat.mapping.key(remote));
        let external = match self.by_internal.get(&place).copied().filter(|at| self.is_alive(now, *at)) {
            Some(external) => external,
            None => self.map(now, place, Family::of(remote.ip()))?,
        };
        if let Some(binding) = self.by_external.get_mut(&external) {
            binding.used = now;
            binding.permitted.insert(self.nat.filtering.key(remote), now);
        }
        Ok(external)
    }

    /// A datagram comes in: the inner address that it is for.
    pub(crate) fn inbound(
        &mut self,
        now: Instant,
        external: SocketAddr,
        remote: SocketAddr,
    ) -> Result<SocketAddr, Refused> {
        if !self.is_alive(now, external) {
            return Err(Refused::Filtered);
        }
        let (timeout, refreshes) = (self.nat.timeout, self.nat.inbound_refreshes);
        let binding = self.by_external.get_mut(&external).ok_or(Refused::Filtered)?;
        let since = binding.permitted.get_mut(&self.nat.filtering.key(remote)).ok_or(Refused::Filtered)?;
        if now.duration_since(*since) >= timeout {
            return Err(Refused::Filtered);
        }
        if refreshes {
            *since = now;
            binding.used = now;
        }
        Ok(binding.internal.0)
    }

    /// A datagram from inside to an external address of this NAT turns back (RFC 4787 6): source and destination then.
    pub(crate) fn hairpin(
        &mut self,
        now: Instant,
        internal: SocketAddr,
        external: SocketAddr,
    ) -> Result<(SocketAddr, SocketAddr), Refused> {
        if !self.nat.hairpins {
            return Err(Refused::NoHairpin);
        }
        let source = self.outbound(now, internal, external)?;
        Ok((source, self.inbound(now, external, source)?))
    }

    fn is_alive(&self, now: Instant, external: SocketAddr) -> bool {
        let binding = self.by_external.get(&external);
        binding.is_some_and(|binding| now.duration_since(binding.used) < self.nat.timeout)
    }

    fn map(
        &mut self,
        now: Instant,
        place: (SocketAddr, Key),
        outside: Family,
    ) -> Result<SocketAddr, Refused> {
        let inner = place.0;
        if let Some(stale) = self.by_internal.remove(&place) {
            self.by_external.remove(&stale);
        }
        let ip = self.choose_address(inner.ip(), outside).ok_or(Refused::NoPort)?;
        let (by_external, timeout) = (&self.by_external, self.nat.timeout);
        let is_free = |port| {
            let binding = by_external.get(&SocketAddr::new(ip, port));
            binding.is_none_or(|binding| now.duration_since(binding.used) >= timeout)
        };
        let port = self.ports.choose(&self.nat, inner.port(), &mut self.rng, is_free);
        let external = SocketAddr::new(ip, port.ok_or(Refused::NoPort)?);
        let binding = Binding { internal: place, used: now, permitted: BTreeMap::new() };
        if let Some(stale) = self.by_external.insert(external, binding) {
            self.by_internal.remove(&stale.internal);
        }
        self.by_internal.insert(place, external);
        Ok(external)
    }

    fn choose_address(&mut self, inner: IpAddr, family: Family) -> Option<IpAddr> {
        let count = self.nat.pool(family).count();
        let in_turn = self.paired.keys().filter(|(_, of)| *of == family).count();
        match self.nat.pooling {
            _ if count == 0 => None,
            Pooling::Arbitrary => {
                let any = self.rng.random_range(0..count);
                self.nat.pool(family).nth(any)
            }
            Pooling::Paired => {
                let next = self.nat.pool(family).nth(in_turn % count)?;
                Some(*self.paired.entry((inner, family)).or_insert(next))
            }
        }
    }

    /// Loses all mappings, as when the box is switched off and on.
    pub(crate) fn forget(&mut self) {
        self.by_internal.clear();
        self.by_external.clear();
        self.paired.clear();
    }

    /// Takes other external addresses, and loses all mappings.
    pub(crate) fn renumber(&mut self, external: Vec<IpAddr>) {
        self.forget();
        self.nat.external = external;
    }

    /// The mappings that are alive.
    pub(crate) fn mapped(&self, now: Instant) -> impl Iterator<Item = Mapped> + '_ {
        let alive = move |(&external, binding): (&SocketAddr, &Binding)| {
            let expires = binding.used + self.nat.timeout;
            (expires > now).then_some(Mapped { internal: binding.internal.0, external, expires })
        };
        self.by_external.iter().filter_map(alive)
    }
}

#[cfg(test)]
mod tests;
