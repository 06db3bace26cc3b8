//! The numbers of `docs/numbers.md`.

use std::time::Duration;

use floe_sim::Link;

use crate::world::{SIDES, Setup, Side, World, ms};

pub(crate) const NUMBERS: &str = include_str!("../../docs/numbers.md");

/// The docs say what was measured: this page of theirs has a table of these rows, and of no others.
pub(crate) fn assert_documented(page: &str, rows: &[String]) {
    let rows = rows.join("\n");
    // The line above the first row rules the table off from its head.
    let stands = page.contains(&format!("-|\n{rows}\n\n")) || page.contains(&format!(":|\n{rows}\n\n"));
    assert!(stands, "not in the docs:\n{rows}");
}

#[test]
fn however_many_candidates_work_both_select_within_two_round_trips_and_a_ta() {
    for round_trip in [0, 20, 50, 100] {
        for count in 1..=16 {
            let mut world = Setup::new([count, count], ms(round_trip)).described();
            assert!(world.complete(ms(10_000)), "{count}");
            let [a, b] = SIDES.map(|side| world.selected_at(side).unwrap());
            let bound = ms(2 * round_trip + 50);
            assert!(a <= bound && b <= bound, "{count} x {count}, {round_trip} ms: {a:?} {b:?}");
            world.assert_agreed();
            for side in SIDES {
                world.assert_paced(side, ms(50));
            }
        }
    }
}

/// 10 x 10 candidates of which only the last in the order of checks can reach each other.
fn only_the_worst_pair_works(round_trip: u64, ta: u64) -> World {
    let mut setup = Setup::new([10, 10], ms(round_trip));
    setup.ta = [ms(ta); 2];
    let mut world = setup.world();
    for (a, b) in (0..10).flat_map(|a| (0..10).map(move |b| (a, b))) {
        if (a, b) != (9, 9) {
            world.set_path(a, b, Link::cut());
        }
    }
    world.describe_all();
    world
}

#[test]
fn the_worst_of_a_hundred_pairs_is_selected_about_when_its_turn_and_two_round_trips_are_over() {
    let mut rows = Vec::new();
    for ta in [50, 5] {
        for round_trip in [0, 50, 200] {
            let mut world = only_the_worst_pair_works(round_trip, ta);
            assert!(world.complete(ms(60_000)));
            let took = SIDES.map(|side| world.selected_at(side).unwrap()).into_iter().max().unwrap();
            let valid = world.valid_at(Side::A).unwrap();
            // 99 checks go before it.
            let ideal = ms(99 * ta + 2 * round_trip);
            let ratio = took.as_secs_f64() / ideal.as_secs_f64();
            let datagrams = world.simulation.network().counters().sent;
            rows.push(format!(
                "| {ta} | {round_trip} | {} | {} | {} | {ratio:.2} | {datagrams} |",
                ideal.as_millis(),
                valid.as_millis(),
                took.as_millis()
            ));
            // At the fastest pace 80 better pairs have been asked within the last two round trips of 200 ms, and may
            // still answer when this one has.
            let bound = if (ta, round_trip) == (5, 200) { 1.22 } else { 1.2 };
            assert!(ratio <= bound, "Ta {ta}, RTT {round_trip}: {took:?} for {ideal:?}");
            world.assert_agreed();
            for side in SIDES {
                world.assert_paced(side, ms(ta));
            }
        }
    }
    assert_documented(NUMBERS, &rows);
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
