//! What is done inside a lab, and how it gets in and its result out.

use std::{
    path::PathBuf,
    process::{ExitCode, Stdio},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    agent::Programs,
    behaviour::{self, Probe},
    call::{self, Signalling},
    cell::Cell,
    commands::inside,
    gateway::Gateway,
    hold::{Hold, hold, restart},
    isolate::{end_with_parent, isolated, wait},
};

/// Set for a process inside a lab: its task.
const TASK: &str = "FLOE_NAT_LAB_TASK";

/// Something to do in a lab of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Make this call and measure it: a [`call::Measurement`].
    Call {
        /// Where.
        cell: Box<Cell>,
        /// Between whom.
        programs: [Programs; 2],
        /// When they are told of each other.
        signalling: Signalling,
    },
    /// Find out how this gateway behaves: a [`behaviour::Behaviour`].
    Observe(Gateway),
    /// Run `floe nat`, the program at this path, behind this gateway: its report.
    Tell(PathBuf, Gateway),
    /// Hold an allocation: a [`crate::hold::Held`].
    Hold(Hold),
    /// Kill the server under a call between these and start it anew: a [`crate::hold::Restarted`].
    Restart([Programs; 2]),
    /// Ask a server from inside a namespace.
    #[doc(hidden)]
    Probe(Probe),
}

/// Does the task of a process that was started for one; every program that calls [`run`] calls this first.
///
/// `None` in a process that was started by somebody else.
#[must_use]
pub fn main_inside() -> Option<ExitCode> {
    let text = std::env::var(TASK).ok()?;
    let outcome = serde_json::from_str(&text).context("this is no task").and_then(perform);
    let outcome = outcome.map_err(|error| format!("{error:#}"));
    let code = if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    print(&outcome);
    Some(code)
}

#[allow(clippy::print_stdout, reason = "what a task found goes out on standard output")]
fn print(outcome: &Result<serde_json::Value, String>) {
    println!("{}", serde_json::json!(outcome));
}

fn perform(task: Task) -> anyhow::Result<serde_json::Value> {
    let value = match task {
        Task::Probe(probe) => return Ok(serde_json::to_value(probe.ask()?)?),
        Task::Call { cell, programs, signalling } => {
            end_with_parent();
            serde_json::to_value(call::measure(&cell, &programs, signalling)?)
        }
        Task::Hold(task) => {
            end_with_parent();
            serde_json::to_value(hold(&task)?)
        }
        Task::Restart(programs) => {
            end_with_parent();
            serde_json::to_value(restart(&programs)?)
        }
        Task::Tell(floe, gateway) => {
            end_with_parent();
            return behaviour::tell(&floe, gateway);
        }
        Task::Observe(gateway) => {
            end_with_parent();
            serde_json::to_value(behaviour::observe(gateway)?)
        }
    };
    Ok(value?)
}

/// Does a task in a lab of its own, in a process that is this program once more.
///
/// # Errors
/// When the lab cannot be built, or the task fails.
pub fn run<T: DeserializeOwned>(task: &Task) -> anyhow::Result<T> {
    let mut command = isolated(&this_program()?);
    command.env(TASK, serde_json::to_string(task)?).stdin(Stdio::piped()).stdout(Stdio::piped());
    outcome(command.spawn().context("cannot start a lab").and_then(wait)?)
}

/// Does a task in one of the lab's namespaces.
pub(crate) fn run_in<T: DeserializeOwned>(namespace: &str, task: &Task) -> anyhow::Result<T> {
    let mut command = inside(namespace, &this_program()?);
    command.env(TASK, serde_json::to_string(task)?).stdin(Stdio::null()).stdout(Stdio::piped());
    outcome(command.spawn().with_context(|| format!("cannot enter {namespace}")).and_then(wait)?)
}

fn this_program() -> anyhow::Result<String> {
    let path = std::env::current_exe().context("this program does not know where it is")?;
    Ok(path.to_string_lossy().into_owned())
}

fn outcome<T: DeserializeOwned>((success, printed): (bool, Vec<u8>)) -> anyhow::Result<T> {
    let outcome: Result<T, String> = serde_json::from_slice(&printed)
        .with_context(|| format!("the lab ended (well: {success}) without a result"))?;
    outcome.map_err(anyhow::Error::msg)
}
