//! Which pair is nominated and selected, how often and when (RFC 8445 8.1.1, 8.3.1, 12).

use std::collections::{BTreeMap, BTreeSet};

use floe_core::ComponentId;
use floe_session::{Event, IceState, Nomination, Why};
use floe_sim::Link;
use floe_stun::{
    Class, Key, MessageWriter, Method, TransactionId,
    attribute::{IceControlling, Priority, Username},
};

use crate::world::{SIDES, Setup, Side, World, address_of, ms};

// proves: 8445-8.1.1-a
#[test]
fn one_pair_of_each_component_is_nominated_by_repeating_its_check() {
    for nomination in [Nomination::Regular, Nomination::Eager] {
        for seed in 0..30 {
            let mut setup = Setup::new([1 + u8::try_from(seed % 3).unwrap(), 2], ms(9 * (seed % 10)));
            (setup.seed, setup.nomination, setup.streams) = (seed, nomination, vec![2, 1]);
            let mut world = setup.world();
            world.set_path(0, 1, Link::cut());
            world.describe_all();
            assert!(world.complete(ms(60_000)), "{nomination:?} {seed}");
            world.assert_agreed();

            let nominated = world.nominated(Side::A);
            let selected: BTreeSet<_> = world.outcome(Side::A).into_values().collect();
            assert_eq!(nominated.len(), 3, "one nomination for each component");
            assert_eq!(nominated.iter().map(|&(from, to)| [from, to]).collect::<BTreeSet<_>>(), selected);
            assert_eq!(world.nominated(Side::B), []);
            let started = world.started(Side::A);
            for nominating in started.iter().filter(|sent| sent.use_candidate) {
                let same = |sent: &&crate::wire::Sent| {
                    !sent.use_candidate && (sent.from, sent.to) == (nominating.from, nominating.to)
                };
                assert!(started.iter().filter(same).any(|first| first.at < nominating.at), "not repeated");
            }
        }
    }
}

// proves: 8445-8.1.1-b
#[test]
fn a_better_path_that_comes_later_is_not_nominated_any_more() {
    let mut world = Setup { renomination: [false; 2], ..Setup::new([2, 2], ms(30)) }.world();
    world.set_path(0, 0, Link::cut());
    world.describe_all();
    assert!(world.complete(ms(10_000)));
    let (nominated, outcome) = (world.nominated(Side::A), world.outcome(Side::A));
    assert_eq!(nominated.len(), 1);
    world.set_path(0, 0, Link::new(ms(1)));
    world.run_to(ms(300_000));
    assert_eq!(world.nominated(Side::A), nominated);
    for side in SIDES {
        assert_eq!(world.selections(side, world.components()[0]).len(), 1, "{side:?}");
    }
    assert_eq!(world.outcome(Side::A), outcome);
}

#[test]
fn eager_waits_for_a_better_pair_exactly_two_round_trips_after_its_turn() {
    // The best pair has its turn at 0 ms and never answers; the second has its own at 50 ms and answers after 20 ms.
    let mut world = Setup::new([1, 2], ms(20)).world();
    world.set_path(0, 0, Link::cut());
    world.describe_all();
    assert!(world.complete(ms(10_000)));
    let nominating: Vec<_> = world
        .events(Side::A)
        .filter_map(|(at, event)| match event {
            Event::Nominating { why, .. } => Some((at, why.to_string())),
            _ => None,
        })
        .collect();
    let why = "the wait for p0 ended: two round trips of 20 ms without an answer".to_owned();
    assert_eq!(nominating, [(ms(70), why)], "40 ms after its turn the best pair is past waiting for");
}

/// A check that only who knows both passwords can write.
fn check(world: &World, id: u8) -> Vec<u8> {
    let of = world.components()[0].0;
    let (a, b) = (world.description(Side::A, of).credentials, world.description(Side::B, of).credentials);
    let mut buffer = [0; 256];
    let id = TransactionId::new([id; 12]);
    let length = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id)
        .unwrap()
        .attribute(&Username::new(&format!("{}:{}", b.ufrag(), a.ufrag())))
        .unwrap()
        .attribute(&Priority::new(1))
        .unwrap()
        .attribute(&IceControlling::new(1))
        .unwrap()
        .integrity(&Key::short_term(b.pwd()))
        .unwrap()
        .fingerprint()
        .unwrap()
        .finish();
    buffer[..length].to_vec()
}

/// The transactions that B answered with success.
fn answered(world: &World) -> BTreeSet<[u8; 12]> {
    let answers = world.sent(Side::B).into_iter().filter(|sent| sent.class == Class::Success);
    answers.map(|sent| *sent.id.as_bytes()).collect()
}

// proves: 8445-8.1.2-c, 8445-8.3.1-a
#[test]
fn what_was_not_selected_answers_for_three_seconds_more() {
    let mut world = Setup { renomination: [false; 2], ..Setup::new([3, 3], ms(10)) }.described();
    assert!(world.complete(ms(10_000)));
    let completed = world.state_at(Side::B, IceState::Completed).unwrap();
    let sockets = SIDES.map(|side| world.node(side).sockets().collect::<Vec<_>>());
    let [selected_a, selected_b] = world.outcome(Side::A)[&world.components()[0]];

    // Each of B's sockets is checked, 1 ms before the three seconds are over and 1 ms after. A check takes 5 ms.
    for (round, arrives) in [(0, completed + ms(2_999)), (1, completed + ms(3_001))] {
        for (index, &to) in (0..).zip(&sockets[1]) {
            let check = check(&world, 10 * round + index);
            world.simulation.plan(world.at(arrives - ms(5)), move |simulation| {
                simulation.network_mut().send(selected_a, to, check.into());
            });
        }
    }
    world.run_to(completed + ms(2_999));
    assert_eq!(world.node(Side::B).sockets().count(), 3);
    world.run_to(completed + ms(3_100));
    let answered = answered(&world);
    for (index, to) in (0..).zip(&sockets[1]) {
        assert!(answered.contains(&[index; 12]), "{to} before the three seconds are over");
        assert_eq!(answered.contains(&[10 + index; 12]), *to == selected_b, "{to} after");
    }
    assert_eq!(world.node(Side::B).sockets().collect::<Vec<_>>(), [selected_b]);
    assert_eq!(world.node(Side::A).sockets().collect::<Vec<_>>(), [selected_a]);
    world.assert_agreed();
}

// proves: 8445-12.1-a, 8445-12.2-a
#[test]
fn data_goes_over_any_valid_pair_at_first_then_over_the_selected_one_and_is_taken_on_all() {
    // The best path is slow, the other ones fast; regular nomination waits for the best.
    let mut setup = Setup::new([2, 2], ms(4));
    setup.nomination = Nomination::Regular;
    let mut world = setup.world();
    world.set_path(0, 0, Link::new(ms(60)));
    world.describe_all();
    let send = |world: &mut World, payload: &'static str| {
        let component = world.components()[0];
        assert!(world.send(Side::A, component, payload.as_bytes()));
        last_data(world, payload)
    };
    world.run_to(ms(56));
    assert_eq!(world.session(Side::A).state(), IceState::Connected);
    let early = send(&mut world, "early");
    assert!(world.complete(ms(10_000)));
    let selected = *world.outcome(Side::A).values().next().unwrap();
    assert_ne!(early, selected, "it went over a pair that is not the selected one");
    assert_eq!(send(&mut world, "late"), selected);

    // What comes over another pair is taken still.
    world.simulation.network_mut().send(early[0], early[1], "other".into());
    assert_eq!(last_data(&mut world, "other"), early);
    assert!(world.is_complete());
}

/// Where the latest data went from and to, and that it is this, of component 1.
fn last_data(world: &mut World, payload: &str) -> [std::net::SocketAddr; 2] {
    world.run_to(world.since_start(world.simulation.now()) + ms(60));
    let data = world.node(Side::B).data().last().unwrap();
    assert_eq!((&data.payload[..], data.component), (payload.as_bytes(), ComponentId::RTP));
    [data.from, data.local]
}

// proves: 8445-8.1.1-c
#[test]
fn of_several_pairs_that_an_aggressive_peer_nominates_the_best_is_selected() {
    let (mut several, mut moved) = (0, 0);
    for seed in 0..300u64 {
        let mut setup = Setup::new([3, 3], ms(20));
        (setup.seed, setup.nomination) = (seed, Nomination::Aggressive);
        let mut world = setup.world();
        // Paths of many lengths, so that worse pairs are often nominated before better ones, and checks often cross.
        for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
            let delay =
                10 + (seed * 7_919 + 31 * u64::try_from(a).unwrap() + 17 * u64::try_from(b).unwrap()) % 150;
            world.set_path(a, b, Link::new(ms(delay)));
        }
        world.describe_all();
        assert!(world.complete(ms(10_000)), "seed {seed}");
        world.run_to(ms(60_000));
        let nominated: BTreeSet<_> = world.nominated(Side::A).into_iter().collect();
        several += usize::from(nominated.len() > 1);
        for side in SIDES {
            let selections = world.selections(side, world.components()[0]);
            moved += selections.len() - 1;
            let better = |why| matches!(why, Why::BetterNominated { .. });
            assert!(
                selections.iter().skip(1).all(|selected| better(selected.why)),
                "seed {seed}: {selections:?}"
            );
            assert_best_nominated_is_selected(&world, side, seed);
        }
        world.assert_agreed();
    }
    assert!(several > 100 && moved > 50, "{several} worlds with several nominations, {moved} moves");
}

#[test]
fn aggressive_peers_agree_on_one_pair_also_where_much_is_lost() {
    let (mut completed, mut disagreed) = (0, Vec::new());
    for seed in 0..500 {
        let mut setup = Setup::new([3, 3], ms(50));
        (setup.seed, setup.nomination) = (seed, Nomination::Aggressive);
        setup.link = Link::new(ms(25)).loss(0.3);
        // So much loss would take consent from every third side before the end.
        setup.consent = false;
        let mut world = setup.described();
        if !world.complete(ms(60_000)) {
            continue;
        }
        completed += 1;
        // Long behind the release of unused sockets, and the end of every check.
        world.run_to(ms(150_000));
        let mirrored = |(at, [from, to]): (_, [_; 2])| (at, [to, from]);
        let theirs: BTreeMap<_, _> = world.outcome(Side::B).into_iter().map(mirrored).collect();
        if world.outcome(Side::A) != theirs {
            disagreed.push(seed);
        }
    }
    assert_eq!(disagreed, Vec::<u64>::new());
    assert!(completed > 450, "only {completed} of 500 worlds completed");
}

/// Of the pairs that were nominated and are valid, the selected one has the highest priority.
fn assert_best_nominated_is_selected(world: &World, side: Side, seed: u64) {
    let pairs = world.session(side).stats().pairs;
    let nominated = pairs.iter().filter(|pair| pair.valid && pair.nominated);
    let best = nominated.max_by_key(|pair| pair.priority).unwrap();
    let ends = [address_of(&best.local), address_of(&best.remote)];
    assert_eq!(world.outcome(side)[&world.components()[0]], ends, "seed {seed}, {side:?}");
}
