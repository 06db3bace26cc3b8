//! A `floe peer --stdio` process and its lines.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Nothing on loopback takes this long, unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A running peer. It is killed when it is dropped.
pub(crate) struct Peer {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    /// All lines that came out so far.
    pub(crate) seen: Vec<Value>,
}

impl Peer {
    pub(crate) fn start(name: &'static str, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
        command.args(["peer", "--stdio"]).args(options).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, child, stdin, stdout: Some(stdout), seen: Vec::new() }
    }

    /// The next line; `None` at the end.
    ///
    /// Cancel safe: a line that was read in part is kept.
    pub(crate) async fn line(&mut self) -> Option<Value> {
        let line = timeout(LIMIT, self.stdout.as_mut().unwrap().next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{} is silent after {:#?}", self.name, self.seen));
        let line: Value = serde_json::from_str(&line.unwrap()?).unwrap();
        self.seen.push(line.clone());
        Some(line)
    }

    /// The next line of this type.
    pub(crate) async fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let line = self.line().await;
            let line = line.unwrap_or_else(|| panic!("{} ended without {kind}: {:#?}", self.name, self.seen));
            if line["type"] == kind {
                return line;
            }
        }
    }

    pub(crate) async fn say(&mut self, line: &Value) {
        self.say_text(&line.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, line: &str) {
        self.say_raw(format!("{line}\n").as_bytes()).await;
    }

    pub(crate) async fn say_raw(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    /// Closes the standard input.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Reads to the end and waits for the process.
    pub(crate) async fn end(mut self) -> (ExitStatus, Vec<Value>) {
        while self.line().await.is_some() {}
        (self.status().await, self.seen)
    }

    /// Waits for the process.
    pub(crate) async fn status(&mut self) -> ExitStatus {
        timeout(LIMIT, self.child.wait()).await.expect("it does not end").unwrap()
    }

    /// Closes this end of its standard output.
    pub(crate) fn stop_listening(&mut self) {
        self.stdout = None;
    }

    /// How many lines of this type were seen.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.seen.iter().filter(|line| line["type"] == kind).count()
    }

    pub(crate) fn has_state(&self, state: &str) -> bool {
        self.seen.iter().any(|line| line["type"] == "state" && line["state"] == state)
    }
}

/// Hands the lines of signalling from each to the other, until both have seen what is waited for.
pub(crate) async fn signal_until(a: &mut Peer, b: &mut Peer, done: impl Fn(&Peer) -> bool) {
    while !(done(a) && done(b)) {
        let (line, other) = tokio::select! {
            line = a.line() => (line, &mut *b),
            line = b.line() => (line, &mut *a),
        };
        let line = line.unwrap_or_else(|| panic!("it ended: {:#?}", other.seen));
        if ["credentials", "candidate", "end-of-candidates"].iter().any(|kind| line["type"] == *kind) {
            other.say(&line).await;
        }
        // What a restart answers with is what the other side is told as credentials.
        if line["type"] == "restarted" {
            let (ufrag, pwd) = (&line["ufrag"], &line["pwd"]);
            other.say(&serde_json::json!({"type": "credentials", "ufrag": ufrag, "pwd": pwd})).await;
        }
    }
}

/// Runs the program without input to its end; its status, standard output and standard error.
pub(crate) async fn run(options: &[&str]) -> (ExitStatus, String, String) {
    run_until(options, "").await
}

/// The same, with an input that ends when this was printed.
pub(crate) async fn run_until(options: &[&str], printed: &str) -> (ExitStatus, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    // How much is logged is the default, whatever this test was started with.
    command.args(options).env_remove("RUST_LOG").kill_on_drop(true).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    let (input, mut lines) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
    while !out.contains(printed) {
        let read = timeout(LIMIT, lines.read_line(&mut out)).await.expect("it is silent").unwrap();
        assert_ne!(read, 0, "it ended: {out}");
    }
    drop(input);
    timeout(LIMIT, lines.read_to_string(&mut out)).await.unwrap().unwrap();
    timeout(LIMIT, child.stderr.take().unwrap().read_to_string(&mut err)).await.unwrap().unwrap();
    (timeout(LIMIT, child.wait()).await.unwrap().unwrap(), out, err)
}
