//! Addresses that come and go while a gatherer gathers, and after that.

use floe_core::{BaseId, Generation, Interface, InterfaceAddress};
use floe_gather::{Action, Event, GatherConfig, GatherError, Start};

use crate::common::*;

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
    let priority: Vec<_> = bench.candidates().iter().map(|c| c.candidate.priority()).collect();
    assert!(priority[0] > priority[2] && priority[2] > priority[1], "{priority:?}");
}

#[test]
fn after_the_end_a_new_address_is_announced_and_not_gathered() {
    let mut bench =
        Bench::start(GatherConfig::default(), &[(S0, RTP)], &[interface("eth0", 2, &["192.0.2.1"])]);
    bench.bind_all();
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));
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
    assert_eq!(events.last(), Some(&end(S0, G0)));
    bench.update(&interfaces);
    bench.update(&interfaces);
    assert_eq!(bench.events(), []);
}

#[test]
fn an_address_that_a_stream_at_its_end_lacks_is_announced_while_another_gathers_it() {
    let mut bench = Bench::ready(with(&[stun(STUN)]), &[(S0, RTP), (S1, RTP)], &["192.0.2.1"]);
    let requests = [bench.request(), bench.request()];
    bench.answer(&requests[0], MAPPED);
    assert!(!bench.gatherer.is_gathering_for(S0) && bench.gatherer.is_gathering_for(S1));
    bench.events();
    bench.update(&eth0(&["192.0.2.1", "192.0.2.2"]));
    let actions = bench.actions();
    assert!(matches!(&actions[..], [Action::Bind { stream: S1, .. }]), "{actions:?}");
    let appeared = Event::Appeared { address: "192.0.2.2".parse().unwrap(), interface: "eth0".into() };
    assert_eq!(bench.events(), [appeared]);
    bench.gatherer.start(bench.now, G1, &[(S0, RTP)]);
    bench.update(&eth0(&["192.0.2.1", "192.0.2.2"]));
    assert_eq!(bench.events(), []);
    let (asked, _): (Vec<_>, Vec<_>) =
        bench.actions().into_iter().partition(|action| matches!(action, Action::Bind { stream: S0, .. }));
    assert_eq!(asked.len(), 2);
}

#[test]
fn the_candidates_of_an_address_that_is_gone_are_reported() {
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP), (S0, RTCP)], &both);
    bench.bind_all();
    let gone: Vec<_> =
        bench.candidates_with_streams().into_iter().filter(|(_, c)| c.base_ip() == ip("192.0.2.2")).collect();
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
    assert_eq!(bench.events().last(), Some(&end(S0, G0)));
}

#[test]
fn an_address_that_came_back_gets_another_priority() {
    let both = [interface("eth0", 2, &["192.0.2.1", "192.0.2.2"])];
    let mut bench = Bench::start(GatherConfig::default(), &[(S0, RTP)], &both);
    let wanted = bench.wanted();
    bench.bind(wanted[0]);
    let first = bench.candidates().remove(0).candidate.priority();
    bench.update(&[interface("eth0", 2, &["192.0.2.2"])]);
    bench.update(&both);
    bench.bind_all();
    let second = bench.candidates().remove(0).candidate;
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
fn with_an_address_all_goes_that_hangs_on_it() {
    let mut bench = Bench::ready(with(&[stun(STUN), turn(TURN)]), &[(S0, RTP)], &["192.0.2.1", "192.0.2.2"]);
    let starts = bench.starts();
    assert_eq!(starts.len(), 4);
    let Start::Allocate { job, base: BaseId(0), .. } = starts[2] else { panic!("{starts:?}") };
    let Start::Allocate { job: other, base: BaseId(1), .. } = starts[3] else { panic!("{starts:?}") };
    let relay = bench.allocate(job, RELAYED, MAPPED);
    assert_eq!(bench.candidates().len(), 4);
    bench.update(&eth0(&["192.0.2.2"]));
    let gone: Vec<_> = bench.events().iter().filter_map(vanished).collect();
    assert_eq!(gone, [BaseId(0), relay]);
    let Start::Send(ref request) = starts[0] else { panic!("{starts:?}") };
    assert!(!bench.handle(request.base, request.to, &success(request, address(MAPPED))));
    bench.advance(ms(500));
    assert!(bench.resent().iter().all(|again| again.base == BaseId(1)));

    bench.gatherer.forget(BaseId(1));
    assert_eq!(bench.events(), [end(S0, G0)], "nothing is left to wait for");
    let late = bench.allocate(other, "198.51.100.2:49153", MAPPED);
    assert_eq!(bench.actions(), [Action::Release(late)]);
    assert_eq!((bench.gatherer.poll_timeout(), bench.next()), (None, None));
}
