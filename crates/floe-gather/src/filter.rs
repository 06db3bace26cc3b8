//! Which addresses may become host candidates (RFC 8445 5.1.1.1).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use floe_core::{
    Interface, InterfaceAddress,
    address::{self, Redacted},
};

use crate::{
    GatherConfig, GatherError,
    place::{Place, Standing, Usable},
};

/// The networks in which a temporary address has been used in this generation. They last until the next: while one
/// temporary address takes over from another there may be none, and that is no time to give the lasting one away.
#[derive(Debug, Default)]
pub(crate) struct Shields(BTreeSet<Network>);

/// A network that an interface is on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Network {
    interface: u32,
    prefix: Ipv6Addr,
    length: u8,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} on {}", Redacted(IpAddr::V6(self.prefix)), self.length, self.interface)
    }
}

impl Network {
    fn of(interface: &Interface, ip: Ipv6Addr, length: u8) -> Self {
        // Temporary addresses are made by address autoconfiguration, so the interface identifier has 64 bits (RFC 4291
        // 2.5.1); whoever does not know the prefix length is helped by that.
        let length = if length == 0 || length > 64 { 64 } else { length };
        let prefix = Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (128 - u32::from(length))));
        Self { interface: interface.index, prefix, length }
    }
}

impl Shields {
    fn raise(&mut self, interface: &Interface, temporary: &InterfaceAddress) {
        if let IpAddr::V6(ip) = temporary.ip {
            self.0.insert(Network::of(interface, ip, temporary.prefix_length));
        }
    }

    fn cover(&self, interface: &Interface, ip: Ipv6Addr) -> bool {
        self.0.iter().any(|network| *network == Network::of(interface, ip, network.length))
    }

    /// Whether this lasting address would give away what the temporary ones hide.
    fn check(&self, interface: &Interface, address: &InterfaceAddress) -> Result<(), GatherError> {
        match address.ip {
            IpAddr::V6(_) if address.temporary => Ok(()),
            ip if address::is_ipv6_link_local(ip) && !self.0.is_empty() => {
                Err(GatherError::LinkLocalTrackable)
            }
            IpAddr::V6(ip) if self.cover(interface, ip) => Err(GatherError::Trackable),
            _ => Ok(()),
        }
    }
}

/// The outcome: every address of every interface is in one of the two, once.
#[derive(Default)]
pub(crate) struct Sifted {
    pub(crate) usable: Vec<Usable>,
    pub(crate) refused: BTreeMap<(Place, Box<str>), GatherError>,
}

/// Sorts out the addresses that may become candidates, in the order of the interfaces.
pub(crate) fn sift(config: &GatherConfig, interfaces: &[Interface], shields: &mut Shields) -> Sifted {
    let found = sift_with(config, config.include_loopback, interfaces, shields);
    if found.usable.is_empty() && config.loopback_if_alone && !config.include_loopback {
        return sift_with(config, true, interfaces, shields);
    }
    found
}

fn sift_with(
    config: &GatherConfig,
    loopback: bool,
    interfaces: &[Interface],
    shields: &mut Shields,
) -> Sifted {
    let all = || interfaces.iter().flat_map(|on| on.addresses.iter().map(move |address| (on, address)));
    for (on, address) in all() {
        if address.temporary && check(config, loopback, on, address).is_ok() {
            shields.raise(on, address);
        }
    }
    let mut sifted = Sifted::default();
    let mut taken = BTreeSet::new();
    for (on, address) in all() {
        let place = Place::of(on, address.ip);
        let verdict = check(config, loopback, on, address)
            .and_then(|()| shields.check(on, address))
            .and_then(|()| if taken.insert(place) { Ok(()) } else { Err(GatherError::Duplicate) });
        match verdict {
            Ok(()) => sifted.usable.push(Usable {
                place,
                interface: on.name.as_str().into(),
                address: *address,
                standing: standing(config, on, address.ip),
            }),
            Err(why) => drop(sifted.refused.insert((place, on.name.as_str().into()), why)),
        }
    }
    sifted
}

/// What can be said of an address without a look at the others.
fn check(
    config: &GatherConfig,
    loopback: bool,
    on: &Interface,
    address: &InterfaceAddress,
) -> Result<(), GatherError> {
    let named = |names: &Vec<String>| names.contains(&on.name);
    if !config.host {
        return Err(GatherError::HostOff);
    }
    if !config.interfaces.as_ref().is_none_or(named) {
        return Err(GatherError::InterfaceExcluded);
    }
    if !on.up {
        return Err(GatherError::InterfaceDown);
    }
    // Which port does not matter here, but that there is one.
    address::check_destination(SocketAddr::new(address.ip, 1)).map_err(GatherError::Unusable)?;
    if !loopback && is_loopback(on, address.ip) {
        return Err(GatherError::Loopback);
    }
    check_family(config, address.ip)?;
    if address.unusable { Err(GatherError::Unpreferred) } else { Ok(()) }
}

/// Not only 127.0.0.0/8 and ::1: any address of a loopback interface stays at home.
fn is_loopback(on: &Interface, ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback() || on.addresses.iter().any(|address| address.ip.is_loopback())
}

fn check_family(config: &GatherConfig, ip: IpAddr) -> Result<(), GatherError> {
    match ip {
        IpAddr::V4(_) if !config.ipv4 => Err(GatherError::Ipv4Off),
        IpAddr::V6(_) if !config.ipv6 => Err(GatherError::Ipv6Off),
        IpAddr::V6(v6) if address::is_ipv4_compatible(v6) => Err(GatherError::Ipv4Compatible),
        IpAddr::V6(v6) if address::is_site_local(v6) => Err(GatherError::SiteLocal),
        IpAddr::V6(v6) if config.ipv4 && v6.to_ipv4_mapped().is_some() => Err(GatherError::Ipv4Mapped),
        _ => Ok(()),
    }
}

fn standing(config: &GatherConfig, on: &Interface, ip: IpAddr) -> Standing {
    if is_loopback(on, ip) {
        Standing::Loopback
    } else if config.unreliable.contains(&on.name) || is_automatic_tunnel(ip) {
        Standing::Unreliable
    } else {
        Standing::Reliable
    }
}

/// 6to4 and Teredo: tunnels over relays that nobody answers for, the unreliable kind that RFC 8421 3 has in mind.
fn is_automatic_tunnel(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => {
            let s = v6.segments();
            s[0] == 0x2002 || (s[0] == 0x2001 && s[1] == 0)
        }
    }
}
