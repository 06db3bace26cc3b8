//! Checks and their answers as STUN messages (RFC 8445 7.1, 7.2.2, 16.1).

use std::net::SocketAddr;

use bytes::Bytes;
use floe_core::{Priority, Role, TieBreaker, address};
use floe_stun::{
    Class, Key, Message, MessageWriter, Method, TransactionId, WriteError,
    attribute::{
        self, AttributeType, ErrorCode, IceControlled, IceControlling, Software, UnknownAttributes,
        UseCandidate, Username, XorMappedAddress,
    },
};

/// A datagram that every path takes: the smallest MTU of IPv6, less the headers of IPv6 and UDP (RFC 8489 6.1).
const MAX_LENGTH: usize = 1232;

/// What a check says.
pub(crate) struct CheckRequest<'a> {
    pub(crate) username: &'a str,
    pub(crate) software: Option<&'a str>,
    pub(crate) priority: Priority,
    pub(crate) role: Role,
    pub(crate) tie_breaker: TieBreaker,
    pub(crate) use_candidate: bool,
    pub(crate) key: &'a Key,
}

impl CheckRequest<'_> {
    /// The request; `None` where it does not fit: only user names far over the usual make it so.
    pub(crate) fn write(&self, id: TransactionId) -> Option<Bytes> {
        written(|buffer| {
            let message = MessageWriter::new(buffer, Class::Request, Method::BINDING, id)?
                .optional(self.software.map(Software::new).as_ref())?
                .attribute(&Username::new(self.username))?
                .attribute(&attribute::Priority::new(self.priority.get()))?;
            let message = match self.role {
                Role::Controlling => message.attribute(&IceControlling::new(self.tie_breaker.0))?,
                Role::Controlled => message.attribute(&IceControlled::new(self.tie_breaker.0))?,
            };
            let message = message.optional(self.use_candidate.then_some(UseCandidate).as_ref())?;
            Ok(message.integrity(self.key)?.fingerprint()?.finish())
        })
    }
}

/// The success response: the address the request came from, keyed like the request (RFC 8445 7.2.2).
pub(crate) fn write_success(id: TransactionId, from: SocketAddr, key: &Key) -> Option<Bytes> {
    written(|buffer| {
        let message = MessageWriter::new(buffer, Class::Success, Method::BINDING, id)?;
        let message = message.attribute(&XorMappedAddress(address::unscoped(from)))?;
        Ok(message.integrity(key)?.fingerprint()?.finish())
    })
}

/// An error response; with a key where the request was authenticated (RFC 8489 6.3.1.1, 9.1.3).
pub(crate) fn write_error(
    id: TransactionId,
    error: ErrorCode<'_>,
    unknown: &[AttributeType],
    key: Option<&Key>,
) -> Option<Bytes> {
    let unknown = (!unknown.is_empty()).then(|| UnknownAttributes::new(unknown));
    written(|buffer| {
        let message = MessageWriter::new(buffer, Class::Error, Method::BINDING, id)?
            .attribute(&error)?
            .optional(unknown.as_ref())?;
        let message = match key {
            Some(key) => message.integrity(key)?,
            None => message,
        };
        Ok(message.fingerprint()?.finish())
    })
}

fn written(write: impl FnOnce(&mut [u8]) -> Result<usize, WriteError>) -> Option<Bytes> {
    let mut buffer = [0; MAX_LENGTH];
    let length = write(&mut buffer).ok()?;
    buffer.get(..length).map(Bytes::copy_from_slice)
}

/// What an authenticated check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckFields {
    pub(crate) priority: Priority,
    /// The role the peer claims, and its tie-breaker; `None` where an old peer claims none.
    pub(crate) claim: Option<(Role, TieBreaker)>,
    pub(crate) use_candidate: bool,
}

impl CheckFields {
    /// Reads a request; `None` where PRIORITY is missing or anything is malformed or contradicts itself.
    pub(crate) fn read(message: &Message<'_>) -> Option<Self> {
        let priority = message.attribute::<attribute::Priority>().ok()??;
        let controlling = message.attribute::<IceControlling>().ok()?;
        let controlled = message.attribute::<IceControlled>().ok()?;
        let claim = match (controlling, controlled) {
            (Some(claim), None) => Some((Role::Controlling, TieBreaker(claim.get()))),
            (None, Some(claim)) => Some((Role::Controlled, TieBreaker(claim.get()))),
            (None, None) => None,
            (Some(_), Some(_)) => return None,
        };
        let use_candidate = message.attribute::<UseCandidate>().ok()?.is_some();
        Some(Self { priority: Priority::from_raw(priority.get()).ok()?, claim, use_candidate })
    }
}
