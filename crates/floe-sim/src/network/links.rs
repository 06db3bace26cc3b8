//! The links between the hosts of a realm.

use std::{collections::BTreeMap, net::IpAddr, time::Instant};

use crate::{
    HostId, Link, Realm,
    link::{Dropped, Luck, Passage, Traffic},
};

/// How hosts are connected. An entry for two addresses counts before one for their hosts, and that before one for the
/// realm.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) of_hosts: BTreeMap<(HostId, HostId), Link>,
    pub(super) of_addresses: BTreeMap<(IpAddr, IpAddr), Link>,
    traffic: BTreeMap<(Realm, IpAddr, IpAddr), Traffic>,
}

/// An end of a link: a host or a gateway, and the address that is seen there.
pub(crate) type End = (Option<HostId>, IpAddr);

impl Links {
    pub(super) fn between(&self, from: End, to: End, of_realm: Link) -> Link {
        if let Some(link) = self.of_addresses.get(&(from.1, to.1)) {
            return *link;
        }
        let hosts = from.0.zip(to.0);
        let of_hosts = hosts.and_then(|hosts| self.of_hosts.get(&hosts)).copied();
        let same = hosts.is_some_and(|(from, to)| from == to);
        of_hosts.unwrap_or(if same { Link::default() } else { of_realm })
    }

    /// Sends a packet of `size` bytes across a realm from one address to another.
    pub(super) fn pass(
        &mut self,
        (realm, from, to): (Realm, IpAddr, IpAddr),
        link: &Link,
        luck: Luck,
        (now, size): (Instant, usize),
    ) -> Result<Passage, Dropped> {
        self.traffic.entry((realm, from, to)).or_default().pass(link, luck, now, size)
    }
}
