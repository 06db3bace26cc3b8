//! What the handles ask of the driver.

use floe_core::Candidate;
use floe_session::{AddedRemote, PairView, RemoteDescription};
use tokio::sync::oneshot;

use super::{Closing, Done, Driver, Gathering, STREAM, now};
use crate::{GatherError, PairStats, Stats, path::Traffic};

/// A request of a handle. A reply that nobody waits for any more is dropped.
#[derive(Debug)]
pub(crate) enum Command {
    Gather(oneshot::Sender<Result<(), GatherError>>),
    SetRemote(Box<RemoteDescription>, oneshot::Sender<Result<(), floe_session::SetRemoteError>>),
    AddRemote(Box<Candidate>, oneshot::Sender<Result<AddedRemote, floe_session::AddRemoteError>>),
    EndOfRemote(oneshot::Sender<()>),
    Stats(oneshot::Sender<Box<Stats>>),
    Close(oneshot::Sender<()>),
}

impl Driver {
    /// Carries out a command; none means that all handles are gone.
    pub(super) fn handle_command(&mut self, command: Option<Command>) {
        let now = now();
        match command {
            Some(Command::Gather(reply)) => self.gather(reply),
            Some(Command::SetRemote(description, reply)) => {
                let _ = reply.send(self.session.set_remote(now, STREAM, *description));
            }
            Some(Command::AddRemote(candidate, reply)) => {
                let _ = reply.send(self.session.add_remote(now, STREAM, *candidate));
            }
            Some(Command::EndOfRemote(reply)) => {
                // The stream is there, and where the session is closed nothing could come anyway.
                let _ = self.session.end_of_remote(now, STREAM);
                let _ = reply.send(());
            }
            Some(Command::Stats(reply)) => {
                let stats = self.stats();
                let _ = reply.send(Box::new(stats));
            }
            Some(Command::Close(reply)) => self.close(vec![reply]),
            None => self.close(Vec::new()),
        }
    }

    fn gather(&mut self, reply: oneshot::Sender<Result<(), GatherError>>) {
        if !matches!(self.gathering, Gathering::NotYet) {
            let _ = reply.send(Err(GatherError::AlreadyStarted));
            return;
        }
        self.gathering = Gathering::Asked(reply);
        self.session.gather(now());
        let net = std::sync::Arc::clone(&self.net);
        self.jobs.push(Box::pin(async move { Done::Interfaces(net.interfaces().await) }));
    }

    fn stats(&self) -> Stats {
        let session = self.session.stats();
        Stats {
            state: session.state,
            role: session.role,
            ta: session.ta,
            pairs: session.pairs.into_iter().map(|pair| self.pair_stats(pair)).collect(),
            components: self.publisher.components().collect(),
            dropped: session.dropped,
            checks: session.checks,
            refused: session.refused,
            withheld: session.withheld,
            unsent: self.unsent,
        }
    }

    /// Several pairs may share a socket and a remote address; the valid one of them has the traffic.
    fn pair_stats(&self, pair: PairView) -> PairStats {
        let route = self.session.route_of(pair.id).filter(|_| pair.valid);
        let traffic = route.and_then(|route| self.publisher.traffic(pair.component, route.socket, route.to));
        let in_use = self.session.route(STREAM, pair.component).is_some_and(|route| route.pair == pair.id);
        PairStats { in_use, traffic: traffic.map(Traffic::counts).unwrap_or_default(), pair }
    }

    fn close(&mut self, waiting: Vec<oneshot::Sender<()>>) {
        self.session.close(now());
        self.closing = Closing::Yes(waiting);
    }
}
