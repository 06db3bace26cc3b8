//! Role conflicts between two agents that both keep to the rules (RFC 8445 7.3.1.1, 7.2.5.1).

use floe_check::{CheckConfig, Event, ListState};
use floe_core::Role;

use crate::common::*;

/// Two agents in these roles, with `hosts` candidates each; the second one begins `late` milliseconds later.
fn duo(roles: [Role; 2], seed: u64, hosts: u8, late: u64) -> Duo {
    let mut duo = Duo::new(roles.map(|role| CheckConfig::default().role(role)), seed);
    for side in 0..2_usize {
        for n in 1..=hosts {
            let address = format!("10.{}.0.{n}:1000", side + 1);
            duo.host(side, S0, &Cand::host(&address).preference(u16::from(n)));
        }
    }
    duo.signal(0);
    duo.run_until(late);
    duo.signal(1);
    duo.end_of_candidates();
    duo
}

fn changes(duo: &Duo, side: usize) -> usize {
    duo.sides[side].events.iter().filter(|(_, event)| matches!(event, Event::RoleChanged(_))).count()
}

/// Both ended on the same pair, in different roles, and changed them no more than they had to.
fn assert_converged(duo: &Duo, case: &str) {
    assert_eq!(duo.states(), [ListState::Completed; 2], "{case}");
    let [one, other] = duo.roles();
    assert_eq!(one, other.opposite(), "{case}");
    let (left, right) = (duo.selected(0).unwrap(), duo.selected(1).unwrap());
    assert_eq!(left.local.socket_addr(), right.remote.socket_addr(), "{case}");
    assert_eq!(left.remote.socket_addr(), right.local.socket_addr(), "{case}");
    assert_eq!(left.priority, right.priority, "{case}");
    assert!(changes(duo, 0) + changes(duo, 1) <= 1, "{case}: one change settles it");
}

// proves: 8445-7.3.1.1-c
#[test]
fn whatever_roles_they_begin_in_and_whoever_begins_both_end_on_the_same_pair() {
    use Role::{Controlled, Controlling};
    let mut changed = [0_usize; 2];
    for roles in [
        [Controlling, Controlled],
        [Controlled, Controlling],
        [Controlling, Controlling],
        [Controlled, Controlled],
    ] {
        // Eight seeds: the tie-breakers are in both orders.
        for seed in 0..8 {
            for (hosts, late) in [(1, 0), (3, 0), (1, 3), (2, 7), (3, 200)] {
                let mut duo = duo(roles, seed, hosts, late);
                duo.run_until(10_000);
                let case = format!("{roles:?}, seed {seed}, {hosts} hosts, {late} ms late");
                assert_converged(&duo, &case);
                let conflict = roles[0] == roles[1];
                assert_eq!(changes(&duo, 0) + changes(&duo, 1), usize::from(conflict), "{case}");
                changed[0] += changes(&duo, 0);
                changed[1] += changes(&duo, 1);
            }
        }
    }
    assert!(changed[0] > 0 && changed[1] > 0, "each of them had to give way at times: {changed:?}");
}

#[test]
fn a_conflict_is_settled_where_every_fifth_datagram_is_lost() {
    for role in [Role::Controlling, Role::Controlled] {
        for seed in 0..20 {
            let mut duo = duo([role; 2], seed, 2, 0);
            let mut n = seed;
            duo.lost = Box::new(move |_, _| {
                n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (n >> 33) % 5 == 0
            });
            duo.run_until(60_000);
            let case = format!("both {role}, seed {seed}");
            assert_eq!(duo.states(), [ListState::Completed; 2], "{case}");
            assert_eq!(duo.roles()[0], duo.roles()[1].opposite(), "{case}");
            assert!(changes(&duo, 0) <= 2 && changes(&duo, 1) <= 2, "{case}");
        }
    }
}

// proves: 8445-7.1.2-a, 8445-7.1.3-a
#[test]
fn each_check_claims_one_role_and_only_the_controlling_side_nominates() {
    for roles in [[Role::Controlling, Role::Controlled], [Role::Controlling; 2], [Role::Controlled; 2]] {
        for seed in 0..8 {
            let mut duo = duo(roles, seed, 3, 0);
            duo.run_until(10_000);
            let requests = duo.sides.iter().flat_map(|side| &side.sent).map(|(_, seen)| seen);
            let requests: Vec<_> = requests.filter(|seen| seen.username.is_some()).collect();
            // `Seen` itself refuses two roles in one message.
            assert!(requests.iter().all(|check| check.claim.is_some()));
            let nominating: Vec<_> = requests.iter().filter(|check| check.use_candidate).collect();
            assert!(!nominating.is_empty());
            assert!(nominating.iter().all(|check| check.claim.unwrap().0 == Role::Controlling));
        }
    }
}

#[test]
fn the_same_tie_breaker_on_both_sides_is_settled_by_new_ones() {
    // The same seed on both sides draws the same tie-breaker; the bench's peer mirrors it.
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    let (_, tie_breaker) = check.claim.unwrap();
    let mirrored = request(1, Role::Controlling, tie_breaker);
    let (_, answer) = bench.ask(floe_core::BaseId(0), "10.0.0.2:2000", &mirrored);
    assert_eq!(answer.unwrap().error, Some(487));
    // The peer does as we did.
    let _ = bench.refuse(&check, 487);
    let again = bench.next();
    let (role, fresh) = again.claim.unwrap();
    assert_eq!(role, Role::Controlled);
    assert_ne!(fresh, tie_breaker);
    // Both are controlled now, and the new tie-breakers differ.
    let smaller = request(2, Role::Controlled, fresh - 1);
    let (_, answer) = bench.ask(floe_core::BaseId(0), "10.0.0.2:2000", &smaller);
    assert_eq!((answer.unwrap().error, bench.set.role()), (None, Role::Controlling));
}

// proves: sec-487-a
#[test]
fn neither_forged_refusals_nor_a_peer_that_turns_for_ever_make_the_role_flap() {
    let (mut bench, _) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    // A storm of refusals by one who saw the transaction id and does not know the password.
    let before = bench.set.snapshot();
    for _ in 0..1000 {
        for forged in [error(check.id, 487).unsigned(), error(check.id, 487).signed(OWN_PWD)] {
            let _ = bench.take_from(check.base, check.to, &forged.write());
        }
    }
    assert!(bench.set.snapshot() == before);
    assert_eq!(bench.set.role(), Role::Controlling);
    // The peer, who does, asks for the other role each time.
    bench.drain();
    let mut answers = std::collections::BTreeMap::new();
    for n in 0..200_u64 {
        let tie_breaker = if bench.set.role() == Role::Controlling { u64::MAX } else { 0 };
        let turning = request(n, bench.set.role(), tie_breaker);
        let (_, answer) = bench.ask(floe_core::BaseId(0), "10.0.0.2:2000", &turning);
        *answers.entry(answer.unwrap().error).or_insert(0) += 1;
    }
    let changes = bench.events().iter().filter(|event| matches!(event, Event::RoleChanged(_))).count();
    assert_eq!(changes, 16);
    assert_eq!(answers, [(None, 16), (Some(487), 184)].into());
}

#[test]
fn a_role_that_signalling_gives_is_taken_and_is_no_conflict() {
    let mut bench = Bench::ready(Role::Controlled);
    bench.remote(S0, &numbered(1));
    bench.drain();
    let pair = bench.only_pair();
    let before = bench.view(pair).priority;
    bench.set.set_role(Role::Controlled);
    assert_eq!(bench.events(), []);
    for _ in 0..50 {
        bench.set.set_role(Role::Controlling);
        bench.set.set_role(Role::Controlled);
    }
    bench.set.set_role(Role::Controlling);
    assert_ne!(bench.view(pair).priority, before);
    bench.drain();
    // The budget of conflicts is untouched.
    let check = bench.next();
    let _ = bench.refuse(&check, 487);
    assert_eq!(bench.news(), [Event::RoleChanged(Role::Controlled)]);
}

#[test]
fn a_role_conflict_is_repaired_though_the_answer_took_another_way() {
    let (mut bench, pair) = Bench::one_pair(Role::Controlling);
    let check = bench.next();
    // A NAT may let the check in and send the answer from another address.
    let _ = bench.take_from(check.base, addr("10.0.0.2:7777"), &error(check.id, 487).write());
    assert_eq!(bench.set.role(), Role::Controlled);
    let again = bench.next();
    assert_eq!(again.claim.map(|claim| claim.0), Some(Role::Controlled));
    // Whatever else comes that way proves nothing.
    let _ = bench.take_from(again.base, addr("10.0.0.2:7777"), &success(again.id, "10.0.0.1:1000").write());
    assert_eq!(bench.state(pair), floe_check::PairState::Failed);
}
