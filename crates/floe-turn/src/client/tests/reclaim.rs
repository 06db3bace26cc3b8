//! A success that was lost: the server has an allocation that the client does not know of (RFC 8656 7.4).

use super::*;

/// A rig whose authenticated Allocate was sent twice, and the request.
fn resent() -> (Rig, Vec<u8>) {
    let mut rig = Rig::new();
    let request = rig.challenged();
    rig.run(seconds(1));
    assert_eq!(rig.sent(), std::slice::from_ref(&request));
    (rig, request)
}

/// A rig that gives back what it does not know, the Allocate, and the delete.
fn reclaiming() -> (Rig, Vec<u8>, Vec<u8>) {
    let (mut rig, request) = resent();
    rig.refuse(&request, 437);
    let delete = rig.slot();
    (rig, request, delete)
}

fn allocation() -> [&'static dyn WriteAttribute; 2] {
    static LIFETIME: Lifetime = Lifetime::from_seconds(600);
    static ADDRESS: std::sync::LazyLock<XorRelayedAddress> =
        std::sync::LazyLock::new(|| XorRelayedAddress(relayed()));
    [&*ADDRESS, &LIFETIME]
}

fn id_of(bytes: &[u8]) -> TransactionId {
    Message::parse(bytes).unwrap().transaction_id()
}

#[test]
fn a_437_to_a_repeated_allocate_gives_back_what_was_never_heard_of_and_allocates_anew() {
    let (mut rig, request) = resent();
    rig.refuse(&request, 437);
    assert_eq!(
        (rig.event(), rig.client.is_closed(), rig.sent().len()),
        (None, false, 0),
        "it waits for its slot"
    );
    let delete = rig.slot();
    assert_eq!((method_of(&delete), attribute(&delete)), (method::REFRESH, Some(Lifetime::ZERO)));
    Message::parse(&delete).unwrap().verify_integrity(&key()).unwrap();
    assert!(!rig.client.has_next());
    rig.succeed(&delete, &[&Lifetime::ZERO]);
    let anew = rig.slot();
    assert_eq!(method_of(&anew), method::ALLOCATE);
    assert_ne!(id_of(&anew), id_of(&request));
    rig.succeed(&anew, &allocation());
    assert!(matches!(rig.event(), Some(Event::Allocated(_))));
    assert_eq!((rig.event(), rig.client.has_next()), (None, false));
}

// proves: 8656-8.3-a
#[test]
fn a_delete_whose_answer_was_lost_is_done_when_the_server_says_437() {
    for code in [437, 400, 499] {
        let (mut rig, _, delete) = reclaiming();
        rig.run(seconds(1));
        assert_eq!(rig.sent(), std::slice::from_ref(&delete), "it is repeated");
        rig.refuse(&delete, code);
        assert_eq!(method_of(&rig.slot()), method::ALLOCATE, "{code}");
    }
}

#[test]
fn a_nonce_that_goes_stale_stops_neither_the_delete_nor_the_new_allocate() {
    let (mut rig, _, delete) = reclaiming();
    rig.challenge(&delete, 438, "n2");
    let delete = rig.slot();
    assert_eq!((method_of(&delete), attribute(&delete)), (method::REFRESH, Some(Nonce::new("n2"))));
    rig.succeed(&delete, &[&Lifetime::ZERO]);
    let request = rig.slot();
    rig.challenge(&request, 438, "n3");
    let request = rig.slot();
    assert_eq!(attribute(&request), Some(Nonce::new("n3")));
    rig.succeed(&request, &allocation());
    assert!(rig.client.relay().is_some());
}

#[test]
fn a_late_success_is_the_truth_until_the_delete_is_sent() {
    let (mut rig, request) = resent();
    rig.refuse(&request, 437);
    // The answer to the second copy came first, and once more.
    let again = answer(&request, Class::Error, &[&ErrorCode::new(437, "")], Some(&key()));
    assert_eq!(rig.handle(&again), Handled::Dropped(DropReason::NoTransaction));
    rig.succeed(&request, &allocation());
    assert!(matches!(rig.event(), Some(Event::Allocated(_))));
    assert!(!rig.client.has_next() && rig.sent().is_empty(), "nothing is given back");
    // The refresh is counted from when it was first asked for.
    rig.run(seconds(1000));
    assert_eq!(rig.elapsed(), seconds(540));
}

#[test]
fn a_late_success_is_not_believed_once_the_delete_is_sent() {
    let (mut rig, request, delete) = reclaiming();
    let late = answer(&request, Class::Success, &allocation(), Some(&key()));
    assert_eq!(rig.handle(&late), Handled::Dropped(DropReason::NoTransaction));
    rig.succeed(&delete, &[&Lifetime::ZERO]);
    assert_eq!(rig.handle(&late), Handled::Dropped(DropReason::NoTransaction));
    assert_eq!((rig.event(), rig.client.relay()), (None, None));
    assert_eq!(method_of(&rig.slot()), method::ALLOCATE);
}

#[test]
fn a_late_success_of_no_use_is_given_back_and_ends_it() {
    let (mut rig, request) = resent();
    rig.refuse(&request, 437);
    rig.succeed(&request, &[]);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::Malformed)));
    let sent = rig.sent();
    assert_eq!((sent.len(), method_of(&sent[0]), rig.client.has_next()), (1, method::REFRESH, false));
    rig.refuse(&sent[0], 437);
    assert!(rig.client.is_closed());
    assert_eq!(rig.event(), None);
}

#[test]
fn without_a_slot_it_waits_and_still_takes_the_success_for_as_long_as_the_request_would_live() {
    let (mut rig, request) = resent();
    rig.refuse(&request, 437);
    let end = rig.start + 39_500 * MS;
    rig.run_to(end - MS);
    assert_eq!((rig.elapsed(), rig.client.is_closed()), (39_499 * MS, false));
    let late = answer(&request, Class::Success, &allocation(), Some(&key()));
    rig.now = end;
    rig.client.handle_timeout(end);
    assert_eq!(rig.handle(&late), Handled::Dropped(DropReason::NoTransaction));
    assert_eq!((rig.event(), rig.client.has_next()), (None, true), "it is not given up");
    assert_eq!(method_of(&rig.slot()), method::REFRESH);
}

// proves: 8656-7.4-b
#[test]
fn what_is_somebody_elses_is_left_to_him() {
    let (mut rig, _, delete) = reclaiming();
    rig.refuse(&delete, 441);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::AllocationMismatch)));
    assert!(rig.client.is_closed() && !rig.client.has_next() && rig.client.poll_timeout().is_none());
}

#[test]
fn it_gives_back_three_times_and_then_takes_the_server_at_its_word() {
    let (mut rig, mut request) = resent();
    let mut deletes = 0;
    loop {
        rig.refuse(&request, 437);
        if rig.client.is_closed() {
            break;
        }
        let delete = rig.slot();
        deletes += 1;
        rig.refuse(&delete, 437);
        request = rig.slot();
    }
    assert_eq!((deletes, rig.event()), (3, Some(Event::AllocateFailed(RequestError::AllocationMismatch))));
    assert_eq!((rig.event(), rig.client.size()), (None, 0));
}

#[test]
fn a_437_to_what_was_sent_once_is_doubted_too_since_networks_double_datagrams() {
    let mut rig = Rig::new();
    let request = rig.challenged();
    rig.refuse(&request, 437);
    let delete = rig.slot();
    assert_eq!((method_of(&delete), attribute(&delete)), (method::REFRESH, Some(Lifetime::ZERO)));
    rig.succeed(&delete, &[&Lifetime::ZERO]);
    let anew = rig.slot();
    rig.succeed(&anew, &allocation());
    assert!(matches!(rig.event(), Some(Event::Allocated(_))));
}

#[test]
fn a_437_to_what_has_no_credentials_is_true() {
    let mut rig = Rig::new();
    let request = rig.slot();
    rig.refuse(&request, 437);
    assert_eq!(rig.event(), Some(Event::AllocateFailed(RequestError::AllocationMismatch)));
    assert!(rig.client.is_closed() && !rig.client.has_next());
}

#[test]
fn what_an_earlier_transaction_may_have_allocated_is_ours_too() {
    // The nonce went stale between two copies, of which the first may have been granted.
    let (mut rig, request) = resent();
    rig.challenge(&request, 438, "n2");
    let request = rig.slot();
    rig.refuse(&request, 437);
    assert_eq!(method_of(&rig.slot()), method::REFRESH);
    // A server in trouble may have got half way.
    let mut rig = Rig::new();
    let request = rig.challenged();
    rig.refuse(&request, 500);
    rig.run(seconds(1));
    let request = rig.slot();
    rig.refuse(&request, 437);
    assert_eq!(method_of(&rig.slot()), method::REFRESH);
}

#[test]
fn a_delete_that_nobody_answers_ends_it() {
    let (mut rig, ..) = reclaiming();
    let began = rig.elapsed();
    assert_eq!(rig.run_to_event(), Event::AllocateFailed(RequestError::TimedOut));
    assert_eq!(rig.elapsed() - began, 39_500 * MS);
    assert!(rig.client.is_closed() && rig.client.poll_timeout().is_none());
}

#[test]
fn a_close_at_every_point_gives_back_and_says_nothing_more() {
    for point in 0..4 {
        let (mut rig, request) = resent();
        rig.refuse(&request, 437);
        let mut open = request.clone();
        for step in 0..point {
            match step {
                1 => rig.succeed(&open, &[&Lifetime::ZERO]),
                _ => open = rig.slot(),
            }
        }
        rig.client.close(rig.now);
        assert!(!rig.client.has_next() && !rig.client.is_closed(), "{point}");
        let sent = rig.sent();
        assert_eq!((sent.len(), attribute(&sent[0])), (1, Some(Lifetime::ZERO)), "{point}");
        // What was under way is of the past.
        for bytes in [&request, &open] {
            let late = answer(bytes, Class::Success, &allocation(), Some(&key()));
            assert_eq!(rig.handle(&late), Handled::Dropped(DropReason::NoTransaction), "{point}");
        }
        rig.refuse(&sent[0], 437);
        assert!(rig.client.is_closed() && rig.event().is_none(), "{point}");
        assert_eq!(rig.client.poll_timeout(), None);
    }
}
