//! What keeps the way to the server open (RFC 8445 11).

use super::*;

fn kept() -> Rig {
    Rig::allocated_with(config().keepalive(seconds(15)), 600)
}

/// The one datagram that left, if it is a keepalive.
fn assert_keepalive(rig: &mut Rig) {
    let sent = rig.sent();
    let [bytes] = &sent[..] else { panic!("{} datagrams", sent.len()) };
    let message = Message::parse(bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Indication, Method::BINDING));
    message.verify_fingerprint().unwrap();
    assert_eq!(bytes.len(), 28, "FINGERPRINT and nothing else");
}

#[test]
fn an_idle_allocation_sends_a_keepalive_every_fifteen_seconds_without_a_slot() {
    let mut rig = kept();
    let mut times = Vec::new();
    while !rig.client.has_next() {
        rig.run(seconds(600));
        times.push(rig.elapsed().as_secs());
        if !rig.client.has_next() {
            assert_keepalive(&mut rig);
        }
    }
    let expected: Vec<u64> = (15..=540).step_by(15).collect();
    assert_eq!(times, expected);
    assert_eq!(method_of(&rig.slot()), method::REFRESH);
}

#[test]
fn whatever_is_sent_puts_the_keepalive_off() {
    let mut rig = kept();
    let silent_until = |rig: &mut Rig, due: u64| {
        rig.run_to(rig.start + seconds(due) - MS);
        assert!(rig.sent().is_empty(), "{due}");
        rig.run(MS);
        assert_keepalive(rig);
    };
    // A request in a slot.
    rig.run(seconds(10));
    rig.client.permit(rig.now, peer().ip()).unwrap();
    rig.grant();
    rig.event();
    silent_until(&mut rig, 25);
    // Data.
    rig.run(seconds(10));
    assert_eq!(rig.client.send(rig.now, peer(), b"x"), Ok(Sent::Relayed));
    assert_eq!(rig.sent().len(), 1);
    // The timer was set before; it finds nothing to do.
    rig.run(seconds(5));
    silent_until(&mut rig, 50);
}

// proves: 8445-11-a
#[test]
fn keepalives_are_no_faster_than_the_standard_lets_them_be() {
    let mut rig = Rig::allocated_with(config().keepalive(seconds(5)), 600);
    rig.run_to(rig.start + seconds(15) - MS);
    assert!(rig.sent().is_empty());
    rig.run(MS);
    assert_keepalive(&mut rig);
}

#[test]
fn there_are_none_before_and_after_the_allocation() {
    let mut rig = Rig::with(config().keepalive(seconds(15)));
    rig.run(seconds(3600));
    assert_eq!(rig.elapsed(), seconds(3600), "nothing has left");
    let mut rig = kept();
    rig.client.close(rig.now);
    let sent = rig.sent();
    rig.refuse(&sent[0], 437);
    assert_eq!(rig.client.poll_timeout(), None);
}
