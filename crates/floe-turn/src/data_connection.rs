//! A TCP connection to the server that becomes a peer's (RFC 6062 4.3, 4.4, 5.4).

use std::{fmt, time::Instant};

use bytes::Bytes;
use floe_stun::{HEADER_LENGTH, MAGIC_COOKIE, Message, TransactionId, attribute::ErrorCode};
use rand::rngs::ChaCha20Rng;

use crate::{
    ConnectionId,
    auth::{Auth, Verdict},
    config::ClientConfig,
    reason::RequestError,
    request::{self, Ask, Flight, Particulars, Request},
};

/// The most bytes of an answer: nothing that a server has to say is longer.
const MAX_ANSWER: usize = 4096;

/// A data connection on its way: from the ConnectionBind request to the first byte of the peer's.
///
/// Sans-IO. Open a TCP or TLS connection to the server, from another local address than the control connection's. Then
///
/// - write what [`poll_transmit`](Self::poll_transmit) gives, also after each call;
/// - give what was read to [`handle`](Self::handle), in whatever pieces it comes, until it says
///   [`Progress::Bound`]: from the byte that it names on, all that is read and written is the peer's;
/// - call [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has come.
///
/// After an error close the connection. `now` never goes back. It keeps no more than one message of 4 KiB.
pub struct DataConnection {
    config: ClientConfig,
    auth: Auth,
    rng: ChaCha20Rng,
    connection: ConnectionId,
    id: TransactionId,
    flight: Flight,
    out: Option<Bytes>,
    buffer: Vec<u8>,
    until: Instant,
    state: State,
}

/// | from \ on | success | challenge | anything else, or its time is over |
/// |---|---|---|---|
/// | Asking | Bound | Asking | Failed |
/// | Bound | - | - | - |
/// | Failed | - | - | - |
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Asking,
    Bound,
    Failed(RequestError),
}

/// How far a data connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All bytes were the server's. Read more.
    Asking,
    /// It is the peer's now.
    Bound {
        /// How many of the bytes were still the server's: what follows them comes from the peer.
        consumed: usize,
    },
}

impl DataConnection {
    /// One that has so long to ask, signed as the control connection is.
    pub(crate) fn new(
        config: ClientConfig,
        rng: ChaCha20Rng,
        credential: Option<std::sync::Arc<floe_stun::long_term::Credential>>,
        connection: ConnectionId,
        until: Instant,
    ) -> Result<Self, RequestError> {
        let request = Request::patient(Ask::BindConnection(connection));
        let mut new = Self {
            // The control connection was made with the same.
            auth: Auth::new(&config).map_err(|_| RequestError::TooLong)?,
            config,
            rng,
            connection,
            id: TransactionId::new([0; 12]),
            flight: Flight { request, rest: Vec::new(), credential },
            out: None,
            buffer: Vec::new(),
            until,
            state: State::Asking,
        };
        new.ask()?;
        Ok(new)
    }

    /// Which connection it binds.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Whether all that is read and written is the peer's.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.state == State::Bound
    }

    /// The next bytes to write to the server.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.take()
    }

    /// When the server closes it for want of a request: 30 s after it was told of. `None` once that is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.state == State::Asking).then_some(self.until)
    }

    /// Time has passed.
    ///
    /// # Errors
    /// It was not bound in time.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), RequestError> {
        if self.state == State::Asking && self.until <= now {
            self.fail(RequestError::TimedOut);
        }
        match &self.state {
            State::Failed(why) => Err(why.clone()),
            State::Asking | State::Bound => Ok(()),
        }
    }

    /// Takes what was read from the connection. Once it is [`Progress::Bound`] nothing is consumed any more.
    ///
    /// # Errors
    /// The server refuses, or what came is no answer of its. The error stays.
    pub fn handle(&mut self, bytes: &[u8]) -> Result<Progress, RequestError> {
        let mut consumed = 0;
        loop {
            match &self.state {
                State::Bound => return Ok(Progress::Bound { consumed }),
                State::Failed(why) => return Err(why.clone()),
                State::Asking => {}
            }
            let rest = bytes.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Progress::Asking);
            }
            consumed += self.take(rest);
        }
    }

    /// Takes as much as belongs to the message that is being read; at least one byte.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let wanted = message_length(&self.buffer).unwrap_or(HEADER_LENGTH);
        let taken = bytes.len().min(wanted.saturating_sub(self.buffer.len()));
        self.buffer.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.buffer.len() >= HEADER_LENGTH {
            match message_length(&self.buffer) {
                Some(length) if length == self.buffer.len() => self.answered(),
                Some(_) => {}
                None => self.fail(RequestError::Malformed),
            }
        }
        taken
    }

    fn answered(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let Ok(response) = Message::parse(&buffer) else {
            return self.fail(RequestError::Malformed);
        };
        let ours =
            response.transaction_id() == self.id && response.method() == self.flight.request.ask.method();
        if !ours || !response.class().is_response() {
            return self.fail(RequestError::Malformed);
        }
        match self.auth.judge(&response, &self.flight) {
            Verdict::Success => self.state = State::Bound,
            Verdict::Again(request, None) => self.ask_again(request),
            // The server's trouble lasts longer than the connection.
            Verdict::Again(_, Some(_)) => self.fail(RequestError::Other(code_of(&response))),
            Verdict::Failed(why) => self.fail(why),
            Verdict::Ignore { .. } => self.fail(RequestError::IntegrityViolated),
        }
    }

    fn ask_again(&mut self, request: Request) {
        self.flight = Flight { request, rest: Vec::new(), credential: self.auth.credential().cloned() };
        if let Err(why) = self.ask() {
            self.fail(why);
        }
    }

    fn ask(&mut self) -> Result<(), RequestError> {
        self.id = TransactionId::random(&mut self.rng);
        let (ask, credential) = (self.flight.request.ask, self.flight.credential.as_deref());
        let written = request::write(ask, self.id, &self.config, Particulars::default(), credential);
        self.out = Some(written.map_err(|_| RequestError::TooLong)?);
        Ok(())
    }

    fn fail(&mut self, why: RequestError) {
        self.state = State::Failed(why);
        self.out = None;
        self.buffer = Vec::new();
    }
}

/// How long the message is that begins so; `None` before its header is there, or where it cannot be an answer.
fn message_length(buffer: &[u8]) -> Option<usize> {
    let &[first, _, l0, l1, c0, c1, c2, c3] = buffer.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let is_stun = first & 0xC0 == 0 && u32::from_be_bytes([c0, c1, c2, c3]) == MAGIC_COOKIE;
    (is_stun && HEADER_LENGTH + length <= MAX_ANSWER).then_some(HEADER_LENGTH + length)
}

fn code_of(response: &Message<'_>) -> u16 {
    response.attribute::<ErrorCode<'_>>().ok().flatten().map_or(ErrorCode::SERVER_ERROR, |error| error.code())
}

impl fmt::Debug for DataConnection {
    /// Shows neither credentials nor what was read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataConnection")
            .field("connection", &self.connection)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
