//! What an agent has to know of the network before it gathers.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use floe_core::{Interface, Nat64Prefix, address::is_ipv6_link_local};
use floe_net::Net;

/// How long gathering waits for what is known of a NAT64: that a resolver is dead shall not cost the candidates.
const NAT64_WAIT: Duration = Duration::from_secs(2);

/// What a look at the network has shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Survey {
    pub(super) interfaces: Vec<Interface>,
    pub(super) nat64: Nat64,
}

/// What is known of a NAT64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Nat64 {
    /// The network did not tell: what was known before stands.
    #[default]
    Unknown,
    /// This is its prefix, or there is none.
    Known(Option<Nat64Prefix>),
}

/// Looks at the network as it is now.
pub(super) async fn survey(net: Arc<dyn Net>) -> io::Result<Survey> {
    let interfaces = net.interfaces().await?;
    let nat64 = if is_ipv6_only(&interfaces) { find_nat64(&*net).await } else { Nat64::Known(None) };
    Ok(Survey { interfaces, nat64 })
}

async fn find_nat64(net: &dyn Net) -> Nat64 {
    match tokio::time::timeout(NAT64_WAIT, net.nat64()).await {
        Ok(Ok(prefix)) => {
            tracing::debug!(?prefix, "the host has no IPv4 address");
            Nat64::Known(prefix)
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "whether there is a NAT64 is not known");
            Nat64::Unknown
        }
        Err(_) => {
            tracing::debug!("whether there is a NAT64 is not known in time");
            Nat64::Unknown
        }
    }
}

/// Whether the host reaches others by IPv6, and by nothing else.
fn is_ipv6_only(interfaces: &[Interface]) -> bool {
    let up = interfaces.iter().filter(|interface| interface.up);
    let addresses = || up.clone().flat_map(|interface| &interface.addresses).map(|address| address.ip);
    let leads_out = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_link_local() || ip == Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unspecified() || is_ipv6_link_local(ip.into())),
    };
    addresses().any(|ip| ip.is_ipv6() && leads_out(ip))
        && !addresses().any(|ip| ip.is_ipv4() && leads_out(ip))
}

#[cfg(test)]
mod tests {
    use floe_core::InterfaceAddress;

    use super::*;

    fn interface(up: bool, addresses: &[&str]) -> Interface {
        let addresses = addresses.iter().map(|ip| InterfaceAddress::new(ip.parse().unwrap(), 64)).collect();
        Interface { name: "eth0".to_owned(), index: 2, up, addresses }
    }

    #[test]
    fn a_host_has_ipv6_only_where_no_ipv4_address_leads_out() {
        let only = |interfaces: &[Interface]| is_ipv6_only(interfaces);
        let v6 = || interface(true, &["2001:db8::1", "fe80::1"]);
        assert!(only(&[v6(), interface(true, &["127.0.0.1", "::1"])]));
        assert!(only(&[v6(), interface(true, &["169.254.0.1"])]));
        assert!(only(&[v6(), interface(false, &["192.0.2.1"])]));
        assert!(!only(&[v6(), interface(true, &["192.0.2.1"])]));
        // The IPv4 of a host that translates by itself (RFC 6877).
        assert!(!only(&[v6(), interface(true, &["192.0.0.4"])]));
        assert!(!only(&[interface(true, &["fe80::1"]), interface(false, &["2001:db8::1"])]));
        assert!(!only(&[]));
    }
}
