//! What keeps the NATs on the way to the server from forgetting the 5-tuple, and with it the allocation.

use std::time::{Duration, Instant};

use bytes::Bytes;
use floe_stun::{Class, HEADER_LENGTH, MessageWriter, Method, TransactionId};

/// RFC 8445 11: keepalives follow one another no faster.
pub(crate) const MIN_TR: Duration = Duration::from_secs(15);
/// The bytes of FINGERPRINT.
const FINGERPRINT: usize = 8;

/// When something was last sent, and how long nothing may be.
#[derive(Debug)]
pub(crate) struct Keepalive {
    tr: Duration,
    sent_at: Instant,
}

impl Keepalive {
    pub(crate) fn new(now: Instant, tr: Duration) -> Self {
        Self { tr: tr.max(MIN_TR), sent_at: now }
    }

    /// Something was sent.
    pub(crate) const fn sent(&mut self, now: Instant) {
        self.sent_at = now;
    }

    /// When a keepalive is due; `None` for a time that never comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.sent_at.checked_add(self.tr)
    }
}

/// A Binding indication with FINGERPRINT and nothing else (RFC 8445 11): no server answers it.
pub(crate) fn indication(id: TransactionId) -> Option<Bytes> {
    let mut buffer = [0; HEADER_LENGTH + FINGERPRINT];
    let writer = MessageWriter::new(&mut buffer, Class::Indication, Method::BINDING, id).ok()?;
    let length = writer.fingerprint().ok()?.finish();
    buffer.get(..length).map(Bytes::copy_from_slice)
}
