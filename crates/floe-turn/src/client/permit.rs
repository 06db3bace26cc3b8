//! Several permissions asked for by one request (RFC 8656 10.1): each request takes a slot that a check could have.

use std::{net::IpAddr, time::Instant};

use floe_core::address;

use super::{Client, PATIENCE};
use crate::{
    AddressFamily,
    reason::RequestError,
    request::{Ask, Flight, Request},
};

/// How many permissions a request asks for.
const MOST: usize = 8;

/// Where a peer is. Many servers forbid private addresses, and one that is forbidden refuses the whole request, so they
/// are not mixed with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    family: AddressFamily,
    is_private: bool,
}

impl Place {
    fn of(ip: IpAddr) -> Self {
        Self { family: AddressFamily::of(ip), is_private: address::is_private(ip) }
    }
}

/// Where the peer is whose permission this asks for, if others may be asked for with it.
fn joins(request: &Request) -> Option<Place> {
    match request.ask {
        Ask::Permit(ip) if !request.alone => Some(Place::of(ip)),
        _ => None,
    }
}

impl Client {
    /// What this request is sent as: where it asks for a permission, one for all peers that wait, are where it is and fit in.
    /// Those that are where the relayed address is go before the others, but not out of their slot: what does not wait for one
    /// any more goes as it is.
    pub(super) fn with_others(&mut self, request: Request) -> (Request, Vec<Request>) {
        let Some(wanted) = joins(&request) else { return (request, Vec::new()) };
        let request = if request.overdue.is_some() { request } else { self.first_of_all(request, wanted) };
        let wanted = joins(&request);
        let rest = self.queue.take(MOST - 1, |other| joins(other) == wanted);
        (request, rest)
    }

    /// One that is where the relayed address is, if this one is not and another waits.
    fn first_of_all(&mut self, request: Request, wanted: Place) -> Request {
        let relayed = self.allocation.relay().and_then(|relay| relay.of(wanted.family));
        let home = relayed.map(|relayed| Place::of(relayed.ip()));
        if home.is_none() || home == Some(wanted) {
            return request;
        }
        let Some(nearer) = self.queue.take(1, |other| joins(other) == home).pop() else { return request };
        self.queue.push_first(request);
        nearer
    }

    /// The first of them was granted, and so were the others.
    pub(super) fn rest_permitted(&mut self, flight: &Flight, asked_at: Instant) {
        for request in &flight.rest {
            if let Ask::Permit(ip) = request.ask {
                self.permitted(ip, asked_at);
            }
        }
    }

    /// What was asked for will get no other answer. Where it was several permissions, one may be to blame: each is asked for
    /// by itself.
    pub(super) fn flight_failed(&mut self, now: Instant, flight: &Flight, why: &RequestError) {
        let all = || [flight.request].into_iter().chain(flight.rest.iter().copied());
        let is_refusal = !matches!(
            why,
            RequestError::TimedOut
                | RequestError::IntegrityViolated
                | RequestError::AllocationMismatch
                | RequestError::Refused(_)
                | RequestError::StaleNonce
                | RequestError::Other(500..=599)
        );
        if flight.rest.is_empty() || !is_refusal {
            for request in all() {
                self.failed(now, request, why.clone());
                if self.allocation.relay().is_none() {
                    return;
                }
            }
            return;
        }
        let (wanted, lapsed): (Vec<_>, Vec<_>) = all().partition(|request| match request.ask {
            Ask::Permit(ip) => self.permissions.is_wanted(ip),
            _ => false,
        });
        for request in lapsed {
            self.failed(now, request, why.clone());
        }
        // A renewal that did not wait any more when they were one does so now that they are several.
        let mut numbered: Vec<_> = wanted.into_iter().zip(1..).collect();
        while let Some((request, nth)) = numbered.pop() {
            let overdue = request.overdue.map(|_| now + PATIENCE * nth);
            self.queue.push_first(Request { alone: true, overdue, ..request });
        }
    }
}
