//! Sending and receiving on one component.

use std::{io, sync::Arc};

use floe_core::ComponentId;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Closed, ConnectError, ConnectionStats, RecvError, SelectedPair, SendError,
    activity::Activity,
    driver::Command,
    inbox::Inbox,
    path::{Path, Route, Snapshot},
};

/// What the driver and the connections of a component share.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) id: ComponentId,
    pub(crate) snapshot: watch::Receiver<Snapshot>,
    pub(crate) inbox: Inbox,
    pub(crate) activity: Activity,
}

/// The way to the peer for one component: datagrams out and in.
///
/// It always uses the best pair there is: before one is selected the best valid pair, then the selected one (RFC 8445
/// 12.1). That the pair changes is not visible here, but in the [events](crate::Events) and in
/// [`selected_pair`](Self::selected_pair).
///
/// [`send`](Self::send) goes straight to the socket and waits for no other task. Any number of clones may send and
/// receive at the same time; each datagram received goes to one of them. A connection is a handle: the agent lives as
/// long as one handle does.
#[derive(Debug, Clone)]
pub struct Connection {
    component: Arc<Component>,
    commands: mpsc::Sender<Command>,
}

impl Connection {
    pub(crate) const fn new(component: Arc<Component>, commands: mpsc::Sender<Command>) -> Self {
        Self { component, commands }
    }

    /// Waits until data can flow.
    pub(crate) async fn opened(self) -> Result<Self, ConnectError> {
        let mut snapshot = self.component.snapshot.clone();
        let settled = snapshot.wait_for(|snapshot| !matches!(snapshot.path, Path::None)).await;
        match settled.map(|snapshot| snapshot.path.clone()) {
            Ok(Path::Open(_) | Path::None) => Ok(self),
            Ok(Path::Failed(reason)) => Err(ConnectError::Failed(reason)),
            Ok(Path::Closed) | Err(_) => Err(Closed.into()),
        }
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> ComponentId {
        self.component.id
    }

    /// Sends one datagram to the peer. When it returns, the system has taken the datagram; whether it arrives is the
    /// network's matter, as with any UDP socket.
    ///
    /// The first byte should not be 0 to 3: such datagrams are told from STUN by more than that (RFC 7983), but old
    /// peers look no further.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, nothing was sent.
    ///
    /// # Examples
    /// ```
    /// # async fn example(connection: floe::Connection) -> Result<(), floe::SendError> {
    /// connection.send(b"hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send(&self, datagram: &[u8]) -> Result<(), SendError> {
        match self.try_send(datagram) {
            Err(SendError::Full) => self.send_when_writable(datagram).await,
            other => other,
        }
    }

    async fn send_when_writable(&self, datagram: &[u8]) -> Result<(), SendError> {
        let mut snapshot = self.component.snapshot.clone();
        loop {
            let route = self.route_in(&snapshot.borrow_and_update())?;
            match self.send_over(&route, datagram) {
                Err(SendError::Full) => {}
                other => return other,
            }
            // The path may change meanwhile, or the agent be closed: then this socket is waited for in vain.
            tokio::select! {
                writable = route.socket.writable() => writable?,
                _ = snapshot.changed() => {}
            }
        }
    }

    /// Sends one datagram if the system takes it at once.
    ///
    /// # Errors
    /// See [`SendError`]; [`SendError::Full`] where [`send`](Self::send) would wait.
    ///
    /// # Examples
    /// ```
    /// # fn example(connection: floe::Connection) -> Result<(), floe::SendError> {
    /// match connection.try_send(b"late is worse than lost") {
    ///     Err(floe::SendError::Full) => {}
    ///     other => other?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send(&self, datagram: &[u8]) -> Result<(), SendError> {
        let route = self.route_in(&self.component.snapshot.borrow())?;
        self.send_over(&route, datagram)
    }

    /// Receives one datagram into `buffer` and returns its length, which is never 0. What does not fit is lost, as with
    /// a UDP socket: 65,535 bytes hold every datagram, 1,500 those of most applications.
    ///
    /// Datagrams come from the peer: from addresses that a check of its has authenticated. Nothing of ICE's own is among
    /// them.
    ///
    /// # Errors
    /// See [`RecvError`]. What came in before the end can still be received.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, no datagram is lost.
    ///
    /// # Examples
    /// ```
    /// # async fn example(connection: floe::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut buffer = [0; 1500];
    /// let length = connection.recv(&mut buffer).await?;
    /// connection.send(&buffer[..length]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        loop {
            let filled = self.component.inbox.filled();
            tokio::pin!(filled);
            filled.as_mut().enable();
            if let Some(taken) = self.component.inbox.take(buffer) {
                if taken.copied < taken.length {
                    tracing::debug!(length = taken.length, buffer = buffer.len(), "a datagram was cut");
                }
                return Ok(taken.copied);
            }
            match &self.component.snapshot.borrow().path {
                Path::None | Path::Open(_) => {}
                Path::Failed(reason) => return Err(RecvError::Failed(reason.clone())),
                Path::Closed => return Err(Closed.into()),
            }
            filled.await;
        }
    }

    /// The selected pair; `None` until one is selected.
    #[must_use]
    pub fn selected_pair(&self) -> Option<Arc<SelectedPair>> {
        self.component.snapshot.borrow().selected.clone()
    }

    /// What went over this component so far.
    ///
    /// # Errors
    /// The agent is closed.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```
    /// # async fn example(connection: floe::Connection) -> Result<(), floe::Closed> {
    /// println!("{} datagrams dropped: nobody received them in time", connection.stats().await?.inbox_dropped);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stats(&self) -> Result<ConnectionStats, Closed> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Stats(reply)).await.map_err(|_| Closed)?;
        let stats = answer.await.map_err(|_| Closed)?;
        stats.connection(self.component.id).ok_or(Closed)
    }

    fn route_in(&self, snapshot: &Snapshot) -> Result<Arc<Route>, SendError> {
        match &snapshot.path {
            Path::Open(route) => Ok(Arc::clone(route)),
            Path::None => Err(SendError::NoPath(self.component.id)),
            Path::Failed(reason) => Err(SendError::Failed(reason.clone())),
            Path::Closed => Err(Closed.into()),
        }
    }

    fn send_over(&self, route: &Route, datagram: &[u8]) -> Result<(), SendError> {
        if datagram.is_empty() {
            return Err(SendError::Empty);
        }
        match route.try_send(datagram) {
            Ok(()) => {
                route.traffic.sent(datagram.len());
                self.component.activity.note();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(SendError::Full),
            Err(error) => Err(error.into()),
        }
    }
}
