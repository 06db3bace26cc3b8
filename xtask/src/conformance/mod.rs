//! `cargo xtask conformance`: which requirements have a test that shows them.

mod lexer;
mod report;
mod scan;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;
use report::Report;
use scan::{Claim, scan};
use table::Table;

const TABLE: &str = "tests/conformance/requirements.toml";

/// What to print besides the counts.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// List the open requirements with their statements.
    #[arg(long)]
    open: bool,
    /// List the proven requirements with their tests.
    #[arg(long)]
    proven: bool,
    /// Look at one document only, named as in its ids: 8445, mdns.
    #[arg(long, value_name = "NUMBER")]
    rfc: Option<String>,
}

/// A test that ran: its package, and the last part of its path.
pub(crate) type RanTest = (String, String);

/// Prints how the requirements stand.
///
/// `ran` lists the tests that the runner knows; given it, a claim by any other function is a problem as well.
///
/// # Errors
/// When the table is unsound, or a marker names no requirement or stands above no test.
pub(crate) fn run(options: &Options, ran: Option<&BTreeSet<RanTest>>) -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    let path = workspace.root.join(TABLE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let table = Table::parse(&text).with_context(|| format!("{TABLE} is not a requirement table"))?;
    let (claims, mut problems) = claims(&workspace)?;
    if let Some(ran) = ran {
        problems.extend(claims.iter().filter_map(|claim| not_run(&workspace, claim, ran)));
    }
    let report = Report::new(&table, claims);
    problems.extend_from_slice(&report.problems);
    let report = match &options.rfc {
        Some(prefix) => report.only(prefix).map_err(anyhow::Error::msg)?,
        None => report,
    };
    print(options, &report);
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    if !problems.is_empty() {
        bail!("conformance: {} problem(s), listed above", problems.len());
    }
    Ok(())
}

fn print(options: &Options, report: &Report<'_>) {
    if options.proven {
        println!("Proven:\n{}", report.proven());
    }
    if options.open {
        println!("Open:\n{}", report.open());
    }
    let excepted = report.excepted();
    if !excepted.is_empty() {
        println!("Excepted:\n{excepted}");
    }
    print!("{}", report.summary());
}

/// All claims of the workspace's sources, and the markers that are none.
fn claims(workspace: &Workspace) -> anyhow::Result<(Vec<Claim>, Vec<String>)> {
    let mut files = BTreeSet::new();
    for package in &workspace.packages {
        sources(&package.folder, &mut files)?;
    }
    let (mut claims, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let source = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let found = scan(file.strip_prefix(&workspace.root).unwrap_or(&file), &source);
        claims.extend(found.claims);
        problems.extend(found.problems);
    }
    Ok((claims, problems))
}

/// Collects the Rust files under a folder; packages may nest, so a file can be found twice and counts once.
fn sources(folder: &Path, files: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                sources(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path);
        }
    }
    Ok(())
}

/// A marker in a file that no target compiles would look like proof and never run.
fn not_run(workspace: &Workspace, claim: &Claim, ran: &BTreeSet<RanTest>) -> Option<String> {
    let test = &claim.test;
    let package = workspace.package_of(&workspace.root.join(&test.file))?;
    let known = ran.contains(&(package.name.clone(), test.name.clone()));
    (!known).then(|| format!("{}:{}: `{}` is no test that runs", test.file.display(), test.line, test.name))
}
