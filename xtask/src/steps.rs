//! Runs programs one after the other, says which failed, and keeps the time that each took.

use std::io::{BufRead, BufReader, IsTerminal as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// The steps done so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
    notes: Vec<String>,
    closing: Vec<String>,
}

impl Steps {
    /// Does one step of a task under a heading, and times it.
    ///
    /// # Errors
    /// Those of `work`, with the step's name.
    pub(crate) fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        eprintln!("\n==> {name}");
        let started = Instant::now();
        let outcome = work();
        let mark = if outcome.is_ok() { "" } else { " (failed)" };
        self.done.push((format!("{name}{mark}"), started.elapsed()));
        outcome.with_context(|| format!("{name} failed"))
    }

    /// A line to print below the times.
    pub(crate) fn note(&mut self, line: String) {
        self.notes.push(line);
    }

    /// The lines to print last of all.
    pub(crate) fn close_with(&mut self, lines: Vec<String>) {
        self.closing = lines;
    }

    /// Prints the time of each step and what the steps left to say.
    pub(crate) fn print(&self) {
        eprintln!("\n==> times");
        for (name, time) in &self.done {
            eprintln!("{:>9.1} s  {name}", time.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, time)| *time).sum();
        eprintln!("{:>9.1} s  in all", total.as_secs_f64());
        for line in self.notes.iter().chain(&self.closing) {
            eprintln!("{line}");
        }
    }
}

/// Runs a program with this terminal as its own.
///
/// # Errors
/// When it cannot be started or does not end well; the error is its command line.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = command_line(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    check(status, &line)
}

/// Runs a program whose standard error is shown as it comes, and adds its lines to `printed`.
///
/// On a terminal nothing is caught, so that the program's progress display works.
///
/// # Errors
/// As for [`run`].
pub(crate) fn run_and_watch(command: &mut Command, printed: &mut Vec<String>) -> anyhow::Result<()> {
    if std::io::stderr().is_terminal() {
        return run(command);
    }
    let line = command_line(command);
    eprintln!("$ {line}");
    let show = |line: &str| eprintln!("{line}");
    catch(command, show, printed).and_then(|status| check(status, &line))
}

/// Runs a program without showing its standard error, and returns its lines; the last are shown where it fails.
///
/// # Errors
/// As for [`run`].
pub(crate) fn run_quietly(command: &mut Command) -> anyhow::Result<Vec<String>> {
    let line = command_line(command);
    eprintln!("$ {line}");
    let mut printed = Vec::new();
    let status = catch(command, |_| (), &mut printed)?;
    if !status.success() {
        let skipped = printed.len().saturating_sub(80);
        printed.iter().skip(skipped).for_each(|line| eprintln!("{line}"));
    }
    check(status, &line).map(|()| printed)
}

fn catch(
    command: &mut Command,
    show: impl Fn(&str),
    printed: &mut Vec<String>,
) -> anyhow::Result<ExitStatus> {
    let line = command_line(command);
    let mut child =
        command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let pipe = child.stderr.take().context("invariant: standard error was piped")?;
    for piece in BufReader::new(pipe).split(b'\n') {
        let piece = piece.with_context(|| format!("cannot read what `{line}` prints"))?;
        let text = String::from_utf8_lossy(&piece).into_owned();
        show(&text);
        printed.push(text);
    }
    child.wait().with_context(|| format!("cannot wait for `{line}`"))
}

fn check(status: ExitStatus, line: &str) -> anyhow::Result<()> {
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Whether a program can be started and ends well; it prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A command as a person would type it.
pub(crate) fn command_line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        value.map(|value| format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())))
    });
    // Cargo is started by its full path; `cargo` is what a person types.
    let program = Path::new(command.get_program()).file_name();
    let words = program.into_iter().chain(command.get_args()).map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let mut command = Command::new("/usr/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", ""]);
        assert_eq!(command_line(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace ''");
    }

    #[test]
    fn a_failing_program_is_named_with_its_arguments() {
        let error = run(Command::new(crate::workspace::cargo()).arg("no-such-subcommand")).unwrap_err();
        assert!(error.to_string().contains("no-such-subcommand` ended with"), "{error}");
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("cannot start `no-such-program`"), "{error}");
        let mut command = Command::new(crate::workspace::cargo());
        let error = run_quietly(command.arg("no-such-subcommand")).unwrap_err();
        assert!(error.to_string().contains("no-such-subcommand` ended with"), "{error}");
    }

    #[test]
    fn a_failed_step_is_timed_and_named() {
        let mut steps = Steps::default();
        let error = steps.step("look", || -> anyhow::Result<()> { bail!("nothing there") }).unwrap_err();
        assert_eq!(format!("{error:#}"), "look failed: nothing there");
        assert_eq!(steps.done[0].0, "look (failed)");
    }
}
