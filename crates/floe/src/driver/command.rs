//! What the handles ask of the driver.

use std::sync::Arc;

use floe_core::Candidate;
use floe_session::{AddedRemote, Agreed, LocalParameters, PairView, RemoteDescription};
use tokio::sync::oneshot;

use super::{Closing, Driver, STREAM, now};
use crate::{GatherError, PairStats, Stats, path::Traffic};

/// A request of a handle. A reply that nobody waits for any more is dropped.
#[derive(Debug)]
pub(crate) enum Command {
    Gather(oneshot::Sender<Result<(), GatherError>>),
    Restart(oneshot::Sender<Arc<LocalParameters>>),
    SetRemote(Box<RemoteDescription>, oneshot::Sender<Result<(), floe_session::SetRemoteError>>),
    AddRemote(Box<Candidate>, oneshot::Sender<Result<AddedRemote, floe_session::AddRemoteError>>),
    EndOfRemote(Option<Box<str>>, oneshot::Sender<Result<(), floe_session::AddRemoteError>>),
    Reconcile(Vec<Agreed>, oneshot::Sender<Result<(), floe_session::ReconcileError>>),
    Stats(oneshot::Sender<Box<Stats>>),
    Close(oneshot::Sender<()>),
}

/// What waits for the list of interfaces.
pub(super) enum After {
    Gather(oneshot::Sender<Result<(), GatherError>>),
    Restart(oneshot::Sender<Arc<LocalParameters>>),
    SetRemote(Box<RemoteDescription>, oneshot::Sender<Result<(), floe_session::SetRemoteError>>),
}

impl Driver {
    /// A command came; none means that all handles are gone. While a restart waits only the end does not.
    pub(super) fn receive(&mut self, command: Option<Command>) {
        match command {
            Some(command) if self.restarting && !matches!(command, Command::Close(_)) => {
                self.deferred.push_back(command);
            }
            command => self.handle_command(command),
        }
    }

    /// Carries out what was put off.
    pub(super) fn catch_up(&mut self) {
        while !self.restarting
            && let Some(command) = self.deferred.pop_front()
        {
            self.handle_command(Some(command));
        }
    }

    fn handle_command(&mut self, command: Option<Command>) {
        let now = now();
        match command {
            Some(Command::Gather(reply)) => self.gather(reply),
            Some(Command::Restart(reply)) => self.look_around(After::Restart(reply)),
            Some(Command::SetRemote(description, reply)) => self.set_remote(description, reply),
            Some(Command::AddRemote(candidate, reply)) => {
                let _ = reply.send(self.session.add_remote(now, STREAM, *candidate));
            }
            Some(Command::EndOfRemote(ufrag, reply)) => {
                let _ = reply.send(self.session.end_of_remote(now, STREAM, ufrag.as_deref()));
            }
            Some(Command::Reconcile(agreed, reply)) => {
                let _ = reply.send(self.session.reconcile(now, STREAM, &agreed));
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
        if self.gathering {
            let _ = reply.send(Err(GatherError::AlreadyStarted));
            return;
        }
        self.gathering = true;
        self.session.gather(now());
        // Before the first listing, so that no change falls between the two.
        self.watch(self.net.interface_changes());
        self.look_around(After::Gather(reply));
    }

    /// A description that restarts the stream gathers anew, and that on the network as it is now.
    fn set_remote(
        &mut self,
        description: Box<RemoteDescription>,
        reply: oneshot::Sender<Result<(), floe_session::SetRemoteError>>,
    ) {
        if self.gathering && self.session.is_restart(STREAM, &description) {
            self.look_around(After::SetRemote(description, reply));
        } else {
            let _ = reply.send(self.session.set_remote(now(), STREAM, *description));
        }
    }

    /// Lists the interfaces, and then goes on.
    fn look_around(&mut self, after: After) {
        if !self.gathering {
            return self.go_on(after, None);
        }
        self.restarting |= !matches!(after, After::Gather(_));
        self.look(Some(after));
    }

    /// The interfaces are listed, or `None` where nothing is gathered yet and nobody needs them.
    pub(super) fn go_on(&mut self, after: After, listed: Option<std::io::Result<()>>) {
        self.restarting &= matches!(after, After::Gather(_));
        match after {
            After::Gather(reply) => {
                let told = listed.unwrap_or(Ok(())).map_err(GatherError::Interfaces);
                let _ = reply.send(told);
            }
            After::Restart(reply) => {
                self.session.restart(now());
                if let Some(local) = self.session.local(STREAM) {
                    // The new credentials are there for whoever hears of the restart.
                    let _ = reply.send(self.publisher.renew(local));
                }
            }
            After::SetRemote(description, reply) => {
                let _ = reply.send(self.session.set_remote(now(), STREAM, *description));
            }
        }
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
