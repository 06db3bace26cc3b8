//! A network that misbehaves.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use floe::{Arrival, Interface, Net, SystemNet, UdpSocket};

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

    async fn bind_udp(&self, address: SocketAddr) -> io::Result<Arc<dyn UdpSocket>> {
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
    inner: Arc<dyn UdpSocket>,
    broken: AtomicBool,
    full: AtomicBool,
    mute: AtomicBool,
    reader: Mutex<Waker>,
}

#[async_trait]
impl UdpSocket for Socket {
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
