//! Two agents that reach each other over a relay only.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use floe::{
    Agent, AgentBuilder, CandidatePolicy, ComponentId, Connection, Event, IceServer, Net, RemoteDescription,
    Role,
};
use futures::StreamExt as _;

/// Nothing on loopback takes this long, unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn builder(role: Role, net: Arc<dyn Net>) -> AgentBuilder {
    Agent::builder().role(role).include_loopback(true).net(net)
}

/// An agent that tells of relayed candidates only.
pub(crate) fn relayed(role: Role, net: Arc<dyn Net>, server: SocketAddr) -> Agent {
    let server = IceServer::turn(server, "ann", "secret");
    builder(role, net).server(server).candidates(CandidatePolicy::Relay).build().unwrap()
}

/// Two agents and their connections; both have a selected pair.
pub(crate) async fn connect(one: &Agent, other: &Agent) -> (Connection, Connection) {
    let connecting = async {
        signal(one, other).await;
        let one = one.connect(ComponentId::RTP).await.unwrap();
        let other = other.connect(ComponentId::RTP).await.unwrap();
        while one.selected_pair().is_none() || other.selected_pair().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (one, other)
    };
    tokio::time::timeout(LIMIT, connecting).await.expect("they do not connect")
}

/// Hands what each tells to the other.
async fn signal(one: &Agent, other: &Agent) {
    for (from, to) in [(one, other), (other, one)] {
        let local = from.local();
        let description = RemoteDescription::new(local.credentials.clone()).pacing(local.pacing);
        to.set_remote(description).await.unwrap();
        let (mut events, to) = (from.events(), to.clone());
        from.gather().await.unwrap();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Event::Candidate { candidate, .. } => {
                        let _ = to.add_remote_candidate(candidate).await.unwrap();
                    }
                    Event::EndOfCandidates { .. } => return to.end_of_remote_candidates(None).await.unwrap(),
                    _ => {}
                }
            }
        });
    }
}

pub(crate) async fn receive(connection: &Connection) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let length =
        tokio::time::timeout(LIMIT, connection.recv(&mut buffer)).await.expect("nothing came").unwrap();
    buffer[..length].to_vec()
}
