//! The gatherer, by what goes in and what comes out.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests need a first instant; their helpers may panic too"
)]

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use floe_core::{
    BaseId, ComponentId, Generation, Interface, InterfaceAddress, LocalCandidate, StreamId, Transport,
};
use floe_gather::{Action, Event, GatherConfig, GatherError, Gatherer, JobId};
use rand::{SeedableRng, rngs::ChaCha20Rng};

const S0: StreamId = StreamId(0);
const S1: StreamId = StreamId(1);
const RTP: ComponentId = ComponentId::RTP;
const RTCP: ComponentId = ComponentId::RTCP;
const G0: Generation = Generation(0);

fn interface(name: &str, index: u32, addresses: &[&str]) -> Interface {
    let address = |text: &&str| {
        let (ip, length) = text.split_once('/').unwrap_or((text, "24"));
        InterfaceAddress::new(ip.parse().unwrap(), length.parse().unwrap())
    };
    Interface { name: name.to_owned(), index, up: true, addresses: addresses.iter().map(address).collect() }
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A gatherer, a clock, and a host that gives every socket the next port.
struct Bench {
    gatherer: Gatherer,
    now: Instant,
    next: u16,
}

/// A socket that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    job: JobId,
    stream: StreamId,
    component: ComponentId,
    address: SocketAddr,
}

impl Bench {
    fn new(config: GatherConfig) -> Self {
        Self { gatherer: Gatherer::new(config, rng()), now: Instant::now(), next: 0 }
    }

    fn start(config: GatherConfig, components: &[(StreamId, ComponentId)], interfaces: &[Interface]) -> Self {
        let mut bench = Self::new(config);
        bench.gatherer.start(bench.now, G0, components);
        bench.update(interfaces);
        bench
    }

    fn update(&mut self, interfaces: &[Interface]) {
        self.gatherer.update_interfaces(self.now, interfaces);
    }

    fn wanted(&mut self) -> Vec<Wanted> {
        let wanted = |action| match action {
            Action::Bind { job, stream, component, address, transport: Transport::Udp } => {
                Wanted { job, stream, component, address }
            }
            other => panic!("unexpected: {other:?}"),
        };
        std::iter::from_fn(|| self.gatherer.poll_action()).map(wanted).collect()
    }

    /// Gives this socket a base and a port.
    fn bind(&mut self, wanted: Wanted) -> BaseId {
        let base = BaseId(self.next.into());
        let mut address = wanted.address;
        address.set_port(50_000 + self.next);
        self.next += 1;
        self.gatherer.bound(self.now, wanted.job, Ok((base, address)));
        base
    }

    fn fail(&mut self, wanted: Wanted) {
        self.gatherer.bound(self.now, wanted.job, Err("permission denied".to_owned()));
    }

    fn bind_all(&mut self) {
        for wanted in self.wanted() {
            self.bind(wanted);
        }
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
        self.gatherer.handle_timeout(self.now);
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.gatherer.poll_event()).collect()
    }

    fn candidates(&mut self) -> Vec<(StreamId, LocalCandidate)> {
        let candidate = |event| match event {
            Event::Candidate { stream, candidate } => Some((stream, candidate)),
            _ => None,
        };
        self.events().into_iter().filter_map(candidate).collect()
    }
}

fn refused(address: &str, interface: &str, why: GatherError) -> Event {
    Event::Refused { address: ip(address), interface: interface.into(), why }
}

fn end() -> Event {
    end_of(S0, G0)
}

fn end_of(stream: StreamId, generation: Generation) -> Event {
    Event::EndOfCandidates { stream, generation }
}

// proves: 8445-5.1.1.1-a
#[test]
fn every_component_gets_a_candidate_on_every_address() {
    let interfaces =
        [interface("eth0", 2, &["192.0.2.1", "2001:db8::1/64"]), interface("eth1", 3, &["198.51.100.1"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    bench.bind_all();
    let candidates = bench.candidates();
    for (stream, component) in [(S0, RTP), (S0, RTCP), (S1, RTP)] {
        let of = candidates.iter().filter(|(of, c)| *of == stream && c.candidate.component() == component);
        let ips: Vec<_> = of.map(|(_, c)| c.candidate.socket_addr().unwrap().ip().to_string()).collect();
        assert_eq!(ips, ["2001:db8::1", "192.0.2.1", "198.51.100.1"], "{stream} {component}");
    }
    assert_eq!(candidates.len(), 9);
    let ports: BTreeSet<_> = candidates.iter().map(|(_, c)| c.base_address.port()).collect();
    assert_eq!(ports.len(), 9, "each on a socket of its own");
}

#[test]
fn a_lone_address_has_the_numbers_of_the_rfc() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP)], &interfaces);
    bench.bind_all();
    let events = bench.events();
    let priorities = events.iter().filter_map(|event| match event {
        Event::Candidate { candidate, .. } => Some(candidate.candidate.priority().get()),
        _ => None,
    });
    assert_eq!(priorities.collect::<Vec<_>>(), [2_130_706_431, 2_130_706_430]);
    assert_eq!(events.last(), Some(&end()));
}

#[test]
fn a_host_candidate_is_its_own_base() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 7, &["fe80::1/64"])]);
    let wanted = bench.wanted();
    assert_eq!(wanted[0].address, "[fe80::1%7]:0".parse().unwrap());
    // The answer may leave the scope out.
    bench.gatherer.bound(bench.now, wanted[0].job, Ok((BaseId(3), "[fe80::1]:5000".parse().unwrap())));
    let (_, candidate) = bench.candidates().remove(0);
    assert_eq!(candidate.base, BaseId(3));
    assert_eq!(candidate.base_address, "[fe80::1%7]:5000".parse().unwrap());
    assert_eq!(candidate.candidate.socket_addr(), Some("[fe80::1]:5000".parse().unwrap()));
    assert_eq!(candidate.candidate.related(), None);
}

// proves: 8421-5-a
#[test]
fn unreliable_interfaces_get_the_lowest_preferences_and_all_differ() {
    let interfaces = [
        interface("tun0", 2, &["2001:db8:8::1/64", "10.8.0.1", "2001:db8:8::2/64", "10.8.0.2", "10.8.0.3"]),
        interface("eth0", 3, &["2001:db8::1/64", "192.0.2.1"]),
        interface("wlan0", 4, &["2001:db8:4::1/64", "198.51.100.1"]),
    ];
    let config = GatherConfig::default().unreliable(["tun0"]);
    let mut bench = Bench::start(config, &[(S0, RTP)], &interfaces);
    bench.bind_all();
    let mut candidates = bench.candidates();
    candidates.sort_by_key(|(_, c)| std::cmp::Reverse(c.candidate.priority()));
    let ips: Vec<_> = candidates.iter().map(|(_, c)| c.base_ip().to_string()).collect();
    let reliable = ["2001:db8::1", "2001:db8:4::1", "192.0.2.1", "198.51.100.1"];
    // Mixed, they would take turns.
    let unreliable = ["2001:db8:8::1", "2001:db8:8::2", "10.8.0.1", "10.8.0.2", "10.8.0.3"];
    assert_eq!(ips, [&reliable[..], &unreliable].concat());
    let priorities: BTreeSet<_> = candidates.iter().map(|(_, c)| c.candidate.priority()).collect();
    assert_eq!(priorities.len(), ips.len());
}

#[test]
fn components_of_an_address_share_its_foundation_and_other_addresses_have_another() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    bench.bind_all();
    let candidates = bench.candidates();
    for (_, one) in &candidates {
        for (_, other) in &candidates {
            let same_base = one.base_ip() == other.base_ip();
            assert_eq!(one.candidate.foundation() == other.candidate.foundation(), same_base);
        }
    }
}

#[test]
fn gathering_waits_for_the_interfaces_and_takes_those_that_came_before() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    let mut after = Bench::new(GatherConfig::default());
    after.gatherer.start(after.now, G0, &[(S0, RTP)]);
    assert!(after.gatherer.is_gathering());
    assert_eq!((after.wanted(), after.events()), (vec![], vec![]));
    after.update(&interfaces);
    assert_eq!(after.wanted().len(), 1);

    let mut before = Bench::new(GatherConfig::default());
    before.update(&interfaces);
    assert!(!before.gatherer.is_gathering());
    assert_eq!((before.wanted(), before.events()), (vec![], vec![]));
    before.gatherer.start(before.now, G0, &[(S0, RTP)]);
    assert_eq!(before.wanted().len(), 1);
}

#[test]
fn with_nothing_usable_the_reasons_come_and_then_the_end() {
    let lo = interface("lo", 1, &["127.0.0.1"]);
    let down = Interface { up: false, ..interface("eth0", 2, &["192.0.2.1"]) };
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &[lo, down]);
    assert_eq!(bench.wanted(), []);
    let loopback = refused("127.0.0.1", "lo", GatherError::Loopback);
    assert_eq!(bench.events(), [loopback, refused("192.0.2.1", "eth0", GatherError::InterfaceDown), end()]);
    assert!(!bench.gatherer.is_gathering());

    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &[]);
    assert_eq!(bench.events(), [end()]);
}

#[test]
fn a_failed_bind_leaves_the_others_alone() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    let wanted = bench.wanted();
    bench.fail(wanted[0]);
    let reason = "permission denied".to_owned();
    let why = GatherError::Bind { stream: S0, component: RTP, reason };
    assert_eq!(bench.events(), [refused("192.0.2.1", "eth0", why)]);
    bench.bind(wanted[1]);
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Candidate { .. }, Event::EndOfCandidates { .. }]), "{events:?}");
}

#[test]
fn a_slow_bind_holds_up_no_other_and_is_given_up_at_its_deadline() {
    let timeout = Duration::from_secs(5);
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    assert_eq!(bench.gatherer.poll_timeout(), Some(bench.now + timeout));
    let wanted = bench.wanted();
    bench.bind(wanted[1]);
    assert_eq!(bench.candidates().len(), 1, "the slow one is asked first, and not waited for");

    bench.advance(timeout - Duration::from_nanos(1));
    assert_eq!(bench.events(), []);
    bench.advance(Duration::from_nanos(1));
    let why = GatherError::BindTimeout { stream: S0, component: RTP, timeout };
    assert_eq!(bench.events(), [refused("192.0.2.1", "eth0", why), end()]);
    assert_eq!(bench.gatherer.poll_timeout(), None);

    let late = bench.bind(wanted[0]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    assert_eq!(bench.events(), []);
}

#[test]
fn every_job_has_a_deadline_of_its_own() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let begun = bench.now;
    bench.advance(Duration::from_secs(4));
    bench.update(&[interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])]);
    assert_eq!(bench.gatherer.poll_timeout(), Some(begun + Duration::from_secs(5)));
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.gatherer.poll_timeout(), Some(begun + Duration::from_secs(9)));
    assert_eq!(bench.events().len(), 1);
}

#[test]
fn an_answer_at_the_deadline_is_late_whichever_call_comes_first() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted()[0];
    bench.now += Duration::from_secs(5);
    let late = bench.bind(wanted);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    assert!(matches!(
        &bench.events()[..],
        [Event::Refused { why: GatherError::BindTimeout { .. }, .. }, Event::EndOfCandidates { .. }]
    ));
}

#[test]
fn a_wait_without_end_has_no_deadline() {
    let config = GatherConfig::default().bind_timeout(Duration::MAX);
    let mut bench = Bench::start(config, &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    assert_eq!(bench.wanted().len(), 1);
    assert_eq!(bench.gatherer.poll_timeout(), None);
}

#[test]
fn within_an_address_lower_components_are_told_first() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    let wanted = bench.wanted();
    let order: Vec<_> = wanted.iter().map(|w| (w.address.ip().to_string(), w.stream, w.component)).collect();
    let (a, b) = ("192.0.2.1".to_owned(), "192.0.2.2".to_owned());
    let expected = [(a.clone(), S0, RTP), (a.clone(), S0, RTCP), (a, S1, RTP)];
    assert_eq!(&order[..3], expected);
    assert_eq!(order[3], (b, S0, RTP));

    bench.bind(wanted[1]);
    assert_eq!(bench.candidates().len(), 0, "component 2 waits for component 1");
    bench.bind(wanted[2]);
    assert_eq!(bench.candidates().len(), 1, "another stream does not");
    bench.bind(wanted[3]);
    assert_eq!(bench.candidates().len(), 1, "nor does another address");
    bench.bind(wanted[0]);
    let components: Vec<_> = bench.candidates().iter().map(|(_, c)| c.candidate.component()).collect();
    assert_eq!(components, [RTP, RTCP]);

    bench.bind(wanted[5]);
    bench.fail(wanted[4]);
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.events().last(), Some(&end()));
}

#[test]
fn a_component_waits_for_a_lower_one_only_until_that_is_given_up() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    for give_up in [Bench::fail, |bench: &mut Bench, _| bench.advance(Duration::from_secs(5))] {
        let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP)], &interfaces);
        let wanted = bench.wanted();
        bench.bind(wanted[1]);
        give_up(&mut bench, wanted[0]);
        let events = bench.events();
        assert!(
            matches!(
                &events[..],
                [Event::Refused { .. }, Event::Candidate { .. }, Event::EndOfCandidates { .. }]
            ),
            "{events:?}"
        );
    }
}

#[test]
fn a_socket_bound_elsewhere_is_refused_and_released() {
    for elsewhere in ["192.0.2.9:5000", "0.0.0.0:5000", "192.0.2.1:0"] {
        let mut bench =
            Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
        let job = bench.wanted()[0].job;
        bench.gatherer.bound(bench.now, job, Ok((BaseId(8), elsewhere.parse().unwrap())));
        let why = GatherError::BoundElsewhere { stream: S0, component: RTP };
        assert_eq!(bench.events(), [refused("192.0.2.1", "eth0", why), end()], "{elsewhere}");
        assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(BaseId(8))));
    }
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted()[0];
    let base = bench.bind(wanted);
    bench.events();
    let again = "192.0.2.1:50000".parse().unwrap();
    bench.gatherer.bound(bench.now, wanted.job, Ok((base, again)));
    bench.gatherer.bound(bench.now, wanted.job, Err("what?".to_owned()));
    assert_eq!(bench.gatherer.poll_action(), None, "the base carries a candidate");
    let other = bench.bind(wanted);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(other)));
    assert_eq!(bench.events(), []);
}

#[test]
fn an_answer_before_the_start_is_released() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted()[0];
    let mut other = Gatherer::new(GatherConfig::default(), rng());
    other.bound(bench.now, wanted.job, Ok((BaseId(1), "192.0.2.1:5000".parse().unwrap())));
    assert_eq!(other.poll_action(), Some(Action::Release(BaseId(1))));
}

#[test]
fn the_same_interfaces_again_do_nothing() {
    let lo = interface("lo", 1, &["127.0.0.1"]);
    let interfaces = [lo, interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    bench.update(&interfaces);
    let wanted = bench.wanted();
    assert_eq!(wanted.len(), 2);
    bench.bind(wanted[0]);
    bench.update(&interfaces);
    bench.fail(wanted[1]);
    bench.update(&interfaces);
    let events = bench.events();
    assert!(
        matches!(
            &events[..],
            [
                Event::Refused { .. },
                Event::Candidate { .. },
                Event::Refused { .. },
                Event::EndOfCandidates { .. }
            ]
        ),
        "{events:?}"
    );
    bench.update(&interfaces);
    assert_eq!((bench.wanted(), bench.events()), (vec![], vec![]));
}

#[test]
fn an_address_that_comes_while_gathering_is_gathered_between_its_neighbours() {
    let mut bench = Bench::start(
        GatherConfig::default(),
        &[(S0, RTP)],
        &[interface("eth0", 2, &["192.0.2.1", "192.0.2.3"])],
    );
    let before = bench.wanted();
    bench.update(&[interface("eth0", 2, &["192.0.2.1", "192.0.2.2", "192.0.2.3"])]);
    let new = bench.wanted();
    assert_eq!(new.iter().map(|w| w.address.ip()).collect::<Vec<_>>(), [ip("192.0.2.2")]);
    for wanted in before.into_iter().chain(new) {
        bench.bind(wanted);
    }
    let priority: Vec<_> = bench.candidates().iter().map(|(_, c)| c.candidate.priority()).collect();
    assert!(priority[0] > priority[2] && priority[2] > priority[1], "{priority:?}");
}

#[test]
fn after_the_end_a_new_address_is_announced_and_not_gathered() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    bench.bind_all();
    assert_eq!(bench.events().last(), Some(&end()));
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    bench.update(&both);
    let appeared = Event::Appeared { address: ip("192.0.2.2"), interface: "eth0".into() };
    assert_eq!((bench.wanted(), bench.events()), (vec![], vec![appeared.clone()]));
    bench.update(&both);
    assert_eq!(bench.events(), []);
    bench.update(&[interface("eth0", 2, &["192.0.2.1"])]);
    bench.update(&both);
    assert_eq!(bench.events(), [appeared]);

    bench.gatherer.start(bench.now, Generation(1), &[(S0, RTP)]);
    assert_eq!(bench.wanted().len(), 2, "a restart gathers it");
}

#[test]
fn an_address_there_was_no_room_for_is_not_new_after_the_end() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default().max_candidates(1), &[(S0, RTP)], &interfaces);
    bench.bind_all();
    let events = bench.events();
    assert_eq!(events[0], refused("192.0.2.2", "eth0", GatherError::TooMany(1)));
    assert_eq!(events.last(), Some(&end()));
    bench.update(&interfaces);
    bench.update(&interfaces);
    assert_eq!(bench.events(), []);
}

#[test]
fn the_candidates_of_an_address_that_is_gone_are_reported() {
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP)], &both);
    bench.bind_all();
    let gone: Vec<_> =
        bench.candidates().into_iter().filter(|(_, c)| c.base_ip() == ip("192.0.2.2")).collect();
    bench.update(&[interface("eth0", 2, &["192.0.2.1"])]);
    let expected: Vec<_> = gone
        .iter()
        .map(|(stream, c)| Event::Vanished {
            stream: *stream,
            component: c.candidate.component(),
            base: c.base,
            address: c.base_address,
        })
        .collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(bench.events(), expected);
    assert_eq!(bench.gatherer.poll_action(), None, "whether to close it is not for the gatherer to say");
    bench.update(&[interface("eth0", 2, &["192.0.2.1"])]);
    assert_eq!(bench.events(), []);
}

#[test]
fn an_address_that_is_deprecated_or_whose_interface_is_down_is_not_gone() {
    let eth0 = interface("eth0", 2, &["192.0.2.1"]);
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], std::slice::from_ref(&eth0));
    bench.bind_all();
    bench.events();
    bench.update(&[Interface { up: false, ..eth0.clone() }]);
    let unusable = InterfaceAddress { unusable: true, ..eth0.addresses[0] };
    bench.update(&[Interface { addresses: vec![unusable], ..eth0 }]);
    assert_eq!(bench.events(), []);
}

#[test]
fn an_address_that_goes_while_its_socket_is_asked_for_is_forgotten() {
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP)], &both);
    let wanted = bench.wanted();
    let held = bench.bind(wanted[3]);
    assert_eq!(wanted[3].component, RTCP);
    bench.update(&[interface("eth0", 2, &["192.0.2.1"])]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(held)), "nobody was told of its candidate");
    let late = bench.bind(wanted[2]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    assert_eq!(bench.events(), []);
    bench.bind(wanted[0]);
    bench.bind(wanted[1]);
    assert_eq!(bench.events().last(), Some(&end()));
}

#[test]
fn a_socket_that_nobody_has_begun_to_bind_is_not_wanted_any_more() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    bench.update(&[]);
    assert_eq!((bench.wanted(), bench.events()), (vec![], vec![end()]));

    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.wanted(), []);
}

#[test]
fn an_address_that_came_back_gets_another_priority() {
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &both);
    let wanted = bench.wanted();
    bench.bind(wanted[0]);
    let first = bench.candidates().remove(0).1.candidate.priority();
    bench.update(&[interface("eth0", 2, &["192.0.2.2"])]);
    bench.update(&both);
    bench.bind_all();
    let second = bench.candidates().remove(0).1.candidate;
    assert_eq!(second.socket_addr().unwrap().ip(), ip("192.0.2.1"));
    assert_ne!(second.priority(), first, "the peer knows the first one, and takes it for what it was");
}

#[test]
fn a_temporary_address_that_comes_takes_the_place_of_what_is_not_told_yet() {
    let lasting = interface("eth0", 2, &["2001:db8::1/64"]);
    let mut both = lasting.clone();
    both.addresses.push(InterfaceAddress { temporary: true, ..InterfaceAddress::new(ip("2001:db8::2"), 64) });
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &[lasting]);
    let asked = bench.wanted()[0];
    bench.update(&[both]);
    let new = bench.wanted();
    assert_eq!(new[0].address.ip(), ip("2001:db8::2"));
    let late = bench.bind(asked);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    bench.bind(new[0]);
    let events = bench.events();
    assert_eq!(events[0], refused("2001:db8::1", "eth0", GatherError::Trackable));
    assert!(matches!(&events[1..], [Event::Candidate { .. }, Event::EndOfCandidates { .. }]), "{events:?}");
}

#[test]
fn there_are_no_more_candidates_than_allowed_and_the_best_stay() {
    let interfaces = [interface("eth0", 2, &["169.254.0.1/16", "192.0.2.1", "192.0.2.2", "192.0.2.3"])];
    let config = GatherConfig::default().max_candidates(5);
    let mut bench = Bench::start(config, &[(S0, RTP), (S0, RTCP), (S1, RTP)], &interfaces);
    let ips: BTreeSet<_> = bench.wanted().iter().map(|wanted| wanted.address.ip()).collect();
    assert_eq!(
        ips,
        [ip("192.0.2.1"), ip("192.0.2.2")].into(),
        "two for each of two components, and a fifth is too few"
    );
    let too_many = |address| refused(address, "eth0", GatherError::TooMany(5));
    assert_eq!(bench.events(), [too_many("169.254.0.1"), too_many("192.0.2.3")]);
}

#[test]
fn a_restart_drops_what_is_unfinished_and_keeps_what_was_told() {
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &both);
    let wanted = bench.wanted();
    let told = bench.bind(wanted[0]);
    assert_eq!(bench.candidates().len(), 1);

    bench.gatherer.start(bench.now, Generation(1), &[(S0, RTP)]);
    let again = bench.wanted();
    assert_eq!(again.len(), 2);
    let late = bench.bind(wanted[1]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(late)));
    bench.bind(again[0]);
    bench.bind(again[1]);
    let events = bench.events();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Candidate { .. })).count(), 2);
    assert_eq!(events.last(), Some(&end_of(S0, Generation(1))));
    assert!(!events.contains(&end()), "a generation that was overtaken has no end");

    bench.update(&[interface("eth0", 2, &["192.0.2.2"])]);
    let vanished: Vec<_> = bench.events().iter().filter_map(vanished_base).collect();
    assert_eq!(vanished.len(), 2, "in both generations");
    assert!(vanished.contains(&told));
}

fn vanished_base(event: &Event) -> Option<BaseId> {
    match event {
        Event::Vanished { base, .. } => Some(*base),
        _ => None,
    }
}

#[test]
fn a_restart_releases_what_nobody_was_told_of() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    let wanted = bench.wanted();
    let untold = bench.bind(wanted[0]);
    bench.gatherer.start(bench.now, Generation(1), &[(S0, RTP)]);
    assert_eq!(bench.gatherer.poll_action(), Some(Action::Release(untold)));
    assert_eq!(bench.events(), []);
    bench.update(&[]);
    assert_eq!(bench.events(), [end_of(S0, Generation(1))]);
}

#[test]
fn nothing_is_told_of_a_base_that_was_closed() {
    let interfaces = [interface("eth0", 2, &["192.0.2.1"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    let wanted = bench.wanted()[0];
    let base = bench.bind(wanted);
    bench.events();
    bench.gatherer.forget(base);
    bench.update(&[]);
    assert_eq!(bench.events(), []);
}

#[test]
fn debug_hides_the_addresses() {
    let interfaces = [interface("eth0", 2, &["192.0.2.77", "2001:db8:77::77/64"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &interfaces);
    let action = format!("{:?}", bench.gatherer.poll_action());
    bench.bind_all();
    let shown = format!("{action} {:?}", bench.gatherer);
    let hidden = ["0.2.77", "db8:77"];
    assert!(shown.contains("eth0") && !hidden.iter().any(|part| shown.contains(part)), "{shown}");
}
