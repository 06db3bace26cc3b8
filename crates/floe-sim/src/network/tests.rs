//! Links and datagrams.

use proptest::prelude::*;

use super::*;

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
