//! Two agents in one program find each other, and exchange messages.
//!
//! ```text
//! cargo run --release --example two_peers
//! cargo run --release --example two_peers -- --json
//! ```
//!
//! Everything between the two goes through sockets of the operating system. Signalling, which in the real world is
//! somebody else's server, is a few lines here: what one agent tells is handed to the other.
#![allow(clippy::disallowed_methods, reason = "a program: it reads the clock")]

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Parser as _;
use floe::{
    Agent, Candidate, ComponentId, Connection, Event, Events, IceState, PairId, RemoteDescription, Role,
};
use futures::{Stream, StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Two ICE agents in one program find each other, and exchange messages.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Print one JSON document at the end, for programs.
    #[arg(long)]
    json: bool,
    /// How many messages go there and back.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    messages: u32,
    /// How many bytes each message has.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(4..=65_507))]
    size: u16,
}

/// No path, no gathering and no answer takes longer than this on one machine.
const LIMIT: Duration = Duration::from_secs(30);
/// A message whose answer takes longer is lost.
const MESSAGE_LIMIT: Duration = Duration::from_secs(1);
/// After so many lost messages and not one answer nothing will come any more.
const HOPELESS: u32 = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match run(Options::parse()).await {
        // Whoever reads has seen enough, as `head` has: no reason to complain.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        other => other,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn run(options: Options) -> anyhow::Result<()> {
    let mut show = Show::new(options.json);
    let mut peers = Peers::new()?;

    let connecting = peers.connect(&mut show);
    tokio::time::timeout(LIMIT, connecting).await.context("the two did not connect in time")??;
    let messages = peers.exchange(&options, &mut show).await?;
    peers.close().await;
    show.summary(&messages, options.size)
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Who {
    Alice,
    Bob,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad`, so that the columns stand below each other.
        f.pad(match self {
            Self::Alice => "Alice",
            Self::Bob => "Bob",
        })
    }
}

/// The two agents.
struct Peers {
    alice: Agent,
    bob: Agent,
    events: Box<dyn Stream<Item = (Who, Event)> + Unpin>,
}

impl Peers {
    fn new() -> anyhow::Result<Self> {
        // Where loopback is all there is, loopback it is.
        let agent = |role| Agent::builder().role(role).loopback_if_alone(true).build();
        let (alice, bob) = (agent(Role::Controlling)?, agent(Role::Controlled)?);
        let events_of = |who: Who, events: Events| events.map(move |event| (who, event));
        let events = stream::select(events_of(Who::Alice, alice.events()), events_of(Who::Bob, bob.events()));
        Ok(Self { events: Box::new(events), alice, bob })
    }

    fn other(&self, who: Who) -> &Agent {
        match who {
            Who::Alice => &self.bob,
            Who::Bob => &self.alice,
        }
    }

    /// Gathers and checks, until both have selected a pair.
    async fn connect(&mut self, show: &mut Show) -> anyhow::Result<()> {
        let credentials = |agent: &Agent| RemoteDescription::new(agent.local().credentials.clone());
        self.alice.set_remote(credentials(&self.bob)).await?;
        self.bob.set_remote(credentials(&self.alice)).await?;
        tokio::try_join!(self.alice.gather(), self.bob.gather())?;

        while !show.both_selected() {
            let (who, event) = self.events.next().await.context("both agents are gone")?;
            show.event(who, &event)?;
            match event {
                // This is the signalling: what one tells, the other is told.
                Event::Candidate { candidate, .. } => {
                    self.other(who).add_remote_candidate(candidate).await?;
                }
                Event::EndOfCandidates { .. } if !show.has_candidates(who) => {
                    show.refused.iter().try_for_each(|why| show.line(who, why))?;
                    bail!("{who} found no address to use on this host, not even loopback");
                }
                Event::EndOfCandidates { .. } => self.other(who).end_of_remote_candidates(None).await?,
                Event::State { state: IceState::Failed, reason } => {
                    let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
                    bail!("{who} has failed: {reason}");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Alice sends, Bob sends back.
    async fn exchange(&self, options: &Options, show: &mut Show) -> anyhow::Result<Messages> {
        let alice = self.alice.connect(ComponentId::RTP).await?;
        let bob = self.bob.connect(ComponentId::RTP).await?;
        let echo = tokio::spawn(echo(bob));
        let mut messages = Messages { sent: 0, lost: 0, round_trips: Vec::new() };
        let bar = show.bar(options.messages.into());
        for number in 0..options.messages {
            if messages.round_trips.is_empty() && messages.lost >= HOPELESS {
                break;
            }
            messages.sent += 1;
            let answered =
                tokio::time::timeout(MESSAGE_LIMIT, round_trip(&alice, number, options.size)).await;
            match answered {
                Ok(time) => messages.round_trips.push(time?),
                Err(_) => messages.lost += 1,
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        echo.abort();
        if messages.round_trips.is_empty() {
            bail!("none of {} messages came back", messages.sent);
        }
        messages.round_trips.sort();
        Ok(messages)
    }

    async fn close(self) {
        self.alice.close().await;
        self.bob.close().await;
    }
}

/// Sends message number so-and-so and waits for it to come back.
async fn round_trip(connection: &Connection, number: u32, size: u16) -> anyhow::Result<Duration> {
    let mut message = vec![b'.'; size.into()];
    message.splice(..4, number.to_be_bytes());
    let mut answer = vec![0; 65_535];
    let begin = Instant::now();
    connection.send(&message).await?;
    loop {
        let length = connection.recv(&mut answer).await?;
        // The answer to an earlier message that was given up may still come.
        if answer.get(..length) == Some(message.as_slice()) {
            return Ok(begin.elapsed());
        }
    }
}

async fn echo(connection: Connection) {
    let mut buffer = vec![0; 65_535];
    while let Ok(length) = connection.recv(&mut buffer).await {
        // An answer that cannot be sent is a lost message, and counted as such by who waits for it.
        let _ = connection.send(buffer.get(..length).unwrap_or_default()).await;
    }
}

/// What the messages came to. The round trips are in order, shortest first.
struct Messages {
    sent: u32,
    lost: u32,
    round_trips: Vec<Duration>,
}

impl Messages {
    /// The round trip that so many per mille are not longer than.
    fn percentile(&self, per_mille: usize) -> Duration {
        let last = self.round_trips.len().saturating_sub(1);
        self.round_trips.get(last * per_mille / 1000).copied().unwrap_or_default()
    }

    fn report(&self) -> MessageReport {
        let us = |per_mille| self.percentile(per_mille).as_secs_f64() * 1e6;
        MessageReport {
            sent: self.sent,
            lost: self.lost,
            min_us: us(0),
            p50_us: us(500),
            p95_us: us(950),
            p99_us: us(990),
            max_us: us(1000),
        }
    }
}

#[derive(Debug, Serialize)]
struct MessageReport {
    sent: u32,
    lost: u32,
    min_us: f64,
    p50_us: f64,
    p95_us: f64,
    p99_us: f64,
    max_us: f64,
}

/// What happened, for the JSON document.
#[derive(Debug, Default, Serialize)]
struct Report {
    loopback_only: bool,
    candidates: Vec<CandidateReport>,
    checks: Vec<CheckReport>,
    selected: Vec<SelectedReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<MessageReport>,
}

#[derive(Debug, Serialize)]
struct CandidateReport {
    agent: Who,
    candidate: String,
}

#[derive(Debug, Serialize)]
struct CheckReport {
    agent: Who,
    at_ms: f64,
    pair: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct SelectedReport {
    agent: Who,
    local: String,
    remote: String,
    why: String,
    rtt_ms: Option<f64>,
    elapsed_ms: f64,
}

/// Shows what happens: to a person line by line, to a program as one document at the end.
struct Show {
    json: bool,
    begin: Instant,
    report: Report,
    /// Addresses that gave no candidate, and why.
    refused: Vec<String>,
    spinner: ProgressBar,
}

impl Show {
    fn new(json: bool) -> Self {
        let show = Self {
            json,
            begin: Instant::now(),
            report: Report::default(),
            refused: Vec::new(),
            spinner: ProgressBar::no_length(),
        };
        // A display is for a person who looks: not for a file, not for a program.
        show.spinner.set_draw_target(show.target());
        show.spinner.set_message("gathering and checking");
        show.spinner.enable_steady_tick(Duration::from_millis(100));
        show
    }

    fn target(&self) -> ProgressDrawTarget {
        let watched = !self.json && std::io::stdout().is_terminal();
        if watched { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() }
    }

    /// A bar for the messages, in place of the spinner.
    fn bar(&self, length: u64) -> ProgressBar {
        self.spinner.finish_and_clear();
        let bar = ProgressBar::with_draw_target(Some(length), self.target());
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} messages");
        style.map_or(bar.clone(), |style| bar.with_style(style))
    }

    fn both_selected(&self) -> bool {
        [Who::Alice, Who::Bob]
            .iter()
            .all(|who| self.report.selected.iter().any(|selected| selected.agent == *who))
    }

    fn has_candidates(&self, who: Who) -> bool {
        self.report.candidates.iter().any(|candidate| candidate.agent == who)
    }

    fn elapsed_ms(&self) -> f64 {
        self.begin.elapsed().as_secs_f64() * 1e3
    }

    fn line(&self, who: Who, text: &str) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let at = self.elapsed_ms();
        self.spinner.suspend(|| writeln!(io::stdout(), "{at:8.1} ms  {who:5}  {text}"))
    }
}

impl Show {
    /// What an agent tells.
    fn event(&mut self, who: Who, event: &Event) -> io::Result<()> {
        match event {
            Event::Candidate { candidate, .. } => {
                let loopback = candidate.socket_addr().is_some_and(|address| address.ip().is_loopback());
                self.report.loopback_only =
                    loopback && (self.report.candidates.is_empty() || self.report.loopback_only);
                let text = format!("candidate  {}  priority {}", short(candidate), candidate.priority());
                let candidate = candidate.to_string();
                self.report.candidates.push(CandidateReport { agent: who, candidate });
                self.line(who, &text)
            }
            Event::EndOfCandidates { .. } => self.line(who, "candidate  no more"),
            Event::GatherRefused { interface, why, .. } => {
                self.refused.push(format!("refused    {interface}: {why}"));
                Ok(())
            }
            Event::Checking { pair, kind, local, remote, .. } => {
                self.check(who, *pair, &format!("{kind} check  {}", path(local, remote)))
            }
            Event::Valid { pair, rtt, .. } => {
                self.check(who, *pair, &format!("answered  {}", in_words(*rtt)))
            }
            Event::PairFailed { pair, why, .. } => self.check(who, *pair, &format!("failed  {why}")),
            Event::Nominating { pair, why, .. } => self.check(who, *pair, &format!("nominated  {why}")),
            Event::Selected { pair, local, remote, rtt, elapsed, why, .. } => {
                self.report.selected.push(SelectedReport {
                    agent: who,
                    local: local.to_string(),
                    remote: remote.to_string(),
                    why: why.to_string(),
                    rtt_ms: rtt.map(ms),
                    elapsed_ms: ms(*elapsed),
                });
                let pair = pair.to_string();
                self.line(who, &format!("{pair:<9}  SELECTED  {}: {why}", path(local, remote)))
            }
            Event::State { state, .. } => self.line(who, &format!("state      {state}")),
            Event::Role(role) => self.line(who, &format!("role       {role}")),
            _ => Ok(()),
        }
    }

    fn check(&mut self, who: Who, pair: PairId, what: &str) -> io::Result<()> {
        let (at_ms, pair) = (self.elapsed_ms(), pair.to_string());
        let line = format!("{pair:<9}  {what}");
        self.report.checks.push(CheckReport { agent: who, at_ms, pair, what: what.to_owned() });
        self.line(who, &line)
    }

    /// The end: what a person wants to know, or all there is to know.
    fn summary(mut self, messages: &Messages, size: u16) -> anyhow::Result<()> {
        self.spinner.finish_and_clear();
        self.report.messages = Some(messages.report());
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&self.report)?)?;
            return Ok(());
        }
        writeln!(out, "\nConnected.")?;
        if self.report.loopback_only {
            writeln!(out, "  Loopback is the only network here, so that is what the two talk over.")?;
        }
        for SelectedReport { agent, local, remote, why, elapsed_ms, .. } in &self.report.selected {
            let (local, remote) = (local.parse()?, remote.parse()?);
            writeln!(
                out,
                "  {agent:5} uses {}, selected after {elapsed_ms:.1} ms: {why}",
                path(&local, &remote)
            )?;
        }
        let MessageReport { sent, lost, min_us, p50_us, p95_us, p99_us, max_us } = messages.report();
        writeln!(
            out,
            "  {sent} messages of {size} bytes went from Alice to Bob and back, {lost} were lost."
        )?;
        writeln!(out, "  Round trip in microseconds:")?;
        writeln!(
            out,
            "    min {min_us:.0}   p50 {p50_us:.0}   p95 {p95_us:.0}   p99 {p99_us:.0}   max {max_us:.0}"
        )?;
        Ok(())
    }
}

/// A candidate as a person reads it.
fn short(candidate: &Candidate) -> String {
    let address = candidate.socket_addr().map_or_else(|| "hidden".to_owned(), |address| address.to_string());
    format!("{} {address}", candidate.kind())
}

fn path(local: &Candidate, remote: &Candidate) -> String {
    format!("{} -> {}", short(local), short(remote))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn in_words(rtt: Option<Duration>) -> String {
    rtt.map_or_else(|| "round trip unknown".to_owned(), |rtt| format!("after {:.2} ms", ms(rtt)))
}
