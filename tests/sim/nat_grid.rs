//! A grid of NATs and of loss, and what each cell of it takes: one table, exact in virtual time.
//!
//! A change that is meant is taken over with `INSTA_UPDATE=always cargo nextest run -p floe-tests --test sim nat_grid`.

use std::{fmt::Write as _, time::Duration};

use floe_session::{Event, Why};
use floe_sim::{Bursts, Dependence, Gateway, Link, Nat, PathClass};

use crate::{
    served,
    world::{SIDES, Side, World, ms},
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    FullCone,
    AddressRestricted,
    PortRestricted,
    Symmetric,
}

use Behind::{AddressRestricted, FullCone, Nothing, PortRestricted, Symmetric};

const ALL: [Behind; 5] = [Nothing, FullCone, AddressRestricted, PortRestricted, Symmetric];

impl Behind {
    const fn name(self) -> &'static str {
        match self {
            Nothing => "none",
            FullCone => "full cone",
            AddressRestricted => "address-restricted",
            PortRestricted => "port-restricted",
            Symmetric => "symmetric",
        }
    }

    fn gateway(self) -> Option<Gateway> {
        let cone = |filtering| Nat::new([]).behaving(Dependence::EndpointIndependent, filtering);
        let nat = match self {
            Nothing => return None,
            FullCone => cone(Dependence::EndpointIndependent),
            AddressRestricted => cone(Dependence::Address),
            PortRestricted => cone(Dependence::AddressAndPort),
            Symmetric => Nat::symmetric([]),
        };
        Some(Gateway::nat(nat))
    }
}

/// What the NATs leave: a symmetric one sends each check from another port, which one that filters by port does not let
/// in.
const fn possible(a: Behind, b: Behind) -> PathClass {
    match (a, b) {
        (Nothing, Nothing) => PathClass::Direct,
        (Symmetric, Symmetric | PortRestricted) | (PortRestricted, Symmetric) => PathClass::Relayed,
        _ => PathClass::Reflexive,
    }
}

#[derive(Debug, Clone, Copy)]
enum Loss {
    None,
    Random,
    Bursty,
}

impl Loss {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "0 %",
            Self::Random => "5 %",
            Self::Bursty => "20 % bursty",
        }
    }

    /// The way across the internet, between the two as to the server.
    const fn link(self) -> Link {
        let link = Link::new(ms(25));
        match self {
            Self::None => link,
            Self::Random => link.loss(0.05),
            Self::Bursty => link.bursts(Bursts::timed(0.2, ms(100))),
        }
    }
}

fn world(seed: u64, loss: Loss, a: Behind, b: Behind) -> World {
    let mut internet = served::internet(seed, [a.gateway(), b.gateway()]);
    internet.core = loss.link();
    let (world, best) = served::world(&internet);
    assert_eq!(best, Some(possible(a, b)), "{a:?} {b:?}");
    world
}

/// What the controlling side chose in turn: the class of each path, and why. Each side sees its own half best: what one
/// takes for a reflexive address the other knows to be a relay.
fn choices(world: &World) -> Vec<(PathClass, Why)> {
    let of = |side| {
        let selected = world.events(side).filter_map(|(_, event)| match event {
            Event::Selected { local, remote, why, .. } => Some((PathClass::of(local, remote), *why)),
            _ => None,
        });
        selected.collect::<Vec<_>>()
    };
    let (a, b) = (of(Side::A), of(Side::B));
    // A nomination that is overtaken by the next one is none for the controlled side.
    assert!(a.len() >= b.len(), "{a:?} {b:?}");
    let at_b = b.into_iter().rev().map(|(class, _)| Some(class)).chain(std::iter::repeat(None));
    let both = a.into_iter().rev().zip(at_b);
    let mut choices: Vec<_> = both.map(|((at_a, why), at_b)| (at_a.min(at_b.unwrap_or(at_a)), why)).collect();
    choices.reverse();
    choices
}

/// The best class there is was selected; it was left, if at all, for a path that lost less. Gives it and the last one.
fn assert_best(cell: &str, choices: &[(PathClass, Why)], possible: PathClass) -> [PathClass; 2] {
    let first = choices.iter().position(|(class, _)| *class == possible);
    assert!(first.is_some(), "{cell}: {choices:?}");
    for (class, why) in &choices[first.unwrap()..] {
        let lossy = matches!(why, Why::LessLoss { .. } | Why::OtherSilent { .. } | Why::SelectedLost { .. });
        assert!(*class >= possible || lossy, "{cell}: {choices:?}");
    }
    [possible, choices.last().unwrap().0]
}

/// How many datagrams the two have sent.
fn datagrams(world: &World) -> usize {
    let hosts = SIDES.map(|side| Some(world.host(side)));
    world.simulation.network().log().iter().filter(|record| hosts.contains(&record.sender)).count()
}

/// Runs on until the last move is over that began within a minute.
fn settle(world: &mut World) {
    let from = world.since_start(world.simulation.now());
    world.run_to(from + SECOND * 60);
    let recent = |world: &World, now: Duration| {
        let is_move = |event: &Event| matches!(event, Event::Nominating { .. } | Event::Selected { .. });
        SIDES
            .iter()
            .any(|&side| world.events(side).any(|(at, event)| is_move(event) && at + SECOND * 5 > now))
    };
    while let now = world.since_start(world.simulation.now())
        && recent(world, now)
    {
        world.run_to(now + SECOND);
    }
}

fn row(seed: u64, loss: Loss, a: Behind, b: Behind) -> String {
    let cell = format!("{} x {}, {}", a.name(), b.name(), loss.name());
    let mut world = world(seed, loss, a, b);
    assert!(world.complete(SECOND * 60), "{cell}: {:?}", SIDES.map(|side| world.session(side).state()));
    let datagrams = datagrams(&world);
    settle(&mut world);
    let of = |side| *world.outcome(side).values().next().unwrap();
    let ([local, remote], at_b) = (of(Side::A), of(Side::B));
    assert_eq!(at_b, [remote, local], "{cell}: not the same pair");
    let choices = choices(&world);
    let [best, last] = assert_best(&cell, &choices, possible(a, b));
    if matches!(loss, Loss::None) {
        assert_eq!(last, best, "{cell}");
    }
    let moves = choices.len() - 1;
    let [best, last] = [best, last].map(|class| format!("{class:?}").to_lowercase());
    let time = |at: Option<Duration>| at.unwrap().as_millis();
    let [valid_a, valid_b] = SIDES.map(|side| time(world.valid_at(side)));
    let [selected_a, selected_b] = SIDES.map(|side| time(world.selected_at(side)));
    format!(
        "{:18} {:18} {:11} {best:9} {valid_a:>7} {valid_b:>7} {selected_a:>8} {selected_b:>8} {datagrams:>9} {moves:>5} \
         {last}",
        a.name(),
        b.name(),
        loss.name(),
    )
}

#[test]
fn through_all_nats_and_losses_the_best_path_there_is() {
    let mut table = String::from(
        "A                  B                  loss        path      valid A valid B select A select B datagrams moves to \
         (RTT 50 ms; times in ms)\n",
    );
    let mut seed = 0;
    for loss in [Loss::None, Loss::Random, Loss::Bursty] {
        for (a, b) in ALL.into_iter().flat_map(|a| ALL.map(move |b| (a, b))) {
            seed += 1;
            writeln!(table, "{}", row(seed, loss, a, b)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn thirteen_of_the_sixteen_pairs_of_nats_are_passed_without_a_relay() {
    let nats = &ALL[1..];
    let pairs = nats.iter().flat_map(|&a| nats.iter().map(move |&b| (a, b)));
    assert_eq!(pairs.filter(|&(a, b)| possible(a, b) > PathClass::Relayed).count(), 13);
}
