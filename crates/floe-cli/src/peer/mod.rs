//! `floe peer --stdio`: one agent, driven by JSON lines.

mod input;
mod options;
mod output;
mod send;
mod serve;
mod stats;
mod stdio;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use floe::AgentBuilder;
pub(crate) use options::Options;
use serve::{Ending, serve};

/// The exit status for options that cannot be used.
const UNUSABLE: u8 = 2;

/// Runs the peer until it is closed, its input ends or its agent fails.
pub(crate) fn run(options: &Options) -> ExitCode {
    if let Some((option, missing)) = options.unsupported() {
        say(&format!("{option} cannot be used: {missing}"));
        return ExitCode::from(UNUSABLE);
    }
    let agent = match options.agent() {
        Ok(agent) => agent,
        Err(error) => {
            say(&format!("{error:#}"));
            return ExitCode::from(UNUSABLE);
        }
    };
    match run_peer(options, agent) {
        Ok(Ending::Closed) => ExitCode::SUCCESS,
        Ok(Ending::Failed) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{error}"));
            ExitCode::FAILURE
        }
    }
}

fn run_peer(options: &Options, agent: AgentBuilder) -> Result<Ending, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines_in = stdio::read_lines()?;
    let (lines_out, writer) = stdio::write_lines()?;
    let ending = runtime.block_on(serve(options, agent, lines_in, lines_out));
    // The tasks hold ends of the channel; when they are gone, the writer finishes.
    drop(runtime);
    let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer of lines panicked")));
    match written {
        // Whoever started this has closed its end: a way to say that it is over.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ending,
        Err(error) => Err(error.into()),
        Ok(()) => ending,
    }
}

/// Says something to a person. Where standard error is closed nobody listens.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "floe peer: {text}");
}
