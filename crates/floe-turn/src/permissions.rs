//! Who may send to the relayed address (RFC 8656 9).

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::{
    AddressFamily,
    lease::{Lease, MIN_RENEWAL, Step, Terms},
};

/// RFC 8656 9: a permission lasts 300 seconds.
const LASTS: Duration = Duration::from_secs(300);
/// It is renewed one minute early at the latest, time enough for a whole transaction.
const LATEST: Duration = Duration::from_secs(240);

/// A permission: for an address, whatever the port.
#[derive(Debug)]
struct Permission {
    lease: Lease,
    /// Whether it is renewed.
    wanted: bool,
}

/// The permissions of an allocation.
#[derive(Debug)]
pub(crate) struct Permissions {
    map: BTreeMap<IpAddr, Permission>,
    max: usize,
    terms: Terms,
}

/// How a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody has asked.
    Unknown,
    /// Asked for.
    Asked,
    /// There.
    Permitted,
    /// Refused.
    Refused,
}

/// There are as many as there may be.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Permissions {
    pub(crate) fn new(max: usize, renew_after: Duration) -> Self {
        let terms = Terms { lasts: LASTS, renew_after: renew_after.clamp(MIN_RENEWAL, LATEST) };
        Self { map: BTreeMap::new(), max, terms }
    }

    /// Wants the permission from now on. Whether it has to be asked for.
    pub(crate) fn want(&mut self, ip: IpAddr) -> Result<bool, TooMany> {
        if let Some(permission) = self.map.get_mut(&ip) {
            permission.wanted = true;
            return Ok(permission.lease.want());
        }
        if self.map.len() >= self.max && !self.forget_one() {
            return Err(TooMany);
        }
        self.map.insert(ip, Permission { lease: Lease::Asked, wanted: true });
        Ok(true)
    }

    /// A refusal that nobody needs to know of any more makes place.
    fn forget_one(&mut self) -> bool {
        let refused = self.map.iter().find(|(_, permission)| permission.lease == Lease::Refused);
        let ip = refused.map(|(ip, _)| *ip);
        ip.is_some_and(|ip| self.map.remove(&ip).is_some())
    }

    /// Renews it no more.
    pub(crate) fn lapse(&mut self, ip: IpAddr) {
        let Some(permission) = self.map.get_mut(&ip) else { return };
        permission.wanted = false;
        if !permission.lease.may_be_there() {
            self.map.remove(&ip);
        }
    }

    /// It was never asked for.
    pub(crate) fn forget(&mut self, ip: IpAddr) {
        self.map.remove(&ip);
    }

    /// The relayed address of this family is gone.
    pub(crate) fn forget_family(&mut self, family: AddressFamily) {
        self.map.retain(|ip, _| AddressFamily::of(*ip) != family);
    }

    /// Those that are renewed.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.map.iter().filter(|(_, permission)| permission.wanted).map(|(ip, _)| *ip)
    }

    pub(crate) fn is_wanted(&self, ip: IpAddr) -> bool {
        self.map.get(&ip).is_some_and(|permission| permission.wanted)
    }

    pub(crate) fn standing(&self, ip: IpAddr) -> Standing {
        match self.map.get(&ip).map(|permission| permission.lease) {
            None => Standing::Unknown,
            Some(Lease::Asked) => Standing::Asked,
            Some(Lease::Granted { .. } | Lease::Renewing { .. }) => Standing::Permitted,
            Some(Lease::Refused | Lease::Ended) => Standing::Refused,
        }
    }

    /// Whether data of this peer is taken. Already while the permission is asked for: over UDP the answer may come
    /// after the data that it lets in.
    pub(crate) fn lets_in(&self, ip: IpAddr) -> bool {
        self.map.get(&ip).is_some_and(|permission| permission.lease.may_be_there())
    }

    /// It was granted, by what was asked for at that time. Whether that is news.
    pub(crate) fn granted(&mut self, ip: IpAddr, asked_at: Instant) -> bool {
        self.map.get_mut(&ip).is_some_and(|permission| permission.lease.granted(asked_at, self.terms))
    }

    /// It was refused. Whether that is news.
    pub(crate) fn refused(&mut self, ip: IpAddr) -> bool {
        let Some(permission) = self.map.get_mut(&ip) else { return false };
        let wanted = permission.wanted;
        let news = permission.lease.refused();
        if news && !wanted {
            self.map.remove(&ip);
        }
        news && wanted
    }

    /// Whether an answer is still of use.
    pub(crate) fn is_awaited(&self, ip: IpAddr) -> bool {
        self.map.get(&ip).is_some_and(|permission| permission.lease.is_asked())
    }

    pub(crate) fn is_renewing(&self, ip: IpAddr) -> bool {
        self.map.get(&ip).is_some_and(|permission| permission.lease.is_renewing())
    }

    /// What time has made of them.
    pub(crate) fn steps(&mut self, now: Instant) -> Vec<(IpAddr, Step)> {
        let step = |(ip, permission): (&IpAddr, &mut Permission)| {
            permission.lease.step(now, permission.wanted).map(|step| (*ip, step))
        };
        let steps: Vec<_> = self.map.iter_mut().filter_map(step).collect();
        self.map.retain(|_, permission| permission.lease != Lease::Ended);
        steps
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.map.values().filter_map(|permission| permission.lease.deadline(permission.wanted)).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn clear(&mut self) {
        self.map.clear();
    }
}
