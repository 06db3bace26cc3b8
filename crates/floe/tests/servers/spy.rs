//! The system's network with loopback only, and an eye on what is sent.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use floe::{Arrival, DatagramSocket, Interface, Link, Net, SystemNet};

#[derive(Debug, Default)]
pub(crate) struct Spy {
    system: SystemNet,
    pub(crate) log: Arc<Log>,
}

impl Spy {
    pub(crate) fn over(system: SystemNet) -> Self {
        Self { system, log: Arc::default() }
    }
}

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The datagrams in one part: where to, and their bytes.
    pub(crate) whole: Mutex<Vec<(SocketAddr, Vec<u8>)>>,
    /// Of the last one in three parts, where they begin and how long they are. To write it down takes no memory.
    parts: [[AtomicUsize; 2]; 3],
    /// How many there were in parts.
    in_parts: AtomicUsize,
    /// The port of the server that the last one went to.
    port: AtomicUsize,
    /// The addresses of the sockets.
    pub(crate) bound: Mutex<Vec<SocketAddr>>,
}

impl Log {
    fn note(&self, parts: &[IoSlice<'_>], to: SocketAddr) {
        assert_eq!(parts.len(), self.parts.len(), "what comes before, the data, what comes behind");
        for (part, [begin, length]) in parts.iter().zip(&self.parts) {
            begin.store(part.as_ptr() as usize, SeqCst);
            length.store(part.len(), SeqCst);
        }
        self.port.store(to.port().into(), SeqCst);
        self.in_parts.fetch_add(1, SeqCst);
    }

    /// How many datagrams have left in parts.
    pub(crate) fn in_parts(&self) -> usize {
        self.in_parts.load(SeqCst)
    }

    /// Begin and length of the parts of the last.
    pub(crate) fn last(&self) -> [(usize, usize); 3] {
        self.parts.each_ref().map(|[begin, length]| (begin.load(SeqCst), length.load(SeqCst)))
    }

    pub(crate) fn last_port(&self) -> usize {
        self.port.load(SeqCst)
    }
}

#[async_trait]
impl Net for Spy {
    async fn interfaces(&self) -> io::Result<Vec<Interface>> {
        let mut interfaces = self.system.interfaces().await?;
        for interface in &mut interfaces {
            interface.addresses.retain(|at| at.ip == std::net::IpAddr::from([127, 0, 0, 1]));
        }
        interfaces.retain(|interface| !interface.addresses.is_empty());
        Ok(interfaces)
    }

    async fn bind_udp(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        let inner = self.system.bind_udp(address).await?;
        self.log.bound.lock().unwrap().push(inner.local_addr()?);
        Ok(Arc::new(Socket { inner, log: Arc::clone(&self.log) }))
    }

    async fn connect(&self, link: &Link) -> io::Result<Arc<dyn DatagramSocket>> {
        self.system.connect(link).await
    }
}

#[derive(Debug)]
struct Socket {
    inner: Arc<dyn DatagramSocket>,
    log: Arc<Log>,
}

#[async_trait]
impl DatagramSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Arrival>> {
        self.inner.poll_recv(cx, buffer)
    }

    fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        self.log.whole.lock().unwrap().push((to, payload.to_vec()));
        self.inner.try_send_to(payload, to)
    }

    fn try_send_parts_to(&self, parts: &[IoSlice<'_>], to: SocketAddr) -> io::Result<()> {
        self.log.note(parts, to);
        self.inner.try_send_parts_to(parts, to)
    }

    async fn writable(&self) -> io::Result<()> {
        self.inner.writable().await
    }
}
