//! `floe`: ICE on the command line.
//!
//! `floe peer --stdio` is an ICE agent that any program can drive by JSON lines; `docs/peer-protocol.md` describes them.
//! `floe nat --stun URL` tells how the NATs between this host and a STUN server behave.
#![allow(clippy::disallowed_methods, reason = "a program: it has threads, a clock and an environment")]

mod nat;
mod peer;
mod serve;
mod servers;

use std::{io::IsTerminal as _, process::ExitCode};

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
        Command::Nat(options) => nat::run(&options),
        Command::Peer(options) => peer::run(&options),
        Command::Serve(options) => serve::run(&options),
    }
}
