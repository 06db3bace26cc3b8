//! Role conflicts (RFC 8445 7.3.1.1).

use floe_check::DropReason as CheckDropReason;
use floe_core::{PairPriority, Role};
use floe_session::DropReason;

use crate::world::{SIDES, Setup, Side, World, ms};

const CONFLICT: DropReason = DropReason::Check(CheckDropReason::RoleConflict);

fn conflicts(world: &World, side: Side) -> usize {
    world.node(side).dropped().iter().filter(|(_, why)| *why == CONFLICT).count()
}

/// RFC 8445 6.1.2.3, from the candidates and the role, once more.
fn assert_priorities_follow_the_role(world: &World, side: Side) {
    let role = world.session(side).role();
    let mut telling = 0;
    for pair in world.session(side).stats().pairs {
        let of = |role| PairPriority::of(role, pair.local.priority(), pair.remote.priority());
        assert_eq!(pair.priority, of(role), "{side:?} {role} {}", pair.id);
        telling += usize::from(of(role) != of(role.opposite()));
    }
    assert!(telling > 0, "no pair shows whose role it was computed for");
}

// proves: 8445-7.3.1.1-c
#[test]
fn two_agents_in_one_role_settle_it_and_compute_their_priorities_anew() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut kept = [0, 0];
        for seed in 0..100 {
            let round_trip = ms(10 * (seed % 7));
            // Unlike numbers of candidates make pairs whose priority depends on who controls.
            let mut setup = Setup::new([3, 1], round_trip);
            (setup.seed, setup.roles) = (seed, [role; 2]);
            let mut world = setup.described();
            assert!(world.complete(ms(20_000)), "both {role}, seed {seed}");
            world.assert_agreed();
            let changed = SIDES.map(|side| world.session(side).role() != role);
            assert_eq!(changed.iter().filter(|&&changed| changed).count(), 1, "both {role}, seed {seed}");
            for side in SIDES {
                kept[side as usize] += usize::from(!changed[side as usize]);
                assert_priorities_follow_the_role(&world, side);
            }
        }
        // The tie-breakers decide it, and they are random.
        assert!(kept.iter().all(|&kept| kept >= 20), "both {role}: {kept:?}");
    }
    // Unlike roles are no conflict.
    for seed in 0..20 {
        let mut setup = Setup::new([3, 1], ms(10 * (seed % 7)));
        setup.seed = seed;
        let mut world = setup.described();
        assert!(world.complete(ms(20_000)));
        for side in SIDES {
            assert_eq!(conflicts(&world, side), 0, "seed {seed}");
            assert_eq!(world.session(side).role(), setup.roles[side as usize]);
            assert_priorities_follow_the_role(&world, side);
        }
    }
}

#[test]
fn a_conflict_does_not_lengthen_the_two_round_trips_and_one_ta() {
    for role in [Role::Controlling, Role::Controlled] {
        for seed in 0..50 {
            let mut setup = Setup::new([1, 1], ms(50));
            (setup.seed, setup.roles) = (seed, [role; 2]);
            let mut world = setup.described();
            assert!(world.complete(ms(20_000)));
            for side in SIDES {
                assert!(world.selected_at(side).unwrap() <= ms(150), "both {role}, seed {seed}, {side:?}");
                world.assert_paced(side, ms(50));
            }
            let conflicts: usize = SIDES.map(|side| conflicts(&world, side)).into_iter().sum();
            assert_eq!(conflicts, 1, "one 487 settles it: both {role}, seed {seed}");
        }
    }
}
