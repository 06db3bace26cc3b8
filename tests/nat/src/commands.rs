//! Programs that are run to their end.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};

/// Where system programs are that a user's path may lack.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// A program, looked for where an administrator's are, too.
pub(crate) fn program(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:{SYSTEM_PATH}"));
    command
}

/// A program inside this network namespace.
pub(crate) fn inside(namespace: &str, name: &str) -> Command {
    let mut command = program("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}")).arg("--").arg(name);
    command
}

/// Runs it with this input; what it printed.
///
/// # Errors
/// When it cannot be started or does not end well, with what it said.
pub(crate) fn feed(command: &mut Command, input: &str) -> anyhow::Result<String> {
    let name = format!("{command:?}");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().with_context(|| format!("cannot start {name}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).with_context(|| format!("{name} takes no input"))?;
    }
    let output = child.wait_with_output().with_context(|| format!("cannot wait for {name}"))?;
    if !output.status.success() {
        bail!("{name} ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Loads these rules of nftables into a namespace.
pub(crate) fn load_rules(namespace: &str, rules: &str) -> anyhow::Result<()> {
    feed(inside(namespace, "nft").args(["-f", "-"]), rules).map(drop)
}
