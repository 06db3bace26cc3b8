//! A process with a network of its own, which takes all of it along when it ends.

use std::{
    io::{self, Read as _},
    process::{Child, Command},
    thread,
};

use anyhow::Context as _;

use crate::commands::program;

/// What the new process does before it becomes the program: `ip netns` keeps its names in `/run/netns`, and everything
/// else that a lab writes goes to the same private place.
const PREPARE: &str =
    r#"mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/lab && ip link set lo up && exec "$@""#;

/// A command that runs a program in namespaces of its own: network, mounts and process table; and where this is not
/// root, users, so that it is root in there.
///
/// Its process is the first of its process table, so the kernel ends all others with it.
pub(crate) fn isolated(name: &str) -> Command {
    let mut command = program("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["--propagation", "private", "sh", "-c", PREPARE, "sh", name]);
    command
}

fn is_root() -> bool {
    let user = program("id").arg("-u").output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Called inside: ends this process when the one that started it is gone, which holds the other end of its standard
/// input. Being told by the kernel needs no last act of a process that may be killed.
pub(crate) fn end_with_parent() {
    thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = io::stdin().read_to_end(&mut rest);
        std::process::exit(3);
    });
}

/// Waits for an isolated process; its standard input stays open until then.
pub(crate) fn wait(child: Child) -> anyhow::Result<(bool, Vec<u8>)> {
    let mut child = child;
    let lifeline = child.stdin.take();
    let output = child.wait_with_output().context("cannot wait for the lab")?;
    drop(lifeline);
    Ok((output.status.success(), output.stdout))
}
