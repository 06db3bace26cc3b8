//! What this repository runs on itself: setup, tests, checks, benches and the requirement report.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool: it reads files, clocks and the environment, runs programs and prints"
)]

mod bench;
mod conformance;
mod fuzz;
mod nat_matrix;
mod setup;
mod soak;
mod steps;
mod suite;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What this repository runs on itself.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what the tests and checks need.
    Setup,
    /// Install what the tests need and run all of them.
    Test(suite::Options),
    /// Run every check and every test, as for a change that is to be merged.
    Ci(suite::Options),
    /// Run the benchmarks.
    Bench(bench::Options),
    /// Play random worlds with two agents in each, and hold them to the rules.
    Soak(soak::Options),
    /// Measure floe behind real NATs, and aioice beside it, and write docs/nat-matrix.md.
    NatMatrix(nat_matrix::Options),
    /// Count which requirements are proven by a test, excepted or open.
    Conformance(conformance::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Setup => set_up(),
        Task::Test(options) => suite::test(&options),
        Task::Ci(options) => suite::ci(&options),
        Task::Bench(options) => bench::bench(&options),
        Task::Soak(options) => soak::soak(&options),
        Task::NatMatrix(options) => nat_matrix::nat_matrix(&options),
        Task::Conformance(options) => conformance::run(&options, None),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn set_up() -> anyhow::Result<()> {
    let missing = setup::setup(&[setup::NEXTEST, setup::FUZZ, setup::DENY])?;
    anyhow::ensure!(missing.is_empty(), "{} system package(s) are missing, named above", missing.len());
    println!("everything that the tests and checks need is here");
    Ok(())
}
