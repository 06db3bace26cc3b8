//! Loss in bursts.
//!
//! `FLOE_SEEDS=10000 cargo test -p floe-tests --test sim bursts` tries more.

use std::time::Duration;

use floe_sim::Bursts;

use crate::{
    tables::{print, seconds, seeds},
    world::{SIDES, Setup, ms},
};

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

/// Runs so many worlds; says in how many both sides completed, and the times it took them.
fn connect(bursts: Bursts, candidates: [u8; 2], seeds: u64) -> (u64, Vec<Duration>) {
    let mut times = Vec::new();
    for seed in 0..seeds {
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

/// In how many of so many worlds both sides complete.
fn row(candidates: [u8; 2], (name, bursts): Loss, seeds: u64) -> u64 {
    let (good, times) = connect(bursts, candidates, seeds);
    let percentile = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_millis();
    let [p50, p95, p99] = [50, 95, 99].map(percentile);
    let [n, m] = candidates;
    print(&format!("| {n} x {m} | {name} | {good} of {seeds} | {p50} | {p95} | {p99} |"));
    good
}

#[test]
fn on_links_that_are_bad_for_a_twentieth_or_a_fifth_of_the_time_999_of_1000_connect() {
    let seeds = seeds(60);
    for candidates in [[1, 1], [2, 2]] {
        for share in [0.05, 0.2] {
            let connected: Vec<_> =
                timed(share).into_iter().map(|loss| row(candidates, loss, seeds)).collect();
            let (good, tried) = (connected.iter().sum::<u64>(), seeds * 4);
            assert!(good * 1_000 >= tried * 999, "{candidates:?}, {share}: {good} of {tried}");
        }
    }
}

/// A check is sent seven times in 31.5 s. A burst that ends only after more datagrams than that is an outage of minutes
/// to a path that carries nothing else, and longer than anybody waits (RFC 8863 4).
#[test]
fn where_bursts_are_counted_in_datagrams_only_those_fail_whose_checks_are_all_lost() {
    let seeds = seeds(60);
    for (candidates, share, permille) in
        [([1, 1], 0.05, 950), ([1, 1], 0.2, 850), ([2, 2], 0.05, 950), ([2, 2], 0.2, 950)]
    {
        for loss in counted(share) {
            let good = row(candidates, loss, seeds);
            assert!(good * 1_000 >= seeds * permille, "{candidates:?}, {share}: {good} of {seeds}");
        }
    }
}
