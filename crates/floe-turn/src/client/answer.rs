//! What follows an answer, or none (RFC 8656 7.3, 7.4, 8.3, 10.3, 12.3).

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use floe_stun::{Message, attribute::Attribute as _};

use super::{
    Client, PATIENCE,
    families::{granted_lifetime, read_relay},
};
use crate::{
    DontFragment,
    auth::Verdict,
    event::Event,
    reason::RequestError,
    request::{Ask, Flight, Request},
};

/// How long after an answer that nothing vouches for a server is asked again over a stream.
const FORGED_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

impl Client {
    /// A request that was first sent at that time was answered.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        flight: &Flight,
        asked_at: Instant,
        verdict: Verdict,
        response: &Message<'_>,
    ) {
        match verdict {
            Verdict::Success => {
                self.succeeded(now, flight.request, asked_at, response);
                self.rest_permitted(flight, asked_at);
            }
            Verdict::Again(request, wait) => {
                // What was answered together was refused or in trouble together.
                let Request { challenges, troubles, in_doubt, .. } = request;
                let rest =
                    flight.rest.iter().map(|other| Request { challenges, troubles, in_doubt, ..*other });
                let all: Vec<_> = [request].into_iter().chain(rest).collect();
                match wait {
                    None => all.into_iter().rev().for_each(|request| self.queue.push_first(request)),
                    Some(wait) => {
                        all.into_iter().for_each(|request| self.queue.push_later(now + wait, request));
                    }
                }
            }
            Verdict::Failed(why) => self.flight_failed(now, flight, &why),
            Verdict::Ignore { .. } => {}
        }
    }

    fn succeeded(&mut self, now: Instant, request: Request, asked_at: Instant, response: &Message<'_>) {
        match request.ask {
            Ask::Allocate => self.allocated(now, asked_at, response),
            Ask::Refresh => self.refreshed(now, asked_at, response),
            Ask::Delete => self.end(),
            Ask::Reclaim => self.reclaimed(request),
            // What is given back was forgotten when that was asked for; the other is a data connection's own.
            Ask::Release(_) | Ask::BindConnection(_) => {}
            Ask::Migrate(base) => self.migrated(now, base, asked_at, response),
            Ask::Connect(peer) => self.connected(now, peer, response),
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
        match read_relay(response, &self.config) {
            Ok(relay) => {
                self.allocation.allocated(relay, asked_at);
                self.keep_ticket(response);
                self.out.tell(Event::Allocated(relay));
                self.tell_refused_family(&relay, response);
            }
            // RFC 8656 7.3: what cannot be used is given back at once.
            Err(why) => {
                self.allocation.close(true);
                self.out.tell(Event::AllocateFailed(why));
                self.queue.push(Request::until(Ask::Delete, now));
            }
        }
    }

    fn refreshed(&mut self, now: Instant, asked_at: Instant, response: &Message<'_>) {
        match granted_lifetime(response) {
            Some(lifetime) => {
                self.allocation.refreshed(lifetime, asked_at);
                self.keep_ticket(response);
            }
            None => self.lose(RequestError::Malformed),
        }
        // A lifetime shorter than the way of the answer.
        if self.allocation.is_over(now) {
            self.lose(RequestError::TimedOut);
        }
    }

    pub(super) fn permitted(&mut self, ip: IpAddr, asked_at: Instant) {
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
            Ask::Allocate => self.allocate_refused(request, why),
            Ask::Reclaim => self.reclaim_failed(request, why),
            // A delete cannot fail: what is not there was deleted (RFC 8656 8.3), and what is ends by itself.
            Ask::Delete => self.end(),
            Ask::Release(_) | Ask::BindConnection(_) => {}
            Ask::Migrate(base) => self.migration_failed(now, base, why),
            // The network may be back before the end comes.
            ask if silent && self.is_renewing(ask) => {
                // On a stream a forged answer ends it at once, and the next one may be as soon.
                if self.config.transport.is_reliable() {
                    self.queue.push_later(now + FORGED_WAIT, Request::patient(ask));
                } else {
                    self.queue.push_first(Request::until(ask, now + PATIENCE));
                }
            }
            Ask::Refresh => self.lose(why),
            // RFC 8656 5: whatever was asked for, this says that the allocation is gone.
            Ask::Permit(_) | Ask::Bind(..) | Ask::Connect(_) if gone => self.lose(why),
            Ask::Connect(peer) => self.connect_failed(now, peer, why),
            Ask::Permit(ip) => {
                // Even where nobody wants it any more.
                self.held.give_up(ip);
                if self.permissions.refused(ip) {
                    self.permission_failed(ip, why);
                }
            }
            Ask::Bind(..) if why == RequestError::BadRequest => self.start_afresh(now),
            Ask::Bind(peer, _) => self.channel_failed(now, peer, why),
        }
    }

    /// What the server cannot do it is asked without; anything else ends it.
    fn allocate_refused(&mut self, request: Request, why: RequestError) {
        let picky = self.config.even_port.is_some() || self.config.token.is_some();
        match why {
            // RFC 8656 7.4: it cannot set the DF bit.
            RequestError::UnknownAttributes(kinds)
                if self.config.dont_fragment && kinds.contains(&DontFragment::TYPE) =>
            {
                self.config.dont_fragment = false;
                self.allocate_again(request);
            }
            // RFC 8016 3.1.4: not again with the attribute.
            RequestError::MobilityForbidden if self.config.mobility => {
                self.config.mobility = false;
                self.out.tell(Event::MobilityRefused(why));
                self.allocate_again(request);
            }
            RequestError::InsufficientCapacity if picky => {
                self.allocate_failed(RequestError::PortUnavailable);
            }
            why => self.allocate_failed(why),
        }
    }

    fn allocate_again(&mut self, request: Request) {
        self.queue.push_first(Request { reclaims: request.reclaims, ..Request::patient(Ask::Allocate) });
    }

    /// RFC 8656 12.3: client and server disagree about a channel, and nobody can tell about which others.
    fn start_afresh(&mut self, now: Instant) {
        self.allocation.close(true);
        self.forget_all();
        self.queue.push(Request::until(Ask::Delete, now));
        self.out.tell(Event::Lost(RequestError::ChannelMismatch));
    }

    /// Whether what was asked for is there, and the server may still be asked to keep it.
    fn is_renewing(&self, ask: Ask) -> bool {
        match ask {
            Ask::Refresh => self.allocation.relay().is_some(),
            Ask::Permit(ip) => self.permissions.is_wanted(ip) && self.permissions.is_renewing(ip),
            Ask::Bind(peer, _) => self.channels.is_wanted(peer) && self.channels.is_renewing(peer),
            _ => false,
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
