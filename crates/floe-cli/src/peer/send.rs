//! Sending, in the order of the lines that asked for it.

use floe::{Agent, ComponentId, Connection};
use futures::FutureExt as _;
use tokio::sync::mpsc;

use super::output::Output;

/// How many lines wait while one is sending. Past that no more lines are read.
const WAITING: usize = 64;

/// What a line wants sent.
#[derive(Debug)]
pub(crate) struct Sending {
    /// The number of the line.
    pub(crate) line: u64,
    /// Over which component.
    pub(crate) component: ComponentId,
    /// What.
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// This datagram.
    One(Vec<u8>),
    /// So many datagrams of this size, each with its number.
    Many { count: u64, size: usize },
}

/// The task that sends: it ends when the channel is closed and all is sent.
pub(crate) fn spawn(
    agent: Agent,
    out: mpsc::Sender<String>,
) -> (mpsc::Sender<Sending>, tokio::task::JoinHandle<()>) {
    let (sender, mut waiting) = mpsc::channel::<Sending>(WAITING);
    let task = tokio::spawn(async move {
        while let Some(sending) = waiting.recv().await {
            let line = sending.line;
            if let Err(why) = send(&agent, sending).await {
                let error = Output::error(format!("line {line}: {why}"));
                if out.send(error.to_line()).await.is_err() {
                    break;
                }
            }
        }
    });
    (sender, task)
}

async fn send(agent: &Agent, sending: Sending) -> Result<(), String> {
    let Sending { component, what, .. } = sending;
    match what {
        What::One(datagram) => {
            let connection = connection(agent, component).map_err(|why| format!("send: {why}"))?;
            connection.send(&datagram).await.map_err(|error| format!("send: {error}"))
        }
        What::Many { count, size } => {
            let connection = connection(agent, component).map_err(|why| format!("send-many: {why}"))?;
            let mut datagram = Vec::with_capacity(size);
            for number in 0..count {
                numbered(&mut datagram, number, size);
                let sent = connection.send(&datagram).await;
                sent.map_err(|error| format!("send-many: {number} of {count} sent: {error}"))?;
                // The socket hardly ever makes a sender wait; the agent and the other tasks run here, too.
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    }
}

/// The connection of a component, if data can flow now.
fn connection(agent: &Agent, component: ComponentId) -> Result<Connection, String> {
    match agent.connect(component).now_or_never() {
        Some(connected) => connected.map_err(|error| error.to_string()),
        None => Err(format!("component {component} has no path to the peer yet")),
    }
}

/// Datagram number so-and-so: its number in digits, then dots, as long as wanted.
fn numbered(datagram: &mut Vec<u8>, number: u64, size: usize) {
    datagram.clear();
    datagram.extend_from_slice(format!("{number:08} ").as_bytes());
    datagram.resize(size, b'.');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_numbered_and_of_the_size_asked_for() {
        let mut datagram = Vec::new();
        numbered(&mut datagram, 7, 12);
        assert_eq!(datagram, b"00000007 ...");
        numbered(&mut datagram, 999_999, 3);
        assert_eq!(datagram, b"009");
    }
}
