//! Between the lines and the agent.

use floe::{
    Agent, AgentBuilder, ComponentId, Event, Events, GatherError, IceState, Pacing, RemoteDescription,
};
use futures::StreamExt as _;
use tokio::{
    sync::mpsc::{Receiver, Sender},
    task::JoinHandle,
};

use super::{
    input::{self, Input},
    options::Options,
    output::{Output, SelectedLine, milliseconds},
    send::{self, Sending, What},
    stats::StatsLine,
};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was closed, or its input ended.
    Closed,
    /// The agent failed; its reason is the last state line.
    Failed,
}

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// Serves one agent until it is over.
pub(crate) async fn serve(
    options: &Options,
    agent: AgentBuilder,
    mut lines: Receiver<(u64, Vec<u8>)>,
    out: Sender<String>,
) -> Result<Ending, Box<dyn std::error::Error>> {
    let agent = agent.build()?;
    let mut events = agent.events();
    let mut peer = Peer::start(agent, options, out).await;
    loop {
        tokio::select! {
            // What the agent tells goes out before the next line is looked at.
            biased;
            Some(event) = events.next() => {
                if peer.tell(&event).await {
                    return Ok(Ending::Failed);
                }
            }
            line = lines.recv() => match line {
                Some((number, line)) => {
                    if peer.handle_line(number, &line).await {
                        break;
                    }
                }
                None => break,
            },
            () = peer.out.closed() => break,
        }
    }
    peer.close(events).await;
    Ok(Ending::Closed)
}

struct Peer {
    agent: Agent,
    out: Sender<String>,
    sends: Sender<Sending>,
    sending: JoinHandle<()>,
    components: u16,
    /// Lines that were answered with an error.
    refused: u64,
    gathered: Gathered,
}

/// What gathering has come to so far.
#[derive(Default)]
struct Gathered {
    candidates: usize,
    refused: Vec<String>,
}

impl Gathered {
    /// Takes note of an event. At the end of candidates: why there is not a single one, where there is none.
    fn note(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Candidate { .. } => self.candidates += 1,
            Event::GatherRefused { interface, why, .. } => self.refused.push(format!("{interface}: {why}")),
            Event::EndOfCandidates { .. } if self.candidates == 0 => return Some(self.refused.join("; ")),
            _ => {}
        }
        None
    }
}

impl Peer {
    /// Says who it is and sets everything going.
    async fn start(agent: Agent, options: &Options, out: Sender<String>) -> Self {
        let (sends, sending) = send::spawn(agent.clone(), out.clone());
        let (role, components, echo) = (options.role(), options.components(), options.echo);
        let gathered = Gathered::default();
        let peer = Self { agent, out, sends, sending, components, refused: 0, gathered };
        let local = peer.agent.local();
        let options = local.options.iter().map(ToString::to_string).collect();
        let pacing = local.pacing.filter(|pacing| *pacing != Pacing::default()).map(Pacing::as_millis);
        peer.put(Output::credentials(&local.credentials, options, local.lite, pacing)).await;
        peer.put(Output::role(role)).await;
        peer.put(Output::State { state: IceState::New.to_string(), reason: None }).await;
        for component in (1..=components).filter_map(|id| ComponentId::new(id).ok()) {
            tokio::spawn(forward(peer.agent.clone(), component, peer.out.clone(), echo));
        }
        tokio::spawn(gather(peer.agent.clone(), peer.out.clone()));
        peer
    }

    /// Writes a line. Where nobody reads any more, `serve` notices.
    async fn put(&self, line: Output) {
        let _ = self.out.send(line.to_line()).await;
    }

    /// Tells an event; `true` where the agent has failed.
    async fn tell(&mut self, event: &Event) -> bool {
        if let Some(why) = self.gathered.note(event) {
            tracing::warn!("there is no candidate to offer: {why}");
        }
        if let Some(line) = line_of(event) {
            self.put(line).await;
        }
        matches!(event, Event::State { state: IceState::Failed, .. })
    }

    /// Does what a line says; `true` where it says to close.
    async fn handle_line(&mut self, number: u64, line: &[u8]) -> bool {
        let done = match input::parse(line) {
            Ok(Input::Close) => return true,
            Ok(input) => self.handle(number, input).await,
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = done {
            self.refused += 1;
            self.put(Output::error(format!("line {number}: {why}"))).await;
        }
        false
    }

    async fn handle(&mut self, line: u64, input: Input) -> Result<(), String> {
        match input {
            Input::Credentials { credentials, lite, options, pacing } => {
                let description =
                    RemoteDescription::new(credentials).lite(lite).options(options).pacing(pacing);
                let done = self.agent.set_remote(description).await;
                done.map_err(|error| format!("credentials: {error}"))
            }
            Input::Candidate(candidate) => {
                let done = self.agent.add_remote_candidate(*candidate).await;
                done.map(|_| ()).map_err(|error| format!("candidate: {error}"))
            }
            Input::EndOfCandidates(ufrag) => {
                let done = self.agent.end_of_remote_candidates(ufrag.as_deref()).await;
                done.map_err(|error| format!("end-of-candidates: {error}"))
            }
            Input::Send { component, data } => {
                self.check(component).map_err(|why| format!("send: {why}"))?;
                self.enqueue(Sending { line, component, what: What::One(data) }).await
            }
            Input::SendMany { component, count, size } => {
                self.check(component).map_err(|why| format!("send-many: {why}"))?;
                self.enqueue(Sending { line, component, what: What::Many { count, size } }).await
            }
            // The event of the restart is the answer.
            Input::Restart => {
                let done = self.agent.restart().await;
                done.map(|_| ()).map_err(|error| format!("restart: {error}"))
            }
            Input::Stats => {
                let stats = self.agent.stats().await.map_err(|error| format!("stats: {error}"))?;
                self.put(Output::Stats(Box::new(StatsLine::new(&stats, self.refused)))).await;
                Ok(())
            }
            // `handle_line` has dealt with it.
            Input::Close => Ok(()),
        }
    }

    fn check(&self, component: ComponentId) -> Result<(), String> {
        let known = component.get() <= self.components;
        if known { Ok(()) } else { Err(format!("component: there is no component {component}")) }
    }

    async fn enqueue(&self, sending: Sending) -> Result<(), String> {
        self.sends.send(sending).await.map_err(|_| "nothing is sent any more".to_owned())
    }

    /// Lets all that was asked for be sent, closes the agent, and tells its last events.
    async fn close(self, mut events: Events) {
        let Self { agent, out, sends, sending, .. } = self;
        drop(sends);
        // An error would say that the task panicked: that is on standard error, and closing goes on.
        let _ = sending.await;
        agent.close().await;
        while let Some(event) = events.next().await {
            if let Some(line) = line_of(&event) {
                let _ = out.send(line.to_line()).await;
            }
        }
    }
}

/// The line that tells an event, if one does.
fn line_of(event: &Event) -> Option<Output> {
    Some(match event {
        Event::Candidate { candidate, ufrag, .. } => Output::candidate(candidate, ufrag),
        Event::Restarted { local, .. } => Output::restarted(&local.credentials),
        Event::EndOfCandidates { .. } => Output::EndOfCandidates,
        Event::State { state, reason } => {
            Output::State { state: state.to_string(), reason: reason.as_ref().map(ToString::to_string) }
        }
        Event::Role(role) => Output::role(*role),
        Event::Selected { component, local, remote, rtt, elapsed, .. } => Output::Selected(SelectedLine {
            component: component.get(),
            local: local.to_string(),
            remote: remote.to_string(),
            rtt_ms: rtt.map(milliseconds),
            elapsed_ms: milliseconds(*elapsed),
        }),
        // A candidate that came before the credentials is judged only when they are there.
        Event::CandidateRefused { candidate, why, .. } => {
            Output::error(format!("candidate: {why}: {candidate}"))
        }
        _ => return None,
    })
}

async fn gather(agent: Agent, out: Sender<String>) {
    match agent.gather().await {
        // Who closes before it has begun has not asked for what is missing.
        Ok(()) | Err(GatherError::Closed(_)) => {}
        Err(error) => {
            let _ = out.send(Output::error(format!("gathering: {error}")).to_line()).await;
        }
    }
}

/// Writes what comes in for a component, and sends it back where it is wanted.
async fn forward(agent: Agent, component: ComponentId, out: Sender<String>, echo: bool) {
    let Ok(connection) = agent.connect(component).await else { return };
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let datagram = match connection.recv(&mut buffer).await {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(_) => return,
        };
        if out.send(Output::data(component, datagram).to_line()).await.is_err() {
            return;
        }
        if echo && let Err(error) = connection.send(datagram).await {
            tracing::debug!(%error, "a datagram was not sent back");
        }
    }
}
