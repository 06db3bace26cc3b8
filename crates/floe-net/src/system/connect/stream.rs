//! A connection over TCP or TLS that is used like a socket for datagrams.

use std::{
    fmt,
    io::{self, IoSlice},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use async_trait::async_trait;
use floe_core::address::Redacted;
use floe_stun::stream::StreamDecoder;
use tokio::net::TcpStream;

use super::{
    error::Ended,
    layer::{Layer, PIECE},
    outgoing::Outgoing,
};
use crate::{Arrival, DatagramSocket};

/// A stream of whole messages (RFC 8489 6.2.2, RFC 8656 12.5).
///
/// The lock is held for as long as a call to the system takes, and never while anything is waited for.
pub(super) struct StreamSocket {
    tcp: TcpStream,
    local: SocketAddr,
    peer: SocketAddr,
    state: Mutex<State>,
}

struct State {
    layer: Layer,
    decoder: StreamDecoder,
    piece: Box<[u8]>,
    /// Who reads: it hands on what is left of a message when the system takes more.
    reader: Option<Waker>,
    ended: Option<Ended>,
}

impl StreamSocket {
    pub(super) fn new(tcp: TcpStream, layer: Layer) -> io::Result<Self> {
        let (local, peer) = (tcp.local_addr()?, tcp.peer_addr()?);
        let (decoder, piece) = (StreamDecoder::new(), vec![0; PIECE].into_boxed_slice());
        let state = Mutex::new(State { layer, decoder, piece, reader: None, ended: None });
        Ok(Self { tcp, local, peer, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change that matters more than the connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on what waits, and comes back when the system takes more.
    fn poll_flush(&self, cx: &mut Context<'_>) -> io::Result<()> {
        loop {
            if !self.state().flush(&self.tcp)? {
                return Ok(());
            }
            match self.tcp.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(self.state().end(Ended::network(&error))),
                Poll::Pending => return Ok(()),
            }
        }
    }
}

impl State {
    fn end(&mut self, why: Ended) -> io::Error {
        self.ended.get_or_insert(why).error()
    }

    fn check(&self) -> io::Result<()> {
        self.ended.as_ref().map_or(Ok(()), |ended| Err(ended.error()))
    }

    /// What an error of the system means: it is busy, or the connection is over.
    fn judge(&mut self, error: &io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => io::ErrorKind::WouldBlock.into(),
            _ => self.end(Ended::network(error)),
        }
    }

    /// Whether something still waits after it.
    fn flush(&mut self, tcp: &TcpStream) -> io::Result<bool> {
        self.check()?;
        match self.layer.flush(tcp) {
            Ok(()) => Ok(false),
            Err(error) => match self.judge(&error) {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
                error => Err(error),
            },
        }
    }

    fn send(&mut self, tcp: &TcpStream, message: &Outgoing<'_>) -> io::Result<()> {
        self.check()?;
        self.layer.send(tcp, message).map_err(|error| self.judge(&error))?;
        if self.layer.waits()
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        Ok(())
    }

    /// The next message that is there already: how many bytes of it the buffer holds.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.check()?;
        let message = match self.decoder.next() {
            Ok(message) => message,
            Err(error) => return Err(self.end(Ended::Stream(error))),
        };
        Ok(message.map(|message| {
            let length = message.len().min(buffer.len());
            buffer.iter_mut().zip(message).for_each(|(place, byte)| *place = *byte);
            length
        }))
    }

    /// Reads what there is; `false` where nothing is.
    fn read(&mut self, tcp: &TcpStream) -> io::Result<bool> {
        match self.layer.read(tcp, &mut self.piece) {
            Ok(Ok(0)) => {
                let why = self.decoder.end().map_or_else(Ended::Stream, |()| Ended::Closed);
                Err(self.end(why))
            }
            Ok(Ok(length)) => {
                self.decoder.extend(self.piece.get(..length).unwrap_or_default());
                Ok(true)
            }
            Ok(Err(_would_block)) => Ok(false),
            Err(ended) => Err(self.end(ended)),
        }
    }
}

#[async_trait]
impl DatagramSocket for StreamSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Arrival>> {
        self.state().reader = Some(cx.waker().clone());
        loop {
            if let Some(length) = self.state().take(buffer)? {
                return Poll::Ready(Ok(Arrival::new(length, self.peer)));
            }
            self.poll_flush(cx)?;
            // What TLS has read already is not announced by the system again.
            if !self.state().read(&self.tcp)? {
                ready!(self.tcp.poll_read_ready(cx))?;
            }
        }
    }

    fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        self.try_send_parts_to(&[IoSlice::new(payload)], to)
    }

    fn try_send_parts_to(&self, parts: &[IoSlice<'_>], to: SocketAddr) -> io::Result<()> {
        check_peer(self.peer, to)?;
        let message = Outgoing::new(parts)?;
        self.state().send(&self.tcp, &message)
    }

    async fn writable(&self) -> io::Result<()> {
        loop {
            self.state().check()?;
            self.tcp.writable().await?;
            if !self.state().flush(&self.tcp)? {
                return Ok(());
            }
        }
    }
}

/// A connection leads to one address only.
pub(super) fn check_peer(peer: SocketAddr, to: SocketAddr) -> io::Result<()> {
    if (peer.ip(), peer.port()) == (to.ip(), to.port()) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "a connection leads to its server only"))
}

impl fmt::Debug for StreamSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamSocket({} to {})", Redacted(self.local), Redacted(self.peer))
    }
}
