//! TLS over a TCP connection (RFC 8489 6.2.3).

use std::{
    io::{self, IoSlice, Read as _, Write as _},
    sync::Arc,
};

use rustls::ClientConnection;
use tokio::net::TcpStream;

use super::{ConnectError, error::Ended, layer::Layer, outgoing::Outgoing, stream::StreamSocket, trust};
use crate::{DatagramSocket, Link, SystemNet};

/// What may wait, encrypted, for the system to take it: one message of 65,558 bytes, and what its records add.
const MAX_WAITING: usize = 128 * 1024;

/// Connects, and shakes hands. It returns only when the server has proved its name.
pub(super) async fn connect(net: &SystemNet, link: &Link) -> Result<Arc<dyn DatagramSocket>, ConnectError> {
    let name = trust::server_name(link)?;
    let verifier = trust::verifier(&net.trust).await?;
    let config = rustls::ClientConfig::builder_with_provider(trust::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Handshake(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), name)
        .map_err(|error| ConnectError::Handshake(error.to_string()))?;
    let tcp = super::tcp(net, link).await.map_err(ConnectError::Network)?;
    let mut session = Session::new(client);
    session.handshake(&tcp).await?;
    let socket = StreamSocket::new(tcp, Layer::Tls(Box::new(session))).map_err(ConnectError::Network)?;
    Ok(Arc::new(socket))
}

/// The client's side of a TLS session.
pub(super) struct Session {
    client: ClientConnection,
}

impl Session {
    fn new(mut client: ClientConnection) -> Self {
        client.set_buffer_limit(Some(MAX_WAITING));
        Self { client }
    }

    async fn handshake(&mut self, tcp: &TcpStream) -> Result<(), ConnectError> {
        loop {
            while let Err(error) = self.flush(tcp) {
                if error.kind() != io::ErrorKind::WouldBlock {
                    return Err(ConnectError::Network(error));
                }
                tcp.writable().await.map_err(ConnectError::Network)?;
            }
            if !self.client.is_handshaking() {
                return Ok(());
            }
            tcp.readable().await.map_err(ConnectError::Network)?;
            match self.client.read_tls(&mut Wire(tcp)) {
                Ok(0) => return Err(ConnectError::Handshake("the server closed the connection".to_owned())),
                Ok(_) => self.process(tcp)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(ConnectError::Network(error)),
            }
        }
    }

    fn process(&mut self, tcp: &TcpStream) -> Result<(), ConnectError> {
        let processed = self.client.process_new_packets();
        processed.map(drop).map_err(|error| {
            // The alert tells the server why. Whether it arrives changes nothing.
            let _ = self.flush(tcp);
            ConnectError::Handshake(error.to_string())
        })
    }

    pub(super) fn waits(&self) -> bool {
        self.client.wants_write()
    }

    pub(super) fn flush(&mut self, tcp: &TcpStream) -> io::Result<()> {
        while self.client.wants_write() {
            self.client.write_tls(&mut Wire(tcp))?;
        }
        Ok(())
    }

    /// With nothing waiting there is room for a whole message, so that it goes in at once, and all of it leaves.
    pub(super) fn send(&mut self, tcp: &TcpStream, message: &Outgoing<'_>) -> io::Result<()> {
        for part in message.parts() {
            self.client.writer().write_all(part)?;
        }
        match self.flush(tcp) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            outcome => outcome,
        }
    }

    pub(super) fn read(&mut self, tcp: &TcpStream, buffer: &mut [u8]) -> Result<io::Result<usize>, Ended> {
        loop {
            match self.client.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // RFC 8446 6.1: an end that the server did not announce may have been made by somebody else. What that
                // cuts off is seen by the messages.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Ok(0)),
                Err(error) => return Err(Ended::network(&error)),
                Ok(length) => return Ok(Ok(length)),
            }
            match self.client.read_tls(&mut Wire(tcp)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Err(error)),
                Err(error) => return Err(Ended::network(&error)),
                Ok(_) => {
                    let processed = self.client.process_new_packets();
                    processed.map_err(|error| Ended::Secure(error.to_string()))?;
                }
            }
        }
    }
}

/// The connection, as rustls reads and writes it.
struct Wire<'a>(&'a TcpStream);

impl io::Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl io::Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
