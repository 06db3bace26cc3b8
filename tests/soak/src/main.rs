//! `soak --seeds N --first-seed S`: plays so many random worlds, and prints what came of them.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    reason = "a program that prints, keeps the time and uses all cores"
)]

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use floe_soak::{Call, Outcome, play};

/// Plays random worlds with two agents in each.
#[derive(Debug, Parser)]
struct Options {
    /// How many worlds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// How many worlds that break a rule are printed before the end.
    #[arg(long, default_value_t = 3)]
    failures: usize,
    /// Print everything that happened in the first world, and no more.
    #[arg(long)]
    journal: bool,
}

/// What all worlds came to.
#[derive(Debug, Default)]
struct Tally {
    classes: BTreeMap<String, u64>,
    datagrams: usize,
    most_datagrams: (usize, u64),
    connected: Vec<Duration>,
    selected: Vec<Duration>,
    moved: u64,
    broken: Vec<u64>,
}

impl Tally {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        let class = outcome.class.map_or("no path".to_owned(), |class| format!("{class:?}").to_lowercase());
        *self.classes.entry(class).or_default() += 1;
        self.datagrams += outcome.datagrams;
        self.most_datagrams = self.most_datagrams.max((outcome.datagrams, seed));
        self.connected.extend(outcome.connected.filter(|_| outcome.class.is_some()));
        self.selected.extend(outcome.selected.filter(|_| outcome.class.is_some()));
        self.moved += u64::from(outcome.moves > 0);
    }

    fn print(&mut self, seeds: u64) {
        for (class, count) in &self.classes {
            println!("{count:>10} worlds: {class}");
        }
        let mean = self.datagrams as f64 / seeds.max(1) as f64;
        println!(
            "datagrams of both agents: {mean:.1} on average, {} at most (seed {})",
            self.most_datagrams.0, self.most_datagrams.1
        );
        println!("worlds in which the selection moved: {}", self.moved);
        for (name, times) in [("connected", &mut self.connected), ("selected", &mut self.selected)] {
            times.sort_unstable();
            let at = |share: f64| {
                let index = (times.len() as f64 * share) as usize;
                times
                    .get(index.min(times.len().saturating_sub(1)))
                    .map_or(0.0, |time| time.as_secs_f64() * 1e3)
            };
            println!(
                "{name} after p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms, at most {:.0} ms",
                at(0.5),
                at(0.95),
                at(0.99),
                at(1.0)
            );
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.journal {
        for line in Call::play(options.first_seed).journal() {
            println!("{line}");
        }
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&options, &next, &tally));
        }
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.print(options.seeds);
    let broken = tally.broken.len();
    println!(
        "{} worlds from seed {} on, {broken} of them broke a rule, {:.1} s",
        options.seeds,
        options.first_seed,
        started.elapsed().as_secs_f64()
    );
    if broken > 0 {
        tally.broken.sort_unstable();
        println!("seeds that broke a rule: {:?}", tally.broken.iter().take(50).collect::<Vec<_>>());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn work(options: &Options, next: &AtomicU64, tally: &Mutex<Tally>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.seeds {
            return;
        }
        let seed = options.first_seed.wrapping_add(number);
        // A panic is a broken rule like any other, and has a seed, too.
        let played = std::panic::catch_unwind(|| play(seed));
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match played {
            Ok(Ok(outcome)) => tally.add(seed, &outcome),
            broken => {
                let broken = match broken {
                    Ok(Err(broken)) => broken.to_string(),
                    _ => "somebody panicked; the message is above\n".to_owned(),
                };
                tally.broken.push(seed);
                if tally.broken.len() <= options.failures {
                    eprintln!("seed {seed}: {broken}again: cargo xtask soak --seeds 1 --first-seed {seed}\n");
                }
            }
        }
    }
}
