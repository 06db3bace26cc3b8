//! Foundations (RFC 8445 5.1.1.3).

use std::{collections::BTreeMap, fmt, net::IpAddr};

use floe_core::{CandidateKind, Foundation, Transport, address::Redacted};

use crate::place::Place;

/// Gives out foundations: equal ones exactly where kind, address of the base, server and transport protocol are equal.
#[derive(Debug, Default)]
pub(crate) struct Foundations {
    known: BTreeMap<Key, u32>,
}

/// All that makes a foundation. Ports play no part, nor does who opens a TCP connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: CandidateKind,
    base: Place,
    server: Option<IpAddr>,
    transport: &'static str,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, base, server, transport } = self;
        write!(f, "{kind} {transport} {base:?}")?;
        server.map_or(Ok(()), |server| write!(f, " by {}", Redacted(server)))
    }
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

#[cfg(test)]
mod tests {
    use floe_core::TcpType;

    use super::*;

    // proves: 8445-5.1.1.3-a
    #[test]
    fn foundations_are_equal_exactly_where_kind_base_server_and_transport_are() {
        let place = |text: &str| Place::of_socket(text.parse().unwrap());
        let server = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let (udp, active) = (Transport::Udp, Transport::Tcp(TcpType::Active));
        let reflexive = CandidateKind::ServerReflexive;
        let mut foundations = Foundations::default();
        let mut of =
            |kind, base: &str, server, transport| foundations.of(kind, place(base), server, transport);

        let first = of(reflexive, "192.0.2.1:5000", server("198.51.100.1"), udp);
        let same = of(reflexive, "192.0.2.1:5001", server("198.51.100.1"), udp);
        assert_eq!(first, same, "ports play no part");

        let others = [
            of(CandidateKind::Relayed, "192.0.2.1:5000", server("198.51.100.1"), udp),
            of(CandidateKind::Host, "192.0.2.1:5000", None, udp),
            of(reflexive, "192.0.2.2:5000", server("198.51.100.1"), udp),
            of(reflexive, "192.0.2.1:5000", server("198.51.100.2"), udp),
            of(reflexive, "192.0.2.1:5000", None, udp),
            of(reflexive, "192.0.2.1:5000", server("198.51.100.1"), active),
        ];
        let mut different: Vec<_> = others.iter().chain([&first]).collect();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 7);

        let passive = Transport::Tcp(TcpType::Passive);
        let tcp = of(reflexive, "192.0.2.1:5000", server("198.51.100.1"), passive);
        assert_eq!(tcp, others[5], "who opens a connection is not part of the protocol");
    }

    #[test]
    fn equal_link_local_addresses_of_two_links_have_two_foundations() {
        let mut foundations = Foundations::default();
        let mut of = |base: &str| {
            foundations.of(CandidateKind::Host, Place::of_socket(base.parse().unwrap()), None, Transport::Udp)
        };
        assert_ne!(of("[fe80::1%2]:5000"), of("[fe80::1%3]:5000"));
        assert_eq!(of("[fe80::1%2]:5000"), of("[fe80::1%2]:5001"));
    }
}
