//! What is known of the network's NAT64 (RFC 7050).

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use floe_core::{Interface, Nat64Prefix, address::is_ipv6_link_local};
use floe_net::Net;

/// How long gathering waits for the answer: that a resolver is dead shall not cost the candidates.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the network has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing.
    Unknown,
    /// This is the prefix, or there is none.
    Known(Option<Nat64Prefix>),
}

/// Asks the network.
pub(super) async fn ask(net: &dyn Net) -> Answer {
    match tokio::time::timeout(PATIENCE, net.nat64()).await {
        Ok(Ok(prefix)) => {
            tracing::debug!(?prefix, "the host has no IPv4 address");
            Answer::Known(prefix)
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "whether there is a NAT64 is not known");
            Answer::Unknown
        }
        Err(_) => {
            tracing::debug!("whether there is a NAT64 is not known in time");
            Answer::Unknown
        }
    }
}

/// The latest answer, and of which network: by the /64 prefixes of its addresses, for those that are temporary change.
#[derive(Debug, Default)]
pub(super) struct Networks(Option<(BTreeSet<u64>, Answer)>);

impl Networks {
    /// Whether the network with these interfaces is to be asked: once, and where it did not answer once more for each who
    /// asks for it.
    pub(super) fn wants(&self, interfaces: &[Interface], asked_for: bool) -> bool {
        let Some(network) = ipv6_only(interfaces) else { return false };
        match &self.0 {
            Some((known, answer)) if !known.is_disjoint(&network) => asked_for && *answer == Answer::Unknown,
            _ => true,
        }
    }

    pub(super) fn learn(&mut self, interfaces: &[Interface], answer: Answer) {
        self.0 = ipv6_only(interfaces).map(|network| (network, answer));
    }

    /// The prefix for sockets on these interfaces from now on; `None` where it stays what it is. A host that has IPv4 of its
    /// own needs none.
    pub(super) fn nat64(&self, interfaces: &[Interface]) -> Option<Option<Nat64Prefix>> {
        match (ipv6_only(interfaces), &self.0) {
            (Some(network), Some((known, Answer::Known(prefix)))) if !known.is_disjoint(&network) => {
                Some(*prefix)
            }
            // Nothing leads anywhere now: it may come back as it was.
            (None, _) if leading_out(interfaces).next().is_none() => None,
            _ => Some(None),
        }
    }
}

/// The addresses from which others can be reached.
fn leading_out(interfaces: &[Interface]) -> impl Iterator<Item = IpAddr> {
    let up = interfaces.iter().filter(|interface| interface.up);
    up.flat_map(|interface| &interface.addresses).map(|address| address.ip).filter(|&ip| match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unspecified() || is_ipv6_link_local(ip)),
    })
}

/// The prefixes of a host that reaches others by IPv6, and by nothing else.
fn ipv6_only(interfaces: &[Interface]) -> Option<BTreeSet<u64>> {
    let mut network = BTreeSet::new();
    for ip in leading_out(interfaces) {
        match ip {
            IpAddr::V4(_) => return None,
            IpAddr::V6(ip) => network.insert((ip.to_bits() >> 64) as u64),
        };
    }
    (!network.is_empty()).then_some(network)
}

#[cfg(test)]
mod tests {
    use floe_core::InterfaceAddress;

    use super::*;

    fn interface(up: bool, addresses: &[&str]) -> Interface {
        let addresses = addresses.iter().map(|ip| InterfaceAddress::new(ip.parse().unwrap(), 64)).collect();
        Interface { name: "eth0".to_owned(), index: 2, up, addresses }
    }

    fn v6() -> Interface {
        interface(true, &["2001:db8::1", "fe80::1"])
    }

    #[test]
    fn a_host_has_ipv6_only_where_no_ipv4_address_leads_out() {
        let only = |interfaces: &[Interface]| ipv6_only(interfaces).is_some();
        assert!(only(&[v6(), interface(true, &["127.0.0.1", "::1"])]));
        assert!(only(&[v6(), interface(true, &["169.254.0.1"])]));
        assert!(only(&[v6(), interface(false, &["192.0.2.1"])]));
        assert!(!only(&[v6(), interface(true, &["192.0.2.1"])]));
        // The IPv4 of a host that translates by itself (RFC 6877).
        assert!(!only(&[v6(), interface(true, &["192.0.0.4"])]));
        assert!(!only(&[interface(true, &["fe80::1"]), interface(false, &["2001:db8::1"])]));
        assert!(!only(&[]));
    }

    #[test]
    fn a_network_is_asked_once_and_another_one_anew() {
        let known = Answer::Known(Some(Nat64Prefix::WELL_KNOWN));
        let (here, there) = ([v6()], [interface(true, &["2001:db8:2::1"])]);
        let mut networks = Networks::default();
        assert!(networks.wants(&here, false));
        networks.learn(&here, Answer::Unknown);
        assert!(!networks.wants(&here, false) && networks.wants(&here, true));
        assert_eq!(networks.nat64(&here), Some(None), "nothing is known");
        networks.learn(&here, known);
        assert!(!networks.wants(&here, false) && !networks.wants(&here, true));
        assert_eq!(networks.nat64(&here), Some(Some(Nat64Prefix::WELL_KNOWN)));
        // Another temporary address of the same network.
        let rotated = [interface(true, &["2001:db8::7:7"])];
        assert!(!networks.wants(&rotated, true));
        assert_eq!(networks.nat64(&rotated), Some(Some(Nat64Prefix::WELL_KNOWN)));
        // What holds here does not hold there.
        assert!(networks.wants(&there, false));
        networks.learn(&there, Answer::Unknown);
        assert_eq!(networks.nat64(&there), Some(None));
    }

    #[test]
    fn who_has_ipv4_needs_none_and_who_is_offline_is_left_alone() {
        let prefix = Some(Nat64Prefix::WELL_KNOWN);
        let mut networks = Networks::default();
        networks.learn(&[v6()], Answer::Known(prefix));
        let dual = [v6(), interface(true, &["192.0.2.1"])];
        assert_eq!((networks.wants(&dual, true), networks.nat64(&dual)), (false, Some(None)));
        let offline = [interface(false, &["2001:db8::1"])];
        assert_eq!((networks.wants(&offline, true), networks.nat64(&offline)), (false, None));
        // It is back.
        assert_eq!((networks.wants(&[v6()], false), networks.nat64(&[v6()])), (false, Some(prefix)));
    }
}
