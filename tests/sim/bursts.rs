//! Loss in bursts.

use std::time::Duration;

use floe_sim::Bursts;

use crate::{
    tables::{NUMBERS, assert_documented, seconds},
    world::{SIDES, Setup, ms},
};

const SEEDS: u64 = 1_000;

/// How a link loses, and how that is called.
type Loss = (String, Bursts);

/// The link is bad for this share of the time.
fn timed(share: f64) -> [Loss; 4] {
    let lengths = [ms(20), ms(100), ms(500), ms(2_000)];
    lengths.map(|length| (format!("{} %, for {length:?}", share * 100.0), Bursts::timed(share, length)))
}

/// This share of the datagrams is lost, so many in a row, however long that takes.
fn counted(share: f64) -> [Loss; 3] {
    let name = |length: f64| format!("{} %, {length} in a row", share * 100.0);
    [2.0, 4.0, 8.0].map(|length| (name(length), Bursts::counted(share, length)))
}

/// Says in how many worlds both sides completed, and the times it took them.
fn connect(bursts: Bursts, candidates: [u8; 2]) -> (u64, Vec<Duration>) {
    let mut times = Vec::new();
    for seed in 0..SEEDS {
        let mut setup = Setup::new(candidates, ms(50));
        setup.seed = seed;
        setup.link = setup.link.bursts(bursts);
        let mut world = setup.described();
        if world.complete(seconds(120)) {
            times.extend(SIDES.map(|side| world.selected_at(side).unwrap()).into_iter().max());
        }
    }
    times.sort();
    (u64::try_from(times.len()).unwrap(), times)
}

/// In how many worlds both sides complete, and the row of the table.
fn row(candidates: [u8; 2], (name, bursts): Loss) -> (u64, String) {
    let (good, times) = connect(bursts, candidates);
    let percentile = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_millis();
    let [p50, p95, p99] = [50, 95, 99].map(percentile);
    let [n, m] = candidates;
    (good, format!("| {n} x {m} | {name} | {good} of {SEEDS} | {p50} | {p95} | {p99} |"))
}

#[test]
fn on_links_that_are_bad_for_a_twentieth_or_a_fifth_of_the_time_999_of_1000_connect() {
    let mut rows = Vec::new();
    for candidates in [[1, 1], [2, 2]] {
        for loss in [0.05, 0.2].into_iter().flat_map(timed) {
            let (good, row) = row(candidates, loss);
            assert!(good * 1_000 >= SEEDS * 999, "{row}");
            rows.push(row);
        }
    }
    assert_documented(NUMBERS, &rows);
}

/// A check is sent seven times in 31.5 s. A burst that ends only after more datagrams than that is an outage of minutes
/// to a path that carries nothing else, and longer than anybody waits (RFC 8863 4).
#[test]
fn where_bursts_are_counted_in_datagrams_only_those_fail_whose_checks_are_all_lost() {
    let mut rows = Vec::new();
    for (candidates, share, least) in [
        ([1, 1], 0.05, [999, 999, 990]),
        ([1, 1], 0.2, [999, 999, 950]),
        ([2, 2], 0.05, [999; 3]),
        ([2, 2], 0.2, [999; 3]),
    ] {
        for (loss, permille) in counted(share).into_iter().zip(least) {
            let (good, row) = row(candidates, loss);
            assert!(good * 1_000 >= SEEDS * permille, "{row}");
            rows.push(row);
        }
    }
    assert_documented(NUMBERS, &rows);
}
