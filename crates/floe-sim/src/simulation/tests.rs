//! The order of things.

use std::{collections::VecDeque, net::SocketAddr};

use super::*;
use crate::{BindError, Link};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Writes down all that happens to it, in words, and does what it is told.
#[derive(Debug, Default)]
struct Diary {
    epoch: Option<Instant>,
    entries: Vec<String>,
    actions: VecDeque<Action>,
    deadlines: BTreeSet<Instant>,
    /// Where it sends a datagram when its deadline comes.
    calls: Option<(SocketAddr, SocketAddr)>,
    echoes: bool,
    stuck: bool,
}

impl Diary {
    fn write(&mut self, now: Instant, what: &str) {
        let at = now.duration_since(*self.epoch.get_or_insert(now)).as_millis();
        self.entries.push(format!("{at} {what}"));
    }
}

impl Node for Diary {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
        self.write(now, &format!("got {}", String::from_utf8_lossy(payload)));
        if self.echoes {
            let payload = payload.to_vec().into();
            self.actions.push_back(Action::Send { from: local, to: from, payload });
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn handle_bound(&mut self, now: Instant, tag: u64, result: Result<SocketAddr, BindError>) {
        let port = result.map(|socket| socket.port());
        self.write(now, &format!("bound {tag} {port:?}"));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().copied()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.write(now, "deadline");
        if !self.stuck {
            self.deadlines.pop_first();
        }
        if let Some((from, to)) = self.calls {
            self.actions.push_back(Action::Send { from, to, payload: "call".into() });
        }
    }
}

struct Two {
    simulation: Simulation<Diary>,
    epoch: Instant,
    a: HostId,
    b: HostId,
    at_a: SocketAddr,
    at_b: SocketAddr,
}

#[allow(clippy::disallowed_methods, reason = "an epoch, read once")]
fn two(link: Link) -> Two {
    let epoch = Instant::now();
    let mut simulation = Simulation::new(epoch, 1);
    let diary = || Diary { epoch: Some(epoch), ..Diary::default() };
    let a = simulation.add(Host::new().address("192.0.2.1".parse().unwrap()), diary()).unwrap();
    let b = simulation.add(Host::new().address("192.0.2.2".parse().unwrap()), diary()).unwrap();
    simulation.network_mut().connect(a, b, link);
    let at_a = simulation.network_mut().bind(a, "192.0.2.1:1".parse().unwrap()).unwrap();
    let at_b = simulation.network_mut().bind(b, "192.0.2.2:1".parse().unwrap()).unwrap();
    Two { simulation, epoch, a, b, at_a, at_b }
}

impl Two {
    fn entries(&self, host: HostId) -> Vec<&str> {
        self.simulation.node(host).unwrap().entries.iter().map(String::as_str).collect()
    }
}

#[test]
fn at_one_time_what_arrives_comes_before_a_deadline() {
    let mut two = two(Link::new(ms(10)));
    let deadlines = BTreeSet::from([two.epoch + ms(10), two.epoch + ms(11)]);
    two.simulation.node_mut(two.b).unwrap().deadlines = deadlines;
    two.simulation.network_mut().send(two.at_a, two.at_b, "one".into());
    two.simulation.network_mut().send(two.at_a, two.at_b, "two".into());
    two.simulation.run_for(ms(100)).unwrap();
    assert_eq!(two.entries(two.b), ["10 got one", "10 got two", "10 deadline", "11 deadline"]);
    assert_eq!(two.simulation.elapsed(), ms(100));
}

#[test]
fn plans_and_arrivals_of_one_time_come_in_the_order_of_their_cause() {
    let mut two = two(Link::new(ms(10)));
    let (epoch, b) = (two.epoch, two.b);
    let note = move |word: &'static str| {
        move |simulation: &mut Simulation<Diary>| {
            let now = simulation.now();
            simulation.node_mut(b).unwrap().write(now, word);
        }
    };
    two.simulation.plan(epoch + ms(10), note("first"));
    two.simulation.network_mut().send(two.at_a, two.at_b, "second".into());
    two.simulation.plan(epoch + ms(10), note("third"));
    two.simulation.plan(epoch, note("at once"));
    two.simulation.run_for(ms(50)).unwrap();
    assert_eq!(two.entries(b), ["0 at once", "10 first", "10 got second", "10 third"]);
    two.simulation.plan(epoch, note("late"));
    two.simulation.run_for(ms(0)).unwrap();
    assert_eq!(two.entries(b).last(), Some(&"50 late"), "time does not go back for it");
}

#[test]
fn a_round_trip_without_delay_ends_before_the_deadline_of_the_same_time() {
    let mut two = two(Link::default());
    let (at_a, at_b) = (two.at_a, two.at_b);
    two.simulation.node_mut(two.b).unwrap().echoes = true;
    let a = two.simulation.node_mut(two.a).unwrap();
    a.calls = Some((at_a, at_b));
    a.deadlines = BTreeSet::from([two.epoch + ms(5), two.epoch + ms(5) + Duration::from_nanos(1)]);
    assert_eq!(two.simulation.next_step(), Ok(Some(two.epoch + ms(5))));
    two.simulation.run_for(ms(6)).unwrap();
    assert_eq!(two.entries(two.a), ["5 deadline", "5 got call", "5 deadline", "5 got call"]);
}

#[test]
fn a_node_binds_and_closes_its_sockets() {
    let mut two = two(Link::default());
    let address: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let a = two.simulation.node_mut(two.a).unwrap();
    a.actions.extend([
        Action::Bind { tag: 7, address },
        Action::Bind { tag: 8, address: two.at_a },
        Action::Close(two.at_a),
        Action::Bind { tag: 9, address: two.at_a },
    ]);
    two.simulation.run_for(ms(1)).unwrap();
    assert_eq!(two.entries(two.a), ["0 bound 7 Ok(49152)", "0 bound 8 Err(InUse(1))", "0 bound 9 Ok(1)"]);
}

#[test]
fn it_ends_when_nothing_will_happen_any_more_and_stops_when_told() {
    let mut two = two(Link::new(ms(10)));
    let end = two.epoch + ms(1_000);
    assert_eq!(two.simulation.step(), Ok(None));
    two.simulation.network_mut().send(two.at_a, two.at_b, "x".into());
    let b = two.b;
    let quiet = move |simulation: &Simulation<Diary>| simulation.node(b).unwrap().entries.is_empty();
    assert_eq!(two.simulation.run_while(end, quiet), Ok(true));
    assert_eq!(two.simulation.elapsed(), ms(10));
    assert_eq!(two.simulation.run_while(end, |_| true), Ok(false));
    assert_eq!(two.simulation.elapsed(), ms(10), "nothing moved the clock");
}

#[test]
fn a_node_that_never_rests_is_named() {
    let mut two = two(Link::default());
    let late = two.epoch + ms(3);
    let b = two.simulation.node_mut(two.b).unwrap();
    (b.stuck, b.deadlines) = (true, BTreeSet::from([late]));
    let error = two.simulation.run_for(ms(10)).unwrap_err();
    assert_eq!(error, Spinning { host: two.b, elapsed: ms(3) });
    assert_eq!(error.to_string(), "h1 never comes to rest, 3ms after the start");
}

#[test]
fn two_nodes_that_echo_each_other_for_ever_without_delay_are_found_out() {
    let mut two = two(Link::default());
    for host in [two.a, two.b] {
        two.simulation.node_mut(host).unwrap().echoes = true;
    }
    two.simulation.network_mut().send(two.at_a, two.at_b, "x".into());
    assert!(two.simulation.run_for(ms(10)).is_err());
}

#[test]
fn a_service_of_another_type_runs_beside_the_nodes() {
    /// Answers each datagram a while after it came.
    #[derive(Default)]
    struct Slow(Vec<(Instant, Action)>, VecDeque<Action>);

    impl Node for Slow {
        fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, payload: &[u8]) {
            let payload = payload.to_vec().into();
            self.0.push((now + ms(7), Action::Send { from: local, to: from, payload }));
        }

        fn poll_action(&mut self) -> Option<Action> {
            self.1.pop_front()
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.0.iter().map(|(at, _)| *at).min()
        }

        fn handle_timeout(&mut self, now: Instant) {
            let due = self.0.extract_if(.., |(at, _)| *at <= now);
            self.1.extend(due.map(|(_, action)| action));
        }
    }

    let mut two = two(Link::new(ms(10)));
    two.simulation.serve(two.b, Slow::default());
    two.simulation.network_mut().send(two.at_a, two.at_b, "x".into());
    two.simulation.run_for(ms(100)).unwrap();
    assert_eq!(two.entries(two.a), ["27 got x"]);
    assert!(two.simulation.node(two.b).is_none(), "the node that was there is gone");
}
