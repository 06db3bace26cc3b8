//! A builder of networks that gives out the addresses.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Instant,
};

use floe_core::address::Family;

use crate::{AddressInUse, Gateway, Host, HostId, Network, Realm, gateway::Gate};

/// Which families a host has an address of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Families {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both.
    Both,
}

impl Families {
    fn each(self) -> impl Iterator<Item = Family> {
        let v4 = (self != Self::V6).then_some(Family::V4);
        v4.into_iter().chain((self != Self::V4).then_some(Family::V6))
    }
}

/// Builds a [`Network`] and gives out its addresses: documentation ones on the internet (RFC 5737, RFC 3849), private
/// ones behind NATs. Homes behind different NATs have the same private addresses, as in life.
///
/// ```
/// use floe_sim::{Families, Firewall, Gateway, Internet, Nat, Realm};
///
/// let mut internet = Internet::new(std::time::Instant::now(), 1);
/// let server = internet.host([(Realm::INTERNET, Families::Both)])?;
/// // A carrier, a home behind it whose IPv6 is only guarded, and a telephone that is in both.
/// let carrier = internet.site(Realm::INTERNET, Nat::symmetric([]))?;
/// let home = internet.site(carrier, Gateway::nat(Nat::new([])).firewall(Firewall::no_inbound()))?;
/// let telephone = internet.host([(home, Families::Both), (carrier, Families::V4)])?;
///
/// let addresses = |host| internet.network().host(host).unwrap().interfaces().iter().flat_map(|i| &i.addresses);
/// assert_eq!(addresses(server).next().unwrap().ip.to_string(), "192.0.2.1");
/// assert_eq!(addresses(telephone).map(|a| a.ip.to_string()).collect::<Vec<_>>(), ["10.2.0.1", "2001:db8::2", "10.1.0.2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Internet {
    network: Network,
    /// How many addresses were given out where.
    given: BTreeMap<(Realm, Family), u32>,
}

impl Internet {
    /// An internet without anybody; see [`Network::new`].
    #[must_use]
    pub fn new(epoch: Instant, seed: u64) -> Self {
        Self { network: Network::new(epoch, seed), given: BTreeMap::new() }
    }

    /// One more realm behind a gateway in `parent`. A NAT without external addresses gets an IPv4 one.
    ///
    /// # Errors
    /// An external address that the NAT came with is taken.
    pub fn site(&mut self, parent: Realm, gateway: impl Into<Gateway>) -> Result<Realm, AddressInUse> {
        let mut gateway = gateway.into();
        if let Some(nat) = gateway.nat.as_mut().filter(|nat| nat.external.is_empty()) {
            nat.external.push(self.next_address(parent, Family::V4));
        }
        self.network.add_realm(parent, gateway)
    }

    /// A host with an interface in each of these realms.
    ///
    /// # Errors
    /// An address is taken, by what was added to the network besides.
    pub fn host(
        &mut self,
        places: impl IntoIterator<Item = (Realm, Families)>,
    ) -> Result<HostId, AddressInUse> {
        let mut host = Host::new();
        for (number, (realm, families)) in places.into_iter().enumerate() {
            host = host.interface(format!("eth{number}")).within(realm);
            for family in families.each() {
                // Two homes may give out the same address, but no host can have it twice.
                let own: Vec<_> = host.addresses().collect();
                let next = std::iter::repeat_with(|| self.next_address(realm, family));
                let free = next.take(own.len() + 1).find(|ip| !own.contains(ip));
                host = host.address(free.expect("invariant: one of so many is none of those"));
            }
        }
        self.network.add_host(host)
    }

    /// The next free address of a realm.
    pub fn next_address(&mut self, realm: Realm, family: Family) -> IpAddr {
        let (space, depth) = self.space(realm, family);
        let given = self.given.entry((space, family)).or_insert(0);
        *given += 1;
        // Each level has its own: what is above can be reached from below.
        match (family, depth) {
            (Family::V4, 0) => public(*given).into(),
            (Family::V4, _) => Ipv4Addr::from(0x0A00_0000 | (depth & 0xFF) << 16 | (*given & 0xFFFF)).into(),
            (Family::V6, 0) => Ipv6Addr::from(0x2001_0DB8_u128 << 96 | u128::from(*given)).into(),
            (Family::V6, _) => {
                Ipv6Addr::from(0xFD00_u128 << 112 | u128::from(depth) << 64 | u128::from(*given)).into()
            }
        }
    }

    /// The realm whose addresses are known in this one, and how many NATs are above it.
    fn space(&self, realm: Realm, family: Family) -> (Realm, u32) {
        let realms = self.network.realms();
        let (mut at, mut space, mut depth) = (realm, None, 0);
        while let Some(parent) = realms.parent(at) {
            if realms.gate(at).is_some_and(|gate: &Gate| gate.translates(family)) {
                space = space.or(Some(at));
                depth += 1;
            }
            at = parent;
        }
        (space.unwrap_or(at), depth)
    }

    /// The network so far.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network so far, to set its links.
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The network.
    #[must_use]
    pub fn build(self) -> Network {
        self.network
    }
}

/// The public addresses in turn: 762 of RFC 5737, then those of RFC 2544.
fn public(number: u32) -> Ipv4Addr {
    let (net, host) = ((number - 1) / 254, (number - 1) % 254 + 1);
    Ipv4Addr::from(match net {
        0 => 0xC000_0200 | host,
        1 => 0xC633_6400 | host,
        2 => 0xCB00_7100 | host,
        _ => 0xC612_0000 + (number & 0x1_FFFF),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Firewall, Nat};

    #[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
    fn internet() -> Internet {
        Internet::new(Instant::now(), 1)
    }

    fn addresses(internet: &Internet, host: HostId) -> Vec<String> {
        internet.network().host(host).unwrap().addresses().map(|ip| ip.to_string()).collect()
    }

    #[test]
    fn homes_share_private_addresses_and_levels_do_not() {
        let mut internet = internet();
        let carrier = internet.site(Realm::INTERNET, Nat::new([])).unwrap();
        let homes =
            [carrier, carrier, Realm::INTERNET].map(|above| internet.site(above, Nat::new([])).unwrap());
        let hosts = homes.map(|home| internet.host([(home, Families::Both)]).unwrap());
        assert_eq!(addresses(&internet, hosts[0]), ["10.2.0.1", "2001:db8::1"]);
        assert_eq!(addresses(&internet, hosts[1]), ["10.2.0.1", "2001:db8::2"]);
        assert_eq!(addresses(&internet, hosts[2]), ["10.1.0.1", "2001:db8::3"]);
        let neighbour = internet.host([(carrier, Families::V4)]).unwrap();
        assert_eq!(addresses(&internet, neighbour), ["10.1.0.3"], "after the external ones of the two homes");
    }

    #[test]
    fn behind_a_mere_firewall_addresses_are_public() {
        let mut internet = internet();
        let office = internet.site(Realm::INTERNET, Firewall::no_inbound()).unwrap();
        let host = internet.host([(office, Families::Both), (Realm::INTERNET, Families::V4)]).unwrap();
        assert_eq!(addresses(&internet, host), ["192.0.2.1", "2001:db8::1", "192.0.2.2"]);
    }

    #[test]
    fn a_host_in_two_homes_has_two_addresses() {
        let mut internet = internet();
        let homes = [1, 2].map(|_| internet.site(Realm::INTERNET, Nat::new([])).unwrap());
        let host = internet.host(homes.map(|home| (home, Families::V4))).unwrap();
        assert_eq!(addresses(&internet, host), ["10.1.0.1", "10.1.0.2"]);
    }

    #[test]
    fn public_addresses_do_not_run_out_soon_nor_repeat() {
        let all: std::collections::BTreeSet<_> = (1..=100_000).map(public).collect();
        assert_eq!(all.len(), 100_000);
        let seen = [1, 254, 255, 762, 763].map(|number| public(number).to_string());
        assert_eq!(seen, ["192.0.2.1", "192.0.2.254", "198.51.100.1", "203.0.113.254", "198.18.2.251"]);
    }
}
