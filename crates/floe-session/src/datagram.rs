//! What a datagram is, and whose (RFC 7983 7).

use std::{net::SocketAddr, time::Instant};

use floe_check::Outcome;
use floe_core::{BaseId, Received};
use floe_stun::{
    MAGIC_COOKIE,
    demux::{Kind, classify},
};

use crate::{Disposition, DropReason, IceState, Session, SocketId};

impl Session {
    /// A datagram that came in on a socket from an address. Data is the caller's: it holds the bytes already.
    ///
    /// Whatever it holds, it is used, or dropped for a counted reason; it never ends the session. Only what proves to
    /// know the password changes anything; data that is taken does no more than show that somebody is there, which puts
    /// off [`Reason::Silent`](crate::Reason::Silent).
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Disposition {
        let now = self.clock.tick(now);
        let disposition = self.dispose(now, socket, from, datagram);
        if let Disposition::Dropped(why) = disposition {
            self.tally.drop(why);
        }
        disposition
    }

    fn dispose(&mut self, now: Instant, socket: SocketId, from: SocketAddr, datagram: &[u8]) -> Disposition {
        if self.state() == IceState::Closed {
            return Disposition::Dropped(DropReason::Closed);
        }
        let Some((base, nat64)) = self.sockets.opened(socket) else {
            return self.dispose_linked(now, socket, from, datagram);
        };
        // This agent knows the peers and servers behind a NAT64 as they know themselves.
        let from = nat64.map_or(from, |prefix| prefix.extract_socket(from));
        if let Some(disposition) = self.dispose_relayed(now, base, from, datagram) {
            return disposition;
        }
        if is_stun(datagram) {
            self.dispose_stun(now, Received { base, from, payload: datagram })
        } else {
            self.dispose_data(now, base, from)
        }
    }

    /// What a connection to a server brings is the server's, or nobody's: no peer is reached by it but over the relay.
    fn dispose_linked(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Disposition {
        let Some((host, nat64)) = self.relays.links.open(socket) else {
            return Disposition::Dropped(DropReason::UnknownSocket);
        };
        let from = nat64.map_or(from, |prefix| prefix.extract_socket(from));
        let disposition = self.dispose_relayed(now, host, from, datagram);
        disposition.unwrap_or(Disposition::Dropped(DropReason::Stranger))
    }

    pub(crate) fn dispose_stun(&mut self, now: Instant, received: Received<'_>) -> Disposition {
        if self.gatherer.handle(now, received) {
            self.relays.note_heard(received.base);
            self.drive(now);
            return Disposition::Consumed;
        }
        match self.check.handle(now, received) {
            Outcome::Handled => {
                self.relays.note_heard(received.base);
                self.drive(now);
                Disposition::Consumed
            }
            Outcome::Keepalive => Disposition::Consumed,
            Outcome::Dropped(why) => {
                self.answer_dropped(now);
                Disposition::Dropped(DropReason::Check(why))
            }
        }
    }

    /// RFC 8445 12.2: data is taken on every candidate, whatever pair is selected; but only from where an
    /// authentic check or answer has come.
    pub(crate) fn dispose_data(&mut self, now: Instant, base: BaseId, from: SocketAddr) -> Disposition {
        let Some((stream, component)) = self.check.accepts(base, from) else {
            return Disposition::Dropped(DropReason::Stranger);
        };
        self.note_heard(now, base, from);
        Disposition::Data { stream, component }
    }
}

/// Whether this is STUN and not data that merely begins alike: the magic cookie decides (RFC 7983 7, RFC 8489 5).
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    classify(datagram) == Kind::Stun && datagram.get(4..8) == Some(MAGIC_COOKIE.to_be_bytes().as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stun_is_told_from_data_by_its_first_byte_and_its_cookie() {
        let mut header = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0];
        for first in 0..=255 {
            header[0] = first;
            assert_eq!(is_stun(&header), first < 4, "{first}");
            assert!(!is_stun(&[first]) && !is_stun(&header[..7]));
        }
        header[0] = 0;
        assert!(is_stun(&header[..8]));
        for at in 4..8 {
            let mut other = header;
            other[at] ^= 1;
            assert!(!is_stun(&other), "cookie byte {at}");
        }
        assert!(!is_stun(&[]));
    }
}
