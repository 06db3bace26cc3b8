//! Lite agents on a network that loses and delays (RFC 8445 2.5, 7.3.2).

use floe_core::Role;
use floe_sim::Link;
use floe_stun::Class;

use crate::world::{SIDES, Setup, Side, World, ms};

/// A full side A with three addresses and a lite side B with one.
fn world(seed: u64, roles: [Role; 2], loss: f64) -> World {
    let mut setup = Setup::new([3, 1], ms(40));
    (setup.seed, setup.roles, setup.lite) = (seed, roles, [false, true]);
    setup.link = Link::new(ms(20)).loss(loss);
    setup.described()
}

fn assert_only_answers(world: &World) {
    let sent = world.sent(Side::B);
    assert!(!sent.is_empty() && sent.iter().all(|sent| sent.class == Class::Success));
    // One for each request that came, and no more.
    assert!(sent.len() <= world.sent(Side::A).len());
}

// proves: 8445-7.3.2-a
#[test]
fn a_lite_agent_sends_answers_only_and_ends_on_the_pair_of_the_full_one() {
    use Role::{Controlled, Controlling};
    for roles in [[Controlling, Controlled], [Controlled, Controlling]] {
        for seed in 0..20 {
            let mut world = world(seed, roles, 0.0);
            assert!(world.complete(ms(5_000)), "seed {seed}");
            world.assert_agreed();
            world.run_to(ms(60_000));
            assert_only_answers(&world);
            assert_eq!(SIDES.map(|side| world.session(side).role()), [Controlling, Controlled]);
        }
    }
}

#[test]
fn loss_changes_nothing_of_that() {
    for seed in 0..50 {
        let mut world = world(seed, [Role::Controlling, Role::Controlled], 0.3);
        assert!(world.complete(ms(60_000)), "seed {seed}");
        world.run_to(ms(70_000));
        let (a, b) = (world.outcome(Side::A), world.outcome(Side::B));
        for (of, [local, remote]) in &a {
            assert_eq!(b[of], [*remote, *local], "seed {seed}");
        }
        // Where the requests of the other are lost for 15 s there is a keepalive, too (RFC 8445 11).
        let sent = world.sent(Side::B);
        let allowed = |class| matches!(class, Class::Success | Class::Indication);
        assert!(sent.iter().all(|sent| allowed(sent.class)), "seed {seed}");
    }
}

#[test]
fn a_restart_of_either_side_is_answered_and_completed() {
    for by in SIDES {
        let mut world = world(7, [Role::Controlling, Role::Controlled], 0.0);
        assert!(world.complete(ms(5_000)));
        world.run_to(ms(10_000));
        let (now, host) = (world.simulation.now(), world.host(by));
        world.simulation.node_mut(host).unwrap().drive(now, |session| session.restart(now));
        world.run_to(ms(20_000));
        world.assert_agreed();
        assert_only_answers(&world);
    }
}

#[test]
fn two_lite_agents_send_nothing_and_are_completed() {
    let mut setup = Setup::new([1, 1], ms(40));
    setup.lite = [true; 2];
    let mut world = setup.described();
    assert!(world.complete(ms(1_000)));
    assert!(SIDES.iter().all(|&side| world.sent(side).is_empty()));
    world.assert_agreed();
}
