//! The relayed addresses of an allocation, one or two (RFC 8656 7.3, 8.1).

use std::{net::SocketAddr, time::Instant};

use floe_core::address;
use floe_stun::{
    Message, TransactionId,
    attribute::{Attribute as _, RawAttribute, ValueError},
    rules,
};

use super::Client;
use crate::{
    AddressErrorCode, AddressFamily, Lifetime, ReservationToken, XorRelayedAddress,
    config::ClientConfig,
    error,
    event::{Event, Relay},
    reason::RequestError,
    request::{Ask, Request},
};

impl Client {
    /// Gives the relayed address of this family back, and keeps the other with its permissions and channels (RFC 8656
    /// 8.1). Where it is the only one, it is as [`close`](Self::close); where there is none, nothing.
    pub fn release_family(&mut self, now: Instant, family: AddressFamily) {
        let Some(relay) = self.allocation.relay().copied().filter(|relay| relay.of(family).is_some()) else {
            return;
        };
        let Some(narrowed) = relay.without(family) else { return self.close(now) };
        self.allocation.narrow(narrowed);
        // RFC 8656 8.1: from now on a refresh names what is left, for the other may still be there.
        self.only = Some(family.other());
        let gone = |address: SocketAddr| AddressFamily::of(address.ip()) == family;
        let ask_is_gone = |ask: Ask| match ask {
            Ask::Permit(ip) => AddressFamily::of(ip) == family,
            Ask::Bind(peer, _) | Ask::Connect(peer) => gone(peer),
            _ => false,
        };
        self.permissions.forget_family(family);
        self.channels.forget_family(family);
        self.held.give_up_family(family);
        self.queue.retain(|ask| !ask_is_gone(ask));
        self.open.retain(|flight| !ask_is_gone(flight.request.ask));
        self.queue.push(Request::until(Ask::Release(family), now));
        self.settle(now);
    }

    /// What came of the family that was asked for beside the other.
    pub(super) fn tell_refused_family(&mut self, relay: &Relay, response: &Message<'_>) {
        let both = [AddressFamily::Ipv4, AddressFamily::Ipv6];
        let Some(family) = both.into_iter().find(|family| relay.of(*family).is_none()) else { return };
        if self.config.dual {
            let why = refusal(family, response);
            self.out.tell(Event::FamilyRefused { family, why });
        }
    }
}

/// RFC 8656 7.3: a server that knows nothing of two families gives one of them without a word.
fn refusal(family: AddressFamily, response: &Message<'_>) -> RequestError {
    let told = response.attribute::<AddressErrorCode<'_>>().ok().flatten();
    match told.filter(|told| told.family() == family).map(|told| told.code()) {
        None | Some(error::ADDRESS_FAMILY_NOT_SUPPORTED) => RequestError::AddressFamilyNotSupported,
        Some(error::INSUFFICIENT_CAPACITY) => RequestError::InsufficientCapacity,
        Some(other) => RequestError::Other(other),
    }
}

/// What an Allocate success has allocated, and whether it is what was asked for (RFC 8656 7.3).
pub(super) fn read_relay(response: &Message<'_>, config: &ClientConfig) -> Result<Relay, RequestError> {
    let (relayed, additional) = read_addresses(response, config)?;
    if config.even_port.is_some() && !relayed.port().is_multiple_of(2) {
        return Err(RequestError::PortUnavailable);
    }
    let lifetime = granted_lifetime(response).ok_or(RequestError::Malformed)?;
    let mapped = rules::mapped_address(response).ok().flatten();
    let reserves = config.even_port.is_some_and(|even| even.reserve_next);
    let token = response.attribute::<ReservationToken>().ok().flatten().filter(|_| reserves);
    Ok(Relay { relayed, additional, mapped, lifetime, token })
}

/// The addresses, IPv4 first: at least one, of each family one, and none that was not asked for.
fn read_addresses(
    response: &Message<'_>,
    config: &ClientConfig,
) -> Result<(SocketAddr, Option<SocketAddr>), RequestError> {
    let (mut ipv4, mut ipv6) = (None, None);
    for raw in response.attributes().filter(|raw| raw.kind == XorRelayedAddress::TYPE) {
        let address = read_address(raw, response.transaction_id())?;
        let family = AddressFamily::of(address.ip());
        if !config.accepts(family) {
            return Err(RequestError::OtherFamily);
        }
        let place = if family == AddressFamily::Ipv4 { &mut ipv4 } else { &mut ipv6 };
        if place.replace(address).is_some() {
            return Err(RequestError::Malformed);
        }
    }
    match (ipv4.or(ipv6), ipv4.and(ipv6)) {
        // A token stands for one address.
        (Some(_), Some(_)) if !config.dual => Err(RequestError::OtherFamily),
        (Some(relayed), additional) => Ok((relayed, additional)),
        (None, _) => Err(RequestError::Malformed),
    }
}

fn read_address(raw: RawAttribute<'_>, id: TransactionId) -> Result<SocketAddr, RequestError> {
    let XorRelayedAddress(address) =
        XorRelayedAddress::decode(raw.value, id).map_err(|problem| match problem {
            ValueError::Family(_) => RequestError::OtherFamily,
            _ => RequestError::Malformed,
        })?;
    // Such an address can be nobody's candidate.
    address::check_destination(address).map_err(|_| RequestError::Malformed)?;
    Ok(address)
}

/// The lifetime of the response; none that is nothing.
pub(super) fn granted_lifetime(response: &Message<'_>) -> Option<std::time::Duration> {
    let lifetime = response.attribute::<Lifetime>().ok().flatten()?.duration();
    (!lifetime.is_zero()).then_some(lifetime)
}
