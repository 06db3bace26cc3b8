//! The oracle: whether two hosts can reach each other at all, and how well, from the topology alone.

mod search;
mod symbols;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use floe_core::{Candidate, CandidateKind, Nat64Prefix};

use crate::{HostId, Network};

/// How two agents reach each other, from the worst to the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathClass {
    /// Over a TURN server, at one end or both.
    Relayed,
    /// Without a relay, and a NAT changes the address of one or both.
    Reflexive,
    /// Each sees the address that the other has.
    Direct,
}

impl PathClass {
    /// The class of a pair, from the kinds of its ends as one side sees them: what is a relay to one may look like a
    /// reflexive address to the other.
    #[must_use]
    pub fn of(local: &Candidate, remote: &Candidate) -> Self {
        let kinds = [local.kind(), remote.kind()];
        if kinds.contains(&CandidateKind::Relayed) {
            Self::Relayed
        } else if kinds == [CandidateKind::Host; 2] {
            Self::Direct
        } else {
            Self::Reflexive
        }
    }
}

/// An ICE agent as the oracle sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Party {
    /// Where it runs. It has a socket for each address of the host but loopback ones.
    pub host: HostId,
    /// Which kinds of candidates it has and tells. Without any but relayed ones it sends from its relays only.
    pub kinds: Vec<CandidateKind>,
    /// The STUN servers that it asks.
    pub stun: Vec<SocketAddr>,
    /// The TURN servers on which it allocates over UDP.
    pub turn: Vec<SocketAddr>,
    /// The prefix of the NAT64 that it knows of (RFC 7050): its IPv6 sockets reach IPv4 addresses by it.
    pub nat64: Option<Nat64Prefix>,
}

impl Party {
    /// An agent with candidates of all kinds, as far as it has servers, and without servers.
    #[must_use]
    pub fn new(host: HostId) -> Self {
        use CandidateKind::{Host, PeerReflexive, Relayed, ServerReflexive};
        let kinds = vec![Host, ServerReflexive, PeerReflexive, Relayed];
        Self { host, kinds, stun: Vec::new(), turn: Vec::new(), nat64: None }
    }

    /// This agent with these kinds of candidates.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = CandidateKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// This agent with this STUN server, too.
    #[must_use]
    pub fn stun(mut self, server: SocketAddr) -> Self {
        self.stun.push(server);
        self
    }

    /// This agent with this TURN server, too. Like every agent it takes what the server sees for a server-reflexive
    /// address.
    #[must_use]
    pub fn turn(mut self, server: SocketAddr) -> Self {
        self.turn.push(server);
        self
    }

    /// This agent with this prefix.
    #[must_use]
    pub const fn nat64(mut self, prefix: Nat64Prefix) -> Self {
        self.nat64 = Some(prefix);
        self
    }

    fn has(&self, kind: CandidateKind) -> bool {
        self.kinds.contains(&kind)
    }
}

impl Network {
    /// The best path that two patient ICE agents can find, if there is any.
    ///
    /// It is what the topology allows: realms, gateways, and who is where. It does not send anything and leaves nothing
    /// behind. Of links it asks only whether they lose everything, of NATs not what they remember at present. So what
    /// it takes for granted is: no binding expires while it is used, no NAT runs out of ports, servers answer, and both
    /// agents check all pairs at the same time and again, as ICE does.
    ///
    /// Ports and pooled addresses that one can only guess are never met by chance: a NAT that draws its address anew
    /// for every mapping, or pairs several inner hosts with the same one, may let through more than is said here.
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// use floe_sim::{Dependence, Host, Nat, Network, Party, PathClass, Realm};
    ///
    /// let mut network = Network::new(Instant::now(), 1);
    /// let server = network.add_host(Host::new().address("192.0.2.1".parse()?))?;
    /// let mut home = |external: &str, mapping| {
    ///     let nat = Nat::new([external.parse().unwrap()]).behaving(mapping, Dependence::AddressAndPort);
    ///     let realm = network.add_realm(Realm::INTERNET, nat).unwrap();
    ///     network.add_host(Host::new().within(realm).address("192.168.1.2".parse().unwrap())).unwrap()
    /// };
    /// let friendly = home("203.0.113.1", Dependence::EndpointIndependent);
    /// let [one, other] = ["203.0.113.2", "203.0.113.3"].map(|ip| home(ip, Dependence::AddressAndPort));
    ///
    /// let party = |host| Party::new(host).stun("192.0.2.1:3478".parse().unwrap());
    /// assert_eq!(network.best_path(&party(one), &party(other)), None);
    /// assert_eq!(network.best_path(&party(friendly), &party(other)), None);
    /// let relayed = party(one).turn("192.0.2.1:3478".parse()?);
    /// assert_eq!(network.best_path(&relayed, &party(other)), Some(PathClass::Relayed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn best_path(&self, a: &Party, b: &Party) -> Option<PathClass> {
        search::Search::new(self, [a, b]).run()
    }
}
