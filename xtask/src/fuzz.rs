//! Runs each fuzz target for a while.
//!
//! The targets are built by the toolchain in use and without a sanitizer. The project's code holds no `unsafe`, so what
//! there is to find are panics, overflows, endless loops and broken promises, and those show without one; nor does it
//! take a nightly compiler then, and an input costs a fifth of the time.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::steps::{Steps, run, run_quietly};
use crate::workspace::{cargo, root};

#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "bin", default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Runs every target of `fuzz/` for so many seconds each, and prints how many inputs each has tried.
///
/// # Errors
/// When a target does not build, tries no input, or has a finding; the finding's input is in `fuzz/artifacts`.
pub(crate) fn smoke(steps: &mut Steps, seconds: u32) -> anyhow::Result<()> {
    let folder = root().join("fuzz");
    let targets = targets(&folder)?;
    steps.step("fuzz: build", || run(fuzz().args(["build", "--sanitizer", "none"])))?;
    for target in targets {
        let tried = steps.step(&format!("fuzz: {target}"), || explore(&folder, &target, seconds))?;
        eprintln!("fuzz: {target}: {tried} inputs tried in {seconds} s, no finding");
        steps.note(format!("fuzz: {target}: {tried} inputs tried, no finding"));
    }
    Ok(())
}

fn fuzz() -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(root()).arg("fuzz");
    command
}

fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Manifest =
        toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))?;
    Ok(manifest.targets.into_iter().map(|target| target.name).collect())
}

/// One target: the inputs it finds go to its own corpus, the committed seeds are only read.
fn explore(folder: &Path, target: &str, seconds: u32) -> anyhow::Result<u64> {
    let corpus = folder.join("corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
    let mut command = fuzz();
    command.args(["run", "--sanitizer", "none", target]).arg(format!("fuzz/corpus/{target}"));
    if folder.join("seeds").join(target).is_dir() {
        command.arg(format!("fuzz/seeds/{target}"));
    }
    command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-print_final_stats=1"]);
    let lines = run_quietly(&mut command)?;
    match executions(&lines) {
        Some(tried) if tried > 0 => Ok(tried),
        _ => bail!("the target {target} ended well, but tried no input"),
    }
}

/// libFuzzer closes with `stat::number_of_executed_units: 2337538`.
fn executions(lines: &[String]) -> Option<u64> {
    let mut counts = lines.iter().filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    counts.next_back()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_execution_count_is_read_from_the_closing_statistics() {
        let lines = ["#2\tINITED cov: 9", "stat::number_of_executed_units: 2337538", "stat::peak_rss_mb: 27"];
        assert_eq!(executions(&lines.map(str::to_owned)), Some(2_337_538));
        assert_eq!(executions(&["Done 5 runs in 4 second(s)".to_owned()]), None);
    }
}
