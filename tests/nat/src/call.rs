//! One call: two agents in two places, from their credentials to data.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    agent::{Agent, Heard, Programs, Setup},
    cell::{Cell, Expected},
    coturn,
    topology::{Count, HOSTS, SERVER, build, counters},
};

/// How long a call may take before it has failed.
const LIMIT: Duration = Duration::from_secs(45);
/// How long a relayed pair may stand where a direct one is possible.
const BETTER: Duration = Duration::from_secs(3);
/// How long after both have selected a pair they may still change their minds.
const SETTLING: Duration = Duration::from_secs(5);
/// How long an agent may gather before it is told of the other nevertheless: where UDP is blocked, servers that cannot
/// answer are asked for much longer.
const GATHERING: Duration = Duration::from_secs(6);
/// How many datagrams each sends when both have selected.
const DATAGRAMS: u64 = 20;
/// How many bytes each has: no multiple of 4, so that on a stream and in an attribute something has to follow it.
const SIZE: usize = 401;

/// When the agents are told of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signalling {
    /// At once; candidates follow as they are found, so gathering counts in what is measured.
    Trickled,
    /// When both have gathered, or have tried for so long that nobody would wait; gathering does not count.
    Gathered,
}

/// The kind of path that was selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Between the hosts or their NATs.
    Direct,
    /// Through a relay on one side or on both.
    Relayed,
}

/// A way to the server: the transport and port that the data took.
pub type Way = String;

/// What came of a call. Times count from when each had the other's credentials, and end with the slower side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measurement {
    /// Milliseconds until both were connected: each had a pair that works.
    pub connected_ms: f64,
    /// Milliseconds until both had selected the pair that they stayed with.
    pub selected_ms: f64,
    /// The kind of path.
    pub class: Class,
    /// The types of the candidates, local and remote, as each side names them.
    pub types: [(String, String); 2],
    /// The ways to the server that the data took; none where it is direct.
    pub ways: Vec<Way>,
    /// How many packets both hosts sent, gathering included, until both had selected.
    pub packets: u64,
}

/// What is known of one side.
#[derive(Debug, Default)]
struct Side {
    credentials: Option<Value>,
    /// Lines for the other side, in order.
    candidates: Vec<Value>,
    gathered: bool,
    connected: Option<Instant>,
    selected: Option<(Instant, Value)>,
    completed: bool,
    /// The datagrams that came, each once.
    received: BTreeSet<String>,
    /// Whether the path may be lost for a while.
    forgiving: bool,
    transcript: Vec<Value>,
}

/// A call that goes on.
#[derive(Debug)]
pub(crate) struct Call {
    agents: [Agent; 2],
    sides: [Side; 2],
    heard: Receiver<Heard>,
    signalling: Signalling,
    /// Since when both had the other's credentials.
    pub(crate) since: Option<Instant>,
    started: Instant,
}

/// Builds the cell's world, makes the call and measures it.
///
/// # Errors
/// When the world cannot be built, or the call does not come to data on both sides.
pub(crate) fn measure(
    cell: &Cell,
    programs: &[Programs; 2],
    signalling: Signalling,
) -> anyhow::Result<Measurement> {
    build(cell.plan).context("cannot build the lab")?;
    let _server = coturn::start(&[]).context("cannot start the server")?;
    let setups = [0, 1].map(|side| cell.setup_for(programs, side));
    let mut call = Call::start(programs, &setups, signalling)?;
    call.settle()?;
    if cell.expected == Expected::Direct
        && !matches!(programs, [Programs::Aioice(_), _] | [_, Programs::Aioice(_)])
    {
        call.await_direct()?;
    }
    let measurement = call.exchange_data(cell);
    measurement.and_then(|measurement| call.close().map(|()| measurement))
}

impl Cell {
    fn setup_for(&self, programs: &[Programs; 2], side: usize) -> Setup {
        let mut setup = self.setup.clone();
        if matches!(programs.get(side), Some(Programs::Aioice(_))) {
            setup.services.retain(|service| *service == coturn::Service::Stun);
            setup.services.push(self.only_turn);
            setup.ta = None;
        }
        setup
    }
}

impl Call {
    pub(crate) fn start(
        programs: &[Programs; 2],
        setups: &[Setup; 2],
        signalling: Signalling,
    ) -> anyhow::Result<Self> {
        let (hearing, heard) = mpsc::channel();
        let [a, b] = programs;
        let [setup_a, setup_b] = setups;
        let agents = [
            Agent::start(a, HOSTS[0], 0, setup_a, hearing.clone())?,
            Agent::start(b, HOSTS[1], 1, setup_b, hearing)?,
        ];
        let sides = <[Side; 2]>::default();
        Ok(Self { agents, sides, heard, signalling, since: None, started: Instant::now() })
    }

    /// Carries the lines of signalling until both have selected a pair and are through with checking.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        while !self.sides.iter().all(|side| side.selected.is_some() && side.completed) {
            let patience = self.patience();
            if patience.is_zero() && self.sides.iter().all(|side| side.selected.is_some()) {
                return Ok(());
            }
            self.hear(patience).map_err(|error| self.explain(&error))?;
        }
        Ok(())
    }

    /// Which request opens a filter first is chance: where the peer's came too early the direct pair answers to its
    /// repetition, half a second later, and is selected in place of the relayed one. What is measured is what is kept.
    fn await_direct(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + BETTER;
        let relayed = |side: &Side| {
            let (local, remote) = side.types();
            local == "relay" || remote == "relay"
        };
        while self.sides.iter().any(relayed) && Instant::now() < until {
            self.hear(until.saturating_duration_since(Instant::now()))
                .map_err(|error| self.explain(&error))?;
        }
        Ok(())
    }

    /// How long to wait for the next line: until the limit, or until those who have selected have settled.
    fn patience(&self) -> Duration {
        let [a, b] = &self.sides;
        let at = |side: &Side| side.selected.as_ref().map(|(at, _)| *at);
        match at(a).zip(at(b)) {
            Some((a, b)) => SETTLING.saturating_sub(a.max(b).elapsed()),
            None if self.since.is_none() && self.started.elapsed() < GATHERING => {
                GATHERING.saturating_sub(self.started.elapsed())
            }
            None => LIMIT.saturating_sub(self.started.elapsed()),
        }
    }

    /// Takes one line, and hands it on where it is for the other side.
    pub(crate) fn hear(&mut self, patience: Duration) -> anyhow::Result<()> {
        let heard = match self.heard.recv_timeout(patience) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) if self.since.is_none() && self.started.elapsed() < LIMIT => {
                return self.introduce();
            }
            Err(RecvTimeoutError::Timeout) if self.sides.iter().all(|side| side.selected.is_some()) => {
                return Ok(());
            }
            Err(error) => bail!("nothing more is heard: {error}"),
        };
        let Some(line) = heard.line else { bail!("agent {} ended", name(heard.side)) };
        let Some(side) = self.sides.get_mut(heard.side) else { return Ok(()) };
        let relayed = side.take(&line, heard.at)?;
        if relayed && self.since.is_some() {
            return self.tell(1 - heard.side, &line);
        }
        self.introduce()
    }

    /// Tells each of the other, when it is time for it.
    fn introduce(&mut self) -> anyhow::Result<()> {
        let ready = |side: &Side| {
            side.credentials.is_some()
                && (side.gathered
                    || self.signalling == Signalling::Trickled
                    || self.started.elapsed() >= GATHERING)
        };
        if self.since.is_some() || !self.sides.iter().all(ready) {
            return Ok(());
        }
        let lines = self.sides.each_ref().map(|side| side.credentials.clone());
        for (side, line) in lines.into_iter().enumerate() {
            self.tell(1 - side, &line.context("invariant: both have credentials")?)?;
        }
        self.since = Some(Instant::now());
        let candidates = self.sides.each_ref().map(|side| side.candidates.clone());
        for (side, lines) in candidates.into_iter().enumerate() {
            lines.iter().try_for_each(|line| self.tell(1 - side, line))?;
        }
        Ok(())
    }

    pub(crate) fn tell(&mut self, side: usize, line: &Value) -> anyhow::Result<()> {
        self.agents.get_mut(side).context("invariant: there are two")?.say(line)
    }

    /// How many datagrams this side has received, each counted once.
    pub(crate) fn received(&self, side: usize) -> u64 {
        self.sides.get(side).map_or(0, |side| side.received.len() as u64)
    }

    /// From now on the path may be lost for a while.
    pub(crate) fn forgive(&mut self) {
        self.sides.iter_mut().for_each(|side| side.forgiving = true);
    }

    fn exchange_data(&mut self, cell: &Cell) -> anyhow::Result<Measurement> {
        let mut measurement = self.so_far()?;
        let before = counters(SERVER)?;
        for number in 0..DATAGRAMS {
            for side in 0..2 {
                let text = format!("{number:0>SIZE$}");
                self.tell(side, &json!({"type": "send", "component": 1, "text": text}))?;
            }
        }
        let until = Instant::now() + LIMIT;
        while (0..2).any(|side| self.received(side) < DATAGRAMS) {
            let patience = until.saturating_duration_since(Instant::now());
            let outcome = self.heard_before(patience);
            outcome
                .with_context(|| format!("{}: data does not arrive", cell.name))
                .map_err(|e| self.explain(&e))?;
        }
        measurement.ways = ways(&before, &counters(SERVER)?);
        // What the kernel saw counts, not what an agent says.
        measurement.class = if measurement.ways.is_empty() { Class::Direct } else { Class::Relayed };
        Ok(measurement)
    }

    /// [`Call::hear`], where silence is a failure.
    fn heard_before(&mut self, patience: Duration) -> anyhow::Result<()> {
        anyhow::ensure!(!patience.is_zero(), "nothing more is heard");
        self.hear(patience)
    }

    fn so_far(&self) -> anyhow::Result<Measurement> {
        let since = self.since.context("invariant: they know each other")?;
        let ms = |at: Instant| at.saturating_duration_since(since).as_secs_f64() * 1_000.0;
        let slower = |time: &dyn Fn(&Side) -> Option<Instant>| {
            self.sides.iter().filter_map(time).map(ms).fold(0.0, f64::max)
        };
        let types = self.sides.each_ref().map(Side::types);
        let mut packets = 0;
        for host in HOSTS {
            let counters = counters(host)?;
            packets += ["udp_out", "tcp_out"]
                .iter()
                .filter_map(|name| counters.get(*name))
                .map(|count| count.packets)
                .sum::<u64>();
        }
        Ok(Measurement {
            connected_ms: slower(&|side| side.connected),
            selected_ms: slower(&|side| side.selected.as_ref().map(|(at, _)| *at)),
            class: Class::Direct,
            types,
            ways: Vec::new(),
            packets,
        })
    }

    pub(crate) fn close(self) -> anyhow::Result<()> {
        let agents = self.agents;
        agents.into_iter().try_for_each(Agent::close)
    }

    /// An error with all that both sides said and the server's log.
    pub(crate) fn explain(&self, error: &anyhow::Error) -> anyhow::Error {
        let said = self.sides.iter().enumerate().flat_map(|(side, state)| {
            state.transcript.iter().map(move |line| format!("{}: {line}", name(side)))
        });
        let said: Vec<_> = said.collect();
        anyhow::anyhow!("{error:#}\n{}\nthe server:\n{}", said.join("\n"), coturn::log())
    }
}

impl Side {
    /// Takes note of a line; whether it is for the other side.
    fn take(&mut self, line: &Value, at: Instant) -> anyhow::Result<bool> {
        let kind = line.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind != "data" {
            self.transcript.push(line.clone());
        }
        match kind {
            "credentials" => self.credentials = Some(line.clone()),
            "candidate" => self.candidates.push(line.clone()),
            "end-of-candidates" => {
                self.candidates.push(line.clone());
                self.gathered = true;
            }
            "selected" => self.selected = Some((at, line.clone())),
            "data" => {
                let datagram =
                    line.get("base64").and_then(Value::as_str).context("data without a datagram")?;
                self.received.insert(datagram.to_owned());
            }
            "state" => self.enter(line, at)?,
            // While the path is lost there is nowhere to send to.
            "error" if !self.forgiving => bail!("an agent does not understand: {line}"),
            _ => {}
        }
        Ok(matches!(kind, "candidate" | "end-of-candidates"))
    }

    fn enter(&mut self, line: &Value, at: Instant) -> anyhow::Result<()> {
        match line.get("state").and_then(Value::as_str) {
            Some("connected") => {
                self.connected.get_or_insert(at);
            }
            Some("completed") => {
                self.connected.get_or_insert(at);
                self.completed = true;
            }
            Some("disconnected") if self.forgiving => {}
            Some("failed" | "disconnected") => bail!("an agent has failed: {line}"),
            _ => {}
        }
        Ok(())
    }

    /// The types of the selected pair's candidates.
    fn types(&self) -> (String, String) {
        let selected = self.selected.as_ref().map(|(_, line)| line);
        let kind = |end: &str| {
            let text = selected.and_then(|line| line.get(end)?.as_str()).unwrap_or_default();
            let mut words = text.split_whitespace().skip_while(|word| *word != "typ");
            words.nth(1).unwrap_or("?").to_owned()
        };
        (kind("local"), kind("remote"))
    }
}

const fn name(side: usize) -> &'static str {
    if side == 0 { "a" } else { "b" }
}

/// The ways to the server over which at least the data of one side came meanwhile. Bytes are counted: a stream may carry
/// many datagrams in one packet.
fn ways(before: &BTreeMap<String, Count>, after: &BTreeMap<String, Count>) -> Vec<Way> {
    let data = DATAGRAMS * SIZE as u64;
    let more = |way: &str, after: Count| after.bytes - before.get(way).map_or(0, |count| count.bytes);
    after
        .iter()
        .filter(|(way, after)| more(way, **after) >= data)
        .map(|(way, _)| way.replace('_', "/"))
        .collect()
}
