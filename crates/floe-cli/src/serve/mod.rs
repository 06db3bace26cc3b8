//! `floe serve`: a STUN and TURN server for trying things out, by turn-server-proto: the protocol is its, the sockets
//! and the limits are ours.

mod announce;
mod driver;
mod options;
mod peers;
mod server;
mod sockets;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

pub(crate) use options::Options;

/// The exit status for options that cannot be used.
const UNUSABLE: u8 = 2;

/// Serves until it is interrupted.
pub(crate) fn run(options: &Options) -> ExitCode {
    let settings = match options.settings() {
        Ok(settings) => settings,
        Err(error) => {
            say(&error.to_string());
            return ExitCode::from(UNUSABLE);
        }
    };
    match driver::serve(&settings, options.json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Says something to a person. Where standard error is closed nobody listens.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "floe serve: {text}");
}
