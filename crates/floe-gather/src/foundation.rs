//! Foundations (RFC 8445 5.1.1.3).

use std::{collections::BTreeMap, net::IpAddr};

use floe_core::{CandidateKind, Foundation, Transport};

use crate::place::Place;

/// Gives out foundations: equal ones exactly where kind, address of the base, server and transport protocol are equal.
#[derive(Debug, Default)]
pub(crate) struct Foundations {
    known: BTreeMap<Key, u32>,
}

/// All that makes a foundation. Ports play no part, nor does who opens a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: CandidateKind,
    base: Place,
    server: Option<IpAddr>,
    transport: &'static str,
}

impl Foundations {
    /// The foundation of a candidate. `server` is the address by which the STUN or TURN server was contacted, and
    /// `None` for a host candidate.
    pub(crate) fn of(
        &mut self,
        kind: CandidateKind,
        base: Place,
        server: Option<IpAddr>,
        transport: Transport,
    ) -> Foundation {
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX).saturating_add(1);
        let key = Key { kind, base, server, transport: transport.as_str() };
        Foundation::from(*self.known.entry(key).or_insert(next))
    }
}
