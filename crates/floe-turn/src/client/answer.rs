//! What follows an answer, or none (RFC 8656 7.3, 7.4, 8.3, 10.3, 12.3).

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_core::address;
use floe_stun::{Message, rules};

use super::{Client, PATIENCE, family_of};
use crate::{
    Lifetime, XorRelayedAddress,
    auth::Verdict,
    event::{Event, Relay},
    reason::RequestError,
    request::{Ask, Request},
};

impl Client {
    /// A request that was first sent at that time was answered.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        request: Request,
        asked_at: Instant,
        verdict: Verdict,
        response: &Message<'_>,
    ) {
        match verdict {
            Verdict::Success => self.succeeded(now, request, asked_at, response),
            Verdict::Again(request, None) => self.queue.push_first(request),
            Verdict::Again(request, Some(wait)) => self.queue.push_later(now + wait, request),
            Verdict::Failed(why) => self.failed(now, request, why),
            Verdict::Ignore { .. } => {}
        }
    }

    fn succeeded(&mut self, now: Instant, request: Request, asked_at: Instant, response: &Message<'_>) {
        match request.ask {
            Ask::Allocate => self.allocated(now, asked_at, response),
            Ask::Refresh => self.refreshed(now, asked_at, response),
            Ask::Delete => self.end(),
            Ask::Reclaim => self.reclaimed(request),
            Ask::Permit(ip) => self.permitted(ip, asked_at),
            Ask::Bind(peer, channel) => {
                let news = self.channels.granted(now, peer, asked_at);
                // RFC 8656 12.2: it installs the permission as well.
                self.permitted(peer.ip(), asked_at);
                if news {
                    self.out.tell(Event::ChannelBound { peer, channel });
                }
            }
        }
    }

    fn allocated(&mut self, now: Instant, asked_at: Instant, response: &Message<'_>) {
        // A 437 may have come first.
        self.queue.remove(Ask::Reclaim);
        match self.read_relay(response) {
            Ok(relay) => {
                self.allocation.allocated(relay, asked_at);
                self.out.tell(Event::Allocated(relay));
            }
            // RFC 8656 7.3: what cannot be used is given back at once.
            Err(why) => {
                self.allocation.close(true);
                self.out.tell(Event::AllocateFailed(why));
                self.queue.push(Request::until(Ask::Delete, now));
            }
        }
    }

    fn read_relay(&self, response: &Message<'_>) -> Result<Relay, RequestError> {
        let Ok(Some(XorRelayedAddress(relayed))) = response.attribute() else {
            return Err(RequestError::Malformed);
        };
        let lifetime = granted_lifetime(response).ok_or(RequestError::Malformed)?;
        if family_of(relayed.ip()) != self.config.relayed_family() {
            return Err(RequestError::OtherFamily);
        }
        // Such an address can be nobody's candidate.
        address::check_destination(relayed).map_err(|_| RequestError::Malformed)?;
        let mapped = rules::mapped_address(response).ok().flatten();
        Ok(Relay { relayed, mapped, lifetime })
    }

    fn refreshed(&mut self, now: Instant, asked_at: Instant, response: &Message<'_>) {
        match granted_lifetime(response) {
            Some(lifetime) => self.allocation.refreshed(lifetime, asked_at),
            None => self.lose(RequestError::Malformed),
        }
        // A lifetime shorter than the way of the answer.
        if self.allocation.is_over(now) {
            self.lose(RequestError::TimedOut);
        }
    }

    fn permitted(&mut self, ip: IpAddr, asked_at: Instant) {
        if self.permissions.granted(ip, asked_at) {
            self.out.tell(Event::Permitted { ip });
        }
        self.held.free(ip);
    }

    /// A request will get no other answer.
    pub(super) fn failed(&mut self, now: Instant, request: Request, why: RequestError) {
        let silent = matches!(why, RequestError::TimedOut | RequestError::IntegrityViolated);
        let gone = why == RequestError::AllocationMismatch;
        match request.ask {
            Ask::Allocate => self.allocate_failed(why),
            Ask::Reclaim => self.reclaim_failed(request, why),
            // A delete cannot fail: what is not there was deleted (RFC 8656 8.3), and what is ends by itself.
            Ask::Delete => self.end(),
            // The network may be back before the end comes.
            ask if silent && self.is_renewing(ask) => {
                self.queue.push_first(Request::until(ask, now + PATIENCE));
            }
            Ask::Refresh => self.lose(why),
            // RFC 8656 5: whatever was asked for, this says that the allocation is gone.
            Ask::Permit(_) | Ask::Bind(..) if gone => self.lose(why),
            Ask::Permit(ip) => {
                // Even where nobody wants it any more.
                self.held.give_up(ip);
                if self.permissions.refused(ip) {
                    self.permission_failed(ip, why);
                }
            }
            Ask::Bind(peer, _) => self.channel_failed(now, peer, why),
        }
    }

    /// Whether what was asked for is there, and the server may still be asked to keep it.
    fn is_renewing(&self, ask: Ask) -> bool {
        match ask {
            Ask::Refresh => self.allocation.relay().is_some(),
            Ask::Permit(ip) => self.permissions.is_wanted(ip) && self.permissions.is_renewing(ip),
            Ask::Bind(peer, _) => self.channels.is_wanted(peer) && self.channels.is_renewing(peer),
            Ask::Allocate | Ask::Delete | Ask::Reclaim => false,
        }
    }

    pub(super) fn permission_failed(&mut self, ip: IpAddr, why: RequestError) {
        self.held.give_up(ip);
        self.out.tell(Event::PermissionFailed { ip, why });
    }

    fn channel_failed(&mut self, now: Instant, peer: SocketAddr, why: RequestError) {
        if self.channels.refused(now, peer) {
            self.out.tell(Event::ChannelFailed { peer, why });
        }
    }
}

/// The lifetime of the response; none that is nothing.
fn granted_lifetime(response: &Message<'_>) -> Option<std::time::Duration> {
    let lifetime = response.attribute::<Lifetime>().ok().flatten()?.duration();
    (!lifetime.is_zero()).then_some(lifetime)
}
