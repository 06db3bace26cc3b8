//! DTLS over UDP (RFC 7350, RFC 8489 6.2.3).

use std::{
    collections::VecDeque,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::BytesMut;
use floe_core::address::{self, Redacted};
use rtc_dtls::{
    cipher_suite::CipherSuiteId,
    config::{ConfigBuilder, HandshakeConfig, VerifyPeerCertificateFn},
    endpoint::{Endpoint, EndpointEvent},
};
use rtc_shared::{TransportProtocol, error::Error};
use rustls::{
    client::danger::ServerCertVerifier,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::ReadBuf, net::UdpSocket};

use super::{ConnectError, error::Ended, stream::check_peer, trust};
use crate::{Arrival, DatagramSocket, Link, SystemNet, system::udp};

/// What is sent of a handshake and not answered is sent again after this long: RFC 6347 4.2.4.1 recommends a second, and
/// allows less where it matters.
const RETRANSMIT: Duration = Duration::from_millis(500);
/// The longest datagram.
const MAX_DATAGRAM: usize = 65_535;
/// Suites with forward secrecy and authenticated encryption only: no RC4, no DES, no CBC (RFC 8489 6.2.3, RFC 9325 4.2).
const SUITES: [CipherSuiteId; 4] = [
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
    CipherSuiteId::Tls_Ecdhe_Rsa_With_ChaCha20_Poly1305_Sha256,
];

/// By tokio's clock, which tests may hold.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Connects, and shakes hands. It returns only when the server has proved its name.
pub(super) async fn connect(net: &SystemNet, link: &Link) -> Result<Arc<dyn DatagramSocket>, ConnectError> {
    let name = trust::server_name(link)?;
    let verifier = trust::verifier(&net.trust).await?;
    let proved = Arc::new(AtomicBool::new(false));
    let config = config(verifier, name, &proved)?;
    let udp = bind(net, link).map_err(ConnectError::Network)?;
    let socket = DtlsSocket::new(udp, config)?;
    socket.handshake().await?;
    // What judges is called within the handshake; that it was not skipped is worth a look.
    if !proved.load(Ordering::Acquire) {
        return Err(ConnectError::Handshake("the server has shown no certificate".to_owned()));
    }
    Ok(Arc::new(socket))
}

fn bind(net: &SystemNet, link: &Link) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(link.from), Type::DGRAM, Some(Protocol::UDP))?;
    udp::enlarge(&socket, net.receive_buffer, net.send_buffer);
    udp::mark(&socket, link.from.ip(), net.dscp);
    socket.set_nonblocking(true)?;
    socket.bind(&link.from.into())?;
    socket.connect(&address::scoped(link.to, link.from).into())?;
    UdpSocket::from_std(socket.into())
}

fn config(
    verifier: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
    proved: &Arc<AtomicBool>,
) -> Result<Arc<HandshakeConfig>, ConnectError> {
    let failed = |why: String| ConnectError::Handshake(why);
    let provider = rtc_crypto::default_provider().map_err(|error| failed(error.to_string()))?;
    // RFC 6066 3: an address is not sent.
    let sent =
        if matches!(name, ServerName::DnsName(_)) { name.to_str().into_owned() } else { String::new() };
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_cipher_suites(SUITES.to_vec())
        .with_flight_interval(RETRANSMIT)
        .with_server_name(sent)
        // Its own verifier knows roots only; ours is called instead, at the same place.
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(judge(verifier, name, proved.clone())))
        .build(true, None)
        .map_err(|error| failed(error.to_string()))?;
    Ok(Arc::new(config))
}

/// What a certificate is judged by, as TLS judges it.
fn judge(
    verifier: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
    proved: Arc<AtomicBool>,
) -> VerifyPeerCertificateFn {
    Arc::new(move |shown: &[Vec<u8>], _| {
        let shown: Vec<_> = shown.iter().map(|der| CertificateDer::from_slice(der)).collect();
        let Some((own, intermediates)) = shown.split_first() else {
            return Err(Error::Other("no certificate".to_owned()));
        };
        let verified = verifier.verify_server_cert(own, intermediates, &name, &[], UnixTime::now());
        verified.map_err(|error| Error::Other(error.to_string()))?;
        proved.store(true, Ordering::Release);
        Ok(())
    })
}

/// A DTLS session with one server. Every record that carries data is one datagram.
struct DtlsSocket {
    udp: UdpSocket,
    local: SocketAddr,
    peer: SocketAddr,
    state: Mutex<State>,
}

struct State {
    endpoint: Endpoint,
    peer: SocketAddr,
    datagram: Box<[u8]>,
    received: VecDeque<BytesMut>,
    connected: bool,
    ended: Option<Ended>,
}

impl DtlsSocket {
    fn new(udp: UdpSocket, config: Arc<HandshakeConfig>) -> Result<Self, ConnectError> {
        let local = udp.local_addr().map_err(ConnectError::Network)?;
        let peer = udp.peer_addr().map_err(ConnectError::Network)?;
        let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, None);
        let begun = endpoint.connect(now(), peer, config, None);
        begun.map_err(|error| ConnectError::Handshake(error.to_string()))?;
        let state = Mutex::new(State {
            endpoint,
            peer,
            datagram: vec![0; MAX_DATAGRAM].into_boxed_slice(),
            received: VecDeque::new(),
            connected: false,
            ended: None,
        });
        Ok(Self { udp, local, peer, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handshake(&self) -> Result<(), ConnectError> {
        // Tokio takes a new socket for busy until the system has said otherwise.
        self.udp.writable().await.map_err(ConnectError::Network)?;
        loop {
            let wake = {
                let mut state = self.state();
                state.transmit(&self.udp).map_err(ConnectError::Network)?;
                if state.connected {
                    return Ok(());
                }
                state.endpoint.poll_timeout(&self.peer)
            };
            let readable = async {
                match wake {
                    Some(at) => tokio::time::timeout_at(at.into(), self.udp.readable()).await,
                    None => Ok(self.udp.readable().await),
                }
            };
            match readable.await {
                Ok(readable) => {
                    readable.map_err(ConnectError::Network)?;
                    self.state().take_datagrams(&self.udp)?;
                }
                Err(_elapsed) => self.state().handle_timeout()?,
            }
        }
    }
}

impl State {
    /// Sends what the session has to say. What the system does not take is lost, as on the way. An error may be the echo of
    /// an earlier datagram: nobody is there.
    fn transmit(&mut self, udp: &UdpSocket) -> io::Result<()> {
        let mut outcome = Ok(());
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Err(error) = udp.try_send(&transmit.message) {
                outcome = Err(error);
            }
        }
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            outcome => outcome,
        }
    }

    fn handle_timeout(&mut self) -> Result<(), ConnectError> {
        let handled = self.endpoint.handle_timeout(self.peer, now());
        // Its one error here is that everything was sent so often as it may be.
        handled.map_err(|_| ConnectError::NoAnswer)
    }

    /// During the handshake: all that is there.
    fn take_datagrams(&mut self, udp: &UdpSocket) -> Result<(), ConnectError> {
        loop {
            match udp.try_recv(&mut self.datagram) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Nobody is there: no need to wait for the time to run out.
                Err(error) => return Err(ConnectError::Network(error)),
                Ok(length) => {
                    let handled = self.handle(length);
                    if let Err(error) = handled {
                        // The alert tells the server why.
                        let _ = self.transmit(udp);
                        return Err(ConnectError::Handshake(error));
                    }
                }
            }
        }
    }

    /// A datagram of the server. What is no part of the session changes nothing.
    fn handle(&mut self, length: usize) -> Result<(), String> {
        let datagram = BytesMut::from(self.datagram.get(..length).unwrap_or_default());
        let events = match self.endpoint.read(now(), self.peer, None, datagram) {
            Ok(events) => events,
            Err(error) if ends(&error, self.connected) => return Err(error.to_string()),
            Err(error) => {
                tracing::debug!(%error, "a datagram was no part of the DTLS session");
                return Ok(());
            }
        };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.connected = true,
                EndpointEvent::ApplicationData(data) => self.received.push_back(data),
                EndpointEvent::PeerClosed => self.ended = Some(Ended::Closed),
                _ => {}
            }
        }
        match &self.ended {
            Some(_) if !self.connected => Err("the server closed the connection".to_owned()),
            _ => Ok(()),
        }
    }

    fn check(&self) -> io::Result<()> {
        self.ended.as_ref().map_or(Ok(()), |ended| Err(ended.error()))
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(data) = self.received.pop_front() else { return self.check().map(|()| None) };
        let length = data.len().min(buffer.len());
        buffer.iter_mut().zip(data).for_each(|(place, byte)| *place = byte);
        Ok(Some(length))
    }

    /// Reads one datagram.
    fn poll_datagram(&mut self, udp: &UdpSocket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(&mut self.datagram);
        let received = ready!(udp.poll_recv(cx, &mut buffer));
        let length = buffer.filled().len();
        match received {
            Err(error) if udp::passes(&error) => {}
            Err(error) => {
                self.ended.get_or_insert(Ended::network(&error));
            }
            Ok(()) => {
                if let Err(why) = self.handle(length) {
                    self.ended.get_or_insert(Ended::Secure(why));
                }
                if let Err(error) = self.transmit(udp) {
                    tracing::trace!(%error, "an answer of DTLS was not sent");
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// RFC 6347 4.1.2.7: anybody can send a datagram in the server's name, so that what is no record changes nothing. Once the
/// session is there only what is authentic may end it; before, whatever does not lead on.
fn ends(error: &Error, connected: bool) -> bool {
    match error {
        Error::ErrInvalidPacketLength => false,
        Error::ErrAlertFatalOrClose => true,
        _ => !connected,
    }
}

#[async_trait]
impl DatagramSocket for DtlsSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let mut state = self.state();
        loop {
            if let Some(length) = state.take(buffer)? {
                return Poll::Ready(Ok(Arrival::new(length, self.peer)));
            }
            ready!(state.poll_datagram(&self.udp, cx))?;
        }
    }

    fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        check_peer(self.peer, to)?;
        let mut state = self.state();
        state.check()?;
        let written = state.endpoint.write(now(), self.peer, payload);
        written.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        let mut outcome = Ok(());
        while let Some(transmit) = state.endpoint.poll_transmit() {
            outcome = self.udp.try_send(&transmit.message).map(drop);
        }
        outcome
    }

    async fn writable(&self) -> io::Result<()> {
        self.udp.writable().await
    }
}

impl Drop for DtlsSocket {
    fn drop(&mut self) {
        let mut state = self.state();
        let peer = state.peer;
        // RFC 7350 4.1: the server is told, as far as one datagram can.
        state.endpoint.stop(now(), peer);
        if let Err(error) = state.transmit(&self.udp) {
            tracing::trace!(%error, "the end of DTLS was not told");
        }
    }
}

impl fmt::Debug for DtlsSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DtlsSocket({} to {})", Redacted(self.local), Redacted(self.peer))
    }
}
