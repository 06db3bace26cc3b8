//! `cargo xtask bench`: runs the benchmarks.

use std::process::Command;

use anyhow::bail;

use crate::steps::run;
use crate::workspace::{Workspace, cargo};

/// Which benchmarks to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the benchmarks of this package.
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// What to hand to each benchmark, for example a filter.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs every benchmark of the workspace, one after the other, so that none disturbs the next.
///
/// # Errors
/// When a benchmark fails, or there is none to run.
pub(crate) fn bench(options: &Options) -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    let wanted = |name: &str| options.package.as_ref().is_none_or(|package| package == name);
    let packages = workspace.packages.iter().filter(|package| wanted(&package.name));
    let benches: Vec<_> =
        packages.flat_map(|package| package.benches.iter().map(|bench| (&package.name, bench))).collect();
    if benches.is_empty() {
        bail!("no benchmark found in {}", options.package.as_deref().unwrap_or("this workspace"));
    }
    for (package, bench) in benches {
        let mut command = Command::new(cargo());
        command.current_dir(&workspace.root).args(["bench", "--package", package, "--bench", bench]);
        if !options.arguments.is_empty() {
            command.arg("--").args(&options.arguments);
        }
        run(&mut command)?;
    }
    Ok(())
}
