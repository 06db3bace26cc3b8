//! Servers that misbehave: each ends by name and reason, with few datagrams, and holds up nobody.

use std::time::Duration;

use floe_session::{Event, IceServer};
use floe_stun::{Class, Message, attribute::XorMappedAddress};
use floe_turn::{AddressFamily, Lifetime, RequestedAddressFamily, XorRelayedAddress, method};

use super::{
    bench::Bench,
    script::{MAPPED, REALM, Script, at, challenge, grant, key, refuse, refuses, turn, write},
};
use crate::wire::ms;

const BAD: &str = "198.51.100.1:3478";
const GOOD: &str = "198.51.100.2:3478";
const SILENT: &str = "the allocation failed: the server does not answer";

fn turn_at(address: &str, password: &str) -> IceServer {
    IceServer::turn(at(address), "ann", password)
}

/// What a bad server comes to beside a good one: when and why it fails, and how many datagrams it has had by then.
fn outcome(password: &str, script: Script) -> (u128, String, usize) {
    let servers = [turn_at(BAD, password), turn_at(GOOD, "secret")];
    let [one, other] = [[0, 1], [1, 0]].map(|order| order.map(|n: usize| servers[n].clone()));
    let good = || turn("198.51.100.2:49152", MAPPED);
    let mut bench = Bench::new(one).serve(BAD, script).serve(GOOD, good()).gather();
    let end = bench.run_to_end();
    let told = bench.told();
    let mut candidates: Vec<_> = told.iter().map(|(_, told)| told.as_str()).collect();
    candidates.sort_unstable();
    assert_eq!(candidates, ["host 192.0.2.1:5000", "relay 198.51.100.2:49152", "srflx 203.0.113.1:61000"]);
    // The bad one has its slots like any other, and that is all.
    assert!(told.iter().all(|(when, _)| *when <= 600), "{told:?}");
    let failed = bench.failed();
    let [(when, 0, why)] = &failed[..] else { panic!("{failed:?}") };
    let last = told.iter().map(|(when, _)| *when).max();
    assert_eq!(Some(end.as_millis()), last.max(Some(*when)), "then all is done");
    let sent = bench.sent.iter().filter(|sent| sent.to == at(BAD)).count();

    // Beside one that says nothing at all the good one does as well.
    let mut bench = Bench::new(other).serve(GOOD, good()).gather();
    bench.run_to_end();
    let failed = bench.failed();
    assert!(matches!(&failed[..], [(_, 1, why)] if why == SILENT), "{failed:?}");
    assert!(bench.told().iter().all(|(when, _)| *when <= 200), "{:?}", bench.told());
    (*when, why.clone(), sent)
}

/// The same, of one that fails within a second.
fn at_once(password: &str, script: Script) -> (String, usize) {
    let (when, why, sent) = outcome(password, script);
    assert!(when <= 1000, "{when} ms: {why}");
    (why, sent)
}

fn text(why: &str) -> String {
    format!("the allocation failed: {why}")
}

#[test]
fn a_wrong_password_is_said_to_be_one_after_two_requests() {
    let (why, sent) = at_once("wrong", turn("198.51.100.1:49152", MAPPED));
    assert_eq!((why, sent), (text("the server does not take name and password"), 2));
}

#[test]
fn a_server_with_another_realm_each_time_is_left_alone() {
    let mut n = 0;
    let script = move |request: &Message<'_>| {
        n += 1;
        vec![challenge(request, 401, &format!("realm {n}"), "n")]
    };
    let (why, sent) = at_once("secret", Box::new(script));
    assert_eq!(why, text("the server does not take name and password"));
    assert!(sent <= 5, "{sent}");
}

#[test]
fn a_server_that_calls_every_nonce_stale_is_left_alone() {
    let mut n = 0;
    let script = move |request: &Message<'_>| {
        n += 1;
        vec![challenge(request, if n == 1 { 401 } else { 438 }, REALM, &format!("nonce {n}"))]
    };
    let (why, sent) = at_once("secret", Box::new(script));
    assert_eq!(why, text("the server calls every nonce stale"));
    assert!(sent <= 5, "{sent}");
}

#[test]
fn a_challenge_without_realm_or_nonce_is_said_to_be_one() {
    let (why, sent) = at_once("secret", Box::new(|request| vec![refuse(request, 401, &[])]));
    assert_eq!((why, sent), (text("a challenge without realm or nonce"), 1));
}

#[test]
fn garbage_is_no_answer() {
    let garbage: [&[u8]; 6] =
        [&[], &[0xff; 100], &[1, 2, 3], &[0; 20], &[0x40, 0, 0xff, 0xff], &[0x21; 1500]];
    let script = move |request: &Message<'_>| {
        let mut answers: Vec<_> = garbage.iter().map(|garbage| garbage.to_vec()).collect();
        // A message that is cut, and one that claims to be longer than it is.
        let mut cut = challenge(request, 401, REALM, "n");
        cut.truncate(cut.len() - 4);
        answers.push(cut);
        // The challenge of somebody else's request.
        let mut other = challenge(request, 401, REALM, "n");
        other[8] ^= 1;
        answers.push(other);
        answers
    };
    let (when, why, sent) = outcome("secret", Box::new(script));
    assert_eq!((when, why.as_str(), sent), (39_500, SILENT, 7));
}

#[test]
fn a_success_that_nothing_vouches_for_gives_nothing() {
    let script = |request: &Message<'_>| {
        let relayed = XorRelayedAddress(at("198.51.100.66:6666"));
        let id = request.transaction_id();
        let forged = |attributes: &[&dyn floe_stun::attribute::WriteAttribute]| {
            write(Class::Success, method::ALLOCATE, id, attributes, None)
        };
        let mapped = XorMappedAddress(at("203.0.113.66:6666"));
        vec![forged(&[&relayed, &mapped, &Lifetime::from_seconds(600)])]
    };
    let (when, why, sent) = outcome("secret", Box::new(script));
    assert_eq!((when, sent), (39_500, 7), "whoever forges ends nothing, and is not believed");
    assert_eq!(why, text("only answers came that nothing vouches for"));
}

#[test]
fn a_relayed_address_of_the_wrong_family_is_given_back() {
    let mut deleted = 0;
    let (counted, count) = std::sync::mpsc::channel();
    let script = move |request: &Message<'_>| {
        if request.integrity_kind().is_none() {
            return vec![challenge(request, 401, REALM, "n")];
        }
        if request.method() == method::REFRESH {
            deleted += 1;
            counted.send(deleted).unwrap();
            return vec![grant(request, &[&Lifetime::from_seconds(0)])];
        }
        let relayed = XorRelayedAddress(at("[2001:db8::9]:49152"));
        let mapped = XorMappedAddress(at("203.0.113.1:61000"));
        vec![grant(request, &[&relayed, &mapped, &Lifetime::from_seconds(600)])]
    };
    let (why, _) = at_once("secret", Box::new(script));
    assert_eq!(why, text("the server allocated an address of the other family"));
    assert_eq!(count.try_iter().last(), Some(1), "once");
}

#[test]
fn a_success_that_lacks_its_address_is_said_to_make_no_sense() {
    let script = |request: &Message<'_>| {
        if request.integrity_kind().is_none() {
            return vec![challenge(request, 401, REALM, "n")];
        }
        vec![grant(request, &[&Lifetime::from_seconds(600)])]
    };
    let (why, _) = at_once("secret", Box::new(script));
    assert_eq!(why, text("the answer makes no sense"));
}

#[test]
fn a_relayed_address_that_nobody_can_send_to_is_refused() {
    let senseless = "the allocation failed: the answer makes no sense";
    for (relayed, said) in [
        ("0.0.0.0:49152", senseless),
        ("198.51.100.1:0", senseless),
        ("127.0.0.1:49152", "the address that it names is a loopback address"),
        ("224.0.0.1:49152", senseless),
    ] {
        let mut bench = Bench::relay_only([turn_at(BAD, "secret"), turn_at(GOOD, "secret")])
            .serve(BAD, turn(relayed, MAPPED))
            .serve(GOOD, turn("198.51.100.2:49152", MAPPED))
            .gather();
        bench.run_to_end();
        let failed = bench.failed();
        assert!(matches!(&failed[..], [(_, 0, why)] if why == said), "{relayed}: {failed:?}");
        let told: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
        assert_eq!(told, ["relay 198.51.100.2:49152"]);
    }
}

#[test]
fn a_server_that_forgets_the_allocation_is_named_when_it_says_so() {
    let mut restarted = false;
    let mut works = turn("198.51.100.1:49152", MAPPED);
    let script = move |request: &Message<'_>| {
        restarted |= request.method() == method::REFRESH;
        if restarted && request.method() == method::REFRESH {
            return vec![write(
                Class::Error,
                method::REFRESH,
                request.transaction_id(),
                &[&floe_stun::attribute::ErrorCode::new(437, "Allocation Mismatch")],
                Some(&key()),
            )];
        }
        works(request)
    };
    let mut bench = Bench::new([turn_at(BAD, "secret")]).serve(BAD, Box::new(script)).gather();
    bench.run_to(Duration::from_secs(1200));
    let lost = bench.events.iter().find_map(|(_, event)| match event {
        Event::RelayLost { server, why, .. } => Some((server.0, why.to_string())),
        _ => None,
    });
    assert_eq!(lost, Some((0, "the server has another idea of the allocation".to_owned())));
    assert!(bench.closed.is_empty(), "the host's socket goes on");
}

#[test]
fn a_stun_server_that_is_dead_delays_no_other() {
    let mut bench = Bench::new([IceServer::stun(at(BAD)), IceServer::stun(at(GOOD))])
        .serve(GOOD, turn("198.51.100.2:49152", MAPPED))
        .gather();
    let end = bench.run_to_end();
    assert_eq!((end, bench.failed()), (ms(39_500), vec![(39_500, 0, "no answer".to_owned())]));
    assert_eq!(
        bench.told(),
        [(0, "host 192.0.2.1:5000".to_owned()), (50, "srflx 203.0.113.1:61000".to_owned())]
    );
}

// proves: 8656-7.4-b
#[test]
fn an_error_that_no_remedy_is_for_is_told_as_it_is() {
    for (code, said) in [
        (400, "the server calls the request malformed"),
        (403, "the server forbids it"),
        (441, "the allocation was made with other credentials"),
        (442, "the server does not relay over this transport"),
        (499, "the server answers 499"),
    ] {
        let (why, sent) = at_once("secret", refuses(method::ALLOCATE, code, Vec::new()));
        // The one that is challenged, and the one that is refused.
        assert_eq!((why, sent), (text(said), 2), "{code}");
    }
}

#[test]
fn a_server_without_addresses_of_its_own_family_is_asked_for_the_other() {
    let mut refuses_v4 = refuses(method::ALLOCATE, 440, Vec::new());
    let mut grants_v6 = turn("[2001:db8::1]:49152", MAPPED);
    let script = move |request: &Message<'_>| {
        let family = request.attribute::<RequestedAddressFamily>().unwrap();
        let wants_v6 = family == Some(RequestedAddressFamily(AddressFamily::Ipv6));
        if wants_v6 { grants_v6(request) } else { refuses_v4(request) }
    };
    let mut bench = Bench::new([turn_at(BAD, "secret")]).serve(BAD, Box::new(script)).gather();
    bench.run_to_end();
    let told: Vec<_> = bench.told().into_iter().map(|(_, told)| told).collect();
    assert_eq!(told, ["host 192.0.2.1:5000", "srflx 203.0.113.1:61000", "relay [2001:db8::1]:49152"]);
    assert_eq!(bench.failed(), []);
}
