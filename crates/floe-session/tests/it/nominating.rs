//! Nomination on the wire (RFC 8445 7.1.2, 8.1.1).

use std::time::{Duration, Instant};

use floe_core::{IceOptions, Outlook, ValidPair};
use floe_session::{Choice, ConsentLoss, Event, IceState, Nomination, Policy, Reason, RemoteDescription};
use floe_stun::{Message, attribute::UseCandidate};

use crate::{
    stun::Check,
    wire::{A, B, RTP, STREAM, Sent, Wire, controlled, controlling, ms},
};

fn nominates(sent: &Sent) -> bool {
    let message = Message::parse(&sent.data).unwrap();
    message.attribute::<UseCandidate>().unwrap().is_some()
}

/// B's first address, which every side prefers.
const BETTER: &str = "192.0.2.2";

fn touches_better(sent: &Sent) -> bool {
    [sent.from, sent.to].iter().any(|at| at.ip().to_string() == BETTER)
}

/// The addresses of B that this side selected, in order.
fn selections(wire: &Wire, host: usize) -> Vec<String> {
    let of_b = |event: &Event| match event {
        Event::Selected { local, remote, .. } => {
            let candidate = if host == A { remote } else { local };
            Some(candidate.socket_addr().unwrap().ip().to_string())
        }
        _ => None,
    };
    wire.hosts[host].events.iter().filter_map(|(_, event)| of_b(event)).collect()
}

// proves: 8445-8.1.1-a, 8445-7.1.2-a
#[test]
fn the_controlling_side_nominates_one_pair_by_checking_it_again_and_the_other_side_none() {
    for nomination in [Nomination::Eager, Nomination::Regular] {
        for delay in [0, 10, 80] {
            let wire = Wire::new(controlling().nomination(nomination), controlled()).delay(ms(delay));
            let mut wire =
                wire.addresses(A, &["192.0.2.1", "192.0.2.3"]).addresses(B, &[BETTER, "198.51.100.2"]);
            wire.begin();
            wire.run_until_completed();
            wire.run_for(Duration::from_secs(60));
            let requests = wire.new_requests(A);
            let nominations: Vec<_> = requests.iter().filter(|sent| nominates(sent)).collect();
            let [nomination] = nominations.as_slice() else { panic!("{} nominations", nominations.len()) };
            // The same path was checked before, without the flag.
            let same = |sent: &&Sent| (sent.from, sent.to) == (nomination.from, nomination.to);
            let first = requests.iter().find(same).unwrap();
            assert!(!nominates(first) && first.at < nomination.at);
            assert!(!wire.new_requests(B).iter().any(nominates));
        }
    }
}

// proves: 8445-8.1.1-b
#[test]
fn a_better_path_that_comes_after_the_nomination_is_not_nominated_as_well() {
    let mut wire = Wire::pair().delay(ms(10)).addresses(B, &[BETTER, "198.51.100.2"]);
    wire.passes = Box::new(|sent| !touches_better(sent) || sent.at > Duration::from_secs(2));
    wire.begin();
    wire.run_for(Duration::from_secs(2));
    assert_eq!(selections(&wire, A), ["198.51.100.2"]);
    wire.run_for(Duration::from_secs(120));
    assert_eq!(
        (selections(&wire, A), selections(&wire, B)),
        (vec!["198.51.100.2".into()], vec!["198.51.100.2".into()])
    );
    assert_eq!(wire.new_requests(A).iter().filter(|sent| nominates(sent)).count(), 1);
}

#[test]
fn a_nomination_that_gets_no_answer_gives_way_to_the_next_pair() {
    let mut wire = Wire::pair().delay(ms(10)).addresses(B, &[BETTER, "198.51.100.2"]);
    // The better path dies as soon as it is valid.
    wire.passes = Box::new(|sent| !touches_better(sent) || sent.at < ms(40));
    wire.begin();
    wire.run_for(ms(100));
    assert_eq!(wire.a().state(), IceState::Connected);
    wire.run_until_completed();
    assert_eq!(
        (selections(&wire, A), selections(&wire, B)),
        (vec!["198.51.100.2".into()], vec!["198.51.100.2".into()])
    );
    let nominated: Vec<_> =
        wire.new_requests(A).into_iter().filter(nominates).map(|sent| sent.to.ip()).collect();
    let [better, other] = [BETTER, "198.51.100.2"].map(|at| at.parse::<std::net::IpAddr>().unwrap());
    assert_eq!(nominated, [better, other]);
}

#[test]
fn a_path_lost_while_it_is_nominated_disconnects_when_consent_ends_and_says_why() {
    // More patient than the check that nominates.
    let mut wire = Wire::new(controlling().patience(ms(60_000)), controlled()).delay(ms(10));
    wire.passes = Box::new(|sent| sent.at < ms(40));
    wire.begin();
    wire.run_until(|wire| wire.hosts[A].session.state() == IceState::Disconnected);
    // The nominating check is still being repeated when consent runs out (RFC 7675 5.1).
    let why = Reason::ConsentLost { stream: STREAM, component: RTP, why: ConsentLoss::Expired };
    assert_eq!(wire.a().reason(), Some(&why));
    assert_eq!(wire.a().route(STREAM, RTP), None);
    wire.run_for(Duration::from_secs(60));
    use IceState::{Checking, Connected, Disconnected, Failed};
    assert_eq!(wire.hosts[A].states(), [Checking, Connected, Disconnected, Failed]);
}

/// Both sides know of each other that they announced these options, and nothing else.
fn begin_with(wire: &mut Wire, options: &IceOptions) {
    wire.gather();
    for host in [A, B] {
        let credentials = wire.hosts[1 - host].parameters(STREAM).credentials;
        let description = RemoteDescription::new(credentials).options(options.clone());
        let now = wire.now;
        wire.hosts[host].session.set_remote(now, STREAM, description).unwrap();
    }
    wire.settle();
}

/// The addresses of A that this side selected, in order.
fn selections_of_a(wire: &Wire, host: usize) -> Vec<String> {
    let of_a = |event: &Event| match event {
        Event::Selected { local, remote, .. } => {
            let candidate = if host == A { local } else { remote };
            Some(candidate.socket_addr().unwrap().ip().to_string())
        }
        _ => None,
    };
    wire.hosts[host].events.iter().filter_map(|(_, event)| of_a(event)).collect()
}

// proves: 8445-8.1.1-b
#[test]
fn a_nomination_that_failed_on_its_own_side_only_gives_way_to_the_next_on_both() {
    let (better, other) = ("192.0.2.1", "192.0.2.3");
    let ice2 = IceOptions::new().with(IceOptions::ICE2).unwrap();
    // To a peer of RFC 5245 the best of several nominated pairs is the selected one.
    for (options, selected) in [(ice2, vec![better, other]), (IceOptions::new(), vec![better])] {
        let mut wire = Wire::pair().delay(ms(10)).addresses(A, &[better, other]);
        // The nominating check arrives, no answer to it does. B's own checks of the pair are answered.
        wire.passes = Box::new(move |sent| {
            !(sent.host == B && sent.is_answer() && sent.to.ip().to_string() == better && sent.at > ms(30))
        });
        begin_with(&mut wire, &options);
        wire.run_until_completed();
        assert_eq!(selections_of_a(&wire, B), [better]);
        // Sooner than A closes the socket of the pair that failed, which would decide it in any case.
        wire.run_for(Duration::from_secs(2));
        assert_eq!(selections_of_a(&wire, A), [other]);
        assert_eq!(selections_of_a(&wire, B), selected, "{options}");
    }
}

/// A peer that leaves nominating to the test.
#[derive(Debug)]
struct Never;

impl Policy for Never {
    fn choose(&mut self, _now: Instant, _valid: &[ValidPair], _outlook: &Outlook) -> Choice {
        Choice::Wait
    }
}

/// B gets a check that nominates this address of its own, as an aggressive peer would send it.
fn nominate(wire: &mut Wire, of_b: &str, id: u8) {
    let [theirs, ours] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let check = Check { use_candidate: true, id: [id; 12], ..Check::of(&theirs, &ours) }.write();
    let to = wire.hosts[B].sockets.iter().find(|(_, at)| at.ip().to_string() == of_b);
    let (now, (_, from), (&socket, _)) = (wire.now, wire.hosts[A].socket(), to.unwrap());
    let _ = wire.b().handle_datagram(now, socket, from, &check);
    wire.run_for(ms(100));
}

// proves: 8445-8.1.1-c
#[test]
fn of_several_pairs_that_an_aggressive_peer_nominates_the_best_is_selected() {
    let (worse, worst) = ("198.51.100.2", "203.0.113.2");
    for (order, selected) in [
        (vec![worst, worse, BETTER], vec![worst, worse, BETTER]),
        (vec![worse, worst, BETTER, worse], vec![worse, BETTER]),
        (vec![BETTER, worst, worse], vec![BETTER]),
    ] {
        let mut wire = Wire::new(controlling().policy(Box::new(Never)), controlled()).delay(ms(10));
        wire = wire.addresses(B, &[BETTER, worse, worst]);
        wire.begin();
        wire.run_for(Duration::from_secs(1));
        assert_eq!(wire.b().state(), IceState::Connected);
        for (id, of_b) in (1..).zip(&order) {
            nominate(&mut wire, of_b, id);
        }
        assert_eq!(selections(&wire, B), selected, "nominated {order:?}");
        let route = wire.b().route(STREAM, RTP).unwrap();
        assert_eq!(wire.hosts[B].sockets[&route.socket].ip().to_string(), BETTER);
        wire.run_for(Duration::from_secs(10));
        assert_eq!((wire.b().state(), wire.b().route(STREAM, RTP)), (IceState::Completed, Some(route)));
    }
}

/// B gets a check that nominates this address of A.
fn nominate_from(wire: &mut Wire, of_a: &str, id: u8) {
    let [theirs, ours] = [A, B].map(|host| wire.hosts[host].parameters(STREAM).credentials);
    let check = Check { use_candidate: true, id: [id; 12], ..Check::of(&theirs, &ours) }.write();
    let from = *wire.hosts[A].sockets.values().find(|at| at.ip().to_string() == of_a).unwrap();
    let (now, (socket, _)) = (wire.now, wire.hosts[B].socket());
    let _ = wire.b().handle_datagram(now, socket, from, &check);
    wire.run_for(ms(100));
}

#[test]
fn data_stays_on_its_way_until_the_peer_consents_to_a_pair_that_it_nominates_late() {
    // Two of the other pairs are kept warm, and the last one is not: what consent there is on it ends soon, or at once, or
    // has ended.
    let (first, last) = ("192.0.2.1", "198.51.100.3");
    for late in [18_000, 28_800, 40_000] {
        let mut wire = Wire::new(controlling().policy(Box::new(Never)), controlled()).delay(ms(100));
        wire = wire.addresses(A, &[first, "198.51.100.2", "203.0.113.2", last]);
        let options =
            IceOptions::new().with(IceOptions::ICE2).unwrap().with(IceOptions::RENOMINATION).unwrap();
        begin_with(&mut wire, &options);
        wire.run_for(Duration::from_secs(1));
        nominate_from(&mut wire, first, 1);
        wire.run_for(ms(late));
        let way_of_b = |wire: &Wire| wire.hosts[B].session.route(STREAM, RTP).unwrap().to.ip().to_string();
        assert_eq!(way_of_b(&wire), first);
        // B's question whether it may send there gets no answer yet.
        wire.passes = Box::new(move |sent| !(sent.is_answer() && sent.from.ip().to_string() == last));
        nominate_from(&mut wire, last, 2);
        wire.run_for(Duration::from_secs(1));
        assert_eq!(selections_of_a(&wire, B), [first, last], "{late}");
        assert_eq!(way_of_b(&wire), first, "{late}");
        wire.passes = Box::new(|_| true);
        wire.run_for(Duration::from_secs(2));
        assert_eq!((way_of_b(&wire), wire.b().state()), (last.into(), IceState::Completed), "{late}");
        assert_eq!(
            wire.hosts[B].states(),
            [IceState::Checking, IceState::Connected, IceState::Completed],
            "{late}"
        );
    }
}

#[test]
fn data_does_not_stay_behind_where_the_pair_that_the_peer_nominated_late_has_failed() {
    let (first, last) = ("192.0.2.1", "198.51.100.3");
    let mut wire = Wire::new(controlling().policy(Box::new(Never)), controlled()).delay(ms(10));
    wire = wire.addresses(A, &[first, last]);
    // A second nomination says that the first one has failed over there: nobody renominates here.
    begin_with(&mut wire, &IceOptions::new().with(IceOptions::ICE2).unwrap());
    wire.run_for(Duration::from_secs(1));
    nominate_from(&mut wire, first, 1);
    wire.run_for(Duration::from_secs(40));
    wire.passes = Box::new(move |sent| !(sent.is_answer() && sent.from.ip().to_string() == last));
    nominate_from(&mut wire, last, 2);
    wire.run_for(Duration::from_secs(1));
    assert_eq!(selections_of_a(&wire, B), [first, last]);
    wire.run_for(Duration::from_secs(80));
    let why = wire.b().reason().cloned();
    assert_eq!((wire.b().route(STREAM, RTP), why.is_some()), (None, true), "{:?} {why:?}", wire.b().state());
}
