//! `cargo xtask nat-matrix`: floe behind real NATs.

use std::process::Command;

use crate::steps::run;
use crate::workspace::{Workspace, cargo, root};

/// Where the page is kept.
const PAGE: &str = "docs/nat-matrix.md";

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the cells whose name contains this; may be repeated. The page is printed and not kept.
    #[arg(long, value_name = "PART")]
    cell: Vec<String>,
    /// For how many seconds an allocation is held under a constant stream; 0 leaves that out.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    hold: u64,
}

/// Builds `floe` as users have it, measures it in every cell, and writes the page.
///
/// # Errors
/// When something cannot be built, this machine cannot make the lab, or floe fails in a cell.
pub(crate) fn nat_matrix(options: &Options) -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    let mut build = Command::new(cargo());
    run(build.current_dir(root()).args(["build", "--release", "--package", "floe-cli"]))?;
    let mut lab = Command::new(cargo());
    lab.current_dir(root()).args(["run", "--quiet", "--package", "floe-nat-lab", "--", "--floe"]);
    lab.arg(workspace.target.join("release").join("floe")).args(["--hold", &options.hold.to_string()]);
    for part in &options.cell {
        lab.args(["--cell", part]);
    }
    if options.cell.is_empty() {
        lab.args(["--write", PAGE]);
    }
    run(&mut lab)
}
