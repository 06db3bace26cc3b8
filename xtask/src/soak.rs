//! `cargo xtask soak`: two agents in random worlds.

use std::{path::PathBuf, process::Command};

use anyhow::Context as _;

use crate::steps::run;
use crate::workspace::{cargo, root};

/// How many worlds CI plays.
const SEEDS_IN_CI: u64 = 20_000;

/// Which worlds are played.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many.
    #[arg(long, default_value_t = SEEDS_IN_CI)]
    seeds: u64,
    /// The seed of the first; the others follow it.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Print everything that happens in the first world, and no more.
    #[arg(long)]
    journal: bool,
    /// Write what all hosts of the first world sent and received to this file, for Wireshark (pcapng), and no more.
    #[arg(long)]
    capture: Option<PathBuf>,
}

/// Plays the worlds.
///
/// # Errors
/// When some world breaks a rule, or nothing could be built.
pub(crate) fn soak(options: &Options) -> anyhow::Result<()> {
    let mut command = Command::new(cargo());
    command.current_dir(root()).args(["run", "--quiet", "--profile", "soak", "--package", "floe-soak", "--"]);
    command.args(["--seeds", &options.seeds.to_string(), "--first-seed", &options.first_seed.to_string()]);
    if options.journal {
        command.arg("--journal");
    }
    if let Some(path) = &options.capture {
        command.arg("--capture").arg(std::path::absolute(path)?);
    }
    run(&mut command)
}

/// Plays as many worlds as CI does. Which they are follows from the commit, so that every change is tried on others, and
/// the same one on the same.
///
/// # Errors
/// See [`soak`], and where the commit is not known.
pub(crate) fn smoke() -> anyhow::Result<()> {
    let output = Command::new("git").current_dir(root()).args(["rev-parse", "HEAD"]).output();
    let output = output.context("cannot ask git for the commit")?;
    let commit = String::from_utf8_lossy(&output.stdout);
    let digits: String = commit.trim().chars().take(12).collect();
    let first_seed = u64::from_str_radix(&digits, 16).context("git names no commit")?;
    soak(&Options { seeds: SEEDS_IN_CI, first_seed, journal: false, capture: None })
}
