//! `floe gather`: the candidates of this host, as the well-known trickle-ice page lists them.

mod options;
mod print;
mod tally;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use floe::{Agent, AgentBuilder, Event, Events, Net as _, ServerError, SystemNet};
use futures::StreamExt as _;
pub(crate) use options::Options;
use print::{CandidateLine, DoneLine, Line, Printer, milliseconds};
use tally::Tally;
use tokio::time::Instant;

/// The exit status for options that cannot be used.
const UNUSABLE: u8 = 2;

/// Why it came to no end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The options cannot be used.
    #[error("{0}")]
    Options(String),
    /// The system fails.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The agent cannot gather.
    #[error("{0}")]
    Agent(String),
}

/// Gathers, and prints what comes of it.
pub(crate) fn run(options: &Options) -> ExitCode {
    match gather(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads this has closed its end.
        Err(Failure::System(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(failure) => {
            // Where standard error is closed nobody listens.
            let _ = writeln!(io::stderr(), "floe gather: {failure}");
            match failure {
                Failure::Options(_) => ExitCode::from(UNUSABLE),
                Failure::System(_) | Failure::Agent(_) => ExitCode::FAILURE,
            }
        }
    }
}

/// Whether all was gathered and no server failed.
fn gather(options: &Options) -> Result<bool, Failure> {
    let unusable = |error: anyhow::Error| Failure::Options(format!("{error:#}"));
    let (agent, servers) = (options.agent().map_err(unusable)?, options.sources.servers.servers());
    let tally = Tally::new(&servers.map_err(unusable)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        check_interfaces(&options.sources.interface).await?;
        let lister = Lister::new(options, tally)?;
        lister.run(agent, options.timeout).await
    })
}

/// An agent would wait for an interface to come; a person has mistyped its name.
async fn check_interfaces(names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let interfaces = SystemNet::new().interfaces().await?;
    match names.iter().find(|name| interfaces.iter().all(|interface| interface.name != **name)) {
        Some(name) => {
            Err(Failure::Options(format!("--interface {name} cannot be used: there is none of this name")))
        }
        None => Ok(()),
    }
}

/// Lists what an agent tells.
struct Lister {
    printer: Printer<io::Stdout>,
    tally: Tally,
    verbose: bool,
    start: Instant,
}

impl Lister {
    fn new(options: &Options, tally: Tally) -> io::Result<Self> {
        let printer = Printer::new(io::stdout(), options.json)?;
        Ok(Self { printer, tally, verbose: options.verbose, start: Instant::now() })
    }

    async fn run(mut self, agent: AgentBuilder, timeout: Option<Duration>) -> Result<bool, Failure> {
        let agent = agent.build().map_err(|error| Failure::Agent(error.to_string()))?;
        self.start = Instant::now();
        let stop = timeout.and_then(|timeout| self.start.checked_add(timeout));
        let listed = self.list(&agent, agent.events(), stop).await;
        let time = self.start.elapsed();
        // Allocations are given back, whatever happened.
        agent.close().await;
        let complete = listed?;
        self.end(time, complete)?;
        Ok(complete && self.tally.is_good())
    }

    /// Lists until the end of candidates, which is `true`, or until the time is up.
    async fn list(
        &mut self,
        agent: &Agent,
        mut events: Events,
        stop: Option<Instant>,
    ) -> Result<bool, Failure> {
        let mut begun = false;
        let gather = agent.gather();
        tokio::pin!(gather);
        loop {
            tokio::select! {
                // What came in time counts.
                biased;
                event = events.next() => match event {
                    Some(Event::EndOfCandidates { .. }) => return Ok(true),
                    Some(event) => self.tell(&event)?,
                    None => return Err(Failure::Agent("the agent has ended".to_owned())),
                },
                done = &mut gather, if !begun => {
                    done.map_err(|error| Failure::Agent(error.to_string()))?;
                    begun = true;
                }
                () = sleep_until(stop) => return Ok(false),
            }
        }
    }

    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let time = self.start.elapsed();
        let line = match event {
            Event::Candidate { candidate, base, server, .. } => {
                let server = self.tally.candidate(*server);
                Line::Candidate(CandidateLine::new(time, candidate, base.0, server))
            }
            Event::ServerFailed { component, server, from, why, .. } => {
                let of_name = matches!(why, ServerError::Resolve(_) | ServerError::ResolveTimeout(_));
                // Its name is the same from every address: once is enough.
                if of_name && self.tally.has_failed(*server) {
                    return Ok(());
                }
                Line::ServerError {
                    time_ms: milliseconds(time),
                    component: component.get(),
                    server: self.tally.error(*server).to_owned(),
                    from: from.map(|from| from.0).filter(|_| !of_name),
                    reason: why.to_string(),
                }
            }
            Event::GatherRefused { address, interface, why } => {
                self.tally.refused.push(format!("{} of {interface}: {why}", address.0));
                if !self.verbose {
                    return Ok(());
                }
                let (interface, reason) = (interface.to_string(), why.to_string());
                Line::Refused { time_ms: milliseconds(time), interface, address: address.0, reason }
            }
            _ => return Ok(()),
        };
        self.printer.print(&line)
    }

    fn end(&mut self, time: Duration, complete: bool) -> io::Result<()> {
        let tally = &self.tally;
        // With `-v` they were told already.
        let none = tally.candidates == 0 && !self.verbose;
        let line = DoneLine {
            time_ms: milliseconds(time),
            complete,
            candidates: tally.candidates,
            failed_servers: tally.failed(),
            without_result: tally.without_result().into_iter().map(ToOwned::to_owned).collect(),
            why_none: if none { tally.refused.clone() } else { Vec::new() },
        };
        self.printer.print(&Line::Done(line))
    }
}

/// Sleeps until then; for ever where there is nothing to wait for.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
