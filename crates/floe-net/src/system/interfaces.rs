//! The interfaces of the host.

use std::{io, net::IpAddr};

use floe_core::{Interface, InterfaceAddress};
use netdev::interface::ipv6_addr_flags::Ipv6AddrFlags;

/// All interfaces, in the order of their indices, which is the system's own. netdev gives them in a random one on Linux,
/// and candidates whose preference changes from run to run would be hard to understand.
pub(super) fn list() -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<_> = netdev::get_interfaces().into_iter().map(|found| convert(&found)).collect();
    interfaces.sort_by_key(|interface| interface.index);
    if interfaces.is_empty() {
        // Every host has a loopback interface: an empty list means that the system would not tell.
        return Err(io::Error::new(io::ErrorKind::NotFound, "the system names no network interface"));
    }
    Ok(interfaces)
}

fn convert(found: &netdev::Interface) -> Interface {
    let v4 = found.ipv4.iter().map(|net| InterfaceAddress::new(IpAddr::V4(net.addr()), net.prefix_len()));
    let flags = found.ipv6_addr_flags.iter().copied().chain(std::iter::repeat(Ipv6AddrFlags::default()));
    let v6 = found.ipv6.iter().zip(flags).map(|(net, flags)| InterfaceAddress {
        temporary: flags.temporary,
        // RFC 4862 5.5.4 and 5.4.
        unusable: flags.deprecated || flags.tentative || flags.duplicated,
        ..InterfaceAddress::new(IpAddr::V6(net.addr()), net.prefix_len())
    });
    Interface {
        name: found.name.clone(),
        index: found.index,
        // "Running" is what tells a cable that is plugged in, or a bridge that somebody is on.
        up: found.is_up() && found.is_running(),
        addresses: v4.chain(v6).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> netdev::Interface {
        const UP_AND_RUNNING: u32 = 0x1 | 0x40;
        netdev::Interface {
            name: "eth0".to_owned(),
            index: 3,
            flags: UP_AND_RUNNING,
            ipv4: vec!["192.0.2.1/24".parse().unwrap()],
            ipv6: vec!["2001:db8::1/64".parse().unwrap(), "2001:db8::2/64".parse().unwrap()],
            ..netdev::Interface::dummy()
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_interface_without_a_carrier_is_not_up() {
        const UP: u32 = 0x1;
        assert!(convert(&found()).up);
        assert!(!convert(&netdev::Interface { flags: UP, ..found() }).up);
        assert!(!convert(&netdev::Interface { flags: 0, ..found() }).up);
    }

    #[test]
    fn flags_go_with_their_address() {
        let flags = |set: fn(&mut Ipv6AddrFlags)| {
            let mut flags = Ipv6AddrFlags::default();
            set(&mut flags);
            let ipv6_addr_flags = vec![flags, Ipv6AddrFlags::default()];
            let converted = convert(&netdev::Interface { ipv6_addr_flags, ..found() });
            assert_eq!(converted.addresses[0], InterfaceAddress::new("192.0.2.1".parse().unwrap(), 24));
            assert_eq!(converted.addresses[2], InterfaceAddress::new("2001:db8::2".parse().unwrap(), 64));
            (converted.addresses[1].temporary, converted.addresses[1].unusable)
        };
        assert_eq!(flags(|_| ()), (false, false));
        assert_eq!(flags(|flags| flags.temporary = true), (true, false));
        assert_eq!(flags(|flags| flags.deprecated = true), (false, true));
        assert_eq!(flags(|flags| flags.tentative = true), (false, true));
        assert_eq!(flags(|flags| flags.duplicated = true), (false, true));
    }

    #[test]
    fn no_address_is_lost_where_the_system_gives_no_flags() {
        assert_eq!(convert(&found()).addresses.len(), 3);
    }
}
