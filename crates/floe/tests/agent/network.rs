//! Networks that misbehave, and that change.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use floe::{Arrival, DatagramSocket, Interface, InterfaceAddress, Net, SystemNet};
use futures::{
    StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    stream::BoxStream,
};
use tokio::sync::{oneshot, watch};

use crate::support::LIMIT;

/// The system's network, until something is broken.
#[derive(Debug, Default)]
pub(crate) struct Breakable {
    pub(crate) no_interfaces: bool,
    pub(crate) no_sockets: bool,
    pub(crate) system: SystemNet,
    pub(crate) sockets: Mutex<Vec<Arc<Socket>>>,
}

impl Breakable {
    /// From now on the sockets that are open are no longer any good.
    pub(crate) fn break_sockets(&self) {
        for socket in self.sockets.lock().unwrap().iter() {
            socket.broken.store(true, SeqCst);
            socket.reader.lock().unwrap().wake_by_ref();
        }
    }

    /// From now on what is sent is lost, or goes out again.
    pub(crate) fn mute(&self, mute: bool) {
        for socket in self.sockets.lock().unwrap().iter() {
            socket.mute.store(mute, SeqCst);
        }
    }

    /// From now on the send buffers are full, or have room again.
    pub(crate) fn fill_buffers(&self, full: bool) {
        for socket in self.sockets.lock().unwrap().iter() {
            socket.full.store(full, SeqCst);
        }
    }
}

#[async_trait]
impl Net for Breakable {
    async fn interfaces(&self) -> io::Result<Vec<Interface>> {
        if self.no_interfaces {
            return Err(io::Error::other("the wires were cut"));
        }
        self.system.interfaces().await
    }

    async fn bind_udp(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        if self.no_sockets {
            return Err(io::Error::other("no socket today"));
        }
        let inner = self.system.bind_udp(address).await?;
        let socket = Socket {
            inner,
            broken: AtomicBool::new(false),
            full: AtomicBool::new(false),
            mute: AtomicBool::new(false),
            reader: Mutex::new(Waker::noop().clone()),
        };
        let socket = Arc::new(socket);
        self.sockets.lock().unwrap().push(Arc::clone(&socket));
        Ok(socket)
    }
}

#[derive(Debug)]
pub(crate) struct Socket {
    inner: Arc<dyn DatagramSocket>,
    broken: AtomicBool,
    full: AtomicBool,
    mute: AtomicBool,
    reader: Mutex<Waker>,
}

#[async_trait]
impl DatagramSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Arrival>> {
        *self.reader.lock().unwrap() = cx.waker().clone();
        if self.broken.load(SeqCst) {
            return Poll::Ready(Err(io::Error::other("the socket fell off")));
        }
        self.inner.poll_recv(cx, buffer)
    }

    fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        if self.full.load(SeqCst) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.mute.load(SeqCst) {
            return Ok(());
        }
        self.inner.try_send_to(payload, to)
    }

    async fn writable(&self) -> io::Result<()> {
        while self.full.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.inner.writable().await
    }
}

/// The loopback interface of the system, with the addresses that it is said to have. Nobody else lists it.
#[derive(Debug)]
pub(crate) struct Changing {
    /// None: the system does not tell.
    addresses: Mutex<Option<Vec<IpAddr>>>,
    /// How many have ended.
    listed: watch::Sender<usize>,
    /// The next listing ends when this does, and says what was so when it began.
    pub(crate) slow: Mutex<Option<oneshot::Receiver<()>>>,
    /// The address that gets no socket.
    pub(crate) no_socket_on: Option<IpAddr>,
    changes: UnboundedSender<()>,
    told: Mutex<Option<UnboundedReceiver<()>>>,
    system: SystemNet,
}

impl Changing {
    pub(crate) fn new(addresses: &[&str]) -> Self {
        let (changes, told) = unbounded();
        let net = Self {
            addresses: Mutex::new(None),
            listed: watch::Sender::new(0),
            slow: Mutex::new(None),
            no_socket_on: None,
            changes,
            told: Mutex::new(Some(told)),
            system: SystemNet::new(),
        };
        net.set(addresses);
        net
    }

    /// The interface has these addresses from now on.
    pub(crate) fn set(&self, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        *self.addresses.lock().unwrap() = Some(addresses);
    }

    /// The interface has these addresses from now on, and the agent is told of a change.
    pub(crate) fn change(&self, addresses: &[&str]) {
        self.set(addresses);
        self.changes.unbounded_send(()).unwrap();
    }

    /// The agent is told of a change, and cannot find out what it is.
    pub(crate) fn fail(&self) {
        *self.addresses.lock().unwrap() = None;
        self.changes.unbounded_send(()).unwrap();
    }

    /// How often the interfaces were listed.
    pub(crate) fn count(&self) -> usize {
        *self.listed.borrow()
    }

    /// Waits until the interfaces were listed so many times in all, and the agent has dealt with what came of it.
    pub(crate) async fn listed(&self, times: usize) {
        let mut listed = self.listed.subscribe();
        let waiting = listed.wait_for(|listed| *listed >= times);
        drop(tokio::time::timeout(LIMIT, waiting).await.expect("nobody looks").unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[async_trait]
impl Net for Changing {
    async fn interfaces(&self) -> io::Result<Vec<Interface>> {
        let addresses = self.addresses.lock().unwrap().clone();
        let slow = self.slow.lock().unwrap().take();
        if let Some(end) = slow {
            end.await.unwrap();
        }
        self.listed.send_modify(|listed| *listed += 1);
        let addresses = addresses.ok_or_else(|| io::Error::other("the wires were cut"))?;
        let addresses = addresses.into_iter().map(|ip| InterfaceAddress::new(ip, 8)).collect();
        Ok(vec![Interface { name: "lo".to_owned(), index: 1, up: true, addresses }])
    }

    fn interface_changes(&self) -> BoxStream<'static, ()> {
        self.told.lock().unwrap().take().expect("one agent listens").boxed()
    }

    async fn bind_udp(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        if self.no_socket_on == Some(address.ip()) {
            std::future::pending::<()>().await;
        }
        self.system.bind_udp(address).await
    }
}
