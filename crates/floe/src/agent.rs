//! The handle of an agent.

use std::sync::Arc;

use floe_core::{Candidate, ComponentId};
use floe_session::{AddedRemote, Agreed, LocalParameters, RemoteDescription};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    AddRemoteError, AgentBuilder, Closed, ConnectError, Connection, Events, GatherError, ReconcileError,
    SetRemoteError, Stats,
    connection::Component,
    driver::{Command, Subscribers},
};

/// An ICE agent (RFC 8445): finds, checks and keeps the best path to one peer.
///
/// An agent is a task that runs on tokio; this is a handle of it, cheap to clone. The agent ends when it is
/// [closed](Self::close), or when the last handle (agents and [connections](Connection)) is dropped; both close its
/// sockets.
///
/// The order of calls: [`events`](Self::events), [`gather`](Self::gather), and whenever signalling brings them
/// [`set_remote`](Self::set_remote), [`add_remote_candidate`](Self::add_remote_candidate) and
/// [`end_of_remote_candidates`](Self::end_of_remote_candidates); then [`connect`](Self::connect). Candidates may be
/// exchanged one by one as they are found (trickle ICE, RFC 8838).
///
/// # When the network changes
/// From [`gather`](Self::gather) on the interfaces of the host are watched (RFC 8445 5.1.1.4), unless
/// [`SystemNet::watch`](crate::SystemNet::watch) says otherwise. They are
/// listed 500 ms after the first sign of a change. A new address is there then; one that is missing is gone if it is missing
/// 500 ms later as well.
///
/// - An address that is gone takes its sockets and candidates along: [`Event::SocketLost`](crate::Event::SocketLost). Data
///   goes over another valid pair where there is one. Where there is none the agent fails with
///   [`Reason::SocketLost`](crate::Reason::SocketLost).
/// - An address that comes before the end of candidates gives candidates like the others.
/// - One that comes after it cannot be used any more but by a restart:
///   [`Event::AddressAppeared`](crate::Event::AddressAppeared). [Restart](Self::restart) then at once if the agent has failed
///   or is disconnected. If all is well it is up to you: a restart may find a better path, and does no harm to the one there is.
///
/// An interface that is only down for a while, or an address that is only deprecated, voids nothing.
#[derive(Debug, Clone)]
pub struct Agent {
    local: watch::Receiver<Arc<LocalParameters>>,
    components: Arc<[Arc<Component>]>,
    subscribers: Arc<Subscribers>,
    commands: mpsc::Sender<Command>,
}

impl Agent {
    pub(crate) fn new(
        local: watch::Receiver<Arc<LocalParameters>>,
        components: Arc<[Arc<Component>]>,
        subscribers: Arc<Subscribers>,
        commands: mpsc::Sender<Command>,
    ) -> Self {
        Self { local, components, subscribers, commands }
    }

    /// Begins an agent with the default settings.
    pub fn builder() -> AgentBuilder {
        AgentBuilder::new()
    }

    /// What the peer has to be told: credentials and options. A [restart](Self::restart) changes them.
    #[must_use]
    pub fn local(&self) -> Arc<LocalParameters> {
        Arc::clone(&self.local.borrow())
    }

    /// A stream of what happens from now on. Call it before [`gather`](Self::gather) to miss nothing. Each call gives a
    /// stream of its own.
    #[must_use]
    pub fn events(&self) -> Events {
        self.subscribers.subscribe()
    }

    /// Begins to gather candidates. It returns when the interfaces are known; the candidates come as
    /// [events](Self::events).
    ///
    /// # Errors
    /// See [`GatherError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, gathering may have begun nevertheless.
    ///
    /// # Examples
    /// ```
    /// use floe::{Agent, Event};
    /// use futures::StreamExt as _;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let agent = Agent::builder().include_loopback(true).build()?;
    /// let mut events = agent.events();
    /// agent.gather().await?;
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Candidate { candidate, .. } => println!("tell the peer: {candidate}"),
    ///         Event::EndOfCandidates { .. } => break,
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn gather(&self) -> Result<(), GatherError> {
        self.ask(Command::Gather).await?
    }

    /// Begins anew, make before break (RFC 8445 9): for when the network has changed, the path is lost or everything
    /// failed. The interfaces are listed anew; there are new credentials, which this returns, and new candidates, which
    /// come as [events](Self::events). Signal both, and give the peer's new description to
    /// [`set_remote`](Self::set_remote). Once they are signalled restart again only after that: a description does not say
    /// which one it answers.
    ///
    /// Connections stay open: data goes over the old path until the new checks have selected another, as long as the
    /// peer consents to it.
    ///
    /// # Errors
    /// The agent is closed.
    ///
    /// # Cancel safety
    /// If the future is dropped, the restart may have begun nevertheless: an event tells.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let agent = floe::Agent::builder().build()?;
    /// let before = agent.local();
    /// let local = agent.restart().await?;
    /// assert_ne!(before.credentials.ufrag(), local.credentials.ufrag()); // tell the peer
    /// # Ok(())
    /// # }
    /// ```
    pub async fn restart(&self) -> Result<Arc<LocalParameters>, Closed> {
        self.ask(Command::Restart).await
    }

    /// Tells the agent the peer's credentials. Checks begin once there are candidates of both sides.
    ///
    /// Other credentials than before say that the peer [restarts](Self::restart): then this agent does so, too, and an
    /// [`Event::Restarted`](crate::Event::Restarted) has the new credentials to signal.
    ///
    /// # Errors
    /// See [`SetRemoteError`]; nothing has changed then.
    ///
    /// # Cancel safety
    /// If the future is dropped, the description may have been taken nevertheless.
    ///
    /// # Examples
    /// ```
    /// use floe::{Agent, Credentials, RemoteDescription};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let agent = Agent::builder().build()?;
    /// let credentials = Credentials::new("9uB6", "YH75Fviy6338Vbrhrlp8Yh")?;
    /// agent.set_remote(RemoteDescription::new(credentials)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_remote(&self, description: RemoteDescription) -> Result<(), SetRemoteError> {
        let command = |reply| Command::SetRemote(Box::new(description), reply);
        Ok(self.ask(command).await??)
    }

    /// Tells the agent a candidate of the peer's. It may come before the credentials.
    ///
    /// # Errors
    /// See [`AddRemoteError`]; nothing has changed then, and the other candidates stay good.
    ///
    /// # Cancel safety
    /// If the future is dropped, the candidate may have been taken nevertheless.
    ///
    /// # Examples
    /// ```
    /// use floe::Agent;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let agent = Agent::builder().build()?;
    /// agent.add_remote_candidate("candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host".parse()?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn add_remote_candidate(&self, candidate: Candidate) -> Result<AddedRemote, AddRemoteError> {
        let command = |reply| Command::AddRemote(Box::new(candidate), reply);
        Ok(self.ask(command).await??)
    }

    /// Tells the agent that the peer has no more candidates (RFC 8838 14): only then can it know that all are tried. Where
    /// signalling says to which ufrag of the peer's the notice belongs, tell: one that a restart has overtaken then ends
    /// nothing.
    ///
    /// # Errors
    /// See [`AddRemoteError`]; nothing has changed then.
    ///
    /// # Cancel safety
    /// If the future is dropped, it may have been taken nevertheless.
    ///
    /// # Examples
    /// ```
    /// # async fn example(agent: floe::Agent) -> Result<(), floe::AddRemoteError> {
    /// agent.end_of_remote_candidates(Some("9uB6")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn end_of_remote_candidates(&self, ufrag: Option<&str>) -> Result<(), AddRemoteError> {
        let ufrag = ufrag.map(Into::into);
        Ok(self.ask(|reply| Command::EndOfRemote(ufrag, reply)).await??)
    }

    /// Between two lite agents with several possible pairs: the updated candidate exchange that
    /// [`Event::Undecided`](crate::Event::Undecided) asked one of them for has come to these, one for each component (RFC
    /// 8445 8.2). The side that asked calls it when it has the answer, the other one when the update comes.
    ///
    /// # Errors
    /// See [`ReconcileError`]; nothing has changed then.
    ///
    /// # Cancel safety
    /// If the future is dropped, it may have been taken nevertheless.
    ///
    /// # Examples
    /// ```
    /// # async fn example(agent: floe::Agent, theirs: Vec<floe::Agreed>) -> Result<(), floe::ReconcileError> {
    /// let ours: Vec<_> = theirs.into_iter().map(floe::Agreed::mirrored).collect();
    /// agent.reconcile(&ours).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reconcile(&self, agreed: &[Agreed]) -> Result<(), ReconcileError> {
        let agreed = agreed.to_vec();
        Ok(self.ask(|reply| Command::Reconcile(agreed, reply)).await??)
    }

    /// Waits until data can flow on a component: until one of its pairs is valid. The selected pair may come later, and
    /// the connection moves to it by itself.
    ///
    /// # Errors
    /// See [`ConnectError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// use floe::ComponentId;
    ///
    /// # async fn example(agent: floe::Agent) -> Result<(), Box<dyn std::error::Error>> {
    /// let connection = agent.connect(ComponentId::RTP).await?;
    /// connection.send(b"hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(&self, component: ComponentId) -> Result<Connection, ConnectError> {
        let shared = self.components.iter().find(|shared| shared.id == component);
        let shared = shared.ok_or(ConnectError::UnknownComponent(component))?;
        Connection::new(Arc::clone(shared), self.commands.clone()).opened().await
    }

    /// What the agent has seen and done so far.
    ///
    /// # Errors
    /// The agent is closed.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let agent = floe::Agent::builder().build()?;
    /// assert!(agent.stats().await?.pairs.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stats(&self) -> Result<Stats, Closed> {
        self.ask(Command::Stats).await.map(|stats| *stats)
    }

    /// Closes the agent. When this returns, its sockets are closed; every other call on it, waiting or to come, is
    /// answered with an error. Closing twice does no harm.
    ///
    /// # Cancel safety
    /// If the future is dropped, the agent may be closed nevertheless.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let agent = floe::Agent::builder().build()?;
    /// agent.close().await;
    /// assert!(agent.stats().await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&self) {
        // An error says that it is closed already.
        let _ = self.ask(Command::Close).await;
    }

    /// Sends a command to the driver and waits for its answer.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Closed> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
}
