//! `floe nat`: how the NATs between this host and a STUN server behave.

mod drive;
mod options;
mod place;
mod print;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use floe_nat::Report;
pub(crate) use options::Options;
use place::Place;

/// The exit status for options that cannot be used.
const UNUSABLE: u8 = 2;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The options cannot be used.
    #[error("{0}")]
    Options(String),
    /// Nothing was found out.
    #[error("{0}")]
    Server(String),
    /// The system fails.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Asks, and prints what was found out.
pub(crate) fn run(options: &Options) -> ExitCode {
    let printed = report(options).and_then(|report| Ok(print::print(&report, options.json)?));
    match printed {
        // Whoever reads this has closed its end.
        Err(Failure::System(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(failure) => {
            // Where standard error is closed nobody listens.
            let _ = writeln!(io::stderr(), "floe nat: {failure}");
            match failure {
                Failure::Options(_) => ExitCode::from(UNUSABLE),
                Failure::Server(_) | Failure::System(_) => ExitCode::FAILURE,
            }
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn report(options: &Options) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(options))
}

/// Asks the addresses of the server in turn, until one answers.
async fn ask(options: &Options) -> Result<Report, Failure> {
    let places = Place::find(options).await?;
    let mut failed = Vec::new();
    for place in places {
        match drive::run(options.config(), place).await? {
            Ok(report) => return Ok(report),
            Err(why) => failed.push(why),
        }
    }
    Err(Failure::Server(format!("{}: {}", options.stun, failed.join("; "))))
}
