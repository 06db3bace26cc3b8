//! Channels: four bytes instead of a Send indication (RFC 8656 12).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use floe_stun::ChannelNumber;

use crate::{
    AddressFamily,
    lease::{Lease, MIN_RENEWAL, Step, Terms},
    permissions::TooMany,
};

/// RFC 8656 12: a binding lasts 10 minutes.
const LASTS: Duration = Duration::from_secs(600);
/// It is renewed one minute early at the latest.
const LATEST: Duration = Duration::from_secs(540);
/// RFC 8656 12: how long after its end neither number nor peer may be bound otherwise.
const REST: Duration = Duration::from_secs(300);

/// How long a request may be under way, and bind when nobody thinks of it any more.
pub(crate) const MAX_TRANSIT: Duration = Duration::from_secs(30);

/// A number, bound to a peer or still resting.
#[derive(Debug)]
struct Channel {
    number: ChannelNumber,
    lease: Lease,
    wanted: bool,
    /// When number and peer are free again, whatever the server believes: its clock may have started as late as when it
    /// answered, or when the last copy of a request reached it whose answer never came. `None` before the first request.
    free_at: Option<Instant>,
    /// How many requests were sent since the last answer.
    unanswered: u32,
}

impl Channel {
    fn deadline(&self) -> Option<Instant> {
        if self.lease.may_be_there() { self.lease.deadline(self.wanted) } else { self.free_at }
    }

    /// Of a request that was sent once nothing is under way any more. Of others a copy may be.
    fn answered(&mut self, now: Instant) {
        let copies = self.free_at.filter(|_| self.unanswered > 1);
        self.free_at = copies.max(Some(now + LASTS + REST));
        self.unanswered = 0;
    }

    fn is_free(&self, now: Instant) -> bool {
        !self.lease.may_be_there() && self.free_at.is_some_and(|at| at <= now)
    }
}

/// The channels of an allocation. A number belongs to its peer until it is free again.
#[derive(Debug)]
pub(crate) struct Channels {
    by_peer: BTreeMap<SocketAddr, Channel>,
    by_number: BTreeMap<ChannelNumber, SocketAddr>,
    max: usize,
    terms: Terms,
}

impl Channels {
    pub(crate) fn new(max: usize, renew_after: Duration) -> Self {
        let terms = Terms { lasts: LASTS, renew_after: renew_after.clamp(MIN_RENEWAL, LATEST) };
        Self { by_peer: BTreeMap::new(), by_number: BTreeMap::new(), max, terms }
    }

    /// Wants a channel to the peer from now on: its number, if it has to be asked for.
    pub(crate) fn want(&mut self, peer: SocketAddr) -> Result<Option<ChannelNumber>, TooMany> {
        if let Some(channel) = self.by_peer.get_mut(&peer) {
            channel.wanted = true;
            return Ok(channel.lease.want().then_some(channel.number));
        }
        let number = self.free_number().ok_or(TooMany)?;
        let channel = Channel { number, lease: Lease::Asked, wanted: true, free_at: None, unanswered: 0 };
        self.by_peer.insert(peer, channel);
        self.by_number.insert(number, peer);
        Ok(Some(number))
    }

    fn free_number(&self) -> Option<ChannelNumber> {
        if self.by_peer.len() >= self.max {
            return None;
        }
        let numbers = ChannelNumber::MIN.get()..=ChannelNumber::MAX.get();
        numbers.filter_map(ChannelNumber::new).find(|number| !self.by_number.contains_key(number))
    }

    /// Renews those of this address no more, and says which were not even asked for yet.
    pub(crate) fn lapse_all(&mut self, ip: IpAddr) -> Vec<(SocketAddr, ChannelNumber)> {
        let peers: Vec<_> = self.by_peer.keys().copied().filter(|peer| peer.ip() == ip).collect();
        peers.into_iter().filter_map(|peer| self.lapse(peer).map(|number| (peer, number))).collect()
    }

    /// Renews that to this peer no more; its number, if it was not even asked for yet.
    pub(crate) fn lapse(&mut self, peer: SocketAddr) -> Option<ChannelNumber> {
        let channel = self.by_peer.get_mut(&peer)?;
        channel.wanted = false;
        let number = channel.number;
        if channel.lease != Lease::Asked || channel.unanswered > 0 {
            return None;
        }
        channel.lease = Lease::Ended;
        // Where it was asked for in former times it rests on.
        if channel.free_at.is_none() {
            self.by_peer.remove(&peer);
            self.by_number.remove(&number);
        }
        Some(number)
    }

    /// The relayed address of this family is gone, and the server forgets its channels with it.
    pub(crate) fn forget_family(&mut self, family: AddressFamily) {
        self.by_peer.retain(|peer, _| AddressFamily::of(peer.ip()) != family);
        self.by_number.retain(|_, peer| self.by_peer.contains_key(peer));
    }

    /// A request for it was sent, or sent again.
    pub(crate) fn asked(&mut self, now: Instant, peer: SocketAddr) {
        let Some(channel) = self.by_peer.get_mut(&peer) else { return };
        channel.unanswered = channel.unanswered.saturating_add(1);
        channel.free_at = channel.free_at.max(Some(now + MAX_TRANSIT + LASTS + REST));
    }

    pub(crate) fn is_wanted(&self, peer: SocketAddr) -> bool {
        self.by_peer.get(&peer).is_some_and(|channel| channel.wanted)
    }

    pub(crate) fn is_renewing(&self, peer: SocketAddr) -> bool {
        self.by_peer.get(&peer).is_some_and(|channel| channel.lease.is_renewing())
    }

    /// The channel to the peer, if data may be sent on it.
    pub(crate) fn bound(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        self.by_peer.get(&peer).filter(|channel| channel.lease.is_there()).map(|channel| channel.number)
    }

    /// The peer whose data comes on this channel. Already while it is asked for: over UDP the answer may come after the
    /// data (RFC 8656 12).
    pub(crate) fn peer(&self, number: ChannelNumber) -> Option<SocketAddr> {
        let peer = *self.by_number.get(&number)?;
        self.by_peer.get(&peer).is_some_and(|channel| channel.lease.may_be_there()).then_some(peer)
    }

    /// It was granted, by what was asked for at that time. Whether that is news.
    pub(crate) fn granted(&mut self, now: Instant, peer: SocketAddr, asked_at: Instant) -> bool {
        let Some(channel) = self.by_peer.get_mut(&peer) else { return false };
        channel.answered(now);
        channel.lease.granted(asked_at, self.terms)
    }

    /// It was refused, or nobody answered: the server may have bound it all the same. Whether that is news.
    pub(crate) fn refused(&mut self, now: Instant, peer: SocketAddr) -> bool {
        let Some(channel) = self.by_peer.get_mut(&peer) else { return false };
        channel.answered(now);
        channel.lease.refused() && channel.wanted
    }

    /// What time has made of them.
    pub(crate) fn steps(&mut self, now: Instant) -> Vec<(SocketAddr, ChannelNumber, Step)> {
        let step = |(peer, channel): (&SocketAddr, &mut Channel)| {
            channel.lease.step(now, channel.wanted).map(|step| (*peer, channel.number, step))
        };
        let steps = self.by_peer.iter_mut().filter_map(step).collect();
        self.by_peer.retain(|_, channel| !channel.is_free(now));
        self.by_number.retain(|_, peer| self.by_peer.contains_key(peer));
        steps
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.by_peer.values().filter_map(Channel::deadline).min()
    }

    /// The number that belongs to the peer, bound or not.
    #[cfg(test)]
    pub(crate) fn number(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        self.by_peer.get(&peer).map(|channel| channel.number)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_peer.len()
    }

    pub(crate) fn clear(&mut self) {
        self.by_peer.clear();
        self.by_number.clear();
    }
}
