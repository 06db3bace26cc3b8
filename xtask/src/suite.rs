//! `cargo xtask test` and `cargo xtask ci`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::conformance::{self, RanTest};
use crate::fuzz;
use crate::setup::{self, DENY, FUZZ, NEXTEST, Need, SystemPackage, Tool};
use crate::soak;
use crate::steps::{Steps, command_line, run, run_and_watch, succeeds};
use crate::workspace::{cargo, root};

/// How long the tests take.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each fuzz target runs; 0 leaves the fuzzing out.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    fuzz_seconds: u32,
}

/// Installs what the tests need and runs all of them.
///
/// # Errors
/// When a step fails; the error holds the command line that failed.
pub(crate) fn test(options: &Options) -> anyhow::Result<()> {
    timed(|steps| {
        let missing = steps.step("setup", || setup::setup(&test_tools(options)))?;
        tests(steps, options, &missing)
    })
}

/// Installs what the checks and tests need and runs all of them.
///
/// # Errors
/// When a step fails; the error holds the command line that failed.
pub(crate) fn ci(options: &Options) -> anyhow::Result<()> {
    timed(|steps| {
        let tools: Vec<_> = [DENY].into_iter().chain(test_tools(options)).collect();
        let missing = steps.step("setup", || setup::setup(&tools))?;
        checks(steps)?;
        steps.step("random worlds", soak::smoke)?;
        tests(steps, options, &missing)
    })
}

fn timed(work: impl FnOnce(&mut Steps) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let outcome = work(&mut steps);
    steps.print();
    outcome
}

fn test_tools(options: &Options) -> Vec<Tool> {
    if options.fuzz_seconds == 0 { vec![NEXTEST] } else { vec![NEXTEST, FUZZ] }
}

fn checks(steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("format", || {
        run(&mut in_root(&["fmt", "--all", "--check"]))?;
        run(&mut in_root(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
    })?;
    steps.step("clippy", || {
        run(&mut in_root(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    steps.step("documentation", || {
        run(in_root(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.step("licences, bans, sources", || {
        run(&mut in_root(&["deny", "check", "licenses", "bans", "sources"]))
    })?;
    steps.step("advisories", advisories)
}

/// The advisory database lives in a place that not every machine reaches; where it cannot be had, that is said and
/// nothing is claimed.
fn advisories() -> anyhow::Result<()> {
    if succeeds(&mut in_root(&["deny", "fetch", "db"])) {
        return run(&mut in_root(&["deny", "check", "--disable-fetch", "advisories"]));
    }
    eprintln!("NOT CHECKED: the advisory database cannot be fetched from this machine");
    Ok(())
}

fn tests(steps: &mut Steps, options: &Options, missing: &[&SystemPackage]) -> anyhow::Result<()> {
    let mut printed = Vec::new();
    let outcome = steps.step("tests", || {
        run_and_watch(&mut in_root(&["nextest", "run", "--workspace", "--no-fail-fast"]), &mut printed)
    });
    steps.close_with(summary(printed));
    outcome?;
    steps.step("documentation tests", || run(&mut in_root(&["test", "--workspace", "--doc"])))?;
    steps.step("conformance", || {
        conformance::run(&conformance::Options::default(), Some(&tests_that_run()?))
    })?;
    if let Some(package) = missing.iter().find(|package| package.needed_for == Need::NatLab) {
        skip(steps, &format!("the tests behind real NATs, for want of {package}"))?;
    }
    let obstacle = missing.iter().find(|package| package.needed_for == Need::Fuzzing);
    match obstacle {
        _ if options.fuzz_seconds == 0 => skip(steps, "the fuzz targets, by --fuzz-seconds 0"),
        Some(package) => skip(steps, &format!("the fuzz targets, for want of {package}")),
        None => fuzz::smoke(steps, options.fuzz_seconds),
    }
}

/// What is left out is named at the end; a machine that checks for everyone leaves out nothing.
fn skip(steps: &mut Steps, what: &str) -> anyhow::Result<()> {
    steps.note(format!("NOT RUN: {what}"));
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        bail!("not run: {what}; under CI=true everything runs");
    }
    Ok(())
}

/// The runner's closing lines: its count, and below it the names of what failed.
fn summary(printed: Vec<String>) -> Vec<String> {
    let at = printed.iter().rposition(|line| line.trim_start().starts_with("Summary ["));
    at.map(|at| printed.into_iter().skip(at).collect()).unwrap_or_default()
}

fn in_root(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(root()).args(arguments);
    command
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TestList {
    rust_suites: BTreeMap<String, Suite>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Suite {
    package_name: String,
    testcases: BTreeMap<String, TestCase>,
}

#[derive(Deserialize)]
struct TestCase {
    ignored: bool,
}

/// The tests that the runner knows and does not ignore.
fn tests_that_run() -> anyhow::Result<BTreeSet<RanTest>> {
    let mut command = in_root(&["nextest", "list", "--workspace", "--message-format", "json"]);
    let line = command_line(&command);
    let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let list: TestList =
        serde_json::from_slice(&output.stdout).with_context(|| format!("`{line}` printed something else"))?;
    Ok(ran_tests(list))
}

fn ran_tests(list: TestList) -> BTreeSet<RanTest> {
    let mut tests = BTreeSet::new();
    for suite in list.rust_suites.into_values() {
        for (path, _) in suite.testcases.iter().filter(|(_, case)| !case.ignored) {
            let name = path.rsplit("::").next().unwrap_or(path);
            tests.insert((suite.package_name.clone(), name.to_owned()));
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_summary_and_its_failures_are_kept_for_the_end() {
        let lines = ["PASS a", "  Summary [   0.1s] 2 tests run: 1 passed, 1 failed, 0 skipped", "  FAIL b"];
        assert_eq!(summary(lines.map(str::to_owned).to_vec()), lines[1..]);
        assert_eq!(summary(vec!["error: could not compile".to_owned()]), [""; 0]);
    }

    #[test]
    fn an_ignored_test_does_not_count_as_run() {
        let list = r#"{"test-count": 2, "rust-suites": {"floe-core": {"package-name": "floe-core", "testcases": {
            "sdp::tests::a": {"kind": "test", "ignored": false}, "b": {"kind": "test", "ignored": true}}}}}"#;
        let tests = ran_tests(serde_json::from_str(list).unwrap());
        assert_eq!(tests, BTreeSet::from([("floe-core".to_owned(), "a".to_owned())]));
    }
}
