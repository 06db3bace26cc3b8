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
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use floe_soak::{Call, Outcome, play};

/// After so many worlds it is told how far this has come.
const PROGRESS: u64 = 50_000;

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
    /// Write what all hosts of the first world sent and received to this file, for Wireshark (pcapng), and no more.
    #[arg(long)]
    capture: Option<PathBuf>,
}

/// What all worlds came to.
#[derive(Debug, Default)]
struct Tally {
    classes: BTreeMap<String, u64>,
    datagrams: usize,
    most_datagrams: (usize, u64),
    /// How long each took, and its seed.
    connected: Vec<(Duration, u64)>,
    selected: Vec<(Duration, u64)>,
    played: u64,
    moved: u64,
    /// Those in which the best class was left for its loss in the end, and the longest way back to it.
    away: u64,
    longest_away: (Duration, u64),
    broken: Vec<u64>,
}

impl Tally {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        let (connected, selected) = (outcome.connected, outcome.selected);
        let class = outcome.class.map_or("no path".to_owned(), |class| format!("{class:?}").to_lowercase());
        *self.classes.entry(class).or_default() += 1;
        self.datagrams += outcome.datagrams;
        self.most_datagrams = self.most_datagrams.max((outcome.datagrams, seed));
        if outcome.class.is_some() {
            self.connected.extend(connected.map(|after| (after, seed)));
            self.selected.extend(selected.map(|after| (after, seed)));
        }
        self.moved += u64::from(outcome.moves > 0);
        self.away += u64::from(!outcome.away.is_zero());
        self.longest_away = self.longest_away.max((outcome.away, seed));
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
        let (longest, seed) = self.longest_away;
        println!(
            "worlds in which the best class had been left for its loss: {}, back after {} ms at most (seed {seed})",
            self.away,
            longest.as_millis()
        );
        for (name, times) in [("connected", &mut self.connected), ("selected", &mut self.selected)] {
            times.sort_unstable();
            let Some(&(longest, seed)) = times.last() else { continue };
            let last = times.len() - 1;
            let at = |percent: usize| {
                times.get(last * percent / 100).map_or(0, |(after, _): &(Duration, u64)| after.as_millis())
            };
            let ([p50, p95, p99], longest) = ([50, 95, 99].map(at), longest.as_millis());
            println!(
                "{name} after p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, at most {longest} ms (seed {seed})"
            );
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.journal || options.capture.is_some() {
        return show(&options);
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

/// Shows what happened in the first world.
fn show(options: &Options) -> ExitCode {
    let call = Call::play(options.first_seed);
    if options.journal {
        for line in call.journal() {
            println!("{line}");
        }
    }
    if let Some(path) = &options.capture
        && let Err(error) = std::fs::write(path, call.capture())
    {
        eprintln!("{} cannot be written: {error}", path.display());
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
        tally.played += 1;
        if tally.played.is_multiple_of(PROGRESS) && tally.played < options.seeds {
            eprintln!("{} of {} worlds, {} broke a rule", tally.played, options.seeds, tally.broken.len());
        }
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
