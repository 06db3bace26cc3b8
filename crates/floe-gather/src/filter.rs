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
    server::is_asked_from,
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
        // RFC 8445 5.2: a lite agent has one candidate for an IP address, whatever link it is on.
        let one = if config.lite { Place { scope: 0, ..place } } else { place };
        let verdict = check(config, loopback, on, address)
            .and_then(|()| shields.check(on, address))
            .and_then(|()| if taken.insert(one) { Ok(()) } else { Err(GatherError::Duplicate) });
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
    if !config.host && !is_asked_from(config, Place::of(on, address.ip)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> InterfaceAddress {
        let (ip, length) = text.split_once('/').unwrap();
        InterfaceAddress::new(ip.parse().unwrap(), length.parse().unwrap())
    }

    fn temporary(text: &str) -> InterfaceAddress {
        InterfaceAddress { temporary: true, ..address(text) }
    }

    fn interface(name: &str, index: u32, addresses: &[InterfaceAddress]) -> Interface {
        Interface { name: name.to_owned(), index, up: true, addresses: addresses.to_vec() }
    }

    /// What is left of the interfaces.
    fn left(config: &GatherConfig, interfaces: &[Interface]) -> Vec<String> {
        let sifted = sift(config, interfaces, &mut Shields::default());
        sifted.usable.iter().map(|usable| usable.place.ip.to_string()).collect()
    }

    /// Why this one address is refused.
    fn verdict(config: &GatherConfig, on: Interface) -> Option<GatherError> {
        let sifted = sift(config, &[on], &mut Shields::default());
        assert_eq!(sifted.usable.len() + sifted.refused.len(), 1);
        sifted.refused.into_values().next()
    }

    fn verdict_on(text: &str) -> Option<GatherError> {
        verdict(&GatherConfig::default(), interface("eth0", 2, &[address(text)]))
    }

    #[test]
    fn an_ordinary_address_may_be_used() {
        for good in
            ["192.0.2.1/24", "10.0.0.1/8", "169.254.7.7/16", "2001:db8::1/64", "fd00::1/64", "fe80::1/64"]
        {
            assert_eq!(verdict_on(good), None, "{good}");
        }
    }

    // proves: 8445-5.1.1.1-b
    #[test]
    fn loopback_is_left_out_unless_switched_on() {
        let lo = interface("lo", 1, &[address("127.0.0.1/8"), address("::1/128")]);
        // RFC 8445 5.1.1.1 speaks of the interface: an address of it that looks like any other stays at home, too.
        let odd =
            interface("lo0", 2, &[address("127.0.0.1/8"), address("192.0.2.9/32"), address("fe80::1/64")]);
        let interfaces = [lo, odd];
        let config = GatherConfig::default();
        assert_eq!(left(&config, &interfaces), [""; 0]);
        let sifted = sift(&config, &interfaces, &mut Shields::default());
        assert!(sifted.refused.values().all(|why| *why == GatherError::Loopback), "{:?}", sifted.refused);
        let switched_on = config.include_loopback(true);
        assert_eq!(left(&switched_on, &interfaces), ["127.0.0.1", "::1", "192.0.2.9", "fe80::1"]);
    }

    #[test]
    fn loopback_may_stand_in_where_nothing_else_is_usable() {
        let lo = interface("lo", 1, &[address("127.0.0.1/8")]);
        let eth0 = interface("eth0", 2, &[address("192.0.2.1/24")]);
        let down = Interface { up: false, ..eth0.clone() };
        let config = GatherConfig::default().loopback_if_alone(true);
        assert_eq!(left(&config, &[lo.clone(), eth0]), ["192.0.2.1"]);
        assert_eq!(left(&config, &[lo.clone(), down]), ["127.0.0.1"]);
        assert_eq!(left(&config.interfaces(["eth0"]), &[lo]), [""; 0]);
    }

    // proves: 8445-5.1.1.1-c
    #[test]
    fn deprecated_kinds_of_ipv6_addresses_are_left_out() {
        assert_eq!(verdict_on("::10.0.0.1/96"), Some(GatherError::Ipv4Compatible));
        assert_eq!(verdict_on("fec0::1/64"), Some(GatherError::SiteLocal));
        assert_eq!(verdict_on("feff:1::1/64"), Some(GatherError::SiteLocal));
    }

    // proves: 8445-5.1.1.1-d
    #[test]
    fn an_ipv4_mapped_address_is_for_ipv6_only_applications() {
        assert_eq!(verdict_on("::ffff:10.0.0.1/96"), Some(GatherError::Ipv4Mapped));
        let ipv6_only = GatherConfig::default().ipv4(false);
        let eth0 = interface("eth0", 2, &[address("10.0.0.1/8"), address("::ffff:10.0.0.1/96")]);
        assert_eq!(left(&ipv6_only, &[eth0]), ["::ffff:10.0.0.1"]);
        let lo = interface("lo", 1, &[address("::ffff:127.0.0.1/104")]);
        assert_eq!(verdict(&ipv6_only, lo), Some(GatherError::Loopback));
    }

    // proves: 8445-5.1.1.1-e
    #[test]
    fn a_trackable_address_gives_way_to_a_temporary_one_of_its_network() {
        let eth0 = interface(
            "eth0",
            2,
            &[
                address("2001:db8:1::211:22ff:fe33:4455/64"),
                temporary("2001:db8:1::a1b2:c3d4:e5f6:789/64"),
                address("2001:db8:1::7/128"),
                address("2001:db8:2::211:22ff:fe33:4455/64"),
                address("192.0.2.1/24"),
            ],
        );
        let wlan0 = interface("wlan0", 3, &[address("2001:db8:1::266:77ff:fe88:99aa/64")]);
        let expected = [
            "2001:db8:1:0:a1b2:c3d4:e5f6:789",
            "2001:db8:2:0:211:22ff:fe33:4455",
            "192.0.2.1",
            "2001:db8:1:0:266:77ff:fe88:99aa",
        ];
        assert_eq!(left(&GatherConfig::default(), &[eth0, wlan0]), expected);
    }

    #[test]
    fn a_temporary_address_that_is_not_used_shields_nothing() {
        let lasting = address("2001:db8::1/64");
        let deprecated = InterfaceAddress { unusable: true, ..temporary("2001:db8::2/64") };
        let eth0 = interface("eth0", 2, &[lasting, deprecated, address("fe80::1/64")]);
        assert_eq!(left(&GatherConfig::default(), &[eth0]), ["2001:db8::1", "fe80::1"]);
    }

    // proves: 8445-5.1.1.1-f
    #[test]
    fn link_local_addresses_give_way_to_a_temporary_one_anywhere() {
        let eth0 = interface("eth0", 2, &[address("fe80::1/64"), temporary("2001:db8::2/64")]);
        let wlan0 = interface("wlan0", 3, &[address("fe80::2/64")]);
        let sifted = sift(&GatherConfig::default(), &[eth0, wlan0], &mut Shields::default());
        assert_eq!(sifted.usable.len(), 1);
        let why: Vec<_> = sifted.refused.into_values().collect();
        assert_eq!(why, [GatherError::LinkLocalTrackable, GatherError::LinkLocalTrackable]);
    }

    #[test]
    fn while_temporary_addresses_change_over_the_lasting_one_stays_hidden() {
        let mut shields = Shields::default();
        let config = GatherConfig::default();
        let lasting = address("2001:db8::1/64");
        let both = interface("eth0", 2, &[lasting, temporary("2001:db8::2/64")]);
        assert_eq!(sift(&config, &[both], &mut shields).usable.len(), 1);
        let between = interface("eth0", 2, &[lasting]);
        let sifted = sift(&config, &[between], &mut shields);
        assert_eq!(sifted.refused.into_values().collect::<Vec<_>>(), [GatherError::Trackable]);
    }

    #[test]
    fn a_prefix_length_of_nonsense_does_not_uncover_the_network() {
        for length in [0, 65, 128, 255] {
            let temporary = InterfaceAddress { prefix_length: length, ..temporary("2001:db8::2/64") };
            let eth0 = interface("eth0", 2, &[address("2001:db8::1/64"), temporary]);
            assert_eq!(left(&GatherConfig::default(), &[eth0]), ["2001:db8::2"], "{length}");
        }
    }

    #[test]
    fn addresses_that_no_host_has_for_itself_are_left_out() {
        use address::Unusable;
        for (text, why) in [
            ("0.0.0.0/0", Unusable::Unspecified),
            ("::/0", Unusable::Unspecified),
            ("224.0.0.1/4", Unusable::Multicast),
            ("ff02::1/8", Unusable::Multicast),
            ("255.255.255.255/32", Unusable::Broadcast),
        ] {
            assert_eq!(verdict_on(text), Some(GatherError::Unusable(why)), "{text}");
        }
    }

    #[test]
    fn what_is_switched_off_is_refused_with_its_reason() {
        let config = GatherConfig::default;
        let v4 = || interface("eth0", 2, &[address("192.0.2.1/24")]);
        let v6 = || interface("eth0", 2, &[address("2001:db8::1/64")]);
        assert_eq!(verdict(&config().host(false), v4()), Some(GatherError::HostOff));
        assert_eq!(verdict(&config().ipv4(false), v4()), Some(GatherError::Ipv4Off));
        assert_eq!(verdict(&config().ipv6(false), v6()), Some(GatherError::Ipv6Off));
        assert_eq!(verdict(&config().interfaces(["eth0"]), v4()), None);
        assert_eq!(verdict(&config().interfaces(["eth"]), v4()), Some(GatherError::InterfaceExcluded));
        let down = Interface { up: false, ..v4() };
        assert_eq!(verdict(&config(), down), Some(GatherError::InterfaceDown));
        let deprecated = InterfaceAddress { unusable: true, ..address("2001:db8::1/64") };
        let deprecated = interface("eth0", 2, &[deprecated]);
        assert_eq!(verdict(&config(), deprecated), Some(GatherError::Unpreferred));
    }

    #[test]
    fn an_address_on_two_interfaces_is_used_once_and_a_link_local_one_on_each() {
        let addresses = [address("192.0.2.1/24"), address("fe80::1/64")];
        let interfaces = [interface("eth0", 2, &addresses), interface("eth1", 3, &addresses)];
        let sifted = sift(&GatherConfig::default(), &interfaces, &mut Shields::default());
        let places: Vec<_> =
            sifted.usable.iter().map(|usable| usable.place.with_port(9).to_string()).collect();
        assert_eq!(places, ["192.0.2.1:9", "[fe80::1%2]:9", "[fe80::1%3]:9"]);
        assert_eq!(sifted.refused.into_values().collect::<Vec<_>>(), [GatherError::Duplicate]);
    }

    #[test]
    fn automatic_tunnels_count_as_unreliable() {
        let config = GatherConfig::default().unreliable(["tun0"]);
        let addresses =
            ["2002:c000:201::1/48", "2001:0:1::1/32", "2001:db8::1/64", "192.0.2.1/24"].map(address);
        let standings = |name: &str| -> Vec<Standing> {
            let sifted = sift(&config, &[interface(name, 2, &addresses)], &mut Shields::default());
            sifted.usable.iter().map(|usable| usable.standing).collect()
        };
        use Standing::{Reliable, Unreliable};
        assert_eq!(standings("eth0"), [Unreliable, Unreliable, Reliable, Reliable]);
        assert_eq!(standings("tun0"), [Unreliable; 4]);
    }
}
