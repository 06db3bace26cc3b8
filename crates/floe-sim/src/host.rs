//! Hosts: their interfaces, addresses and bound sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, SocketAddr},
};

use floe_core::{Interface, InterfaceAddress, address};

use crate::Realm;

/// A host of the network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub(crate) usize);

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h{}", self.0)
    }
}

impl fmt::Debug for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The interfaces and addresses of a host that is to be put on the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    interfaces: Vec<Interface>,
    /// Of the addresses that are not on the internet.
    realms: BTreeMap<IpAddr, Realm>,
    /// Of the addresses that follow.
    realm: Realm,
}

impl Host {
    /// A host without addresses.
    #[must_use]
    pub const fn new() -> Self {
        Self { interfaces: Vec::new(), realms: BTreeMap::new(), realm: Realm::INTERNET }
    }

    /// The addresses that follow are in this realm; at first they are on the internet. One host may have addresses in
    /// several realms, as a telephone has; what it sends goes the way of the address it is sent from.
    #[must_use]
    pub const fn within(mut self, realm: Realm) -> Self {
        self.realm = realm;
        self
    }

    /// One more interface, whose index is its number, counted from 1. Addresses that follow belong to it.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        let index = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.interfaces.push(Interface { name: name.into(), index, up: true, addresses: Vec::new() });
        self
    }

    /// One more address, of the last interface; the first of all makes one named `eth0`. IPv4 networks are of 24 bits,
    /// IPv6 ones of 64.
    #[must_use]
    pub fn address(self, ip: IpAddr) -> Self {
        let mut host = if self.interfaces.is_empty() { self.interface("eth0") } else { self };
        let prefix_length = if ip.is_ipv4() { 24 } else { 64 };
        if host.realm != Realm::INTERNET {
            host.realms.insert(ip, host.realm);
        }
        if let Some(interface) = host.interfaces.last_mut() {
            interface.addresses.push(InterfaceAddress::new(ip, prefix_length));
        }
        host
    }

    /// These interfaces, as floe gathers on them.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Where an address of it is.
    pub(crate) fn realm(&self, ip: IpAddr) -> Realm {
        self.realms.get(&ip).copied().unwrap_or_default()
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.interfaces.iter().flat_map(|interface| interface.addresses.iter().map(|address| address.ip))
    }
}

impl From<Vec<Interface>> for Host {
    fn from(interfaces: Vec<Interface>) -> Self {
        Self { interfaces, ..Self::new() }
    }
}

/// The address is another host's already, or twice the same one's. Give every host its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is taken")]
pub struct AddressInUse(pub IpAddr);

/// Why a socket was not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The host does not have this address. Give it the address, or bind another.
    #[error("{0} is no address of this host")]
    NotMine(IpAddr),
    /// The port is bound. Take port 0 for a free one.
    #[error("port {0} is bound already")]
    InUse(u16),
    /// All ports for sockets without a wish are bound. Close some.
    #[error("all of the ports {FIRST_PORT} to 65535 are bound")]
    Exhausted,
}

/// Where the ports for sockets without a wish begin (RFC 6335 6).
const FIRST_PORT: u16 = 49_152;

/// A host on the network.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) host: Host,
    /// By address without scope: the address as it was bound.
    sockets: BTreeMap<SocketAddr, SocketAddr>,
    next_port: u16,
}

impl Attached {
    pub(crate) const fn new(host: Host) -> Self {
        Self { host, sockets: BTreeMap::new(), next_port: FIRST_PORT }
    }

    pub(crate) fn bind(&mut self, wanted: SocketAddr) -> Result<SocketAddr, BindError> {
        if !self.host.addresses().any(|ip| ip == wanted.ip()) {
            return Err(BindError::NotMine(wanted.ip()));
        }
        let mut bound = wanted;
        if wanted.port() == 0 {
            bound.set_port(self.free_port(wanted.ip())?);
        }
        let key = address::unscoped(bound);
        if self.sockets.contains_key(&key) {
            return Err(BindError::InUse(bound.port()));
        }
        self.sockets.insert(key, bound);
        Ok(bound)
    }

    /// The next port in turn that is free: a port closed is not given out again at once.
    fn free_port(&mut self, ip: IpAddr) -> Result<u16, BindError> {
        for _ in FIRST_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if self.socket(SocketAddr::new(ip, port)).is_none() {
                return Ok(port);
            }
        }
        Err(BindError::Exhausted)
    }

    /// The socket at this address, as it was bound.
    pub(crate) fn socket(&self, at: SocketAddr) -> Option<SocketAddr> {
        self.sockets.get(&address::unscoped(at)).copied()
    }

    pub(crate) fn close(&mut self, at: SocketAddr) -> bool {
        self.sockets.remove(&address::unscoped(at)).is_some()
    }

    /// Takes other interfaces; sockets of addresses that are gone are closed.
    pub(crate) fn replace(&mut self, host: Host) {
        let kept: BTreeSet<_> = host.addresses().collect();
        self.sockets.retain(|at, _| kept.contains(&at.ip()));
        self.host = host;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached(ip: &str) -> Attached {
        Attached::new(Host::new().address(ip.parse().unwrap()))
    }

    #[test]
    fn ports_are_given_out_in_turn_until_none_is_left() {
        let mut host = attached("192.0.2.1");
        let any: SocketAddr = "192.0.2.1:0".parse().unwrap();
        assert_eq!(host.bind(any).unwrap().port(), 49_152);
        assert_eq!(host.bind("192.0.2.1:49153".parse().unwrap()).unwrap().port(), 49_153);
        let third = host.bind(any).unwrap();
        assert_eq!(third.port(), 49_154);
        assert!(host.close(third) && !host.close(third));
        for port in 49_155..=u16::MAX {
            assert_eq!(host.bind(any).unwrap().port(), port);
        }
        assert_eq!(host.bind(any), Ok(third), "the closed one, once it is its turn");
        assert_eq!(host.bind(any), Err(BindError::Exhausted));
    }

    #[test]
    fn only_a_free_port_of_its_own_can_be_bound() {
        let mut host = attached("fe80::1");
        let scoped: SocketAddr = "[fe80::1%1]:9".parse().unwrap();
        assert_eq!(host.bind(scoped), Ok(scoped));
        assert_eq!(host.bind("[fe80::1]:9".parse().unwrap()), Err(BindError::InUse(9)));
        assert_eq!(host.socket("[fe80::1]:9".parse().unwrap()), Some(scoped));
        let other: SocketAddr = "192.0.2.1:0".parse().unwrap();
        assert_eq!(host.bind(other), Err(BindError::NotMine(other.ip())));
        host.replace(Host::new().address(other.ip()));
        assert_eq!(host.socket(scoped), None, "closed with its address");
        assert!(host.bind(other).is_ok());
    }

    #[test]
    fn interfaces_are_numbered_from_one() {
        let host = Host::new()
            .address("192.0.2.1".parse().unwrap())
            .interface("wlan0")
            .address("2001:db8::1".parse().unwrap());
        let seen: Vec<_> = host
            .interfaces()
            .iter()
            .map(|interface| (interface.name.as_str(), interface.index, interface.addresses[0].prefix_length))
            .collect();
        assert_eq!(seen, [("eth0", 1, 24), ("wlan0", 2, 64)]);
    }
}
