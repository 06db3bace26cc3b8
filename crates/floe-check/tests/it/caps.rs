//! How many pairs and candidates there are at most, and which of them stay (RFC 8445 6.1.2.5, RFC 8838 10).

use std::collections::BTreeSet;

use floe_check::{AddRemoteError, CheckConfig};
use floe_core::{PairPriority, Role};

use crate::{common::*, formation::priorities};

/// So many hosts of distinct preference, 10.N.0.x, with foundations of their own.
fn hosts(net: u8, count: u16) -> Vec<Cand> {
    let host = |n: u16| Cand::host(&format!("10.{net}.0.{n}:1000")).preference(1000 + 7 * n);
    (1..=count).map(host).collect()
}

fn best(local: &[Cand], remote: &[Cand], count: usize) -> Vec<PairPriority> {
    let mut all: Vec<_> = local
        .iter()
        .flat_map(|l| remote.iter().map(|r| PairPriority::new(l.priority(), r.priority())))
        .collect();
    all.sort_by(|a, b| b.cmp(a));
    all.truncate(count);
    all
}

// proves: 8445-6.1.2.5-a
#[test]
fn of_400_possible_pairs_the_best_100_stay_in_whatever_order_they_come() {
    let (local, remote) = (hosts(1, 20), hosts(2, 20));
    for (trickle, cap) in [(false, 100), (true, 100), (false, 7), (true, 7)] {
        let config = if cap == 100 { CheckConfig::default() } else { CheckConfig::default().max_pairs(cap) };
        let mut bench = Bench::with(config, &[(S0, &[RTP])]);
        if trickle {
            bench.describe(S0);
        }
        for (one, other) in local.iter().zip(&remote) {
            bench.local(S0, one);
            bench.remote(S0, other);
        }
        if !trickle {
            bench.describe(S0);
        }
        assert_eq!(priorities(&bench), best(&local, &remote, cap), "trickled: {trickle}");
        assert!(bench.set.counters().pairs_over_cap >= 400 - cap as u64);
    }
}

// proves: 8445-6.1.2.5-b
#[test]
fn what_is_cut_is_cut_from_all_lists_alike() {
    for trickle in [false, true] {
        let mut bench = Bench::with(CheckConfig::default(), &[(S0, &[RTP]), (S1, &[RTP])]);
        for (stream, net) in [(S0, 1), (S1, 3)] {
            if trickle {
                bench.describe(stream);
            }
            for (local, remote) in hosts(net, 10).iter().zip(&hosts(net + 1, 10)) {
                bench.local(stream, local);
                bench.remote(stream, remote);
            }
            if !trickle {
                bench.describe(stream);
            }
        }
        for (stream, net) in [(S0, 1), (S1, 3)] {
            let mut kept: Vec<_> =
                bench.pairs().iter().filter(|p| p.stream == stream).map(|p| p.priority).collect();
            kept.sort_by(|a, b| b.cmp(a));
            assert_eq!(kept, best(&hosts(net, 10), &hosts(net + 1, 10), 50), "{stream}, trickled: {trickle}");
        }
    }
}

// proves: 8838-10-c
#[test]
fn a_full_list_gives_up_failed_pairs_first_and_then_worse_ones() {
    let remote = |n: u16| Cand::host(&format!("10.0.0.2:{n}")).preference(n).foundation(&format!("f{n}"));
    let mut bench = Bench::with(CheckConfig::default().max_pairs(3), &[(S0, &[RTP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    for n in [90, 50, 40] {
        bench.remote(S0, &remote(n));
    }
    let check = bench.next();
    assert_eq!(check.to.port(), 90);
    let _ = bench.refuse(&check, 400);
    let ports = |bench: &Bench| {
        bench.pairs().iter().map(|pair| pair.remote.address().port()).collect::<BTreeSet<_>>()
    };
    // The failed one goes, good as it was.
    bench.remote(S0, &remote(30));
    assert_eq!(ports(&bench), BTreeSet::from([30, 40, 50]));
    // Nothing has failed now: a worse one finds no room, a better one takes that of the worst.
    bench.remote(S0, &remote(20));
    assert_eq!(ports(&bench), BTreeSet::from([30, 40, 50]));
    bench.remote(S0, &remote(60));
    assert_eq!(ports(&bench), BTreeSet::from([40, 50, 60]));
    // What is under way stays.
    assert_eq!(bench.all_next().len(), 3);
    bench.remote(S0, &remote(70));
    assert_eq!(ports(&bench), BTreeSet::from([40, 50, 60]));
}

#[test]
fn a_pair_that_the_peer_has_checked_is_not_given_up_before_its_check() {
    let mut bench = Bench::with(CheckConfig::default().max_pairs(3), &[(S0, &[RTP])]);
    let base = bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    for port in [1, 2, 9] {
        bench.remote(S0, &numbered(port));
    }
    bench.checked_from(base, "10.0.0.2:9");
    bench.remote(S0, &numbered(7));
    let ports: BTreeSet<_> = bench.pairs().iter().map(|pair| pair.remote.address().port()).collect();
    // The worst is worth more than it looks; the worst but it is better than the new one.
    assert_eq!(ports, BTreeSet::from([1, 2, 9]));
    bench.remote(S0, &Cand::host("10.0.0.3:3"));
    let ports: BTreeSet<_> = bench.pairs().iter().map(|pair| pair.remote.address().port()).collect();
    assert_eq!(ports, BTreeSet::from([1, 3, 9]));
}

#[test]
fn a_component_whose_pair_made_room_for_another_is_told_so() {
    let mut bench = Bench::with(CheckConfig::default().max_pairs(1), &[(S0, &[RTP, RTCP])]);
    bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.local(S0, &Cand::host("10.0.0.1:1001").rtcp());
    bench.describe(S0);
    bench.remote(S0, &Cand::host("10.0.0.2:2001").rtcp().preference(5));
    bench.drain();
    bench.remote(S0, &Cand::host("10.0.0.2:2000"));
    let changed = |component| floe_check::Event::Changed { stream: S0, component };
    let events = bench.events();
    assert!(events.contains(&changed(RTP)) && events.contains(&changed(RTCP)), "{events:?}");
}

// proves: sec-amplify-a
#[test]
fn ten_thousand_remote_candidates_draw_at_most_a_hundred_checks() {
    let mut bench = Bench::ready(Role::Controlling);
    // All of them point at one victim.
    let mut refused = 0;
    for n in 1..=10_000_u16 {
        let remote = Cand::host(&format!("198.51.100.1:{n}")).preference(n).foundation(&format!("f{n}"));
        refused += usize::from(bench.try_remote(S0, &remote) == Err(AddRemoteError::TooMany(100)));
    }
    assert_eq!((refused, bench.pairs().len()), (9_900, 100));
    let mut sent = bench.all_next().len();
    assert_eq!(sent, 100);
    sent += bench.at(600_000).len();
    assert!(sent <= 700, "seven sends a check: {sent}");
    assert!(!bench.set.has_next());
}

#[test]
fn what_the_peer_can_make_us_remember_is_bounded_even_where_it_signals_what_it_first_checked_from() {
    let config = CheckConfig::default().max_remote_candidates(4).max_peer_reflexive(2);
    let mut bench = Bench::with(config, &[(S0, &[RTP])]);
    let base = bench.local(S0, &Cand::host("10.0.0.1:1000"));
    bench.describe(S0);
    let mut refused = 0;
    for n in 1..=100_u16 {
        let address = format!("10.0.0.2:{n}");
        bench.checked_from(base, &address);
        refused += usize::from(bench.try_remote(S0, &Cand::host(&address)).is_err());
    }
    assert_eq!(refused, 96);
    let remotes: BTreeSet<_> = bench.pairs().iter().map(|pair| pair.remote.socket_addr()).collect();
    assert_eq!(remotes.len(), 6, "four signalled, two learnt");
}
