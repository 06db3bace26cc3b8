//! An agent in a host's namespace, and its lines.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::Sender,
    thread,
    time::Instant,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    commands::inside,
    coturn::{AUTHORITY, FOLDER, PASSWORD, Service, USER},
};

const AIOICE_PEER: &str = include_str!("../aioice_peer.py");

/// The programs that are agents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Programs {
    /// The program `floe`, at this path.
    Floe(PathBuf),
    /// aioice, for this Python.
    Aioice(String),
}

/// What an agent is told when it is started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) services: Vec<Service>,
    pub(crate) v6_servers: bool,
    pub(crate) relay_only: bool,
    /// The pacing interval that is proposed, in milliseconds; `None`: the default of 50.
    pub(crate) ta: Option<u32>,
}

/// A line of an agent: which one's, and when it came.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) side: usize,
    pub(crate) at: Instant,
    /// `None` when it closed its output.
    pub(crate) line: Option<Value>,
}

/// A running agent.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
    stdin: ChildStdin,
}

impl Agent {
    /// Starts it on a host; its lines go to `heard`.
    pub(crate) fn start(
        programs: &Programs,
        host: &str,
        side: usize,
        setup: &Setup,
        heard: Sender<Heard>,
    ) -> anyhow::Result<Self> {
        let role = if side == 0 { "controlling" } else { "controlled" };
        let mut command = match programs {
            Programs::Floe(path) => {
                let mut command = inside(host, &path.to_string_lossy());
                command.args(["peer", "--stdio"]);
                command
            }
            Programs::Aioice(python) => {
                let script = format!("{FOLDER}/aioice_peer.py");
                fs::write(&script, AIOICE_PEER)?;
                let mut command = inside(host, python);
                command.arg(script);
                command
            }
        };
        command.args(["--role", role]).args(setup.arguments());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start an agent")?;
        let stdin = child.stdin.take().context("invariant: its input is piped")?;
        let stdout = child.stdout.take().context("invariant: its output is piped")?;
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let at = Instant::now();
                let line = line
                    .map_or(Value::Null, |line| serde_json::from_str(&line).unwrap_or(Value::String(line)));
                if heard.send(Heard { side, at, line: Some(line) }).is_err() {
                    return;
                }
            }
            let _ = heard.send(Heard { side, at: Instant::now(), line: None });
        });
        Ok(Self { child, stdin })
    }

    pub(crate) fn say(&mut self, line: &Value) -> anyhow::Result<()> {
        writeln!(self.stdin, "{line}").context("an agent has ended")
    }

    /// Asks it to end, and waits for it.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        // It may be gone already, and then its status says so.
        let _ = self.say(&json!({"type": "close"}));
        drop(self.stdin);
        let status = self.child.wait().context("cannot wait for an agent")?;
        anyhow::ensure!(status.success(), "an agent ended with {status}");
        Ok(())
    }
}

impl Setup {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        for service in &self.services {
            let url = service.url(self.v6_servers);
            if *service == Service::Stun {
                arguments.extend(["--stun".to_owned(), url]);
            } else {
                let words = ["--turn", &url, "--turn-user", USER, "--turn-password", PASSWORD];
                arguments.extend(words.map(str::to_owned));
            }
        }
        if self.services.iter().any(|service| service.is_encrypted()) {
            arguments.extend(["--tls-ca", AUTHORITY].map(str::to_owned));
        }
        if self.relay_only {
            arguments.extend(["--policy", "relay"].map(str::to_owned));
        }
        if let Some(ta) = self.ta {
            arguments.extend(["--ta".to_owned(), ta.to_string()]);
        }
        arguments
    }
}
