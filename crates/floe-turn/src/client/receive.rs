//! What comes from the server (RFC 8656 11.4, 11.6, 12.6).

use std::{net::SocketAddr, time::Instant};

use floe_stun::{
    ChannelData, Class, Message, Method,
    attribute::AttributeType,
    demux::{self, Kind},
};

use super::{Client, reclaim::is_taken_by_us};
use crate::{
    Data, Icmp, XorPeerAddress,
    auth::Verdict,
    event::{Event, Handled},
    method,
    reason::{DropReason, lacks_understanding},
};

impl Client {
    /// Takes a datagram that came in on the base, or a whole message of its stream; padding behind ChannelData is taken
    /// either way (RFC 8656 12.5).
    ///
    /// What is not the server's, what is no TURN, and every Binding message is [`Handled::NotMine`]: gathering and
    /// checks may use the same base and the same server. A peer's data is given back without a copy; whoever sent it
    /// is what the server says, for indications and ChannelData are authenticated by nobody (RFC 8656 5).
    pub fn handle<'a>(&mut self, now: Instant, from: SocketAddr, payload: &'a [u8]) -> Handled<'a> {
        if from != self.config.server {
            return Handled::NotMine;
        }
        let handled = match demux::classify(payload) {
            Kind::Stun => self.handle_stun(now, payload),
            Kind::Channel => self.handle_channel_data(payload),
            _ => Handled::NotMine,
        };
        if let Handled::Dropped(reason) = handled {
            self.out.count(reason);
        }
        handled
    }

    fn handle_channel_data<'a>(&self, payload: &'a [u8]) -> Handled<'a> {
        let Ok(ChannelData { channel, data }) = ChannelData::parse(payload) else {
            return Handled::Dropped(DropReason::Malformed);
        };
        match self.channels.peer(channel) {
            // RFC 8656 12.6: a channel outlives the permission that was granted with it.
            Some(peer) if !self.permissions.lets_in(peer.ip()) => Handled::Dropped(DropReason::NoPermission),
            Some(peer) => Handled::Data { peer, payload: data },
            None => Handled::Dropped(DropReason::UnboundChannel),
        }
    }

    fn handle_stun<'a>(&mut self, now: Instant, payload: &'a [u8]) -> Handled<'a> {
        let Ok(message) = Message::parse(payload) else {
            return Handled::Dropped(DropReason::Malformed);
        };
        if message.method() == Method::BINDING {
            return Handled::NotMine;
        }
        if message.has(AttributeType::FINGERPRINT) && message.verify_fingerprint().is_err() {
            return Handled::Dropped(DropReason::Malformed);
        }
        match (message.class(), message.method()) {
            (Class::Success | Class::Error, _) => self.handle_response(now, &message),
            (Class::Indication, method::DATA) => self.handle_data(&message),
            (Class::Indication, method::CONNECTION_ATTEMPT) => self.handle_attempt(now, &message),
            (Class::Indication | Class::Request, _) => Handled::Dropped(DropReason::Unexpected),
        }
    }

    fn handle_data<'a>(&mut self, message: &Message<'a>) -> Handled<'a> {
        if lacks_understanding(message) {
            return Handled::Dropped(DropReason::UnknownAttribute);
        }
        let Ok(Some(XorPeerAddress(peer))) = message.attribute() else {
            return Handled::Dropped(DropReason::Incomplete);
        };
        if !self.permissions.lets_in(peer.ip()) {
            return Handled::Dropped(DropReason::NoPermission);
        }
        match (message.attribute::<Data<'_>>(), message.attribute::<Icmp>()) {
            // RFC 8656 11.6: where there is ICMP, there is no data.
            (_, Ok(Some(icmp))) => self.handle_icmp(peer, icmp),
            (Ok(Some(Data(payload))), _) => Handled::Data { peer, payload },
            _ => Handled::Dropped(DropReason::Incomplete),
        }
    }

    fn handle_icmp(&mut self, peer: SocketAddr, icmp: Icmp) -> Handled<'static> {
        if !self.out.has_room_for_hints() {
            return Handled::Dropped(DropReason::TooManyIcmp);
        }
        self.out.tell(Event::Icmp { peer, icmp });
        Handled::Consumed
    }

    fn handle_response(&mut self, now: Instant, response: &Message<'_>) -> Handled<'static> {
        let id = response.transaction_id();
        let Some(open) = self.open.get(id) else {
            return Handled::Dropped(DropReason::NoTransaction);
        };
        let mut flight = open.key().clone();
        // The first of the answers may be lost, or late, but on a stream. What asked without credentials got a challenge
        // at most.
        flight.request.in_doubt |= flight.credential.is_some() && !self.config.transport.is_reliable();
        // What was refused once can only still succeed.
        let only_success = open.is_cancelled() && response.class() != Class::Success;
        if flight.request.ask.method() != response.method() || only_success {
            return Handled::Dropped(DropReason::NoTransaction);
        }
        let verdict = self.auth.judge(response, &flight);
        if let Verdict::Ignore { forged } = verdict {
            if forged {
                self.open.note_forged(id);
            }
            return Handled::Dropped(DropReason::Unbelieved);
        }
        if is_taken_by_us(&flight.request, &verdict) {
            self.taken(id, flight.request);
            self.settle(now);
            return Handled::Consumed;
        }
        let Some(done) = self.open.complete(id) else {
            return Handled::Dropped(DropReason::NoTransaction);
        };
        self.answered(now, &flight, done.started, verdict, response);
        self.settle(now);
        Handled::Consumed
    }
}
