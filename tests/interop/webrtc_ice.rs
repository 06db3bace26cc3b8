//! floe against webrtc-ice 0.17.2, in one process, over loopback.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests on real sockets: tasks and timeouts"
)]

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use floe::{Agent, ComponentId, Connection, Credentials, Event, Nomination, RemoteDescription, Role};
use futures::StreamExt as _;
use tokio::{sync::mpsc, time::timeout};
use webrtc_ice::{
    agent::{Agent as TheirAgent, agent_config::AgentConfig},
    candidate::{Candidate as TheirCandidate, candidate_base::unmarshal_candidate},
    mdns::MulticastDnsMode,
    network_type::NetworkType,
};
use webrtc_util::Conn;

/// Nothing on loopback takes this long, unless it hangs.
const LIMIT: Duration = Duration::from_secs(30);
/// Races show in repetition.
const RUNS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floe_controls_and_webrtc_ice_follows() {
    for run in 0..RUNS {
        let done = timeout(LIMIT, connect_and_talk(Role::Controlling, Nomination::Eager)).await;
        done.unwrap_or_else(|_| panic!("run {run} hung"))
            .unwrap_or_else(|error| panic!("run {run}: {error:#}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webrtc_ice_controls_and_floe_follows() {
    for run in 0..RUNS {
        let done = timeout(LIMIT, connect_and_talk(Role::Controlled, Nomination::Eager)).await;
        done.unwrap_or_else(|_| panic!("run {run} hung"))
            .unwrap_or_else(|error| panic!("run {run}: {error:#}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_nominate_is_followed() {
    for nomination in [Nomination::Regular, Nomination::Aggressive] {
        let done = timeout(LIMIT, connect_and_talk(Role::Controlling, nomination)).await;
        done.unwrap_or_else(|_| panic!("{nomination:?} hung"))
            .unwrap_or_else(|error| panic!("{nomination:?}: {error:#}"));
    }
}

/// Connects the two and sends data both ways; floe has this role, the other one the opposite.
async fn connect_and_talk(role: Role, nomination: Nomination) -> anyhow::Result<()> {
    let ours =
        Agent::builder().role(role).nomination(nomination).include_loopback(true).ipv6(false).build()?;
    let theirs = their_agent().await?;
    let signalling = signal(&ours, &theirs).await?;

    // The other agent stops connecting when this sender is dropped.
    let (_go_on, cancelled) = mpsc::channel(1);
    let local = ours.local();
    let (ufrag, pwd) = (local.credentials.ufrag().to_owned(), local.credentials.pwd().to_owned());
    let their_conn: Arc<dyn Conn + Send + Sync> = match role {
        Role::Controlling => theirs.accept(cancelled, ufrag, pwd).await?,
        Role::Controlled => theirs.dial(cancelled, ufrag, pwd).await?,
    };
    let our_conn = ours.connect(ComponentId::RTP).await?;
    talk(&our_conn, &*their_conn).await?;

    signalling.abort();
    ours.close().await;
    theirs.close().await?;
    Ok(())
}

async fn their_agent() -> anyhow::Result<Arc<TheirAgent>> {
    let config = AgentConfig {
        network_types: vec![NetworkType::Udp4],
        include_loopback: true,
        ip_filter: Arc::new(Some(Box::new(|ip: IpAddr| ip.is_loopback()))),
        multicast_dns_mode: MulticastDnsMode::Disabled,
        ..AgentConfig::default()
    };
    Ok(Arc::new(TheirAgent::new(config).await?))
}

/// Tells each what the other has: credentials at once, candidates as they come.
async fn signal(ours: &Agent, theirs: &Arc<TheirAgent>) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let (ufrag, pwd) = theirs.get_local_user_credentials().await;
    ours.set_remote(RemoteDescription::new(Credentials::new(&ufrag, &pwd)?)).await?;

    let (found, mut their_candidates) = mpsc::unbounded_channel();
    theirs.on_candidate(Box::new(move |candidate| {
        let _ = found.send(candidate.map(|candidate| candidate.marshal()));
        Box::pin(async {})
    }));
    let mut our_events = ours.events();
    let (our_agent, their_agent) = (ours.clone(), Arc::clone(theirs));
    let task = tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(event) = our_events.next() => tell_them(&their_agent, &event),
                Some(candidate) = their_candidates.recv() => tell_us(&our_agent, candidate).await,
                else => break,
            }
        }
    });
    theirs.gather_candidates()?;
    ours.gather().await?;
    Ok(task)
}

fn tell_them(theirs: &TheirAgent, event: &Event) {
    let Event::Candidate { candidate, .. } = event else { return };
    let text = candidate.to_string();
    let text = text.strip_prefix("candidate:").unwrap_or(&text);
    let candidate: Arc<dyn TheirCandidate + Send + Sync> = Arc::new(unmarshal_candidate(text).unwrap());
    theirs.add_remote_candidate(&candidate).unwrap();
}

async fn tell_us(ours: &Agent, candidate: Option<String>) {
    match candidate {
        Some(text) => drop(ours.add_remote_candidate(text.parse().unwrap()).await.unwrap()),
        None => ours.end_of_remote_candidates(None).await.unwrap(),
    }
}

/// Sends messages both ways and compares them.
async fn talk(ours: &Connection, theirs: &(dyn Conn + Send + Sync)) -> anyhow::Result<()> {
    let mut buffer = [0; 1500];
    for number in 0..20_u8 {
        let message = vec![b'a' + number; 100 + 50 * usize::from(number)];
        ours.send(&message).await.context("floe sends")?;
        let length = theirs.recv(&mut buffer).await.context("webrtc-ice receives")?;
        anyhow::ensure!(buffer[..length] == message, "webrtc-ice got something else");

        let message = vec![b'A' + number; 1200];
        theirs.send(&message).await.context("webrtc-ice sends")?;
        let length = ours.recv(&mut buffer).await.context("floe receives")?;
        anyhow::ensure!(buffer[..length] == message, "floe got something else");
    }
    Ok(())
}
