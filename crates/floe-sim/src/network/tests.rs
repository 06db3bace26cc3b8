//! Links and datagrams.

use proptest::prelude::*;

use super::*;
use crate::{Bursts, Fate, Firewall, Nat, Seen};

#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn network(seed: u64) -> Network {
    Network::new(Instant::now(), seed)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Two hosts with one socket each.
fn pair(seed: u64, link: Link) -> (Network, SocketAddr, SocketAddr) {
    let mut network = network(seed);
    let a = network.add_host(Host::new().address(ip("192.0.2.1"))).unwrap();
    let b = network.add_host(Host::new().address(ip("192.0.2.2"))).unwrap();
    network.connect(a, b, link);
    let from = network.bind(a, "192.0.2.1:0".parse().unwrap()).unwrap();
    let to = network.bind(b, "192.0.2.2:0".parse().unwrap()).unwrap();
    (network, from, to)
}

/// Lets all arrive; what came when, by its first byte.
fn arrivals(network: &mut Network) -> Vec<(Duration, u8)> {
    let mut seen = Vec::new();
    while let Some(at) = network.next_arrival() {
        network.advance(at);
        while let Some(arrival) = network.poll_arrival() {
            seen.push((network.elapsed(), arrival.payload[0]));
        }
    }
    seen
}

/// Sends so many, 1 ms apart. Nothing arrives meanwhile if the link takes longer than that.
fn send_many(network: &mut Network, from: SocketAddr, to: SocketAddr, count: u8) {
    for number in 0..count {
        network.send(from, to, vec![number].into());
        network.advance(network.now() + ms(1));
    }
}

#[test]
fn a_datagram_takes_the_delay_of_the_link_exactly() {
    let (mut network, from, to) = pair(1, Link::new(ms(25)));
    let sent = network.now();
    network.send(from, to, "x".into());
    assert_eq!(network.log()[0].fate, Fate::InFlight { due: sent + ms(25) });
    assert_eq!(network.counters().in_flight(), 1);
    network.advance(sent + ms(25) - Duration::from_nanos(1));
    assert_eq!(network.poll_arrival(), None);
    network.advance(sent + ms(25));
    let arrival = network.poll_arrival().unwrap();
    assert_eq!((arrival.local, arrival.from, &arrival.payload[..]), (to, from, &b"x"[..]));
    assert_eq!(network.log()[0].fate, Fate::Delivered { at: sent + ms(25) });
    assert_eq!((network.counters().delivered, network.counters().in_flight()), (1, 0));
}

#[test]
fn jitter_delays_and_keeps_the_order() {
    let (mut network, from, to) = pair(7, Link::new(ms(300)).jitter(ms(2)));
    send_many(&mut network, from, to, 200);
    let seen = arrivals(&mut network);
    assert_eq!(seen.iter().map(|&(_, number)| number).collect::<Vec<_>>(), (0..200).collect::<Vec<_>>());
    let delays: Vec<_> = seen.iter().map(|&(at, number)| at - ms(number.into())).collect();
    assert!(delays.iter().all(|delay| (ms(300)..=ms(302)).contains(delay)), "{delays:?}");
    let half = Duration::from_micros(500);
    assert!(
        delays.iter().min().unwrap() < &(ms(300) + half) && delays.iter().max().unwrap() > &(ms(302) - half)
    );
}

#[test]
fn loss_duplication_and_reordering_strike_about_as_often_as_they_should() {
    let link = Link::new(ms(10)).loss(0.3).duplicate(0.2).reorder(0.1, ms(5));
    let (mut network, from, to) = pair(3, link);
    for _ in 0..50 {
        send_many(&mut network, from, to, 200);
    }
    arrivals(&mut network);
    let counters = *network.counters();
    assert_eq!(counters.sent, 10_000);
    // 10,000 draws: five standard deviations are less than 250.
    assert!(counters.lost.abs_diff(3_000) < 250, "{counters:?}");
    assert!(counters.copies.abs_diff(1_400) < 250, "{counters:?}");
    assert!(counters.held_back.abs_diff(700) < 250, "{counters:?}");
    assert_eq!(counters.delivered, counters.sent + counters.copies - counters.lost);
    assert_eq!(network.log().len(), 10_000 + usize::try_from(counters.copies).unwrap());
    let copies = network.log().iter().filter(|record| record.copy).count();
    assert_eq!(copies as u64, counters.copies);
}

#[test]
fn a_datagram_held_back_is_overtaken() {
    let (mut network, from, to) = pair(1, Link::new(ms(300)).reorder(0.2, ms(5)));
    send_many(&mut network, from, to, 50);
    let seen = arrivals(&mut network);
    let late: Vec<_> = seen.iter().filter(|&&(at, number)| at == ms(u64::from(number) + 305)).collect();
    let in_time = seen.iter().filter(|&&(at, number)| at == ms(u64::from(number) + 300)).count();
    assert_eq!(late.len() as u64, network.counters().held_back);
    assert_eq!(late.len() + in_time, 50);
    assert!(seen.windows(2).any(|two| two[0].1 > two[1].1));
}

#[test]
fn chance_in_one_respect_is_not_moved_by_another() {
    let lost = |link: Link| -> Vec<bool> {
        let (mut network, from, to) = pair(11, link);
        send_many(&mut network, from, to, 100);
        network.log().iter().filter(|record| !record.copy).map(|record| record.fate == Fate::Lost).collect()
    };
    let plain = lost(Link::new(ms(1)).loss(0.3));
    assert!(plain.contains(&true));
    assert_eq!(plain, lost(Link::new(ms(9)).loss(0.3).jitter(ms(3)).duplicate(0.5).reorder(0.5, ms(2))));
}

#[test]
fn what_cannot_arrive_says_why() {
    let (mut network, from, to) = pair(1, Link::default());
    let unbound = SocketAddr::new(from.ip(), 9);
    network.send(unbound, to, "a".into());
    network.send(from, "192.0.2.9:9".parse().unwrap(), "b".into());
    network.send(from, "[2001:db8::1]:9".parse().unwrap(), "c".into());
    network.send(from, SocketAddr::new(to.ip(), 9), "d".into());
    network.send("198.51.100.1:9".parse().unwrap(), to, "e".into());
    assert_eq!(arrivals(&mut network), []);
    let fates: Vec<_> = network.log().iter().map(|record| record.fate).collect();
    let at = network.now();
    assert_eq!(fates, [Fate::NoSource, Fate::NoRoute, Fate::NoRoute, Fate::NoSocket { at }, Fate::NoSource]);
    let expected =
        Counters { sent: 5, bytes_sent: 5, no_source: 2, no_route: 2, no_socket: 1, ..Counters::default() };
    assert_eq!(*network.counters(), expected);
}

#[test]
fn what_is_on_its_way_to_a_closed_socket_finds_nobody() {
    let (mut network, from, to) = pair(1, Link::new(ms(5)));
    network.send(from, to, "x".into());
    assert!(network.close(to));
    assert_eq!(arrivals(&mut network), []);
    assert_eq!(network.counters().no_socket, 1);
}

#[test]
fn the_path_between_addresses_counts_before_the_link_of_their_hosts() {
    let mut network = network(1);
    let a = network.add_host(Host::new().address(ip("192.0.2.1")).address(ip("198.51.100.1"))).unwrap();
    let b = network.add_host(Host::new().address(ip("192.0.2.2"))).unwrap();
    let to = network.bind(b, "192.0.2.2:9".parse().unwrap()).unwrap();
    let own = network.bind(a, "192.0.2.1:9".parse().unwrap()).unwrap();
    let good = network.bind(a, "198.51.100.1:9".parse().unwrap()).unwrap();
    network.set_default_link(Link::new(ms(30)));
    network.send(own, good, "0".into());
    network.send(good, to, "3".into());
    network.connect(a, b, Link::new(ms(20)));
    network.send(good, to, "2".into());
    network.set_link(b, a, Link::new(ms(25)));
    network.send(to, good, "5".into());
    network.set_path(own.ip(), to.ip(), Link::cut());
    network.send(own, to, "x".into());
    network.send(to, own, "6".into());
    // "2" was sent after "3" on the same path and does not overtake it.
    let expected = [(ms(0), b'0'), (ms(25), b'5'), (ms(25), b'6'), (ms(30), b'3'), (ms(30), b'2')];
    assert_eq!(arrivals(&mut network), expected);
    assert_eq!(network.counters().lost, 1);
}

#[test]
fn a_link_local_address_has_the_scope_of_the_host_that_sees_it() {
    let mut network = network(1);
    let a = network.add_host(Host::new().address(ip("fe80::1"))).unwrap();
    let other = Host::new().interface("lo").interface("eth0").address(ip("fe80::2"));
    let b = network.add_host(other).unwrap();
    let from = network.bind(a, "[fe80::1%1]:7".parse().unwrap()).unwrap();
    let to = network.bind(b, "[fe80::2%2]:7".parse().unwrap()).unwrap();
    network.send(from, "[fe80::2%1]:7".parse().unwrap(), "x".into());
    let arrival = network.poll_arrival().unwrap();
    assert_eq!((arrival.host, arrival.local, arrival.from), (b, to, "[fe80::1%2]:7".parse().unwrap()));
}

#[test]
fn every_address_has_one_owner() {
    let (mut network, from, _) = pair(1, Link::default());
    let taken = Host::new().address(from.ip());
    assert_eq!(network.add_host(taken.clone()), Err(AddressInUse(from.ip())));
    assert_eq!(network.replace_host(HostId(1), taken), Err(AddressInUse(from.ip())));
    let twice = Host::new().address(ip("2001:db8::1")).address(ip("2001:db8::1"));
    assert_eq!(network.add_host(twice), Err(AddressInUse(ip("2001:db8::1"))));
    // A host may keep its own, and what it gives up is free.
    let moved = Host::new().address(ip("2001:db8::1")).address(from.ip());
    network.replace_host(HostId(0), moved.clone()).unwrap();
    assert_eq!(network.host(HostId(0)), Some(&moved));
    assert_eq!(network.bind(HostId(0), from), Err(BindError::InUse(from.port())), "its socket lives on");
    network.replace_host(HostId(0), Host::new()).unwrap();
    network.add_host(Host::new().address(from.ip())).unwrap();
}

#[test]
fn without_a_log_all_is_counted_still() {
    let (mut network, from, to) = pair(1, Link::default());
    network.keep_log(false);
    network.send(from, to, "x".into());
    assert_eq!(arrivals(&mut network).len(), 1);
    assert_eq!((network.log().len(), network.counters().delivered), (0, 1));
}

#[test]
fn a_rate_spreads_datagrams_out_and_a_full_queue_drops_them() {
    // 100 bytes a packet with its headers, 80,000 bits a second: 10 ms each. Three wait besides the one being sent.
    let (mut network, from, to) = pair(1, Link::new(ms(5)).rate(80_000, 400));
    for number in 0..6 {
        network.send(from, to, vec![number; 72].into());
    }
    let expected = [(ms(15), 0), (ms(25), 1), (ms(35), 2), (ms(45), 3)];
    assert_eq!(arrivals(&mut network), expected);
    assert_eq!(network.counters().queue_full, 2);
    assert_eq!(network.log()[5].fate, Fate::QueueFull);
    network.send(from, to, vec![9; 72].into());
    assert_eq!(arrivals(&mut network), [(ms(60), 9)], "the queue is empty again, and 45 ms have passed");
}

#[test]
fn a_rate_holds_for_each_direction_by_itself() {
    let (mut network, from, to) = pair(1, Link::new(ms(0)).rate(80_000, 400));
    network.send(from, to, vec![1; 72].into());
    network.send(to, from, vec![2; 72].into());
    assert_eq!(arrivals(&mut network), [(ms(10), 1), (ms(10), 2)]);
}

#[test]
fn what_is_larger_than_the_mtu_with_its_headers_is_dropped() {
    let (mut network, from, to) = pair(1, Link::default().mtu(1_280));
    network.send(from, to, vec![1; 1_252].into());
    network.send(from, to, vec![2; 1_253].into());
    assert_eq!(arrivals(&mut network), [(ms(0), 1)]);
    assert_eq!((network.counters().too_large, network.log()[1].fate), (1, Fate::TooLarge));
}

#[test]
fn a_burst_takes_datagrams_that_follow_each_other() {
    let (mut network, from, to) = pair(5, Link::new(ms(300)).bursts(Bursts::counted(0.2, 10.0)));
    for _ in 0..100 {
        send_many(&mut network, from, to, 200);
    }
    let lost: Vec<_> = network.log().iter().map(|record| record.fate == Fate::Lost).collect();
    let count = lost.iter().filter(|lost| **lost).count();
    assert!((3_300..4_700).contains(&count), "{count} of 20,000");
    let runs = lost.windows(2).filter(|two| !two[0] && two[1]).count();
    assert!((300..520).contains(&runs), "{runs} runs");
}

/// Two hosts with the same address behind a NAT each, and a public one.
fn homes(network: &mut Network, nats: [Nat; 2]) -> [(HostId, SocketAddr, Realm); 2] {
    nats.map(|nat| {
        let realm = network.add_realm(Realm::INTERNET, nat).unwrap();
        let host = network.add_host(Host::new().within(realm).address(ip("192.168.1.2"))).unwrap();
        (host, network.bind(host, "192.168.1.2:5000".parse().unwrap()).unwrap(), realm)
    })
}

fn nat(external: &str) -> Nat {
    Nat::new([ip(external)])
}

#[test]
fn hosts_behind_nats_may_have_the_same_address_and_hear_each_other_through_them() {
    let mut network = network(1);
    let homes = homes(&mut network, [nat("203.0.113.1"), nat("203.0.113.2")]);
    let [(a, at_a, home_a), (b, at_b, _)] = homes;
    network.set_default_link(Link::new(ms(20)));
    network.send_by(b, at_b, "203.0.113.1:5000".parse().unwrap(), "0".into());
    network.send_by(a, at_a, "203.0.113.2:5000".parse().unwrap(), "1".into());
    network.advance(network.next_arrival().unwrap());
    let arrival = network.poll_arrival().unwrap();
    assert_eq!((arrival.host, arrival.local, arrival.from.to_string()), (a, at_a, "203.0.113.2:5000".into()));
    let arrival = network.poll_arrival().unwrap();
    assert_eq!((arrival.host, arrival.from.to_string()), (b, "203.0.113.1:5000".into()));
    assert_eq!(network.elapsed(), ms(20));
    let record = &network.log()[1];
    let seen = Seen { host: b, from: arrival.from, to: at_b };
    assert_eq!((record.sender, record.from, record.arrival), (Some(a), at_a, Some(seen)));
    let mapped: Vec<_> = network.mappings(home_a).map(|mapped| mapped.external.to_string()).collect();
    assert_eq!(mapped, ["203.0.113.1:5000"]);
    // What means somebody else at home does not leave home: here it is the host itself.
    network.send_by(a, at_a, at_b, "self".into());
    assert_eq!(network.poll_arrival().unwrap().host, a);
}

#[test]
fn a_nat_that_is_switched_off_forgets_and_one_that_is_renumbered_is_elsewhere() {
    let mut network = network(1);
    let nats = [nat("203.0.113.1"), nat("203.0.113.2")];
    let [(a, at_a, home), (b, at_b, _)] = homes(&mut network, nats);
    let mapped_b: SocketAddr = "203.0.113.2:5000".parse().unwrap();
    network.send_by(b, at_b, "203.0.113.1:5000".parse().unwrap(), "0".into());
    assert_eq!(network.poll_arrival(), None, "nothing was mapped yet");
    let seen_from = |network: &mut Network| {
        network.send_by(a, at_a, mapped_b, "1".into());
        network.poll_arrival().map(|arrival| arrival.from.to_string())
    };
    assert_eq!(seen_from(&mut network).as_deref(), Some("203.0.113.1:5000"));
    network.forget_mappings(home);
    assert_eq!(network.mappings(home).count(), 0);
    assert_eq!(network.renumber(home, [ip("203.0.113.2")]), Err(AddressInUse(ip("203.0.113.2"))));
    assert_eq!(seen_from(&mut network).as_deref(), Some("203.0.113.1:5000"));
    network.renumber(home, [ip("203.0.113.9")]).unwrap();
    assert_eq!(seen_from(&mut network).as_deref(), Some("203.0.113.9:5000"));
    network.send_by(b, at_b, "203.0.113.1:5000".parse().unwrap(), "2".into());
    assert_eq!(network.log().last().unwrap().fate, Fate::NoRoute);
}

#[test]
fn a_nat64_translates_between_the_families_and_lets_ipv6_pass() {
    let mut network = network(1);
    let prefix = floe_core::Nat64Prefix::WELL_KNOWN;
    let inside = network.add_realm(Realm::INTERNET, nat("203.0.113.1").nat64(prefix)).unwrap();
    let phone = network.add_host(Host::new().within(inside).address(ip("2001:db8::1"))).unwrap();
    let old = network.add_host(Host::new().address(ip("192.0.2.1"))).unwrap();
    let new = network.add_host(Host::new().address(ip("2001:db8::2"))).unwrap();
    let mut bind = |host, at: &str| network.bind(host, at.parse().unwrap()).unwrap();
    let (at_phone, at_old, at_new) =
        (bind(phone, "[2001:db8::1]:5000"), bind(old, "192.0.2.1:9"), bind(new, "[2001:db8::2]:9"));
    let mut send = |host, from, to: &str| {
        network.send_by(host, from, to.parse().unwrap(), "1".into());
        network.poll_arrival().map(|arrival| (arrival.host, arrival.from.to_string()))
    };
    assert_eq!(send(phone, at_phone, "[64:ff9b::192.0.2.1]:9"), Some((old, "203.0.113.1:5000".into())));
    assert_eq!(send(old, at_old, "203.0.113.1:5000"), Some((phone, "[64:ff9b::c000:201]:9".into())));
    assert_eq!(send(phone, at_phone, "[2001:db8::2]:9"), Some((new, "[2001:db8::1]:5000".into())));
    assert_eq!(send(new, at_new, "[2001:db8::1]:5000"), Some((phone, "[2001:db8::2]:9".into())));
    assert_eq!(send(phone, at_phone, "192.0.2.1:9"), None, "no host has both families in one datagram");
    assert_eq!(send(phone, at_phone, "[2001:db8:64::192.0.2.1]:9"), None, "another prefix is nobody's");
    // An external address of its own turns back, and the source is behind the prefix as well.
    let back = send(phone, at_phone, "[64:ff9b::203.0.113.1]:5000");
    assert_eq!(back, Some((phone, "[64:ff9b::cb00:7101]:5000".into())));
}

#[test]
fn a_chain_of_nats_maps_and_turns_back_where_it_can() {
    let mut network = network(1);
    let carrier = network.add_realm(Realm::INTERNET, nat("203.0.113.1")).unwrap();
    let ends = ["100.64.0.1", "100.64.0.2"].map(|external| {
        let home = network.add_realm(carrier, nat(external)).unwrap();
        let host = network.add_host(Host::new().within(home).address(ip("10.0.0.1"))).unwrap();
        (host, network.bind(host, "10.0.0.1:5000".parse().unwrap()).unwrap())
    });
    let server = network.add_host(Host::new().address(ip("192.0.2.1"))).unwrap();
    let server = network.bind(server, "192.0.2.1:3478".parse().unwrap()).unwrap();
    let mapped = ends.map(|(host, at)| {
        network.send_by(host, at, server, "?".into());
        network.poll_arrival().unwrap().from
    });
    assert_eq!(mapped.map(|at| at.to_string()), ["203.0.113.1:5000", "203.0.113.1:1024"]);
    network.send_by(ends[0].0, ends[0].1, mapped[1], "!".into());
    let arrival = network.poll_arrival().unwrap();
    assert_eq!((arrival.host, arrival.from), (ends[1].0, mapped[0]), "it turned back at the carrier");
    network.send_by(ends[0].0, ends[0].1, "100.64.0.2:5000".parse().unwrap(), "!".into());
    let arrival = network.poll_arrival().unwrap();
    assert_eq!(arrival.from.to_string(), "100.64.0.1:5000", "it did not go up to the carrier's NAT");
}

#[test]
fn access_links_add_to_the_way_and_turning_back_avoids_them() {
    let mut network = network(1);
    let [(a, at_a, home_a), (b, at_b, home_b)] =
        homes(&mut network, [nat("203.0.113.1"), nat("203.0.113.2")]);
    network.set_default_link(Link::new(ms(20)));
    network.set_access(home_a, Link::new(ms(3)), Link::new(ms(5)));
    network.set_access(home_b, Link::new(ms(7)), Link::new(ms(1)));
    network.set_realm_link(home_a, Link::new(ms(2)));
    network.send_by(b, at_b, "203.0.113.1:5000".parse().unwrap(), "x".into());
    assert_eq!(arrivals(&mut network), [], "20 + 7 ms to the NAT, and 5 ms more");
    assert_eq!(network.elapsed(), ms(32));
    network.send_by(a, at_a, "203.0.113.2:5000".parse().unwrap(), "0".into());
    assert_eq!(arrivals(&mut network), [(ms(32 + 3 + 20 + 1), b'0')]);
    network.send_by(a, at_a, "203.0.113.1:5000".parse().unwrap(), "1".into());
    assert_eq!(arrivals(&mut network).len(), 1);
    assert_eq!(network.elapsed(), ms(56 + 2), "what turns back takes the link of the realm");
}

#[test]
fn firewalls_keep_out_what_nobody_asked_for_and_in_what_may_not_leave() {
    let mut network = network(1);
    let server = network.add_host(Host::new().address(ip("192.0.2.1"))).unwrap();
    let [dns, turn] =
        [53, 443].map(|port| network.bind(server, SocketAddr::new(ip("192.0.2.1"), port)).unwrap());
    let mut guarded = |n: u8, firewall: Firewall| {
        let realm = network.add_realm(Realm::INTERNET, firewall).unwrap();
        let at = SocketAddr::new(IpAddr::from([198, 51, 100, n]), 9);
        let host = network.add_host(Host::new().within(realm).address(at.ip())).unwrap();
        (realm, network.bind(host, at).unwrap())
    };
    let firewalls = [Firewall::no_inbound(), Firewall::to_ports([443]), Firewall::no_udp()];
    let [(_, open), (_, ports), (last, closed)] =
        [1, 2, 3].map(|n| guarded(n, firewalls[usize::from(n) - 1].clone()));
    let mut passes = |from, to| {
        network.send(from, to, "x".into());
        network.poll_arrival().is_some()
    };
    assert!(!passes(dns, open) && passes(open, dns) && passes(dns, open) && !passes(turn, open));
    assert!(!passes(ports, dns) && !passes(dns, ports) && passes(ports, turn) && passes(turn, ports));
    assert!(!passes(closed, turn) && !passes(turn, closed));
    let at = network.now();
    assert_eq!(network.log().last().unwrap().fate, Fate::Blocked { realm: last, at });
    assert_eq!(network.counters().blocked, 6);
    network.advance(at + Duration::from_secs(120));
    network.send(dns, open, "late".into());
    assert_eq!(network.poll_arrival(), None, "the flow has expired");
}

#[test]
fn a_telephone_has_one_address_in_each_of_two_realms() {
    let mut network = network(1);
    let home = network.add_realm(Realm::INTERNET, nat("203.0.113.1")).unwrap();
    let mobile = network.add_realm(Realm::INTERNET, nat("203.0.113.2")).unwrap();
    let telephone = Host::new().interface("wlan0").within(home).address(ip("192.168.1.2"));
    let telephone = telephone.interface("rmnet0").within(mobile).address(ip("10.0.0.2"));
    let telephone = network.add_host(telephone).unwrap();
    let server = network.add_host(Host::new().address(ip("192.0.2.1"))).unwrap();
    let server = network.bind(server, "192.0.2.1:9".parse().unwrap()).unwrap();
    let seen = ["192.168.1.2:1", "10.0.0.2:1"].map(|at| {
        let at = network.bind(telephone, at.parse().unwrap()).unwrap();
        network.send(at, server, "x".into());
        network.poll_arrival().unwrap().from.to_string()
    });
    assert_eq!(seen, ["203.0.113.1:1", "203.0.113.2:1"]);
}

#[test]
fn ipv6_passes_a_gateway_untouched_that_translates_ipv4_only() {
    let mut network = network(1);
    let gateway = Gateway::nat(nat("203.0.113.1")).firewall(Firewall::no_inbound());
    let home = network.add_realm(Realm::INTERNET, gateway).unwrap();
    let host = Host::new().within(home).address(ip("192.168.1.2")).address(ip("2001:db8:1::2"));
    let host = network.add_host(host).unwrap();
    let server = network.add_host(Host::new().address(ip("192.0.2.1")).address(ip("2001:db8::1"))).unwrap();
    let taken = Host::new().address(ip("2001:db8:1::2"));
    assert_eq!(network.add_host(taken), Err(AddressInUse(ip("2001:db8:1::2"))), "it is known outside");
    let seen =
        [("192.168.1.2:5", "192.0.2.1:9"), ("[2001:db8:1::2]:5", "[2001:db8::1]:9")].map(|(from, to)| {
            let from = network.bind(host, from.parse().unwrap()).unwrap();
            let to = network.bind(server, to.parse().unwrap()).unwrap();
            network.send(to, from, "stranger".into());
            assert_eq!(network.poll_arrival(), None);
            network.send(from, to, "x".into());
            network.poll_arrival().unwrap().from.to_string()
        });
    assert_eq!(seen, ["203.0.113.1:5", "[2001:db8:1::2]:5"]);
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_run_and_nothing_gets_lost_uncounted(
        seed: u64,
        loss in 0.0..1.0,
        duplicate in 0.0..1.0,
        reorder in 0.0..1.0,
        jitter in 0u64..50,
    ) {
        let link = Link::new(ms(10)).jitter(ms(jitter)).loss(loss).duplicate(duplicate).reorder(reorder, ms(20));
        let run = || {
            let (mut network, from, to) = pair(seed, link);
            send_many(&mut network, from, to, 100);
            let seen = arrivals(&mut network);
            prop_assert_eq!(network.counters().in_flight(), 0);
            prop_assert_eq!(network.counters().delivered, seen.len() as u64);
            Ok((seen, *network.counters()))
        };
        prop_assert_eq!(run()?, run()?);
    }
}
