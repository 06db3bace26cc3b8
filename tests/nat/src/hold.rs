//! An allocation held for a while, over short lifetimes of all that the server grants, under a constant stream.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    agent::{Programs, Setup},
    call::{Call, Signalling},
    coturn::{self, Service},
    gateway::Gateway,
    topology::{Access, Families, Plan, build},
};

/// How long the last datagrams may take.
const GRACE: Duration = Duration::from_secs(10);

/// How long it may take until data flows again once a server has come back.
const RECOVERY: Duration = Duration::from_secs(30);

/// What to hold, and against what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hold {
    /// The agents.
    pub programs: [Programs; 2],
    /// For how long.
    pub seconds: u64,
    /// How many datagrams each side sends in a second.
    pub rate: u32,
    /// How many seconds the server's nonces are good for.
    pub nonce: u64,
    /// The longest lifetime of an allocation that the server grants, in seconds.
    pub allocation: u64,
    /// How many seconds a permission lasts.
    pub permission: u64,
    /// How many seconds a channel lasts.
    pub channel: u64,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Held {
    /// How many datagrams each side sent.
    pub sent: u64,
    /// How many each received of the other's.
    pub received: [u64; 2],
}

/// Builds the lab and holds.
pub(crate) fn hold(hold: &Hold) -> anyhow::Result<Held> {
    let access = Access { gateway: Gateway::PortRestricted, carrier: None, families: Families::V4 };
    build(Plan::Apart([access; 2])).context("cannot build the lab")?;
    let _server = coturn::start(&hold.server_options()).context("cannot start the server")?;
    let setup = Setup { services: vec![Service::Udp], v6_servers: false, relay_only: true, ta: None };
    let mut call = Call::start(&hold.programs, &[setup.clone(), setup], Signalling::Trickled)?;
    call.settle()?;
    let held = stream(hold, &mut call).map_err(|error| call.explain(&error))?;
    call.close()?;
    Ok(held)
}

/// What came of a call whose server was killed and started anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Restarted {
    /// Milliseconds from when the server was there again until both sides received what was sent since.
    pub recovered_ms: f64,
}

/// A peer with a relay only, and one on the internet; the server is killed under them, and comes back and knows nothing of
/// them. The other side learns of the new relay by the checks that come from it. (Where both have lost theirs neither knows
/// where the other is, and only a restart of ICE helps.)
pub(crate) fn restart(programs: &[Programs; 2]) -> anyhow::Result<Restarted> {
    let access = |gateway| Access { gateway, carrier: None, families: Families::V4 };
    let places = [access(Gateway::PortRestricted), access(Gateway::None)];
    build(Plan::Apart(places)).context("cannot build the lab")?;
    let mut server = coturn::start(&[]).context("cannot start the server")?;
    let relayed = Setup { services: vec![Service::Udp], v6_servers: false, relay_only: true, ta: None };
    let direct = Setup { services: Vec::new(), relay_only: false, ..relayed.clone() };
    let mut call = Call::start(programs, &[relayed, direct], Signalling::Trickled)?;
    call.settle()?;
    call.forgive();
    server.kill().and_then(|()| server.wait()).context("cannot end the server")?;
    let _server = coturn::start(&[]).context("cannot start the server again")?;
    let recovered = recover(&mut call).map_err(|error| call.explain(&error))?;
    call.close()?;
    Ok(Restarted { recovered_ms: recovered.as_secs_f64() * 1_000.0 })
}

/// Sends in both directions until both sides have received something again.
fn recover(call: &mut Call) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let before = [call.received(0), call.received(1)];
    for number in 0.. {
        anyhow::ensure!(since.elapsed() < RECOVERY, "no data within {RECOVERY:?}");
        for side in 0..2 {
            call.tell(side, &json!({"type": "send", "component": 1, "text": format!("again {number}")}))?;
        }
        listen_until(call, Instant::now() + Duration::from_millis(20))?;
        if (0..2).zip(before).all(|(side, before)| call.received(side) > before) {
            break;
        }
    }
    Ok(since.elapsed())
}

impl Held {
    /// How many datagrams did not arrive.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.received.iter().map(|received| self.sent.saturating_sub(*received)).sum()
    }
}

impl Hold {
    /// For so long, over lifetimes much shorter than that.
    #[must_use]
    pub const fn new(programs: [Programs; 2], seconds: u64) -> Self {
        Self { programs, seconds, rate: 50, nonce: 20, allocation: 60, permission: 60, channel: 60 }
    }

    /// This, with permissions and channels that last so many seconds: a client that knows only what RFC 8656 9 and 12
    /// give them, 300 and 600, cannot know of less.
    #[must_use]
    pub const fn permissions_of(mut self, seconds: u64) -> Self {
        self.permission = seconds;
        self.channel = seconds;
        self
    }

    fn server_options(&self) -> Vec<String> {
        vec![
            format!("--stale-nonce={}", self.nonce),
            format!("--max-allocate-lifetime={}", self.allocation),
            format!("--permission-lifetime={}", self.permission),
            format!("--channel-lifetime={}", self.channel),
            "--verbose".to_owned(),
        ]
    }
}

/// Sends at a constant rate in both directions, and counts what comes.
fn stream(hold: &Hold, call: &mut Call) -> anyhow::Result<Held> {
    let started = Instant::now();
    let gap = Duration::from_secs(1) / hold.rate.max(1);
    let count = hold.seconds * u64::from(hold.rate);
    let mut due = started;
    for number in 0..count {
        for side in 0..2 {
            call.tell(side, &json!({"type": "send", "component": 1, "text": format!("datagram {number}")}))?;
        }
        due += gap;
        listen_until(call, due)?;
    }
    let end = Instant::now() + GRACE;
    while (0..2).any(|side| call.received(side) < count) && Instant::now() < end {
        listen_until(call, Instant::now() + gap)?;
    }
    Ok(Held { sent: count, received: [call.received(0), call.received(1)] })
}

fn listen_until(call: &mut Call, until: Instant) -> anyhow::Result<()> {
    loop {
        let patience = until.saturating_duration_since(Instant::now());
        if patience.is_zero() {
            return Ok(());
        }
        call.hear(patience)?;
    }
}
