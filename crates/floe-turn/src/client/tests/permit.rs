//! Several permissions asked for by one request (RFC 8656 10.1).

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn public(number: u8) -> IpAddr {
    IpAddr::from([198, 51, 100, number])
}

/// The peers that a CreatePermission names, in order of address.
fn named(request: &[u8]) -> Vec<IpAddr> {
    let message = Message::parse(request).unwrap();
    assert_eq!(message.method(), method::CREATE_PERMISSION);
    let peers = message.attributes().filter(|raw| raw.kind == XorPeerAddress::TYPE);
    let mut peers: Vec<_> = peers
        .map(|raw| XorPeerAddress::decode(raw.value, message.transaction_id()).unwrap().0.ip())
        .collect();
    peers.sort_unstable();
    peers
}

/// One that wants these permitted.
fn wanting(peers: &[IpAddr]) -> Rig {
    let mut rig = Rig::allocated(600);
    for peer in peers {
        rig.client.permit(rig.now, *peer).unwrap();
    }
    rig
}

fn events(rig: &mut Rig) -> Vec<Event> {
    std::iter::from_fn(|| rig.event()).collect()
}

fn permitted(ip: IpAddr) -> Event {
    Event::Permitted { ip }
}

#[test]
fn one_request_asks_for_all_that_wait() {
    let peers = [public(1), public(2), public(3)];
    let mut rig = wanting(&peers);
    let request = rig.grant();
    assert_eq!(named(&request), peers);
    assert_eq!(events(&mut rig), [permitted(public(1)), permitted(public(2)), permitted(public(3))]);
    assert!(!rig.client.has_next());
    // Renewed together, too.
    while !rig.client.has_next() {
        rig.run(seconds(300));
    }
    assert_eq!(named(&rig.grant()), peers);
    assert!(!rig.client.has_next() && events(&mut rig).is_empty());
}

#[test]
fn a_request_asks_for_eight_at_most() {
    let mut rig = wanting(&(1..=10).map(public).collect::<Vec<_>>());
    assert_eq!(named(&rig.grant()).len(), 8);
    assert_eq!(named(&rig.grant()), [public(9), public(10)]);
    assert_eq!(events(&mut rig).len(), 10);
}

#[test]
fn private_peers_are_asked_for_by_themselves_and_after_those_that_are_where_the_relay_is() {
    let private = [ip("10.0.0.7"), ip("100.64.0.7"), ip("192.168.1.7")];
    let mut rig = wanting(&[private[0], public(1), private[1], public(2), private[2]]);
    assert_eq!(named(&rig.slot()), [public(1), public(2)]);
    assert_eq!(named(&rig.slot()), private);
    assert!(!rig.client.has_next());
}

#[test]
fn what_is_refused_together_is_asked_for_one_by_one() {
    let mut rig = wanting(&[public(1), public(2), public(3)]);
    let data = b"held";
    rig.client.send(rig.now, SocketAddr::new(public(3), 7), data).unwrap();
    let request = rig.slot();
    rig.refuse(&request, 403);
    assert_eq!(events(&mut rig), []);
    for (number, allowed) in [(1, true), (2, false), (3, true)] {
        let request = rig.slot();
        assert_eq!(named(&request), [public(number)]);
        if allowed {
            rig.succeed(&request, &[]);
            assert_eq!(rig.event(), Some(permitted(public(number))));
        } else {
            rig.refuse(&request, 403);
            let failed = Event::PermissionFailed { ip: public(number), why: RequestError::Forbidden };
            assert_eq!(rig.event(), Some(failed));
        }
    }
    // What was held for one of them is not lost by the others' refusal.
    assert_eq!(indicated(&rig.slot()).1, data);
    assert!(!rig.client.has_next());
}

#[test]
fn a_peer_that_lapsed_meanwhile_is_not_asked_for_again() {
    let mut rig = wanting(&[public(1), public(2)]);
    let request = rig.slot();
    rig.client.lapse(rig.now, public(1));
    rig.refuse(&request, 403);
    assert_eq!(named(&rig.slot()), [public(2)]);
    assert!(!rig.client.has_next());
}

#[test]
fn a_stale_nonce_has_all_of_them_asked_for_again() {
    let mut rig = wanting(&[public(1), public(2)]);
    let request = rig.slot();
    rig.challenge(&request, ErrorCode::STALE_NONCE, "n2");
    assert_eq!(named(&rig.grant()), [public(1), public(2)]);
    assert_eq!(events(&mut rig).len(), 2);
}

#[test]
fn where_nothing_answers_each_of_them_fails_once() {
    let mut rig = wanting(&[public(1), public(2)]);
    rig.slot();
    for number in [1, 2] {
        let failed = Event::PermissionFailed { ip: public(number), why: RequestError::TimedOut };
        assert_eq!(rig.run_to_event(), failed);
    }
    assert!(!rig.client.has_next());
}

#[test]
fn a_mismatch_loses_the_allocation_once() {
    let mut rig = wanting(&[public(1), public(2)]);
    let request = rig.slot();
    rig.refuse(&request, 437);
    assert_eq!(events(&mut rig), [Event::Lost(RequestError::AllocationMismatch)]);
    assert!(rig.client.is_closed());
}

#[test]
fn what_ended_unanswered_does_not_fail_what_is_asked_for_anew() {
    let mut rig = wanting(&[public(1), public(2)]);
    rig.grant();
    assert_eq!(events(&mut rig).len(), 2);
    // The renewal is not answered, and after 300 s the permissions are over.
    let ended = rig.start + seconds(310);
    while rig.now < ended {
        rig.run_to(ended);
        while rig.client.start_next(rig.now).is_some() {}
        rig.sent();
    }
    events(&mut rig);
    rig.client.permit(rig.now, public(1)).unwrap();
    let request = rig.slot();
    assert_eq!(named(&request), [public(1)]);
    // Nobody waits for the answer to the old one, nor for its end.
    rig.run_to(ended + seconds(35));
    assert_eq!(events(&mut rig), []);
}

#[test]
fn a_server_in_trouble_is_asked_for_all_of_them_again_and_no_more_often_than_for_one() {
    let mut rig = wanting(&[public(1), public(2)]);
    let mut asked = 0;
    while events(&mut rig).is_empty() {
        assert!(asked < 10, "without end");
        asked += 1;
        let request = rig.slot();
        assert_eq!(named(&request), [public(1), public(2)]);
        rig.refuse(&request, 500);
        while !rig.client.has_next() && rig.client.out.len() == 0 {
            rig.run(seconds(60));
        }
    }
    assert_eq!(asked, 5, "five times in all");
}
