//! Two agents of one program.

use std::time::Duration;

use floe::{Agent, AgentBuilder, ComponentId, Connection, Event, RemoteDescription, Role};
use futures::StreamExt as _;

/// Nothing on loopback takes this long, unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// An agent that uses loopback over IPv4, too.
pub(crate) fn builder(role: Role) -> AgentBuilder {
    Agent::builder().role(role).include_loopback(true).ipv6(false)
}

/// Hands what each tells to the other.
pub(crate) async fn signal(one: &Agent, other: &Agent) {
    for (from, to) in [(one, other), (other, one)] {
        let local = from.local();
        let description =
            RemoteDescription::new(local.credentials.clone()).pacing(local.pacing).lite(local.lite);
        to.set_remote(description).await.unwrap();
        let (mut events, to) = (from.events(), to.clone());
        from.gather().await.unwrap();
        tokio::spawn(async move {
            // It ends with the candidates: while it holds the other agent, that one lives.
            while let Some(event) = events.next().await {
                match event {
                    Event::Candidate { candidate, .. } => {
                        to.add_remote_candidate(candidate).await.unwrap();
                    }
                    Event::EndOfCandidates { .. } => return to.end_of_remote_candidates(None).await.unwrap(),
                    _ => {}
                }
            }
        });
    }
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

/// Two agents with the default settings, connected.
pub(crate) async fn pair() -> ((Agent, Connection), (Agent, Connection)) {
    let (one, other) =
        (builder(Role::Controlling).build().unwrap(), builder(Role::Controlled).build().unwrap());
    let (to_other, to_one) = connect(&one, &other).await;
    ((one, to_other), (other, to_one))
}

pub(crate) async fn receive(connection: &Connection) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let length =
        tokio::time::timeout(LIMIT, connection.recv(&mut buffer)).await.expect("nothing came").unwrap();
    buffer[..length].to_vec()
}
