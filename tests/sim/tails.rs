//! How long the unlucky wait: one pair, a round trip of 50 ms, and three of ten datagrams lost either way.

use std::time::Duration;

use floe_session::IceState;

use crate::{
    tables::assert_documented,
    world::{SIDES, Setup, Side, World, ms},
};

const SEEDS: u64 = 10_000;

/// What is measured of a world; `None` where it never came to be.
type Measure = fn(&World) -> Option<Duration>;

const MEASURES: [(&str, Measure); 6] = [
    ("connected, controlling", |world| world.state_at(Side::A, IceState::Connected)),
    ("connected, controlled", |world| world.state_at(Side::B, IceState::Connected)),
    ("connected, both", |world| both(|side| world.state_at(side, IceState::Connected))),
    ("selected, controlling", |world| world.selected_at(Side::A)),
    ("selected, controlled", |world| world.selected_at(Side::B)),
    ("selected, both", |world| both(|side| world.selected_at(side))),
];

fn both(at: impl Fn(Side) -> Option<Duration>) -> Option<Duration> {
    Some(at(Side::A)?.max(at(Side::B)?))
}

fn world(seed: u64) -> World {
    let mut setup = Setup::new([1, 1], ms(50));
    (setup.seed, setup.link) = (seed, setup.link.loss(0.3));
    let mut world = setup.described();
    world.run(Duration::ZERO, ms(120_000), |ends| {
        SIDES.iter().all(|&side| matches!(ends.state(side), IceState::Completed | IceState::Failed))
    });
    world
}

/// The times of one measure over all seeds, in their order; who never came there waits for ever.
struct Times(Vec<Duration>);

impl Times {
    fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent).div_ceil(100) - 1]
    }

    fn never(&self) -> usize {
        self.0.iter().filter(|&&time| time == Duration::MAX).count()
    }
}

fn measure() -> Vec<Times> {
    let mut all: Vec<_> = MEASURES.iter().map(|_| Vec::new()).collect();
    for seed in 0..SEEDS {
        let world = world(seed);
        for (times, (_, measure)) in all.iter_mut().zip(MEASURES) {
            times.push(measure(&world).unwrap_or(Duration::MAX));
        }
    }
    all.iter_mut().for_each(|times| times.sort());
    all.into_iter().map(Times).collect()
}

fn row(times: &Times, name: &str) -> String {
    let [p50, p95, p99] = [50, 95, 99].map(|percent| times.percentile(percent).as_millis());
    format!("| {name} | {p50} | {p95} | {p99} | {} |", times.never())
}

#[test]
fn at_30_percent_loss_19_of_20_connect_within_three_seconds() {
    let all = measure();
    let mut rows = Vec::new();
    for (times, (name, _)) in all.iter().zip(MEASURES) {
        let (p95, never) = (times.percentile(95), times.never());
        assert!(p95 <= ms(3_000), "{name}: {p95:?}");
        assert!(never * 1_000 <= all[0].0.len(), "{name}: {never} never");
        rows.push(row(times, name));
    }
    assert_documented(include_str!("../../docs/tails.md"), &rows);
}
