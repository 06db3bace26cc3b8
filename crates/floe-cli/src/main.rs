//! `floe`: ICE on the command line.
//!
//! `floe peer --stdio` is an ICE agent that any program can drive by JSON lines; `docs/peer-protocol.md` describes them.
//! `floe gather` lists the candidates that this host and its servers give.
//! `floe nat --stun URL` tells how the NATs between this host and a STUN server behave.
#![allow(clippy::disallowed_methods, reason = "a program: it has threads, a clock and an environment")]

mod gather;
mod nat;
mod peer;
mod serve;
mod servers;
mod sources;

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

/// ICE (RFC 8445) on the command line.
#[derive(Debug, clap::Parser)]
#[command(name = "floe", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Gather(gather::Options),
    Nat(nat::Options),
    Peer(peer::Options),
    Serve(serve::Options),
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    // Standard output is the program's; the log goes to standard error. RUST_LOG says how much of it.
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::WARN.into()).from_env_lossy();
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    match command {
        Command::Gather(options) => gather::run(&options),
        Command::Nat(options) => nat::run(&options),
        Command::Peer(options) => peer::run(&options),
        Command::Serve(options) => serve::run(&options),
    }
}

/// Reads a time in seconds, which may have a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is expected".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
