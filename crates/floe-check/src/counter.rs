//! Numbered sends and answers (RFC 7982): what makes the round trip of a resent check a true one.

use std::net::SocketAddr;

use bytes::Bytes;
use floe_core::{BaseId, StreamId};
use floe_stun::{Message, MessageWriter, TransactionId, attribute::TransactionTransmitCounter};

use crate::{CheckSet, codec, schedule::Check};

/// The transactions of a few checks that came: one that is resent triggers nothing again (RFC 8489 6.3.1), and its
/// answers are counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RecentRequests([Option<Answered>; 4]);

#[derive(Debug, Clone, Copy)]
struct Answered {
    id: TransactionId,
    answers: u8,
}

impl RecentRequests {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Notes a check; says whether it is a new one.
    pub(crate) fn note(&mut self, id: TransactionId) -> bool {
        if self.0.iter().flatten().any(|known| known.id == id) {
            return false;
        }
        self.0.rotate_right(1);
        if let Some(first) = self.0.first_mut() {
            *first = Some(Answered { id, answers: 0 });
        }
        true
    }

    /// One more answer to this check; how many that makes, 0 for one that is not remembered.
    pub(crate) fn count_answer(&mut self, id: TransactionId) -> u8 {
        let Some(known) = self.0.iter_mut().flatten().find(|known| known.id == id) else { return 0 };
        known.answers = known.answers.saturating_add(1);
        known.answers
    }
}

/// The counter of a message. It may be skipped, so one that cannot be read is none.
pub(crate) fn of(message: &Message<'_>) -> Option<TransactionTransmitCounter> {
    message.attribute().unwrap_or_default()
}

/// The datagram of a check as it is sent for the how-manieth time: nothing but its number changes, and what follows
/// from that.
pub(crate) fn renumbered(check: &Check, first: &[u8], sends: u32) -> Option<Bytes> {
    let request = Message::parse(first).ok()?;
    let sends = u8::try_from(sends).unwrap_or(u8::MAX);
    codec::written(check.to.ip(), |buffer| {
        let writer = MessageWriter::resend(buffer, &request, sends)?;
        Ok(writer.integrity(&check.key)?.fingerprint()?.finish())
    })
}

impl CheckSet {
    /// What the answer to an authentic check says of its number (RFC 7982 3.3): the request's, and how often the
    /// transaction was answered, as far as that is remembered.
    pub(crate) fn answer_counter(
        &mut self,
        stream: StreamId,
        (base, from): (BaseId, SocketAddr),
        request: &Message<'_>,
    ) -> Option<TransactionTransmitCounter> {
        let id = request.transaction_id();
        let pair = self.pairs.on_path(base, from).and_then(|pair| self.pairs.get_mut(pair));
        let responses = match (pair, self.lists.get_mut(&stream)) {
            (Some(pair), _) => pair.requests.count_answer(id),
            (None, Some(list)) => list.count_early_answer(base, from, id),
            (None, None) => 0,
        };
        of(request).map(|counter| TransactionTransmitCounter { responses, ..counter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> TransactionId {
        TransactionId::new([number; 12])
    }

    #[test]
    fn answers_are_counted_for_the_latest_four_transactions() {
        let mut recent = RecentRequests::default();
        assert!(recent.is_empty());
        for number in 1..=5 {
            assert!(recent.note(id(number)) && !recent.note(id(number)));
            assert_eq!([recent.count_answer(id(number)), recent.count_answer(id(number))], [1, 2]);
        }
        assert_eq!([1, 2, 5].map(|number| recent.count_answer(id(number))), [0, 3, 3]);
        let many = (0..300).map(|_| recent.count_answer(id(5))).max();
        assert_eq!(many, Some(u8::MAX));
    }
}
