//! A grid of networks, and what each of them takes: one table, exact in virtual time.
//!
//! A change that is meant is taken over with `INSTA_UPDATE=always cargo nextest run -p floe-tests --test sim`.

use std::fmt::Write as _;

use floe_session::Nomination;
use floe_sim::Link;

use crate::world::{SIDES, Setup, Side, World, ms};

/// Which of the pairs work.
#[derive(Debug, Clone, Copy)]
enum Works {
    All,
    /// All but the best.
    NotBest,
    /// Only the worst.
    Worst,
}

fn world(count: u8, round_trip: u64, works: Works, nomination: Nomination) -> World {
    let mut setup = Setup::new([count, count], ms(round_trip));
    setup.nomination = nomination;
    let mut world = setup.world();
    let count = usize::from(count);
    for (a, b) in (0..count).flat_map(|a| (0..count).map(move |b| (a, b))) {
        let cut = match works {
            Works::All => false,
            Works::NotBest => (a, b) == (0, 0),
            Works::Worst => (a, b) != (count - 1, count - 1),
        };
        if cut {
            world.set_path(a, b, Link::cut());
        }
    }
    world.describe_all();
    world
}

fn row(count: u8, round_trip: u64, works: Works, nomination: Nomination) -> String {
    let mut world = world(count, round_trip, works, nomination);
    assert!(world.complete(ms(1_000_000)), "{count} {round_trip} {works:?} {nomination:?}");
    let time = |at: Option<std::time::Duration>| at.unwrap().as_millis();
    let [valid_a, valid_b] = SIDES.map(|side| time(world.valid_at(side)));
    let [selected_a, selected_b] = SIDES.map(|side| time(world.selected_at(side)));
    let datagrams = world.simulation.network().counters().sent;
    let pair = SIDES.map(|side| world.outcome(Side::A).values().next().unwrap()[side as usize].ip());
    world.assert_agreed();
    for side in SIDES {
        world.assert_paced(side, ms(50));
    }
    let (works, nomination) = (format!("{works:?}"), format!("{nomination:?}"));
    format!(
        "{count:>2} x {count:<2} {round_trip:>4} {works:8} {nomination:8} {valid_a:>7} {valid_b:>7} {selected_a:>9} \
         {selected_b:>9} {datagrams:>9}  {} {}",
        pair[0], pair[1]
    )
}

#[test]
fn the_table_of_times_and_datagrams() {
    let mut table = String::from(
        "pairs    RTT works    nominate valid A valid B select A  select B  datagrams pair (times in ms, Ta 50 ms)\n",
    );
    for nomination in [Nomination::Eager, Nomination::Regular] {
        for works in [Works::All, Works::NotBest, Works::Worst] {
            for count in [1, 2, 4, 10] {
                for round_trip in [0, 20, 50, 100, 200] {
                    if count > 1 || matches!(works, Works::All) {
                        writeln!(table, "{}", row(count, round_trip, works, nomination)).unwrap();
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}
